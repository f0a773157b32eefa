"""What an audit looks at: canonical data, what each of its events is for, and the rows cut from them."""

from dataclasses import dataclass
from functools import cached_property
from typing import final

import torch
from jaxtyping import Bool, Int, Int8
from torch import Tensor

from ssrec.data.canonical import Canonical
from ssrec.data.split import CONTEXT, TEST, TRAIN, UNUSED, VAL, Events, Split, Splits
from ssrec.errors import DataError

PARTS = {"train": TRAIN, "validation": VAL, "test": TEST, "context": CONTEXT, "unused": UNUSED}


@final
@dataclass(frozen=True)
class Subject:
    """Events in canonical order (by user, then time, then the order that ties were given), the part of each, and what
    a run reads of them. `reads_parts` says whether the split is the publisher's.
    """

    canonical: Canonical
    events: Events
    part: Int8[Tensor, "E"]
    splits: Splits
    reads_parts: bool

    @staticmethod
    def of(canonical: Canonical, split: Split, splits: Splits) -> "Subject":
        """`splits` is what `split` made of `canonical`."""
        events = Events.of(canonical)
        return Subject(canonical, events, split.parts(events), splits, "parts" in split.needs)

    @cached_property
    def user(self) -> Int[Tensor, "E"]:
        return torch.repeat_interleave(self.events.lengths)

    @cached_property
    def item(self) -> Int[Tensor, "E"]:
        return self.events.item.long()

    @property
    def time(self) -> Int[Tensor, "E"] | None:
        return self.events.time

    @property
    def item_rows(self) -> int:
        return self.canonical.n_items + 1

    @property
    def user_rows(self) -> int:
        return self.canonical.n_users + 1

    @cached_property
    def near(self) -> Bool[Tensor, "E"]:
        """Whether the event before belongs to the same user."""
        return _follows(self.user)

    @cached_property
    def tied(self) -> Bool[Tensor, "E"] | None:
        """Whether the event before belongs to the same user and has the same time."""
        if self.time is None:
            return None
        same = self.near & _follows(self.time)
        return same if self.events.nanosecond is None else same & _follows(self.events.nanosecond)

    @cached_property
    def tested(self) -> Int[Tensor, "B"]:
        """The event that is the first test target of each test row.

        Raises:
            DataError: the rows of the split are others than the users with test events.
        """
        events = (self.part == TEST).nonzero().flatten()
        first = events[~_follows(self.user[events])]
        if len(first) != len(self.splits.test):
            raise DataError(f"the split has {len(self.splits.test):,} test rows for {len(first):,} users with targets")
        return first

    @cached_property
    def tied_rows(self) -> Bool[Tensor, "B"] | None:
        """Whether the target of each test row has the time of the event before it."""
        return None if self.tied is None else self.tied[self.tested]

    @cached_property
    def order_decides(self) -> bool:
        """Whether what is tested is what comes last: a user's test events stand after her training events."""
        if self.reads_parts:  # the publisher's choice, listed part by part
            return False
        place = torch.arange(len(self.user))
        train, test = self.part == TRAIN, self.part == TEST
        last = torch.full((self.user_rows,), -1).scatter_reduce(0, self.user[train], place[train], "amax")
        first = torch.full((self.user_rows,), len(place)).scatter_reduce(0, self.user[test], place[test], "amin")
        asked = first < len(place)
        return bool((first > last)[asked].double().mean() > 0.99)


def _follows(values: Int[Tensor, "E"]) -> Bool[Tensor, "E"]:
    """Whether each value equals the one before."""
    return torch.cat([torch.zeros(1, dtype=torch.bool), values[1:] == values[:-1]])[: len(values)]
