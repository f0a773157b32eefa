"""How far two softmaxes over a whole catalogue are apart; the matrix of positions x items never exists."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

BUDGET = 2**21  # scores of each side alive at once


def divergence(
    hidden: Float[Tensor, "P D"],
    items: Float[Tensor, "N D"],
    theirs: Float[Tensor, "P E"],
    their_items: Float[Tensor, "N E"],
    *,
    temperature: float = 1.0,
) -> Float[Tensor, ""]:
    """`t^2 sum_p KL(softmax(theirs) || softmax(hidden))` of scores over t, in nats, in fp32.

    Over the item rows 1.., padding left out. `hidden` and `items` get gradients, computed in the same pass, a few
    positions at a time; the other side gets none.
    """
    return _Divergence.apply(hidden.float(), items.float(), theirs.float(), their_items.float(), temperature)


class _Divergence(Function):
    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, items: Tensor, theirs: Tensor, their_items: Tensor, temperature: float
    ) -> Tensor:
        total, of_hidden, of_items = hidden.new_zeros(()), torch.empty_like(hidden), torch.zeros_like(items)
        size = max(1, BUDGET // len(items))
        with torch.autocast(hidden.device.type, enabled=False):
            for start in range(0, len(hidden), size):
                rows = slice(start, start + size)
                p = (theirs[rows] @ their_items[1:].T / temperature).log_softmax(1)
                q = (hidden[rows] @ items[1:].T / temperature).log_softmax(1)
                total += (p.exp() * (p - q)).sum()
                excess = q.exp_().sub_(p.exp_())
                of_hidden[rows] = excess @ items[1:]
                of_items[1:] += excess.T @ hidden[rows]
        ctx.save_for_backward(of_hidden.mul_(temperature), of_items.mul_(temperature))
        return total * temperature**2

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        return (*(saved * grads[0] for saved in ctx.saved_tensors), None, None, None)
