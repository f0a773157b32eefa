"""Encode the rows of a batch in groups of similar length, so that random rows cost hardly more than sorted ones."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from ssrec.batch import PAD

OVERHEAD = 600  # padded positions that a further group must save: what its own operations cost on a CPU


def by_length(
    encode: Callable[..., Float[Tensor, "B S D"]], ids: Int[Tensor, "B T"], *also: Shaped[Tensor, "B T"]
) -> Float[Tensor, "B T D"]:
    """`encode(ids, *also)` for right-aligned rows, computed without most of the padding; zero where it is left out.

    `encode` must treat each row alone and give the same at every real position however much padding stands before it.
    What else is given is cut as `ids` are. On a GPU all rows stay in one call: there launches cost more than padding.
    """
    if ids.device.type != "cpu" or not ids.numel():
        return encode(ids, *also)
    lengths, order = (ids != PAD).sum(1).sort()
    sizes = group_sizes(lengths)
    if len(sizes) == 1:
        return encode(ids, *also)
    parts = []
    for rows in order.split(sizes):
        width = max(1, int((ids[rows[-1]] != PAD).sum()))
        group = encode(*(given[rows, -width:] for given in (ids, *also)))
        parts.append(F.pad(group, (0, 0, ids.shape[1] - width, 0)))
    return torch.cat(parts)[order.argsort()]


def group_sizes(lengths: Int[Tensor, "B"]) -> list[int]:
    """How many of the rows, sorted by length, each group takes: halved where that saves most padding, while it pays."""
    rows, longest = len(lengths), lengths[-1]
    first = torch.arange(1, rows)
    saved = first * (longest - lengths[:-1])
    if rows < 2 or int(saved.max()) < OVERHEAD:
        return [rows]
    cut = int(saved.argmax()) + 1
    return [*group_sizes(lengths[:cut]), *group_sizes(lengths[cut:])]
