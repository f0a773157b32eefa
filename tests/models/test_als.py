"""ALS against dense equations in double precision."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ssrec.batch import Batch, Ragged
from ssrec.errors import CompositionError
from ssrec.models.als import ALS, counted, solved

PASTS = [[1, 2, 2], [5], [], [8, 3]]


def counts(rows, n=10):
    x = torch.zeros(len(rows), n, dtype=torch.double)
    for user, row in enumerate(rows):
        for item in row:
            x[user, item] += 1
    return x


def by_hand(other, counts, alpha, l2):
    """One row after the other, with the full diagonal of confidences."""
    found = []
    for row in counts:
        c = torch.diag(1 + alpha * row)
        left = other.T @ c @ other + l2 * torch.eye(other.shape[1]).double()
        found.append(torch.linalg.solve(left, other.T @ c @ (row > 0).double()))
    return torch.stack(found)


def loss(users, items, counts, alpha, l2):
    error = (1 + alpha * counts) * ((counts > 0).double() - users @ items.T).square()
    return float(error.sum() + l2 * (users.square().sum() + items.square().sum()))


def test_items_are_the_alternation_of_dense_solutions(corpus, histories):
    x, alpha, l2 = counts(histories), 3.0, 0.5
    torch.manual_seed(4)
    items = (torch.randn(10, 4) * 0.1).double()
    items[0] = 0  # padding
    for _ in range(3):
        users = by_hand(items, x, alpha, l2)
        items = by_hand(users, x.T, alpha, l2)
    torch.manual_seed(4)
    fitted = ALS(corpus, dim=4, alpha=alpha, l2=l2, iterations=3).items
    torch.testing.assert_close(fitted, items.float(), rtol=1e-3, atol=1e-4)


def test_every_turn_lowers_the_loss(corpus, histories):
    x, losses = counts(histories), []
    for iterations in range(1, 8):
        torch.manual_seed(0)
        items = ALS(corpus, dim=3, alpha=3.0, l2=0.5, iterations=iterations).items.double()
        losses.append(loss(by_hand(items, x, 3.0, 0.5), items, x, 3.0, 0.5))
    assert all(after <= before + 1e-5 for before, after in pairwise(losses))
    assert losses[-1] < 0.9 * losses[0]


@given(st.lists(st.lists(st.integers(1, 9), max_size=12), min_size=1, max_size=8), st.sampled_from([1, 40, 2**20]))
def test_rows_of_any_lengths_in_blocks_of_any_size(rows, cells):
    torch.manual_seed(0)
    other = torch.randn(10, 3)
    past = Ragged(
        torch.tensor([i for r in rows for i in r]).long(), torch.tensor([0] + [len(r) for r in rows]).cumsum(0)
    )
    bags, times = counted(past.rows, past.values, len(rows), 10)
    found = solved(other, bags, 2.0 * times, 0.7, cells)
    torch.testing.assert_close(found, by_hand(other.double(), counts(rows), 2.0, 0.7).float(), rtol=1e-3, atol=1e-4)


def test_a_row_is_ranked_by_its_past_whoever_it_is(corpus, make_batch):
    model = ALS(corpus, dim=4, alpha=3.0, l2=0.5)
    batch = make_batch(PASTS)
    users = by_hand(model.items.double(), counts(PASTS), 3.0, 0.5)
    expected = (users @ model.items.double().T).float()
    torch.testing.assert_close(model(batch).scores(), expected, rtol=1e-3, atol=1e-4)
    stranger: Batch = replace(batch, user=torch.zeros(4).long())
    assert torch.equal(model(stranger).scores(), model(batch).scores())
    with pytest.raises(CompositionError, match="als reads each row's full past"):
        model(replace(batch, seen=None)).scores()


def test_settings_out_of_range_are_refused(corpus):
    for name, value in {"dim": 0, "iterations": 0, "alpha": 0.0, "l2": -1.0}.items():
        with pytest.raises(CompositionError, match=f"{name}={value}"):
            ALS(corpus, **{name: value})
    with pytest.raises(CompositionError, match="als: l2=1e-30 leaves equations"):
        ALS(corpus, dim=8, alpha=1e9, l2=1e-30)
