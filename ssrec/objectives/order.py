"""Tell a sequence in order from one out of order."""

from typing import Literal, final

import torch
import torch.nn.functional as F
from jaxtyping import Int
from torch import Tensor, nn

from ssrec.batch import PAD, Corpus
from ssrec.encodings.sequence import SequenceEncoding
from ssrec.losses import global_mean
from ssrec.models.encoder import Encoder
from ssrec.objectives.objective import Objective
from ssrec.pretext.whole_rows import shuffled, whole
from ssrec.pretext.width import one_item
from ssrec.views.view import places


@final
class Order(Objective[SequenceEncoding]):
    """Binary cross-entropy of whether a row, past and target, was put out of order; half of the rows are.

    It makes one pass, as causal as the batch's own, and asks a linear map of the row's vector. A row that comes out as
    it went in counts as in order. Parts: order, a mean over rows of at least two items.

    Args:
        task: shuffled: all items in a uniform order (Misra et al., ECCV 2016, for frames of a film). spans: the first
            half after the second, so that the question is which came first (Lan et al., ICLR 2020, for sentences).
        pool: the vector of a row: its last position, or the mean over positions.
    """

    rows = ("window", "prefix")

    def __init__(
        self,
        encoder: Encoder,
        corpus: Corpus,
        *,
        task: Literal["shuffled", "spans"] = "shuffled",
        pool: Literal["last", "mean"] = "mean",
    ):
        super().__init__(encoder, corpus)
        self.out_of_order = shuffled if task == "shuffled" else _swapped
        self.pool: Literal["last", "mean"] = pool
        self.head = nn.Linear(one_item(encoder).hidden.shape[-1], 1)

    def forward(self, x: SequenceEncoding) -> dict[str, Tensor]:
        ids = whole(x)
        chosen = torch.rand(len(ids), 1, device=ids.device) < 0.5
        seen = torch.where(chosen, ids.gather(1, self.out_of_order(ids)), ids)
        asked = (ids != PAD).sum(1) > 1
        found = self.head(x.view(seen, causal=x.causal).pool(self.pool)[asked]).squeeze(1).float()
        moved = (seen != ids).any(1)[asked].float()
        return {"order": global_mean(F.binary_cross_entropy_with_logits(found, moved, reduction="sum"), len(moved))}


def _swapped(ids: Int[Tensor, "B T"]) -> Int[Tensor, "B T"]:
    """The columns of rows whose first half, rounded down, stands after the rest."""
    place, length = places(ids)
    column = torch.arange(ids.shape[1], device=ids.device)
    return torch.where(place < 0, column, column - place + (place + length // 2) % length.clamp(min=1))
