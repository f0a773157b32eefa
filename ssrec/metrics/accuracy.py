"""Where the targets stand in a list of K: all from their ranks among the candidates, ties and NaN last.

Let a row have R relevant items at ranks r_1 < r_2 < ..., and h of them within K. Every value lies in [0, 1], higher is
better, and rows with R = 0 do not count.
"""

from typing import final

import torch
from jaxtyping import Bool, Float64, Int
from torch import Tensor
from torch.nn.functional import pad

from ssrec.metrics.metric import RowMean
from ssrec.ranking import Ranking


def hits(r: Ranking, k: int) -> Bool[Tensor, "B K"]:
    """Which targets stand within the first k."""
    return (r.ranks > 0) & (r.ranks <= k)


def discounts(ranks: Int[Tensor, "*shape"]) -> Float64[Tensor, "*shape"]:
    """1 / log2(rank + 1)."""
    return (ranks.double() + 1).log2().reciprocal()


def gain(r: Ranking, k: int) -> Float64[Tensor, "B"]:
    """Discounted cumulative gain: sum_{i<=h} 1/log2(r_i + 1)."""
    return torch.where(hits(r, k), discounts(r.ranks), 0).sum(1)


def ideals(n: int, device: torch.device) -> Float64[Tensor, "{n}"]:
    """The gains of lists that begin with 1, 2, ..., n relevant items and have no others."""
    return discounts(torch.arange(1, n + 1, device=device)).cumsum(0)


def first(r: Ranking, k: int) -> Float64[Tensor, "B"]:
    """1 / r_1 if r_1 <= k, else 0."""
    reciprocal = torch.where(hits(r, k), r.ranks.double().reciprocal(), 0)
    return pad(reciprocal, (1, 0)).amax(1)


@final
class Recall(RowMean):
    """h / R: the share of the relevant items that are found (not h / min(K, R), which some codes call recall)."""

    name = "recall"
    higher_is_better = True
    per_user = True

    def values(self, r: Ranking, k: int) -> tuple[Tensor, Tensor]:
        return hits(r, k).sum(1) / r.relevant.double(), r.relevant > 0


@final
class HitRate(RowMean):
    """1 if h > 0, else 0; equal to recall where rows have one target."""

    name = "hit_rate"
    higher_is_better = True
    per_user = True

    def values(self, r: Ranking, k: int) -> tuple[Tensor, Tensor]:
        return hits(r, k).any(1).double(), r.relevant > 0


@final
class NDCG(RowMean):
    """sum_{i<=h} 1/log2(r_i + 1) over its best value, sum_{i<=min(K,R)} 1/log2(i + 1).

    Järvelin and Kekäläinen, TOIS 2002, with binary gains and the logarithmic discount from rank 1 on. The ideal is cut
    as in trec_eval's ndcg_cut, RecBole, LightGCN and S3-Rec; `ndcg_full` and `ndcg_fixed` have other ideals.
    """

    name = "ndcg"
    higher_is_better = True
    per_user = True

    def values(self, r: Ranking, k: int) -> tuple[Tensor, Tensor]:
        best = ideals(k, r.ranks.device)[r.relevant.clamp(1, k) - 1]
        return gain(r, k) / best, r.relevant > 0


@final
class MRR(RowMean):
    """1 / r_1 if r_1 <= K, else 0: the reciprocal rank of the first relevant item (Voorhees, TREC 1999), cut at K."""

    name = "mrr"
    higher_is_better = True
    per_user = True

    def values(self, r: Ranking, k: int) -> tuple[Tensor, Tensor]:
        return first(r, k), r.relevant > 0


@final
class Precision(RowMean):
    """h / K, also where fewer than K items are relevant, so that its best value may be below 1."""

    name = "precision"
    higher_is_better = True
    per_user = True

    def values(self, r: Ranking, k: int) -> tuple[Tensor, Tensor]:
        return hits(r, k).sum(1).double() / k, r.relevant > 0


@final
class F1(RowMean):
    """2h / (K + R): the harmonic mean of a row's precision and recall, then the mean over rows.

    Not the harmonic mean of the two means, which some codes report. Its best value, 2 min(K,R) / (K + R), may be below
    1. Van Rijsbergen, Information Retrieval, 1979, with equal weights.
    """

    name = "f1"
    higher_is_better = True
    per_user = True

    def values(self, r: Ranking, k: int) -> tuple[Tensor, Tensor]:
        return 2 * hits(r, k).sum(1).double() / (k + r.relevant), r.relevant > 0


@final
class MAP(RowMean):
    """(sum_{i<=h} i / r_i) / min(K, R): the mean of the precision at each hit, 1 for a perfect list.

    Average precision as in Buckley and Voorhees, SIGIR 2000, cut at K. trec_eval's map_cut divides by R instead.
    """

    name = "map"
    higher_is_better = True
    per_user = True

    def values(self, r: Ranking, k: int) -> tuple[Tensor, Tensor]:
        ranks = r.ranks.masked_fill(~hits(r, k), k + 1).sort(dim=1).values
        precision = torch.arange(1, ranks.shape[1] + 1, device=ranks.device) / ranks.double()
        return torch.where(ranks <= k, precision, 0).sum(1) / r.relevant.clamp(1, k), r.relevant > 0
