"""How the losses of several objectives become one step."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import ClassVar, final

import torch
import torch.distributed as dist
from jaxtyping import Float, Float64
from torch import Tensor, nn

from ssrec.distributed import distributed
from ssrec.learning.gradients import Gradients, gradients

Losses = Mapping[str, Sequence[Tensor]]  # the weighted parts of each objective that takes part in a step
Scale = Callable[[Tensor], Tensor]  # what half precision multiplies a loss by before its gradient is taken


def added(parts: Iterable[Tensor]) -> Float[Tensor, ""]:
    """The parts added one after the other, starting from 0."""
    return sum(parts, start=torch.zeros(()))


class Combine(nn.Module, ABC):
    """Makes one loss of the objectives' losses, or one gradient of their gradients.

    Args:
        names: of the objectives.
    """

    by_gradient: ClassVar[bool] = False  # whether it needs the gradient of each objective

    def __init__(self, names: Iterable[str] = ()):
        super().__init__()

    @abstractmethod
    def forward(self, losses: Losses) -> Float[Tensor, ""]:
        """The loss of a step, as it is logged."""

    def gradients(
        self, losses: Losses, total: Float[Tensor, ""], parameters: Sequence[nn.Parameter], scale: Scale
    ) -> Gradients:
        """The gradient of a step, averaged over processes; `total` is what `forward` made of `losses`."""
        return gradients(scale(total), parameters)

    def logged(self) -> dict[str, Tensor]:
        """What it has found, by objective or by a name of its own."""
        return {}


@final
class Sum(Combine):
    """The sum of all parts."""

    def forward(self, losses: Losses) -> Float[Tensor, ""]:
        return added(part for parts in losses.values() for part in parts)


@final
class Uncertainty(Combine):
    """`sum_k exp(-s_k) L_k + s_k / 2`, s_k a learned log variance of each objective (Kendall et al., CVPR 2018).

    That is their eq. 10 for likelihoods of classes; the L_k are weighted already. All s_k start at 0, where the sum has
    the gradient of the plain one, and are parameters like any other: weight decay pulls them there. An objective that
    takes no part in a step leaves its own alone. It logs every `exp(-s_k)`.
    """

    def __init__(self, names: Iterable[str]):
        super().__init__(names)
        self.log_variances = nn.ParameterDict({name: nn.Parameter(torch.zeros(())) for name in names})

    def forward(self, losses: Losses) -> Float[Tensor, ""]:
        logs = self.log_variances
        return added((-logs[name]).exp() * added(parts) + logs[name] / 2 for name, parts in losses.items())

    def logged(self) -> dict[str, Tensor]:
        return {name: (-s.detach()).exp() for name, s in self.log_variances.items()}


@final
class PCGrad(Combine):
    """Projects conflicting gradients onto each other's normal plane (Yu et al., NeurIPS 2020, algorithm 1).

    The gradient of each objective loses, for every other one in an order drawn anew, its component along that one's
    gradient where their product is negative; the results are added. That is done to the parameters that two or more
    objectives reach, all of them together; the others keep their gradient. It logs the share of pairs in conflict.
    """

    by_gradient = True

    def __init__(self, names: Iterable[str] = ()):
        super().__init__(names)
        self._conflicts: Tensor | None = None

    def forward(self, losses: Losses) -> Float[Tensor, ""]:
        return added(part for parts in losses.values() for part in parts)

    def gradients(
        self, losses: Losses, total: Float[Tensor, ""], parameters: Sequence[nn.Parameter], scale: Scale
    ) -> Gradients:
        each = [gradients(scale(added(parts)), parameters, keep=True) for parts in losses.values()]
        columns = list(zip(*each, strict=True))  # of each parameter, the gradients of all objectives
        products = torch.zeros(len(each), len(each), dtype=torch.float64)
        for column in columns:
            if _shared(column):
                products += _products(column)
        self._conflicts = (products < 0).sum().to(total.device) / max(len(each) * (len(each) - 1), 1)
        counts = projected(products)
        if distributed():  # one process draws the orders, and rounds, for all
            counts = counts.to(parameters[0].device)
            dist.broadcast(counts, 0)
        share = counts.tolist()
        return [_weighed(column, share) if _shared(column) else _only(column) for column in columns]

    def logged(self) -> dict[str, Tensor]:
        return {} if self._conflicts is None else {"conflicts": self._conflicts}


def projected(products: Float64[Tensor, "K K"]) -> Float64[Tensor, "K"]:
    """How often each of K gradients counts in the sum of the projected ones, from their inner products.

    A projected gradient is a sum of multiples of the K, so their products are all that a projection needs.
    """
    multiples = torch.eye(len(products), dtype=torch.float64)
    for i, own in enumerate(multiples):
        for j in torch.randperm(len(products)).tolist():
            along = own @ products[:, j]
            if j != i and along < 0:
                own[j] -= along / products[j, j]
    return multiples.sum(0)


def _shared(column: Sequence[Tensor | None]) -> bool:
    return sum(g is not None for g in column) > 1


def _products(column: Sequence[Tensor | None]) -> Float64[Tensor, "K K"]:
    """Inner products of the gradients of one parameter; one that is missing is zero."""
    zero = torch.zeros_like(next(g for g in column if g is not None))
    rows = torch.stack([zero if g is None else g for g in column]).flatten(1)
    return (rows @ rows.T).double().cpu()


def _weighed(column: Sequence[Tensor | None], counts: Sequence[float]) -> Tensor:
    found = [(g, n) for g, n in zip(column, counts, strict=True) if g is not None]
    total = torch.zeros_like(found[0][0])
    for gradient, n in found:
        total.add_(gradient, alpha=n)
    return total


def _only(column: Sequence[Tensor | None]) -> Tensor | None:
    return next((g for g in column if g is not None), None)
