"""What a hidden vector pays for ranking its label: a choice of `objective.next_item.loss.loss`."""

import math
from abc import ABC, abstractmethod
from typing import final

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from ssrec.batch import Corpus
from ssrec.negatives import Distribution, Others, Proposal
from ssrec.nn import gather, require
from ssrec.pairs import pair_logits
from ssrec.softmax import log_partition


class RankingLoss(nn.Module, ABC):
    """`(hidden, items, labels) -> sum over positions`; item row 0 is padding and never a label."""

    @abstractmethod
    def forward(
        self, hidden: Float[Tensor, "P D"], items: Float[Tensor, "N D"], labels: Int[Tensor, "P"]
    ) -> Float[Tensor, ""]: ...


def label_logits(
    hidden: Float[Tensor, "P D"], items: Float[Tensor, "N D"], labels: Int[Tensor, "P"]
) -> Float[Tensor, "P"]:
    """`hidden[p] . items[labels[p]]` in fp32."""
    return (hidden.float() * gather(items, labels).float()).sum(1)


@final
class Softmax(RankingLoss):
    """Cross-entropy over the whole catalogue, in tiles."""

    def __init__(self, corpus: Corpus):
        super().__init__()

    def forward(
        self, hidden: Float[Tensor, "P D"], items: Float[Tensor, "N D"], labels: Int[Tensor, "P"]
    ) -> Float[Tensor, ""]:
        every = log_partition(hidden, items, torch.ones_like(labels, dtype=torch.float32))
        return every - label_logits(hidden, items, labels).sum()


@final
class SampledSoftmax(RankingLoss):
    """Cross-entropy against `negatives` drawn items instead of the catalogue; a draw that is the label does not count.

    shared: one set for all positions, else each position its own. distribution: uniform, or popularity in proportion
    to training events. logq: a negative's logit is lowered by the log of its expected number of draws, so that the
    denominator estimates that of the full softmax without bias (Bengio and Senecal, IEEE TNN 2008, section III; Yi
    et al., RecSys 2019, eq. 3). The label is always in the sum, so its own logit needs no correction.
    """

    def __init__(
        self,
        corpus: Corpus,
        *,
        negatives: int = 256,
        shared: bool = True,
        distribution: Distribution = "uniform",
        logq: bool = True,
    ):
        super().__init__()
        require(negatives >= 1, f"negatives={negatives}: a ranking loss needs at least 1 negative")
        self.negatives = negatives
        self.shared = shared
        self.logq = logq
        self.proposal = Proposal(corpus, distribution)

    def forward(
        self, hidden: Float[Tensor, "P D"], items: Float[Tensor, "N D"], labels: Int[Tensor, "P"]
    ) -> Float[Tensor, ""]:
        if self.shared:
            drawn = self.proposal.sample(1, self.negatives)
            logits = (hidden @ gather(items, drawn[0]).to(hidden.dtype).T).float()
        else:
            drawn = self.proposal.sample(len(labels), self.negatives)
            logits = pair_logits(hidden, items, drawn)
        if self.logq:
            logits = logits - self.proposal.log_probability(drawn) - math.log(self.negatives)
        logits = logits.masked_fill(drawn == labels[:, None], -torch.inf)
        positive = label_logits(hidden, items, labels)
        return (torch.cat([positive[:, None], logits], dim=1).logsumexp(1) - positive).sum()


@final
class BCE(RankingLoss):
    """`-log s(positive) - sum_k log(1 - s(negative_k))` with own negatives, uniform among items other than the label.

    The sum over negatives is not divided by their number (Kang and McAuley, ICDM 2018, section III-E, where there is
    one, drawn outside the user's history; here any item but the label).
    """

    def __init__(self, corpus: Corpus, *, negatives: int = 1):
        super().__init__()
        require(negatives >= 1, f"negatives={negatives}: a ranking loss needs at least 1 negative")
        self.negatives = negatives
        self.others = Others(corpus)

    def forward(
        self, hidden: Float[Tensor, "P D"], items: Float[Tensor, "N D"], labels: Int[Tensor, "P"]
    ) -> Float[Tensor, ""]:
        negative = pair_logits(hidden, items, self.others(labels, self.negatives))
        return F.softplus(-label_logits(hidden, items, labels)).sum() + F.softplus(negative).sum()


@final
class GBCE(RankingLoss):
    """`-(beta log s(positive) + sum_k log(1 - s(negative_k))) / (k + 1)` (Petrov and Macdonald, RecSys 2023, gSASRec).

    beta = alpha (t (1 - 1/alpha) + 1/alpha), where alpha = min(1, k / (n_items - 1)) is the share of negatives that
    are drawn: t = 0 is BCE, t = 1 calibrates scores as probabilities.
    """

    def __init__(self, corpus: Corpus, *, negatives: int = 256, t: float = 0.75):
        super().__init__()
        require(negatives >= 1, f"negatives={negatives}: a ranking loss needs at least 1 negative")
        self.negatives = negatives
        self.others = Others(corpus)
        require(0 <= t <= 1, f"t={t}: the calibration of gbce is between 0 (BCE) and 1 (scores as probabilities)")
        alpha = min(1.0, negatives / (corpus.n_items - 1))
        self.beta = alpha * (t * (1 - 1 / alpha) + 1 / alpha)

    def forward(
        self, hidden: Float[Tensor, "P D"], items: Float[Tensor, "N D"], labels: Int[Tensor, "P"]
    ) -> Float[Tensor, ""]:
        negative = pair_logits(hidden, items, self.others(labels, self.negatives))
        positive = self.beta * F.softplus(-label_logits(hidden, items, labels)).sum()
        return (positive + F.softplus(negative).sum()) / (self.negatives + 1)


@final
class BPR(RankingLoss):
    """`-sum_k log s(positive - negative_k)` with own negatives, uniform among items other than the label.

    Rendle et al., UAI 2009, section 4.1, where a negative is none of the user's items. squash: sigmoids of the logits
    are subtracted, so that a negative costs between .31 and 1.31 and gradients vanish early (masked items of S3-Rec:
    Zhou et al., CIKM 2020, as its code runs).
    """

    def __init__(self, corpus: Corpus, *, negatives: int = 1, squash: bool = False):
        super().__init__()
        require(negatives >= 1, f"negatives={negatives}: a ranking loss needs at least 1 negative")
        self.negatives = negatives
        self.squash = squash
        self.others = Others(corpus)

    def forward(
        self, hidden: Float[Tensor, "P D"], items: Float[Tensor, "N D"], labels: Int[Tensor, "P"]
    ) -> Float[Tensor, ""]:
        positive = label_logits(hidden, items, labels)[:, None]
        negative = pair_logits(hidden, items, self.others(labels, self.negatives))
        if self.squash:
            positive, negative = positive.sigmoid(), negative.sigmoid()
        return F.softplus(negative - positive).sum()
