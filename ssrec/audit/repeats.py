"""What is met twice: the same item by the same user, a target that is in its own past, one event in two parts."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import ClassVar, final

import torch
from jaxtyping import Int, Int8
from torch import Tensor

from ssrec.audit import thresholds as limits
from ssrec.audit.catalogue import DUPLICATES, OVERLAP, REPEATS_IN_TEST
from ssrec.audit.section import Finding, Section, Table
from ssrec.audit.subject import PARTS, Subject
from ssrec.audit.words import count, percent

COMPARED = ("train", "validation", "test", "context")


@final
@dataclass(frozen=True)
class Repeats(Section):
    """`duplicates` are events whose user met their item before; `overlaps` counts, for each two parts, the events of
    the second that are in the first too: with the same user, item and, where there are times, time.
    """

    timed: bool
    events: int
    duplicates: int
    targets: int
    repeats: int
    overlaps: Mapping[str, int]

    title: ClassVar[str] = "Repeats and overlap"

    def findings(self) -> list[Finding]:
        found = []
        if n := self.duplicates:
            grade = "warning" if n >= limits.DUPLICATES_WARNING * self.events else "note"
            of = f"{count(n)} of {count(self.events)} events ({percent(n, self.events)})"
            found.append(DUPLICATES(grade, f"{of} repeat a user and an item."))
        if n := self.repeats:
            grade = "warning" if n >= limits.REPEATS_WARNING * self.targets else "note"
            of = f"{count(n)} of {count(self.targets)} test targets ({percent(n, self.targets)})"
            found.append(REPEATS_IN_TEST(grade, f"{of} are in the past of their row."))
        shared = {name: n for name, n in self.overlaps.items() if n}
        if shared:
            grave = self.timed and sum(shared.values()) >= limits.OVERLAP_GRAVE * self.targets
            what = "user, item and time" if self.timed else "user and item"
            said = ", ".join(f"{count(n)} events of {name}" for name, n in shared.items())
            found.append(OVERLAP("grave" if grave else "warning", f"Parts share events with the same {what}: {said}."))
        return found

    def table(self) -> Table:
        rows = [
            ["events that repeat user and item", count(self.duplicates), percent(self.duplicates, self.events)],
            ["test targets in their own past", count(self.repeats), percent(self.repeats, self.targets)],
            *([f"events of {name}", count(n), ""] for name, n in self.overlaps.items()),
        ]
        return Table(["", "events", "share"], rows, f"overlap is of user, item{' and time' if self.timed else ''}")


def repeats(subject: Subject) -> Repeats:
    """Count them; repeats in test are those of the split's facts."""
    pairs = subject.user * subject.item_rows + subject.item
    ordered = pairs.sort().values
    facts = subject.splits.facts
    if subject.tied is None:
        keys, part = pairs, subject.part
    else:  # events with the same user and time stand side by side, so others need no look
        alone = ~(subject.tied | torch.cat([subject.tied[1:], torch.zeros(1, dtype=torch.bool)]))
        moment = (~subject.tied).cumsum(0)
        keys, part = (moment * subject.item_rows + subject.item)[~alone], subject.part[~alone]
    return Repeats(
        timed=subject.tied is not None,
        events=len(pairs),
        duplicates=int((ordered.diff() == 0).sum()),
        targets=int(facts["n_test_targets"]),
        repeats=int(facts["n_test_repeats"]),
        overlaps=overlaps(keys, part),
    )


def overlaps(keys: Int[Tensor, "K"], part: Int8[Tensor, "K"]) -> dict[str, int]:
    """Events of the second part of `second in first` whose key the first part has."""
    ordered, order = keys.sort()
    same = ordered.diff() == 0
    edge = torch.zeros(1, dtype=torch.bool)
    twice = order[(torch.cat([edge, same]) | torch.cat([same, edge]))[: len(order)]]
    held = {name: keys[twice][part[twice] == PARTS[name]] for name in COMPARED}
    present = [name for name in COMPARED if name != "context" or bool((part == PARTS[name]).any())]
    return {f"{b} in {a}": int(torch.isin(held[b], held[a]).sum()) for a, b in combinations(present, 2)}
