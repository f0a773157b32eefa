"""Views of bags: other items of the same rows, drawn by whole-array operations."""

import torch
from jaxtyping import Bool
from torch import Tensor

from ssrec.batch import Ragged


def kept(bag: Ragged, chosen: Bool[Tensor, "E"]) -> Ragged:
    """The chosen values of each row."""
    ends = torch.cat([chosen.new_zeros(1, dtype=torch.long), chosen.cumsum(0)])
    return Ragged(bag.values[chosen], ends[bag.offsets])


def hold_out(bag: Ragged, share: float) -> tuple[Ragged, Ragged]:
    """What stays of each bag, and what is held out: every item by its own draw, with probability `share`."""
    out = torch.rand(len(bag.values), device=bag.values.device) < share
    return kept(bag, ~out), kept(bag, out)
