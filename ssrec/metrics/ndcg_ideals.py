"""NDCG with the other two ideals that public codes divide by; `ndcg` itself is among the accuracy metrics.

The gain is the same, sum_{i<=h} 1/log2(r_i + 1) with h of a row's R relevant items within K, at ranks r_1 < r_2 < ...
Values lie in [0, 1], higher is better, and rows with R = 0 do not count.
"""

from typing import final

from torch import Tensor

from ssrec.metrics.accuracy import gain, ideals
from ssrec.metrics.metric import RowMean
from ssrec.ranking import Ranking


@final
class FullNDCG(RowMean):
    """The gain over sum_{i<=R} 1/log2(i + 1), the ideal of the whole ranking: below 1 for any list where R > K.

    What trec_eval's ndcg gives for a run that was cut at K, and LensKit before 0.13. Equal to `ndcg` where R <= K.
    """

    name = "ndcg_full"
    higher_is_better = True
    per_user = True

    def values(self, r: Ranking, k: int) -> tuple[Tensor, Tensor]:
        best = ideals(max(1, r.ranks.shape[1]), r.ranks.device)[r.relevant.clamp(min=1) - 1]
        return gain(r, k) / best, r.relevant > 0


@final
class FixedNDCG(RowMean):
    """The gain over sum_{i<=K} 1/log2(i + 1), the same ideal for every row: below 1 for any list where R < K.

    The default of RecTools. With one target at rank r <= 10 it is `ndcg@10` over 4.54. Equal to `ndcg` where R >= K.
    """

    name = "ndcg_fixed"
    higher_is_better = True
    per_user = True

    def values(self, r: Ranking, k: int) -> tuple[Tensor, Tensor]:
        return gain(r, k) / ideals(k, r.ranks.device)[-1], r.relevant > 0
