"""Files that are one JSON object."""

import json
from pathlib import Path
from typing import Any

from ssrec.data.files.layout import shown
from ssrec.errors import DataError


def read_json_object(path: Path) -> dict[str, Any]:
    """A JSON object that is not empty.

    Raises:
        DataError: the file is no JSON, is cut short, or holds something else.
    """
    try:
        content = json.loads(path.read_bytes())
    except OSError as e:
        raise DataError(f"{path} cannot be read: {e.strerror}") from e
    except json.JSONDecodeError as e:
        raise DataError(f"{path}, line {e.lineno}, column {e.colno}: no JSON ({e.msg}); truncated?") from e
    except (ValueError, RecursionError) as e:  # bytes that are no text, a number of thousands of digits
        raise DataError(f"{path}: no JSON; is this the right file?") from e
    if not isinstance(content, dict) or not content:
        raise DataError(f"{path} should hold a JSON object, and one that is not empty")
    return content


def read_json_lists(path: Path) -> dict[int, list[str]]:
    """A JSON object from integer ids to lists, their elements as text.

    Raises:
        DataError: the file is no JSON, is cut short, or holds something else.
    """
    content = read_json_object(path)
    for key, value in content.items():
        if not (key.isascii() and key.isdigit() and len(key) < 19 and isinstance(value, list)):
            raise DataError(f"{path}: {key!r}: {shown(str(value))} should be an item id and its list of attributes")
        for element in value:
            if not isinstance(element, str | int | float) or not _is_text(str(element)):
                raise DataError(f"{path}: {key!r}: {shown(repr(element))} should be the name of an attribute")
    return {int(key): [str(x) for x in value] for key, value in content.items()}


def _is_text(value: str) -> bool:
    """Whether it can be written: JSON can spell halves of characters."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
