"""Accuracy as it would be if all items had been as likely to be observed.

Targets are what was observed, and popular items are observed more often. So target i counts 1/p_i, where its
propensity p_i is proportional to n_i^eta and n_i counts its training events. A target without any has no propensity
and is left out, though it keeps its place in the ranking.

Self-normalised, so that only ratios of propensities matter: Schnabel, Swaminathan, Singh, Chandak and Joachims, ICML
2016. Propensities from popularity: Yang, Cui, Xuan, Wang, Belongie and Estrin, RecSys 2018, eq. 12.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar, Literal, final

import torch
from jaxtyping import Float64
from torch import Tensor, nn
from torchmetrics import Metric

from ssrec.batch import Corpus
from ssrec.errors import CompositionError
from ssrec.metrics.accuracy import discounts, hits
from ssrec.metrics.metric import lengths, on_device
from ssrec.ranking import Ranking


def inverse_propensity(corpus: Corpus, eta: float) -> Float64[Tensor, "N"]:
    """(n_i / max_j n_j)^-eta of each item row: 1 for the most popular, more for others, 0 without training events."""
    events = corpus.counts.double()
    return torch.where(events > 0, (events / events.amax()).pow(-eta), 0)


class SelfNormalised(Metric, ABC):
    """What weighted targets reach over what they could reach; `compute` leaves out a K that has no such target.

    Args:
        corpus: whose training events give the propensities.
        ks: list lengths.
        eta: how strongly popular items are favoured; 0: not at all. Yang et al. fit a power law with exponent gamma to
            what a recommender shows and take (gamma + 1) / 2, which was 1.3 to 2 on their data.
        normalise: `all` sums over all rows and divides once; `row` divides within each row and takes the mean, as Yang
            et al. do, which debiases nothing where rows have one target.

    Raises:
        CompositionError: eta is negative, no number, or so large that weights overflow.
    """

    name: ClassVar[str]  # results are called `<name>@<K>`
    needs: ClassVar[frozenset[str]] = frozenset()
    full_state_update = False
    cut = True

    def __init__(
        self, corpus: Corpus, *, ks: Sequence[int], eta: float = 1.0, normalise: Literal["all", "row"] = "all"
    ):
        super().__init__()
        if not 0 <= eta < float("inf"):
            raise CompositionError(f"metric {self.name}: eta is {eta}; it takes a number from 0, for example 1")
        self.ks = lengths(corpus, ks)
        self.normalise = normalise
        inverse = inverse_propensity(corpus, eta)
        if not inverse.sum().isfinite():
            raise CompositionError(f"metric {self.name}: eta={eta} gives weights above all numbers; lower it")
        self.register_buffer("inverse", inverse, persistent=False)
        self.add_state("reached", torch.zeros(len(self.ks), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("best", torch.zeros(len(self.ks), dtype=torch.float64), dist_reduce_fx="sum")
        self.inverse: Tensor
        self.reached: Tensor
        self.best: Tensor

    @abstractmethod
    def sums(
        self, r: Ranking, weights: Float64[Tensor, "B K"], k: int
    ) -> tuple[Float64[Tensor, "B"], Float64[Tensor, "B"]]:
        """What the targets of each row reach at list length k, and the most that any ranking would give them."""

    def update(self, r: Ranking) -> None:
        weights = self.inverse[r.target]
        for i, k in enumerate(self.ks):
            reached, best = self.sums(r, weights, k)
            if self.normalise == "row":
                reached, best = torch.where(best > 0, reached / best, 0), (best > 0).double()
            self.reached[i] += reached.sum()
            self.best[i] += best.sum()

    def compute(self) -> dict[str, Tensor]:
        return {f"{self.name}@{k}": self.reached[i] / self.best[i] for i, k in enumerate(self.ks) if self.best[i]}

    def _apply(self, fn: Callable[[Tensor], Tensor], exclude_state: Sequence[str] = "") -> nn.Module:
        return super()._apply(on_device(fn), exclude_state)


@final
class DebiasedRecall(SelfNormalised):
    """(sum over targets within K of 1/p_i) / (sum over targets of 1/p_i): in [0, 1], higher is better."""

    name = "recall_debiased"
    higher_is_better = True

    def sums(self, r: Ranking, weights: Tensor, k: int) -> tuple[Tensor, Tensor]:
        return torch.where(hits(r, k), weights, 0).sum(1), weights.sum(1)


@final
class DebiasedNDCG(SelfNormalised):
    """DCG with gains 1/p_i, cut at K, over that of the best list, which has the largest gains first: in [0, 1], higher
    is better.

    The gains of Järvelin and Kekäläinen, TOIS 2002, need not be binary. Yang et al. divide by sum 1/p_i instead, which
    is the same where rows have one target.
    """

    name = "ndcg_debiased"
    higher_is_better = True

    def sums(self, r: Ranking, weights: Tensor, k: int) -> tuple[Tensor, Tensor]:
        gains = weights.sort(dim=1, descending=True).values[:, :k]
        places = torch.arange(1, gains.shape[1] + 1, device=gains.device)
        return torch.where(hits(r, k), weights * discounts(r.ranks), 0).sum(1), (gains * discounts(places)).sum(1)
