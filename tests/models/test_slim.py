"""SLIM against the conditions of its optimum, and against a loop over single weights."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ssrec.errors import CompositionError
from ssrec.models import slim
from ssrec.models.slim import SLIM, elastic_net

ROWS = st.lists(st.lists(st.integers(1, 11), min_size=1, max_size=8), min_size=1, max_size=20)


def incidence(histories, n=10):
    x = torch.zeros(len(histories), n, dtype=torch.float64)
    for user, row in enumerate(histories):
        x[user, row] = 1
    return x


def dense(model):
    found = torch.zeros(model.item_rows, model.item_rows)
    found.view(-1)[
        torch.repeat_interleave(model.explaining.offsets.diff()) * model.item_rows + model.explaining.columns
    ] = model.explaining.weights
    return found


def by_loop(x, item, l1, l2, sweeps=60):
    """Coordinate descent for one column, a weight at a time, on the residual itself."""
    w = torch.zeros(x.shape[1], dtype=torch.float64)
    for _ in range(sweeps):
        for i in range(x.shape[1]):
            if i != item:
                without = x[:, item] - x @ w + x[:, i] * w[i]
                w[i] = max(0.0, float(x[:, i] @ without) - l1) / (float(x[:, i] @ x[:, i]) + l2)
    return w


@given(ROWS, st.sampled_from([0.0, 0.3, 1.0]), st.sampled_from([0.5, 5.0]))
def test_columns_fulfil_the_conditions_of_the_optimum(rows, l1, l2):
    x = incidence(rows, 12)
    gram = x.T @ x
    columns = slice(2, 9)
    found = elastic_net(gram.float(), columns, l1=l1, l2=l2, sweeps=1000, tolerance=1e-7).double()
    slope = gram @ found - gram[:, columns] + l2 * found + l1  # of the loss, where weights are not negative
    itself = torch.eye(12, dtype=torch.bool)[:, columns]
    assert (found >= 0).all() and not found[itself].any()
    assert (slope[~itself] >= -1e-4).all(), "a weight of zero should grow"
    assert slope[(found > 0) & ~itself].abs().le(1e-4).all(), "a weight is not where the slope is zero"


def test_weights_are_those_of_a_loop(corpus, histories, monkeypatch):
    x = incidence(histories)
    expected = torch.stack([by_loop(x, item, 0.2, 0.7) for item in range(10)], dim=1).float()
    assert (expected > 0).sum() > 10
    for cells, rows in ((2**25, 64), (30, 3)):  # in blocks of all columns and rows, and of three
        monkeypatch.setattr(slim, "CELLS", cells)
        monkeypatch.setattr(slim, "ROWS", rows)
        model = SLIM(corpus, l1=0.2, l2=0.7, sweeps=500, tolerance=1e-7)
        torch.testing.assert_close(dense(model), expected, rtol=1e-4, atol=1e-5)


def test_more_l1_leaves_fewer_weights_and_too_much_none(corpus):
    left = [int((dense(SLIM(corpus, l1=l1, l2=0.5)) > 0).sum()) for l1 in (0.0, 0.5, 1.0, 100.0)]
    assert left == sorted(left, reverse=True) and left[0] > left[1] > left[-1] == 0


def test_scores_are_the_bag_times_the_weights(corpus, make_batch):
    model = SLIM(corpus, l1=0.2, l2=0.7)
    pasts = [[1, 2, 2], [5], []]
    expected = torch.stack([sum((dense(model)[j] for j in set(past)), torch.zeros(10)) for past in pasts])
    torch.testing.assert_close(model(make_batch(pasts)).scores(), expected)
    with pytest.raises(CompositionError, match="slim reads each row's full past"):
        model(replace(make_batch(pasts), seen=None)).scores()


def test_settings_out_of_range_are_refused(corpus):
    for name, value in {"l1": -1.0, "l2": 0.0, "sweeps": 0, "tolerance": -1.0}.items():
        with pytest.raises(CompositionError, match=f"{name}={value}"):
            SLIM(corpus, **{name: value})
