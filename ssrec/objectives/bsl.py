"""The bilateral softmax loss: the softmax's log-mean-exp over negatives, and the same over positives."""

import math
from typing import Literal, final

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ssrec.batch import Corpus
from ssrec.contrasts.contrast import FalseNegatives, same_target
from ssrec.distributed import of_all
from ssrec.encodings.graph import GraphEncoding
from ssrec.losses import gather, global_mean, grouped_log_mean_exp
from ssrec.models.encoder import Encoder
from ssrec.negatives import Proposal
from ssrec.nn import require
from ssrec.objectives.objective import Objective
from ssrec.pairs import pair_logits
from ssrec.pretext.edges import edge_l2, edge_vectors
from ssrec.softmax import log_partition

Positives = Literal["user", "edge"]


@final
class BSL(Objective[GraphEncoding]):
    """`-log mean_i exp(s(u, i) / t) + balance * log mean_j exp(s(u, j) / t)` of cosines s, i positive and j negative.

    Wu et al., ICDE 2024, as the authors' code runs: both sides have one temperature t, and the ratio of the paper's two
    is the power `balance`. positives=edge with balance 1 is the softmax loss without the positive in its denominator.
    Parts, means over edges: bsl; l2, where its weight is above 0. Vectors are normalised here; the model ranks by dot
    products, as the authors' LightGCN does.

    Args:
        temperature, balance: of the formula.
        positives: user: an edge's positives are those of all edges of its user in the batch; edge: its own alone.
        negatives: null: the items of the other edges of the batch; a number: so many drawn for each edge, uniform over
            the catalogue.
        false_negatives: mask: other edges to the same item are no negatives; where they are of the batch.
        l2: the weight of half the squared layer-0 norms of users and items over the edges, see `edge_l2`.

    Raises:
        CompositionError: for a setting outside its range.
    """

    rows = ("edge",)
    contrasts_rows = True

    def __init__(
        self,
        encoder: Encoder,
        corpus: Corpus,
        *,
        temperature: float = 0.1,
        balance: float = 1.0,
        positives: Positives = "user",
        negatives: int | None = None,
        false_negatives: FalseNegatives = "keep",
        l2: float = 0.0,
    ):
        super().__init__(encoder, corpus)
        for name, value in {"temperature": temperature, "balance": balance}.items():
            require(value > 0, f"bsl: {name}={value} must be above 0")
        require(negatives is None or negatives >= 1, f"bsl: negatives={negatives} must be at least 1, or null")
        drawn = negatives is not None and false_negatives == "mask"
        require(not drawn, f"bsl: false_negatives=mask is for negatives of the batch, and {negatives} are drawn")
        require(l2 >= 0, f"bsl: l2={l2} must not be negative")
        self.temperature = temperature
        self.balance = balance
        self.positives: Positives = positives
        self.negatives = negatives
        self.false_negatives: FalseNegatives = false_negatives
        self.l2 = l2
        self.proposal = Proposal(corpus, "uniform")

    def forward(self, x: GraphEncoding) -> dict[str, Tensor]:
        user, item = edge_vectors(x, x.nodes)
        with torch.autocast(user.device.type, enabled=False):
            user, item = F.normalize(user, dim=1) / self.temperature, F.normalize(item, dim=1)
            right, wrong = self._positive(x.batch.user, (user * item).sum(1)), self._negative(x, user, item)
            parts = {"bsl": global_mean(self.balance * wrong - right.sum(), len(user))}
        if self.l2:
            parts["l2"] = self.l2 * edge_l2("lightgcn", edge_vectors(x, x.layers[0]), ())
        return parts

    def _positive(self, users: Int[Tensor, "B"], own: Float[Tensor, "B"]) -> Float[Tensor, "B"]:
        if self.positives == "edge":
            return own
        everyone, start = gather(own[:, None])
        means = grouped_log_mean_exp(everyone[:, 0], of_all(users[:, None])[0][:, 0])
        return means[start : start + len(own)]

    def _negative(self, x: GraphEncoding, user: Float[Tensor, "B D"], item: Float[Tensor, "B D"]) -> Float[Tensor, ""]:
        """The sum of log-mean-exp over the negatives of each edge; 0 for one that has none."""
        if self.negatives is not None:
            items, drawn = F.normalize(x.items.float(), dim=1), self.proposal.sample(len(user), self.negatives)
            return (pair_logits(user, items, drawn).logsumexp(1) - math.log(self.negatives)).sum()
        everyone, start = gather(item)
        others = self._others(x, start, len(everyone))
        n = others.sum(1)
        mass = log_partition(user, F.pad(everyone, (0, 0, 1, 0)), (n > 0).to(user), left_out=~others)
        return mass - n.clamp(min=1).log().sum()

    def _others(self, x: GraphEncoding, start: int, n: int) -> Bool[Tensor, "B C"]:
        """Which of all processes' edges are negatives of each."""
        own = torch.arange(start, start + len(x.batch), device=x.batch.user.device)
        others = own[:, None] != torch.arange(n, device=own.device)
        return others & ~same_target(x.batch) if self.false_negatives == "mask" else others
