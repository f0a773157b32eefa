"""Leave-one-out against a naive loop; nothing is lost, nothing held out is seen by the corpus."""

import polars as pl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ssrec.batch import Attributes, Ragged, Text
from ssrec.data.canonical import Canonical
from ssrec.data.features import item_features
from ssrec.data.split import Held, LeaveOneOut, Splits
from ssrec.errors import CompositionError, DataError

N_ITEMS = 9
HISTORIES = st.lists(st.lists(st.integers(1, N_ITEMS), min_size=1, max_size=7), min_size=1, max_size=6).filter(
    lambda hs: max(map(len, hs)) >= 3
)


def canonical(histories: list[list[int]], timed: bool = True) -> Canonical:
    """User u has histories[u - 1]; the event at place n of it happens at 100 u + n."""
    rows = [(u, i, 100 * u + n) for u, h in enumerate(histories, 1) for n, i in enumerate(h)]
    table = pl.DataFrame(rows, schema={"user": pl.Int64, "item": pl.Int64, "time": pl.Int64}, orient="row")
    items = pl.DataFrame({"item": range(1, N_ITEMS + 1), "id": range(1, N_ITEMS + 1)})
    return Canonical("toy", table if timed else table.drop("time"), items, {"fingerprint": "f"})


def rows(ragged: Ragged) -> list[list[int]]:
    return [ragged.values[a:b].tolist() for a, b in ragged.offsets.unfold(0, 2, 1).tolist()]


@given(histories=HISTORIES, history=st.sampled_from(["growing", "frozen"]), min_length=st.integers(3, 4))
def test_against_a_loop(histories, history, min_length):
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
        assert list(zip(held.user.tolist(), rows(held.past), rows(held.target), strict=True)) == wanted
        times = [[100 * user + n for n in range(len(past))] for user, past, _ in wanted]
        assert rows(Ragged(held.times, held.past.offsets)) == times
    wanted = [[100 * user + n for n in range(len(h))] for user, h in enumerate(train)]
    assert rows(Ragged(splits.corpus.times, splits.corpus.offsets)) == wanted
    assert splits.facts["n_users_without_held_out"] == sum(len(h) < min_length for h in histories)
    seen = {i for h in train for i in h}
    assert splits.facts["n_cold_test_targets"] == sum(t[0] not in seen for _, _, t in test)
    assert splits.facts["n_cold_val_targets"] == sum(t[0] not in seen for _, _, t in val)
    assert splits.facts["n_items_without_training"] == N_ITEMS - len(seen)


@given(histories=HISTORIES)
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


def same(a: Splits, b: Splits) -> bool:
    return all(
        torch.equal(getattr(a.corpus, name), getattr(b.corpus, name))
        for name in ("items", "offsets", "times", "counts", "trained")
    )


def test_a_marker_in_the_held_out_part_changes_nothing_in_the_corpus():
    histories = [[1, 2, 3, 4], [2, 3], [5, 6, 7], [1, 8, 2, 3, 4]]
    plain = LeaveOneOut()(canonical(histories))
    for place in (-1, -2):
        for user in (0, 2, 3):
            marked = [list(h) for h in histories]
            marked[user][place] = N_ITEMS  # an item that nobody else has
            assert same(plain, LeaveOneOut()(canonical(marked)))
    trained = [list(h) for h in histories]
    trained[0][0] = N_ITEMS
    assert not same(plain, LeaveOneOut()(canonical(trained)))  # the check can fail


def test_the_fingerprint_is_of_data_and_settings():
    data = canonical([[1, 2, 3, 4]])
    other = Canonical("toy", data.interactions, data.items, {"fingerprint": "g"})
    prints = {LeaveOneOut()(data).fingerprint, LeaveOneOut(history="frozen")(data).fingerprint}
    prints |= {LeaveOneOut(min_length=4)(data).fingerprint, LeaveOneOut()(other).fingerprint}
    assert len(prints) == 4
    assert LeaveOneOut()(data).fingerprint == LeaveOneOut()(canonical([[1, 2, 3, 4]])).fingerprint


def test_an_empty_split_says_what_would_help():
    with pytest.raises(DataError, match=r"longest history has 2 events and split\.min_length=3"):
        LeaveOneOut()(canonical([[1, 2], [3]]))


@pytest.mark.parametrize("settings", [{"history": "shrinking"}, {"min_length": 2}])
def test_settings_that_mean_nothing(settings):
    with pytest.raises(CompositionError, match=r"split\."):
        LeaveOneOut(**settings)


def test_features_have_a_row_for_padding():
    items = pl.DataFrame({"item": [1, 2, 3], "id": [7, 8, 9], "title": ["a", None, "c"]})
    lists = pl.Series("attributes", [["red", "big", "red"], None, ["big"]])
    features = item_features(items.with_columns(lists))
    assert features["title"] == Text(("", "a", "", "c"))
    attributes = features["attributes"]
    assert isinstance(attributes, Attributes) and attributes.names == ("red", "big")
    assert rows(attributes.values) == [[], [0, 1], [], [1]]
    assert item_features(items.drop("title")) == {}
    nothing = item_features(items.with_columns(pl.Series("attributes", [[], [], []], dtype=pl.List(pl.String))))
    assert nothing["attributes"].names == () and rows(nothing["attributes"].values) == [[], [], [], []]


def test_the_world(world):
    assert isinstance(world.test, Held) and len(world.test) == len(world.val) == 60
    assert set(world.corpus.item_features) == {"attributes", "title"}
    assert len(world.corpus.item_features["title"].texts) == world.corpus.item_rows
    assert len(world.corpus.item_features["attributes"].values) == world.corpus.item_rows
