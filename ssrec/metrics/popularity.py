"""How popular the recommended items are."""

from collections.abc import Sequence
from typing import final

from torch import Tensor

from ssrec.batch import Corpus
from ssrec.metrics.metric import RowMean, list_mean, top_list
from ssrec.ranking import Ranking


@final
class AveragePopularity(RowMean):
    """The mean number of training events of the items of a top-K list, averaged over rows; lower is less popular.

    From 0 to the count of the most popular item. Yin, Cui, Li, Yao and Chen, VLDB 2012; called average recommendation
    popularity by Abdollahpouri, Burke and Mobasher, FLAIRS 2019. Rows without any candidate do not count.
    """

    name = "popularity"
    higher_is_better = False

    def __init__(self, corpus: Corpus, *, ks: Sequence[int]):
        super().__init__(corpus, ks=ks)
        self.register_buffer("events", corpus.counts.double(), persistent=False)
        self.events: Tensor

    def values(self, r: Ranking, k: int) -> tuple[Tensor, Tensor]:
        return list_mean(self.events, top_list(r, k))
