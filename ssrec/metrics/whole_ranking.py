"""Where the targets stand among all candidates: metrics without a K, called by their name alone (`val/auc`).

Let a row have R targets at ranks r_1 < r_2 < ... among C candidates, the targets included. A target stands behind all
that ties with it and, where its score is NaN, behind all candidates. Rows with R = 0 do not count.
"""

from typing import final

from jaxtyping import Int
from torch import Tensor

from ssrec.batch import Corpus
from ssrec.metrics.accuracy import first
from ssrec.metrics.metric import RowMean
from ssrec.ranking import Ranking


def rank_sum(r: Ranking) -> Int[Tensor, "B"]:
    """The sum of a row's ranks; padding has rank 0."""
    return r.ranks.sum(1)


@final
class AUC(RowMean):
    """1 - (sum_i r_i - R(R + 1)/2) / (R (C - R)): the share of pairs of a target and another candidate in right order.

    In [0, 1], higher is better, 0.5 for scores drawn at random; rows whose candidates are all targets do not count.
    A tied pair counts as wrong, not as half right, so that constant scores give 0. The mean over rows of the
    Mann-Whitney statistic (Hanley and McNeil, Radiology 1982), as in Rendle et al., UAI 2009; RecBole's GAUC weights
    rows by R instead.
    """

    name = "auc"
    cut = False
    higher_is_better = True
    per_user = True

    def __init__(self, corpus: Corpus):
        super().__init__(corpus, ks=[corpus.n_items])

    def values(self, r: Ranking, k: int) -> tuple[Tensor, Tensor]:
        n = r.relevant
        pairs = n * (r.candidates - n)
        wrong = rank_sum(r) - n * (n + 1) // 2
        return 1 - wrong.double() / pairs, pairs > 0


@final
class MeanRank(RowMean):
    """(sum_i r_i) / R: the mean rank of a row's targets, then the mean over rows; from 1 to C, lower is better."""

    name = "mean_rank"
    cut = False
    higher_is_better = False
    per_user = True

    def __init__(self, corpus: Corpus):
        super().__init__(corpus, ks=[corpus.n_items])

    def values(self, r: Ranking, k: int) -> tuple[Tensor, Tensor]:
        return rank_sum(r).double() / r.relevant, r.relevant > 0


@final
class PercentileRank(RowMean):
    """The mean over a row's targets of (r_i - 1) / (C - 1): 0 for the first candidate, 1 for the last.

    In [0, 1], lower is better, 0.5 for scores drawn at random; rows with one candidate do not count. The expected
    percentile ranking of Hu, Koren and Volinsky, ICDM 2008, who take one mean over all events; here every row
    counts alike, which is the same where rows have one target.
    """

    name = "percentile_rank"
    cut = False
    higher_is_better = False
    per_user = True

    def __init__(self, corpus: Corpus):
        super().__init__(corpus, ks=[corpus.n_items])

    def values(self, r: Ranking, k: int) -> tuple[Tensor, Tensor]:
        others = r.relevant * (r.candidates - 1)
        return (rank_sum(r) - r.relevant).double() / others, others > 0


@final
class RPrecision(RowMean):
    """The share of the first R candidates that are targets, in [0, 1], higher is better: 1 for a perfect ranking.

    There precision and recall are equal. Manning, Raghavan and Schütze, Introduction to Information Retrieval, 2008,
    section 8.4; Rprec in trec_eval.
    """

    name = "r_precision"
    cut = False
    higher_is_better = True
    per_user = True

    def __init__(self, corpus: Corpus):
        super().__init__(corpus, ks=[corpus.n_items])

    def values(self, r: Ranking, k: int) -> tuple[Tensor, Tensor]:
        found = (r.ranks > 0) & (r.ranks <= r.relevant[:, None])
        return found.sum(1) / r.relevant.double(), r.relevant > 0


@final
class FullMRR(RowMean):
    """1 / r_1, not cut: the reciprocal rank of the first target, in (0, 1], higher is better.

    Voorhees, TREC 1999. `mrr@K` is at most this, by less than 1/K.
    """

    name = "mrr_full"
    cut = False
    higher_is_better = True
    per_user = True

    def __init__(self, corpus: Corpus):
        super().__init__(corpus, ks=[corpus.n_items])

    def values(self, r: Ranking, k: int) -> tuple[Tensor, Tensor]:
        return first(r, k), r.relevant > 0
