"""Tell the pairs of a user and an item that happened from those that did not."""

from typing import final

import torch
import torch.nn.functional as F
from torch import Tensor

from ssrec.batch import Corpus
from ssrec.losses import global_mean
from ssrec.models.encoder import Encoder
from ssrec.models.pair_scorer import PairEncoding
from ssrec.negatives import Unmet
from ssrec.nn import require, require_sizes
from ssrec.objectives.objective import Objective
from ssrec.views.bag import hold_out


@final
class PairBCE(Objective[PairEncoding]):
    """Binary cross-entropy of pairs, `-log s(positive) - sum_k log(1 - s(negative_k))`.

    The part pair_bce is a mean over positive pairs; the sum over negatives is not divided by their number.

    Args:
        negatives: Items for each positive pair, uniform outside the user's training history.
        hold_out: Share of each bag that is hidden and whose pairs are the positive ones, drawn anew each step; 0: they
            are those of the whole bag, each of which stands in the user's input.

    Raises:
        CompositionError: For a setting outside its range.
        DataError: For a user who has met the whole catalogue.
    """

    rows = ("history",)

    def __init__(self, encoder: Encoder, corpus: Corpus, *, negatives: int = 4, hold_out: float = 0.0):
        super().__init__(encoder, corpus)
        require_sizes("pair_bce", negatives=negatives)
        require(0 <= hold_out < 1, f"pair_bce: hold_out={hold_out} must be at least 0 and below 1")
        self.negatives = negatives
        self.hold_out = hold_out
        self.unmet = Unmet(corpus)

    def forward(self, x: PairEncoding) -> dict[str, Tensor]:
        labels = x.bag
        if self.hold_out:
            inputs, labels = hold_out(x.bag, self.hold_out)
            x = x.view(inputs)
        rows = labels.rows
        negatives = self.unmet(x.batch.user[rows, None].expand(-1, self.negatives))
        logits = x.logits(rows, torch.cat([labels.values[:, None], negatives], dim=1))
        total = F.softplus(-logits[:, 0]).sum() + F.softplus(logits[:, 1:]).sum()
        return {"pair_bce": global_mean(total, len(rows))}
