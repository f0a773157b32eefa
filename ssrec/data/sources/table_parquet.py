"""Interactions in Parquet files: looked at once, file by file, for what breaks their kinds, and then read lazily."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import polars as pl

from ssrec.data.files.instants import TIME, WITHIN
from ssrec.data.files.layout import BadRows, called, worded
from ssrec.data.files.places import as_row
from ssrec.data.files.times import LATEST, to_instants, why
from ssrec.data.sources.table_files import parquet, scan, unreadable
from ssrec.errors import DataError

PARTS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "dev": "val", "test": "test"}
NO_PART = f"is no part; they are {', '.join(PARTS)}"
TEXTUAL = (pl.String, pl.Categorical, pl.Enum)
MOMENT = pl.Struct({TIME: pl.Int64, WITHIN: pl.Int32})
LARGEST = 2**63 - 1
IDS = ("user", "item")


def read_parquet(
    files: Sequence[Path], wanted: Sequence[tuple[str, str]], roles: Mapping[str, str], format: str, bad: BadRows
) -> pl.LazyFrame:
    """What `roles` name of every interaction, lazily, without the rows whose time or part is none.

    Raises:
        DataError: a file is broken, lacks a column or has another type in it; in mode error, a row is bad.
    """
    raw = scan(files, wanted)
    schema, where = raw.collect_schema(), str(files[0])
    for role, column in roles.items():
        _check_type(role, where, column, schema)
    found = [_examined(file, roles, schema, format, bad) for file in files]
    table = _parsed(raw, roles, schema, format)
    if any(skips for skips, _, _ in found):
        table = table.filter(~pl.any_horizontal(_wrong(roles)))
    large = {role for _, _, over in found for role in over}
    within = [WITHIN] if any(some for _, some, _ in found) else []
    order = [name for role in roles for name in (role, *(within if role == "time" else ()))]
    return table.select(_id(role, schema[roles[role]], role in large) if role in IDS else role for role in order)


def id_of(column: str, schema: Mapping[str, Any], where: str, largest: int = 0) -> pl.Expr:
    """A column of ids as Int64, or as text where they are texts or too large.

    Raises:
        DataError: they are neither integers nor texts.
    """
    _check_type("user", where, column, schema)
    return _id(column, schema[column], largest > LARGEST)


def _id(column: str, dtype: Any, large: bool) -> pl.Expr:
    return pl.col(column).cast(pl.String if large or isinstance(dtype, TEXTUAL) else pl.Int64)


def _check_type(role: str, where: str, column: str, schema: Mapping[str, Any]) -> None:
    dtype = schema[column]
    good, kind = {
        "weight": (dtype.is_numeric() or dtype == pl.Boolean, "numbers"),
        "part": (isinstance(dtype, TEXTUAL), "texts"),
        "time": (dtype.is_numeric() or isinstance(dtype, (pl.Datetime, pl.Date, pl.String)), "times"),
    }.get(role, (dtype.is_integer() or isinstance(dtype, TEXTUAL), "integers or texts"))
    if not good:
        raise DataError(worded(where, f"{dtype}, where {kind} belong", column=called(column)))


def _parsed(raw: pl.LazyFrame, roles: Mapping[str, str], schema: Mapping[str, Any], format: str) -> pl.LazyFrame:
    """The roles by name, `nanosecond` beside a time, and times and parts as they were (`_time`, `_part`)."""
    chosen = []
    for role, column in roles.items():
        value = pl.col(column)
        if role in ("time", "part"):
            chosen.append(value.alias(f"_{role}"))
        if role == "weight":
            value = value.cast(pl.Float64)
        elif role == "part":
            value = value.cast(pl.String).replace_strict(PARTS, default=None, return_dtype=pl.String)
        elif role == "time" and schema[column].is_integer() and format == "seconds":
            value = pl.struct(value.cast(pl.Int64, strict=False).alias(TIME), pl.lit(0, pl.Int32).alias(WITHIN))
        elif role == "time":
            value = value.map_batches(
                lambda values: to_instants(values, format).to_struct(), return_dtype=MOMENT, is_elementwise=True
            )
        chosen.append(value.alias(role))
    table = raw.select(chosen)
    return table.unnest("time") if "time" in roles else table


def _wrong(roles: Mapping[str, str]) -> list[pl.Expr]:
    """Whether a row's time is none or too late, and whether its part is none; missing ones are neither."""
    wrong = {role: pl.col(role).is_null() & pl.col(f"_{role}").is_not_null() for role in ("time", "part")}
    wrong["time"] |= (pl.col("time") >= LATEST).fill_null(False)
    return [mask.alias(f"_wrong_{role}") for role, mask in wrong.items() if role in roles]


def _examined(
    file: Path, roles: Mapping[str, str], schema: Mapping[str, Any], format: str, bad: BadRows
) -> tuple[bool, bool, list[str]]:
    """Whether rows of a file are left out, whether it has nanoseconds, and the ids that are too large for Int64."""
    table = _parsed(parquet([file]), roles, schema, format)
    wrong = _wrong(roles)
    large = [role for role in IDS if schema[roles[role]] == pl.UInt64]
    asked = [mask.any() for mask in wrong] + [(pl.col(role).max() > LARGEST).alias(role) for role in large]
    asked += [(pl.col(WITHIN) > 0).any()] * ("time" in roles)
    if not asked:
        return False, False, []
    try:
        if "time" in roles:  # what a format is not for is told before polars wraps it
            to_instants(parquet([file]).select(roles["time"]).head(1).collect().to_series(), format)
        says = table.select(pl.len().alias("_rows"), *asked).collect(engine="streaming").row(0, named=True)
        skips = any(says[mask.meta.output_name()] for mask in wrong)
        if skips:
            before = len(bad.rows)
            rows = table.with_columns(wrong).with_row_index("_row")
            rows = rows.filter(pl.any_horizontal(mask.meta.output_name() for mask in wrong))
            for row in rows.collect(engine="streaming").sort("_row").iter_rows(named=True):
                _refuse(file, row, roles, format, bad)
            bad.check_some_good(file, says["_rows"] - len(bad.rows) + before, before, "row")
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as e:
        raise unreadable(file, e) from e
    return skips, bool(says.get(WITHIN)), [role for role in large if says[role]]


def _refuse(file: Path, row: Mapping[str, Any], roles: Mapping[str, str], format: str, bad: BadRows) -> None:
    role: Literal["time", "part"] = "time" if row.get("_wrong_time") else "part"
    value = row[f"_{role}"]
    says = why(value, row["time"], format) if role == "time" else f"{value!r} {NO_PART}"
    text = as_row([row.get(f"_{name}", row[name]) for name in roles])
    bad.refuse(file, row["_row"] + 1, says, text, called(roles[role]), unit="row")
