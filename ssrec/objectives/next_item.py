"""Predict the next item: the ranking objective of sequence encoders."""

from collections.abc import Callable
from typing import final

from torch import Tensor

from ssrec.batch import PAD, Corpus
from ssrec.errors import CompositionError
from ssrec.losses import global_mean
from ssrec.models.encoder import Encoder, SequenceEncoding
from ssrec.objectives.objective import Objective
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
        if x.batch.kind == "prefix":
            vectors, labels = x.users, x.batch.target[:, 0]
        elif x.causal:
            vectors, labels = x.hidden, x.batch.labels
        else:
            raise CompositionError(
                "next_item over window rows needs a causal pass, or a position would see its label: "
                "say model.causal=true, data.rows=prefix, or objective=[masked_item]"
            )
        asked = labels != PAD
        labels = labels[asked]
        return {"next_item": global_mean(self.loss(vectors[asked], x.items, labels), len(labels))}
