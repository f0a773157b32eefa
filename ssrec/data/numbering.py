"""Publishers' ids -> numbers from 1, a block of rows at a time, so that large tables never stand whole in memory."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import final

import polars as pl

from ssrec.data.files.places import Place, Spot, first_row
from ssrec.data.ids import agreeing, check_written_once, ids_of, refusing, table_ids
from ssrec.errors import DataError

ROWS = 1 << 22  # of interactions held as they were read
NOWHERE: Mapping[str, Place] = MappingProxyType({})
PARTS = pl.Enum(["train", "val", "test"])


@final
@dataclass(frozen=True)
class Numbering:
    """The ids behind the numbers: id u of `users` and i of `items` stand at row u - 1 and i - 1.

    `listed` says, by "user" and "item", whether the table of that kind has the id, where there is such a table.
    """

    users: pl.Series
    items: pl.Series
    listed: Mapping[str, pl.Series]

    def id(self, kind: str, number: int) -> object:
        """The publisher's id behind a number."""
        return (self.users if kind == "user" else self.items)[number - 1]


def number(ids: pl.Series) -> pl.Series:
    """Distinct ids, id i + 1 at row i: in numeric order if they are integers, else by first appearance."""
    distinct = ids.drop_nulls().unique(maintain_order=True)
    return distinct.sort() if distinct.dtype.is_integer() else distinct


def readable(name: str, interactions: pl.DataFrame | pl.LazyFrame, *, weights: bool) -> pl.LazyFrame:
    """The columns that count: user, item (Int64 or text, null if missing) [, time [, nanosecond]] [, weight] [, part].

    Args:
        name: of the dataset, for messages.
        interactions: as a source gives them.
        weights: whether weights are read.

    Raises:
        DataError: a column is missing or of another kind.
    """
    table = interactions.lazy()
    with refusing(name):
        schema = table.collect_schema()
    if missing := {"user", "item"} - set(schema):
        raise DataError(f"{name}: the interactions have no column {min(missing)}; they have {', '.join(schema)}")
    chosen = [ids_of(name, column, table) for column in ("user", "item")]
    if "time" in schema:
        if not schema["time"].is_integer() and schema["time"] != pl.Null:
            raise DataError(f"{name}: time should be whole seconds since 1970, and is {schema['time']}")
        chosen.append(pl.col("time").cast(pl.Int64))
        if "nanosecond" in schema:
            chosen.append(pl.col("nanosecond").cast(pl.Int32).fill_null(0))
    if weights and "weight" in schema:
        if not schema["weight"].is_numeric() and schema["weight"] != pl.Null:
            raise DataError(f"{name}: weight should be a number, and is {schema['weight']}")
        weight = pl.col("weight").cast(pl.Float32)
        chosen.append(pl.when(weight.is_finite()).then(weight).alias("weight"))
    if "part" in schema:
        chosen.append(pl.col("part").cast(pl.String))
    return table.select(chosen)


def numbering(
    name: str,
    rows: pl.LazyFrame,
    item_table: pl.DataFrame | None,
    user_table: pl.DataFrame | None = None,
    places: Mapping[str, Place] = NOWHERE,
) -> Numbering:
    """Number the ids of interactions and, first, of the item table; of the user table only those that have events.

    Args:
        name: of the dataset, for messages.
        rows: what `readable` gives.
        item_table, user_table: as a source gives them.
        places: where rows of these tables stand, as in `Tables`.

    Raises:
        DataError: ids are written in two ways, or a lazy table is broken.
    """
    with refusing(name):
        users, items, listed = _distinct(rows, "user"), _distinct(rows, "item"), {}
    if item_table is not None:
        known, items = agreeing(table_ids(name, "item", item_table, places.get("items")), items)
        items = number(pl.concat([known, items]))
        listed["item"] = items.is_in(known.implode())
    people = users
    if user_table is not None:
        known, people = agreeing(table_ids(name, "user", user_table, places.get("users")), users)
        listed["user"] = people.is_in(known.implode())
        people = number(pl.concat([people, known]))
    for kind, ids, table in (("user", people, user_table), ("item", items, item_table)):
        check_written_once(name, ids.alias(kind), _standing(kind, rows, table, places))
    return Numbering(users, items, listed)


def _standing(
    kind: str, rows: pl.LazyFrame, table: pl.DataFrame | None, places: Mapping[str, Place]
) -> Callable[[str], Spot | None]:
    """Where an id first stands: in the interactions, else in the table of its kind; None where nobody knows."""
    searched = [("interactions", rows)] + ([(f"{kind}s", table.lazy())] if table is not None else [])

    def stands(id: str) -> Spot | None:
        for what, among in searched:
            if what in places and (row := first_row(among, **{kind: id})) is not None:
                return places[what](row)
        return None

    return stands


def encoded(name: str, rows: pl.LazyFrame, numbers: Numbering) -> Iterator[pl.DataFrame]:
    """The interactions in blocks of rows, their users and items as Int32 numbers, 0 where an id is missing.

    A block has user, item [, time Int64 [, nanosecond Int32]] [, weight Float32] [, part]. At least one block is given.

    Raises:
        DataError: a part has another name than train, val and test, or a lazy table is broken.
    """
    ids = {"user": _rows_of(numbers.users), "item": _rows_of(numbers.items)}
    others = [column for column in rows.collect_schema() if column not in ids]
    codes = [pl.col(f"{column}_number").fill_null(0).alias(column) for column in ids]
    with refusing(name):
        for block in _batches(rows):
            for column, known in ids.items():
                known = known.rename({"number": f"{column}_number"})
                block = block.with_columns(pl.col(column).cast(known.schema["id"]))
                block = block.join(known, left_on=column, right_on="id", how="left", maintain_order="left")
            yield _with_parts(name, block.select(*codes, *others))


def _batches(rows: pl.LazyFrame) -> Iterator[pl.DataFrame]:
    some = False
    for block in rows.collect_batches(chunk_size=ROWS, maintain_order=True):
        some = True
        yield block
    if not some:
        yield rows.head(0).collect()


def _distinct(rows: pl.LazyFrame, column: str) -> pl.Series:
    """The ids of a column as `number` orders them."""
    if rows.collect_schema()[column].is_integer():
        return rows.select(pl.col(column).unique()).collect(engine="streaming")[column].drop_nulls().sort()
    numbered = rows.select(column).with_row_index("_row")
    firsts = numbered.group_by(column).agg(pl.col("_row").min()).collect(engine="streaming")
    return firsts.sort("_row")[column].drop_nulls()


def _rows_of(ids: pl.Series) -> pl.DataFrame:
    return pl.DataFrame({"id": ids, "number": pl.int_range(1, len(ids) + 1, dtype=pl.Int32, eager=True)})


def _with_parts(name: str, events: pl.DataFrame) -> pl.DataFrame:
    if "part" not in events.columns:
        return events
    named = events["part"].cast(PARTS, strict=False)
    if (strange := (named.is_null() & events["part"].is_not_null()).arg_true()).len():
        what = events["part"][strange[0]]
        raise DataError(f"{name}: an interaction's part is {what!r}; it is one of {', '.join(PARTS.categories)}")
    return events.with_columns(named)
