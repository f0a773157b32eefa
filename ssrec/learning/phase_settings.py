"""Phases as a config says them: what is refused before data is read, and what they become."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from inspect import isabstract, signature
from typing import Any

import torch
from torch import nn

from ssrec.arguments import check_arguments, takes
from ssrec.compose import Plain, instantiate, locate, nearest
from ssrec.errors import CompositionError
from ssrec.learning.combine import Combine
from ssrec.learning.phases import UNITS, Phase, Unit
from ssrec.learning.schedules import Schedule
from ssrec.learning.terms import Term
from ssrec.transfer import matched


@dataclass(frozen=True, kw_only=True)
class PhaseSettings:
    """A phase: who steps, by what, and for how long.

    Args:
        trained: globs of the parameters that it moves: `encoder.*`, `<objective>.*`, `combine.*`.
        terms: the objectives that take part; None: all.
        weights: of objectives, in place of their own.
        optimizer: settings in place of the run's, for example lr.
        steps, batches, epochs: how long its turn is, one of them, the same for all phases: so many optimizer steps on
            every batch (1 where nothing is said), so many batches of one step, or so many epochs.
    """

    trained: Sequence[str] = ("*",)
    terms: Sequence[str] | None = None
    weights: Mapping[str, float | Schedule] = field(default_factory=dict)
    optimizer: Mapping[str, Any] = field(default_factory=dict)
    steps: int | None = None
    batches: int | None = None
    epochs: int | None = None

    @property
    def turn(self) -> tuple[Unit, int]:
        """The unit of its length, and the length."""
        said: list[tuple[Unit, int]] = [(u, length) for u in UNITS if (length := getattr(self, u)) is not None]
        return said[0] if said else ("steps", 1)


def check_phases(config: Plain) -> None:
    """Refuse phases that name what is not there, or have no length.

    Raises:
        CompositionError: names the phase, the key, and what would fit.
    """
    phases = config["phases"]
    if not isinstance(phases, list) or not all(isinstance(phase, dict) for phase in phases):
        raise CompositionError("phases takes a list of phases, for example phases=[{trained: [encoder.*], epochs: 3}]")
    names = [name for name, term in config["objective"].items() if term["weight"] != 0]
    if phases and not names:
        raise CompositionError("phases: there is no objective for them to step")
    for i, phase in enumerate(phases):
        _check_phase(f"phases[{i}]", phase, names, config["optimizer"])
    units = {unit for phase in phases for unit in UNITS if phase.get(unit) is not None}
    if len(units) > 1:
        raise CompositionError(f"phases have lengths in {' and in '.join(sorted(units))}; say all in one of them")
    if units and units != {"steps"} and any(phase.get(*units) is None for phase in phases):
        raise CompositionError(f"phases: one has a length in {next(iter(units))}, so every one needs it")


def _check_phase(where: str, phase: Plain, names: Sequence[str], optimizer: Plain) -> None:
    check_arguments(where, phase, PhaseSettings)
    for unit in UNITS:
        if (length := phase.get(unit)) is not None and length < 1:
            raise CompositionError(f"{where}.{unit} is {length}; a phase lasts at least 1")
    terms = phase.get("terms")
    for key in ("terms", "trained"):
        if phase.get(key) == []:
            raise CompositionError(f"{where}.{key} is empty; leave it out for all")
    for key, known in (("terms", names), ("weights", terms or names)):
        for name in phase.get(key) or ():
            if name not in known:
                raise CompositionError(f"{where}.{key}: {name} is no objective of this phase; {nearest(name, known)}")
    for name, weight in (phase.get("weights") or {}).items():
        check_weight(f"{where}.weights.{name}", weight)
    for glob in phase.get("trained", []):
        if not any(fnmatch(part, glob.partition(".")[0]) for part in ("encoder", "combine", *names)):
            hint = nearest(glob, [f"{part}.*" for part in ("encoder", "combine", *names)])
            raise CompositionError(f"{where}.trained: no parameter matches {glob}; {hint}")
    if settings := phase.get("optimizer"):
        made = locate(optimizer["_target_"], "optimizer")
        check_arguments(f"{where}.optimizer", {"_target_": optimizer["_target_"], **settings}, made)
        check_optimizer(f"{where}.optimizer", {**optimizer, **settings})


def check_optimizer(where: str, node: Plain) -> None:
    """Refuse settings that an optimizer refuses, tried on a parameter of its own.

    Raises:
        CompositionError: what the optimizer says.
    """
    try:
        instantiate({**node, "_partial_": True})([nn.Parameter(torch.zeros(1))])
    except (TypeError, ValueError, IndexError) as error:
        settings = ", ".join(f"{name}={value}" for name, value in node.items() if not name.startswith("_"))
        raise CompositionError(f"{where} cannot be made with {settings}: {error}") from None


def check_weight(where: str, weight: Any) -> None:
    """Refuse a weight that is neither a number nor a schedule.

    Raises:
        CompositionError: says what it takes; or what a schedule itself refuses.
    """
    if isinstance(weight, dict) and "_target_" in weight:
        made = locate(weight["_target_"], where)
        if isinstance(made, type) and issubclass(made, Schedule) and not isabstract(made):
            check_arguments(where, weight, made)
            for name, argument in signature(made).parameters.items():
                if argument.default is argument.empty and name not in weight:
                    raise CompositionError(f"{where} lacks {name}, which {made.__name__} needs")
            instantiate(weight)
            return
    elif not isinstance(weight, dict) and takes(float, weight):
        return
    known = "{_target_: ssrec.learning.schedules.Ramp, value: 0.1, first: 20}"
    raise CompositionError(f"{where} is {weight!r}; it takes a number or a schedule, for example {known}")


def build_phases(
    settings: Sequence[PhaseSettings], encoder: nn.Module, terms: Mapping[str, Term], combine: Combine | None
) -> list[Phase]:
    """The phases with the terms and the parameters that their settings name.

    Raises:
        CompositionError: a glob that matches nothing that is trained, or a parameter that no phase trains.
    """
    parts: dict[str, nn.Module] = {"encoder": encoder, **{name: term.loss for name, term in terms.items()}}
    if combine is not None:
        parts["combine"] = combine
    every = {f"{part}.{n}": p for part, m in parts.items() for n, p in m.named_parameters() if p.requires_grad}
    phases = []
    for i, said in enumerate(settings):
        moved = matched(list(every), said.trained, f"phases[{i}].trained")
        chosen = {
            n: Term(said.weights.get(n, t.weight), t.loss)
            for n, t in terms.items()
            if said.terms is None or n in said.terms
        }
        moving = {name: parameter for name, parameter in every.items() if name in moved}
        unit, length = said.turn
        phases.append(Phase(chosen, moving, dict(said.optimizer), length, unit))
    idle = [name for name in every if phases and not any(name in phase.trained for phase in phases)]
    if idle:
        raise CompositionError(
            f"phases: no phase trains {idle[0]} ({len(idle)} parameters of {len(every)}); add it to the trained of one"
        )
    return phases
