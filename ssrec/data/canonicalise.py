"""Tables as they were read -> canonical tables: numbered, cleaned, ordered, with the report of each step."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Bool

from ssrec.data.clean import Cleaning
from ssrec.data.files.layout import BadRows
from ssrec.data.filters import filtered
from ssrec.data.histories import left, shortened
from ssrec.data.ids import agreeing, table_with_ids
from ssrec.data.numbering import Numbering, encoded, numbering, readable
from ssrec.data.ordering import counts, ordered
from ssrec.data.source import Tables
from ssrec.errors import DataError


def canonicalise(
    name: str, tables: Tables, cleaning: Cleaning, bad: BadRows
) -> tuple[dict[str, pl.DataFrame], dict[str, Any]]:
    """Interactions, items and users by those names, and the counts that belong beside them.

    Args:
        name: of the dataset, for messages.
        tables: as a source read them. Who keeps no other reference to them saves their memory.
        cleaning: what leaves.
        bad: the rows that reading left out.

    Raises:
        DataError: the tables do not fit together, have what the cleaning calls an error, or nothing is left.
    """
    item_table, user_table = tables.items, tables.users
    place = tables.places.get("interactions")
    where = name + (", bad rows left out" if bad.rows and not place else "")
    removed = dict(tables.removed) | ({"bad rows": len(bad.rows)} if bad.rows else {})
    content = _files(tables)
    rows = readable(name, tables.interactions, weights=cleaning.reads_weights)
    numbers = numbering(name, rows, item_table, user_table, tables.places)
    events, steps = filtered(where, encoded(name, rows, numbers), numbers, cleaning, place)
    del tables, rows  # the raw events, of which the steps to come need nothing
    if not cleaning.weights:
        events = events.drop("weight", strict=False)
    if len(events):
        events = ordered(events, numbers.items, ties=cleaning.ties, seed=cleaning.ties_seed)
        events = shortened(events, cleaning, steps)
    if "nanosecond" in events.columns and not (events["nanosecond"] > 0).any():
        events = events.drop("nanosecond")
    if events.is_empty():
        raise DataError(f"{name} has no interactions{_removed(removed, steps)}")
    users = counts(events["user"], len(numbers.users)) > 0
    items = _catalogue(events, numbers, cleaning)
    events = events.with_columns(_renumbered(events["user"], users), _renumbered(events["item"], items))
    counted = {
        "removed": removed,
        "content_files": content,
        "steps": steps,
        "n_users": int(users.sum()),
        "n_items": int(items.sum()),
        "n_interactions": len(events),
        "n_items_without_interactions": int(items.sum()) - left(events)["items"],
        **({"tie_rate": _tie_rate(events)} if "time" in events.columns else {}),
    }
    made = {
        "interactions": events,
        "items": _with_content(name, "item", numbers.items.filter(pl.Series(items[1:])), item_table),
        "users": _with_content(name, "user", numbers.users.filter(pl.Series(users[1:])), user_table),
    }
    return made, counted


def _files(tables: Tables) -> dict[str, str]:
    """The files that items and users are from, the first of several."""
    content = {"items": tables.items, "users": tables.users}
    some = [what for what, table in content.items() if what in tables.places and table is not None and len(table)]
    return {what: tables.places[what](0).file for what in some}


def _catalogue(events: pl.DataFrame, numbers: Numbering, cleaning: Cleaning) -> Bool[np.ndarray, "N"]:
    """Which items have a row: those with events, and those of the item table unless `k_core_item` is set."""
    some = counts(events["item"], len(numbers.items)) > 0
    if "item" in numbers.listed and not cleaning.k_core_item:
        some[1:] |= numbers.listed["item"].to_numpy()
    return some


def _renumbered(codes: pl.Series, stays: Bool[np.ndarray, "N"]) -> pl.Series:
    """Numbers 1.. of those that stay, in their order."""
    if stays[1:].all():
        return codes
    return pl.Series(stays.cumsum().astype(np.int32)).gather(codes).alias(codes.name)


def _with_content(name: str, kind: str, ids: pl.Series, table: pl.DataFrame | None) -> pl.DataFrame:
    """A row for each id, in order, with the content columns of the table; null where it lacks the id."""
    rows = pl.DataFrame({kind: pl.int_range(1, len(ids) + 1, dtype=pl.Int32, eager=True), "id": ids})
    if table is None:
        return rows
    table = table_with_ids(name, kind, table)
    if clash := {"id"} & set(table.columns):
        raise DataError(f"{name}: the {kind} table has a column {clash.pop()}, which is the publisher's id; rename it")
    own, known = agreeing(ids, table[kind])
    content = table.with_columns(known.alias("_id")).drop(kind)
    rows = rows.with_columns(own.alias("_id"))
    return rows.join(content, on="_id", how="left", maintain_order="left").drop("_id")


def _removed(removed: Mapping[str, int], steps: Sequence[Mapping[str, Any]]) -> str:
    counts = [f"{n:,} {what}" for what, n in removed.items() if n]
    counts += [f"{s['rows_removed']:,} rows by {s['step']}" for s in steps if s["rows_removed"]]
    return f": removed {', '.join(counts)}" if counts else ""


def _tie_rate(interactions: pl.DataFrame) -> float:
    """The share of a user's neighbouring events that have the same time."""
    near = pl.col("user") == pl.col("user").shift()
    moment = [pl.col(c) == pl.col(c).shift() for c in ("time", "nanosecond") if c in interactions.columns]
    tied = near & pl.all_horizontal(moment)
    n_tied, n_near = interactions.select(tied.sum().alias("tied"), near.sum().alias("near")).row(0)
    return n_tied / max(1, n_near)
