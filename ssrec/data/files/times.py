"""Times in files, in formats that have names."""

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from ssrec.data.files.layout import BadRows, seconds
from ssrec.data.files.refused import without

ISO = ("%+", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d", "%Y-%m-%d %H:%M:%S%.f%:z", "%Y-%m-%d %H:%M")  # tried in this order
NAMED: Mapping[str, tuple[str, ...]] = {"seconds": ("s",), "milliseconds": ("ms",), "iso": ISO}


def to_seconds(values: pl.Series, format: str) -> pl.Series:
    """Times as Int64 seconds since 1970 UTC, null where one does not parse.

    Args:
        values: numbers, texts, or dates and datetimes.
        format: seconds, milliseconds, iso (ISO 8601, also with a blank for its T), or a pattern of strptime. A time
            without a zone is UTC.

    Raises:
        DataError: the format is none, or is not for such values.
    """
    parsed = pl.Series(values.name, [None] * len(values), dtype=pl.Int64)
    for known in NAMED.get(format, (format,)):
        missing = parsed.is_null() & values.is_not_null()
        if not missing.any():
            break
        parsed = parsed.scatter(missing.arg_true(), seconds(values.filter(missing), known))
        if format == "iso" and values.dtype == pl.String:
            values = values.str.replace("T", " ", literal=True)
    return parsed


def with_seconds(
    table: pl.DataFrame, column: str, format: str, *, path: Path, header: bool, bad: BadRows
) -> pl.DataFrame:
    """A table as it was read from `path`, its times in seconds; rows whose time is none are refused.

    Raises:
        DataError: the format is none, or is not for such values; in mode error, a row's time is none.
    """
    parsed = to_seconds(table[column], format)
    wrong = parsed.is_null() & table[column].is_not_null()
    good = without(
        table, wrong, lambda k: f"{table[column][k]!r} is no time in {format}", path=path, header=header, bad=bad
    )
    return good.with_columns(parsed.filter(~wrong))
