"""EDLAE against the expected squared error that it minimises, and against EASE."""

import pytest
import torch

from ssrec.errors import CompositionError
from ssrec.models.ease import EASE
from ssrec.models.edlae import EDLAE


def incidence(histories):
    x = torch.zeros(len(histories), 10, dtype=torch.float64)
    for user, row in enumerate(histories):
        x[user, row] = 1
    return x


def test_weights_are_ridge_regressions_on_inputs_with_dropout(corpus, histories):
    """E |x_j - z w|^2 over z = x * Bernoulli(1 - p) / (1 - p) is |x_j - X w|^2 + p / (1 - p) sum_i |x_i|^2 w_i^2."""
    p, l2 = 0.3, 2.0
    x = incidence(histories)
    weights = EDLAE(corpus, dropout=p, l2=l2).weights
    for item in range(10):
        others = [j for j in range(10) if j != item]
        a = x[:, others]
        held_back = torch.diag(p / (1 - p) * a.square().sum(0) + l2)
        expected = torch.linalg.solve(a.T @ a + held_back, a.T @ x[:, item])
        torch.testing.assert_close(weights[others, item], expected.float())
        assert weights[item, item] == 0


def test_the_expected_error_under_dropout_is_what_the_formula_says(histories):
    """The penalty of the test above, by many draws."""
    x, p = incidence(histories), 0.3
    w = torch.linspace(-1, 1, 10, dtype=torch.float64)
    kept = torch.bernoulli(torch.full((20000, *x.shape), 1 - p, dtype=torch.float64)) / (1 - p)
    drawn = (x[:, 3] - (x * kept) @ w).square().sum(1)
    expected = (x[:, 3] - x @ w).square().sum() + p / (1 - p) * (x.square().sum(0) * w.square()).sum()
    assert abs(drawn.mean() - expected) < 4 * drawn.std() / len(drawn) ** 0.5


def test_without_dropout_it_is_ease(corpus, make_batch):
    pasts = make_batch([[1, 2, 2], [5], []])
    assert torch.equal(EDLAE(corpus, dropout=0.0, l2=2.0)(pasts).scores(), EASE(corpus, l2=2.0)(pasts).scores())
    assert not torch.equal(EDLAE(corpus, dropout=0.5, l2=2.0)(pasts).scores(), EASE(corpus, l2=2.0)(pasts).scores())


def test_settings_out_of_range_are_refused(corpus):
    with pytest.raises(CompositionError, match="l2=0"):
        EDLAE(corpus, l2=0.0)
    with pytest.raises(CompositionError, match="dropout=1"):
        EDLAE(corpus, dropout=1.0)
    with pytest.raises(CompositionError, match="edlae: l2=1e-30 leaves equations"):
        EDLAE(corpus, dropout=0.0, l2=1e-30)
