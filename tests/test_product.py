"""The product of the faster library against the usual one in double precision."""

import pytest
import torch
from torch import Tensor

from ssrec.product import product

SHAPES = [(1, 1, 1), (3, 5, 1), (1, 7, 64), (130, 1, 3), (250, 1009, 64), (64, 33, 250), (0, 4, 2), (4, 0, 2)]


def close(a: Tensor, b: Tensor) -> None:
    torch.testing.assert_close(product(a, b), (a.double() @ b.double().T).to(a.dtype), rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("rows,others,dim", SHAPES)
def test_it_is_the_product_of_the_rows_of_both(rows, others, dim):
    torch.manual_seed(0)
    close(torch.randn(rows, dim), torch.randn(others, dim))


@pytest.mark.parametrize("rows,others,dim", SHAPES)
def test_transposes_and_some_rows_of_a_matrix_count_as_they_stand(rows, others, dim):
    torch.manual_seed(0)
    close(torch.randn(dim, rows).T, torch.randn(dim, others).T)
    close(torch.randn(rows + 3, dim)[1 : rows + 1], torch.randn(others + 3, dim)[2 : others + 2])
    close(torch.randn(rows, 2 * dim)[:, ::2], torch.randn(others, dim + 1)[:, 1:])


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_the_dtype_stays(dtype):
    a, b = torch.eye(3, dtype=dtype), torch.arange(6.0).view(2, 3).to(dtype)
    assert torch.equal(product(a, b), b.T)


def test_single_precision_stays_single():
    a = torch.full((1, 64), 1 + 2**-12)
    assert product(a, a).item() == pytest.approx(64 * (1 + 2**-12) ** 2, rel=1e-6), "half precision reads a 1 there"
