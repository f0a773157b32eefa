"""Files with a line `user item item ...` for each user, as the SASRec, S3-Rec and LightGCN authors write them."""

from pathlib import Path

import polars as pl

from ssrec.data.files.blocks import Block, blocks
from ssrec.data.files.layout import BadRows, called, check_count, shown
from ssrec.errors import DataError

_SCHEMA = {"user": pl.Int64, "item": pl.Int64}


def read_sequences(
    path: Path,
    *,
    separator: str = " ",
    empty: bool = False,
    rows: int | None = None,
    ends: bool = True,
    bad: BadRows,
) -> pl.DataFrame:
    """User and item of every event, a line's items in their order; both are integers.

    Args:
        path: the file; `.gz` is decompressed.
        separator: between ids; a line may end with it.
        empty: whether a user may stand alone; she has no event.
        rows: the published number of lines.
        ends: whether the last line has an end; one that should and has none is truncated.
        bad: where other lines go.

    Raises:
        DataError: the file is empty, truncated or no text, lacks a line, or has a bad one.
    """
    parts, lines, before = [], 0, len(bad.rows)
    for block in blocks(path, ends=ends, bad=bad):
        part, good = _events(path, block, separator, empty, bad)
        parts.append(part)
        lines += good
    if rows is not None:
        check_count(path, lines + len(bad.rows) - before, rows, "users")
    bad.check_some_good(path, sum(map(len, parts)), before)
    events = pl.concat(parts or [pl.DataFrame(schema=_SCHEMA)], rechunk=False)
    if events.is_empty():
        raise DataError(f"{path}: no user has an item")
    return events


def _events(path: Path, block: Block, separator: str, empty: bool, bad: BadRows) -> tuple[pl.DataFrame, int]:
    """A block's events, and the number of its good lines."""
    lines = pl.Series(block.content.decode().split("\n")[:-1], dtype=pl.String)
    ids = lines.str.strip_chars_end(separator).str.split(separator).cast(pl.List(pl.Int64), strict=False)
    table = pl.DataFrame({"ids": ids})
    few = table.select(pl.col("ids").list.len() < (1 if empty else 2)).to_series()
    wrong = table.select(pl.col("ids").list.eval(pl.element().is_null()).list.any()).to_series() | few
    for k in wrong.arg_true():
        fields = lines[k].rstrip(separator).split(separator)
        column = next((i for i, x in enumerate(ids[k]) if x is None), None)
        if column is None:
            why, column = "missing; a user and at least one item belong in a line", len(fields)
        else:
            why = f"{shown(fields[column])} is no integer; ids are whole numbers, with {separator!r} between them"
        bad.refuse(path, block.line + k, why, lines[k], called("item" if column else "user", column + 1))
    good = table.filter(~wrong).select(
        pl.col("ids").list.first().alias("user"), pl.col("ids").list.slice(1).alias("item")
    )
    some = good.filter(pl.col("item").list.len() > 0)
    return some.explode("item").cast(_SCHEMA), len(good)  # type: ignore[arg-type]
