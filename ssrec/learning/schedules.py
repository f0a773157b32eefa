"""Weights that change while training goes on; in a yaml, a term's weight is then a node with a `_target_`."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal

from ssrec.nn import require

Shape = Literal["linear", "cosine"]
By = Literal["epoch", "step"]


class Schedule(ABC):
    """A weight by epoch and optimizer step, both counted from 0."""

    @abstractmethod
    def __call__(self, epoch: int, step: int = 0) -> float: ...

    def asleep(self, epoch: int, step: int = 0) -> bool:
        """Whether the weight is 0 from this step, the first of its epoch, to the last of that epoch."""
        return self(epoch, step) == 0


@dataclass(frozen=True)
class Ramp(Schedule):
    """A weight of 0 before epoch `first`, then rising linearly over `epochs` epochs to `value`."""

    value: float
    first: int = 0
    epochs: int = 0

    def __post_init__(self) -> None:
        for name, value in {"first": self.first, "epochs": self.epochs}.items():
            require(value >= 0, f"Ramp: {name}={value} must not be negative")

    def __call__(self, epoch: int, step: int = 0) -> float:
        if epoch < self.first:
            return 0.0
        return self.value * min(1.0, (epoch - self.first + 1) / (self.epochs + 1))


@dataclass(frozen=True)
class Anneal(Schedule):
    """A weight of `start` until `first`, then moving to `end` within `length` epochs or steps, where it stays.

    linear: in a straight line; cosine: along half a cosine (Loshchilov and Hutter, ICLR 2017, eq. 5). A resumed run
    goes on where it was, and a step is one of the optimizer: with several phases a batch may have several.
    """

    start: float
    end: float
    length: int
    first: int = 0
    shape: Shape = "linear"
    by: By = "epoch"

    def __post_init__(self) -> None:
        require(self.length >= 1, f"Anneal: length={self.length} must be at least 1")
        require(self.first >= 0, f"Anneal: first={self.first} must not be negative")

    def __call__(self, epoch: int, step: int = 0) -> float:
        now = epoch if self.by == "epoch" else step
        done = min(max((now - self.first) / self.length, 0.0), 1.0)
        if self.shape == "cosine":
            done = (1 - math.cos(math.pi * done)) / 2
        return (1 - done) * self.start + done * self.end

    def asleep(self, epoch: int, step: int = 0) -> bool:
        if self.by == "epoch":
            return self(epoch) == 0
        over = step >= self.first + self.length
        return self.end == 0 and (over or self.start == 0)  # else it may wake before the epoch ends
