"""The softmax over a whole catalogue, in tiles: the matrix of positions x items never exists."""

import math
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from ssrec.product import product

BUDGET = 2**23  # probabilities alive at once: 32 MiB in fp32
CPU_TILE = 2**21  # numbers of a tile: fastest about here, on one thread and on two
FEWEST = 64  # positions below which products are too thin to be fast, so that probabilities are made twice instead
SQUARE = 256  # positions of a tile that does not hold all items


def log_partition(
    hidden: Float[Tensor, "P D"],
    items: Float[Tensor, "N D"],
    weights: Float[Tensor, "P"],
    *,
    left_out: Bool[Tensor, "P M"] | None = None,
    budget: int = BUDGET,
) -> Float[Tensor, ""]:
    """`sum_p weights[p] * logsumexp_n hidden[p] . items[n]` in nats over the item rows 1.., padding left out.

    Of those M rows a position does not count what `left_out` marks; one that counts none must weigh 0.

    The gradients for `hidden` and `items` are computed in the forward pass, tile by tile, where any is asked for;
    at most `budget` logits are alive, and a tile. Under bf16 autocast the products are in bf16, exponentials and sums
    in fp32. `weights` get no gradient.
    """
    dtype = torch.promote_types(hidden.dtype, items.dtype)
    device = hidden.device.type
    # fp16 keeps fp32 products: a probability times a small weight would leave its range
    if torch.is_autocast_enabled(device) and torch.get_autocast_dtype(device) == torch.bfloat16:
        dtype = torch.bfloat16
    grad = torch.is_grad_enabled()
    wanted = (grad and hidden.requires_grad, grad and items.requires_grad)
    return _LogPartition.apply(hidden, items, weights, left_out, dtype, budget, wanted)


class _LogPartition(Function):
    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        items: Tensor,
        weights: Tensor,
        left_out: Tensor | None,
        dtype: torch.dtype,
        budget: int,
        wanted: tuple[bool, bool],
    ) -> Tensor:
        with torch.autocast(hidden.device.type, enabled=False):
            rows, others = (x.to(dtype).contiguous() for x in (hidden, items))
            total, *grads = _tiled(rows, others, weights, left_out, budget, wanted)
        ctx.save_for_backward(*grads)
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        of_hidden, of_items = ctx.saved_tensors
        (scale,) = grads
        return (
            None if of_hidden is None else of_hidden * scale,
            None if of_items is None else of_items * scale,
            *[None] * 5,
        )


def _parts(n: int, most: int) -> int:
    """The size of equal parts of n, of at most `most`: rather than a thin last one."""
    return -(-n // max(1, -(-n // max(most, 1)))) if n else 1


def _tile(positions: int, items: int, budget: int, fits: int) -> tuple[int, int]:
    """Positions and items of a tile of about `fits` numbers; `budget` bounds the positions while all items are kept."""
    kept = budget // max(items, 1)
    square = max(SQUARE, min(fits, budget) // max(items, 1))
    height = _parts(positions, min(square, budget, kept if kept >= min(positions, FEWEST) else budget))
    return height, _parts(items, max(1, min(fits, budget) // height))


def _tiled(
    hidden: Tensor,
    items: Tensor,
    weights: Tensor,
    left_out: Tensor | None,
    budget: int,
    wanted: tuple[bool, bool],
) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """The weighted sum of logsumexp and the wanted gradients; both arguments have the dtype of the products.

    A tile's product, its softmax and its share in the gradient of `hidden` are made while it is in the cache. The
    gradient of `items` needs the logsumexp over all tiles first: for that the softmaxes are kept, or made again where
    the budget does not hold those of all items. It is summed transposed, in which shape its product is fastest.
    """
    catalogue = items[1:]
    wide = torch.promote_types(hidden.dtype, torch.float32)
    fits = CPU_TILE if hidden.device.type == "cpu" else budget
    height, width = _tile(len(hidden), len(catalogue), budget, fits)
    tiles = [catalogue[column : column + width] for column in range(0, len(catalogue), width)]
    keeps = height * len(catalogue) <= budget
    scratch = hidden.new_empty(len(tiles) if keeps and wanted[1] else 1, height * width)
    exps = hidden.new_empty(0 if wide == hidden.dtype else height * width, dtype=wide)
    total = hidden.new_zeros((), dtype=wide)
    of_hidden = hidden.new_zeros(hidden.shape, dtype=wide) if wanted[0] else None
    turned = items.new_zeros(items.shape[::-1], dtype=wide) if wanted[1] else None

    def softmax(rows: slice, i: int) -> tuple[Tensor, Tensor]:
        """The probabilities of some positions within tile i, in the dtype of the products, and its logsumexp."""
        x, tile, place = hidden[rows], tiles[i], i % len(scratch)
        shape = len(x), len(tile)
        kept = scratch[place, : shape[0] * shape[1]].view(shape)
        logits, found = product(x, tile), kept
        if wide != x.dtype:
            logits = found = exps[: kept.numel()].view(shape).copy_(logits)
        if left_out is not None:  # by a finite number: a tile that is left out as a whole must not be NaN
            logits.masked_fill_(left_out[rows, i * width : i * width + len(tile)], torch.finfo(wide).min / 2)
        top = logits.amax(1, keepdim=True)
        torch.softmax(logits, 1, out=found)
        mass = top - found.amax(1, keepdim=True).log()  # the highest probability is one over the sum of exponentials
        return (kept if found is kept else kept.copy_(found)), mass

    for start in range(0, len(hidden), height):
        rows = slice(start, start + height)
        x, weight = hidden[rows], weights[rows, None].to(wide)
        masses = weight.new_empty(len(tiles), len(x), 1)
        every, mean = torch.full_like(weight, -math.inf), weight.new_zeros(x.shape)
        for i, tile in enumerate(tiles):
            found, masses[i] = softmax(rows, i)
            before, every = every, torch.logaddexp(every, masses[i])
            if of_hidden is not None:
                mean = mean * (before - every).exp() + (masses[i] - every).exp() * product(found, tile.T)
        total += (weight * every).sum()
        if of_hidden is not None:
            torch.mul(mean, weight, out=of_hidden[rows])
        if turned is None:
            continue
        for i, tile in enumerate(tiles):
            if len(scratch) == len(tiles):
                found = scratch[i, : len(x) * len(tile)].view(len(x), len(tile))
            else:
                found, _ = softmax(rows, i)
            first = 1 + i * width
            share = weight * (masses[i] - every).exp()
            turned[:, first : first + len(tile)] += product((x * share).to(x.dtype).T, found.T)
    return total, of_hidden, None if turned is None else turned.T
