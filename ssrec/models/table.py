"""The vectors of items: a sum of sources, chosen by `table@model.table.sources=[id,attribute]`."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from functools import reduce
from typing import ClassVar, final

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from ssrec.batch import PAD, Attributes, Corpus
from ssrec.errors import CompositionError
from ssrec.nn import dropout, require


class Source(nn.Module, ABC):
    """Vectors for the rows of a table: padding, the items, the mask token."""

    needs: ClassVar[frozenset[str]] = frozenset()  # item features that the dataset must have

    @abstractmethod
    def forward(self, ids: Int[Tensor, "*shape"]) -> Float[Tensor, "*shape D"]: ...


class IdSource(Source):
    """A free vector for every row: the collaborative part."""

    def __init__(self, corpus: Corpus, dim: int):
        super().__init__()
        self.embedding = nn.Embedding(corpus.mask + 1, dim, padding_idx=PAD)

    def forward(self, ids: Int[Tensor, "*shape"]) -> Float[Tensor, "*shape D"]:
        return self.embedding(ids)


class AttributeSource(Source):
    """The mean of the vectors of an item's attributes: content, also for items without events."""

    needs: ClassVar[frozenset[str]] = frozenset({"attributes"})

    def __init__(self, corpus: Corpus, dim: int):
        super().__init__()
        feature = corpus.item_features.get("attributes")
        if not isinstance(feature, Attributes):
            raise CompositionError("table source attribute needs item attributes, and the dataset has none")
        self.bag = nn.EmbeddingBag(len(feature.names), dim, mode="mean")
        mask_row = feature.values.offsets[-1:]  # the mask token has no attributes: an empty row, a zero vector
        self.register_buffer("values", feature.values.values, persistent=False)
        self.register_buffer("offsets", torch.cat([feature.values.offsets, mask_row]), persistent=False)
        self.values: Tensor
        self.offsets: Tensor

    def forward(self, ids: Int[Tensor, "*shape"]) -> Float[Tensor, "*shape D"]:
        every = self.bag(self.values, self.offsets[:-1])
        return every[ids]


@final
class Draw:
    """A table in one pass: the vectors of `rows`, which were drawn once for all that reads them."""

    def __init__(self, rows: Float[Tensor, "R D"], item_rows: int):
        self._rows = rows
        self._item_rows = item_rows

    def __call__(self, ids: Int[Tensor, "*shape"]) -> Float[Tensor, "*shape D"]:
        return F.embedding(ids, self._rows)

    def all(self) -> Float[Tensor, "N D"]:
        return self._rows[: self._item_rows]


@final
class Table(nn.Module):
    """Item vectors. Rows: padding (zero), the items, the mask token.

    Args:
        corpus: The training split, for its sizes and the content of its items.
        dim: Width of the vectors.
        sources: What is summed; each makes itself from the corpus and `dim`.
        dropout: Probability on every element of the table while training. A pass draws once, so that inputs, labels and
            negatives lose the same elements, as in RecTools before 0.16.

    Raises:
        CompositionError: Without a source, or for a probability outside [0, 1).
    """

    def __init__(
        self, corpus: Corpus, dim: int, *, sources: Mapping[str, Callable[[Corpus, int], Source]], dropout: float = 0.0
    ):
        super().__init__()
        if not sources:
            raise CompositionError("a table needs at least one source, for example table@model.table.sources=[id]")
        require(0 <= dropout < 1, f"table: dropout={dropout} must be at least 0 and below 1")
        self.item_rows = corpus.item_rows
        self.mask = corpus.mask
        self.p = dropout
        self.sources = nn.ModuleDict({name: make(corpus, dim) for name, make in sources.items()})

    def forward(self, ids: Int[Tensor, "*shape"]) -> Float[Tensor, "*shape D"]:
        return reduce(torch.add, (source(ids) for source in self.sources.values()))

    def all(self) -> Float[Tensor, "N D"]:
        """The vectors of padding and the catalogue, without the mask token: what a ranking searches."""
        return self._until(self.item_rows)

    def draw(self) -> "Table | Draw":
        """What one pass reads: the table itself, or all of it with one draw of its dropout."""
        if not (self.training and self.p):
            return self
        return Draw(dropout(self._until(self.mask + 1), self.p, True), self.item_rows)

    def _until(self, end: int) -> Float[Tensor, "R D"]:
        return self(torch.arange(end, device=next(self.parameters()).device))
