"""Predict hidden items from both sides: the cloze task of BERT4Rec."""

from collections.abc import Callable
from typing import final

import torch
from torch import Tensor

from ssrec.batch import PAD, Corpus
from ssrec.losses import global_mean
from ssrec.models.encoder import Encoder, SequenceEncoding
from ssrec.nn import require
from ssrec.objectives.objective import Objective
from ssrec.ranking_losses import RankingLoss


@final
class MaskedItem(Objective[SequenceEncoding]):
    """The mean over masked items of a ranking loss, in a pass that is not causal (Sun et al., CIKM 2019, eq. 8).

    It hides items of the whole row, past and target, cut to the last that the encoder can read. Parts: masked_item.

    Args:
        probability: of each item to be masked.
        at_least_one: a row of which chance masked none gets one mask, at a uniform place.
        always_last: the last item is masked too (S3-Rec: Zhou et al., CIKM 2020, as its code runs).
    """

    rows = ("window", "prefix")
    passes = (False,)

    def __init__(
        self,
        encoder: Encoder,
        corpus: Corpus,
        *,
        loss: Callable[[Corpus], RankingLoss],
        probability: float = 0.2,
        at_least_one: bool = True,
        always_last: bool = False,
    ):
        super().__init__(encoder, corpus)
        require(0 <= probability <= 1, f"masked_item: probability={probability} must be between 0 and 1")
        self.loss = loss(corpus)
        self.probability = probability
        self.at_least_one = at_least_one
        self.always_last = always_last
        self.token = corpus.mask
        self.max_length = getattr(encoder, "max_length", None)

    def forward(self, x: SequenceEncoding) -> dict[str, Tensor]:
        whole = x.batch.whole
        if self.max_length is not None:
            whole = whole[:, -self.max_length :]
        masked = self._draw(whole)
        labels = whole[masked]
        hidden = x.view(whole.masked_fill(masked, self.token), causal=False).hidden
        return {"masked_item": global_mean(self.loss(hidden[masked], x.items, labels), len(labels))}

    def _draw(self, ids: Tensor) -> Tensor:
        lot = torch.rand(ids.shape, device=ids.device).masked_fill(ids == PAD, torch.inf)
        masked = lot < self.probability
        if self.at_least_one:  # the lowest lot of a row is under the probability already if any is
            masked = masked | (lot == lot.amin(1, keepdim=True))
        if self.always_last:
            masked[:, -1] = True
        return masked & (ids != PAD)
