"""The vectors of items: a sum of sources, chosen by `table@model.table.sources=[id,attribute]`."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from functools import reduce
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ssrec.batch import PAD, Attributes, Corpus
from ssrec.errors import CompositionError


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


class Table(nn.Module):
    """Item vectors. Rows: padding (zero), the items, the mask token."""

    def __init__(self, corpus: Corpus, dim: int, *, sources: Mapping[str, Callable[[Corpus, int], Source]]):
        super().__init__()
        if not sources:
            raise CompositionError("a table needs at least one source, for example table@model.table.sources=[id]")
        self.item_rows = corpus.item_rows
        self.sources = nn.ModuleDict({name: make(corpus, dim) for name, make in sources.items()})

    def forward(self, ids: Int[Tensor, "*shape"]) -> Float[Tensor, "*shape D"]:
        return reduce(torch.add, (source(ids) for source in self.sources.values()))

    def all(self) -> Float[Tensor, "N D"]:
        """The vectors of padding and the catalogue, without the mask token: what a ranking searches."""
        return self(torch.arange(self.item_rows, device=next(self.parameters()).device))
