"""Predict an item's vector from that of a user who met it, and hers from the item's, without negatives."""

from collections.abc import Callable
from typing import final

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from ssrec.batch import Corpus
from ssrec.encodings.graph import GraphEncoding
from ssrec.losses import global_mean
from ssrec.models.encoder import Encoder
from ssrec.models.with_predictor import PredictedEncoding, WithPredictor
from ssrec.nn import dropout, require
from ssrec.objectives.objective import Objective
from ssrec.pretext.bootstrap_targets import BootstrapTarget
from ssrec.pretext.edges import edge_vectors


@final
class BootstrapGraph(Objective[PredictedEncoding]):
    """`2 - 2 cosine` of what a user's vector predicts and the target of the item that she met, and the same back.

    BUIR (Lee et al., SIGIR 2021) and SelfCF (Zhou et al., TORS 2023), a mean over edges of the sum of both ways. There
    are no negatives, so vectors may collapse: the diagnostics `collapse` and `rankme` show it. Parts: bootstrap; l2,
    `l2` times half the squared norms of the two vectors before the predictor, where it is not 0.

    Args:
        target: Makes what is predicted from the encoder, see `ssrec.pretext.bootstrap_targets`.
        edge_dropout: Every pass draws a rate from U(0, this), and entries of the adjacency are left out at that rate,
            each direction of an edge alone, while the others grow, as in the authors' code; 0: the batch's own pass.
        l2: The weight of that part.

    Raises:
        CompositionError: For a setting outside its range.
    """

    rows = ("edge",)

    def __init__(
        self,
        encoder: WithPredictor,
        corpus: Corpus,
        *,
        target: Callable[[WithPredictor], BootstrapTarget],
        edge_dropout: float = 0.2,
        l2: float = 0.0,
    ):
        super().__init__(encoder, corpus)
        require(0 <= edge_dropout <= 1, f"bootstrap_graph: edge_dropout={edge_dropout} must be between 0 and 1")
        require(l2 >= 0, f"bootstrap_graph: l2={l2} must not be negative")
        self.target = target(encoder)
        self.edge_dropout = edge_dropout
        self.l2 = l2

    def forward(self, x: PredictedEncoding) -> dict[str, Tensor]:
        seen = self._drop(x.base)
        user, item = edge_vectors(seen, seen.nodes)
        of_user, of_item = self.target(seen, self._drop)

        def way(vectors: Float[Tensor, "B D"], target: Float[Tensor, "B D"]) -> Float[Tensor, "B"]:
            return 2 - 2 * F.cosine_similarity(x.predict(vectors), target, dim=1)

        parts = {"bootstrap": global_mean((way(user, of_item) + way(item, of_user)).sum(), len(user))}
        if self.l2:
            norms = (user.square() + item.square()).sum() / 2
            parts["l2"] = self.l2 * global_mean(norms, len(user))
        return parts

    def _drop(self, x: GraphEncoding) -> GraphEncoding:
        """A pass of the same parameters over a part of the graph."""
        if not (self.training and self.edge_dropout):
            return x
        rate = self.edge_dropout * float(torch.rand(()))
        return x.view(x.graph.reweighed(dropout(x.graph.weights, rate, True)))

    def before_epoch(self, encoder: Encoder, corpus: Corpus) -> None:
        self.target.before_epoch(encoder)

    def after_step(self, encoder: Encoder) -> None:
        self.target.after_step(encoder)
