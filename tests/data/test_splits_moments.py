"""When items first appear and rows ask, against loops; none of it reaches what a model is given."""

import math
from dataclasses import fields, replace

import polars as pl
import pytest
import torch
from histories import HISTORIES, N_ITEMS, Fixed, canonical, rows
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ssrec.batch import Ragged
from ssrec.data.rows import held_batch
from ssrec.data.split import TEST, TRAIN, VAL, LeaveOneOut, cut
from ssrec.data.splits.moments import NEVER, item_numbers


@pytest.mark.parametrize("block", [2, 1 << 21])
@given(histories=HISTORIES.filter(lambda hs: max(map(len, hs)) >= 3), data=st.data())
def test_against_a_loop(block, histories, data):
    times = [sorted(data.draw(st.lists(st.integers(-5, 9), min_size=len(h), max_size=len(h)))) for h in histories]
    kinds = st.sampled_from([TRAIN, VAL, TEST, 4])
    parts = [data.draw(st.lists(kinds, min_size=len(h), max_size=len(h))) for h in histories]
    longest = max(range(len(histories)), key=lambda u: len(histories[u]))
    parts[longest][:3] = TRAIN, VAL, TEST  # something for each
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ssrec.data.splits.events.BLOCK", block)
        splits = cut(Fixed(tuple(map(tuple, parts))), canonical(histories, times=times))
    first = [NEVER] * (N_ITEMS + 1)
    for h, ts in zip(histories, times, strict=True):
        for item, time in zip(h, ts, strict=True):
            first[item] = min(first[item], time)
    assert splits.first_events is not None
    assert splits.first_events.tolist() == first
    for held, part in ((splits.val, VAL), (splits.test, TEST)):
        asked = [[t for t, p in zip(ts, ps, strict=True) if p == part] for ts, ps in zip(times, parts, strict=True)]
        assert held.asked_at is not None
        assert held.asked_at.tolist() == [max(ts) for ts in asked if ts]


def test_without_times_there_are_none():
    splits = LeaveOneOut()(canonical([[1, 2, 3]], timed=False))
    assert splits.first_events is None
    assert splits.val.asked_at is None and splits.test.asked_at is None


def test_what_is_stored_has_them(tmp_path):
    world = canonical([[1, 2, 3], [3, 2, 1]])
    fresh = cut(LeaveOneOut(), world)
    for _ in range(2):
        stored = cut(LeaveOneOut(), world, folder=tmp_path)
        for a, b in ((fresh, stored), (fresh.val, stored.val), (fresh.test, stored.test)):
            for name in ("first_events", "asked_at"):
                assert not hasattr(a, name) or torch.equal(getattr(a, name), getattr(b, name))


def test_numbers_of_items_are_as_published():
    table = pl.DataFrame(
        {"item": [1, 2], "id": [7, 8], "price": [None, 2.5], "released": [10, 20], "title": ["a", "b"]},
    )
    found = item_numbers(table)
    assert found.keys() == {"price", "released"}
    assert found["released"].tolist()[1:] == [10.0, 20.0]
    assert [math.isnan(v) for v in found["price"].tolist()] == [True, True, False]


def test_no_model_can_read_when_a_target_was_met():
    """Moving the last events in time changes what judges see and neither the corpus nor any part of a batch."""
    histories, times = [[1, 2, 3, 4], [2, 3, 5]], [[10, 20, 30, 40], [15, 25, 35]]
    early = cut(LeaveOneOut(), canonical(histories, times=times))
    late = cut(LeaveOneOut(), canonical(histories, times=[[*ts[:-1], ts[-1] + 1000] for ts in times]))
    assert early.test.asked_at is not None and late.test.asked_at is not None
    assert late.test.asked_at.tolist() == [t + 1000 for t in early.test.asked_at.tolist()]
    a, b = (held_batch(splits.test, torch.arange(2), 8) for splits in (early, late))
    for field in fields(a):
        one, other = getattr(a, field.name), getattr(b, field.name)
        if isinstance(one, Tensor):
            assert torch.equal(one, other), field.name
        elif isinstance(one, Ragged):
            assert rows(one) == rows(other), field.name
        else:
            assert one == other, field.name
    assert early.corpus.times is not None and late.corpus.times is not None
    assert torch.equal(early.corpus.times, late.corpus.times)
    hidden = replace(early.test, asked_at=None, tied=None)
    assert torch.equal(held_batch(hidden, torch.arange(2), 8).items, a.items)
