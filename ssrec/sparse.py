"""Sparse products and sets of items, on flat arrays: torch's own sparse tensors are slower and still in beta."""

from collections.abc import Iterator
from typing import Any, final

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from ssrec.batch import Ragged
from ssrec.errors import CompositionError


def sum_rows(
    matrix: Float[Tensor, "N D"], bags: Ragged, weights: Float[Tensor, "E"] | None = None
) -> Float[Tensor, "R D"]:
    """The (weighted) sum of the rows of `matrix` that each bag names: a product sparse times dense."""
    if weights is not None:
        weights = weights.to(matrix.dtype)
    return F.embedding_bag(
        bags.values, matrix, bags.offsets, per_sample_weights=weights, mode="sum", include_last_offset=True
    )


@final
class SparseProduct(torch.autograd.Function):
    """A @ x for a sparse A whose transpose has its entries at the same places, with the weights `back`.

    The backward is then the same kind of product, and for a symmetric A, where `back` are the weights, the same one.
    Autograd alone would scatter into a dense gradient row by row, at ten times the cost.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, values: Tensor, offsets: Tensor, weights: Tensor, back: Tensor) -> Tensor:
        ctx.save_for_backward(values, offsets, back)
        return sum_rows(x, Ragged(values, offsets), weights)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        values, offsets, back = ctx.saved_tensors
        return sum_rows(gradients[0].contiguous(), Ragged(values, offsets), back), None, None, None, None


def group(rows: Int[Tensor, "E"], values: Int[Tensor, "E"], n_rows: int, n_values: int) -> Ragged:
    """Pairs as bags: each row's distinct values in ascending order."""
    pairs = torch.unique(rows * n_values + values)
    lengths = torch.bincount(pairs // n_values, minlength=n_rows)
    return Ragged(pairs % n_values, torch.cat([lengths.new_zeros(1), lengths.cumsum(0)]))


def bags(past: Ragged | None, item_rows: int, model: str) -> Ragged:
    """Each row's distinct items; raises `CompositionError` where the rows do not carry their full past."""
    if past is None:
        raise CompositionError(
            f"model {model} reads each row's full past (batch.seen), and these rows do not carry it: "
            "choose training rows that do, or a model that reads items"
        )
    return group(past.rows, past.values, len(past), item_rows)


@final
class SparseMatrix(nn.Module):
    """A fitted matrix from items to items, kept sparse in buffers.

    `pairs` are row * item_rows + column, ascending and distinct.
    """

    def __init__(self, pairs: Int[Tensor, "E"], weights: Float[Tensor, "E"], item_rows: int):
        super().__init__()
        self.item_rows = item_rows
        lengths = torch.bincount(pairs // item_rows, minlength=item_rows)
        self.register_buffer("offsets", torch.cat([lengths.new_zeros(1), lengths.cumsum(0)]))
        self.register_buffer("columns", pairs % item_rows)
        self.register_buffer("weights", weights)
        self.offsets: Tensor
        self.columns: Tensor
        self.weights: Tensor

    def forward(self, bags: Ragged) -> Float[Tensor, "B N"]:
        """The sum of the matrix rows of each bag's items."""
        every = torch.arange(len(self.columns), device=self.columns.device)
        entries = Ragged(every, self.offsets).select(bags.values)
        cells = bags.rows[entries.rows] * self.item_rows + self.columns[entries.values]
        sums = torch.zeros(len(bags) * self.item_rows, device=self.weights.device)
        return sums.index_add_(0, cells, self.weights[entries.values]).view(len(bags), self.item_rows)


def cooccurrence(
    history: Ragged, item_rows: int, cells: int = 2**24, weights: Float[Tensor, "U"] | None = None
) -> Iterator[tuple[slice, Float[Tensor, "N C"]]]:
    """How many users have met both items, for all rows and a slice of columns at a time: at most `cells` numbers each.

    This is `X.T @ X` of the binary incidence X "U N"; counts below 2**24 are exact in fp32. With
    `weights` each user counts as much as hers.
    """
    users = group(history.values, history.rows, item_rows, max(len(history), 1))
    width = max(cells // max(item_rows, len(history)), 1)
    for start in range(0, item_rows, width):
        columns = slice(start, min(start + width, item_rows))
        chosen = users.select(torch.arange(columns.start, columns.stop))
        incidence = torch.zeros(len(history), columns.stop - columns.start)
        incidence[chosen.values, chosen.rows] = torch.ones(()) if weights is None else weights[chosen.values]
        yield columns, sum_rows(incidence, users)
