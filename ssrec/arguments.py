"""Whether the arguments in a config are those of what they are for, by name and by annotation."""

import inspect
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Union, get_args, get_origin

from ssrec.compose import Plain, nearest
from ssrec.errors import CompositionError


def takes(annotation: Any, value: Any) -> bool:
    """Whether a plain value suits an annotation; annotations of other kinds are not judged."""
    if get_origin(annotation) in (Union, types.UnionType):
        return any(takes(a, value) for a in get_args(annotation))
    if get_origin(annotation) is Literal:
        return value in get_args(annotation)
    if get_origin(annotation) is Mapping:
        return isinstance(value, Mapping)
    if get_origin(annotation) is Sequence:
        return isinstance(value, list) and all(takes(get_args(annotation)[0], v) for v in value)
    if annotation is None or annotation is type(None):
        return value is None
    if annotation in (int, float, str):
        allowed = {int: int, float: (int, float), str: str}[annotation]
        return isinstance(value, allowed) and not isinstance(value, bool)
    return isinstance(value, bool) if annotation is bool else True


def check_arguments(where: str, node: Plain, made: Callable[..., Any]) -> None:
    """Refuse what is no argument, or none of its type; `made` is what the node's `_target_` names.

    A node without one holds settings of a function that users do not know: its keyword-only arguments.
    """
    parameters = inspect.signature(made).parameters
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return
    called = made.__name__
    if "_target_" not in node:
        parameters = {name: p for name, p in parameters.items() if p.kind is p.KEYWORD_ONLY}
        called = where
    for key, value in node.items():
        if key.startswith("_") and key.endswith("_"):
            continue
        if key not in parameters:
            hint = nearest(key, [p for p in parameters if p != "self"])
            raise CompositionError(f"{where}.{key} is not an argument of {called}; {hint}")
        annotation = parameters[key].annotation
        if value == "" or not takes(annotation, value):
            name = f"{where}.{key}"
            said = "empty" if value == "" else repr(value)
            raise CompositionError(f"{name} is {said}, and {called} takes {worded(annotation)}; say {name}=<value>")
    if node.get("_partial_"):  # the rest is given where it is called
        return
    for name, parameter in parameters.items():
        if parameter.kind is parameter.KEYWORD_ONLY and parameter.default is parameter.empty and name not in node:
            raise CompositionError(f"{where} lacks {name}, which {called} needs: {worded(parameter.annotation)}")


def worded(annotation: Any) -> str:
    """An annotation as a user would say it: `original, pre or post`, `int or null`, `a list of int`."""
    if get_origin(annotation) in (Union, types.UnionType):
        return " or ".join(map(worded, get_args(annotation)))
    if get_origin(annotation) is Literal:
        *most, last = map(str, get_args(annotation))
        return f"{', '.join(most)} or {last}" if most else last
    if get_origin(annotation) is Callable:
        return "a part of its own"
    if get_origin(annotation) is Mapping:
        return "a mapping of names"
    if get_origin(annotation) is Sequence:
        return f"a list of {worded(get_args(annotation)[0])}"
    if annotation is None or annotation is type(None):
        return "null"
    return annotation.__name__ if isinstance(annotation, type) else str(annotation)
