"""Hide items of whole rows, past and target, for the objectives that ask for them back."""

from dataclasses import dataclass
from typing import Literal, final

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ssrec.batch import PAD
from ssrec.encodings.sequence import SequenceEncoding
from ssrec.nn import require
from ssrec.pretext.whole_rows import whole
from ssrec.views.view import part, places, uniform

Mode = Literal["cloze", "span", "tail"]


@final
@dataclass(frozen=True)
class Masking:
    """Which items of a row are hidden.

    Args:
        token: what stands where an item is hidden.
        mode: cloze: each item by its own chance (Devlin et al., NAACL 2019; Sun et al., CIKM 2019). span: one run at
            a uniform place (Joshi et al., TACL 2020, who hide several). tail: the last items.
        probability: of each item to be hidden; of span and tail the share of a row, rounded down.
        at_least_one: a row of which none would be hidden loses one, in a cloze at a uniform place.
        always_last: the last item is hidden too (S3-Rec: Zhou et al., CIKM 2020, as its code runs).
    """

    token: int
    mode: Mode = "cloze"
    probability: float = 0.2
    at_least_one: bool = True
    always_last: bool = False

    def __post_init__(self) -> None:
        require(0 <= self.probability <= 1, f"probability={self.probability} must be between 0 and 1")

    def draw(self, ids: Int[Tensor, "B T"]) -> Bool[Tensor, "B T"]:
        """What is hidden of right-aligned rows; never padding."""
        masked = self._cloze(ids) if self.mode == "cloze" else self._run(ids)
        if self.always_last:
            masked[:, -1] = True
        return masked & (ids != PAD)

    def _cloze(self, ids: Int[Tensor, "B T"]) -> Bool[Tensor, "B T"]:
        lot = torch.rand(ids.shape, device=ids.device).masked_fill(ids == PAD, torch.inf)
        masked = lot < self.probability
        if self.at_least_one:  # the lowest lot of a row is under the probability already if any is
            masked = masked | (lot == lot.amin(1, keepdim=True))
        return masked

    def _run(self, ids: Int[Tensor, "B T"]) -> Bool[Tensor, "B T"]:
        place, length = places(ids)
        size = part(self.probability, length).clamp(min=int(self.at_least_one))
        first = length - size if self.mode == "tail" else uniform(length - size + 1)
        return (place >= first) & (place < first + size)


@final
@dataclass(frozen=True)
class MaskedPass:
    """A pass that is not causal over rows of which items are hidden: `ids` as they were, `masked` marks the hidden."""

    ids: Int[Tensor, "B T"]
    masked: Bool[Tensor, "B T"]
    seen: SequenceEncoding

    @property
    def unmasked(self) -> Bool[Tensor, "B T"]:
        """Items that were not hidden; no padding."""
        return ~self.masked & (self.ids != PAD)

    def at(self, chosen: Bool[Tensor, "B T"]) -> tuple[Float[Tensor, "P D"], Int[Tensor, "P"]]:
        """The vectors at chosen positions, and the items that stand there."""
        return self.seen.hidden[chosen], self.ids[chosen]


def masked_pass(x: SequenceEncoding, masking: Masking) -> MaskedPass:
    """The masked pass of a step: drawn and encoded once for all objectives whose settings agree."""

    def make() -> MaskedPass:
        ids = whole(x)
        masked = masking.draw(ids)
        return MaskedPass(ids, masked, x.view(ids.masked_fill(masked, masking.token), causal=False))

    return x.once(masking, make)
