"""How surprising the recommended items are to somebody who knows the training split."""

from collections.abc import Sequence
from typing import final

import torch
from jaxtyping import Int
from torch import Tensor

from ssrec.batch import PAD, Corpus
from ssrec.metrics.accuracy import discounts
from ssrec.metrics.metric import RowMean, list_mean, top_list
from ssrec.ranking import Ranking


def met_by(corpus: Corpus) -> Int[Tensor, "N"]:
    """The training users who met each item, each once."""
    pairs = torch.unique(corpus.history.rows * corpus.item_rows + corpus.items)
    return torch.bincount(pairs % corpus.item_rows, minlength=corpus.item_rows)


def training_users(corpus: Corpus) -> int:
    """The users with training events, which some splits do not leave to all of them; at least 1."""
    return max(1, int((corpus.history.lengths > 0).sum()))


@final
class Novelty(RowMean):
    """The mean self-information log2(n_users / users_i) of the items of a top-K list, in bits, averaged over rows.

    users_i counts those of the n_users training users who met item i, each once. An item that nobody met counts as if
    one user had, so that it is as novel as the rarest. From 0 to log2(n_users); higher is more novel. Zhou, Kuscsik,
    Liu, Medo, Wakeling and Zhang, PNAS 2010, as used by Vargas and Castells, RecSys 2011. Rows without any candidate
    do not count.
    """

    name = "novelty"
    higher_is_better = True

    def __init__(self, corpus: Corpus, *, ks: Sequence[int]):
        super().__init__(corpus, ks=ks)
        users = met_by(corpus).clamp(min=1).double()
        self.register_buffer("bits", (training_users(corpus) / users).log2(), persistent=False)
        self.bits: Tensor

    def values(self, r: Ranking, k: int) -> tuple[Tensor, Tensor]:
        return list_mean(self.bits, top_list(r, k))


@final
class PopularityComplement(RowMean):
    """sum_j d_j (1 - users_j / n_users) / sum_j d_j over the places j of a top-K list, d_j = 1 / log2(j + 1).

    The mean chance that a training user has not met the item at place j, averaged over rows: in [0, 1], higher is more
    novel. Expected popularity complement of Vargas and Castells, RecSys 2011, with the discount of NDCG and without
    regard to relevance. Rows without any candidate do not count.
    """

    name = "epc"
    higher_is_better = True

    def __init__(self, corpus: Corpus, *, ks: Sequence[int]):
        super().__init__(corpus, ks=ks)
        self.register_buffer("unmet", 1 - met_by(corpus).double() / training_users(corpus), persistent=False)
        self.unmet: Tensor

    def values(self, r: Ranking, k: int) -> tuple[Tensor, Tensor]:
        items = top_list(r, k)
        weights = torch.where(items == PAD, 0, discounts(torch.arange(1, k + 1, device=items.device)))
        return (weights * self.unmet[items]).sum(1) / weights.sum(1), weights.any(1)
