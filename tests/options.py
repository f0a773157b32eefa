"""What conf/ lets one choose, read off its files and the signatures they name: nothing is listed by hand."""

import inspect
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations, product
from typing import Any, Literal, get_args, get_origin

from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf
from pairwise import Combination, cover

from ssrec import confs
from ssrec.compose import encoding_of, fits, locate, nodes, readable, views_of, wrapped_by
from ssrec.data.module import DataModule
from ssrec.encodings.encoding import FittedEncoding
from ssrec.models.encoder import Encoder
from ssrec.objectives.objective import Objective
from ssrec.views.graph.view import GraphView

ABSENT = "absent"  # the option of an axis whose part was not chosen
SMALL = 16  # sizes are cut down to this

MODELS = confs.known("model", Encoder)
OBJECTIVES = confs.known("objective", Objective)
GRAPH_VIEWS = confs.known("view", GraphView)
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


def _suiting(content: Mapping[str, Any], group: str, place: str) -> list[str]:
    """The files of a group that may be put at a place of a file: views that its objective can draw, models to wrap."""
    if group == "model":
        return list(confs.known(group, wrapped_by(locate(content["_target_"], place))[place]))
    if group != "view":
        return stems(group)
    (node,) = (node for where, node in nodes(content) if place == f"{where}.views")
    return list(confs.known(group, views_of(locate(node["_target_"], place))))


def axes_of(
    group: str, stem: str, at: str, parent: str | None = None, when: Iterable[Hashable] = (), whose: str = ""
) -> Iterator[Axis]:
    """The axes of a file of a group placed at `at`, and of the files that its defaults list chooses."""
    exists = (parent, frozenset(when))
    content = confs.read(confs.folder() / group / f"{stem}.yaml")
    for entry in content.pop("defaults", []):
        for name, chosen in entry.items() if isinstance(entry, dict) else ():
            inner, _, place = name.removeprefix("/").partition("@")
            several = isinstance(chosen, list)
            suiting = _suiting(content, inner, place)
            choices: list[Hashable] = [(s,) if several else s for s in suiting]
            if several and len(choices) > 1:
                choices.append(tuple(suiting))
            if chosen == []:
                choices.append(())  # a part that may be left out
            key = f"{inner}@{at}.{place}"
            yield Axis(key, tuple(choices), *exists)
            for s in suiting:
                having = [v for v in choices if s == v or (isinstance(v, tuple) and s in v)]
                yield from axes_of(inner, s, f"{at}.{place}", key, having, f" of {s}")
    for where, node in nodes(content):
        signature = inspect.signature(locate(node["_target_"], where)).parameters
        for name, value in node.items():
            values = _values(signature[name].annotation, value) if name in signature else ()
            if values:
                yield Axis(".".join(filter(None, (at, where, name))) + whose, values, *exists)


def model_axes(model: str) -> list[Axis]:
    return [Axis("model", (model,)), *axes_of("model", model, "model")]


def presence_axes(model: str) -> list[Axis]:
    """Whether each objective that fits takes part."""
    return [Axis(name, (True, False)) for name, loss in OBJECTIVES.items() if fits(MODELS[model], loss)]


def term_axes(objective: str) -> list[Axis]:
    """The settings of an objective that takes part."""
    return [Axis(objective, (True,)), *axes_of("objective", objective, "objective", objective, [True])]


def run_axes(model: str) -> list[Axis]:
    """The rest of a training run: which rows, in which batches, with which optimizer, in which precision."""
    losses = [loss for loss in OBJECTIVES.values() if fits(MODELS[model], loss)]
    kinds = [kind for loss in losses for kind in readable(MODELS[model], loss)]
    batching = get_args(inspect.signature(DataModule).parameters["batching"].annotation)
    return [
        Axis("data.rows", tuple(dict.fromkeys(kinds))),
        Axis("data.batching", batching),
        Axis("data.sampling", ("null", "users")),
        Axis("optimizer", tuple(stems("optimizer"))),
        Axis("hardware.precision", ("32-true", "bf16-mixed")),
    ]


def _refused(key: str, value: Hashable, part: Mapping[str, Hashable]) -> bool:
    """What is refused when objectives are built.

    More views than `draw=given` takes, two copies of a view that draws nothing, perturbations without blocks, and a
    mask of the batch's negatives where they are drawn.
    """
    if key.endswith(".false_negatives") and value == "mask":
        return isinstance(part.get(key.replace(".false_negatives", ".negatives")), int)
    if key.endswith(".against") and value == "view":
        views = part.get(f"view@{key.removesuffix('against')}views", ())
        return isinstance(views, tuple) and len(views) == 1 and not GRAPH_VIEWS[views[0]].draws
    if key.endswith(".draw") and value == "given":
        views = part.get(f"view@{key.removesuffix('draw')}views", ())
        return isinstance(views, tuple) and len(views) > 2
    model = MODELS.get(str(part.get("model")))
    return key.startswith("perturb@") and value not in (ABSENT, ()) and model is not None and not model.has_blocks


