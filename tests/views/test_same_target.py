"""Another user's past with the same target against a loop over training events."""

from collections import Counter
from dataclasses import replace

import torch
from hypothesis import given
from hypothesis import strategies as st

from ssrec.batch import PAD, Corpus
from ssrec.data.rows import make_rows
from ssrec.views.same_target import SameTarget

HISTORIES = st.lists(st.lists(st.integers(1, 4), min_size=1, max_size=6), min_size=2, max_size=5)


def corpus(histories):
    ends = torch.tensor([0, 0, *(len(h) for h in histories)]).cumsum(0)
    items = torch.tensor([i for h in histories for i in h])
    return Corpus(items, ends, n_users=len(histories), n_items=4, times=torch.arange(len(items)) + 1000)


def pasts(histories, target, user):
    """What others had met before the target, with times."""
    found, first = [], 1000
    for u, history in enumerate(histories, 1):
        events = [(i, first + n) for n, i in enumerate(history)]
        found += [tuple(events[:n]) for n, i in enumerate(history) if n and i == target and u != user]
        first += len(history)
    return found


def events(batch):
    return [
        tuple((i, t) for i, t in zip(row, times, strict=True) if i != PAD)
        for row, times in zip(batch.items.tolist(), batch.times.tolist(), strict=True)
    ]


@given(
    HISTORIES.filter(lambda hs: any(len(h) > 1 for h in hs)), st.sampled_from(["prefix", "window"]), st.integers(0, 99)
)
def test_it_is_one_of_the_pasts_of_the_loop(histories, kind, seed):
    torch.manual_seed(seed)
    rows = make_rows(corpus(histories), kind, 3)
    batch = rows.batch(torch.arange(len(rows)))
    before = batch.items.clone()
    seen = SameTarget(rows.corpus)(batch)
    assert torch.equal(batch.items, before)
    assert torch.equal(seen.target, batch.target) and torch.equal(seen.user, batch.user)
    real = seen.items != PAD
    assert (real[:, 1:] >= real[:, :-1]).all(), "not right-aligned"
    for own, now, target, user in zip(
        events(batch), events(seen), batch.target[:, 0].tolist(), batch.user.tolist(), strict=True
    ):
        assert now in (pasts(histories, target, user) or [own])


def test_a_long_past_is_cut_before_it_is_copied():
    histories = [[2, 4], [*[1, 2, 3] * 30, 4]]
    rows = make_rows(corpus(histories), "prefix", 5)
    batch, view = rows.batch(torch.tensor([0])), SameTarget(rows.corpus)
    whole, cut = view(batch), view.within(batch, 5)
    assert whole.items.shape == whole.times.shape == (1, 90) and cut.items.shape == cut.times.shape == (1, 5)
    assert torch.equal(cut.items, whole.items[:, -5:]) and torch.equal(cut.times, whole.times[:, -5:])
    wider = replace(batch, items=torch.tensor([[1, 2, 3]]), times=torch.tensor([[7, 8, 9]]), target=torch.tensor([[9]]))
    assert view.within(wider, 2).items.tolist() == [[2, 3]], "a row that stays is cut as well"


def test_all_of_them_alike():
    histories = [[1, 4], [2, 4], [3, 2, 4], [1, 2, 4, 3, 4], [4, 1]]
    torch.manual_seed(0)
    rows = make_rows(corpus(histories), "prefix", 5)
    batch = rows.batch(torch.zeros(8000, dtype=torch.long))
    found = Counter(events(SameTarget(rows.corpus)(batch)))
    assert set(found) == set(pasts(histories, 4, 1)) and len(found) == 4
    assert all(abs(n - 2000) < 200 for n in found.values())


def test_rows_that_ask_for_nothing_or_have_nothing_stay():
    histories = [[1, 2], [3, 2], [2, 4]]
    rows = make_rows(corpus(histories), "prefix", 5)
    batch = rows.batch(torch.arange(3))
    view = SameTarget(rows.corpus)
    nothing = replace(batch, target=torch.zeros_like(batch.target))
    assert events(view(nothing)) == events(batch)
    empty = replace(batch, items=torch.zeros_like(batch.items), times=torch.zeros_like(batch.times))
    assert not view(empty).items.any()
    none = rows.batch(torch.arange(0))
    assert view(none).items.shape[0] == 0
    assert view(replace(batch, times=None)).times is None
