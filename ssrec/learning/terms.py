"""An objective and its weight."""

from dataclasses import dataclass

from ssrec.learning.schedules import Schedule
from ssrec.objectives.objective import Objective


@dataclass(frozen=True)
class Term:
    """A weighted objective; a weight of 0 skips its pass."""

    weight: float | Schedule
    loss: Objective

    def at(self, epoch: int, step: int = 0) -> float:
        return self.weight(epoch, step) if isinstance(self.weight, Schedule) else float(self.weight)

    def asleep(self, epoch: int, step: int = 0) -> bool:
        """Whether it takes no part in an epoch of which `step` is the first."""
        return self.weight.asleep(epoch, step) if isinstance(self.weight, Schedule) else self.weight == 0
