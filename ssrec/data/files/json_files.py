"""Files that are one JSON object."""

import json
import re
from pathlib import Path
from typing import Any

from ssrec.data.files.layout import shown, worded
from ssrec.errors import DataError


def read_json_object(path: Path) -> dict[str, Any]:
    """A JSON object that is not empty.

    Raises:
        DataError: the file is no JSON, is cut short, or holds something else.
    """
    try:
        text = path.read_bytes()
        if not text.strip():
            raise DataError(worded(path, "the file is empty; a JSON object belongs in it", line=1, column=1))
        content = json.loads(text)
    except OSError as e:
        raise DataError(f"{path} cannot be read: {e.strerror}") from e
    except json.JSONDecodeError as e:
        row, why = e.doc.split("\n")[e.lineno - 1], f"no JSON ({e.msg}); is the file truncated?"
        raise DataError(worded(path, why, line=e.lineno, column=e.colno, row=row, at=e.colno - 1)) from e
    except UnicodeDecodeError as e:
        raise DataError(_undecoded(path, e)) from e
    except (ValueError, RecursionError) as e:  # a number of thousands of digits, lists in lists in lists
        raise DataError(f"{path}: no JSON; is this the right file?") from e
    if not isinstance(content, dict) or not content:
        raise DataError(f"{path} should hold a JSON object, and one that is not empty")
    return content


def misplaced(path: Path, key: str, value: object, why: str) -> DataError:
    """The error of a key of a JSON object and its value, with the line on which the key first stands.

    A key that is spelt in another way than Python spells it is named without its line.
    """
    text = path.read_text(errors="replace")
    spelt = "|".join(re.escape(json.dumps(key, ensure_ascii=ascii)) for ascii in (True, False))
    found = re.search(rf"(?:{spelt})\s*:", text)
    line = text.count("\n", 0, found.start()) + 1 if found else None
    return DataError(worded(path, why, line=line, column=shown(key, 40), row=f"{key}: {value}"))


def read_json_lists(path: Path) -> dict[int, list[str]]:
    """A JSON object from integer ids to lists, their elements as text.

    Raises:
        DataError: the file is no JSON, is cut short, or holds something else.
    """
    content = read_json_object(path)
    for key, value in content.items():
        if not (key.isascii() and key.isdigit() and len(key) < 19 and isinstance(value, list)):
            raise misplaced(path, key, value, "no item and its attributes; an id and a list of names belong here")
        for element in value:
            if not isinstance(element, str | int | float) or not _is_text(str(element)):
                raise misplaced(path, key, value, f"{shown(repr(element))} should be the name of an attribute")
    return {int(key): [str(x) for x in value] for key, value in content.items()}


def _undecoded(path: Path, e: UnicodeDecodeError) -> str:
    begin, end = e.object.rfind(b"\n", 0, e.start) + 1, e.object.find(b"\n", e.start)
    row, at = e.object[begin : end if end >= 0 else None], e.start - begin
    return worded(
        path,
        f"no JSON, byte 0x{row[at]:02x} is no {e.encoding} text; is this the right file?",
        line=e.object.count(b"\n", 0, begin) + 1,
        column=f"{at + 1} (in bytes)",
        row=row.decode(errors="backslashreplace"),
        at=len(row[:at].decode(errors="backslashreplace")),
    )


def _is_text(value: str) -> bool:
    """Whether it can be written: JSON can spell halves of characters."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
