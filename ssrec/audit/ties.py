"""How many events share a time with their neighbour, so that their order is not one of events."""

from dataclasses import dataclass
from typing import ClassVar, final

import torch

from ssrec.audit import thresholds as limits
from ssrec.audit.catalogue import TIES
from ssrec.audit.section import Finding, Section, Table
from ssrec.audit.subject import Subject
from ssrec.audit.words import count, percent, share
from ssrec.data.split import Events

UNITS = {"days": 86_400, "hours": 3_600, "minutes": 60}


@final
@dataclass(frozen=True)
class Ties(Section):
    """Neighbours are two events of a user, one after the other; `longest` is the most events of a user at one time."""

    unit: str
    neighbours: int
    tied: int
    users: int
    users_tied_at_the_end: int
    rows: int
    rows_tied: int
    longest: int

    title: ClassVar[str] = "Ties in time"

    def findings(self) -> list[Finding]:
        if not self.tied:
            return []
        decided = share(self.rows_tied, self.rows) >= limits.TIED_TARGETS_WARNING
        sentence = (
            f"{percent(self.tied, self.neighbours)} of neighbouring events ({count(self.tied)}) share a time (given in "
            f"{self.unit}); {percent(self.users_tied_at_the_end, self.users)} of the users have two last events that "
            f"tie, and {percent(self.rows_tied, self.rows)} of the test targets tie with the event before them."
        )
        return [TIES("warning" if decided else "note", sentence)]

    def table(self) -> Table:
        return Table(
            ["", "tied", "of", "share"],
            [
                ["neighbouring events", count(self.tied), count(self.neighbours), percent(self.tied, self.neighbours)],
                [
                    "users whose last two events tie",
                    count(self.users_tied_at_the_end),
                    count(self.users),
                    percent(self.users_tied_at_the_end, self.users),
                ],
                [
                    "test rows whose target ties with the event before",
                    count(self.rows_tied),
                    count(self.rows),
                    percent(self.rows_tied, self.rows),
                ],
            ],
            f"times are in {self.unit}; at most {count(self.longest)} events of a user share one",
        )


def _unit(events: Events) -> str:
    """The coarsest unit in which all times are whole."""
    if events.time is None or events.nanosecond is not None:
        return "parts of a second"
    return next((name for name, seconds in UNITS.items() if not (events.time % seconds).any()), "seconds")


def ties(subject: Subject) -> Ties | None:
    """Count ties; None where the data have no times."""
    if subject.tied is None or subject.time is None or subject.tied_rows is None:
        return None
    final = torch.cat([~subject.near[1:], torch.ones(1, dtype=torch.bool)])
    run = (~subject.tied).cumsum(0)
    return Ties(
        unit=_unit(subject.events),
        neighbours=int(subject.near.sum()),
        tied=int(subject.tied.sum()),
        users=int(final.sum()),
        users_tied_at_the_end=int((subject.tied & final).sum()),
        rows=len(subject.tied_rows),
        rows_tied=int(subject.tied_rows.sum()),
        longest=int(torch.bincount(run).max()),
    )
