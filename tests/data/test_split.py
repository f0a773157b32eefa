"""What `cut` makes of parts, against a naive loop; leave-one-out; what is stored."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
import torch
from histories import HISTORIES, N_ITEMS, Fixed, Loop, canonical, listed, rows, same_corpus
from hypothesis import given
from hypothesis import strategies as st

from ssrec.batch import Corpus, Ragged
from ssrec.data.canonical import Canonical
from ssrec.data.features import Features
from ssrec.data.numbering import PARTS
from ssrec.data.split import CONTEXT, TEST, TRAIN, UNUSED, VAL, Events, Held, LeaveOneOut, Splits, cut
from ssrec.data.splits.global_time import GlobalTime
from ssrec.errors import CompositionError, DataError

LONG = HISTORIES.filter(lambda hs: max(map(len, hs)) >= 3)


@st.composite
def with_parts(draw):
    """Histories and a part of each event, with something to train, validate and test."""
    histories = draw(HISTORIES.filter(lambda hs: sum(map(len, hs)) >= 3))
    n = sum(map(len, histories))
    flat = draw(st.permutations([TRAIN, VAL, TEST, *draw(st.lists(st.integers(0, 4), min_size=n - 3, max_size=n - 3))]))
    ends = [sum(map(len, histories[:i])) for i in range(len(histories) + 1)]
    return histories, tuple(tuple(flat[a:b]) for a, b in pairwise(ends))


# ---- cut


@pytest.mark.parametrize("block", [3, 1 << 21])
@given(given=with_parts(), history=st.sampled_from(["growing", "frozen"]))
def test_rows_and_facts_against_a_loop(block, given, history):
    histories, parts = given
    weights = [[10.0 * u + n for n in range(len(h))] for u, h in enumerate(histories)]
    with pytest.MonkeyPatch.context() as patch:  # so small that users lie in different blocks
        patch.setattr("ssrec.data.splits.events.BLOCK", block)
        splits = cut(Fixed(parts, history), canonical(histories, weights=weights))
    wanted = Loop.over(histories, parts, history)
    assert rows(splits.corpus.history) == wanted.train
    assert listed(splits.val) == wanted.val and listed(splits.test) == wanted.test
    assert {k: splits.facts[k] for k in wanted.facts} == wanted.facts
    trains = [[p == TRAIN for p in ps] for ps in parts]
    for name, of in (("times", lambda u, n: 100 * (u + 1) + n), ("weights", lambda u, n: 10.0 * u + n)):
        kept = [[of(u, n) for n, t in enumerate(ts) if t] for u, ts in enumerate(trains)]
        assert getattr(splits.corpus, name).tolist() == [v for vs in kept for v in vs], name
    for held, part in ((splits.val, VAL), (splits.test, TEST)):
        reads = {TRAIN, CONTEXT} | ({VAL} if part == TEST and history == "growing" else set())
        pasts = [
            [100 * (u + 1) + n for n, p in enumerate(ps) if p in reads] for u, ps in enumerate(parts) if part in ps
        ]
        assert rows(Ragged(held.times, held.past.offsets)) == pasts


@given(given=with_parts(), data=st.data())
def test_the_corpus_is_a_function_of_training_events_alone(given, data):
    """Whatever the others are: their items, times and weights change nothing that a model could be fitted on."""
    histories, parts = given
    items = pl.DataFrame({"item": range(1, N_ITEMS + 1), "attributes": [[f"a{i}", "b"] for i in range(N_ITEMS)]})
    items = items.with_columns(price=pl.Series([2.0**i for i in range(N_ITEMS)]))

    def corpus(change: bool) -> Corpus:
        draw = lambda p, value, strategy: data.draw(strategy) if change and p != TRAIN else value  # noqa: E731
        pairs = [list(zip(h, ps, strict=True)) for h, ps in zip(histories, parts, strict=True)]
        changed = [[draw(p, i, st.integers(1, N_ITEMS)) for i, p in row] for row in pairs]
        times = [[draw(p, n, st.integers(0, 99)) for n, (_, p) in enumerate(row)] for row in pairs]
        weights = [[draw(p, 1.0, st.floats(0, 9, width=32)) for _, p in row] for row in pairs]
        return cut(Fixed(parts), canonical(changed, times=times, weights=weights, items=items)).corpus

    assert same_corpus(corpus(False), corpus(True))


def test_a_change_of_a_training_event_is_noticed():
    parts = ((TRAIN, TRAIN, VAL, TEST),)
    plain = cut(Fixed(parts), canonical([[1, 2, 3, 4]]))
    assert not same_corpus(plain.corpus, cut(Fixed(parts), canonical([[N_ITEMS, 2, 3, 4]])).corpus)
    assert same_corpus(plain.corpus, cut(Fixed(parts), canonical([[1, 2, N_ITEMS, 4]])).corpus)


def test_users_have_features_fitted_on_those_who_train():
    users = pl.DataFrame(
        {"user": [1, 2, 3], "id": ["x", "y", "z"], "gender": [["F"], ["M"], ["X"]], "age": [20, 40, 99]}
    )
    parts = ((TRAIN, VAL), (TRAIN, TEST), (CONTEXT, TEST))
    corpus = cut(Fixed(parts), canonical([[1, 2], [2, 3], [4, 5]], users=users)).corpus
    assert corpus.user_features.keys() == {"gender", "age"} and not corpus.item_features
    gender, age = corpus.user_features["gender"], corpus.user_features["age"]
    assert gender.names == ("F", "M") and gender.labels().tolist() == [0, 1, 2, 0]
    assert age.values.flatten()[:3].tolist() == [0.0, -1.0, 1.0] and age.values[3] > 6
    assert corpus.user_rows == len(age.values)


@pytest.mark.parametrize(("part", "verb"), [(TRAIN, "train on"), (VAL, "validate with"), (TEST, "test with")])
def test_an_empty_part_is_refused_by_name(part, verb):
    left = tuple(UNUSED if p == part else p for p in (TRAIN, VAL, TEST))
    with pytest.raises(DataError, match=rf"toy: split=fixed, history=growing leaves no event to {verb}"):
        cut(Fixed((left,)), canonical([[1, 2, 3]]))


def test_facts_say_how_the_history_grows():
    data = canonical([[1, 2, 3, 4]])
    assert [LeaveOneOut(history=h)(data).facts["history"] for h in ("growing", "frozen")] == ["growing", "frozen"]


def test_published_parts_have_one_of_three_names():
    with pytest.raises(DataError, match="toy: an interaction's part is 'holdout'; it is one of train, val, test"):
        Events.of(canonical([[1, 2]], parts=[["train", "holdout"]]))
    with pytest.raises(DataError, match="toy: an interaction's part is None; it is one of train, val, test"):
        Events.of(canonical([[1, 2]], parts=[["train", None]]))


@pytest.mark.parametrize("dtype", [pl.String, pl.Categorical, PARTS, pl.Enum(["test", "other", "val", "train"])])
@given(words=st.lists(st.sampled_from(["train", "val", "test"]), min_size=1, max_size=9))
def test_published_parts_are_read_however_they_are_kept(dtype, words):
    data = canonical([[1] * len(words)], parts=[words])
    data = replace(data, interactions=data.interactions.with_columns(pl.col("part").cast(dtype)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ssrec.data.splits.events.BLOCK", 4)
        part = Events.of(data).part
    assert part is not None and part.tolist() == [{"train": TRAIN, "val": VAL, "test": TEST}[w] for w in words]


# ---- leave-one-out


@given(histories=LONG, history=st.sampled_from(["growing", "frozen"]), min_length=st.integers(3, 4))
def test_leave_one_out_against_a_loop(histories, history, min_length):
    if max(map(len, histories)) < min_length:
        return
    splits = LeaveOneOut(history=history, min_length=min_length)(canonical(histories))
    train, val, test = [[]], [], []
    for user, h in enumerate(histories, 1):
        if len(h) < min_length:
            train.append(h)
            continue
        train.append(h[:-2])
        val.append((user, h[:-2], [h[-2]]))
        test.append((user, h[:-1] if history == "growing" else h[:-2], [h[-1]]))
    assert rows(splits.corpus.history) == train
    for held, wanted in ((splits.val, val), (splits.test, test)):
        assert listed(held) == wanted
        times = [[100 * user + n for n in range(len(past))] for user, past, _ in wanted]
        assert rows(Ragged(held.times, held.past.offsets)) == times
    wanted = [[100 * user + n for n in range(len(h))] for user, h in enumerate(train)]
    assert rows(Ragged(splits.corpus.times, splits.corpus.offsets)) == wanted
    assert splits.facts["n_users_without_held_out"] == sum(len(h) < min_length for h in histories)
    seen = {i for h in train for i in h}
    assert splits.facts["n_cold_test_targets"] == sum(t[0] not in seen for _, _, t in test)
    assert splits.facts["n_cold_val_targets"] == sum(t[0] not in seen for _, _, t in val)
    assert splits.facts["n_items_without_training"] == N_ITEMS - len(seen)


@given(histories=LONG)
def test_nothing_is_lost_and_nothing_is_twice(histories):
    splits = LeaveOneOut()(canonical(histories, timed=False))
    assert splits.corpus.times is None and splits.val.times is None and splits.test.times is None
    parts = [splits.corpus.history, splits.val.target, splits.test.target]
    assert sum(len(part.values) for part in parts) == sum(map(len, histories))
    whole = dict(enumerate(rows(splits.corpus.history)))
    for held in (splits.val, splits.test):
        for user, target in zip(held.user.tolist(), rows(held.target), strict=True):
            whole[user] = whole[user] + target
    assert whole == {0: [], **dict(enumerate(histories, 1))}
    facts = splits.facts
    assert facts["n_train"] + facts["n_val"] + facts["n_test"] == sum(map(len, histories))


def test_a_marker_in_the_held_out_part_changes_nothing_in_the_corpus():
    histories = [[1, 2, 3, 4], [2, 3], [5, 6, 7], [1, 8, 2, 3, 4]]
    plain = LeaveOneOut()(canonical(histories)).corpus
    for place in (-1, -2):
        for user in (0, 2, 3):
            marked = [list(h) for h in histories]
            marked[user][place] = N_ITEMS  # an item that nobody else has
            assert same_corpus(plain, LeaveOneOut()(canonical(marked)).corpus)


def test_fingerprints_are_of_data_and_settings_and_stay():
    """What a published result names: the hash of the canonical fingerprint and the settings as they always were."""
    data = canonical([[1, 2, 3, 4]])
    other = replace(data, meta={"fingerprint": "g"})
    prints = [LeaveOneOut()(data).fingerprint, LeaveOneOut(history="frozen")(data).fingerprint]
    prints += [LeaveOneOut(min_length=4)(data).fingerprint, LeaveOneOut()(other).fingerprint]
    assert prints == ["6342d4690ef960f7", "8227f9d3da2e721a", "9657d17186e7d79e", "d3e9ac3634976ec2"]
    assert cut(LeaveOneOut(), data, Features(numbers="log")).fingerprint == prints[0], "the same rows are held out"


def test_parts_of_a_second_are_in_the_fingerprint_of_a_split_that_needs_times():
    """The canonical fingerprint is without them, and a moment inside a second divides by them."""
    times, found = [[5, 5, 5, 5, 5]], []
    for within in ([0, 1, 2, 3, 4], [0, 3, 4, 5, 6]):
        data = canonical([[1, 2, 3, 4, 5]], times=times, within=[within])
        data = replace(data, meta={**data.meta, "content": {"interactions.nanosecond": str(within)}})
        by_time = GlobalTime(val_from=0.4, test_from=0.8)(data)
        found.append((by_time.fingerprint, by_time.facts["test_from_time"], LeaveOneOut()(data).fingerprint))
    (a, at, same), (b, later, again) = found
    assert at != later and a != b and same == again


def test_an_empty_split_says_what_would_help():
    with pytest.raises(DataError, match=r"longest history has 2 events and split\.min_length=3"):
        LeaveOneOut()(canonical([[1, 2], [3]]))


@pytest.mark.parametrize("settings", [{"history": "shrinking"}, {"min_length": 2}])
def test_settings_that_mean_nothing(settings):
    with pytest.raises(CompositionError, match=r"split\."):
        LeaveOneOut(**settings)


def test_the_world(world):
    assert isinstance(world.test, Held) and len(world.test) == len(world.val) == 60
    assert {"attributes", "title"} <= set(world.corpus.item_features)
    assert len(world.corpus.item_features["title"].texts) == world.corpus.item_rows
    assert len(world.corpus.item_features["attributes"].values) == world.corpus.item_rows


# ---- stored splits


HISTORY = [[1, 2, 3, 4], [2, 3], [5, 6, 7], [1, 8, 2, 3, 4]]


def content() -> Canonical:
    items = pl.DataFrame({"item": range(1, N_ITEMS + 1), "attributes": [["x", f"y{i % 3}"] for i in range(N_ITEMS)]})
    items = items.with_columns(price=pl.Series([1.5, None, 3.25, 4, 0.1, 6, 7, 8, 9]))
    return canonical(HISTORY, items=items, weights=[[0.5 + i for i in h] for h in HISTORY])


def same(a: Splits, b: Splits) -> bool:
    held = [(x, y) for x, y in ((a.val, b.val), (a.test, b.test))]
    tensors = [(x.user, y.user) for x, y in held] + [(x.times, y.times) for x, y in held]
    tensors += [(r.values, s.values) for x, y in held for r, s in ((x.past, y.past), (x.target, y.target))]
    tensors += [(r.offsets, s.offsets) for x, y in held for r, s in ((x.past, y.past), (x.target, y.target))]
    known = (a.fingerprint, a.facts) == (b.fingerprint, b.facts)
    return known and same_corpus(a.corpus, b.corpus) and all(torch.equal(x, y) for x, y in tensors)


@pytest.mark.parametrize("mapped", [0, 1 << 28])
def test_what_is_stored_is_what_was_cut(tmp_path, monkeypatch, mapped):
    monkeypatch.setattr("ssrec.data.splits.store.WORTH", 0)  # so that arrays of a few bytes are mapped
    plain = cut(LeaveOneOut(), content())
    first = cut(LeaveOneOut(), content(), folder=tmp_path, mapped=mapped)
    (home,) = (tmp_path / "split").iterdir()
    written = {f.name: f.stat().st_mtime_ns for f in home.iterdir()}
    again = cut(LeaveOneOut(), content(), folder=tmp_path, mapped=mapped)
    assert same(plain, first) and same(plain, again)
    assert {f.name: f.stat().st_mtime_ns for f in home.iterdir()} == written, "made twice"
    assert home.name.startswith("toy-")
    again.corpus.items[0] = 5  # a mapped array is private
    assert same(plain, cut(LeaveOneOut(), content(), folder=tmp_path, mapped=mapped))
    meta = json.loads((home / "meta.json").read_text())
    assert meta["facts"] == plain.facts and meta["features"]["items"]["attributes"]["names"] == ["x", "y0", "y1", "y2"]
    assert (meta["digest"] is None) == (mapped == 0)


def test_arrays_above_a_size_are_mapped(tmp_path, monkeypatch):
    monkeypatch.setattr("ssrec.data.splits.store.WORTH", 0)
    opened = []
    load = np.load
    monkeypatch.setattr(np, "load", lambda f, mmap_mode, **k: opened.append(mmap_mode) or load(f, mmap_mode, **k))
    cut(LeaveOneOut(), content(), folder=tmp_path, mapped=0)
    cut(LeaveOneOut(), content(), folder=tmp_path)
    n = len(opened) // 2
    assert set(opened[:n]) == {"c"} and set(opened[n:]) == {None}


def test_other_inputs_are_stored_elsewhere(tmp_path):
    data = content()
    for split, features in ((LeaveOneOut(), Features()), (LeaveOneOut(history="frozen"), Features())):
        cut(split, data, features, tmp_path)
    cut(LeaveOneOut(), data, Features(min_count=2), tmp_path)
    cut(LeaveOneOut(), replace(data, meta={"fingerprint": "f", "digest": "e"}), folder=tmp_path)
    assert len(list((tmp_path / "split").iterdir())) == 4


def test_several_may_ask_at_once(tmp_path):
    def ask(_) -> Splits:
        return cut(LeaveOneOut(), content(), folder=tmp_path)

    with ThreadPoolExecutor(4) as pool:
        asked = list(pool.map(ask, range(8)))
    assert all(same(asked[0], other) for other in asked)
    assert len(list((tmp_path / "split").iterdir())) == 1, "something half-written was left"


def test_a_failure_leaves_nothing_behind(tmp_path):
    with pytest.raises(DataError, match="leaves no event to test with"):
        cut(Fixed(((TRAIN, VAL, UNUSED),)), canonical([[1, 2, 3]]), folder=tmp_path)
    assert not (tmp_path / "split").exists() or not list((tmp_path / "split").iterdir())


DAMAGES = {
    "cut short": lambda home: (home / "items.npy").write_bytes((home / "items.npy").read_bytes()[:-8]),
    "gone": lambda home: (home / "test_past.npy").unlink(),
    "empty": lambda home: (home / "offsets.npy").write_bytes(b""),
    "of another type": lambda home: np.save(home / "items.npy", np.zeros(8, "i4")),
    "no meta": lambda home: (home / "meta.json").write_text("{"),
    "meta of another kind": lambda home: (home / "meta.json").write_text("[]"),
}


@pytest.mark.parametrize("mapped", [0, 1 << 28])
@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_damaged_is_refused(tmp_path, damage, mapped):
    cut(LeaveOneOut(), content(), folder=tmp_path, mapped=mapped)
    (home,) = (tmp_path / "split").iterdir()
    DAMAGES[damage](home)
    with pytest.raises(DataError, match=r"is damaged .* delete that folder and ask again"):
        cut(LeaveOneOut(), content(), folder=tmp_path, mapped=mapped)


@pytest.mark.parametrize("file", ["items.npy", "meta.json"])
def test_a_changed_byte_is_refused_where_all_is_read(tmp_path, file):
    cut(LeaveOneOut(), content(), folder=tmp_path)
    (home,) = (tmp_path / "split").iterdir()
    whole = (home / file).read_bytes()
    changed = (
        whole[:-1] + bytes([whole[-1] ^ 1]) if file == "items.npy" else whole.replace(b'"n_test": 3', b'"n_test": 4')
    )
    assert changed != whole
    (home / file).write_bytes(changed)
    with pytest.raises(DataError, match="its content is not what was stored"):
        cut(LeaveOneOut(), content(), folder=tmp_path)


def test_a_row_is_tied_where_its_first_target_has_the_time_of_the_event_before_it():
    table = pl.DataFrame(
        [(1, 1, 5), (1, 2, 5), (1, 3, 5), (2, 4, 1), (2, 5, 2), (2, 6, 2), (3, 1, 9), (3, 2, 9), (3, 3, 10)],
        schema={"user": pl.Int64, "item": pl.Int64, "time": pl.Int64},
        orient="row",
    )
    items = pl.DataFrame({"item": range(1, N_ITEMS + 1), "id": range(1, N_ITEMS + 1)})
    splits = cut(LeaveOneOut(), Canonical("toy", table, items, {"fingerprint": "f"}))
    assert splits.val.tied.tolist() == [True, False, True]
    assert splits.test.tied.tolist() == [True, True, False]
    first = ((TEST, VAL, TRAIN), (TRAIN, TEST, TEST), (VAL, TRAIN, TEST))
    splits = cut(Fixed(first, "growing"), Canonical("toy", table, items, {"fingerprint": "f"}))
    assert splits.val.tied.tolist() == [True, False]
    assert splits.test.tied.tolist() == [False, False, False], "nobody's first event is tied to another user's"


def test_what_judges_lists_knows_all_attributes_whatever_was_fitted():
    table = canonical([[1, 2, 3, 4], [4, 3, 2, 1]])
    items = table.items.with_columns(
        attributes=pl.Series([["a"], ["a", "b"], ["b"], ["c"]] + [["rare"]] * (N_ITEMS - 4))
    )
    for features in (Features(), Features(buckets=1), Features(min_count=2)):
        corpus = cut(LeaveOneOut(), replace(table, items=items), features).corpus
        assert corpus.attributes is not None and set(corpus.attributes.names) == {"a", "b", "c", "rare"}
        assert corpus.attributes.multi_hot()[1:].sum(1).tolist() == [1.0, 2.0] + [1.0] * (N_ITEMS - 2)
        assert corpus.published == {"attributes": corpus.attributes}


def test_columns_of_names_of_items_and_of_users_are_published():
    table = canonical([[1, 2, 3, 4], [4, 3, 2, 1]])
    items = table.items.with_columns(brand=pl.Series([["x"]] * N_ITEMS), title=pl.lit("t"))
    users = pl.DataFrame({"user": [1, 2], "gender": [["F"], None], "age": [30, 40]})
    corpus = cut(LeaveOneOut(), replace(table, items=items, users=users)).corpus
    assert corpus.attributes is None and set(corpus.published) == {"brand", "user.gender"}
    gender = corpus.published["user.gender"]
    assert gender.names == ("F",) and gender.values.lengths.tolist() == [0, 1, 0]
