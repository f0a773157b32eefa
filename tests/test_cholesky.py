"""Factors of equations that can be solved, and of some that cannot."""

import pytest
import torch

from ssrec.cholesky import cholesky, inverse_
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


@pytest.mark.parametrize("n", [1, 7, 1500])
def test_a_matrix_becomes_its_inverse_where_it_stands(n):
    x = torch.randn(2 * n, n)
    matrix = x.T @ x + n * torch.eye(n)
    expected, place = torch.linalg.inv(matrix.double()).float(), matrix.data_ptr()
    found = inverse_(matrix, "a model", 1.0)
    assert found is matrix and found.data_ptr() == place
    assert torch.equal(found, found.T)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6 * float(expected.abs().max()))


def test_a_matrix_without_an_inverse_is_refused():
    with pytest.raises(CompositionError, match="a model: l2=2 leaves equations"):
        inverse_(torch.ones(2, 2) - 1e-3 * torch.eye(2), "a model", 2.0)
