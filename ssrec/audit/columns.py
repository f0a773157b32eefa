"""What the events of a user could be sorted by: a value of every event, for each column that has an order."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import final

import polars as pl
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from ssrec.audit import thresholds as limits
from ssrec.audit.subject import Subject


@final
@dataclass(frozen=True)
class Column:
    """`values` are ranks, -1 where there is none.

    `first` marks the events at which the column's ids were given out, where they were given out in the order of the
    events: such an event has a higher id than all before it, whatever the order is.
    """

    name: str
    values: Int[Tensor, "E"]
    first: Bool[Tensor, "E"] | None = None


def columns(subject: Subject) -> Iterator[Column]:
    """The publisher's id, the row number, every item column with an order, popularity, events' weights."""
    items = subject.canonical.items
    ranks = {"id": _ranks(items["id"])}
    row = torch.arange(1, subject.item_rows)
    if not torch.equal(ranks["id"].argsort(), row - 1):
        ranks["row"] = row
    for name in items.columns:
        if name not in ("item", "id") and (ordered := _ordered(items[name])) is not None:
            ranks[name] = ordered
    for name, values in ranks.items():
        given = torch.cat([torch.full((1,), -1), values])[subject.item]
        yield Column(name, given, _given_out(subject, given) if name in ("id", "row") else None)
    # Of all events: that in training is lower for items of the last events, which are held out.
    yield Column("popularity", torch.bincount(subject.item, minlength=subject.item_rows)[subject.item])
    if subject.events.weight is not None:
        yield Column("weight", _ranks(subject.canonical.interactions["weight"]))


def _ordered(column: pl.Series) -> Int[Tensor, "N"] | None:
    if isinstance(column.dtype, pl.List):
        column = column.list.first()
    if not (column.dtype.is_numeric() or column.dtype == pl.String) or column.n_unique() < 2:
        return None
    return _ranks(column)


def _ranks(column: pl.Series) -> Int[Tensor, "N"]:
    """Equal values share a rank."""
    return column.rank("dense").cast(pl.Int64).fill_null(-1).to_torch()


def _given_out(subject: Subject, values: Int[Tensor, "E"]) -> Bool[Tensor, "E"] | None:
    """The first event of each item, if the values ascend over them in the order of users or of time."""
    orders = [torch.arange(len(values))]
    if subject.time is not None:
        orders.append(subject.time.argsort(stable=True))
    for order in orders:
        place = torch.full((subject.item_rows,), len(values))
        place = place.scatter_reduce(0, subject.item[order], torch.arange(len(order)), "amin")
        events = order[place[place < len(values)].sort().values]
        if len(events) > 1 and (values[events].diff() > 0).double().mean() >= limits.BY_APPEARANCE:
            return torch.zeros(len(values), dtype=torch.bool).index_fill(0, events, True)
    return None
