"""What readers of promised layouts share: whatever breaks the promise is named by file, line and column."""

from pathlib import Path
from types import GenericAlias, UnionType
from typing import Literal, NamedTuple, final

import polars as pl

from ssrec.errors import DataError

# Of a column: int, float, str, int | str (ids: integers where every one is a plain integer, else text), list[str].
Kind = type | UnionType | GenericAlias
Range = tuple[float | int, float | int]  # least and largest value

PLAIN = r"^(?:0|-?[1-9][0-9]{0,17})$"  # the text of an integer that is written back as it was read


class BadRow(NamedTuple):
    """A row that was skipped; its file by path, line (of Parquet: row) and column from 1."""

    file: str
    line: int
    column: int | None
    why: str
    row: str


@final
class BadRows:
    """What happens to a row that breaks its layout: it is an `error`, or it is noted in `rows` and `skip`ped."""

    def __init__(self, mode: Literal["error", "skip"] = "error"):
        self.mode = mode
        self.rows: list[BadRow] = []

    def refuse(self, path: Path, line: int, why: str, row: str, column: int | None = None, unit: str = "line") -> None:
        """A row as it stands in the file, and what is wrong with it.

        Raises:
            DataError: in mode error.
        """
        if self.mode == "skip":
            self.rows.append(BadRow(str(path), line, column, why, row))
            return
        place = f"{path}, {unit} {line}" + (f", column {column}" if column is not None else "")
        raise DataError(f"{place}: {why}, in row {shown(row)}")

    def check_some_good(self, path: Path, good: int, before: int, unit: str = "line") -> None:
        """Refuse a file of which nothing is left; `before` is how many bad rows there were before it was read.

        Raises:
            DataError: every row was bad.
        """
        if not good and len(self.rows) > before:
            first_bad = self.rows[before]
            raise DataError(
                f"{path}: every row is bad; the first is {unit} {first_bad.line}: {first_bad.why}, "
                f"in row {shown(first_bad.row)}"
            )


def shown(row: str, width: int = 80) -> str:
    """A row in quotes, shortened."""
    return repr(row if len(row) <= width else row[:width] + "...")


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
