"""From a composed config to objects, and which objective reads which model."""

import difflib
import logging
import types
from collections.abc import Iterable, Iterator
from typing import Any, get_args, get_origin, get_type_hints

import hydra.utils
from hydra.errors import InstantiationException
from omegaconf import DictConfig, OmegaConf

from ssrec.batch import Corpus
from ssrec.errors import CompositionError, UserError
from ssrec.learner import Term
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
    """Whether an objective reads what a model gives, and asks for passes that it has."""
    return issubclass(encoding_of(model), read_by(objective)) and set(objective.passes) <= set(model.passes)


def readable(model: type[Encoder], objective: type[Objective], causal: bool = True) -> tuple[str, ...]:
    """The kinds of rows over which a model can be trained by an objective; `causal` is what the model is set to."""
    causal = causal and True in model.passes
    return tuple(kind for kind in objective.rows if causal or kind not in objective.causal_rows)


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


def build_terms(config: DictConfig, encoder: Encoder, corpus: Corpus) -> dict[str, Term]:
    """Objectives and their weights; a weight of 0 builds nothing, so that it equals the term's absence."""
    return {
        str(name): Term(instantiate(node.weight) if OmegaConf.is_config(node.weight) else node.weight,
                        instantiate(node.loss, encoder, corpus))
        for name, node in sorted(config.items(), key=lambda item: str(item[0]))  # in whatever order they were named
        if OmegaConf.is_config(node.weight) or node.weight != 0
    }  # fmt: skip
