"""Rows that turn out bad only after their file was read."""

from collections.abc import Callable
from pathlib import Path

import polars as pl

from ssrec.data.files.layout import BadRows


def without(
    table: pl.DataFrame, wrong: pl.Series, why: Callable[[int], str], *, path: Path, header: bool, bad: BadRows
) -> pl.DataFrame:
    """A table without its wrong rows, each of which is refused.

    Args:
        table: what was read from `path`, in order: a row's place says its line, where no field holds a line end.
        wrong: which rows are.
        why: what is wrong with a row, from its place.
        path: where the table is from.
        header: whether its first line has names.
        bad: where the rows go.

    Raises:
        DataError: in mode error, there is one.
    """
    skipped = sorted(row.line for row in bad.rows if row.file == path.name)
    for k in wrong.arg_true():
        line = k + 1 + header
        for other in skipped:
            line += other <= line
        bad.refuse(path, line, why(k), " ".join("" if value is None else str(value) for value in table.row(k)))
    return table.filter(~wrong)
