"""Passes over sequences of items."""

from collections.abc import Callable
from typing import Literal, final

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from ssrec.batch import PAD, Batch
from ssrec.encodings.encoding import DotEncoding, Lazy, Once
from ssrec.errors import CompositionError

Encode = Callable[[Int[Tensor, "B T"], bool, Int[Tensor, "B T"] | None], Float[Tensor, "B T D"]]
Between = Callable[[Tensor, Tensor], Tensor]  # what enters a block and what leaves it, to what leaves it instead
Pool = Literal["last", "mean", "flatten"]


@final
class SequenceEncoding(DotEncoding):
    """A pass over item sequences.

    `hidden[:, t]` has read `ids[:, :t + 1]` in a causal pass and all of `ids` in another. In a pass that is not
    causal a user's vector is read at a mask token put after the past, as BERT4Rec ranks, where the encoder has one.
    """

    def __init__(
        self,
        batch: Batch,
        encode: Encode,
        items: Lazy[Tensor],
        *,
        mask: int | None,
        causal: bool,
        max_length: int,
        ids: Tensor | None = None,
        times: Tensor | None = None,
        perturbed: Callable[[Between], Encode] | None = None,
    ):
        self.batch = batch
        self.causal = causal
        self.mask = mask
        self.max_length = max_length
        self.ids: Tensor = batch.items if ids is None else ids
        self.times: Tensor | None = batch.times if ids is None else times
        self._encode = encode
        self._perturbed = perturbed
        self._items = items
        self._hidden = Lazy(lambda: encode(self.ids, causal, self.times))
        self.once = Once()

    @property
    def hidden(self) -> Float[Tensor, "B T D"]:
        return self._hidden()

    @property
    def items(self) -> Float[Tensor, "N D"]:
        return self._items()

    @property
    def users(self) -> Float[Tensor, "B D"]:
        if self.causal or self.mask is None:
            return self.pool("last")
        query = self.ids.new_full((len(self.ids), 1), self.mask)
        return self.view(torch.cat([self.ids, query], dim=1), causal=False).pool("last")

    def view(
        self,
        ids: Int[Tensor, "B S"],
        *,
        causal: bool,
        times: Int[Tensor, "B S"] | None = None,
        perturb: Between | None = None,
    ) -> "SequenceEncoding":
        """A new pass, with its own dropout, over other ids of the same rows, and their times where they have any.

        `perturb` changes what leaves each block, here and in views of this view, of an encoder that has blocks.

        Raises:
            CompositionError: it has none.
        """
        encode = self._encode
        if perturb is not None:
            if self._perturbed is None:
                raise CompositionError("a pass of this encoder has no blocks between which it could be perturbed")
            encode = self._perturbed(perturb)
        own = {"mask": self.mask, "max_length": self.max_length, "perturbed": self._perturbed}
        return SequenceEncoding(self.batch, encode, self._items, causal=causal, ids=ids, times=times, **own)

    def pool(self, kind: Pool) -> Float[Tensor, "B D"]:
        """One vector per row, of what is not padding.

        last: at the last position. mean: over positions. flatten: all positions behind one another, zero at padding,
        `max_length` times as wide (CoSeRec: Liu et al., arXiv 2021, as its code runs, there with padding's vectors).
        """
        if kind == "last":
            return self.hidden[:, -1:].sum(1)  # of one position, or of none where no row has a past
        if kind == "flatten":
            return F.pad(self.hidden, (0, 0, self.max_length - self.hidden.shape[1], 0)).flatten(1)
        real = (self.ids != PAD).unsqueeze(-1)
        return (self.hidden * real).sum(1) / real.sum(1).clamp(min=1)
