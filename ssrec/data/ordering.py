"""Events in the order of users and, within a user, of time: stable, and a range of users at a time."""

from collections.abc import Iterator

import numpy as np
import polars as pl
import torch
from jaxtyping import Int

BLOCK = 1 << 23  # events sorted at once


def ordered(events: pl.DataFrame, items: pl.Series, *, ties: str, seed: int) -> pl.DataFrame:
    """Sort numbered events by user and time, where there are times; `items` are the ids behind the numbers.

    A column `nanosecond` orders events of one second. Equal times keep the order of the rows, or that of
    `torch.randperm` with `seed`, or that of the items' ids.
    """
    if "time" in events.columns and ties == "shuffled":
        order = torch.randperm(len(events), generator=torch.Generator().manual_seed(seed))
        place = torch.empty(len(events), dtype=torch.int32)
        place[order] = torch.arange(len(events), dtype=torch.int32)
        events = events.with_columns(pl.Series("_tie", place.numpy()))
    elif "time" in events.columns and ties == "id":
        rank = pl.concat([pl.Series([0], dtype=pl.UInt32), items.rank("ordinal").cast(pl.UInt32)])
        events = events.with_columns(rank.gather(events["item"]).alias("_tie"))
    blocks = [
        _sorted(events.filter(pl.col("user").is_between(first, last)))
        for first, last in user_ranges(counts(events["user"]))
    ]
    return pl.concat(blocks, rechunk=False).drop("_tie", strict=False)


def counts(codes: pl.Series, n: int = 0) -> Int[np.ndarray, "N"]:
    """Events of each number 0..n, at least up to the largest there is."""
    n = max(n, int(codes.max() or 0))  # type: ignore[arg-type]
    total = np.zeros(n + 1, np.int64)
    for block in codes.to_frame().iter_slices(BLOCK):
        total += np.bincount(block.to_series().to_numpy(), minlength=n + 1)
    return total


def user_ranges(events_of: Int[np.ndarray, "U"]) -> Iterator[tuple[int, int]]:
    """First and last of runs of users with about `BLOCK` events together, all users in turn."""
    run = events_of.cumsum() // BLOCK
    starts = np.flatnonzero(np.diff(run, prepend=-1))
    yield from zip(starts.tolist(), [*(starts[1:] - 1).tolist(), len(events_of) - 1], strict=True)


def _sorted(block: pl.DataFrame) -> pl.DataFrame:
    if block.is_empty():
        return block
    order = None
    for key in _keys(block):
        key = torch.from_numpy(key.to_numpy(writable=True))
        key = key if order is None else key[order]
        step = key.sort(stable=True).indices
        order = step if order is None else order[step]
    assert order is not None
    return block.select(pl.all().gather(pl.Series(order.to(torch.int32).numpy().view(np.uint32))))


def _keys(block: pl.DataFrame) -> list[pl.Series]:
    """What to sort by, the most significant last; user and time are one number wherever that fits."""
    tie = [block[column].cast(pl.Int64) for column in ("_tie", "nanosecond") if column in block.columns]
    user = block["user"].cast(pl.Int64)
    if "time" not in block.columns:
        return [*tie, user]
    low, high = int(block["time"].min()), int(block["time"].max())  # type: ignore[arg-type]
    span = high - low + 1
    least = int(user.min())  # type: ignore[arg-type]
    if span * (int(user.max()) - least + 1) >= 2**62:  # type: ignore[arg-type]
        return [*tie, block["time"], user]
    return [*tie, (user - least) * span + (block["time"] - low)]
