"""How recommendations spread over the catalogue, from how often each item stands in a top-K list of any row."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from math import log
from typing import ClassVar, final

import torch
from jaxtyping import Float64, Int
from torch import Tensor
from torchmetrics import Metric

from ssrec.batch import PAD, Corpus
from ssrec.metrics.metric import lengths, top_list
from ssrec.ranking import Ranking


class ListCounts(Metric, ABC):
    """A function of the number of top-K lists that each item stands in; `compute` leaves out a K without any list."""

    name: ClassVar[str]  # results are called `<name>@<K>`
    needs: ClassVar[frozenset[str]] = frozenset()
    full_state_update = False
    cut = True

    def __init__(self, corpus: Corpus, *, ks: Sequence[int]):
        super().__init__()
        self.ks = lengths(corpus, ks)
        counts = torch.zeros(len(self.ks), corpus.item_rows, dtype=torch.long)
        self.add_state("counts", counts, dist_reduce_fx="sum")
        self.counts: Tensor

    @abstractmethod
    def value(self, counts: Int[Tensor, "I"]) -> Float64[Tensor, ""]:
        """The result for the catalogue's counts, not all of them zero."""

    def update(self, r: Ranking) -> None:
        for i, k in enumerate(self.ks):
            self.counts[i] += torch.bincount(top_list(r, k).flatten(), minlength=self.counts.shape[1])

    def compute(self) -> dict[str, Tensor]:
        counts = self.counts[:, PAD + 1 :]
        return {f"{self.name}@{k}": self.value(counts[i]) for i, k in enumerate(self.ks) if counts[i].any()}


@final
class Coverage(ListCounts):
    """The share of the catalogue that stands in at least one list: in (0, 1], higher is wider.

    Catalogue coverage of Ge, Delgado-Battenfeld and Jannach, RecSys 2010. It grows with the number of rows, so only
    results over the same rows compare.
    """

    name = "coverage"
    higher_is_better = True

    def value(self, counts: Int[Tensor, "I"]) -> Float64[Tensor, ""]:
        return (counts > 0).double().mean()


@final
class Gini(ListCounts):
    """sum_i (2i - n - 1) c_i / (n sum_i c_i) over all n items of the catalogue, counts c ascending.

    0 where all items are recommended equally often, 1 - 1/n where it is always the same one; lower is wider.
    Gini 1912, used for recommendations by Fleder and Hosanagar, Management Science 2009.
    """

    name = "gini"
    higher_is_better = False

    def value(self, counts: Int[Tensor, "I"]) -> Float64[Tensor, ""]:
        n = len(counts)
        weights = 2 * torch.arange(1, n + 1, device=counts.device) - n - 1
        return (weights * counts.sort().values).sum().double() / (n * counts.sum())


@final
class Entropy(ListCounts):
    """-sum_i p_i log2 p_i in bits, p_i = c_i / sum_j c_j: from 0, always the same item, to log2(n); higher is wider.

    Shannon, Bell System Technical Journal 1948, for recommendations as in Shani and Gunawardana, Recommender Systems
    Handbook 2011. Like coverage, it grows with the number of rows.
    """

    name = "entropy"
    higher_is_better = True

    def value(self, counts: Int[Tensor, "I"]) -> Float64[Tensor, ""]:
        p = counts.double() / counts.sum()
        return (-torch.special.xlogy(p, p).sum() / log(2)).clamp(min=0)
