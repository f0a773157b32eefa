"""The steps of a cleaning that look at one row at a time, applied while blocks of rows stream by."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, final

import numpy as np
import polars as pl

from ssrec.data.clean import Cleaning
from ssrec.data.files.places import Place, Spot, as_row, in_order
from ssrec.data.numbering import Numbering
from ssrec.errors import DataError

IDS = ("user", "item")


@final
class Tally:
    """Rows, users and items that are left after a step, counted over blocks."""

    def __init__(self, n_users: int, n_items: int):
        self.rows = 0
        self.seen = {"user": np.zeros(n_users + 1, bool), "item": np.zeros(n_items + 1, bool)}

    def add(self, block: pl.DataFrame) -> None:
        self.rows += len(block)
        for column, seen in self.seen.items():
            seen[block[column].to_numpy()] = True

    @property
    def left(self) -> dict[str, int]:
        users, items = (int(seen[1:].sum()) for seen in self.seen.values())
        return {"rows": self.rows, "users": users, "items": items}


def step(name: str, left: Mapping[str, int], before: Mapping[str, Any] | None, **more: float | int) -> dict[str, Any]:
    """A line of the report: what is left, and what the step removed."""
    removed = {f"{what}_removed": before[what] - n if before else 0 for what, n in left.items()}
    return {"step": name, **left, **removed, **more}


def filtered(
    name: str, blocks: Iterator[pl.DataFrame], numbers: Numbering, cleaning: Cleaning, place: Place | None = None
) -> tuple[pl.DataFrame, list[dict[str, Any]]]:
    """The rows that stay, in their order, and the report of the steps, "as read" first.

    Args:
        name: of the dataset, for messages.
        blocks: the interactions, as `encoded` gives them.
        numbers: the ids behind their numbers.
        cleaning: what leaves.
        place: where a row stands, from 0; None: nobody knows.

    Raises:
        DataError: a field is missing, or an item or user unknown, where the cleaning calls that an error.
    """
    n_users, n_items = len(numbers.users), len(numbers.items)
    tallies: defaultdict[str, Tally] = defaultdict(lambda: Tally(n_users, n_items))
    kept, row, place = [], 0, place or in_order(f"{name}, interactions")
    for block in blocks:
        _check(block, lambda k, before=row: place(before + k), numbers, cleaning)
        row += len(block)
        tallies["as read"].add(block)
        for what, keep in _keeps(numbers, cleaning, "nanosecond" in block.columns).items():
            block = block.filter(keep)
            tallies[what].add(block)
        kept.append(block)
    report: list[dict[str, Any]] = []
    for what, tally in tallies.items():
        report.append(step(what, tally.left, report[-1] if report else None))
    return pl.concat(kept, rechunk=False), report


def _complete() -> pl.Expr:
    return pl.all_horizontal(pl.all().is_not_null()) & (pl.col("user") > 0) & (pl.col("item") > 0)


def _keeps(numbers: Numbering, cleaning: Cleaning, within: bool) -> dict[str, pl.Expr]:
    """What each step keeps, in order, of blocks with or without nanoseconds."""
    keeps = {}
    if cleaning.missing == "drop":
        keeps["missing fields"] = _complete()
    for kind, listed in sorted(numbers.listed.items()):
        if cleaning.unknown[kind] == "drop":
            keeps[f"unknown {kind}s"] = pl.lit(pl.concat([pl.Series([False]), listed])).gather(pl.col(kind))
    time, (first, last) = pl.col("time"), cleaning.times
    rest = pl.col("nanosecond") if within else pl.lit(0)
    times = [(time > first[0]) | ((time == first[0]) & (rest >= first[1]))] if first else []
    times += [(time < last[0]) | ((time == last[0]) & (rest <= last[1]))] if last else []
    low, high = cleaning.min_rating, cleaning.max_rating
    ratings = [pl.col("weight") >= low] if low is not None else []
    ratings += [pl.col("weight") <= high] if high is not None else []
    return keeps | {
        what: pl.all_horizontal(bounds) for what, bounds in (("time range", times), ("rating", ratings)) if bounds
    }


def _check(block: pl.DataFrame, stands: Place, numbers: Numbering, cleaning: Cleaning) -> None:
    if cleaning.missing == "error" and (odd := block.select(~_complete()).to_series().arg_true()).len():
        values = block.row(odd[0], named=True)
        lacks = [
            column for column, value in values.items() if value is None or (column in ("user", "item") and not value)
        ]
        why = f"no {lacks[0]} is there; clean.missing=drop leaves such rows out"
        raise DataError(_shown(stands(odd[0]), values, numbers).says(why, lacks[0]))
    for kind, listed in sorted(numbers.listed.items()):
        if cleaning.unknown[kind] != "error" or listed.all():
            continue
        unknown = pl.concat([pl.Series([False]), ~listed]).gather(block[kind]).arg_true()
        if unknown.len():
            values = block.row(unknown[0], named=True)
            why = (
                f"the {kind} table does not list {kind} {numbers.id(kind, values[kind])!r}; "
                f"clean.unknown_{kind}s=drop or keep takes such rows"
            )
            raise DataError(_shown(stands(unknown[0]), values, numbers).says(why, kind))


def _shown(spot: Spot, values: Mapping[str, Any], numbers: Numbering) -> Spot:
    """A spot with its row, of which the values are told where no file has it as text."""
    if spot.row is not None:
        return spot
    ids = {kind: numbers.id(kind, values[kind]) if values[kind] else None for kind in IDS}
    return replace(spot, row=as_row([*{**values, **ids}.values()]))
