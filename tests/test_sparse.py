"""Sparse products against dense ones."""

import pytest
import torch

from ssrec.batch import Ragged
from ssrec.errors import CompositionError
from ssrec.sparse import SparseMatrix, SparseProduct, bags, cooccurrence, group, sum_rows

PAST = Ragged(torch.tensor([4, 2, 4, 1, 2]), torch.tensor([0, 3, 3, 5]))


def rows(ragged):
    return [row.tolist() for row in ragged.values.split(ragged.lengths.tolist())]


def test_group_gives_distinct_sorted_bags():
    assert rows(group(torch.tensor([1, 0, 1, 1]), torch.tensor([3, 2, 0, 3]), 3, 4)) == [[2], [0, 3], []]


def test_bags_count_repeats_once_and_refuse_a_missing_past():
    assert rows(bags(PAST, 5, "ease")) == [[2, 4], [], [1, 2]]
    with pytest.raises(CompositionError, match="model ease reads"):
        bags(None, 5, "ease")


def test_sum_rows_is_a_sparse_product():
    matrix = torch.arange(10.0).view(5, 2)
    expected = torch.stack([2 * matrix[4] + matrix[2], torch.zeros(2), matrix[1] + matrix[2]])
    assert torch.equal(sum_rows(matrix, PAST), expected)
    weights = torch.tensor([1.0, 0.5, 0.0, 2.0, -1.0])
    expected = torch.stack([matrix[4] + 0.5 * matrix[2], torch.zeros(2), 2 * matrix[1] - matrix[2]])
    assert torch.equal(sum_rows(matrix, PAST, weights), expected)


@pytest.mark.parametrize("symmetric", [True, False])
def test_the_backward_of_a_product_is_that_of_the_transpose(symmetric):
    torch.manual_seed(0)
    dense = torch.rand(6, 6).round(decimals=1) * (torch.rand(6, 6) < 0.4)
    dense = dense + dense.T
    if not symmetric:  # at the same places
        dense = dense * torch.rand(6, 6)
    row, column = dense.nonzero().T
    offsets = torch.cat([torch.zeros(1).long(), torch.bincount(row, minlength=6).cumsum(0)])
    x = torch.randn(6, 3, requires_grad=True)
    y = SparseProduct.apply(x, column, offsets, dense[row, column], dense.T[row, column])
    torch.testing.assert_close(y, dense @ x)
    upstream = torch.randn(3, 6).T  # not contiguous
    y.backward(upstream)
    torch.testing.assert_close(x.grad, dense.T @ upstream)


def test_a_sparse_matrix_sums_the_rows_of_each_bag():
    dense = torch.tensor([[0, 0, 0], [0, 1.5, 2], [3, 0, 0.5]])
    pairs = dense.flatten().nonzero().flatten()
    matrix = SparseMatrix(pairs, dense.flatten()[pairs], 3)
    past = Ragged(torch.tensor([1, 2, 0, 2]), torch.tensor([0, 2, 2, 4]))
    expected = torch.stack([dense[1] + dense[2], torch.zeros(3), dense[0] + dense[2]])
    assert torch.equal(matrix(past), expected)
    assert torch.equal(matrix(Ragged(torch.zeros(0).long(), torch.zeros(3).long())), torch.zeros(2, 3))


def test_cooccurrence_is_the_gram_matrix_of_the_incidence():
    dense = torch.tensor([[0.0, 0, 1, 0, 1], [0, 0, 0, 0, 0], [0, 1, 1, 0, 0]])
    chunks = list(cooccurrence(PAST, 5))
    assert torch.equal(torch.cat([counts for _, counts in chunks], dim=1), dense.T @ dense)
    small = list(cooccurrence(PAST, 5, cells=10))
    assert [c.stop - c.start for c, _ in small] == [2, 2, 1]
    assert torch.equal(torch.cat([counts for _, counts in small], dim=1), dense.T @ dense)
