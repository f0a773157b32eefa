"""Factors of equations that can be solved, and of some that cannot."""

import pytest
import torch

from ssrec.cholesky import cholesky
from ssrec.errors import CompositionError


def test_a_factor_times_itself_is_the_matrix():
    x = torch.randn(3, 8, 4)
    matrix = x.mT @ x + torch.eye(4)
    factor = cholesky(matrix, "a model", 1.0)
    torch.testing.assert_close(factor @ factor.mT, matrix)
    assert not factor.triu(1).any()


def test_one_matrix_that_cannot_be_solved_is_refused():
    matrices = torch.stack([torch.eye(2), torch.ones(2, 2) - 1e-3 * torch.eye(2)])
    with pytest.raises(CompositionError, match="a model: l2=2 leaves equations"):
        cholesky(matrices, "a model", 2.0)
