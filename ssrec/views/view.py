"""What a view of sequences is, and what views are made of: whole-batch operations in torch's generator."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Int
from torch import Tensor, nn

from ssrec.batch import PAD, Batch
from ssrec.nn import require


class View(nn.Module, ABC):
    """Other items of the same rows, and their times with them, right-aligned; their number of columns may differ.

    The batch is not edited, and no row that has items is emptied. What a view fitted lies in buffers.
    """

    own_items: ClassVar[bool] = True  # whether a row keeps to its own items and the mask token
    draws: ClassVar[bool] = True  # whether it draws other items each time

    @abstractmethod
    def forward(self, batch: Batch) -> Batch: ...

    def within(self, batch: Batch, columns: int) -> Batch:
        """The view, cut to its last `columns` columns; for those that would make many more, to cut before."""
        return cut(self(batch), columns)

    def before_epoch(self, items: Callable[[], Tensor]) -> None:
        """Once per epoch, before its first step; `items` computes the item vectors "N D" of that moment."""


class InPlace(View):
    """A view that damages items and leaves all places: what stands at a column tells of the item that stood there."""


def require_share(name: str, value: float) -> float:
    """Refuse what is no share, with a `CompositionError`."""
    require(0 <= value <= 1, f"{name}={value}: a view changes a share of a sequence, between 0 and 1")
    return value


def places(items: Int[Tensor, "B T"]) -> tuple[Int[Tensor, "B T"], Int[Tensor, "B 1"]]:
    """Each column's place in its row's sequence, negative in the padding, and the lengths."""
    width = items.shape[1]
    length = (items != PAD).sum(1, keepdim=True)
    return torch.arange(width, device=items.device) - (width - length), length


def part(share: float, length: Int[Tensor, "B 1"]) -> Int[Tensor, "B 1"]:
    """floor(share * length), where what rounding leaves just below a whole number counts as that number."""
    return (share * length.double() + 1e-9).floor().long()


def at_least_one(share: float, length: Int[Tensor, "B 1"]) -> Int[Tensor, "B 1"]:
    """`part`, but one item where that is none; none of an empty row."""
    return part(share, length).clamp(min=1).minimum(length)


def uniform(n: Int[Tensor, "B 1"]) -> Int[Tensor, "B 1"]:
    """Uniform in 0..n-1."""
    return (torch.rand(n.shape, device=n.device) * n).long().minimum(n - 1)  # the product can round up to n


def some(items: Int[Tensor, "B T"], n: Int[Tensor, "B 1"]) -> Bool[Tensor, "B T"]:
    """n random places of each row."""
    lot = torch.rand(items.shape, device=items.device).masked_fill(items == PAD, torch.inf)
    return lot.argsort(1).argsort(1) < n


def cut(batch: Batch, columns: int) -> Batch:
    """The last `columns` columns."""
    times = None if batch.times is None else batch.times[:, -columns:]
    return replace(batch, items=batch.items[:, -columns:], times=times)


def moved(batch: Batch, column: Int[Tensor, "B T"], real: Bool[Tensor, "B T"]) -> Batch:
    """Each row's events at `column`, items and times alike; padding where not `real`."""

    def at(x: Tensor) -> Tensor:
        return torch.where(real, x.gather(1, column), PAD)

    return replace(batch, items=at(batch.items), times=None if batch.times is None else at(batch.times))


def choose(made: Sequence[Batch], which: Int[Tensor, "B"]) -> Batch:
    """Row b of batch `which[b]`; narrower batches get padding on the left."""
    width = max(batch.items.shape[1] for batch in made)
    row = torch.arange(len(which), device=which.device)

    def chosen(of: Sequence[Tensor]) -> Tensor:
        return torch.stack([F.pad(x, (width - x.shape[1], 0), value=PAD) for x in of])[which, row]

    times = [batch.times for batch in made if batch.times is not None]
    return replace(
        made[0], items=chosen([batch.items for batch in made]), times=chosen(times) if len(times) == len(made) else None
    )
