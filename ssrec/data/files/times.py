"""Times in files, in formats that have names."""

from collections.abc import Mapping, Sequence

import polars as pl

from ssrec.data.files.instants import TIME, UNITS, WITHIN, instants, with_instants
from ssrec.data.files.layout import BadRows
from ssrec.data.files.refused import Origin, without

ISO = ("%+", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d", "%Y-%m-%d %H:%M:%S%.f%:z", "%Y-%m-%d %H:%M")  # tried in this order
SINCE_1970 = {"seconds": "s", "milliseconds": "ms", "microseconds": "us", "nanoseconds": "ns"}
NAMED: Mapping[str, tuple[str, ...]] = {**{word: (unit,) for word, unit in SINCE_1970.items()}, "iso": ISO}
ROWS = 1 << 20  # looked at together, so that memory holds little besides the result
LATEST = 7_258_118_400  # 2200-01-01: later ones are in another unit than they seem to be


def to_instants(values: pl.Series, format: str) -> pl.DataFrame:
    """Times as `time` (Int64 seconds since 1970 UTC) and `nanosecond` (Int32), null where one does not parse.

    Args:
        values: numbers, texts, or dates and datetimes.
        format: seconds, milliseconds, microseconds or nanoseconds since 1970, iso (ISO 8601, also with a blank for its
            T), or a pattern of strptime. A time without a zone is UTC.

    Raises:
        DataError: the format is none, or is not for such values.
    """
    blocks = values.to_frame().iter_slices(ROWS) if len(values) else [values.to_frame()]
    return pl.concat([_block(block.to_series(), NAMED.get(format, (format,))) for block in blocks], rechunk=False)


def _block(values: pl.Series, known: Sequence[str]) -> pl.DataFrame:
    """The moments, each in the first of the known formats in which it parses."""
    found = instants(values, known[0])
    for other in known[1:]:
        missing = found[TIME].is_null() & values.is_not_null()
        if not missing.any():
            break
        if values.dtype == pl.String:
            values = values.str.replace("T", " ", literal=True)
        more, at = instants(values.filter(missing), other), missing.arg_true()
        found = pl.DataFrame([found[c].scatter(at, more[c]) for c in (TIME, WITHIN)])
    return found


def with_seconds(
    table: pl.DataFrame,
    column: str,
    format: str,
    *,
    origin: Origin,
    bad: BadRows,
    named: str | None = None,
    latest: int | None = None,
) -> pl.DataFrame:
    """A table as it was read from `origin`, its times in seconds, with nanoseconds where there are any.

    Rows whose time is none, or is `latest` or later, are refused; `named` is what the file calls the column.

    Raises:
        DataError: the format is none, or is not for such values; in mode error, a row's time is none.
    """
    moments, values = to_instants(table[column], format), table[column]
    wrong = moments[TIME].is_null() & values.is_not_null()
    if latest is not None:
        wrong |= (moments[TIME] >= latest).fill_null(False)
    good = without(
        table, wrong, lambda k: why(values[k], moments[TIME][k], format), origin=origin, bad=bad, column=named
    )
    return with_instants(good, moments.filter(~wrong) if len(good) < len(table) else moments, column)


def why(value: object, second: int | None, format: str) -> str:
    """What is wrong with a time, from what it was read as, None where it is none."""
    written = f"{value:.0f}" if isinstance(value, float) and value.is_integer() and value < 1e15 else repr(value)
    if second is None:
        return f"{written} is no time in {format}"
    since = second * UNITS.get(SINCE_1970.get(format, ""), 0)  # what was written, for formats that are a number
    for word, unit in SINCE_1970.items():
        if since and since < LATEST * UNITS[unit]:
            hint = f"if these are {word}, say dataset.time_format={word}"
            return f"{written} {format} is a time after the year 2200; {hint}"
    return f"{written} is a time after the year 2200, by dataset.time_format={format}"
