"""UltraGCN's loss: edges weighted by what infinitely many layers of propagation would ask, and no propagation."""

from typing import final

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from ssrec.batch import Corpus
from ssrec.encodings.graph import GraphEncoding
from ssrec.losses import Reduction, reduced
from ssrec.models.encoder import Encoder
from ssrec.negatives import Proposal
from ssrec.nn import gather, require
from ssrec.objectives.objective import Objective
from ssrec.pairs import pair_logits
from ssrec.sparse import cooccurrence, group, sum_rows


@final
class UltraGCN(Objective[GraphEncoding]):
    """Constraint losses on user-item and item-item graphs (Mao et al., CIKM 2021), as the authors' code runs.

    Parts: ultragcn, `-(w1 + w2 b(u, i)) log s(u.i) - negative_weight * mean_j (w3 + w4 b(u, j)) log s(-u.j)` with
    b(u, i) = sqrt(d_u + 1) / (d_u sqrt(d_i + 1)) of the degrees, the main and the constraint loss in one; items,
    `-item_weight * sum_k o(i, k) log s(u.k)` over the `neighbours` items k of largest o(i, k) = n_ik sqrt(g_i + 1) /
    (g_i sqrt(g_k + 1)), n_ik users who met both, g_i = sum_k n_ik. There k may be i itself, which the paper leaves out.
    The authors' L2 of all parameters is the optimizer's weight decay.

    Args:
        negatives: drawn for each edge, uniform over the catalogue, the user's own items too.
        negative_weight, w1, w2, w3, w4, item_weight, neighbours: of the formulas.
        reduction: mean over edges, or their sum as in the authors' code, whose first vectors are so small (1e-4) that
            a mean would leave gradients below what Adam adds to their scale.

    Raises:
        CompositionError: for a setting outside its range.
    """

    rows = ("edge",)

    def __init__(
        self,
        encoder: Encoder,
        corpus: Corpus,
        *,
        negatives: int = 1500,
        negative_weight: float = 300.0,
        w1: float = 1e-6,
        w2: float = 1.0,
        w3: float = 1e-6,
        w4: float = 1.0,
        item_weight: float = 5e-4,
        neighbours: int = 10,
        reduction: Reduction = "mean",
    ):
        super().__init__(encoder, corpus)
        weights = {"w1": w1, "w2": w2, "w3": w3, "w4": w4}
        for name, value in {**weights, "negative_weight": negative_weight, "item_weight": item_weight}.items():
            require(value >= 0, f"ultragcn: {name}={value} must not be negative")
        for name, value in {"negatives": negatives, "neighbours": neighbours}.items():
            require(value >= 1, f"ultragcn: {name}={value} must be at least 1")
        self.w1, self.w2, self.w3, self.w4 = weights.values()
        self.negatives = negatives
        self.negative_weight = negative_weight
        self.item_weight = item_weight
        self.reduction: Reduction = reduction
        self.proposal = Proposal(corpus, "uniform")
        history = group(corpus.history.rows, corpus.items, corpus.user_rows, corpus.item_rows)
        d_user, d_item = history.lengths.float(), history.values.bincount(minlength=corpus.item_rows).float()
        near, weight = _neighbours(corpus, neighbours)
        self.register_buffer("of_user", (d_user + 1).sqrt() / d_user.clamp(min=1), persistent=False)
        self.register_buffer("of_item", (d_item + 1).rsqrt(), persistent=False)
        self.register_buffer("near", near, persistent=False)
        self.register_buffer("near_weight", weight, persistent=False)
        self.of_user: Tensor
        self.of_item: Tensor
        self.near: Tensor
        self.near_weight: Tensor

    def forward(self, x: GraphEncoding) -> dict[str, Tensor]:
        users, items = x.batch.user, x.batch.target[:, :1]
        hidden, of_user = gather(x.nodes, users), self.of_user[users, None]
        drawn = self.proposal.sample(len(users), self.negatives)
        right = F.softplus(-pair_logits(hidden, x.items, items)) * (self.w1 + self.w2 * of_user * self.of_item[items])
        wrong = F.softplus(pair_logits(hidden, x.items, drawn)) * (self.w3 + self.w4 * of_user * self.of_item[drawn])
        near = F.softplus(-pair_logits(hidden, x.items, self.near[items[:, 0]])) * self.near_weight[items[:, 0]]
        main = right.sum() + self.negative_weight * wrong.mean(1).sum()
        return {
            "ultragcn": reduced(main, len(users), self.reduction),
            "items": reduced(self.item_weight * near.sum(), len(users), self.reduction),
        }


def _neighbours(corpus: Corpus, k: int) -> tuple[Int[Tensor, "N K"], Float[Tensor, "N K"]]:
    """Each item's `k` items of largest o(i, k), fewer in a small catalogue, and o; 0 where it has not so many."""
    history = group(corpus.history.rows, corpus.items, corpus.user_rows, corpus.item_rows)
    users = group(corpus.items, corpus.history.rows, corpus.item_rows, corpus.user_rows)
    met = sum_rows(history.lengths[:, None].float(), users)[:, 0]  # g_i: who met i met so many items, each as often
    near, weights = [], []
    for columns, counts in cooccurrence(corpus.history, corpus.item_rows):
        g = met[columns]
        best = (counts * (met[:, None] + 1).rsqrt()).topk(min(k, corpus.n_items), dim=0)
        near.append(best.indices.T)
        weights.append((best.values * (g + 1).sqrt() / g.clamp(min=1)).T)
    return torch.cat(near), torch.cat(weights)
