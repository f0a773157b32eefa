"""The steps of a cleaning that look at whole histories: duplicates, outlier users, k-core."""

from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Bool, Int

from ssrec.data.clean import Cleaning
from ssrec.data.filters import step
from ssrec.data.ordering import BLOCK, counts, user_ranges


def shortened(events: pl.DataFrame, cleaning: Cleaning, report: list[dict[str, Any]]) -> pl.DataFrame:
    """Events in their order -> those that stay; `report`, which has a line already, gets one for each step."""
    if cleaning.duplicates != "all":
        events = _without_duplicates(events, cleaning.duplicates)
        report.append(step("duplicates", left(events), report[-1]))
    if cleaning.max_user_events is not None or cleaning.iqr is not None:
        most = _most_events(counts(events["user"]), cleaning)
        events = events.filter(_chosen(counts(events["user"]) <= most, events["user"]))
        report.append(step("outlier users", left(events), report[-1], most_events=most))
    if cleaning.k_core_user > 1 or cleaning.k_core_item > 1:
        users, items, rounds = k_core(events["user"], events["item"], cleaning.k_core_user, cleaning.k_core_item)
        events = events.filter(_chosen(users, events["user"]) & _chosen(items, events["item"]))
        report.append(step("k-core", left(events), report[-1], rounds=rounds))
    return events


def left(events: pl.DataFrame) -> dict[str, int]:
    """Rows, and users and items that have any."""
    users, items = (int((counts(events[column])[1:] > 0).sum()) for column in ("user", "item"))
    return {"rows": len(events), "users": users, "items": items}


def k_core(
    user: pl.Series, item: pl.Series, least_user: int, least_item: int
) -> tuple[Bool[np.ndarray, "U"], Bool[np.ndarray, "I"], int]:
    """Users and items of the largest set of events in which each has at least so many of them; rounds it took."""
    n_users, n_items = (int(codes.max() or 0) for codes in (user, item))  # type: ignore[arg-type]
    users, items, rounds = np.arange(n_users + 1) > 0, np.arange(n_items + 1) > 0, 0
    pairs = pl.DataFrame({"user": user, "item": item})
    while True:
        of_user, of_item = np.zeros(n_users + 1, np.int64), np.zeros(n_items + 1, np.int64)
        for block in pairs.iter_slices(BLOCK):
            u, i = (column.to_numpy() for column in block)
            stays = users[u] & items[i]
            of_user += np.bincount(u[stays], minlength=n_users + 1)
            of_item += np.bincount(i[stays], minlength=n_items + 1)
        rounds += 1
        if not (users & (of_user < least_user)).any() and not (items & (of_item < least_item)).any():
            return users, items, rounds
        users &= of_user >= least_user
        items &= of_item >= least_item


def _most_events(of_user: Int[np.ndarray, "U"], cleaning: Cleaning) -> float:
    """The largest number of events that a user may have."""
    present = of_user[of_user > 0]
    most = np.inf if cleaning.max_user_events is None else cleaning.max_user_events
    usual = present[present <= most]
    if cleaning.iqr is None or not len(usual):
        return float(most)
    low, high = np.quantile(usual, [0.25, 0.75])
    return float(min(most, high + cleaning.iqr * (high - low)))


def _chosen(flags: Bool[np.ndarray, "N"], codes: pl.Series) -> pl.Series:
    return pl.Series(flags).gather(codes)


def _without_duplicates(events: pl.DataFrame, which: str) -> pl.DataFrame:
    """One event of each user with each item, a range of users at a time; their rows stand together."""
    of_user = counts(events["user"])
    ends, n_items = of_user.cumsum(), int(events["item"].max())  # type: ignore[arg-type]
    blocks = []
    for first, last in user_ranges(of_user):
        start = int(ends[first - 1]) if first else 0
        block = events.slice(start, int(ends[last]) - start)
        blocks.append(_one_each(block, (pl.col("user").cast(pl.Int64) - first) * (n_items + 1) + pl.col("item"), which))
    return pl.concat(blocks, rechunk=False)


def _one_each(block: pl.DataFrame, pair: pl.Expr, which: str) -> pl.DataFrame:
    """`pair` is a number for each user and item."""
    if which != "sum":
        return block.filter(pair.is_first_distinct() if which == "first" else pair.is_last_distinct())
    rows = block if "weight" in block.columns else block.with_columns(pl.lit(1.0, dtype=pl.Float32).alias("weight"))
    total = pl.col("weight").cast(pl.Float64).sum().over(pair).cast(pl.Float32)
    return rows.with_columns(total.alias("weight")).filter(pair.is_first_distinct())
