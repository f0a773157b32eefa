"""How surprising the recommended items are to somebody who knows the training split."""

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor

from ssrec.batch import Corpus
from ssrec.metrics.metric import RowMean, list_mean, top_list
from ssrec.ranking import Ranking


@final
class Novelty(RowMean):
    """The mean self-information log2(n_users / users_i) of the items of a top-K list, in bits, averaged over rows.

    users_i counts the training users who met item i, each once. An item that nobody met counts as if one user had,
    so that it is as novel as the rarest. From 0 to log2(n_users); higher is more novel. Zhou, Kuscsik, Liu, Medo,
    Wakeling and Zhang, PNAS 2010, as used by Vargas and Castells, RecSys 2011. Rows without any candidate do not count.
    """

    name = "novelty"
    higher_is_better = True

    def __init__(self, corpus: Corpus, *, ks: Sequence[int]):
        super().__init__(corpus, ks=ks)
        pairs = torch.unique(corpus.history.rows * corpus.item_rows + corpus.items)
        users = torch.bincount(pairs % corpus.item_rows, minlength=corpus.item_rows)
        self.register_buffer("bits", (corpus.n_users / users.clamp(min=1).double()).log2(), persistent=False)
        self.bits: Tensor

    def values(self, r: Ranking, k: int) -> tuple[Tensor, Tensor]:
        return list_mean(self.bits, top_list(r, k))
