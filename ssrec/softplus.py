"""Binary cross-entropy over many classes, in chunks: the matrix of positions x classes never exists whole."""

from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

BUDGET = 2**20  # logits alive at once: 4 MiB in fp32


def softplus_total(
    hidden: Float[Tensor, "P D"], vectors: Float[Tensor, "A D"], *, budget: int = BUDGET
) -> Float[Tensor, ""]:
    """`sum_pa log(1 + exp(hidden[p] . vectors[a]))` in nats and in at least fp32.

    Less the logits of the classes that hold, it is binary cross-entropy over all classes. The gradients are computed in
    the forward pass, chunk by chunk, where any is asked for; about `budget` logits are alive.
    """
    wide = torch.promote_types(torch.promote_types(hidden.dtype, vectors.dtype), torch.float32)
    asked = torch.is_grad_enabled() and (hidden.requires_grad or vectors.requires_grad)
    return _SoftplusTotal.apply(hidden.to(wide), vectors.to(wide), budget, asked)


class _SoftplusTotal(Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, vectors: Tensor, budget: int, asked: bool) -> Tensor:
        total = hidden.new_zeros(())
        step = max(1, budget // max(len(vectors), 1))
        of_hidden, of_vectors = torch.zeros_like(hidden), torch.zeros_like(vectors)
        with torch.autocast(hidden.device.type, enabled=False):
            for start in range(0, len(hidden), step):
                rows = slice(start, start + step)
                logits = hidden[rows] @ vectors.T
                total += F.softplus(logits).sum()
                if asked:
                    chances = logits.sigmoid_()
                    torch.mm(chances, vectors, out=of_hidden[rows])
                    of_vectors.addmm_(chances.T, hidden[rows])
        ctx.save_for_backward(of_hidden, of_vectors)
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None, None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        of_hidden, of_vectors = ctx.saved_tensors
        (scale,) = grads
        return of_hidden * scale, of_vectors * scale, None, None
