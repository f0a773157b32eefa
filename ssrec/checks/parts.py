"""Whether the parts of a config fit each other: objectives, their views and rows, the model and what it wraps."""

from collections.abc import Mapping

from ssrec import confs
from ssrec.compose import Plain, encoding_of, fits, locate, nearest, nodes, read_by, readable, views_of, wrapped_by
from ssrec.data.rows import KINDS
from ssrec.encodings.encoding import FittedEncoding
from ssrec.errors import CompositionError
from ssrec.learning.phase_settings import check_weight
from ssrec.models.encoder import Encoder
from ssrec.objectives.objective import Objective

Models = Mapping[str, type[Encoder]]
Losses = Mapping[str, type[Objective]]


def losses_of(config: Plain) -> dict[str, type[Objective]]:
    return {
        name: locate(term["loss"]["_target_"], f"objective.{name}.loss")
        for name, term in (config.get("objective") or {}).items()
    }


def _said(term: object) -> str:
    """What is said of an objective without its loss."""
    if not isinstance(term, dict):
        return repr(term)
    keys = ([f"{key}.{k}" for k in value] if isinstance(value, dict) else [key] for key, value in term.items())
    return ", ".join(key for found in keys for key in found)


def check_terms(config: Plain) -> None:
    for name, term in (config.get("objective") or {}).items():
        if not isinstance(term, dict) or "_target_" not in (term.get("loss") or {}):
            chosen = [
                k for k, v in config["objective"].items() if isinstance(v, dict) and "_target_" in v.get("loss", {})
            ]
            raise CompositionError(
                f"objective.{name} has {_said(term)} and is not chosen; say objective=[{','.join([*chosen, name])}], "
                "or leave out what a word or a recipe says of it"
            )
        if "weight" not in term:
            raise CompositionError(f"objective.{name} has no weight; say +objective.{name}.weight=1")
        check_weight(f"objective.{name}.weight", term["weight"])


def check_views(config: Plain) -> None:
    for name, loss in losses_of(config).items():
        kind, views = views_of(loss), config["objective"][name]["loss"].get("views")
        for view, node in nodes(views):
            made = locate(node["_target_"], f"objective.{name}.loss.views.{view}")
            if isinstance(made, type) and not issubclass(made, kind):
                fitting = ", ".join(confs.known("view", kind))
                reason = f"{made.__name__} is no {kind.__name__} view"
                raise CompositionError(f"objective {name} cannot read view {view}: {reason}. Views that fit: {fitting}")


def check_wrapped(model: Plain) -> None:
    """A model around another one says which, and of the kind that it wraps."""
    for name, kind in wrapped_by(locate(model["_target_"], "model")).items():
        node = model.get(name)
        made = locate(node["_target_"], f"model.{name}") if isinstance(node, dict) and "_target_" in node else None
        if not isinstance(made, type) or not issubclass(made, kind):
            said = node if made is None else made.__name__
            fitting = ", ".join(confs.known("model", kind))
            raise CompositionError(f"model.{name} is {said}, no {kind.__name__}; model@model.{name} takes {fitting}")


def check_perturbed(config: Plain, known_models: Models) -> None:
    """What is drawn between the blocks of a pass asks for an encoder that has blocks."""
    model = locate(config["model"]["_target_"], "model")
    for where, node in nodes(config.get("objective"), "objective"):
        if getattr(locate(node["_target_"], where), "between_blocks", False) and not model.has_blocks:
            having = ", ".join(name for name, known in known_models.items() if known.has_blocks)
            raise CompositionError(f"{where}: {model.__name__} has no blocks between which to draw; models: {having}")


def check_combine(config: Plain) -> None:
    names = [name for name, term in (config.get("objective") or {}).items() if term["weight"] != 0]
    if config["combine"] and len(names) < 2:
        made = locate(config["combine"]["_target_"], "combine")
        raise CompositionError(f"combine: {made.__name__} has nothing to combine, since there are not two objectives")


def resolve_rows(config: Plain) -> str:
    """The kind of rows: as said, or the first kind that every objective can read.

    Raises:
        CompositionError: an objective cannot read the rows, or would see its label in them.
    """
    said, losses = config["data"]["rows"], losses_of(config)
    if said != "auto" and said not in KINDS:
        raise CompositionError(f"data.rows is {said}; {nearest(said, (*KINDS, 'auto'))}")
    if said == "auto":
        model, causal = locate(config["model"]["_target_"], "model"), config["model"].get("causal") is not False
        reads = {name: readable(model, loss, causal) or loss.rows for name, loss in losses.items()}
        shared = [kind for kind in KINDS if all(kind in kinds for kinds in reads.values())]
        if not shared:
            words = "; ".join(f"{name} reads {', '.join(kinds)}" for name, kinds in reads.items())
            raise CompositionError(f"no kind of rows suits all objectives: {words}")
        return min(shared, key=lambda kind: [kinds.index(kind) for kinds in reads.values()])
    for name, loss in losses.items():
        if said not in loss.rows:
            raise CompositionError(
                f"objective {name} cannot read data.rows={said}; it reads {', '.join(loss.rows)} (data.rows=auto picks)"
            )
    return said


def check_family(model: type[Encoder], losses: Losses, known: Losses, starts: bool) -> None:
    fitted = encoding_of(model) is FittedEncoding
    if fitted and losses:
        raise CompositionError(
            f"model {model.__name__} is fitted in closed form and has nothing to train; say objective=[]"
        )
    if not fitted and not losses and not starts:
        fitting = ", ".join(n for n, loss in known.items() if fits(model, loss))
        raise CompositionError(f"nothing trains model {model.__name__}; objectives that fit: {fitting}")


def check_pairs(config: Plain, known_models: Models, known_losses: Losses) -> None:
    model, rows = locate(config["model"]["_target_"], "model"), config["data"]["rows"]
    family = encoding_of(model)
    for name, loss in losses_of(config).items():
        if not fits(model, loss):
            reads, gives = " or ".join(r.__name__ for r in read_by(loss)), f"gives a {family.__name__}"
            if issubclass(family, read_by(loss)) and loss.branches > model.branches:
                reads = f"propagation whose steps add up {loss.branches} or more branches"
                gives = f"adds up {model.branches}"
            elif issubclass(family, read_by(loss)):
                kinds = {True: "is causal", False: "is not causal"}
                reads, gives = f"pass that {kinds[loss.passes[0]]}", f"has only one that {kinds[model.passes[0]]}"
            models = ", ".join(n for n, m in known_models.items() if fits(m, loss)) or "none"
            others = ", ".join(n for n, o in known_losses.items() if fits(model, o)) or "none"
            raise CompositionError(
                f"objective {name} reads a {reads}, but model {model.__name__} {gives}. "
                f"Models that fit: {models}. Objectives that fit {model.__name__}: {others}."
            )
        if rows not in readable(model, loss, config["model"].get("causal") is not False):
            ways = ["data.rows=prefix", "objective=[masked_item]"]
            why = "model.causal=false" if True in model.passes else f"{model.__name__} has no causal pass"
            said = " or ".join((["model.causal=true"] if True in model.passes else []) + ways)
            raise CompositionError(
                f"objective {name} over data.rows={rows} would let a position read its label: {why}. Say {said}."
            )
