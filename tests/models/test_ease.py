"""EASE against the paper's objective and its closed form in double precision."""

import pytest
import torch

from ssrec.errors import CompositionError
from ssrec.models.ease import EASE


def incidence(histories):
    x = torch.zeros(len(histories), 10, dtype=torch.float64)
    for user, row in enumerate(histories):
        for item in row:
            x[user, item] = 1
    return x


def test_weights_are_the_constrained_ridge_regression_of_each_item(corpus, histories):
    l2 = 2.0
    x = incidence(histories)
    weights = EASE(corpus, l2=l2).weights
    for item in range(10):  # regress the item's column on all the others
        others = [j for j in range(10) if j != item]
        a = x[:, others]
        expected = torch.linalg.solve(a.T @ a + l2 * torch.eye(9).double(), a.T @ x[:, item])
        torch.testing.assert_close(weights[others, item], expected.float())
        assert weights[item, item] == 0


def test_scores_are_the_bag_times_the_weights(corpus, make_batch):
    model = EASE(corpus, l2=2.0)
    pasts = [[1, 2, 2], [5], []]
    scores = model(make_batch(pasts)).scores()
    expected = torch.stack([sum((model.weights[j] for j in set(past)), torch.zeros(10)) for past in pasts])
    torch.testing.assert_close(scores, expected)
    assert scores.dtype == torch.float32


def test_settings_out_of_range_are_refused(corpus):
    with pytest.raises(CompositionError, match="l2=0"):
        EASE(corpus, l2=0.0)
    with pytest.raises(CompositionError, match="ease: l2=1e-30 leaves equations"):
        EASE(corpus, l2=1e-30)
