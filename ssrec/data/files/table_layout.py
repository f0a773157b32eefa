"""What the rows of a text table promise, and where typed columns break it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import final

import polars as pl

from ssrec.data.files.layout import PLAIN, Kind, Range

NUMBERS = {int: pl.Int64, float: pl.Float64}
EITHER = (int | str, int | float)  # integers where all are, else text


@final
@dataclass(frozen=True)
class Layout:
    """`fields` are all columns of a file, `wanted` the chosen ones by name, place and kind."""

    path: Path
    fields: Sequence[str]
    wanted: Mapping[str, tuple[int, Kind]]
    separator: str
    quote: str | None = None
    optional: Collection[str] = ()
    ranges: Mapping[str, Range] = field(default_factory=dict)

    @property
    def numbers(self) -> dict[str, type]:
        """The wanted columns that hold numbers."""
        return {name: kind for name, (_, kind) in self.wanted.items() if isinstance(kind, type) and kind in NUMBERS}

    @property
    def whole(self) -> list[str]:
        """The wanted columns of numbers that are read as integers if they can be, and else stay as they are written."""
        return [name for name, (_, kind) in self.wanted.items() if kind == int | float]

    def text(self, name: str, column: pl.Expr, *, numbers: bool = False) -> pl.Expr:
        """A column as it was read, in which nothing written is null where that may be, else an empty text."""
        if numbers or name in self.numbers:
            return column.alias(name)
        if name in self.optional or name in self.whole:
            return pl.when(column != "").then(column).alias(name)
        return column.fill_null("").alias(name)

    def wrong(self, name: str) -> pl.Expr:
        """Where a typed column breaks its promise."""
        column, kind = pl.col(name), self.numbers.get(name)
        wrong = column.is_null() & (kind is not None and name not in self.optional)
        if kind is float:
            wrong |= column.is_not_null() & ~column.is_finite()
        if name in self.ranges:
            wrong |= column.is_not_null() & ~column.is_between(*self.ranges[name])
        return wrong.alias(name)

    def with_ids(self, table: pl.DataFrame) -> pl.DataFrame:
        """Ids as integers where all are written as such, and times where all of them are."""
        for name, (_, kind) in self.wanted.items():
            if kind not in EITHER or not table.height or table.schema[name] != pl.String:
                continue
            numbers = table[name].cast(pl.Int64, strict=False)
            plain = kind == int | float or table[name].drop_nulls().str.contains(PLAIN).all()
            if plain and numbers.null_count() == table[name].null_count():
                table = table.with_columns(numbers)
        return table

    def joined(self, parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
        """Parts of a file as one table; columns that are integers in some of them only are text."""
        filled = [part for part in parts if len(part)] or list(parts[:1])
        for name, (_, kind) in self.wanted.items():
            if kind in EITHER and len({part.schema[name] for part in filled}) > 1:
                filled = [part.with_columns(pl.col(name).cast(pl.String)) for part in filled]
        return pl.concat(filled, rechunk=False)
