"""The names that items have (categories, brands, tags) as classes to predict, with a learned vector for each."""

from typing import Literal, final

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from ssrec.batch import PAD, Attributes, Corpus, Ragged
from ssrec.models.encoder import Encoder
from ssrec.nn import initialise, require
from ssrec.pretext.width import one_item
from ssrec.softmax import log_partition
from ssrec.softplus import softplus_total


@final
class ItemNames(nn.Module):
    """Logits `x' W e_a` for each name a of a column of attributes; which names an item has is never made dense.

    Vectors e and the map W start as N(0, .02).

    Args:
        encoder: gives the width.
        corpus: has the column among its item features.
        feature: the column's name.

    Raises:
        CompositionError: the items have no such attributes, or none of their names is left.
    """

    def __init__(self, encoder: Encoder, corpus: Corpus, feature: str):
        super().__init__()
        known = {name: f for name, f in corpus.item_features.items() if isinstance(f, Attributes)}
        has = ", ".join(known) or "none"
        require(feature in known, f"feature={feature} is none of the items' attributes; those are: {has}")
        found = known[feature]
        require(bool(found.names), f"feature={feature} has no name left; lower features.min_count")
        dim = one_item(encoder).hidden.shape[-1]
        self.map = nn.Linear(dim, dim)
        self.vectors = nn.Embedding(len(found.names) + 1, dim, padding_idx=PAD)
        initialise(self, "normal")
        self.register_buffer("values", found.values.values + 1, persistent=False)  # row 0 is padding
        self.register_buffer("offsets", found.values.offsets, persistent=False)
        self.values: Tensor
        self.offsets: Tensor

    def named(self, items: Int[Tensor, "P"]) -> Bool[Tensor, "P"]:
        """Whether an item has a name."""
        return self.offsets[items + 1] > self.offsets[items]

    def each(self, hidden: Float[Tensor, "P D"], items: Int[Tensor, "P"]) -> Float[Tensor, ""]:
        """The binary cross-entropy of every name, an item's own against all others, summed over names and positions."""
        x = self.map(hidden)
        return softplus_total(x, self.vectors.weight[1:]) - self._held(x, items, "sum")

    def one(self, hidden: Float[Tensor, "P D"], items: Int[Tensor, "P"]) -> Float[Tensor, ""]:
        """The cross-entropy of a softmax over names, summed over positions; items of several names are spread evenly.

        All items must have a name.
        """
        x = self.map(hidden)
        every = log_partition(x, self.vectors.weight, torch.ones_like(items, dtype=torch.float32))
        return every - self._held(x, items, "mean")

    def _held(
        self, x: Float[Tensor, "P D"], items: Int[Tensor, "P"], mode: Literal["sum", "mean"]
    ) -> Float[Tensor, ""]:
        """The sum over positions of the logits, summed or averaged, of an item's own names."""
        own = Ragged(self.values, self.offsets).select(items)
        return (x.float() * F.embedding_bag(own.values, self.vectors.weight, own.offsets[:-1], mode=mode)).sum()
