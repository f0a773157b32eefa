"""Modules that teach and are not trained: copies without parameters, and one that follows its student."""

import copy
from collections.abc import Iterable, Mapping
from typing import Any, Generic, TypeVar, final

import torch
from jaxtyping import Int
from torch import Tensor, nn

from ssrec.nn import require

M = TypeVar("M", bound=nn.Module)


def frozen(module: M, *, stored: bool = True) -> M:
    """A copy whose parameters are buffers: no optimizer, clipping or data-parallel reduction sees them.

    `stored` says whether checkpoints hold them. What was tied stays tied until the copy moves to another device.
    """
    copied = copy.deepcopy(module).requires_grad_(False)
    buffers: dict[int, Tensor] = {}
    for part in copied.modules():
        for name, parameter in list(part.named_parameters(recurse=False, remove_duplicate=False)):
            delattr(part, name)
            part.register_buffer(name, buffers.setdefault(id(parameter), parameter.detach()))
        if not stored:
            for name, buffer in list(part.named_buffers(recurse=False, remove_duplicate=False)):
                part.register_buffer(name, buffer, persistent=False)
    return copied


@final
class Frozen(nn.Module, Generic[M]):
    """A frozen copy of a module that reads as in an evaluation, and gives nothing a gradient.

    Args:
        module: what is copied.
        dropout: whether it drops elements while the others are trained.
        stored: whether checkpoints hold it.
    """

    def __init__(self, module: M, *, dropout: bool = False, stored: bool = True):
        super().__init__()
        self.module = frozen(module, stored=stored)
        self.dropout = dropout

    def forward(self, *given: Any) -> Any:
        self.module.train(self.training and self.dropout)  # and it stays so: encodings are lazy
        with torch.no_grad():
            return self.module(*given)

    @torch.no_grad()
    def copy(self, module: M) -> None:
        """Take over a module's parameters as they are now."""
        for name, parameter in module.named_parameters(remove_duplicate=False):
            self.module.get_buffer(name).copy_(parameter)


@final
class Teacher(nn.Module, Generic[M]):
    """An exponential moving average of a module's parameters, without gradients (Grill et al., NeurIPS 2020, eq. 1).

    It is the same on all processes, as what it follows is. The module's buffers, which hold what was fitted before
    training, stay those of the start.

    Args:
        student: what it copies, and then follows.
        momentum: the share of itself that it keeps at its first step.
        momentum_end: that share after `momentum_steps` steps, reached linearly (data2vec: Baevski et al., ICML 2022,
            section 3.3).
        momentum_steps: 0 for `momentum_end` from the first step on.
        dropout: whether it drops elements while the student is trained; else it reads as in an evaluation.

    Raises:
        CompositionError: for a momentum outside [0, 1] or a negative number of steps.
    """

    def __init__(
        self,
        student: M,
        *,
        momentum: float = 0.99,
        momentum_end: float = 0.999,
        momentum_steps: int = 2000,
        dropout: bool = False,
    ):
        super().__init__()
        for name, value in {"momentum": momentum, "momentum_end": momentum_end}.items():
            require(0 <= value <= 1, f"teacher: {name}={value} must be between 0 and 1")
        require(momentum_steps >= 0, f"teacher: momentum_steps={momentum_steps} must not be negative")
        self.momentum = momentum
        self.momentum_end = momentum_end
        self.momentum_steps = momentum_steps
        self.average = Frozen(student, dropout=dropout)
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))  # a buffer: a resumed run goes on
        self.steps: Tensor

    def forward(self, *given: Any) -> Any:
        """What the averaged module makes of it."""
        return self.average(*given)

    @torch.no_grad()
    def start(self, student: M) -> None:
        """Copy the student, unless a step was made: where a weight starts at a later epoch, so does the teacher."""
        if not self.steps:
            for own, parameter in self._pairs(student):
                own.copy_(parameter)

    @torch.no_grad()
    def follow(self, student: M, rows: Mapping[str, Int[Tensor, "R"]] | None = None) -> None:
        """One step: keep a share of itself, and take the rest from the student.

        Of a parameter that `rows` names those rows follow alone, each once however often it stands there.
        """
        chosen = {id(self.average.module.get_buffer(name)): at for name, at in (rows or {}).items()}
        way = (self.steps / self.momentum_steps).clamp(max=1.0) if self.momentum_steps else torch.ones_like(self.steps)
        taken = 1 - self.momentum - (self.momentum_end - self.momentum) * way
        for own, parameter in self._pairs(student):
            if (at := chosen.get(id(own))) is None:
                own.lerp_(parameter, taken.to(own.dtype))
            else:
                own[at] = own[at].lerp(parameter[at], taken.to(own.dtype))
        self.steps += 1

    def _pairs(self, student: M) -> Iterable[tuple[Tensor, Tensor]]:
        """Each of its tensors once, and what it follows; a move to another device unties buffers, not parameters."""
        named = student.named_parameters(remove_duplicate=False)
        owns = ((self.average.module.get_buffer(name), p.detach()) for name, p in named)
        return {id(own): (own, p) for own, p in owns}.values()
