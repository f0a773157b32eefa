"""One line of JSON, or of Python's literals, as the values of a row: exactly, and so in Python."""

import ast
import json
import re
import warnings
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ssrec.data.files.layout import Kind, called, shown

_LIST = list[str]
_VECTOR = list[float]
_WORDS: Mapping[Any, str] = {
    int: "an integer",
    float: "a number",
    str: "a text",
    _LIST: "a list of texts",
    _VECTOR: "a list of numbers",
    int | str: "an integer or a text",
    float | str: "a number or a text",
}


class Refused(Exception):
    """Why a line is no row: what is wrong, and its key or, of what cannot be read, the character, from 1."""

    def __init__(self, why: str, column: int | str = 1):
        super().__init__(why)
        self.column = column


def row_of(line: str, columns: Mapping[str, Kind], optional: Collection[str], literal: bool) -> list[Any]:
    """The values at the keys `columns`: int, float, str or lists of str, None where an optional one is missing.

    Raises:
        Refused: the line is no object with such values.
    """
    content = _literal(line) if literal else _json(line)
    if not isinstance(content, dict):
        raise Refused("no object; a row is one, from { to }")
    return [_value(content, name, kind, name in optional) for name, kind in columns.items()]


def _json(line: str) -> Any:
    try:
        # Of a key that stands twice the first counts, as where polars reads.
        return json.loads(line, parse_constant=_constant, object_pairs_hook=lambda pairs: dict(reversed(pairs)))
    except json.JSONDecodeError as e:
        raise Refused(f"no JSON ({e.msg})", e.colno) from e
    except (ValueError, RecursionError) as e:
        raise Refused("no JSON") from e


def _constant(name: str) -> Any:
    raise Refused(f"{name} is no JSON; a number or null belongs there")


def _literal(line: str) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes that Python does not know
            return ast.literal_eval(line)
    except SyntaxError as e:
        raise Refused("no Python literal", max(1, e.offset or 1)) from e
    except (ValueError, TypeError, MemoryError, RecursionError) as e:
        raise Refused("no Python literal") from e


def _value(content: Mapping[str, Any], name: str, kind: Kind, optional: bool) -> Any:
    value = _at(content, [name] if name in content else name.split("."))
    if value is None or (optional and value == ""):
        if optional:
            return None
        raise Refused(f"missing; {_WORDS[kind]} belongs there", called(name))
    converted = _converted(value, kind)
    if converted is None:
        said = shown(value, 40) if isinstance(value, str) else shown(repr(value), 40)[1:-1]
        raise Refused(f"{said} should be {_WORDS[kind]}", called(name))
    return converted


def _at(value: Any, keys: Sequence[str]) -> Any:
    """The value at a path of keys and, into lists, of places from 0."""
    for key in keys:
        if isinstance(value, dict):
            value = value.get(key)
        elif isinstance(value, list | tuple) and key.isdecimal() and int(key) < len(value):
            value = value[int(key)]
        else:
            return None
    return value


def _converted(value: Any, kind: Kind) -> Any:
    """The value as its kind, None where it is of another one."""
    if kind == _LIST:
        return _flat(value) if isinstance(value, list | tuple) else None
    if kind == _VECTOR:
        return _vector(value)
    if kind == float | str and isinstance(value, float) and value - value == 0:
        return str(value)
    if kind in (str, int | str, float | str):
        return _text(value)
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    return _number(value, kind)


def _text(value: Any) -> str | None:
    """A text that can be written (JSON can spell halves of characters), or a whole number as text."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str):
        return None
    try:
        text.encode()
    except UnicodeEncodeError:
        return None
    return text


def _flat(value: Sequence[Any]) -> list[str] | None:
    """The texts of a list and of lists in it."""
    found = [x if isinstance(x, list | tuple) else [x] for x in value]
    texts = [_text(x) for part in found for x in part]
    return None if None in texts else texts  # type: ignore[return-value]


def _vector(value: Any) -> list[float] | None:
    """The numbers of a list, or in a text, whatever stands between them: `0.1 0.2`, `[0.1, 0.2]`, `0.1|0.2`."""
    elements = re.split(r"[\s,;|]+", value.strip(" []()")) if isinstance(value, str) else value
    if not isinstance(elements, list | tuple):
        return None
    written = [isinstance(x, int | float | str) and not isinstance(x, bool) for x in elements]
    numbers = [_number(x, float) for x in elements] if all(written) else [None]
    return None if None in numbers else numbers  # type: ignore[return-value]


def _number(value: int | float | str, kind: Kind) -> int | float | None:
    """A finite number; it may be written as text."""
    try:
        number = float(value) if kind is float else int(value)
        exact = float(value)
    except (ValueError, OverflowError):
        return None
    if number - number != 0 or (kind is int and isinstance(value, float) and number != exact):
        return None
    return number if kind is float or -(2**63) <= number < 2**63 else None
