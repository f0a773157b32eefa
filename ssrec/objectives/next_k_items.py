"""Predict the next few items, not the next one alone."""

from collections.abc import Callable
from typing import Literal, final

import torch
import torch.nn.functional as F
from jaxtyping import Int
from torch import Tensor

from ssrec.batch import PAD, Batch, Corpus
from ssrec.encodings.sequence import SequenceEncoding
from ssrec.losses import global_mean
from ssrec.models.encoder import Encoder
from ssrec.nn import require_sizes
from ssrec.objectives.objective import Objective
from ssrec.pretext.next_labels import require_causal
from ssrec.ranking_losses import RankingLoss


@final
class NextKItems(Objective[SequenceEncoding]):
    """The weighted mean over the next k items of a ranking loss, all of them predicted from one vector.

    After the dense all-action loss of PinnerFormer (Pancha et al., KDD 2022), which draws one of the actions of the
    next weeks for each position; here each position has all of its next k items. It is not multi-token prediction
    (Gloeckle et al., ICML 2024), where every distance has a head of its own: the vector that predicts is the one that
    ranks. Over window rows every position of the batch's causal pass is trained on what follows it in its window; over
    prefix rows the user's vector is, on the target and the training events after it. With k = 1 it is `next_item`.
    Parts: next_k_items.

    Args:
        loss: the ranking loss.
        k: how many of the following items, at most as many as there are.
        weights: alike, or reciprocal: 1 / j for the j-th item; the mean is divided by the sum of the weights.

    Raises:
        CompositionError: for k below 1.
    """

    rows = ("window", "prefix")
    causal_rows = ("window",)
    numbers_rows = True

    def __init__(
        self,
        encoder: Encoder,
        corpus: Corpus,
        *,
        loss: Callable[[Corpus], RankingLoss],
        k: int = 3,
        weights: Literal["alike", "reciprocal"] = "alike",
    ):
        super().__init__(encoder, corpus)
        require_sizes("next_k_items", k=k)
        self.loss = loss(corpus)
        self.weights = [1.0 if weights == "alike" else 1 / j for j in range(1, k + 1)]
        owner = corpus.history.rows
        past = torch.arange(len(corpus.items)) > corpus.offsets[owner]
        self.register_buffer("items", corpus.items, persistent=False)
        self.register_buffer("target", past.nonzero().flatten(), persistent=False)  # the event that a prefix row asks
        self.register_buffer("end", corpus.offsets[1:][owner[past]], persistent=False)  # of its user's events
        self.items: Tensor
        self.target: Tensor
        self.end: Tensor

    def forward(self, x: SequenceEncoding) -> dict[str, Tensor]:
        """Raises CompositionError where a pass over windows would see its labels."""
        k = len(self.weights)
        if x.batch.kind == "prefix":
            vectors, labels = x.users, self._after(x.batch.rows, k)
        else:
            require_causal(x, "next_k_items")
            vectors, labels = x.hidden, following(x.batch, k)
        total, count = x.items.new_zeros((), dtype=torch.float), torch.zeros((), device=x.items.device)
        for weight, label in zip(self.weights, labels.unbind(-1), strict=True):
            asked = label != PAD
            total = total + weight * self.loss(vectors[asked], x.items, label[asked])
            count = count + weight * asked.sum()
        return {"next_k_items": global_mean(total, count)}

    def _after(self, rows: Int[Tensor, "B"], k: int) -> Int[Tensor, "B K"]:
        """The target of each prefix row and what follows it in training, PAD after a user's last event."""
        event = self.target[rows][:, None] + torch.arange(k, device=rows.device)
        return torch.where(event < self.end[rows][:, None], self.items[event.clamp(max=len(self.items) - 1)], PAD)


def following(batch: Batch, k: int) -> Int[Tensor, "B T K"]:
    """The k items after every position of window rows, PAD after the row's target and at padding."""
    after = F.pad(batch.whole, (0, k - 1), value=PAD).unfold(1, k, 1)[:, 1:]
    return after.masked_fill((batch.items == PAD)[..., None], PAD)
