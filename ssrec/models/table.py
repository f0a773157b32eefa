"""The vectors of items: a sum of sources, chosen by `table@model.table.sources=[id,attribute]`."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from itertools import chain
from typing import ClassVar, TypeVar, final

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from ssrec.batch import PAD, Attributes, Corpus, Numbers, Vectors
from ssrec.errors import CompositionError
from ssrec.nn import dropout, gather, require


class Source(nn.Module, ABC):
    """Vectors for the rows of a table: padding, the items, the mask token."""

    needs: ClassVar[frozenset[str]] = frozenset()  # item features that the dataset must have

    @abstractmethod
    def forward(self, ids: Int[Tensor, "*shape"]) -> Float[Tensor, "*shape D"]: ...


Kind = TypeVar("Kind", Attributes, Numbers, Vectors)


def _content(corpus: Corpus, kind: type[Kind]) -> tuple[dict[str, Kind], str]:
    """The items' features of a kind by name, and those names for a message."""
    known = {name: f for name, f in corpus.item_features.items() if isinstance(f, kind)}
    return known, ", ".join(known) or "none"


class IdSource(Source):
    """A free vector for every row: the collaborative part."""

    def __init__(self, corpus: Corpus, dim: int):
        super().__init__()
        self.embedding = nn.Embedding(corpus.mask + 1, dim, padding_idx=PAD)

    def forward(self, ids: Int[Tensor, "*shape"]) -> Float[Tensor, "*shape D"]:
        return self.embedding(ids)


class AttributeSource(Source):
    """The mean of the vectors of an item's attributes: content, also for items without events.

    Args:
        corpus: The training split, which has the attributes.
        dim: Width of the vectors.
        feature: Name of the attributes read: categories, or brands, tags, authors.

    Raises:
        CompositionError: The items have no such attributes, or none of their names is left.
    """

    needs_named: ClassVar[tuple[str, ...]] = ("feature",)  # arguments whose value the dataset must offer

    def __init__(self, corpus: Corpus, dim: int, *, feature: str = "attributes"):
        super().__init__()
        known, names = _content(corpus, Attributes)
        if feature not in known:
            raise CompositionError(
                f"table source attribute needs item attributes called {feature}; those of the dataset: {names}"
            )
        found = known[feature]
        if not found.names:
            raise CompositionError(
                f"table source attribute: {feature} has no name left, because fewer trained items than "
                "features.min_count have any; lower that, or read another feature"
            )
        self.bag = nn.EmbeddingBag(len(found.names), dim, mode="mean")
        mask_row = found.values.offsets[-1:]  # the mask token has no attributes: an empty row, a zero vector
        self.register_buffer("values", found.values.values, persistent=False)
        self.register_buffer("offsets", torch.cat([found.values.offsets, mask_row]), persistent=False)
        self.values: Tensor
        self.offsets: Tensor

    def forward(self, ids: Int[Tensor, "*shape"]) -> Float[Tensor, "*shape D"]:
        every = self.bag(self.values, self.offsets[:-1])
        return every[ids]


@final
class ContentMap(nn.Module):
    """The rows of a fixed matrix, mapped linearly; without a bias, so that rows of zeros stay zero."""

    def __init__(self, values: Float[Tensor, "N C"], dim: int):
        super().__init__()
        self.linear = nn.Linear(values.shape[1], dim, bias=False)
        self.register_buffer("values", F.pad(values, (0, 0, 0, 1)), persistent=False)  # the mask token has no content
        self.values: Tensor

    def forward(self, ids: Int[Tensor, "*shape"]) -> Float[Tensor, "*shape D"]:
        return self.linear(self.values[ids])


class NumberSource(Source):
    """A linear map of an item's normalised numbers; zero for padding and the mask token.

    Args:
        corpus: The training split, which has the numbers.
        dim: Width of the vectors.
        features: Names of the numbers; None: all that there are.

    Raises:
        CompositionError: The items have no such numbers.
    """

    def __init__(self, corpus: Corpus, dim: int, *, features: Sequence[str] | None = None):
        super().__init__()
        known, names = _content(corpus, Numbers)
        chosen = list(known if features is None else features)
        if not chosen or not known.keys() >= set(chosen):
            asked = ", ".join(chosen) or "a number"
            raise CompositionError(f"table source number needs {asked}; the items' numbers: {names}")
        self.map = ContentMap(torch.cat([known[name].values for name in chosen], dim=1), dim)

    def forward(self, ids: Int[Tensor, "*shape"]) -> Float[Tensor, "*shape D"]:
        return self.map(ids)


class VectorSource(Source):
    """A linear map of an item's vector: image or audio features; zero for padding and the mask token.

    Args:
        corpus: The training split, which has the vectors.
        dim: Width of the vectors given.
        feature: Name of the vectors read.

    Raises:
        CompositionError: The items have no such vectors.
    """

    needs_named: ClassVar[tuple[str, ...]] = ("feature",)  # arguments whose value the dataset must offer

    def __init__(self, corpus: Corpus, dim: int, *, feature: str):
        super().__init__()
        known, names = _content(corpus, Vectors)
        if feature not in known:
            raise CompositionError(f"table source {feature} needs vectors of that name; the items' vectors: {names}")
        self.map = ContentMap(known[feature].values, dim)

    def forward(self, ids: Int[Tensor, "*shape"]) -> Float[Tensor, "*shape D"]:
        return self.map(ids)


@final
class Draw:
    """A table in one pass: the vectors of `rows`, which were drawn once for all that reads them."""

    def __init__(self, rows: Float[Tensor, "R D"], item_rows: int):
        self._rows = rows
        self._item_rows = item_rows

    def __call__(self, ids: Int[Tensor, "*shape"]) -> Float[Tensor, "*shape D"]:
        return gather(self._rows, ids)

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
        self.sources = nn.ModuleDict({name: make(corpus, dim) for name, make in sorted(sources.items())})

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
        return self(torch.arange(end, device=next(chain(self.parameters(), self.buffers())).device))
