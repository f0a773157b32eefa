"""Gradients taken outside of the training loop's own backward, and shared by all processes."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import torch
import torch.distributed as dist
from jaxtyping import Float
from torch import Tensor, nn

from ssrec.distributed import distributed

Gradients = list[Tensor | None]  # of parameters in their order; None: the loss does not reach it


@contextmanager
def only(parameters: Iterable[nn.Parameter], trained: Sequence[nn.Parameter]) -> Iterator[None]:
    """Within it, no gradient is kept for what is not trained: a pass through frozen parts costs no backward."""
    kept = set(trained)
    others = [p for p in parameters if p.requires_grad and p not in kept]
    for parameter in others:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in others:
            parameter.requires_grad_(True)


def gradients(loss: Float[Tensor, ""], parameters: Sequence[nn.Parameter], *, keep: bool = False) -> Gradients:
    """The gradient of a loss, averaged over processes; `keep` keeps its graph for another one.

    Data-parallel training averages what `backward` leaves and knows nothing of this, so it is done here.
    """
    found: Gradients = [None] * len(parameters)
    if loss.requires_grad:
        found = list(torch.autograd.grad(loss, parameters, retain_graph=keep, allow_unused=True))
    return _averaged(found, parameters) if distributed() else _apart(found)


def _averaged(found: Gradients, parameters: Sequence[nn.Parameter]) -> Gradients:
    """The mean over processes; None only where no process has a gradient."""
    reached = torch.tensor([g is not None for g in found], dtype=torch.long, device=parameters[0].device)
    dist.all_reduce(reached)
    mean: Gradients = []
    for gradient, parameter, anywhere in zip(found, parameters, reached.tolist(), strict=True):
        if anywhere:
            own = (
                torch.zeros_like(parameter)
                if gradient is None
                else gradient.clone(memory_format=torch.contiguous_format)
            )
            dist.all_reduce(own)
            mean.append(own.div_(dist.get_world_size()))
        else:
            mean.append(None)
    return mean


def _apart(found: Gradients) -> Gradients:
    """Each in memory of its own, since optimizers and clipping change gradients in place."""
    places: set[int] = set()
    apart: Gradients = []
    for gradient in found:
        if gradient is not None:
            gradient = gradient.clone() if gradient.data_ptr() in places else gradient.contiguous()
            places.add(gradient.data_ptr())
        apart.append(gradient)
    return apart
