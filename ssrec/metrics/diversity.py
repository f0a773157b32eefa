"""How different the items of one list are from each other.

Intra-list distance of Ziegler, McNee, Konstan and Lausen, WWW 2005: the mean of 1 - cosine over all pairs of a list's
items. With unit vectors x_i of n items, sum_{i != j} x_i.x_j = |sum_i x_i|^2 - n, so no pair is ever formed.
Items whose vector is zero (no attributes, not trained) have no direction and are left out; a row counts where two are
left. Computed in double precision; higher is more diverse.
"""

from collections.abc import Sequence
from typing import final

import torch
from jaxtyping import Bool, Float64, Int
from torch import Tensor

from ssrec.batch import PAD, Corpus, Ragged
from ssrec.errors import CompositionError
from ssrec.metrics.metric import RowMean, top_list
from ssrec.ranking import Ranking


def mean_distance(
    squared_norm: Float64[Tensor, "B"], n: Int[Tensor, "B"]
) -> tuple[Float64[Tensor, "B"], Bool[Tensor, "B"]]:
    """The mean pairwise cosine distance of n unit vectors, given the squared norm of their sum."""
    return (1 - (squared_norm - n) / (n * (n - 1))).clamp(min=0), n > 1


@final
class VectorDiversity(RowMean):
    """Diversity over the item vectors that the model ranks with, in [0, 2]; no result for a model that has none."""

    name = "diversity_vectors"
    higher_is_better = True

    def update(self, r: Ranking) -> None:
        if r.item_vectors is not None:
            super().update(r)

    def values(self, r: Ranking, k: int) -> tuple[Tensor, Tensor]:
        assert r.item_vectors is not None
        items = top_list(r, k)
        vectors = r.item_vectors[items].double()
        norms = torch.where(items == PAD, 0, torch.linalg.vector_norm(vectors, dim=-1))
        weights = torch.where(norms > 0, norms.reciprocal(), 0)
        total = torch.einsum("bk,bkd->bd", weights, vectors)
        return mean_distance(total.square().sum(1), (norms > 0).sum(1))


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
        feature = corpus.attributes  # not those that a model reads, which are fitted, and with which settings
        if feature is None:
            raise CompositionError("metric diversity_attributes needs item attributes, and the dataset has none")
        self.n_attributes = len(feature.names)
        pairs = torch.unique(feature.values.rows * self.n_attributes + feature.values.values)
        lengths = torch.bincount(pairs // self.n_attributes, minlength=corpus.item_rows)
        self.register_buffer("attributes", pairs % self.n_attributes, persistent=False)
        self.register_buffer("offsets", torch.cat([lengths.new_zeros(1), lengths.cumsum(0)]), persistent=False)
        self.attributes: Tensor
        self.offsets: Tensor

    def values(self, r: Ranking, k: int) -> tuple[Tensor, Tensor]:
        items = top_list(r, k)
        table = Ragged(self.attributes, self.offsets)
        found = table.select(items.flatten())
        lengths = found.lengths
        weights = lengths.double().rsqrt().repeat_interleave(lengths, output_size=len(found.values))
        cells = (found.rows // k) * self.n_attributes + found.values
        total = weights.new_zeros(len(items) * self.n_attributes).index_add_(0, cells, weights)
        n = (lengths > 0).view(items.shape).sum(1)
        return mean_distance(total.view(len(items), self.n_attributes).square().sum(1), n)
