"""What readers of promised layouts share: whatever breaks the promise is named by file, line and column."""

from pathlib import Path
from types import GenericAlias, UnionType
from typing import Literal, NamedTuple, final

import polars as pl

from ssrec.errors import DataError

# Of a column: int, float, str, int | str (ids: integers where every one is a plain integer, else text), list[str].
Kind = type | UnionType | GenericAlias
Range = tuple[float | int, float | int]  # least and largest value

PLAIN = r"^(?:0|-?[1-9][0-9]{0,17})$"  # the text of an integer that is written back as it was read

_UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


class BadRow(NamedTuple):
    """A row that was skipped; its file by name, line and column from 1."""

    file: str
    line: int
    column: int | None
    why: str
    row: str


@final
class BadRows:
    """What happens to a row that breaks its layout: it is an `error`, or it is noted in `rows` and `skip`ped."""

    def __init__(self, mode: Literal["error", "skip"] = "error"):
        self.mode = mode
        self.rows: list[BadRow] = []

    def refuse(self, path: Path, line: int, why: str, row: str, column: int | None = None) -> None:
        """A row as it stands in the file, and what is wrong with it.

        Raises:
            DataError: in mode error.
        """
        if self.mode == "skip":
            self.rows.append(BadRow(path.name, line, column, why, row))
            return
        place = f"{path}, line {line}" + (f", column {column}" if column is not None else "")
        raise DataError(f"{place}: {why}, in row {shown(row)}")

    def check_some_good(self, path: Path, good: int, before: int) -> None:
        """Refuse a file of which nothing is left; `before` is how many bad rows there were before it was read.

        Raises:
            DataError: every row was bad.
        """
        if not good and len(self.rows) > before:
            first_bad = self.rows[before]
            raise DataError(
                f"{path}: every row is bad; the first is line {first_bad.line}: {first_bad.why}, "
                f"in row {shown(first_bad.row)}"
            )


def shown(row: str, width: int = 80) -> str:
    """A row in quotes, shortened."""
    return repr(row if len(row) <= width else row[:width] + "...")


def first(wrong: pl.Series) -> int | None:
    """The first row that is true, if any."""
    rows = wrong.arg_true()
    return rows[0] if len(rows) else None


def check_count(path: Path, got: int, expected: int, what: str = "rows") -> None:
    """Compare a published count.

    Raises:
        DataError: there are fewer (a truncated file) or more (another file).
    """
    if got < expected:
        raise DataError(f"{path} is truncated: {got:,} of {expected:,} {what}")
    if got > expected:
        raise DataError(f"{path} is not the published file: {got:,} {what} where {expected:,} belong")


def seconds(values: pl.Series, format: str) -> pl.Series:
    """Times as Int64 seconds since 1970 UTC, rounded down; null where a time does not parse.

    Args:
        values: numbers, texts, or dates and datetimes.
        format: `s`, `ms`, `us` or `ns` since 1970, or how a text is written, as in `%Y-%m-%dT%H:%M:%SZ`; times
            without a zone are UTC.

    Raises:
        DataError: the format is none, or is not for such values.
    """
    try:
        if values.dtype.is_temporal():
            return values.cast(pl.Datetime("us")).dt.epoch("us") // 10**6
        if format in _UNITS:
            return _since_1970(values, _UNITS[format])
        if values.dtype != pl.String:
            raise DataError(
                f"column {values.name} holds numbers ({values.dtype}); a time format is one of s, ms, us, ns"
            )
        parsed = values.str.strip_chars().str.to_datetime(format, time_unit="us", strict=False)
        return parsed.dt.epoch("us") // 10**6
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as e:
        example = next(iter(values.drop_nulls().head(1)), None)
        raise DataError(f"column {values.name}: {format!r} is no format of times such as {example!r}") from e


def _since_1970(values: pl.Series, unit: int) -> pl.Series:
    if values.dtype.is_float():
        finite = pl.when(pl.col("x").is_finite()).then((pl.col("x") / unit).floor()).cast(pl.Int64, strict=False)
        return pl.DataFrame({"x": values}).select(finite.alias(values.name)).to_series()
    text = values.str.strip_chars() if values.dtype == pl.String else values
    whole = text.cast(pl.Int64, strict=False)
    if values.dtype == pl.String:  # "1.5e9", "874965758.0"
        fraction = _since_1970(text.cast(pl.Float64, strict=False), 1)
        whole = whole.zip_with(whole.is_not_null(), fraction)
    return whole // unit
