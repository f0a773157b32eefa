"""Where a row of a table stands in the files that it is from; they are read again only when somebody asks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import final

import polars as pl

from ssrec.data.files.arrays import read_npz
from ssrec.data.files.delimited_rows import Record
from ssrec.data.files.layout import BadRows, called, shown, worded
from ssrec.data.files.refused import Origin, kept
from ssrec.errors import DataError


@final
@dataclass(frozen=True)
class Spot:
    """A row as it stands in a file: its line, or where there are none its row, from 1, and itself; None: nobody knows.

    `columns` are the file's columns as errors call them, by their names there and by ours: user, item, time.
    """

    file: str
    line: int | None = None
    row: str | None = None
    unit: str = "line"
    columns: Mapping[str, str] = field(default_factory=dict)

    def says(self, why: str, column: str | None = None) -> str:
        """An error in the shape of `worded`; `column` is the file's name or ours."""
        named = None if column is None else self.column(column)
        return worded(self.file, why, line=self.line, column=named, row=self.row, unit=self.unit)

    def column(self, name: str) -> str:
        """What errors call a column."""
        return self.columns.get(name) or called(name)

    def __str__(self) -> str:
        """The place alone, for an error that is about another one: "events.csv, line 7, row 'u1,i9,5'"."""
        line = "" if self.line is None else f", {self.unit} {self.line}"
        return f"{self.file}{line}" + ("" if self.row is None else f", row {shown(self.row)}")


Place = Callable[[int], Spot]  # of a row, from 0
NONE: Mapping[str, str] = MappingProxyType({})


def in_order(where: str) -> Place:
    """Of the rows of whatever has no lines, counted."""
    return lambda row: Spot(where, row + 1, unit="row")


def in_text(origin: Origin, bad: BadRows, ours: Mapping[str, str] = NONE) -> Place:
    """Of a table that has a row for each row of a text file, but for those in `bad`; `ours` names its columns."""

    def place(row: int) -> Spot:
        record = next(islice(kept(origin, bad), row, None), None)
        if record is None:
            raise DataError(f"{origin.path} changed while it was being read; ask again")
        names = {name: origin.column(name) for name in origin.header_or_names()}
        return _line(origin.path, record, names | {name: origin.column(theirs) for name, theirs in ours.items()})

    return place


def in_sequences(path: Path, bad: BadRows, separator: str = " ") -> Place:
    """Of events that `read_sequences` read, several a line."""

    def place(row: int) -> Spot:
        for record in kept(Origin(path), bad):
            items = len(record.text.rstrip(separator).split(separator)) - 1
            if row < items:
                return _line(path, record, {"user": called("user", 1), "item": called("item", row + 2)})
            row -= items
        raise DataError(f"{path} changed while it was being read; ask again")

    return place


def in_parquet(path: Path, table: pl.LazyFrame, bad: BadRows, ours: Mapping[str, str] = NONE) -> Place:
    """Of the rows of a Parquet file, but for those in `bad`; `table` is how the file is read, `ours` names columns."""

    def place(row: int) -> Spot:
        for line in sorted(r.line for r in bad.rows if r.file == str(path)):
            row += line - 1 <= row
        chosen = dict.fromkeys(ours.values()) or table.collect_schema()
        values = table.select(*chosen).slice(row, 1).collect().row(0)
        columns = {name: called(theirs) for name, theirs in ours.items()}
        return Spot(str(path), row + 1, as_row(values), "row", columns)

    return place


def in_json(path: Path, keys: pl.Series) -> Place:
    """Of a table that has a row for each key of a JSON object; rows behind them stand nowhere in it."""

    def place(row: int) -> Spot:
        key = str(keys[row]) if row < len(keys) else None
        return Spot(str(path)) if key is None else Spot(str(path), row=key, columns={"item": called(key)})

    return place


def as_row(values: Sequence[object]) -> str:
    """A row that stands in no text, its long values shortened."""
    texts = ["null" if value is None else str(value) for value in values]
    return ",".join(text if len(text) <= 40 else f"{text[:40]}..." for text in texts)


def in_matrix(path: Path) -> Place:
    """Of the elements of a sparse matrix that are not 0; user and item are its row and its column."""

    def place(row: int) -> Spot:
        matrix = read_npz(path)
        k = matrix.values.nonzero()[0][row]
        user, item, value = matrix.rows[k], matrix.columns[k], matrix.values[k]
        columns: dict[str, str] = dict.fromkeys(("user", "item"), f"{item} (both counted from 0)")
        return Spot(str(path), int(user), f"({user}, {item}) {value:g}", "row", columns)

    return place


def taken(rows: Callable[[], pl.Series], place: Place) -> Place:
    """Of rows that were chosen among, or put into another order than, those that `place` knows; rows that were added
    behind them stand nowhere in its file."""

    def chosen(row: int) -> Spot:
        known = rows()
        return place(int(known[row])) if row < len(known) else Spot(place(0).file)

    return chosen


def one_after_the_other(parts: Sequence[tuple[int | Callable[[], int], Place]]) -> Place:
    """Of tables that were put together: the rows of each, or who counts them, and their places."""

    def place(row: int) -> Spot:
        for rows, inside in parts[:-1]:
            n = rows if isinstance(rows, int) else rows()
            if row < n:
                return inside(row)
            row -= n
        return parts[-1][1](row)

    return place


def _line(path: Path, record: Record, columns: Mapping[str, str]) -> Spot:
    return Spot(str(path), record.line, record.text, columns=columns)


def first_row(table: pl.LazyFrame, **values: object) -> int | None:
    """The first row that has these values, as text; None if none has."""
    wanted = [pl.col(name).cast(pl.String) == str(value) for name, value in values.items()]
    found = table.select(list(values)).with_row_index("_row").filter(*wanted).select("_row").head(1).collect()
    return None if found.is_empty() else int(found["_row"][0])
