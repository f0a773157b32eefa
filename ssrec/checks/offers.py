"""Whether a dataset has what the parts of a config read."""

import inspect
from collections.abc import Callable, Mapping, Set
from typing import Any

from ssrec.checks.parts import Models
from ssrec.compose import Plain, instantiate, locate, nodes
from ssrec.errors import CompositionError


def _argument(made: Callable[..., Any], node: Plain, name: str) -> Any:
    """What an argument is: as the node says, or the default."""
    return node[name] if name in node else inspect.signature(made).parameters[name].default


def measurable(metrics: Plain, offers: Set[str]) -> Plain:
    """The metrics that a dataset can have: as with a model that has no item vectors, the others are not reported.

    What one reads unless told otherwise may be lacking; a feature that it was told to read may not (`check_needs`).
    """

    def possible(name: str, node: Plain) -> bool:
        made = locate(node["_target_"], name)
        named = {argument: _argument(made, node, argument) for argument in getattr(made, "needs_named", ())}
        unsaid = {value for argument, value in named.items() if value == _argument(made, {}, argument)}
        return made.needs | unsaid <= offers

    return {name: node for name, node in metrics.items() if possible(name, node)}


def check_needs(config: Plain, offers: Set[str]) -> None:
    parts = [part for part in ("split", "candidates") if config[part]]
    made = {part: instantiate(config[part]) for part in parts}  # whose settings may need more than their class
    for where, node in nodes(config):
        asking = made.get(where) or locate(node["_target_"], where)
        named = (_argument(asking, node, name) for name in getattr(asking, "needs_named", ()))
        asked = [(where, need) for need in (*getattr(asking, "needs", ()), *named)]
        when: Mapping[str, str] = getattr(asking, "needs_when", {})
        values = {name: _argument(asking, node, name) for name in when}
        asked += [(f"{where}.{name}={str(values[name]).lower()}", need) for name, need in when.items() if values[name]]
        for asks, need in asked:
            if need not in offers:
                has = ", ".join(sorted(offers)) or "nothing but interactions"
                raise CompositionError(f"{asks} needs {need}, which the dataset does not have (it has {has})")


def check_weights(config: Plain, known_models: Models) -> None:
    model = locate(config["model"]["_target_"], "model")
    if config["clean"]["weights"] and not model.reads_weights:
        reading = ", ".join(name for name, known in known_models.items() if known.reads_weights)
        raise CompositionError(
            f"clean.weights=true: {model.__name__} counts all events alike; models that do not: {reading}"
        )