def allowed(axes: Sequence[Axis], part: Mapping[str, Hashable]) -> bool:
    """Settings exist where their part was chosen, something is trained, and its objectives can read the rows."""
    for axis in axes:
        both = axis.parent is not None and axis.parent in part and axis.key in part
        if both and (part[str(axis.parent)] in axis.when) == (part[axis.key] == ABSENT):
            return False
    if any(_refused(key, value, part) for key, value in part.items()):
        return False
    present = [part.get(axis.key, True) for axis in axes if axis.key in OBJECTIVES]
    if present and not any(present):
        return False
    if "data.rows" not in part or "model" not in part:
        return True
    model, causal = MODELS[str(part["model"])], bool(part.get("model.causal", True))
    losses = [OBJECTIVES[key] for key, value in part.items() if key in OBJECTIVES and value]
    return all(part["data.rows"] in readable(model, loss, causal) for loss in losses)


def covered(axes: Sequence[Axis]) -> list[Combination]:
    """A pairwise cover of axes; one empty combination where there are none."""
    return cover({axis.key: axis.options for axis in axes}, lambda part: allowed(axes, part)) or [{}]


def trainings(model: str) -> list[Combination]:
    """A pairwise cover of a model's settings, sums of objectives, rows, batches, optimizers and precisions."""
    return covered([*model_axes(model), *presence_axes(model), *run_axes(model)])


def usual_model(objective: str) -> str:
    """The model by which an objective's own settings are tried: SASRec or LightGCN where they fit, else the first."""
    fitting = [name for name in TRAINED if fits(MODELS[name], OBJECTIVES[objective])]
    return next((name for name in ("sasrec", "lightgcn") if name in fitting), fitting[0])


def usual_objective(model: str) -> str:
    """The objective by which a model is tried: next_item where it fits, else the first that does."""
    fitting = [name for name, loss in OBJECTIVES.items() if fits(MODELS[model], loss)]
    return "next_item" if "next_item" in fitting else fitting[0]


def variants(objective: str) -> list[tuple[str, Combination]]:
    """A pairwise cover of an objective's settings and rows, and the model to try it with."""
    model = usual_model(objective)
    rows = Axis("data.rows", readable(MODELS[model], OBJECTIVES[objective]))
    return [(model, combination) for combination in covered([Axis("model", (model,)), *term_axes(objective), rows])]


def grid(model: str) -> Iterator[Combination]:
    """Every variant of a model with every objective in every variant, and with every two objectives, on all rows."""
    own, rows = covered(model_axes(model)), run_axes(model)[0]
    names = [axis.key for axis in presence_axes(model)]
    sums: list[Combination] = [c for name in names for c in covered(term_axes(name))]
    sums += [{one: True, other: True} for one, other in combinations(names, 2)]
    for m, t, kind in product(own, sums, rows.values):
        if allowed(model_axes(model), whole := {**m, **t, rows.key: kind}):
            yield whole


def overrides(model: str, combination: Mapping[str, Hashable]) -> tuple[str, ...]:
    """A combination as one writes it on the command line."""
    terms = [key for key, value in combination.items() if key in OBJECTIVES and value]
    settings = [
        f"{key.partition(' of ')[0]}={_written(value)}"
        for key, value in combination.items()
        if key not in (*OBJECTIVES, "model") and value != ABSENT
    ]
    return (f"model={model}", f"objective=[{','.join(terms)}]", *settings)


def _written(value: Hashable) -> str:
    if isinstance(value, tuple):
        return f"[{','.join(map(str, value))}]"
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


@cache
def composed(*chosen: str) -> DictConfig:
    """conf/train.yaml with overrides, on small batches and short rows; shared, so not to be changed."""
    small = ["metric=[ndcg]", "data.max_length=10", "data.batch_size=16", "optimizer.lr=0.01"]
    with initialize_config_dir(str(confs.folder()), version_base="1.3"):
        config = compose("train", overrides=[*small, *chosen])
    for key in OmegaConf.missing_keys(config):  # the folder of a run, which the tests do not open
        OmegaConf.update(config, key, "a-run")
    return config
