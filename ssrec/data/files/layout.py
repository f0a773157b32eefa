"""What readers of promised layouts share: whatever breaks the promise is named by file, line, column and row."""

from pathlib import Path
from types import GenericAlias, UnionType
from typing import Literal, NamedTuple, final

import polars as pl

from ssrec.errors import DataError

# Of a column: int, float, str, list[str]; int | str (ids) and int | float (times as they were written) are integers
# where every one is a plain integer, else text.
Kind = type | UnionType | GenericAlias
Mode = Literal["error", "skip"]
Range = tuple[float | int, float | int]  # least and largest value

PLAIN = r"^(?:0|-?[1-9][0-9]{0,17})$"  # the text of an integer that is written back as it was read


class BadRow(NamedTuple):
    """A row that was skipped; its file by path, its line (of Parquet: row) from 1, its column by place or name."""

    file: str
    line: int
    column: str | None
    why: str
    row: str


@final
class BadRows:
    """What happens to a row that breaks its layout: it is an `error`, or it is noted in `rows` and `skip`ped."""

    def __init__(self, mode: Mode = "error"):
        self.mode: Mode = mode
        self.rows: list[BadRow] = []

    def refuse(
        self,
        path: Path,
        line: int,
        why: str,
        row: str,
        column: int | str | None = None,
        *,
        unit: str = "line",
        at: int | None = None,
    ) -> None:
        """A row as it stands in the file, and what is wrong with it; the arguments are those of `worded`.

        Raises:
            DataError: in mode error.
        """
        if self.mode == "skip":
            self.rows.append(BadRow(str(path), line, None if column is None else str(column), why, row))
            return
        raise DataError(worded(path, why, line=line, column=column, row=row, unit=unit, at=at))

    def check_some_good(self, path: Path, good: int, before: int, unit: str = "line") -> None:
        """Refuse a file of which nothing is left; `before` is how many bad rows there were before it was read.

        Raises:
            DataError: every row was bad.
        """
        if not good and len(self.rows) > before:
            bad = self.rows[before]
            why = f"every row is bad, this one first: {bad.why}"
            raise DataError(worded(path, why, line=bad.line, column=bad.column, row=bad.row, unit=unit))


def worded(
    file: Path | str,
    why: str,
    *,
    line: int | str | None = None,
    column: int | str | None = None,
    row: str | None = None,
    unit: str = "line",
    at: int | None = None,
) -> str:
    """What is wrong in a file, in the one shape of all errors of data: `<file>, line 3, column 2 (item): <why>, in row
    <row>`, where `why` says what is wrong and, after a semicolon, what would be right.

    Args:
        file: its path.
        why: in words.
        line: from 1.
        column: its place from 1, its name, or both, as `called` has it.
        row: as it stands in the file.
        unit: what `line` counts: of files without lines, rows.
        at: the character of the row that has to be seen, from 0.
    """
    places = [f"{file}"] + [f"{name} {n}" for name, n in ((unit, line), ("column", column)) if n is not None]
    return f"{', '.join(places)}: {why}" + ("" if row is None else f", in row {shown(row, at=at)}")


def called(name: str, place: int | None = None) -> str:
    """A column in an error: its place from 1 and its name, in quotes where it has blanks or commas, or its name."""
    quoted = name if name and name.isprintable() and not any(x.isspace() or x == "," for x in name) else shown(name, 40)
    return quoted if place is None else f"{place} ({quoted})"


def shown(row: str, width: int = 80, at: int | None = None) -> str:
    """A row in quotes, shortened; the character at `at` stays."""
    start = 0 if at is None or at < width - 8 else at - width // 2
    cut = row[start : start + width]
    return repr(("..." if start else "") + cut + ("..." if start + width < len(row) else ""))


def first(wrong: pl.Series) -> int | None:
    """The first row that is true, if any."""
    rows = wrong.arg_true()
    return rows[0] if len(rows) else None


def check_count(path: Path, got: int, expected: int, what: str = "rows") -> None:
    """Compare a published count.

    Raises:
        DataError: there are fewer (a truncated file) or more (another file).
    """
    if got < expected:
        raise DataError(f"{path} is truncated: {got:,} of {expected:,} {what}")
    if got > expected:
        raise DataError(f"{path} is not the published file: {got:,} {what} where {expected:,} belong")
