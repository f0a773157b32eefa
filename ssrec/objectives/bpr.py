"""Rank what happened over what did not: the pairwise objective of graph models."""

from typing import Literal, final

import torch
from jaxtyping import Float
from torch import Tensor

from ssrec.batch import Corpus
from ssrec.encodings.graph import GraphEncoding
from ssrec.losses import Reduction, bpr, reduced
from ssrec.models.encoder import Encoder
from ssrec.negatives import Unmet
from ssrec.nn import gather, require
from ssrec.objectives.objective import Objective
from ssrec.pretext.edges import L2Form, edge_l2, edge_vectors
from ssrec.pretext.hard_negatives import hardest, mixed

Negatives = Literal["uniform", "popularity", "dns", "mixgcf"]


@final
class BPR(Objective[GraphEncoding]):
    """Bayesian personalised ranking with one negative an edge, drawn outside the user's training history.

    Parts: bpr, `-log sigmoid(u.i - u.j)` (Rendle et al., UAI 2009); l2, `l2` times a norm of u, i and j, repeats
    counted.

    Args:
        l2, l2_form: the weight, and what it weighs, see `ssrec.pretext.edges.edge_l2`.
        negatives: uniform; popularity: in proportion to training events; dns: of uniform ones that of the highest
            score; mixgcf: made of them and the positive, layer by layer. See `ssrec.pretext.hard_negatives`.
        candidates: how many of them dns and mixgcf draw for each edge.
        reduction: of both parts: mean over edges, or their sum (SGL: Wu et al., SIGIR 2021, as its code runs).

    Raises:
        CompositionError: for a setting outside its range.
    """

    rows = ("edge",)

    def __init__(
        self,
        encoder: Encoder,
        corpus: Corpus,
        *,
        l2: float = 1e-4,
        l2_form: L2Form = "lightgcn",
        negatives: Negatives = "uniform",
        candidates: int = 16,
        reduction: Reduction = "mean",
    ):
        super().__init__(encoder, corpus)
        require(l2 >= 0, f"bpr: l2={l2} must not be negative")
        require(candidates >= 1, f"bpr: candidates={candidates} must be at least 1")
        self.l2 = l2
        self.l2_form: L2Form = l2_form
        self.negatives: Negatives = negatives
        self.candidates = candidates
        self.reduction: Reduction = reduction
        self.unmet = Unmet(corpus, "popularity" if negatives == "popularity" else "uniform")

    def forward(self, x: GraphEncoding) -> dict[str, Tensor]:
        (user, positive, negative), free = self._vectors(x)
        total = bpr((user * positive).sum(1), (user * negative).sum(1))
        l2 = edge_l2(self.l2_form, free, (user, positive, negative), self.reduction)
        return {"bpr": reduced(total, len(user), self.reduction), "l2": self.l2 * l2}

    def _vectors(self, x: GraphEncoding) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """The users, positives and negatives, "B D" each: their nodes, and their layer 0."""
        users, items = x.batch.user, x.item_node(x.batch.target[:, 0])
        if self.negatives in ("uniform", "popularity"):
            negatives = x.item_node(self.unmet(users))
        else:
            drawn = x.item_node(self.unmet(users[:, None].expand(-1, self.candidates)))
            if self.negatives == "mixgcf":
                layers = mixed(x, items, drawn)
                return (*edge_vectors(x, x.nodes), x.readout(layers)), (*edge_vectors(x, x.layers[0]), layers[0])
            negatives = hardest(gather(x.nodes, users), x.nodes, drawn)
        nodes = torch.cat([users, items, negatives])
        found = _three(x.nodes, nodes)
        # where nothing is propagated, layer 0 is what ranks
        return found, found if x.layers[0] is x.nodes else _three(x.layers[0], nodes)


def _three(vectors: Float[Tensor, "V D"], nodes: Tensor) -> tuple[Tensor, ...]:
    return gather(vectors, nodes).float().chunk(3)
