"""Publishers' ids: integers or text, one spelling each, of one type in all tables of a dataset."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import polars as pl

from ssrec.data.files.places import Place, Spot, in_order
from ssrec.errors import DataError


def ids_of(where: str, column: str, table: pl.LazyFrame) -> pl.Expr:
    """A column of ids as Int64 or text, null where missing.

    Raises:
        DataError: they are neither.
    """
    dtype = table.collect_schema()[column]
    if dtype.is_integer():
        return pl.col(column).cast(pl.Int64)
    if dtype in (pl.String, pl.Categorical, pl.Enum):
        text = pl.col(column).cast(pl.String)
        return pl.when(text.str.strip_chars() != "").then(text).alias(column)
    if dtype == pl.Null:
        return pl.col(column).cast(pl.Int64)
    raise DataError(f"{where}: {column} ids should be integers or text, and are {dtype}")


def agreeing(a: pl.Series, b: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Two columns of ids as one type: integers if both are, else text."""
    return (a, b) if a.dtype == b.dtype else (a.cast(pl.String), b.cast(pl.String))


def table_with_ids(name: str, kind: str, table: pl.DataFrame) -> pl.DataFrame:
    """An item or user table whose ids are Int64 or text.

    Raises:
        DataError: an id is missing, stands twice, or is neither.
    """
    return table.with_columns(table_ids(name, kind, table))


def table_ids(name: str, kind: str, table: pl.DataFrame, place: Place | None = None) -> pl.Series:
    """The ids of an item or user table, Int64 or text; `place` says where a row stands.

    Raises:
        DataError: an id is missing, stands twice, or is neither.
    """
    place = place or in_order(f"{name}, {kind} table")
    if kind not in table.columns:
        raise DataError(f"{name}: the {kind} table has no column {kind}; it has {', '.join(table.columns)}")
    with refusing(name):
        ids = table.select(ids_of(f"{name}, {kind} table", kind, table.lazy())).to_series()
    if (missing := ids.is_null().arg_true()).len():
        raise DataError(place(missing[0]).says(f"no {kind}; a row of the {kind} table has an id", kind))
    if (again := ~ids.is_first_distinct()).any():
        id = ids.filter(again)[0]
        first, second = (ids == id).arg_true().head(2)
        why = f"{kind} {id!r} is listed twice, first in {place(first)}; a table lists each {kind} once"
        raise DataError(place(second).says(why, kind))
    return ids


def check_written_once(name: str, ids: pl.Series, stands: Callable[[str], Spot | None] = lambda _: None) -> None:
    """Refuse text ids that are one id in two spellings: they would become two users or items.

    Args:
        name: of the dataset, for messages.
        ids: distinct.
        stands: where an id stands; None: nobody knows.

    Raises:
        DataError: two ids differ only by spaces around them, or all are numbers and two are the same.
    """
    if ids.dtype != pl.String or ids.is_empty():
        return
    stripped = ids.str.strip_chars()
    numbers = stripped.cast(pl.Int64, strict=False)
    readings = [(stripped, "differ only by the spaces around them")]
    readings += [] if numbers.has_nulls() else [(numbers, "are one number, written in two ways")]
    for meaning, why in readings:
        if (pair := _pair(ids, meaning)) is not None:
            there, here = sorted(pair, key=_oddity)
            other = f" (in {spot})" if (spot := stands(there)) else ""
            said = f"{ids.name} ids {here!r} and {there!r}{other} {why}; write every {ids.name} in one way"
            raise DataError((stands(here) or Spot(name)).says(said, ids.name))


def _oddity(id: str) -> tuple[bool, bool]:
    """How far from plain an id is written: with spaces around it, then as a number that begins with 0 or +."""
    return id != id.strip(), re.match(r"\+|-?0\d", id.strip()) is not None


def other_spelling(id: str, known: pl.Series) -> str | None:
    """The known id, as text, that differs from one only by spaces around it, or is the same number; None for none."""
    stripped = known.cast(pl.String).str.strip_chars()
    same, number = stripped == id.strip(), pl.Series([id.strip()]).cast(pl.Int64, strict=False)[0]
    if number is not None:
        same |= stripped.cast(pl.Int64, strict=False) == number
    return next(iter(known.cast(pl.String).filter(same.fill_null(False))), None)


def _pair(ids: pl.Series, meaning: pl.Series) -> tuple[str, str] | None:
    again = meaning.is_duplicated()
    if not again.any():
        return None
    a, b = ids.filter(meaning == meaning.filter(again)[0]).head(2)
    return a, b


@contextmanager
def refusing(name: str) -> Iterator[None]:
    """What breaks while a lazy table is read is the data's fault: DataError."""
    try:
        yield
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as e:
        raise DataError(f"{name}: its tables cannot be read: {str(e).partition(chr(10))[0]}") from e
