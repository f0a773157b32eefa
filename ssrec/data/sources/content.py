"""Content columns as canonical tables keep them, where the dtype says the kind; and ids that agree between tables."""

import polars as pl

from ssrec.data.files.places import Place, in_order
from ssrec.errors import DataError


def one(column: str) -> pl.Expr:
    """A category as a list of one; none where there is no value."""
    value = pl.col(column).cast(pl.String)
    return pl.when(_some(value)).then(pl.concat_list(value)).otherwise(_nothing()).alias(column)


def several(column: str, separator: str) -> pl.Expr:
    """Names in a text, without the blanks around them; none where there is no text."""
    names = pl.col(column).cast(pl.String).str.split(separator).list.eval(pl.element().str.strip_chars())
    return _filled(names).alias(column)


def names(column: str) -> pl.Expr:
    """A list of names; none where the list is missing."""
    return _filled(pl.col(column).cast(pl.List(pl.String))).alias(column)


def vectors(lists: pl.Series, owners: pl.Series, where: str, place: Place | None = None) -> pl.Series:
    """Lists of numbers as Array(Float32, n), all of one length.

    Args:
        lists: a column of a file.
        owners: whose they are.
        where: the file, for messages.
        place: where a row stands; None: counted in `where`.

    Raises:
        DataError: one is missing, has another length, or holds what is no finite number.
    """
    lists = lists.cast(pl.List(pl.Float32))
    lengths = lists.list.len()
    width = int(lengths.drop_nulls().mode().max() or 0)  # type: ignore[arg-type]
    for wrong, why in (
        (lists.is_null() | (lengths != width), f"has not {width} numbers, as most others have"),
        (~lists.list.eval(pl.element().is_finite().fill_null(False)).list.all(), "holds what is no finite number"),
    ):
        if wrong.any():
            k = wrong.arg_true()[0]
            spot = (place or in_order(where))(k)
            raise DataError(spot.says(f"the vector of {owners[k]!r} {why}", lists.name))
    if not width:
        raise DataError(f"{where}, column {lists.name}: no vector holds a number")
    return lists.list.to_array(width)


def covering(items: pl.DataFrame, interactions: pl.DataFrame) -> pl.DataFrame:
    """An item table with a row for every item of the events: those that it lacks come last and have no content."""
    missing = interactions.select(pl.col("item").unique(maintain_order=True)).join(items, on="item", how="anti")
    lists = [name for name, dtype in items.schema.items() if isinstance(dtype, pl.List)]
    table = pl.concat([items, missing], how="diagonal")
    return table.with_columns(pl.col(lists).fill_null(pl.lit([], dtype=pl.List(pl.String))))


def agree(
    column: str, events: pl.DataFrame | pl.LazyFrame, table: pl.DataFrame | None
) -> tuple[pl.DataFrame | pl.LazyFrame, pl.DataFrame | None]:
    """Interactions, eager or lazy, and a table whose ids have one type: integers if both have, else text."""
    if table is None or events.collect_schema()[column] == table.schema[column]:
        return events, table
    as_text = pl.col(column).cast(pl.String)
    return events.with_columns(as_text), table.with_columns(as_text)


def _some(value: pl.Expr) -> pl.Expr:
    return value.is_not_null() & (value != "")


def _nothing() -> pl.Expr:
    return pl.lit([], dtype=pl.List(pl.String))


def _filled(lists: pl.Expr) -> pl.Expr:
    return lists.list.eval(pl.element().filter(_some(pl.element()))).fill_null(_nothing())
