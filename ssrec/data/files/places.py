"""Where a row of a table stands in the files that it is from; they are read again only when somebody asks."""

from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path

import polars as pl

from ssrec.data.files.arrays import read_npz
from ssrec.data.files.delimited_rows import Record
from ssrec.data.files.layout import BadRows, shown
from ssrec.data.files.refused import Origin, kept
from ssrec.errors import DataError

Place = Callable[[int], str]  # of a row, from 0: "events.csv, line 7, row 'u1,i9,5'"


def in_order(where: str) -> Place:
    """Of the rows of whatever has no lines, counted."""
    return lambda row: f"{where}, row {row + 1:,}"


def in_text(origin: Origin, bad: BadRows) -> Place:
    """Of a table that has a row for each row of a text file, but for those in `bad`."""

    def place(row: int) -> str:
        record = next(islice(kept(origin, bad), row, None))
        return _line(origin.path, record)

    return place


def in_sequences(path: Path, bad: BadRows, separator: str = " ") -> Place:
    """Of events that `read_sequences` read, several a line."""

    def place(row: int) -> str:
        for record in kept(Origin(path), bad):
            row -= len(record.text.rstrip(separator).split(separator)) - 1
            if row < 0:
                return _line(path, record)
        raise DataError(f"{path} changed while it was being read; ask again")

    return place


def in_parquet(path: Path, bad: BadRows) -> Place:
    """Of the rows of a Parquet file, but for those in `bad`."""

    def place(row: int) -> str:
        for line in sorted(r.line for r in bad.rows if r.file == str(path)):
            row += line - 1 <= row
        return f"{path}, row {row + 1:,}"

    return place


def in_matrix(path: Path) -> Place:
    """Of the elements of a sparse matrix that are not 0."""

    def place(row: int) -> str:
        matrix = read_npz(path)
        k = matrix.values.nonzero()[0][row]
        return f"{path}, row {matrix.rows[k]:,} and column {matrix.columns[k]:,} of the matrix, counted from 0"

    return place


def one_after_the_other(parts: Sequence[tuple[int | Callable[[], int], Place]]) -> Place:
    """Of tables that were put together: the rows of each, or who counts them, and their places."""

    def place(row: int) -> str:
        for rows, inside in parts:
            n = rows if isinstance(rows, int) else rows()
            if row < n:
                return inside(row)
            row -= n
        raise DataError("the files changed while they were being read; ask again")

    return place


def _line(path: Path, record: Record) -> str:
    return f"{path}, line {record.line:,}, row {shown(record.text)}"


def first_row(table: pl.LazyFrame, **values: object) -> int | None:
    """The first row that has these values, as text; None if none has."""
    wanted = [pl.col(name).cast(pl.String) == str(value) for name, value in values.items()]
    found = table.select(list(values)).with_row_index("_row").filter(*wanted).select("_row").head(1).collect()
    return None if found.is_empty() else int(found["_row"][0])
