"""Moments in files as whole seconds, and what they have beyond them, which orders events of one second."""

import polars as pl

from ssrec.errors import DataError

TIME, WITHIN = "time", "nanosecond"  # Int64 since 1970 UTC, rounded down; Int32, 0 to 999,999,999
NANO = 10**9
_DECIMAL = r"^(?<sign>[+-]?)0*(?<whole>[0-9]{1,18})\.(?<fraction>[0-9]*)$"
UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": NANO}


def instants(values: pl.Series, format: str) -> pl.DataFrame:
    """Moments as `time`, seconds since 1970 UTC, and `nanosecond`, of that second; null where one does not parse.

    Args:
        values: numbers, texts, or dates and datetimes.
        format: `s`, `ms`, `us` or `ns` since 1970, or how a text is written, as in `%Y-%m-%dT%H:%M:%SZ`; times
            without a zone are UTC.

    Raises:
        DataError: the format is none, or is not for such values.
    """
    try:
        if values.dtype.is_temporal():
            moments = values if isinstance(values.dtype, pl.Datetime) else values.cast(pl.Datetime("us"))
            unit = moments.dtype.time_unit  # type: ignore[attr-defined]
            return _whole(moments.dt.epoch(unit), UNITS[unit])
        if format in UNITS:
            return _since_1970(values, UNITS[format])
        if values.dtype != pl.String:
            raise DataError(
                f"column {values.name} holds numbers ({values.dtype}), so seconds, milliseconds, microseconds or "
                f"nanoseconds since 1970, and not {format}"
            )
        parsed = values.str.strip_chars().str.to_datetime(format, time_unit="us", strict=False)
        return _whole(parsed.dt.epoch("us"), UNITS["us"])
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as e:
        example = next(iter(values.drop_nulls().head(1)), None)
        raise DataError(f"column {values.name}: {format!r} is no format of times such as {example!r}") from e


def with_instants(table: pl.DataFrame, moments: pl.DataFrame, column: str = TIME) -> pl.DataFrame:
    """A table with times in seconds; with nanoseconds too if there are any but 0."""
    table = table.with_columns(moments[TIME].alias(column))
    within = moments[WITHIN].fill_null(0)
    return table.with_columns(within) if (within > 0).any() else table


def _since_1970(values: pl.Series, unit: int) -> pl.DataFrame:
    if values.dtype.is_float():
        return _fractional(values, unit)
    text = values.str.strip_chars() if values.dtype == pl.String else values
    whole = text.cast(pl.Int64, strict=False)
    found = _whole(whole, unit)
    odd = whole.is_null() & text.is_not_null()
    if odd.any():  # "874965758.25", "1.5e9"
        rest, at = _written(text.filter(odd), unit), odd.arg_true()
        found = pl.DataFrame([found[c].scatter(at, rest[c]) for c in (TIME, WITHIN)])
    return found


def _whole(values: pl.Series, unit: int) -> pl.DataFrame:
    time = values.cast(pl.Int64, strict=False) // unit
    within = (values - time * unit) * (NANO // unit)
    return pl.DataFrame({TIME: time, WITHIN: within.cast(pl.Int32, strict=False)})


def _written(texts: pl.Series, unit: int) -> pl.DataFrame:
    """Decimals digit by digit, of which a float would lose some; digits beyond nanoseconds are cut."""
    table = _fractional(texts.cast(pl.Float64, strict=False), unit)  # what is no plain decimal, as 1.5e9
    table = table.hstack(texts.str.extract_groups(_DECIMAL).struct.unnest())
    digits = len(str(NANO // unit)) - 1  # of a unit, down to nanoseconds
    sign = pl.when(pl.col("sign") == "-").then(-1).otherwise(1)
    units = sign * pl.col("whole").cast(pl.Int64)
    beyond = sign * ("0" + (pl.col("fraction") + "0" * 9).str.head(digits)).cast(pl.Int64)
    nanos = (units - units // unit * unit) * (NANO // unit) + beyond  # of that second; below 0 of the one before
    exact = pl.col("whole").is_not_null()
    return table.select(
        pl.when(exact).then(units // unit + nanos // NANO).otherwise(TIME).alias(TIME),
        pl.when(exact).then(nanos - nanos // NANO * NANO).otherwise(WITHIN).cast(pl.Int32).alias(WITHIN),
    )


def _fractional(values: pl.Series, unit: int) -> pl.DataFrame:
    x = pl.when(pl.col("x").is_finite()).then(pl.col("x").cast(pl.Float64))
    time = (x / unit).floor()
    within = ((x - time * unit) * (NANO // unit)).floor().clip(0, NANO - 1)
    return pl.DataFrame({"x": values}).select(
        time.cast(pl.Int64, strict=False).alias(TIME), within.cast(pl.Int32, strict=False).alias(WITHIN)
    )
