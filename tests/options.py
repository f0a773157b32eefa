"""What conf/ lets one choose, read off its files and the signatures they name: nothing is listed by hand."""

import inspect
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import chain, product
from typing import Any, Literal, get_args, get_origin

from hydra import compose, initialize_config_dir
from omegaconf import DictConfig
from pairwise import Combination, cover

from ssrec import confs
from ssrec.compose import encoding_of, fits, locate, nodes
from ssrec.data.module import DataModule
from ssrec.models.encoder import Encoder, FittedEncoding
from ssrec.objectives.objective import Objective

ABSENT = "absent"  # the option of an axis whose part was not chosen
SMALL = 16  # sizes are cut down to this

MODELS = confs.known("model", Encoder)
OBJECTIVES = confs.known("objective", Objective)
TRAINED = [name for name, model in MODELS.items() if encoding_of(model) is not FittedEncoding]


@dataclass(frozen=True)
class Axis:
    """An override's key and its values; `parent` is the axis that must hold one of `when` for it to exist.

    Files of one group may have a key in common, so behind the key stands whose it is: `...loss.negatives of bce`.
    """

    key: str
    values: tuple[Hashable, ...]
    parent: str | None = None
    when: frozenset[Hashable] = frozenset()

    @property
    def options(self) -> tuple[Hashable, ...]:
        return (*self.values, ABSENT) if self.parent else self.values


def stems(group: str) -> list[str]:
    return sorted(f.stem for f in (confs.folder() / group).glob("*.yaml"))


def _values(annotation: Any, value: Any) -> tuple[Hashable, ...]:
    """Both of a bool, all of a Literal, a size where none is the default, one small size; else nothing to choose."""
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    if annotation is bool:
        return (True, False)
    if int in (annotation, *get_args(annotation)):
        if not value:
            return (value, 8)
        if isinstance(value, int) and value > SMALL:
            return (SMALL,)
    return ()


def axes(
    group: str, stem: str, at: str, parent: str | None = None, when: Iterable[Hashable] = (), whose: str = ""
) -> Iterator[Axis]:
    """The axes of a file of a group placed at `at`, and of the files that its defaults list chooses."""
    exists = (parent, frozenset(when))
    content = confs.read(confs.folder() / group / f"{stem}.yaml")
    for entry in content.pop("defaults", []):
        for name, chosen in entry.items() if isinstance(entry, dict) else ():
            inner, _, place = name.removeprefix("/").partition("@")
            several = isinstance(chosen, list)
            values = [(s,) if several else s for s in stems(inner)]
            if several and len(values) > 1:
                values.append(tuple(stems(inner)))
            key = f"{inner}@{at}.{place}"
            yield Axis(key, tuple(values), *exists)
            for s in stems(inner):
                having = [v for v in values if s == v or (several and s in v)]
                yield from axes(inner, s, f"{at}.{place}", key, having, f" of {s}")
    for where, node in nodes(content):
        signature = inspect.signature(locate(node["_target_"], where)).parameters
        for name, value in node.items():
            values = _values(signature[name].annotation, value) if name in signature else ()
            if values:
                yield Axis(".".join(filter(None, (at, where, name))) + whose, values, *exists)


def model_axes(model: str) -> list[Axis]:
    return list(axes("model", model, "model"))


def term_axes(model: str) -> list[Axis]:
    """Whether each objective that fits takes part, and its settings."""
    fitting = [name for name, loss in OBJECTIVES.items() if fits(MODELS[model], loss)]
    parts = ([Axis(n, (True, False)), *axes("objective", n, "objective", n, [True])] for n in fitting)
    return list(chain.from_iterable(parts))


def run_axes(model: str) -> list[Axis]:
    """The rest of a training run: which rows, in which batches, with which optimizer, in which precision."""
    losses = [loss for loss in OBJECTIVES.values() if fits(MODELS[model], loss)]
    batching = get_args(inspect.signature(DataModule).parameters["batching"].annotation)
    return [
        Axis("data.rows", tuple(dict.fromkeys(kind for loss in losses for kind in loss.rows))),
        Axis("data.batching", batching),
        Axis("optimizer", tuple(stems("optimizer"))),
        Axis("hardware.precision", ("32-true", "bf16-mixed")),
    ]


@dataclass(frozen=True)
class Space:
    """The combinations of some axes, and which of them make sense."""

    axes: tuple[Axis, ...]

    def allowed(self, part: Mapping[str, Hashable]) -> bool:
        """Settings exist where their part was chosen, objectives can read the rows, and something is trained."""
        for axis in self.axes:
            if axis.parent in part and axis.key in part:
                if (part[axis.parent] in axis.when) == (part[axis.key] == ABSENT):
                    return False
        if any(key in OBJECTIVES for key in part) and not any(part.get(a.key, True) for a in self.axes if a.key in OBJECTIVES):
            return False
        rows = part.get("data.rows")
        losses = [OBJECTIVES[key] for key, value in part.items() if key in OBJECTIVES and value]
        if rows and not all(rows in loss.rows for loss in losses):
            return False
        return part.get("model.causal", True) is True or not any(rows in loss.causal_rows for loss in losses)

    def cover(self) -> list[Combination]:
        return cover({axis.key: axis.options for axis in self.axes}, self.allowed)


def trainings(model: str) -> list[Combination]:
    """A pairwise cover of everything that can be chosen to train a model."""
    return Space((*model_axes(model), *term_axes(model), *run_axes(model))).cover()


def grid(model: str) -> list[Combination]:
    """Every variant of a model with every variant of every sum of objectives, on every kind of rows."""
    own, terms, run = model_axes(model), term_axes(model), run_axes(model)
    presence = [a for a in terms if a.key in OBJECTIVES]
    sums = []
    for chosen in product(*(a.values for a in presence)):
        fixed = [Axis(a.key, (v,)) for a, v in zip(presence, chosen, strict=True)]
        sums += Space((*fixed, *(a for a in terms if a not in presence))).cover()
    everything = Space((*own, *terms, *run))
    runs = [dict(zip((a.key for a in run), values, strict=True)) for values in product(*(a.values for a in run))]
    found = ({**m, **t, **r} for m, t, r in product(Space(tuple(own)).cover() or [{}], sums, runs))
    return [c for c in found if everything.allowed(c)]


def overrides(model: str, combination: Mapping[str, Hashable]) -> tuple[str, ...]:
    """A combination as one writes it on the command line."""
    terms = [key for key, value in combination.items() if key in OBJECTIVES and value]
    settings = [
        f"{key.partition(' of ')[0]}={_written(value)}"
        for key, value in combination.items()
        if key not in OBJECTIVES and value != ABSENT
    ]
    return (f"model={model}", f"objective=[{','.join(terms)}]", *settings)


def _written(value: Hashable) -> str:
    if isinstance(value, tuple):
        return f"[{','.join(map(str, value))}]"
    return {True: "true", False: "false", None: "null"}.get(value, str(value)) if not isinstance(value, int) or isinstance(value, bool) else str(value)


@cache
def composed(*chosen: str) -> DictConfig:
    """conf/train.yaml with overrides, on small batches and short rows; not to be changed, since it is shared."""
    small = ["metric=[ndcg]", "data.max_length=10", "data.batch_size=16", "optimizer.lr=0.01"]
    with initialize_config_dir(str(confs.folder()), version_base="1.3"):
        return compose("train", overrides=[*small, *chosen])
