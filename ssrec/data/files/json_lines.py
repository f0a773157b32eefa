"""Files with one JSON object a line, as Amazon, Yelp and Steam reviews are published."""

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from ssrec.data.files.blocks import Block, blocks
from ssrec.data.files.json_values import Refused, row_of
from ssrec.data.files.layout import PLAIN, BadRows, Kind, check_count

_TYPES: Mapping[Any, Any] = {
    int: pl.Int64(),
    float: pl.Float64(),
    list[str]: pl.List(pl.String),
    list[float]: pl.List(pl.Float64),
}
# What polars takes for a text, and what was another value or half a character; such lines are looked at exactly.
_NO_TEXT = r"^(?:true|false|[\[{].*|-?[0-9.][0-9.eE+-]*[.eE][0-9.eE+-]*)$"
_HALF = re.compile(rb"\\u[dD][89abAB]..(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB]..)\\u[dD][c-fC-F]")


def read_json_lines(
    path: Path,
    columns: Mapping[str, Kind],
    *,
    optional: Collection[str] = (),
    literal: bool = False,
    rows: int | None = None,
    bad: BadRows,
) -> pl.DataFrame:
    """The chosen keys of one object a line; other keys are left out.

    Args:
        path: the file; `.gz` is decompressed.
        columns: key and kind (`int`, `float`, `str`, `list[str]`, `list[float]`, `int | str`: integers where all are,
            else text, or `float | str`: always text). `a.b` is key b of the object at key a, `a.0` the first element
            of a list. Numbers may be written as text, and so may lists of numbers; a text may be a whole number, and
            lists in lists are flattened.
        optional: keys that may be missing, null or "", which is null.
        literal: lines are Python's literals, as in McAuley's older files.
        rows: the published number of lines.
        bad: where lines go that are no such object.

    Raises:
        DataError: the file is empty, truncated or no text, lacks a line, or has a bad one.
    """
    parts, before = [], len(bad.rows)
    for block in blocks(path, ends=False, bad=bad):  # half an object is no object
        part = None if literal else _at_once(block, columns, optional)
        parts.append(_exactly(path, block, columns, optional, literal, bad) if part is None else part)
    table = pl.concat(parts or [_table(columns, [])], rechunk=False)
    if rows is not None:
        check_count(path, len(table) + len(bad.rows) - before, rows)
    bad.check_some_good(path, len(table), before)
    ids = [n for n, kind in columns.items() if kind == int | str and table[n].drop_nulls().str.contains(PLAIN).all()]
    return table.with_columns(pl.col(ids).cast(pl.Int64)) if len(table) else table


def _at_once(block: Block, columns: Mapping[str, Kind], optional: Collection[str]) -> pl.DataFrame | None:
    """A block's rows, read by polars; None where that could differ from `_exactly`."""
    if any("." in name or kind == float | str for name, kind in columns.items()):
        return None
    if b"\\u" in block.content and _HALF.search(block.content):
        return None
    try:
        table = pl.read_ndjson(block.content, schema={n: _TYPES.get(kind, pl.String()) for n, kind in columns.items()})
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return None
    if len(table) != block.content.count(b"\n"):
        return None
    texts = [name for name, kind in columns.items() if kind is str or kind == int | str]
    keys = b"|".join(re.escape(name.encode()) for name in texts)
    if keys and re.search(rb'"(?:%s)"\s*:\s*-?\d+[.eE]' % keys, block.content):  # polars takes 5.0 for the text 5
        return None
    lists = [name for name, kind in columns.items() if kind == list[str]]
    wrong = [pl.col(name).is_null().any() for name in columns if name not in optional]
    wrong += [pl.col(name).str.contains(_NO_TEXT).any() for name in texts]
    for name in [name for name, kind in columns.items() if kind == list[float]]:  # polars reads texts as null
        wrong += [pl.col(name).is_null().any(), pl.col(name).list.eval(pl.element().is_null()).list.any().any()]
    flat = [pl.col(name).explode() for name in lists]
    if any(table.select(w.alias(f"{k}") for k, w in enumerate(wrong)).row(0)) if wrong else False:
        return None
    for elements, name in zip(flat, lists, strict=True):
        some = table.filter(pl.col(name).list.len() > 0).select(elements).to_series()
        if some.has_nulls() or some.str.contains(_NO_TEXT).any():
            return None
    return table.with_columns(pl.when(pl.col(n) != "").then(pl.col(n)).alias(n) for n in texts if n in optional)


def _exactly(
    path: Path,
    block: Block,
    columns: Mapping[str, Kind],
    optional: Collection[str],
    literal: bool,
    bad: BadRows,
) -> pl.DataFrame:
    """A block's good rows; the bad ones are refused in order."""
    found: list[list[Any]] = []
    for k, line in enumerate(block.content.decode().split("\n")[:-1]):
        try:
            found.append(row_of(line, columns, optional, literal))
        except Refused as e:
            at = e.column - 1 if isinstance(e.column, int) else None
            bad.refuse(path, block.line + k, str(e), line, e.column, at=at)
    return _table(columns, found)


def _table(columns: Mapping[str, Kind], rows: Sequence[Sequence[Any]]) -> pl.DataFrame:
    values = list(zip(*rows, strict=True)) or [()] * len(columns)
    return pl.DataFrame(
        [
            pl.Series(name, list(column), dtype=_TYPES.get(kind, pl.String()))
            for (name, kind), column in zip(columns.items(), values, strict=True)
        ]
    )
