"""How different the lists of different rows are from each other."""

from collections.abc import Sequence
from typing import ClassVar, final

import torch
from torch import Tensor
from torchmetrics import Metric

from ssrec.batch import PAD, Corpus
from ssrec.metrics.metric import lengths, top_list
from ssrec.ranking import Ranking


@final
class InterUserDistance(Metric):
    """The mean of 1 - |L_u and L_v share| / K over all pairs of rows' top-K lists: 0 all the same, 1 all disjoint.

    Higher is more personalised. Inter-list distance of Zhou, Kuscsik, Liu, Medo, Wakeling and Zhang, PNAS 2010. An item
    that stands in c of n lists is shared by c (c - 1) / 2 pairs, so the counts of items tell all exactly, and no pair
    is formed. Shorter lists are divided by K too; rows without any candidate do not count, and two must be left.
    """

    name = "inter_user_distance"
    needs: ClassVar[frozenset[str]] = frozenset()
    higher_is_better = True
    full_state_update = False
    cut = True

    def __init__(self, corpus: Corpus, *, ks: Sequence[int]):
        super().__init__()
        self.ks = lengths(corpus, ks)
        counts = torch.zeros(len(self.ks), corpus.item_rows, dtype=torch.long)
        self.add_state("counts", counts, dist_reduce_fx="sum")
        self.add_state("rows", torch.zeros((), dtype=torch.long), dist_reduce_fx="sum")
        self.counts: Tensor
        self.rows: Tensor

    def update(self, r: Ranking) -> None:
        for i, k in enumerate(self.ks):
            self.counts[i] += torch.bincount(top_list(r, k).flatten(), minlength=self.counts.shape[1])
        self.rows += (r.top[:, 0] != PAD).sum()

    def compute(self) -> dict[str, Tensor]:
        if self.rows < 2:
            return {}
        counts = self.counts[:, PAD + 1 :]
        shared = (counts * (counts - 1)).sum(1).double() / (self.rows * (self.rows - 1))
        return {f"{self.name}@{k}": 1 - shared[i] / k for i, k in enumerate(self.ks)}
