"""Interactions, items and users out of tables with a header."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from ssrec.data.files.layout import BadRows, Kind
from ssrec.data.files.refused import without
from ssrec.data.files.times import to_seconds, with_seconds
from ssrec.data.sources.declared import Declared
from ssrec.data.sources.table_files import Text, format_of, read_file, scan
from ssrec.errors import DataError

PARTS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "dev": "val", "test": "test"}
ID = int | str
TEXTUAL = (pl.String, pl.Categorical, pl.Enum)


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
        return _lazily(scan(files, wanted), str(files[0]), roles, time_format)
    kinds: dict[str, Kind] = {"user": ID, "item": ID, "weight": float, "part": str}
    kinds["time"] = float if time_format in ("seconds", "milliseconds") else str
    columns = {column: kinds[role] for role, column in roles.items()}
    tables = []
    for file in files:
        table = read_file(file, columns, wanted=wanted, optional=columns, text=text, bad=bad)
        table = table.select(pl.col(column).alias(role) for role, column in roles.items())
        header = format_of(str(file), file.name) == "text"
        if "time" in roles:
            table = with_seconds(table, "time", time_format, path=file, header=header, bad=bad)
        if "part" in roles:
            table = _with_parts(table, file, header, bad)
        tables.append(table)
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
            raise DataError(f"{where} cannot be read as Parquet: {e}") from e
        raw = raw.with_columns(_id(ids, raw.schema, where))
    else:
        lists: Kind = list[str] if kind == "json" and list_separator is None else str
        kinds: dict[str, Kind] = {"text": str, "attributes": lists, "numbers": float, "vectors": str}
        columns: dict[str, Kind] = {**{c.source: kinds[c.kind] for c in content}, ids: ID}
        optional = set(columns) - {ids}
        read = partial(read_file, columns=columns, wanted=wanted, optional=optional, text=text, bad=bad)
        raw = concatenated([read(file) for file in files], (ids,))
    return content.table(raw, key, ids, where, list_separator)


def concatenated(tables: Sequence[pl.DataFrame], ids: Sequence[str]) -> pl.DataFrame:
    """Tables of the same columns; ids that are integers in some of them only are text."""
    for column in ids:
        if len({table.schema[column] for table in tables}) > 1:
            tables = [table.with_columns(pl.col(column).cast(pl.String)) for table in tables]
    return pl.concat(tables, rechunk=False)


def _with_parts(table: pl.DataFrame, file: Path, header: bool, bad: BadRows) -> pl.DataFrame:
    known = table["part"].replace_strict(PARTS, default=None, return_dtype=pl.String)
    wrong = known.is_null() & table["part"].is_not_null()
    why = f"is no part; they are {', '.join(PARTS)}"
    good = without(table, wrong, lambda k: f"{table['part'][k]!r} {why}", path=file, header=header, bad=bad)
    return good.with_columns(known.filter(~wrong).alias("part"))


def _lazily(raw: pl.LazyFrame, where: str, roles: Mapping[str, str], time_format: str) -> pl.LazyFrame:
    schema = raw.collect_schema()
    chosen = []
    for role, column in roles.items():
        dtype = schema[column]
        if role in ("user", "item"):
            value = _id(column, schema, where)
        elif role == "weight":
            _check(dtype.is_numeric() or dtype == pl.Boolean, where, column, schema, "numbers")
            value = pl.col(column).cast(pl.Float64)
        elif role == "part":
            _check(isinstance(dtype, TEXTUAL), where, column, schema, "texts")
            value = pl.col(column).cast(pl.String)
            value = value.replace_strict(PARTS, default=None, return_dtype=pl.String)
        else:
            temporal = isinstance(dtype, pl.Datetime | pl.Date)
            _check(dtype.is_numeric() or temporal or dtype == pl.String, where, column, schema, "times")
            value = _time(column, schema, time_format)
        chosen.append(value.alias(role))
    return raw.select(chosen)


def _time(column: str, schema: Mapping[str, Any], time_format: str) -> pl.Expr:
    if schema[column].is_integer() and time_format == "seconds":
        return pl.col(column).cast(pl.Int64)
    parse = partial(to_seconds, format=time_format)
    return pl.col(column).map_batches(parse, return_dtype=pl.Int64, is_elementwise=True)


def _id(column: str, schema: Mapping[str, Any], where: str) -> pl.Expr:
    dtype = schema[column]
    textual = isinstance(dtype, TEXTUAL)
    _check(dtype.is_integer() or textual, where, column, schema, "integers or texts")
    return pl.col(column).cast(pl.String if textual else pl.UInt64 if dtype == pl.UInt64 else pl.Int64)


def _check(good: bool, where: str, column: str, schema: Mapping[str, Any], wanted: str) -> None:
    if not good:
        raise DataError(f"{where}, column {column}: {schema[column]}, where {wanted} belong")
