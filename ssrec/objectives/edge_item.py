"""Predict the item of an edge: a ranking loss over the catalogue for graph models."""

from collections.abc import Callable
from typing import final

import torch.nn.functional as F
from torch import Tensor

from ssrec.batch import Corpus
from ssrec.encodings.graph import GraphEncoding
from ssrec.losses import Similarity, global_mean
from ssrec.models.encoder import Encoder
from ssrec.nn import gather, require
from ssrec.objectives.objective import Objective
from ssrec.pretext.edges import edge_l2, edge_vectors
from ssrec.ranking_losses import RankingLoss


@final
class EdgeItem(Objective[GraphEncoding]):
    """The mean over edges of a ranking loss of the user's vector, such as the sampled softmax.

    The losses are those of `next_item` (sampled softmax over edges: Wu et al., TOIS 2024): a negative is any item but
    the edge's own, so it may be one of the user's others. Parts: edge_item; l2, where its weight is above 0.

    Args:
        loss: what a vector pays for ranking its item.
        similarity: dot, or cosine: vectors are normalised here, and a model that ranks by dot products does not know.
        temperature: similarities are divided by it.
        l2: the weight of half the squared layer-0 norms of users and items over the edges, see `edge_l2`.

    Raises:
        CompositionError: for a setting outside its range.
    """

    rows = ("edge",)

    def __init__(
        self,
        encoder: Encoder,
        corpus: Corpus,
        *,
        loss: Callable[[Corpus], RankingLoss],
        similarity: Similarity = "dot",
        temperature: float = 1.0,
        l2: float = 0.0,
    ):
        super().__init__(encoder, corpus)
        require(temperature > 0, f"edge_item: temperature={temperature} must be above 0")
        require(l2 >= 0, f"edge_item: l2={l2} must not be negative")
        self.loss = loss(corpus)
        self.similarity: Similarity = similarity
        self.temperature = temperature
        self.l2 = l2

    def forward(self, x: GraphEncoding) -> dict[str, Tensor]:
        users, items = gather(x.nodes, x.batch.user).float(), x.items.float()
        if self.similarity == "cosine":
            users, items = F.normalize(users, dim=1), F.normalize(items, dim=1)
        total = self.loss(users / self.temperature, items, x.batch.target[:, 0])
        parts = {"edge_item": global_mean(total, len(users))}
        if self.l2:
            parts["l2"] = self.l2 * edge_l2("lightgcn", edge_vectors(x, x.layers[0]), ())
        return parts
