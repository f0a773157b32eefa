"""Interactions, items and users out of tables with a header."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import polars as pl

from ssrec.data.files.instants import WITHIN
from ssrec.data.files.layout import BadRows, Kind, worded
from ssrec.data.files.refused import Origin, without
from ssrec.data.files.times import LATEST, SINCE_1970, with_seconds
from ssrec.data.sources.declared import Declared
from ssrec.data.sources.table_files import Format, Text, format_of, read_file, scan, unreadable
from ssrec.data.sources.table_parquet import NO_PART, PARTS, id_of, read_parquet
from ssrec.data.sources.table_places import place_of
from ssrec.errors import DataError

ID = int | str


def read_events(
    files: Sequence[Path], roles: Mapping[str, str], time_format: str, text: Text, bad: BadRows
) -> pl.DataFrame | pl.LazyFrame:
    """User, item and what else `roles` name of every interaction; lazy if the files are Parquet.

    Missing values are null.

    Raises:
        DataError: a file is broken, or lacks a column.
    """
    wanted = [(f"dataset.columns.{role}", column) for role, column in roles.items()]
    if format_of("dataset.interactions", files[0].name) == "parquet":
        return read_parquet(files, wanted, roles, time_format, bad)
    kinds: dict[str, Kind] = {"user": ID, "item": ID, "weight": float, "part": str}
    kinds["time"] = _kind_of_times(time_format, format_of("dataset.interactions", files[0].name))
    columns = {column: kinds[role] for role, column in roles.items()}
    tables, before = [], len(bad.rows)
    for file in files:
        skipped = len(bad.rows)
        table = read_file(file, columns, wanted=wanted, optional=columns, text=text, bad=bad)
        table = table.select(pl.col(column).alias(role) for role, column in roles.items())
        origin = text.origin(file)
        if "time" in roles:
            named = roles["time"]
            table = with_seconds(table, "time", time_format, origin=origin, bad=bad, named=named, latest=LATEST)
        if "part" in roles:
            table = _with_parts(table, origin, roles["part"], bad)
        bad.check_some_good(file, len(table), skipped)
        tables.append(table)
    if not any(map(len, tables)) and len(bad.rows) == before:
        others = " of this file and the others" if len(files) > 1 else ""
        why = f"no row follows the header{others}; rows with {', '.join(roles.values())} belong there"
        raise DataError(worded(files[0], why, line=2, column=1))
    return concatenated(tables, ("user", "item"))


def read_content(
    files: Sequence[Path],
    content: Declared,
    key: str,
    ids: str,
    list_separator: str | None,
    text: Text,
    bad: BadRows,
) -> pl.DataFrame | None:
    """The table of the items or users (`key`), whose ids are in column `ids`; none if there is no file.

    Raises:
        DataError: a file is broken, or lacks a column.
    """
    if not files:
        return None
    wanted = [(f"dataset.columns.{key}", ids), *content.wanted]
    where = str(files[0]) if len(files) == 1 else f"{files[0]} and others"
    kind = format_of(f"dataset.{key}s", files[0].name)
    if kind == "parquet":
        try:
            raw = scan(files, wanted).select(dict.fromkeys(column for _, column in wanted).keys()).collect()
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as e:
            raise unreadable(files[0], e) from e
        largest = raw[ids].max() if raw.schema[ids] == pl.UInt64 else 0
        raw = raw.with_columns(id_of(ids, raw.schema, where, largest or 0))  # type: ignore[arg-type]
    else:
        lists: Kind = list[str] if kind == "json" and list_separator is None else str
        vectors: Kind = list[float] if kind == "json" else str
        kinds: dict[str, Kind] = {"text": str, "attributes": lists, "numbers": float, "vectors": vectors}
        columns: dict[str, Kind] = {**{c.source: kinds[c.kind] for c in content}, ids: ID}
        optional = set(columns) - {ids}
        read = partial(read_file, columns=columns, wanted=wanted, optional=optional, text=text, bad=bad)
        raw = concatenated([read(file) for file in files], (ids,))
    return content.table(raw, key, ids, where, list_separator, place_of(files, text, bad, content.ours(key, ids)))


def concatenated(tables: Sequence[pl.DataFrame], ids: Sequence[str]) -> pl.DataFrame:
    """Tables of the same columns; ids that are integers in some of them only are text, and times may be whole."""
    for column in ids:
        if len({table.schema[column] for table in tables}) > 1:
            tables = [table.with_columns(pl.col(column).cast(pl.String)) for table in tables]
    if any(WITHIN in table.columns for table in tables):
        tables = [t if WITHIN in t.columns else t.with_columns(pl.lit(0, pl.Int32).alias(WITHIN)) for t in tables]
        tables = [table.select(tables[0].columns) for table in tables]
    return pl.concat(tables, rechunk=False)


def _kind_of_times(time_format: str, format: Format) -> Kind:
    """Times as they were written, of which floats keep too few digits; the numbers of JSON are floats."""
    if format == "json":
        return float if time_format in ("seconds", "milliseconds") else str
    return int | float if time_format in SINCE_1970 else str


def _with_parts(table: pl.DataFrame, origin: Origin, named: str, bad: BadRows) -> pl.DataFrame:
    known = table["part"].replace_strict(PARTS, default=None, return_dtype=pl.String)
    wrong = known.is_null() & table["part"].is_not_null()
    good = without(table, wrong, lambda k: f"{table['part'][k]!r} {NO_PART}", origin=origin, bad=bad, column=named)
    return good.with_columns(known.filter(~wrong).alias("part"))
