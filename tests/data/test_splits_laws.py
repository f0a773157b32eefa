"""What every split of conf/split keeps, on random histories; a new yaml is held to it."""

import inspect
from collections import Counter

import pytest
import torch
from histories import HISTORIES, N_ITEMS, Loop, canonical, listed, parts_of, rows, same_corpus
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ssrec import confs
from ssrec.compose import locate
from ssrec.data.canonical import Canonical
from ssrec.data.split import CONTEXT, TEST, TRAIN, UNUSED, VAL, Events, LeaveOneOut, Split, cut
from ssrec.data.splits.cold_items import ColdItems
from ssrec.data.splits.cold_users import ColdUsers
from ssrec.data.splits.events import blocks, runs, share
from ssrec.data.splits.given import Given
from ssrec.data.splits.global_time import GlobalTime
from ssrec.data.splits.k_fold import KFold
from ssrec.data.splits.ratio import Ratio
from ssrec.data.splits.strong_generalisation import StrongGeneralisation
from ssrec.errors import DataError

SPLITS: list[Split] = [
    LeaveOneOut(),
    GlobalTime(val_from=0.5, test_from=0.75),
    GlobalTime(val_from=0.3, test_from=0.6, history="frozen"),
    Ratio(val=0.2, test=0.3),
    Ratio(val=0.2, test=0.3, by="random", history="frozen", seed=3),
    KFold(n=3),
    KFold(n=4, fold=3, of="all", history="frozen"),
    ColdItems(share=0.4),
    ColdItems(share=0.5, by="latest", history="frozen"),
    ColdUsers(share=0.5),
    ColdUsers(share=0.6, context=0, seed=2),
    Given(val=0.5),
    Given(val=0.3, by="time", history="frozen"),
    StrongGeneralisation(val=0.3, test=0.3, fold_in=0.6),
]


@st.composite
def data(draw) -> Canonical:
    """Histories with times that tie and do not ascend over users, weights and published parts."""
    histories = draw(HISTORIES.filter(lambda hs: len(hs) >= 3))
    times = [sorted(draw(st.lists(st.integers(0, 9), min_size=len(h), max_size=len(h)))) for h in histories]
    weights = [[1.0 + n for n in range(len(h))] for h in histories]
    words = st.sampled_from(["train", "train", "test", *(["val"] if draw(st.booleans()) else [])])
    parts = [draw(st.lists(words, min_size=len(h), max_size=len(h))) for h in histories]
    return canonical(histories, times=times, weights=weights, parts=parts)


def histories_of(world: Canonical, column: str = "item") -> list[list[int]]:
    return world.interactions.group_by("user", maintain_order=True).agg(column)[column].to_list()


def test_every_yaml_is_held_to_them():
    classes = {locate(confs.read(f)["_target_"], f.stem) for f in (confs.folder() / "split").glob("*.yaml")}
    assert classes == {type(split) for split in SPLITS}


@pytest.mark.parametrize("file", sorted((confs.folder() / "split").glob("*.yaml")), ids=lambda f: f.stem)
def test_a_yaml_lists_every_argument_with_its_default(file):
    node = confs.read(file)
    parameters = inspect.signature(locate(node.pop("_target_"), "")).parameters
    assert node == {name: p.default for name, p in parameters.items()}


@pytest.mark.parametrize("split", SPLITS, ids=lambda s: "-".join(map(str, s.settings.values())))
@settings(max_examples=40)
@given(world=data())
def test_rows_are_those_of_a_loop_over_parts(split, world):
    """With every event in one part, nothing is lost and nothing is twice."""
    try:
        splits = cut(split, world)
    except DataError:
        assume(False)
        return
    parts = parts_of(split, world)
    assert parts == parts_of(split, world), "the same seed gives the same parts"
    assert {p for ps in parts for p in ps} <= {TRAIN, VAL, TEST, CONTEXT, UNUSED}
    wanted = Loop.over(histories_of(world), parts, split.history)
    assert rows(splits.corpus.history) == wanted.train
    assert listed(splits.val) == wanted.val and listed(splits.test) == wanted.test
    assert {k: splits.facts[k] for k in wanted.facts} == wanted.facts
    for held, part in ((splits.val, VAL), (splits.test, TEST)):
        places = [(ts, ps.index(part)) for ts, ps in zip(histories_of(world, "time"), parts, strict=True) if part in ps]
        assert held.tied.tolist() == [n > 0 and ts[n] == ts[n - 1] for ts, n in places]
    every = Counter(splits.corpus.items.tolist()) + Counter(splits.val.target.values.tolist())
    every += Counter(splits.test.target.values.tolist())
    rest = [i for h, ps in zip(histories_of(world), parts, strict=True) for i, p in zip(h, ps, strict=True) if p > TEST]
    assert every + Counter(rest) == Counter(world.interactions["item"].to_list())
    assert splits.facts["history"] == split.history and splits.facts["split"] == split.settings["split"]


