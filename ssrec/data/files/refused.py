"""Rows that turn out bad only after their file was read."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import final

import polars as pl

from ssrec.data.files.blocks import blocks
from ssrec.data.files.delimited_rows import Record, records
from ssrec.data.files.layout import BadRows, called


@final
@dataclass(frozen=True)
class Origin:
    """A file of rows: text with a header, or with columns of these `names`, or, without a separator, other lines."""

    path: Path
    header: bool = False
    separator: str | None = None
    quote: str | None = None
    encoding: str = "utf-8"
    names: Sequence[str] = ()

    def rows(self) -> Iterator[Record]:
        """All that can be decoded, the header first."""
        for block in blocks(self.path, encoding=self.encoding, quote=self.quote, ends=False, bad=BadRows("skip")):
            quoted = self.quote is not None and self.quote.encode() in block.content
            yield from records(block, self.separator or "\n", self.quote if quoted else None)

    def header_or_names(self) -> Sequence[str]:
        """What the columns are called, in order; nothing where lines have none."""
        return next(self.rows()).fields or () if self.header else self.names

    def column(self, name: str) -> str:
        """What an error calls a column of this name."""
        names = list(self.header_or_names())
        return called(name, names.index(name) + 1 if name in names else None)


def kept(origin: Origin, bad: BadRows) -> Iterator[Record]:
    """The rows of a file behind its header, without those that are in `bad` now."""
    skipped = {row.line for row in bad.rows if row.file == str(origin.path)}
    rows = origin.rows()
    return (row for row in islice(rows, int(origin.header), None) if row.line not in skipped)


def without(
    table: pl.DataFrame,
    wrong: pl.Series,
    why: Callable[[int], str],
    *,
    origin: Origin,
    bad: BadRows,
    column: str | None = None,
) -> pl.DataFrame:
    """A table without its wrong rows, each of which is refused.

    The file is read again for them: what was skipped, and fields that hold line ends, move the lines of rows.

    Args:
        table: what was read from `origin`, in order, without the rows that are in `bad`.
        wrong: which rows are.
        why: what is wrong with a row, from its place.
        origin: where the table is from.
        bad: where the rows go.
        column: what the file calls the column that is wrong.

    Raises:
        DataError: in mode error, there is one.
    """
    if not wrong.any():
        return table
    places = iter(wrong.arg_true())
    named = None if column is None else origin.column(column)
    place = next(places, None)
    for k, row in enumerate(kept(origin, bad)):
        if k == place:
            bad.refuse(origin.path, row.line, why(k), row.text, named)
            place = next(places, None)
            if place is None:
                break
    return table.filter(~wrong)
