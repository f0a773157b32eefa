"""Predict the next item: the ranking objective of sequence encoders."""

from collections.abc import Callable
from typing import final

from torch import Tensor

from ssrec.batch import Corpus
from ssrec.encodings.sequence import SequenceEncoding
from ssrec.losses import global_mean
from ssrec.models.encoder import Encoder
from ssrec.objectives.objective import Objective
from ssrec.pretext.next_labels import next_labels
from ssrec.ranking_losses import RankingLoss


@final
class NextItem(Objective[SequenceEncoding]):
    """The mean over labels of a ranking loss (Kang and McAuley, ICDM 2018, for windows).

    Over window rows every position is trained on the item that follows it, in the one causal pass of the batch; over
    prefix rows the user's vector is trained on the target. Only labelled positions reach the loss. Parts: next_item.
    """

    rows = ("window", "prefix")
    causal_rows = ("window",)

    def __init__(self, encoder: Encoder, corpus: Corpus, *, loss: Callable[[Corpus], RankingLoss]):
        super().__init__(encoder, corpus)
        self.loss = loss(corpus)

    def forward(self, x: SequenceEncoding) -> dict[str, Tensor]:
        """Raises CompositionError where a pass over windows would see its labels."""
        vectors, labels = next_labels(x, "next_item")
        return {"next_item": global_mean(self.loss(vectors, x.items, labels), len(labels))}
