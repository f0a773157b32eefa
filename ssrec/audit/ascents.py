"""Whether neighbouring events ascend in a column, and whether users agree on the order of the same two items."""

from dataclasses import dataclass
from typing import final

import polars as pl
import torch
from jaxtyping import Int
from torch import Tensor

from ssrec.audit.chance import clustered_z
from ssrec.audit.columns import Column
from ssrec.audit.words import share


@final
@dataclass(frozen=True)
class Ascents:
    """Of `pairs` neighbouring pairs with unequal values, `ascending` ascend; half is expected.

    `z` takes the pairs of a user as one observation. `apart` says that the pairs are those without the events at
    which ids were given out in the order of the events, because those ascend by themselves.
    """

    column: str
    pairs: int
    ascending: int
    z: float
    apart: bool

    @property
    def excess(self) -> float:
        """The distance of the ascending share from 1/2, either way."""
        return abs(share(self.ascending, self.pairs) - 0.5) if self.pairs else 0.0


def ascents(column: Column, pairs: Int[Tensor, "P"], user: Int[Tensor, "E"]) -> Ascents:
    """Count them.

    Args:
        column: Values of all events.
        pairs: The later event of each pair; the earlier is the one before it.
        user: Whose each event is.
    """
    if column.first is not None:
        pairs = pairs[~(column.first[pairs] | column.first[pairs - 1])]
    before, after = column.values[pairs - 1], column.values[pairs]
    differs = (before != after) & (before >= 0) & (after >= 0)
    up = (after > before)[differs]
    z = clustered_z(up.double() - 0.5, user[pairs[differs]])
    return Ascents(column.name, len(up), int(up.sum()), z, column.first is not None)


@final
@dataclass(frozen=True)
class Agreement:
    """`events` neighbouring pairs are of two items that other users met as neighbours too, and `share` of those others
    did so in the same order; half is expected. It needs no column, only that the hidden order is the same for all.
    """

    events: int
    share: float
    z: float


def agreement(
    before: Int[Tensor, "P"], after: Int[Tensor, "P"], user: Int[Tensor, "P"], item_rows: int
) -> Agreement | None:
    """Compare the directions of the same pair between users, each user and pair once; None without such pairs."""
    low, high = torch.minimum(before, after), torch.maximum(before, after)
    pairs = pl.DataFrame(
        {
            "user": user.numpy(),
            "pair": (low * item_rows + high).numpy(),
            "up": torch.where(before < after, 1, -1).numpy(),
        }
    )
    differs = pairs.filter(pl.Series((before != after).numpy()))
    once = differs.unique(["user", "pair"], keep="first", maintain_order=True)
    shared = once.with_columns(
        others=pl.col("up").sum().over("pair") - pl.col("up"), n=pl.len().over("pair").cast(pl.Int64) - 1
    ).filter(pl.col("n") > 0)
    if shared.is_empty():
        return None
    same = (shared["up"] * shared["others"] / shared["n"]).to_torch()  # 1: all others agree, -1: none does
    z = clustered_z(same, shared["user"].to_torch(), pairwise=True)
    return Agreement(len(shared), (1 + float(same.mean())) / 2, z)
