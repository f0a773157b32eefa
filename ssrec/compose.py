"""From a composed config to objects, and which objective reads which model."""

import difflib
import inspect
import logging
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import hydra.utils
from hydra.errors import InstantiationException
from omegaconf import DictConfig, OmegaConf

from ssrec.batch import Corpus
from ssrec.errors import CompositionError, UserError
from ssrec.learning.terms import Term
from ssrec.models.encoder import Encoder
from ssrec.objectives.objective import Objective

logging.getLogger("hydra.utils").addHandler(logging.NullHandler())  # it would print what `locate` words better

Plain = dict[str, Any]


def instantiate(node: Any, *args: Any, **kwargs: Any) -> Any:
    """Hydra's instantiate; what a constructor refuses comes out as it was raised, a genuine bug with its traceback."""
    try:
        return hydra.utils.instantiate(node, *args, _convert_="all", **kwargs)
    except InstantiationException as error:
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, UserError):
                raise cause from None
            cause = cause.__cause__
        raise


def encoding_of(model: type[Encoder]) -> type:
    """The family that a model's `forward` promises."""
    return get_type_hints(model.forward)["return"]


def read_by(objective: type[Objective]) -> tuple[type, ...]:
    """The families that an objective can read: its type argument."""
    for base in getattr(objective, "__orig_bases__", ()):
        if get_origin(base) is Objective:
            (family,) = get_args(base)
            return get_args(family) if isinstance(family, types.UnionType) else (family,)
    raise CompositionError(f"{objective.__name__} does not say which encoding it reads: Objective[SequenceEncoding]")


def fits(model: type[Encoder], objective: type[Objective]) -> bool:
    """Whether an objective reads what a model gives, and asks for passes and branches that it has."""
    has = set(objective.passes) <= set(model.passes) and objective.branches <= model.branches
    return has and issubclass(encoding_of(model), read_by(objective))


def readable(model: type[Encoder], objective: type[Objective], causal: bool = True) -> tuple[str, ...]:
    """The kinds of rows over which a model can be trained by an objective; `causal` is what the model is set to."""
    causal = causal and True in model.passes
    return tuple(kind for kind in objective.rows if causal or kind not in objective.causal_rows)


def views_of(objective: type[Objective]) -> type:
    """The kind of views that an objective can read, by the annotation of its argument `views`; any without one."""
    parameter = inspect.signature(objective).parameters.get("views")
    if parameter is None or get_origin(parameter.annotation) is not Mapping:
        return object
    _, makes = get_args(parameter.annotation)  # Mapping[str, Callable[[Corpus], View]]
    return get_args(makes)[1]


def wrapped_by(model: Callable[..., Any]) -> dict[str, type[Encoder]]:
    """The arguments of a model that make an encoder for it to wrap, and of which kind, by their annotations."""
    found = {}
    for name, parameter in inspect.signature(model).parameters.items():
        made = get_args(parameter.annotation)[-1:]  # Callable[[Corpus], GraphEncoder]
        if isinstance(made and made[0], type) and issubclass(made[0], Encoder):
            found[name] = made[0]
    return found


def locate(target: str, where: str) -> Any:
    """The class or function that a `_target_` names."""
    try:
        return hydra.utils.get_object(target)
    except Exception as error:
        reason = str(error).splitlines()[-1] if str(error) else type(error).__name__
        raise CompositionError(f"{where}._target_ is {target}, which cannot be imported: {reason}") from None


def nodes(config: Any, where: str = "") -> Iterator[tuple[str, Plain]]:
    """Every node with a `_target_`, and where it stands."""
    if isinstance(config, dict):
        if "_target_" in config:
            yield where, config
        for key, value in config.items():
            yield from nodes(value, f"{where}.{key}" if where else key)
    elif isinstance(config, list):
        for i, value in enumerate(config):
            yield from nodes(value, f"{where}[{i}]")


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint for a name that does not exist: the closest one, whole or by one of its dotted parts, or all of them."""
    names = list(known)
    parts = {part: name for name in reversed(names) for part in name.split(".")}
    close = difflib.get_close_matches(word, names, 1, 0.6) or difflib.get_close_matches(
        word.split(".")[-1], parts, 1, 0.6
    )
    if close:
        return f"did you mean {parts.get(close[0], close[0])}?"
    return f"known: {', '.join(sorted(names)) or 'none'}"


def runs_of(objective: Any) -> tuple[str, ...]:
    """The arguments of an objective that are encoders of other finished runs; a config names those runs' folders."""
    parameters = inspect.signature(objective).parameters.items()
    return tuple(name for name, p in parameters if p.kind is p.KEYWORD_ONLY and p.annotation is Encoder)


def build_terms(
    config: DictConfig, encoder: Encoder, corpus: Corpus, encoder_of: Callable[[str, Path], Encoder] | None = None
) -> dict[str, Term]:
    """Objectives and their weights; a weight of 0 builds nothing, so that it equals the term's absence.

    `encoder_of` gives the encoder of another run, from the key that names it and the run's folder.

    Raises:
        CompositionError: the other run's encoder gives what the objective does not read.
    """

    def others(name: str, node: DictConfig) -> dict[str, Encoder]:
        made = locate(node._target_, f"objective.{name}.loss")
        found: dict[str, Encoder] = {}
        for argument in runs_of(made):
            where, folder = f"objective.{name}.loss.{argument}", Path(node[argument])
            assert encoder_of is not None, where
            found[argument] = encoder_of(where, folder)
            gives = encoding_of(type(found[argument]))
            if not issubclass(gives, read_by(made)):
                reads = " or ".join(family.__name__ for family in read_by(made))
                raise CompositionError(f"{where}: the model of {folder} gives a {gives.__name__}; it takes a {reads}")
        return found

    return {
        str(name): Term(instantiate(node.weight) if OmegaConf.is_config(node.weight) else node.weight,
                        instantiate(node.loss, encoder, corpus, **others(str(name), node.loss)))
        for name, node in sorted(config.items(), key=lambda item: str(item[0]))  # in whatever order they were named
        if OmegaConf.is_config(node.weight) or node.weight != 0
    }  # fmt: skip
