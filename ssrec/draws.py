"""Weighted draws without replacement for many rows at once."""

import math

import torch
from jaxtyping import Float, Int32
from torch import Tensor

from ssrec.batch import Ragged

CELLS = 1 << 22  # numbers drawn at once: 32 MB


def draw(met: Ragged, weights: Float[Tensor, "N"], n: int, generator: torch.Generator) -> Int32[Tensor, "R n"]:
    """n different items for each row in proportion to `weights`, none that the row has met.

    Each item arrives after an exponential time of rate `weights`, and the first n are taken: what drawing one by one
    without replacement gives, at no more than the cost of scoring all items once. Who calls sees to it that every row
    has n items left.
    """
    drawn = torch.empty(len(met), n, dtype=torch.int32)
    size = max(1, CELLS // len(weights))
    for start in range(0, len(met), size):
        rows = torch.arange(start, min(start + size, len(met)))
        taken = met.select(rows)
        arrival = torch.rand(len(rows), len(weights), dtype=torch.double, generator=generator)
        arrival = arrival.neg_().log1p_().neg_().div_(weights).masked_fill_(weights == 0, math.inf)
        arrival[taken.rows, taken.values] = math.inf
        drawn[rows] = arrival.topk(n, largest=False).indices.int()
    return drawn
