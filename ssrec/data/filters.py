"""The steps of a cleaning that look at one row at a time, applied while blocks of rows stream by."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, final

import numpy as np
import polars as pl

from ssrec.data.clean import Cleaning
from ssrec.data.files.places import Place
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
    keeps = _keeps(numbers, cleaning)
    tallies = {"as read": Tally(n_users, n_items), **{what: Tally(n_users, n_items) for what in keeps}}
    kept, row = [], 0
    for block in blocks:
        _check(name, block, lambda k, before=row: _stands(before + k, place), numbers, cleaning)
        row += len(block)
        tallies["as read"].add(block)
        for what, keep in keeps.items():
            block = block.filter(keep)
            tallies[what].add(block)
        kept.append(block)
    report: list[dict[str, Any]] = []
    for what, tally in tallies.items():
        report.append(step(what, tally.left, report[-1] if report else None))
    return pl.concat(kept, rechunk=False), report


def _complete() -> pl.Expr:
    return pl.all_horizontal(pl.all().is_not_null()) & (pl.col("user") > 0) & (pl.col("item") > 0)


def _keeps(numbers: Numbering, cleaning: Cleaning) -> dict[str, pl.Expr]:
    """What each step keeps, in order."""
    keeps = {}
    if cleaning.missing == "drop":
        keeps["missing fields"] = _complete()
    for kind, listed in sorted(numbers.listed.items()):
        if cleaning.unknown[kind] == "drop":
            keeps[f"unknown {kind}s"] = pl.lit(pl.concat([pl.Series([False]), listed])).gather(pl.col(kind))
    for what, column, (low, high) in (
        ("time range", "time", cleaning.times),
        ("rating", "weight", (cleaning.min_rating, cleaning.max_rating)),
    ):
        bounds = [pl.col(column) >= low] if low is not None else []
        bounds += [pl.col(column) <= high] if high is not None else []
        if bounds:
            keeps[what] = pl.all_horizontal(bounds)
    return keeps


def _stands(row: int, place: Place | None) -> str:
    return place(row) if place else f"row {row + 1:,} of the interactions"


def _check(
    name: str, block: pl.DataFrame, stands: Callable[[int], str], numbers: Numbering, cleaning: Cleaning
) -> None:
    if cleaning.missing == "error" and (odd := block.select(~_complete()).to_series().arg_true()).len():
        values = block.row(odd[0], named=True)
        lacks = [
            column for column, value in values.items() if value is None or (column in ("user", "item") and not value)
        ]
        ids = [f"{c} {numbers.id(c, values[c])!r}" for c in IDS if values[c]]
        raise DataError(
            f"{name}: {stands(odd[0])} has no {lacks[0]}"
            f"{' (' + ', '.join(ids) + ')' if ids else ''}; clean.missing=drop leaves such rows out"
        )
    for kind, listed in sorted(numbers.listed.items()):
        if cleaning.unknown[kind] != "error" or listed.all():
            continue
        unknown = pl.concat([pl.Series([False]), ~listed]).gather(block[kind]).arg_true()
        if unknown.len():
            id = numbers.id(kind, block[kind][unknown[0]])
            raise DataError(
                f"{name}: {stands(unknown[0])} names {kind} {id!r}, which the {kind} table does not list; "
                f"clean.unknown_{kind}s=drop or keep takes such rows"
            )
