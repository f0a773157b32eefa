"""Columns of names (categories, genres, brands; genders, occupations) as metrics read them: as published."""

from typing import final

import torch
from jaxtyping import Float64, Int
from torch import Tensor, nn

from ssrec.batch import Attributes, Corpus, Ragged
from ssrec.errors import CompositionError

USER = "user."  # begins the name of a column of the users


@final
class Names(nn.Module):
    """The distinct names of each item (or user); one that has m of them belongs to each by 1/m."""

    def __init__(self, column: Attributes):
        super().__init__()
        self.n = len(column.names)
        pairs = torch.unique(column.values.rows * self.n + column.values.values)
        lengths = torch.bincount(pairs // max(self.n, 1), minlength=len(column.values))
        self.register_buffer("values", pairs % max(self.n, 1), persistent=False)
        self.register_buffer("offsets", torch.cat([lengths.new_zeros(1), lengths.cumsum(0)]), persistent=False)
        self.values: Tensor
        self.offsets: Tensor

    @property
    def table(self) -> Ragged:
        """The names of each id, ascending; none of PAD."""
        return Ragged(self.values, self.offsets)

    def mass(self, rows: Int[Tensor, "E"], ids: Int[Tensor, "E"], n_rows: int) -> Float64[Tensor, "R A"]:
        """How much of each name the ids of a row have in sum; an id without names adds nothing."""
        found = self.table.select(ids)
        lengths = found.lengths
        weights = lengths.double().reciprocal().repeat_interleave(lengths, output_size=len(found.values))
        cells = rows[found.rows] * self.n + found.values
        return weights.new_zeros(n_rows * self.n).index_add_(0, cells, weights).view(n_rows, self.n)

    def list_mass(self, items: Int[Tensor, "B K"]) -> Float64[Tensor, "B A"]:
        """`mass` of lists, PAD apart."""
        rows = torch.arange(len(items), device=items.device).repeat_interleave(items.shape[1])
        return self.mass(rows, items.flatten(), len(items))

    def spread(self, weights: Float64[Tensor, "N"]) -> Float64[Tensor, "A"]:
        """The sum of the ids' weights over each name."""
        table = self.table
        shares = (weights / table.lengths)[table.rows]
        return shares.new_zeros(self.n).index_add_(0, table.values, shares)


def item_names(corpus: Corpus, feature: str, metric: str) -> Names:
    """A column of the items.

    Raises:
        CompositionError: the items have no such names.
    """
    return _names(corpus, feature, metric, "items", [name for name in corpus.published if not name.startswith(USER)])


def user_names(corpus: Corpus, feature: str, metric: str) -> Names:
    """A column of the users; its name begins with `user.`.

    Raises:
        CompositionError: the users have no such names.
    """
    return _names(corpus, feature, metric, "users", [name for name in corpus.published if name.startswith(USER)])


def _names(corpus: Corpus, feature: str, metric: str, whose: str, known: list[str]) -> Names:
    if feature not in known:
        has = ", ".join(known) or "none"
        raise CompositionError(f"{metric}: {feature} is no column of names of the {whose}; those of the dataset: {has}")
    return Names(corpus.published[feature])
