"""Predict how long it takes until the next event."""

from typing import ClassVar, final

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from ssrec.batch import PAD, Corpus
from ssrec.encodings.sequence import SequenceEncoding
from ssrec.errors import DataError
from ssrec.losses import global_mean
from ssrec.models.encoder import Encoder
from ssrec.nn import require
from ssrec.objectives.objective import Objective
from ssrec.pretext.width import one_item


@final
class TimeGap(Objective[SequenceEncoding]):
    """The time to the next event: the mean of log(1 + seconds) given the past, or its bucket.

    With the mean alone it is a log-normal distribution of one component and fixed width (Shchur et al., ICLR 2020,
    section 3). Every position of a causal pass predicts the gap to the event after it, over prefix rows only the one
    before the last; gaps to targets are left out, for rows do not hold their times. Parts: time_gap, a mean over gaps:
    the squared error over the variance of the training gaps, or the cross-entropy of buckets.

    Args:
        buckets: quantiles of the training gaps to choose from; 0: the mean of the log. Equal quantiles are one bucket.

    Raises:
        CompositionError: the dataset has no times.
        DataError: no user has two training events.
    """

    rows = ("window", "prefix")
    passes = (True,)
    needs: ClassVar[frozenset[str]] = frozenset({"times"})

    def __init__(self, encoder: Encoder, corpus: Corpus, *, buckets: int = 0):
        super().__init__(encoder, corpus)
        require(corpus.times is not None, "time_gap needs times, which the dataset does not have")
        require(buckets == 0 or buckets > 1, f"time_gap: buckets={buckets} must be 0 or at least 2")
        gaps = _log_gaps(corpus)
        places = torch.arange(1, max(buckets, 1)) * len(gaps) // max(buckets, 1)
        self.register_buffer("edges", gaps[places].unique(), persistent=False)
        self.register_buffer("centre", gaps.mean(), persistent=False)
        self.register_buffer("scale", gaps.std(correction=0).clamp(min=1e-6), persistent=False)
        self.edges: Tensor
        self.centre: Tensor
        self.scale: Tensor
        self.bucketed = buckets > 0
        self.head = nn.Linear(one_item(encoder).hidden.shape[-1], len(self.edges) + 1)

    def forward(self, x: SequenceEncoding) -> dict[str, Tensor]:
        times = x.times
        assert times is not None  # the corpus has them
        x = x if x.causal else x.view(x.ids, causal=True, times=times)
        asked = (x.ids != PAD)[:, :-1]
        if x.batch.kind == "prefix":  # the others are those of shorter prefixes
            asked = asked & (torch.arange(asked.shape[1], device=asked.device) == asked.shape[1] - 1)
        gaps = times.diff(dim=1)[asked].clamp(min=0).double().log1p().float()
        found = self.head(x.hidden[:, :-1][asked]).float()
        if self.bucketed:
            labels = torch.searchsorted(self.edges, gaps, right=True)
            total = F.cross_entropy(found, labels, reduction="sum")
        else:
            total = (found[:, 0] - (gaps - self.centre) / self.scale).square().sum()
        return {"time_gap": global_mean(total, len(gaps))}


def _log_gaps(corpus: Corpus) -> Float[Tensor, "G"]:
    """log(1 + seconds) between neighbouring training events of a user, ascending."""
    assert corpus.times is not None
    row = corpus.history.rows
    gaps = corpus.times.diff()[row[1:] == row[:-1]].clamp(min=0).double().log1p().float()
    if not len(gaps):
        raise DataError("time_gap: no user has two training events, between which there would be a gap")
    return gaps.sort().values
