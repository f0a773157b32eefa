"""The softmax over a whole catalogue, in tiles: the matrix of positions x items never exists."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

# Logits alive at once: fastest around the size of the last cache (2^21 to 2^22 measured), 16 MiB in fp32.
BUDGET = 2**22
FEWEST = 64  # positions below which a product is too thin to be fast, so that items are tiled too
SQUARE = 256  # positions of a tile where items are tiled


def log_partition(
    hidden: Float[Tensor, "P D"],
    items: Float[Tensor, "N D"],
    weights: Float[Tensor, "P"],
    *,
    budget: int = BUDGET,
) -> Float[Tensor, ""]:
    """`sum_p weights[p] * logsumexp_n hidden[p] . items[n]` in nats over the item rows 1.., padding left out.

    The gradients for `hidden` and `items` are computed in the forward pass, tile by tile, where any is asked for;
    at most `budget` logits are alive. Under bf16 autocast the products are in bf16, exponentials and sums in fp32.
    `weights` get no gradient.
    """
    dtype = torch.promote_types(hidden.dtype, items.dtype)
    device = hidden.device.type
    # fp16 keeps fp32 products: a probability times a small weight would leave its range
    if torch.is_autocast_enabled(device) and torch.get_autocast_dtype(device) == torch.bfloat16:
        dtype = torch.bfloat16
    grad = torch.is_grad_enabled()
    wanted = (grad and hidden.requires_grad, grad and items.requires_grad)
    return _LogPartition.apply(hidden, items, weights, dtype, budget, wanted)


class _LogPartition(Function):
    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        items: Tensor,
        weights: Tensor,
        dtype: torch.dtype,
        budget: int,
        wanted: tuple[bool, bool],
    ) -> Tensor:
        with torch.autocast(hidden.device.type, enabled=False):
            total, *grads = _tiled(hidden.to(dtype), items.to(dtype), weights, budget, wanted)
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
            *[None] * 4,
        )


def _tile(positions: int, items: int, budget: int) -> tuple[int, int]:
    """Positions and items of a tile: all items at once where enough positions fit beside them."""
    rows = budget // max(items, 1)
    if rows >= min(positions, FEWEST):
        rows = max(rows, 1)
        parts = -(-positions // rows)
        return max(1, -(-positions // max(parts, 1))), items  # equal parts rather than a thin last one
    rows = max(1, min(positions, SQUARE, budget))
    return rows, max(1, min(items, budget // rows))


def _tiled(
    hidden: Tensor, items: Tensor, weights: Tensor, budget: int, wanted: tuple[bool, bool]
) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """The weighted sum of logsumexp and the wanted gradients; both arguments have the dtype of the products."""
    catalogue = items[1:]
    wide = torch.promote_types(hidden.dtype, torch.float32)
    height, width = _tile(len(hidden), len(catalogue), budget)
    exps = hidden.new_empty(height, width, dtype=wide)
    logits = exps if wide == hidden.dtype else hidden.new_empty(height, width)
    total = hidden.new_zeros((), dtype=wide)
    of_hidden = hidden.new_zeros(hidden.shape, dtype=wide) if wanted[0] else None
    of_items = items.new_zeros(items.shape, dtype=wide) if wanted[1] else None
    tiles = range(0, len(catalogue), width)

    def exponentials(x: Tensor, tile: Tensor, top: Tensor | None) -> tuple[Tensor, Tensor]:
        """exp(logits - top) in the buffer, and top: the highest logit, or `top` where that is higher."""
        out, product = exps[: len(x), : len(tile)], logits[: len(x), : len(tile)]
        torch.mm(x, tile.T, out=product)
        highest = product.amax(1, keepdim=True).to(wide)
        top = highest if top is None else torch.maximum(top, highest)
        return torch.sub(product, top, out=out).exp_(), top

    for start in range(0, len(hidden), height):
        rows = slice(start, start + height)
        x = hidden[rows]
        weight = weights[rows, None].to(wide)
        top, mass, exp = None, weight.new_zeros(()), exps
        for column in tiles:  # one pass over the items for the logsumexp, moving up its highest logit
            before = top
            exp, top = exponentials(x, catalogue[column : column + width], before)
            mass = exp.sum(1, keepdim=True) + (0 if before is None else mass * (before - top).exp())
        total += (weight * (mass.log() + (0 if top is None else top))).sum()
        if of_hidden is None and of_items is None:
            continue
        scale = weight / mass  # makes probabilities of exponentials, on the narrow side of both products
        for column in tiles:  # and one for the gradients; a single tile still stands in the buffer
            tile = catalogue[column : column + width]
            if len(tiles) > 1:
                exp, _ = exponentials(x, tile, top)
            factor = exp if exp.dtype == x.dtype else logits[: len(x), : len(tile)].copy_(exp)
            if of_hidden is not None:
                _add_product(of_hidden[rows], factor, tile)
            if of_items is not None:
                _add_product(of_items[1 + column : 1 + column + width], factor.T, (x * scale).to(x.dtype))
        if of_hidden is not None:
            of_hidden[rows] *= scale
    return total, of_hidden, of_items


def _add_product(out: Tensor, left: Tensor, right: Tensor) -> None:
    """`out += left @ right`, where `out` may be wider than the factors."""
    if out.dtype == left.dtype:
        out.addmm_(left, right)
    else:
        out += left @ right
