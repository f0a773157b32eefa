"""Tell which place each item had before its sequence was shuffled."""

from typing import final

import torch.nn.functional as F
from torch import Tensor, nn

from ssrec.batch import PAD, Corpus
from ssrec.encodings.sequence import SequenceEncoding
from ssrec.losses import global_mean
from ssrec.models.encoder import Encoder
from ssrec.objectives.objective import Objective
from ssrec.pretext.whole_rows import shuffled, whole
from ssrec.pretext.width import one_item


@final
class Position(Objective[SequenceEncoding]):
    """Cross-entropy of each item's original place, counted from the end (after Zhai et al., ICML 2022).

    A row, past and target, is shuffled whole and read in one pass, as causal as the batch's own; a linear map of each
    item's vector says where it stood. There the places are withheld from the encoder, here they are wrong. Parts:
    position, a mean over the items of rows of at least two.
    """

    rows = ("window", "prefix")

    def __init__(self, encoder: Encoder, corpus: Corpus):
        super().__init__(encoder, corpus)
        x = one_item(encoder)
        self.head = nn.Linear(x.hidden.shape[-1], x.max_length)

    def forward(self, x: SequenceEncoding) -> dict[str, Tensor]:
        ids = whole(x)
        column = shuffled(ids)
        asked = (ids != PAD) & ((ids != PAD).sum(1, keepdim=True) > 1)  # padding stays where it is
        found = self.head(x.view(ids.gather(1, column), causal=x.causal).hidden[asked]).float()
        labels = ids.shape[1] - 1 - column[asked]
        return {"position": global_mean(F.cross_entropy(found, labels, reduction="sum"), len(labels))}
