"""What is found that no list of popular items would have found."""

from collections.abc import Sequence
from typing import final

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from ssrec.batch import PAD, Corpus, Ragged
from ssrec.metrics.accuracy import hits
from ssrec.metrics.metric import RowMean
from ssrec.ranking import Ranking


@final
class Serendipity(RowMean):
    """|(first K of the ranking that are relevant) without what was expected| / K, averaged over rows.

    Expected are the row's past and the K items that the popularity of the training split would recommend to it: the
    most popular ones outside its past, ties in the order of the catalogue. So it is the part of precision that
    popularity does not explain: in [0, 1], at most precision, higher is better. Ge, Delgado-Battenfeld and Jannach,
    RecSys 2010, with the most popular items as the primitive model (as Murakami, Mori and Orihara, JSAI 2007) and
    targets as what is useful. Targets stand by their ranks, ties last; rows without targets do not count.
    """

    name = "serendipity"
    higher_is_better = True

    def __init__(self, corpus: Corpus, *, ks: Sequence[int]):
        super().__init__(corpus, ks=ks)
        order = corpus.counts[PAD + 1 :].argsort(descending=True, stable=True) + 1
        place = torch.full((corpus.item_rows,), corpus.n_items)
        place[order] = torch.arange(corpus.n_items)
        self.register_buffer("place", place, persistent=False)  # of each item by popularity, 0 the first; PAD the last
        self.place: Tensor

    def values(self, r: Ranking, k: int) -> tuple[Tensor, Tensor]:
        found = hits(r, k)
        rows = found.any(1).nonzero().flatten()  # few, so that the past of others need not be looked at
        surprising = found[rows] & ~self._expected(r.target[rows], r.past.select(rows), k)
        share = torch.zeros(len(found), dtype=torch.float64, device=found.device)
        share[rows] = surprising.sum(1).double() / k
        return share, r.relevant > 0

    def _expected(self, target: Int[Tensor, "B K"], past: Ragged, k: int) -> Bool[Tensor, "B K"]:
        """Whether a target is in the past, or among the k first places that the past leaves."""
        n, width = len(target), len(self.place)
        met = torch.unique(past.rows * width + self.place[past.values])
        rows, place = met // width, met % width
        counts = torch.bincount(rows, minlength=n)
        earlier = torch.arange(len(met), device=met.device) - (counts.cumsum(0) - counts)[rows]
        # The k-th place that is left comes as much later as there are places taken before it.
        last = k - 1 + torch.bincount(rows[place - earlier < k], minlength=n)
        wanted = self.place[target]
        known = torch.isin(torch.arange(n, device=met.device)[:, None] * width + wanted, met)
        return known | (wanted <= last[:, None])
