"""How much there is at each stage, and how much of it a sequence model can read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, ClassVar, final

import torch

from ssrec.audit import thresholds as limits
from ssrec.audit.catalogue import REMOVED, SHORT_HISTORIES
from ssrec.audit.section import Bars, Finding, Section, Table
from ssrec.audit.subject import PARTS, Subject
from ssrec.audit.words import count, percent, share

READ = "as read"  # the first line of a cleaning's report


@dataclass(frozen=True)
class Stage:
    """`density` is events over users times items."""

    name: str
    events: int
    users: int | None = None
    items: int | None = None
    density: float | None = None


@final
@dataclass(frozen=True)
class Counts(Section):
    """`removed` counts what cleaning took, by reason; `histories` has users by training events: 0, 1, 2-3, 4-7, ..."""

    stages: Sequence[Stage]
    removed: Mapping[str, int]
    users: int
    short: int
    histories: Sequence[int]

    title: ClassVar[str] = "Counts"

    def findings(self) -> list[Finding]:
        found = []
        before, after = self.stages[0].events, next(s.events for s in self.stages if s.name == "canonical")
        if gone := before - after:
            reasons = ", ".join(f"{count(n)} {why}" for why, n in self.removed.items() if n)
            sentence = (
                f"Reading and cleaning left out {count(gone)} of {count(before)} events ({percent(gone, before)})"
            )
            grade = "warning" if gone >= limits.REMOVED_WARNING * before else "note"
            found.append(REMOVED(grade, f"{sentence}{': ' if reasons else ''}{reasons}."))
        if self.short >= limits.SHORT_WARNING * self.users:
            most = f"at most {limits.SHORT_HISTORY} training events"
            found.append(SHORT_HISTORIES("warning", f"{percent(self.short, self.users)} of the users have {most}."))
        return found

    def table(self) -> Table:
        def cell(n: int | None) -> str:
            return "" if n is None else count(n)

        rows = [
            [
                s.name,
                count(s.events),
                cell(s.users),
                cell(s.items),
                f"{100 * s.density:.3g} %" if s.density else "",
            ]
            for s in self.stages
        ]
        return Table(["stage", "events", "users", "items", "density"], rows, "density: events / (users x items)")

    def figures(self) -> list[Bars]:
        names = ["0", "1", *(f"{2**k}-{2 ** (k + 1) - 1}" for k in range(1, len(self.histories) - 1))]
        return [Bars("Users by number of training events", names, {"users": self.histories})]


def counts(subject: Subject) -> Counts:
    """Count events, users and items of the raw data, after each step of cleaning, and of each part."""
    canonical = _stage("canonical", subject, None)
    parts = [_stage(name, subject, part) for name, part in PARTS.items()]
    unread = {str(why): int(n) for why, n in subject.canonical.meta["removed"].items()}
    steps = [_step(s) for s in subject.canonical.meta["steps"]]
    raw = Stage("raw", (steps[0].events if steps else canonical.events) + sum(unread.values()))
    if steps and raw.events == steps[0].events:  # all was read, so the first line of the report is the raw data
        raw, steps = replace(steps[0], name="raw"), steps[1:]
    lengths = subject.splits.corpus.history.lengths[1:]
    bins = torch.where(lengths > 0, lengths.double().clamp(min=1).log2().floor().long() + 1, 0)
    return Counts(
        stages=[raw, *steps, canonical, *(p for p in parts if p.events)],
        removed=unread | {b.name: a.events - b.events for a, b in pairwise([raw, *steps]) if b.name != READ},
        users=len(lengths),
        short=int((lengths <= limits.SHORT_HISTORY).sum()),
        histories=torch.bincount(bins).tolist(),
    )


def _step(of: Mapping[str, Any]) -> Stage:
    """A line of the cleaning's report."""
    events, users, items = (int(of[what]) for what in ("rows", "users", "items"))
    return Stage(str(of["step"]), events, users, items, share(events, users * items))


def _stage(name: str, subject: Subject, part: int | None) -> Stage:
    user, item = subject.user, subject.item
    if part is not None:
        chosen = subject.part == part
        user, item = user[chosen], item[chosen]
    users = int((torch.bincount(user) > 0).sum())
    items = subject.canonical.n_items if part is None else int((torch.bincount(item) > 0).sum())
    return Stage(name, len(user), users, items, share(len(user), users * items))
