"""Events with their parts -> the flat arrays of a split, and the counts that belong beside its results."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, final

import torch
from jaxtyping import Bool, Int, Int8
from torch import Tensor

from ssrec.data.splits.events import CONTEXT, TEST, TRAIN, UNUSED, VAL, Events, blocks, offsets, pick, slices
from ssrec.data.splits.moments import first_events, last_asked

Name = Literal["val", "test"]
HELD: dict[Name, int] = {"val": VAL, "test": TEST}


@final
@dataclass(frozen=True)
class Parted:
    """Events, what each is for, and whether the past grows by VAL events before TEST ones are asked for."""

    events: Events
    part: Int8[Tensor, "E"]
    history: str = "growing"

    @cached_property
    def sizes(self) -> Int[Tensor, "U P"]:
        """Events of each user row in each part."""
        total = torch.zeros(len(self.events.lengths), UNUSED + 1, dtype=torch.long)
        for users, block in blocks(self.events.offsets):
            user = torch.repeat_interleave(self.events.lengths[users])
            cells = torch.bincount(user * (UNUSED + 1) + self.part[block], minlength=total[users].numel())
            total[users] = cells.view(-1, UNUSED + 1)
        return total

    @cached_property
    def trained(self) -> Bool[Tensor, "N"]:
        """Which item rows have training events."""
        total = torch.zeros(self.events.n_items + 1, dtype=torch.bool)
        for block in slices(len(self.part)):
            total[self.events.item[block][self.part[block] == TRAIN].long()] = True
        return total

    def reads(self, held: Name) -> list[int]:
        """The parts that the past of such rows holds."""
        return [TRAIN, CONTEXT, *([VAL] if held == "test" and self.history == "growing" else [])]

    def past(self, held: Name) -> Bool[Tensor, "E"]:
        """What rows of `val` or `test` read; a user has a row where she has events to ask for."""
        reads = torch.zeros(UNUSED + 1, dtype=torch.bool)
        reads[self.reads(held)] = True
        asked = self.sizes[:, HELD[held]] > 0
        mask = torch.empty(len(self.part), dtype=torch.bool)
        for users, block in blocks(self.events.offsets):
            mask[block] = reads[self.part[block].long()] & self.events.spread(asked, users)
        return mask

    def arrays(self) -> Iterator[tuple[str, Tensor]]:
        """Names and arrays, each made when it is asked for, so that one can be written before the next takes memory."""
        events, train = self.events, self.part == TRAIN
        yield "items", pick(events.item, train)
        yield "offsets", offsets(self.sizes[:, TRAIN])
        if events.time is not None:
            yield "times", pick(events.time, train)
            yield "first_events", first_events(events)
        if events.weight is not None:
            yield "weights", pick(events.weight, train)
        for held, part in HELD.items():
            past, asked = self.past(held), self.sizes[:, part]
            users = asked.nonzero().flatten()
            yield f"{held}_user", users * (self.sizes[users, TRAIN] > 0)
            yield f"{held}_past", pick(events.item, past)
            yield f"{held}_past_offsets", offsets(self.sizes[users][:, self.reads(held)].sum(1))
            if events.time is not None:
                yield f"{held}_times", pick(events.time, past)
                yield f"{held}_tied", tied(events, self.part == part)
                yield f"{held}_asked_at", last_asked(events, self.part == part)
            yield f"{held}_target", pick(events.item, self.part == part)
            yield f"{held}_target_offsets", offsets(asked[users])

    def facts(self) -> dict[str, int]:
        """Counts of everything that a reader could take for granted, and should not.

        A row without past has nothing to read; one with a later past reads events that come after its first target, as
        random splits do; a repeat is a target that is in its row's past; a cold target has no training event, and its
        rank counts like any other.
        """
        n_users, n_items = len(self.sizes) - 1, self.events.n_items
        in_all = self.sizes.sum(0).tolist()
        found: dict[str, int] = {
            "n_users": n_users,
            "n_items": n_items,
            "n_train": in_all[TRAIN],
            "n_context": in_all[CONTEXT],
            "n_unused": in_all[UNUSED],
            "n_items_without_training": n_items - int(self.trained.sum()),
            "n_users_without_training": n_users - int((self.sizes[:, TRAIN] > 0).sum()),
            "n_users_without_held_out": n_users - int((self.sizes[:, [VAL, TEST]].sum(1) > 0).sum()),
        }
        for held, part in HELD.items():
            asked, read = self.sizes[:, part] > 0, self.sizes[:, self.reads(held)].sum(1)
            cold, repeats, later = self._compare(held)
            found |= {
                f"n_{held}": int(asked.sum()),
                f"n_{held}_targets": in_all[part],
                f"n_cold_{held}_targets": cold,
                f"n_{held}_repeats": repeats,
                f"n_{held}_without_past": int((asked & (read == 0)).sum()),
                f"n_{held}_with_later_past": later,
            }
        return found

    def _compare(self, held: Name) -> tuple[int, int, int]:
        """Targets that are cold, targets that are in their row's past, rows that read on after their first target."""
        cold = repeats = later = 0
        past, n_rows = self.past(held), self.events.n_items + 1
        for users, block in blocks(self.events.offsets):
            n = users.stop - users.start
            user, item = torch.repeat_interleave(self.events.lengths[users]), self.events.item[block].long()
            read, asked = past[block].nonzero().flatten(), (self.part[block] == HELD[held]).nonzero().flatten()
            cold += int((~self.trained[item[asked]]).sum())
            if not len(read) or not len(asked):
                continue
            wanted, times = torch.unique(user[asked] * n_rows + item[asked], return_counts=True)
            pairs = user[read] * n_rows + item[read]
            place = torch.searchsorted(wanted, pairs).clamp_(max=len(wanted) - 1)
            again = torch.zeros(len(wanted), dtype=torch.bool)
            again[place[wanted[place] == pairs]] = True
            repeats += int(times[again].sum())
            last = torch.full((n,), -1).scatter_reduce(0, user[read], read, "amax")
            first = torch.full((n,), len(user)).scatter_reduce(0, user[asked], asked, "amin")
            later += int((last > first).sum())
        return cold, repeats, later


def tied(events: Events, target: Bool[Tensor, "E"]) -> Bool[Tensor, "B"]:
    """Whether each row's first target has the time of its user's event before it."""
    at = target.nonzero().flatten()
    user = torch.searchsorted(events.offsets, at, right=True) - 1
    first = at[user.diff(prepend=user.new_tensor([-1])) > 0]
    before = (first - 1).clamp(min=0)
    return (first > events.offsets[user.unique_consecutive()]) & events.together(first, before)
