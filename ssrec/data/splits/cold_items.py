"""Items that nobody meets in training: what only their content can recommend."""

from typing import final

import torch
from jaxtyping import Int, Int8
from torch import Tensor

from ssrec.data.split import Split
from ssrec.data.splits.events import TEST, TRAIN, VAL, Events, share, slices
from ssrec.data.splits.settings import check_choice, check_share


@final
class ColdItems(Split):
    """All events of the chosen items are held out, of one half of them for validation, of the other for testing.

    So every target is cold by design, and has a row in the catalogue. With `by=latest` the items are those whose first
    event is the latest, the very latest for testing; that needs times. Other events train, also those that come after
    a target. A `growing` past holds a user's events with validation items at test time.

    Args:
        share: of the items that have events; at least two are held out.
        by: random or latest.
        history: growing or frozen.
        seed: of the random choice.

    Raises:
        CompositionError: a setting outside its range.
    """

    def __init__(self, *, share: float = 0.2, by: str = "random", history: str = "growing", seed: int = 0):
        check_share(share=share)
        check_choice("by", by, ("random", "latest"))
        check_choice("history", history, ("growing", "frozen"))
        self.share = share
        self.by = by
        self.history = history
        self.seed = seed
        self.needs = frozenset({"times"}) if by == "latest" else frozenset()

    @property
    def settings(self) -> dict[str, int | float | str]:
        drawn = {"seed": self.seed} if self.by == "random" else {}
        return {"split": "cold_items", "share": self.share, "by": self.by, "history": self.history, **drawn}

    def parts(self, events: Events) -> Int8[Tensor, "E"]:
        order = self._order(events)
        held = int(share(torch.tensor(len(order)), self.share).clamp(min=2))
        part_of = torch.full((events.n_items + 1,), TRAIN, dtype=torch.int8)
        part_of[order[-held:]] = VAL
        part_of[order[-(held - held // 2) :]] = TEST
        parts = torch.empty(len(events), dtype=torch.int8)
        for block in slices(len(events)):
            parts[block] = part_of[events.item[block].long()]
        return parts

    def _order(self, events: Events) -> Int[Tensor, "K"]:
        """The items that have events, those to be held out last."""
        never = torch.iinfo(torch.long).max
        first = torch.full((events.n_items + 1,), never)
        for block in slices(len(events)):
            item = events.item[block].long()
            time = torch.zeros_like(item) if events.time is None else events.time[block]
            first.scatter_reduce_(0, item, time, "amin")
        if self.by == "latest":
            order = self._within(events, first).argsort(stable=True)
            return order[first[order].argsort(stable=True)][: int((first < never).sum())]
        items = (first < never).nonzero().flatten()
        return items[torch.randperm(len(items), generator=torch.Generator().manual_seed(self.seed))]

    def _within(self, events: Events, first: Int[Tensor, "N"]) -> Int[Tensor, "N"]:
        """The nanosecond of each item's first event, in its second."""
        within = torch.zeros_like(first)
        if events.nanosecond is None or events.time is None:
            return within
        within += torch.iinfo(torch.long).max
        for block in slices(len(events)):
            item = events.item[block].long()
            earliest = events.time[block] == first[item]
            within.scatter_reduce_(0, item[earliest], events.nanosecond[block][earliest].long(), "amin")
        return within
