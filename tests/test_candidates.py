"""What targets are ranked among: draws against their exact distribution, existence against a loop."""

import itertools

import polars as pl
import pytest
import torch
from histories import HISTORIES, N_ITEMS, Fixed, canonical, listed
from hypothesis import given
from hypothesis import strategies as st
from rankings import asked

from ssrec.batch import PAD
from ssrec.candidates import Existing, Sampled
from ssrec.data.rows import held_batch
from ssrec.data.split import TEST, TRAIN, VAL, LeaveOneOut, cut
from ssrec.data.splits.parted import Name
from ssrec.errors import CompositionError, DataError
from ssrec.ranking import ranking

PARTS: dict[Name, int] = {"val": VAL, "test": TEST}


def items_of(mask) -> list[set[int]]:
    return [set(row.nonzero().flatten().tolist()) for row in mask]


# ---- sampled


@pytest.mark.parametrize("by", ["uniform", "popular"])
def test_negatives_are_new_to_their_row_and_its_own(world, by):
    rule = Sampled(n=7, by=by, seed=3)
    for part in PARTS:
        held = world.held(part)
        rows = torch.arange(len(held))
        drawn = items_of(rule(world, part)(rows))
        for negatives, (_, past, target) in zip(drawn, listed(held), strict=True):
            assert len(negatives) == 7
            assert not negatives & {PAD, *past, *target}
            assert all(world.corpus.trained[list(negatives)]) or by == "uniform"
        shuffled = rows[torch.randperm(len(rows))]
        parts = [items_of(rule(world, part)(some)) for some in shuffled.split(11)]
        assert list(itertools.chain(*parts)) == [drawn[r] for r in shuffled.tolist()], "whatever the batch"
        assert items_of(Sampled(n=7, by=by, seed=4)(world, part)(rows)) != drawn
    both = [items_of(rule(world, part)(torch.arange(len(world.test)))) for part in PARTS]
    assert both[0] != both[1], "or selection would see the test's negatives"


def test_ranks_among_negatives_against_a_loop(world):
    batch = held_batch(world.test, torch.arange(60), 5)
    allowed = Sampled(n=9)(world, "test")(batch.rows)
    scores = torch.randint(0, 6, (60, world.corpus.item_rows)).float()
    found = ranking(scores, batch, 5, allowed=allowed)
    assert found.candidates.tolist() == [10] * 60
    for row, negatives in enumerate(items_of(allowed)):
        target = int(batch.target[row, 0])
        above = sum(bool(scores[row, i] >= scores[row, target]) for i in negatives)
        assert int(found.ranks[row, 0]) == 1 + above
        assert set(found.top[row].tolist()) <= negatives | {target}


def test_popular_negatives_follow_training_counts():
    """Many rows that met only item 9: validation and test counts have no say."""
    histories = [[9, 9, 9, 8, 8]] * 5 + [[1, 1, 1, 9, 9]] * 3 + [[2, 9, 9]] * 900
    parts = ((TRAIN, TRAIN, TRAIN, TRAIN, VAL),) * 5 + ((TRAIN, TRAIN, TRAIN, VAL, TEST),) * 3
    splits = cut(Fixed((*parts, *((TRAIN, VAL, TEST),) * 900)), canonical(histories))
    drawn = [min(s) for s in items_of(Sampled(n=1, by="popular")(splits, "test")(torch.arange(3, 903)))]
    assert set(drawn) == {1, 8}, "item 2 is their past, item 9 their target, and no other has a training event"
    assert abs(drawn.count(1) / 900 - 9 / 14) < 0.055, "3.4 deviations"


def test_more_negatives_than_there_are_is_refused(world):
    with pytest.raises(DataError, match=r"candidates\.n=41: a row of the val part has \d+ of 40 items left"):
        Sampled(n=41)(world, "val")
    least = min(40 - len({*past, *target}) for _, past, target in listed(world.test))
    assert Sampled(n=least)(world, "test")
    with pytest.raises(DataError, match=rf"has {least} of 40 .* say candidates\.n={least} or less"):
        Sampled(n=least + 1)(world, "test")
    splits = LeaveOneOut()(canonical([[1, 2, 3, 4], [2, 1, 5, 6]]))
    with pytest.raises(DataError, match=r"has 0 of 2 items left"):
        Sampled(n=1, by="popular")(splits, "test")


