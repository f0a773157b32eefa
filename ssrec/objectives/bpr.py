"""Rank what happened over what did not: the pairwise objective of graph models."""

from typing import final

import torch
import torch.nn.functional as F
from torch import Tensor

from ssrec.batch import Corpus
from ssrec.losses import bpr, global_mean
from ssrec.models.encoder import Encoder, GraphEncoding
from ssrec.negatives import Unmet
from ssrec.nn import require
from ssrec.objectives.objective import Objective


@final
class BPR(Objective[GraphEncoding]):
    """Bayesian personalised ranking with one negative an edge, uniform outside the user's training history.

    Parts, each a mean over edges: bpr, `-log sigmoid(u.i - u.j)` (Rendle et al., UAI 2009); l2, `l2 / 2` times the
    squared norms of u, i and j at layer 0, repeats counted (LightGCN: He et al., SIGIR 2020, as its code reduces it).
    """

    rows = ("edge",)

    def __init__(self, encoder: Encoder, corpus: Corpus, *, l2: float = 1e-4):
        super().__init__(encoder, corpus)
        require(l2 >= 0, f"bpr: l2={l2} must not be negative")
        self.l2 = l2
        self.unmet = Unmet(corpus)

    def forward(self, x: GraphEncoding) -> dict[str, Tensor]:
        users = x.batch.user
        nodes = torch.cat([users, x.item_node(x.batch.target[:, 0]), x.item_node(self.unmet(users))])
        user, positive, negative = F.embedding(nodes, x.nodes).float().chunk(3)
        free = F.embedding(nodes, x.layers[0]).float()
        total = bpr((user * positive).sum(1), (user * negative).sum(1))
        return {
            "bpr": global_mean(total, len(users)),
            "l2": global_mean(self.l2 / 2 * free.square().sum(), len(users)),
        }
