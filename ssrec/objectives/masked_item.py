"""Predict hidden items from both sides: the cloze task of BERT4Rec."""

from collections.abc import Callable
from typing import Literal, final

from torch import Tensor, nn

from ssrec.batch import Corpus
from ssrec.encodings.sequence import SequenceEncoding
from ssrec.losses import global_mean
from ssrec.models.encoder import Encoder
from ssrec.nn import initialise
from ssrec.objectives.objective import Objective
from ssrec.pretext.masking import Masking, Mode, masked_pass
from ssrec.pretext.width import one_item
from ssrec.ranking_losses import RankingLoss


@final
class MaskedItem(Objective[SequenceEncoding]):
    """The mean over masked items of a ranking loss, in a pass that is not causal (Sun et al., CIKM 2019, eq. 8).

    It hides items of the whole row, past and target, cut to the last that the encoder can read; the pass is shared with
    objectives that mask alike. Parts: masked_item.

    Args:
        mode, probability, at_least_one, always_last: see `Masking`.
        linear: a learned linear map between a position's vector and the items (S3-Rec: Zhou et al., CIKM 2020).
        per: item: a mean over masked items. row: over rows, of the sum over a row's masked items.
    """

    rows = ("window", "prefix")
    passes = (False,)

    def __init__(
        self,
        encoder: Encoder,
        corpus: Corpus,
        *,
        loss: Callable[[Corpus], RankingLoss],
        mode: Mode = "cloze",
        probability: float = 0.2,
        at_least_one: bool = True,
        always_last: bool = False,
        linear: bool = False,
        per: Literal["item", "row"] = "item",
    ):
        super().__init__(encoder, corpus)
        self.loss = loss(corpus)
        self.masking = Masking(corpus.mask, mode, probability, at_least_one, always_last)
        self.per_row = per == "row"
        self.map = nn.Identity()
        if linear:
            dim = one_item(encoder).hidden.shape[-1]
            self.map = nn.Linear(dim, dim)
            initialise(self.map, "normal")

    def forward(self, x: SequenceEncoding) -> dict[str, Tensor]:
        found = masked_pass(x, self.masking)
        hidden, labels = found.at(found.masked)
        total = self.loss(self.map(hidden), x.items, labels)
        return {"masked_item": global_mean(total, len(found.ids) if self.per_row else len(labels))}
