"""How different the items of one list are from each other.

Intra-list distance of Ziegler, McNee, Konstan and Lausen, WWW 2005: the mean of 1 - cosine over all pairs of a list's
items. With unit vectors x_i of n items, sum_{i != j} x_i.x_j = |sum_i x_i|^2 - n, so no pair is ever formed.
Items whose vector is zero (no attributes, not trained) have no direction and are left out; a row counts where two are
left. Computed in double precision; higher is more diverse.
"""

from collections.abc import Sequence
from typing import ClassVar, final

import torch
from jaxtyping import Bool, Float, Float64, Int
from torch import Tensor

from ssrec.batch import PAD, Corpus, Vectors
from ssrec.errors import CompositionError
from ssrec.metrics.metric import RowMean, top_list
from ssrec.metrics.names import Names
from ssrec.ranking import Ranking


def mean_distance(
    squared_norm: Float64[Tensor, "B"], n: Int[Tensor, "B"]
) -> tuple[Float64[Tensor, "B"], Bool[Tensor, "B"]]:
    """The mean pairwise cosine distance of n unit vectors, given the squared norm of their sum."""
    return (1 - (squared_norm - n) / (n * (n - 1))).clamp(min=0), n > 1


def vector_distance(
    vectors: Float[Tensor, "N D"], items: Int[Tensor, "B K"]
) -> tuple[Float64[Tensor, "B"], Bool[Tensor, "B"]]:
    """The mean pairwise cosine distance of each list's vectors."""
    found = vectors[items].double()
    norms = torch.where(items == PAD, 0, torch.linalg.vector_norm(found, dim=-1))
    weights = torch.where(norms > 0, norms.reciprocal(), 0)
    total = torch.einsum("bk,bkd->bd", weights, found)
    return mean_distance(total.square().sum(1), (norms > 0).sum(1))


@final
class VectorDiversity(RowMean):
    """Diversity over the item vectors that the model ranks with, in [0, 2]; no result for a model that has none."""

    name = "diversity_vectors"
    higher_is_better = True

    def values(self, r: Ranking, k: int) -> tuple[Tensor, Tensor]:
        items = top_list(r, k)
        if r.item_vectors is None:
            nothing = torch.zeros(len(items), dtype=torch.float64, device=items.device)
            return nothing, nothing > 0
        return vector_distance(r.item_vectors, items)


@final
class FeatureDiversity(RowMean):
    """Diversity over vectors of the items that the dataset has (images, texts), in [0, 2].

    Results are called by the feature: `diversity_image@K`.

    Args:
        feature: the column of vectors that is read.

    Raises:
        CompositionError: the items have no such vectors.
    """

    name = "diversity"
    needs_named: ClassVar[tuple[str, ...]] = ("feature",)
    higher_is_better = True

    def __init__(self, corpus: Corpus, *, feature: str, ks: Sequence[int]):
        super().__init__(corpus, ks=ks)
        known = {name: f.values for name, f in corpus.item_features.items() if isinstance(f, Vectors)}
        if feature not in known:
            has = ", ".join(known) or "none"
            raise CompositionError(
                f"metric diversity: {feature} is no column of vectors of the items; those of the dataset: {has}"
            )
        self.feature = feature
        self.register_buffer("vectors", known[feature], persistent=False)
        self.vectors: Tensor

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(f"diversity_{self.feature}@{k}" for k in self.ks)

    def values(self, r: Ranking, k: int) -> tuple[Tensor, Tensor]:
        return vector_distance(self.vectors, top_list(r, k))


@final
class AttributeDiversity(RowMean):
    """Diversity over the items' attributes as multi-hot vectors, in [0, 1].

    Raises:
        CompositionError: the dataset has no item attributes.
    """

    name = "diversity_attributes"
    needs = frozenset({"attributes"})
    higher_is_better = True

    def __init__(self, corpus: Corpus, *, ks: Sequence[int]):
        super().__init__(corpus, ks=ks)
        if corpus.attributes is None:  # as published, for those that a model reads are fitted
            raise CompositionError("metric diversity_attributes needs item attributes, and the dataset has none")
        self.names = Names(corpus.attributes)

    def values(self, r: Ranking, k: int) -> tuple[Tensor, Tensor]:
        items = top_list(r, k)
        found = self.names.table.select(items.flatten())
        lengths = found.lengths
        weights = lengths.double().rsqrt().repeat_interleave(lengths, output_size=len(found.values))
        cells = (found.rows // k) * self.names.n + found.values
        total = weights.new_zeros(len(items) * self.names.n).index_add_(0, cells, weights)
        n = (lengths > 0).view(items.shape).sum(1)
        return mean_distance(total.view(len(items), self.names.n).square().sum(1), n)
