"""Phases: what steps several sets of parameters in turn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from torch import nn

from ssrec.learning.terms import Term

Unit = Literal["steps", "batches", "epochs"]
UNITS: tuple[Unit, ...] = get_args(Unit)


@dataclass(frozen=True)
class Phase:
    """Steps that move some of the parameters by some of the objectives.

    Args:
        terms: the objectives that take part, by name, with their weights here.
        trained: the parameters that it moves, by name.
        settings: of the optimizer, in place of the run's.
        length, unit: how long its turn is: in optimizer steps on every batch, in batches of one step, or in epochs.
    """

    terms: Mapping[str, Term]
    trained: Mapping[str, nn.Parameter]
    settings: Mapping[str, Any] = field(default_factory=dict)
    length: int = 1
    unit: Unit = "steps"


def due(phases: Sequence[Phase], epoch: int, step: int) -> list[int]:
    """The numbers of a batch's phases, one for each optimizer step on it; all phases are of one unit.

    Args:
        epoch: counted from 0.
        step: the optimizer steps before this batch.
    """
    lengths, unit = [phase.length for phase in phases], phases[0].unit
    turns = [i for i, length in enumerate(lengths) for _ in range(length)]
    return turns if unit == "steps" else [turns[(epoch if unit == "epochs" else step) % len(turns)]]


def of_epoch(phases: Sequence[Phase], epoch: int) -> list[int]:
    """The numbers of the phases that an epoch may have."""
    return due(phases, epoch, 0) if phases[0].unit == "epochs" else list(range(len(phases)))


def optimizers_of(phases: Sequence[Phase]) -> list[int]:
    """The number of each phase's optimizer: phases that move the same parameters alike share one, moments included."""
    kinds = [(phase.trained.keys(), phase.settings) for phase in phases]
    firsts = [i for i, kind in enumerate(kinds) if kinds.index(kind) == i]
    return [firsts.index(kinds.index(kind)) for kind in kinds]
