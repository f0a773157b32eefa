"""Bags as rows of a matrix over the catalogue, for objectives that judge whole profiles: B x n_items numbers."""

import torch
from jaxtyping import Bool
from torch import Tensor

from ssrec.batch import PAD, Ragged


def dense(bag: Ragged, item_rows: int) -> Bool[Tensor, "B N"]:
    """Whether each row's bag holds each item row."""
    held = torch.zeros(len(bag), item_rows, dtype=torch.bool, device=bag.values.device)
    held[bag.rows, bag.values] = True
    return held


def some_others(held: Bool[Tensor, "B N"], share: float) -> Bool[Tensor, "B N"]:
    """A share of the items outside each row's bag, rounded to whole items, alike and without replacement; no padding.

    Drawn from torch's generator unless it is all or none.
    """
    others = ~held
    others[:, PAD] = False
    if share in (0, 1):
        return others & bool(share)
    keys = torch.rand(held.shape, device=held.device).masked_fill_(~others, 2.0)
    taken = torch.arange(held.shape[1], device=held.device) < (share * others.sum(1, keepdim=True)).round()
    return torch.zeros_like(held).scatter_(1, keys.argsort(1), taken)
