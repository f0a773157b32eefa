"""Losses as pure functions of vectors, and the one reduction that all objectives share."""

from typing import Any, Literal

import torch
import torch.distributed as dist
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from ssrec.distributed import distributed, of_all

Reduction = Literal["mean", "sum"]


def global_mean(total: Float[Tensor, ""], count: int | Tensor) -> Float[Tensor, ""]:
    """This process's `total` over the `count` of all processes, times their number.

    Averaged over processes, as data-parallel training averages gradients, it is the mean that one process holding
    all rows would compute. A count of 0 divides by 1: a batch that asks nothing costs 0 and keeps its gradient path.
    """
    number = torch.as_tensor(count, device=total.device).to(total.dtype, copy=True)
    if distributed():
        dist.all_reduce(number)
    return total * _processes() / number.clamp(min=1)


def reduced(total: Float[Tensor, ""], count: int | Tensor, reduction: Reduction) -> Float[Tensor, ""]:
    """`global_mean`, or the sum over what all processes hold, which no count divides."""
    if reduction == "mean":
        return global_mean(total, count)
    return total * _processes()


def _processes() -> int:
    return dist.get_world_size() if distributed() else 1


class _Gather(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> tuple[Tensor, Tensor]:
        everyone, start = of_all(x)
        ctx.own = slice(start, start + len(x))
        first = torch.tensor(start, device=x.device)
        ctx.mark_non_differentiable(first)
        return everyone, first

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        grad = grads[0].clone(memory_format=torch.contiguous_format)
        dist.all_reduce(grad)
        return grad[ctx.own]


def gather(x: Float[Tensor, "B D"]) -> tuple[Float[Tensor, "C D"], int]:
    """The rows of all processes in order of rank, with gradients to their owners, and where one's own rows start."""
    if not distributed():
        return x, 0
    everyone, start = _Gather.apply(x)
    return everyone, int(start)


def global_norm(x: Float[Tensor, "B D"]) -> Float[Tensor, ""]:
    """This process's equal share of the Euclidean norm of all numbers that all processes hold, for `reduced`.

    A norm is no sum over rows: it is taken over the rows of all processes, with gradients to their owners.
    """
    everyone, _ = gather(torch.linalg.vector_norm(x).view(1, 1))
    return torch.linalg.vector_norm(everyone) / _processes()


Similarity = Literal["dot", "cosine"]
Sides = Literal["two_sided", "one_sided"]


def info_nce(
    first: Float[Tensor, "B D"],
    second: Float[Tensor, "B D"],
    *,
    temperature: float = 1.0,
    similarity: Similarity = "dot",
    negatives: Sides = "two_sided",
    same: Bool[Tensor, "B C"] | None = None,
) -> Float[Tensor, ""]:
    """The sum over anchors of -log softmax of the positive pair (van den Oord et al., arXiv 2018, eq. 4), in fp32.

    `two_sided`: every vector of both views is an anchor, the other 2C - 2 vectors of all processes its negatives
    (NT-Xent, Chen et al., ICML 2020, eq. 1): 2B terms. `one_sided`: anchors of the first view against the second,
    C - 1 negatives: B terms. C is the number of rows of all processes; those that `same` marks are no negatives.
    """
    with torch.autocast(first.device.type, enabled=False):
        first, second = first.float(), second.float()
        if similarity == "cosine":
            first, second = F.normalize(first, dim=1), F.normalize(second, dim=1)
        everyone, start = gather(second)
        own = torch.arange(start, start + len(first), device=first.device)
        if negatives == "one_sided":
            logits = first @ everyone.T / temperature
            logits = logits if same is None else logits.masked_fill(same, -torch.inf)
            return F.cross_entropy(logits, own, reduction="sum")
        others, _ = gather(first)
        anchors = torch.cat([first, second])
        itself = torch.cat([own, own + len(others)])
        positive = torch.cat([own + len(others), own])
        logits = anchors @ torch.cat([others, everyone]).T / temperature
        logits = logits if same is None else logits.masked_fill(same.repeat(2, 2), -torch.inf)
        logits = logits.scatter(1, itself[:, None], -torch.inf)
        return F.cross_entropy(logits, positive, reduction="sum")


def bpr(positive: Float[Tensor, "B"], negative: Float[Tensor, "B"]) -> Float[Tensor, ""]:
    """`sum -log sigmoid(positive - negative)` (Rendle et al., UAI 2009, section 4.1)."""
    return F.softplus(negative - positive).sum()


def cosine_contrastive(
    positive: Float[Tensor, "B"], negatives: Float[Tensor, "B K"], *, margin: float, negative_weight: float
) -> Float[Tensor, ""]:
    """`sum 1 - positive + negative_weight * mean_k max(0, negative_k - margin)` of cosines.

    Mao et al., CIKM 2021, SimpleX, eq. 1; only negatives above the margin are pushed away.
    """
    return (1 - positive).sum() + negative_weight * F.relu(negatives - margin).mean(1).sum()


def grouped_log_mean_exp(x: Float[Tensor, "C"], groups: Int[Tensor, "C"]) -> Float[Tensor, "C"]:
    """`log mean exp x` over the group of each entry."""
    _, group, n = groups.unique(return_inverse=True, return_counts=True)
    top = x.new_full((len(n),), -torch.inf).scatter_reduce(0, group, x.detach(), "amax")
    mass = x.new_zeros(len(n)).index_add(0, group, (x - top[group]).exp())
    return (top + (mass / n).log())[group]
