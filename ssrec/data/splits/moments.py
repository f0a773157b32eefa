"""When items first appear and when rows ask: for those who judge rankings, and never part of what a model is given."""

import math

import polars as pl
import torch
from jaxtyping import Bool, Float64, Int
from torch import Tensor

from ssrec.data.splits.events import Events, slices

NEVER = torch.iinfo(torch.long).max


def first_events(events: Events) -> Int[Tensor, "N"]:
    """The time of each item's first event, whoever's and whatever it is for; NEVER without one. `events` have times."""
    assert events.time is not None
    first = torch.full((events.n_items + 1,), NEVER)
    for block in slices(len(events)):
        first.scatter_reduce_(0, events.item[block].long(), events.time[block].long(), "amin")
    return first


def last_asked(events: Events, target: Bool[Tensor, "E"]) -> Int[Tensor, "B"]:
    """The time of the last target of each user, in order, who has any; `events` have times."""
    assert events.time is not None
    at = target.nonzero().flatten()
    user = torch.searchsorted(events.offsets, at, right=True)
    return events.time[at[user.diff(append=user.new_tensor([-1])) != 0]].long()


def item_numbers(items: pl.DataFrame) -> dict[str, Float64[Tensor, "N"]]:
    """The number columns of the item table as published, NaN where an item has none; row 0, padding, has none."""
    found = {}
    for column in items:
        if column.dtype.is_numeric() and column.name not in ("item", "id"):
            found[column.name] = torch.full((len(items) + 1,), math.nan, dtype=torch.double)
            found[column.name][1:] = torch.tensor(column.cast(pl.Float64).fill_null(math.nan).to_numpy())
    return found