@pytest.mark.parametrize("split", SPLITS, ids=lambda s: "-".join(map(str, s.settings.values())))
@settings(max_examples=25)
@given(world=data(), draw=st.data())
def test_a_marker_among_the_held_out_changes_no_corpus(split, world, draw):
    try:
        before = cut(split, world).corpus
    except DataError:
        assume(False)
        return
    parts = parts_of(split, world)
    histories, times = histories_of(world), histories_of(world, "time")
    places = [(u, n) for u, ps in enumerate(parts) for n, p in enumerate(ps) if p != TRAIN]
    u, n = draw.draw(st.sampled_from(places))
    marker = N_ITEMS
    if isinstance(split, ColdItems):  # which items are held out is what the split decides: keep to one of these
        held = {
            i for h, ps in zip(histories, parts, strict=True) for i, p in zip(h, ps, strict=True) if p == parts[u][n]
        }
        marker = draw.draw(st.sampled_from(sorted(held)))
    histories[u][n] = marker
    words = histories_of(world, "part")
    after = cut_like(
        split, canonical(histories, times=times, weights=histories_of(world, "weight"), parts=words), parts
    )
    if after is not None:
        assert same_corpus(before, after)


def cut_like(split: Split, world: Canonical, parts: list[list[int]]):
    """The corpus, if the split still takes events for the same: of cold items the first events may have moved."""
    if isinstance(split, ColdItems) and parts_of(split, world) != parts:
        return None
    return cut(split, world).corpus


@pytest.mark.parametrize("split", [s for s in SPLITS if "seed" in s.settings], ids=lambda s: type(s).__name__)
def test_another_seed_gives_other_parts(split):
    made = {k: v for k, v in vars(split).items() if k in inspect.signature(type(split)).parameters}
    world = canonical(
        [[1 + (u + n) % N_ITEMS for n in range(8)] for u in range(30)], parts=[["train"] * 7 + ["test"]] * 30
    )
    assert parts_of(split, world) != parts_of(type(split)(**{**made, "seed": 99}), world)


@pytest.mark.parametrize("split", [s for s in SPLITS if s.needs], ids=lambda s: type(s).__name__)
def test_what_a_split_needs_and_the_data_has_not_is_refused_by_name(split):
    (need,) = split.needs
    world = canonical([[1, 2, 3, 4]] * 4, timed=False)
    with pytest.raises(DataError, match=f"split needs {need}; toy has nothing but users and items in order"):
        split(world)


# ---- runs and blocks, which the splits are made of


@pytest.mark.parametrize("block", [1, 2, 5, 1 << 21])
@given(lengths=st.lists(st.integers(0, 6), min_size=1, max_size=7), draw=st.data())
def test_runs_against_a_loop(block, lengths, draw):
    first = [draw.draw(st.integers(0, n)) for n in lengths]
    total, a = torch.tensor(lengths), torch.tensor(first)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ssrec.data.splits.events.BLOCK", block)
        found = runs(total, [(CONTEXT, a), (TEST, total - a)]).tolist()
        shuffled = runs(total, [(CONTEXT, a), (TEST, total - a)], torch.Generator().manual_seed(0))
    assert found == [p for n, f in zip(lengths, first, strict=True) for p in [CONTEXT] * f + [TEST] * (n - f)]
    assert [row.tolist().count(CONTEXT) for row in shuffled.split(lengths)] == first


def test_random_runs_take_every_event_equally_often():
    n = 6000
    lengths = torch.full((n,), 5)
    two = torch.full((n,), 2)
    found = runs(lengths, [(VAL, two), (TRAIN, lengths - two)], torch.Generator().manual_seed(1)).view(n, 5) == VAL
    assert (found.double().mean(0) - 0.4).abs().max() < 0.03
    pairs = torch.stack([found[:, i] & found[:, j] for i in range(5) for j in range(i)]).double().mean(1)
    assert (pairs - 0.1).abs().max() < 0.02, "all pairs alike"


def test_a_share_is_what_its_decimals_mean():
    n = torch.arange(0, 1001)
    for percent in range(1, 100):
        assert torch.equal(share(n, percent / 100), n * percent // 100), percent
        assert torch.equal(share(n, 1 - percent / 100), n * (100 - percent) // 100), percent


@pytest.mark.parametrize("block", [1, 3, 100])
@given(lengths=st.lists(st.integers(0, 6), min_size=1, max_size=7))
def test_blocks_are_whole_users_and_all_of_them(block, lengths):
    offsets = torch.tensor([0, *lengths]).cumsum(0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ssrec.data.splits.events.BLOCK", block)
        found = list(blocks(offsets))
    users = [u for mine, _ in found for u in range(mine.start, mine.stop)]
    assert users == list(range(len(lengths)))
    for mine, events in found:
        assert (events.start, events.stop) == (int(offsets[mine.start]), int(offsets[mine.stop]))
        whole = lengths[mine.start : mine.stop]
        assert sum(whole) <= 2 * block + max(whole)


def test_events_share_the_memory_of_the_tables():
    world = canonical([[1, 2], [3]], weights=[[0.5, 1.5], [2.5]])
    events = Events.of(world)
    table = world.interactions
    assert events.time.data_ptr() == table["time"].to_numpy().ctypes.data
    assert events.item.data_ptr() == table["item"].to_numpy().ctypes.data
    assert events.weight.tolist() == [0.5, 1.5, 2.5] and events.weight.dtype == torch.float32
    assert events.offers == {"times", "weights"} and events.offsets.tolist() == [0, 0, 2, 3]