@pytest.mark.parametrize(("settings", "told"), [({"n": 0}, "n=0"), ({"n": 1, "seed": -1}, "seed=-1")])
def test_settings_that_mean_nothing_are_refused(settings, told):
    with pytest.raises(CompositionError, match=told):
        Sampled(**settings)


# ---- existing


@given(histories=HISTORIES.filter(lambda hs: max(map(len, hs)) >= 3), data=st.data())
def test_what_existed_against_a_loop(histories, data):
    times = [sorted(data.draw(st.lists(st.integers(0, 9), min_size=len(h), max_size=len(h)))) for h in histories]
    kinds = st.sampled_from([TRAIN, VAL, TEST, 4])
    parts = [data.draw(st.lists(kinds, min_size=len(h), max_size=len(h))) for h in histories]
    longest = max(range(len(histories)), key=lambda u: len(histories[u]))
    parts[longest][:3] = TRAIN, VAL, TEST
    maybe = st.lists(st.one_of(st.none(), st.integers(0, 9)), min_size=N_ITEMS, max_size=N_ITEMS)
    since, until = data.draw(maybe), data.draw(maybe)
    items = pl.DataFrame(
        {"item": range(1, N_ITEMS + 1), "since": since, "until": until},
        schema={"item": pl.Int64, "since": pl.Int64, "until": pl.Float64},
    )
    splits = cut(Fixed(tuple(map(tuple, parts))), canonical(histories, times=times, items=items))
    events = [(i, t) for h, ts in zip(histories, times, strict=True) for i, t in zip(h, ts, strict=True)]
    for part, kind in PARTS.items():
        asked_at = [
            max(t for t, p in zip(ts, ps, strict=True) if p == kind)
            for ts, ps in zip(times, parts, strict=True)
            if kind in ps
        ]
        rows = torch.arange(len(asked_at)).flip(0)
        by_event = [{i for i, t in events if t <= at} for at in reversed(asked_at)]
        assert items_of(Existing()(splits, part)(rows)) == by_event
        declared = [
            {
                i
                for i in range(1, N_ITEMS + 1)
                if (i in met if since[i - 1] is None else since[i - 1] <= at)
                and (until[i - 1] is None or at <= until[i - 1])
            }
            for met, at in zip(by_event, reversed(asked_at), strict=True)
        ]
        rule = Existing(available_from="since", available_until="until")
        assert items_of(rule(splits, part)(rows)) == declared


def test_every_target_existed_when_the_last_one_was_met():
    splits = LeaveOneOut()(canonical([[1, 2, 3, 4], [2, 3, 5]]))
    mask = Existing()(splits, "test")(torch.arange(2))
    assert mask[torch.arange(2), splits.test.target.values].all()
    assert items_of(mask) == [{1, 2, 3, 4}, {1, 2, 3, 4, 5}]


def test_existing_needs_what_it_reads():
    assert Existing().needs == {"times"}
    assert Existing(available_from="released").needs == {"times", "released"}
    without = LeaveOneOut()(canonical([[1, 2, 3]], timed=False))
    with pytest.raises(DataError, match="existing needs times"):
        Existing()(without, "test")
    items = pl.DataFrame({"item": range(1, N_ITEMS + 1), "price": 1.0, "released": "1999"})
    splits = LeaveOneOut()(canonical([[1, 2, 3]], items=items))
    told = r"candidates\.available_until=released is no column of numbers of the items; there are: price"
    with pytest.raises(DataError, match=told):
        Existing(available_until="released")(splits, "test")


def test_rules_are_told_in_words():
    assert Sampled(n=100, by="popular", seed=2).words == "100 popular negatives (seed 2)"
    assert Existing().words == "items that existed"
    assert Existing(available_from="a", available_until="b").words == "items that existed (from a, until b)"
    assert Existing(available_until="b").words == "items that existed (until b)"
    assert Sampled(n=1).warning and not Existing().warning


def test_a_target_is_a_candidate_in_any_case():
    nobody = torch.zeros(1, 5, dtype=torch.bool)
    found = ranking(torch.zeros(1, 5), asked(torch.tensor([[3]])), 2, allowed=nobody)
    assert found.ranks.tolist() == [[1]] and found.top.tolist() == [[3, PAD]]
