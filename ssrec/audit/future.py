"""Whether the training part knows what came after a test target: the leak of splits that hold out by user."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import ClassVar, final

import torch
from jaxtyping import Int
from torch import Tensor

from ssrec.audit import thresholds as limits
from ssrec.audit.catalogue import FUTURE_OF_OTHERS, FUTURE_OF_THE_USER
from ssrec.audit.section import Finding, Lines, Section, Table
from ssrec.audit.subject import PARTS, Subject
from ssrec.audit.words import count, percent
from ssrec.data.split import TEST, TRAIN

BINS = 48
SHOWN = ("train", "validation", "test")


@final
@dataclass(frozen=True)
class Future(Section):
    """`after_target` is the share of training events later than a test target, in the mean over targets;
    `after_median` the share later than the median target; `exposed` counts targets with any later training event of
    another user, `own` the test users with a training event of their own later than their first target.

    `over_time` has each part's events in equal stretches from `first` to `last` (seconds since 1970).
    """

    targets: int
    after_target: float
    after_median: float
    exposed: int
    users: int
    own: int
    first: int
    last: int
    over_time: Mapping[str, Sequence[int]]

    title: ClassVar[str] = "The future in the training part"

    def findings(self) -> list[Finding]:
        found = []
        if self.exposed:
            grade = "warning" if self.after_target >= limits.FUTURE_WARNING else "note"
            sentence = (
                f"{percent(self.after_target)} of the training events, in the mean over test targets, are later than "
                f"the target ({percent(self.after_median)} later than the median target); "
                f"{percent(self.exposed, self.targets)} of the targets have training events of other users after them."
            )
            found.append(FUTURE_OF_OTHERS(grade, sentence))
        if n := self.own:
            grade = "warning" if n >= limits.OWN_FUTURE_WARNING * self.users else "note"
            of = f"{count(n)} of {count(self.users)} test users ({percent(n, self.users)})"
            found.append(FUTURE_OF_THE_USER(grade, f"{of} have training events later than their first target."))
        return found

    def table(self) -> Table:
        return Table(
            ["", "value"],
            [
                ["training events later than a test target (mean share)", percent(self.after_target)],
                ["training events later than the median target", percent(self.after_median)],
                ["targets with later training events of others", percent(self.exposed, self.targets)],
                ["test users trained on their own later events", percent(self.own, self.users)],
            ],
            f"times run from {_date(self.first)} to {_date(self.last)}",
        )

    def figures(self) -> list[Lines]:
        share = {name: [n / max(1, sum(ns)) for n in ns] for name, ns in self.over_time.items()}
        ends = (_date(self.first), _date(self.last))
        return [Lines("Each part's events over time (shares of the part)", list(range(BINS)), share, ends)]


def future(subject: Subject) -> Future | None:
    """Compare times of training events and test targets; None where the data have no times."""
    if subject.time is None:
        return None
    train, test = subject.part == TRAIN, subject.part == TEST
    targets, whose = subject.time[test], subject.user[test]
    ordered = targets.sort().values
    # How many targets are earlier than each training event: the sum over events is that over targets.
    trained = subject.time[train]
    earlier = torch.searchsorted(ordered, trained)
    latest = torch.full((subject.user_rows,), -(2**62))
    latest = latest.scatter_reduce(0, subject.user[train], trained, "amax")
    two = latest.topk(2).values
    others = torch.where(latest[whose] == two[0], two[1], two[0])  # the latest of all users but the target's
    start = torch.full((subject.user_rows,), 2**62).scatter_reduce(0, whose, targets, "amin")
    span = (int(subject.time.min()), int(subject.time.max()))
    return Future(
        targets=len(targets),
        after_target=float(earlier.double().mean()) / len(targets),
        after_median=float((trained > ordered[(len(ordered) - 1) // 2]).double().mean()),
        exposed=int((others > targets).sum()),
        users=int((start < 2**62).sum()),
        own=int((latest > start).sum()),
        first=span[0],
        last=span[1],
        over_time={name: _histogram(subject.time[subject.part == PARTS[name]], span) for name in SHOWN},
    )


def _histogram(times: Int[Tensor, "E"], span: tuple[int, int]) -> list[int]:
    first, last = span
    place = ((times - first).double() / max(1, last - first) * BINS).long().clamp(max=BINS - 1)
    return torch.bincount(place, minlength=BINS).tolist()


def _date(seconds: int) -> str:
    if abs(seconds) > 6 * 10**10:  # not of this calendar: times in another unit than seconds
        return str(seconds)
    return str((datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)).date())
