"""Reading text files that promise a layout: whatever breaks the promise is named by file, line and column."""

import json
from collections.abc import Mapping
from pathlib import Path

import polars as pl

from ssrec.errors import DataError


def read_lines(path: Path, *, encoding: str = "utf-8") -> list[str]:
    """The lines of a file, without blank ones at its end.

    Raises:
        DataError: the file cannot be read or decoded, is empty, or stops in the middle of a line.
    """
    try:
        raw = path.read_bytes()
        text = raw.decode(encoding)
    except OSError as e:
        raise DataError(f"{path} cannot be read: {e.strerror}") from e
    except UnicodeDecodeError as e:
        line = e.object.count(b"\n", 0, e.start) + 1
        raise DataError(f"{path}, line {line}: not {encoding} text; is this the right file?") from e
    if not text.strip():
        raise DataError(f"{path} is empty")
    if not text.endswith("\n"):
        n, last = text.count("\n") + 1, text[text.rfind("\n") + 1 :]
        raise DataError(f"{path} is truncated: line {n:,} is the last and has no end: {_shown(last)}")
    # Only newlines end a line: str.splitlines would also split at characters that titles may hold.
    return text.replace("\r\n", "\n").rstrip("\n").split("\n")


def check_count(path: Path, got: int, expected: int, what: str = "rows") -> None:
    """Compare a published count.

    Raises:
        DataError: there are fewer (a truncated file) or more (another file).
    """
    if got < expected:
        raise DataError(f"{path} is truncated: {got:,} of {expected:,} {what}")
    if got > expected:
        raise DataError(f"{path} is not the published file: {got:,} {what} where {expected:,} belong")


def read_table(
    path: Path,
    columns: Mapping[str, type],
    *,
    separator: str,
    rows: int,
    encoding: str = "utf-8",
    header: bool = False,
) -> pl.DataFrame:
    """A table whose columns are `int` or `str`, with a published number of rows.

    Raises:
        DataError: a row has another number of fields, a field is no integer, or the number of rows is another.
    """
    lines = read_lines(path, encoding=encoding)
    names = list(columns)
    if header and lines[0].split(separator) != names:
        wanted = separator.join(names)
        raise DataError(f"{path}, line 1: the header should be {wanted!r}, and is {_shown(lines[0])}")
    start = 2 if header else 1
    lines = lines[start - 1 :]
    split = pl.Series(lines, dtype=pl.String).str.split(separator)
    if (k := first(split.list.len() != len(names))) is not None:
        raise DataError(
            f"{path}, line {start + k}: {len(split[k])} fields separated by {separator!r} where {len(names)} belong "
            f"({', '.join(names[:6])}{', ...' if len(names) > 6 else ''}): {_shown(lines[k])}"
        )
    check_count(path, len(lines), rows)
    table = split.list.to_struct(fields=names).struct.unnest()
    integers = [name for name, kind in columns.items() if kind is int]
    numbers = table.with_columns(pl.col(integers).cast(pl.Int64, strict=False))
    for name in integers:
        if (k := first(numbers[name].is_null())) is not None:
            raise not_integer(path, start + k, names.index(name) + 1, table[name][k], lines[k])
    return numbers


def first(wrong: pl.Series) -> int | None:
    """The first row that is true, if any."""
    rows = wrong.arg_true()
    return rows[0] if len(rows) else None


def not_integer(path: Path, line: int, column: int, field: str, row: str) -> DataError:
    return DataError(f"{path}, line {line}, column {column}: {_shown(field)} is no integer, in row {_shown(row)}")


def read_json_lists(path: Path) -> dict[int, list[str]]:
    """A JSON object from integer ids to lists, their elements as text.

    Raises:
        DataError: the file is no JSON, is cut short, or holds something else.
    """
    try:
        content = json.loads(path.read_bytes())
    except OSError as e:
        raise DataError(f"{path} cannot be read: {e.strerror}") from e
    except json.JSONDecodeError as e:
        raise DataError(f"{path}, line {e.lineno}, column {e.colno}: no JSON ({e.msg}); truncated?") from e
    except (UnicodeDecodeError, RecursionError) as e:
        raise DataError(f"{path}: no JSON; is this the right file?") from e
    if not isinstance(content, dict) or not content:
        raise DataError(f"{path} should hold a JSON object from item ids to lists of attributes")
    for key, value in content.items():
        if not (key.isascii() and key.isdigit() and isinstance(value, list)):
            raise DataError(f"{path}: {key!r}: {_shown(str(value))} should be an item id and its list of attributes")
    return {int(key): [str(x) for x in value] for key, value in content.items()}


def _shown(row: str, width: int = 80) -> str:
    return repr(row if len(row) <= width else row[:width] + "...")
