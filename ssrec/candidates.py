"""What a row's targets are ranked among: `candidates=sampled candidates.n=100`, `candidates=existing`, or all items."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal, final

import torch
from jaxtyping import Bool, Float, Int, Int32
from torch import Tensor

from ssrec.batch import PAD, Ragged
from ssrec.data.split import Held, Splits
from ssrec.data.splits.events import offsets
from ssrec.data.splits.parted import Name
from ssrec.draws import draw
from ssrec.errors import CompositionError, DataError

FULL = "full catalogue"
Allowed = Callable[[Int[Tensor, "B"]], Bool[Tensor, "B N"]]  # from rows of a part to its candidates, on their device


class Candidates(ABC):
    """A rule that says which items a row's targets, candidates in any case, are ranked among.

    It sees held-out rows and all events, and only ever gives masks to those who rank: no model meets it.
    """

    needs: frozenset[str] = frozenset()  # what the dataset must have; an instance may need more than its class
    warning: ClassVar[str | None] = None  # what every reader of such results must know
    most: int | None = None  # the longest list that can miss a target, where the rule alone decides that

    @property
    @abstractmethod
    def words(self) -> str:
        """The rule as tables and results name it."""

    @abstractmethod
    def __call__(self, splits: Splits, part: Name) -> Allowed:
        """The rule for the rows of `val` or `test`; a row has the same candidates in whatever batch it comes.

        Raises:
            DataError: the data do not allow it.
        """


@final
class Sampled(Candidates):
    """n items drawn for each row without replacement, none of its past or its targets.

    Such metrics need not order models as those over the full catalogue do (Krichene and Rendle, KDD 2020).

    Args:
        n: how many.
        by: `uniform`, all items alike; `popular`, in proportion to training events.
        seed: of the draw, which differs between validation and test, or the selection would see the test's negatives.

    Raises:
        CompositionError: n is not positive.
    """

    warning: ClassVar[str | None] = (
        "candidates=sampled: metrics among sampled negatives are too high and may order models otherwise than the full "
        "catalogue does; compare them with the same draw only"
    )

    def __init__(self, *, n: int, by: Literal["uniform", "popular"] = "uniform", seed: int = 0):
        if n < 1:
            raise CompositionError(f"candidates.n={n}: a target is ranked among at least 1 negative")
        if seed < 0:
            raise CompositionError(f"candidates.seed={seed}: seeds are 0, 1, 2 and so on")
        self.n = self.most = n
        self.by = by
        self.seed = seed

    @property
    def words(self) -> str:
        return f"{self.n} {self.by} negatives (seed {self.seed})"

    def __call__(self, splits: Splits, part: Name) -> Allowed:
        corpus = splits.corpus
        weights = (corpus.counts if self.by == "popular" else torch.ones(corpus.item_rows)).double()
        weights[PAD] = 0.0
        met = _met(splits.held(part), corpus.item_rows)
        drawable = weights > 0
        left = int(drawable.sum()) - torch.bincount(met.rows[drawable[met.values]], minlength=len(met))
        least = int(left.min()) if len(left) else self.n  # a refit has no rows of validation
        if least < self.n:
            raise DataError(
                f"candidates.n={self.n}: a row of the {part} part has {least} of {int(drawable.sum())} items left that "
                f"it has not met and does not ask for; say candidates.n={max(least, 1)} or less, or candidates=full"
            )
        generator = torch.Generator().manual_seed(2 * self.seed + (part == "test"))
        return _Drawn(draw(met, weights, self.n, generator), corpus.item_rows)


@final
class Existing(Candidates):
    """The items that existed when a row's last target was met, so that each of its targets qualifies by itself.

    An item exists from its first event on, whoever's and in whichever part of the split, and for ever, unless the table
    of items knows better. That an item has no event yet is known at that time, so nothing leaks from a future.

    Args:
        available_from: number column of the item table, seconds since 1970 UTC, in place of the first event where it
            holds a number.
        available_until: the same for the last second of an item.
    """

    def __init__(self, *, available_from: str | None = None, available_until: str | None = None):
        self.columns = {"available_from": available_from, "available_until": available_until}
        self.needs = frozenset({"times", *(name for name in self.columns.values() if name is not None)})

    @property
    def words(self) -> str:
        told = [f"{word} {name}" for word, name in zip(("from", "until"), self.columns.values(), strict=True) if name]
        return " ".join(["items that existed", *([f"({', '.join(told)})"] if told else [])])

    def __call__(self, splits: Splits, part: Name) -> Allowed:
        asked_at = splits.held(part).asked_at
        if splits.first_events is None or asked_at is None:
            raise DataError("candidates=existing needs times, and the dataset has none; say candidates=full")
        since, until = (self._declared(splits, argument) for argument in self.columns)
        since = torch.where(since.isnan(), splits.first_events.double(), since)
        return _Existed(since, until.nan_to_num(math.inf, math.inf, -math.inf), asked_at)

    def _declared(self, splits: Splits, argument: str) -> Float[Tensor, "N"]:
        name = self.columns[argument]
        if name is None:
            return torch.full((splits.corpus.item_rows,), math.nan, dtype=torch.double)
        if name not in splits.item_numbers:
            known = ", ".join(splits.item_numbers) or "none"
            raise DataError(f"candidates.{argument}={name} is no column of numbers of the items; there are: {known}")
        return splits.item_numbers[name]


@final
@dataclass(frozen=True)
class _Drawn:
    items: Int32[Tensor, "R n"]
    item_rows: int

    def __call__(self, rows: Int[Tensor, "B"]) -> Bool[Tensor, "B N"]:
        chosen = self.items[rows.cpu()].to(rows.device, torch.long)
        nobody = torch.zeros(len(rows), self.item_rows, dtype=torch.bool, device=rows.device)
        return nobody.scatter_(1, chosen, True)


@final
@dataclass(frozen=True)
class _Existed:
    since: Float[Tensor, "N"]
    until: Float[Tensor, "N"]
    asked_at: Int[Tensor, "R"]

    def __call__(self, rows: Int[Tensor, "B"]) -> Bool[Tensor, "B N"]:
        at = self.asked_at[rows.cpu()].to(rows.device, torch.double)[:, None]
        return (self.since.to(rows.device) <= at) & (at <= self.until.to(rows.device))


def _met(held: Held, item_rows: int) -> Ragged:
    """The different items of each row's past and targets."""
    parts = [ragged.rows * item_rows + ragged.values for ragged in (held.past, held.target)]
    cells = torch.unique(torch.cat(parts))
    return Ragged(cells % item_rows, offsets(torch.bincount(cells // item_rows, minlength=len(held))))
