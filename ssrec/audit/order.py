"""Whether the order of events is one of time, or follows an id, a title, any column, or some hidden order of items."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, final

import torch

from ssrec.audit import thresholds as limits
from ssrec.audit.ascents import Agreement, Ascents, agreement, ascents
from ssrec.audit.catalogue import (
    ORDER_FOLLOWS_A_COLUMN,
    ORDER_IS_SHARED,
    TIES_FOLLOW_A_COLUMN,
    TIES_FOLLOW_A_FIXED_ORDER,
)
from ssrec.audit.chance import sample
from ssrec.audit.columns import columns
from ssrec.audit.section import Bars, Finding, Grade, Section, Table
from ssrec.audit.subject import Subject
from ssrec.audit.words import count, percent, share


@final
@dataclass(frozen=True)
class Order(Section):
    """`scope`: pairs of neighbouring events that tie (ties), or all of them where there are no times (untimed).

    `users` of `of_users` were compared for the agreement.
    """

    scope: str
    neighbours: int
    pairs: int
    order_decides: bool
    columns: Sequence[Ascents]
    agreement: Agreement | None
    users: int
    of_users: int

    title: ClassVar[str] = "Order of events that time does not order"

    @property
    def _tied(self) -> bool:
        return self.scope == "ties"

    def findings(self) -> list[Finding]:
        return [f for f in (self._column(), self._agree()) if f]

    def _column(self) -> Finding | None:
        warning, grave = (
            (limits.TIES_ORDER_WARNING, limits.TIES_ORDER_GRAVE)
            if self._tied
            else (limits.UNTIMED_ORDER_WARNING, limits.UNTIMED_ORDER_GRAVE)
        )
        sure = [c for c in self.columns if abs(c.z) >= limits.Z and c.excess >= warning]
        if not sure:
            return None
        most, *others = sorted(sure, key=lambda c: -c.excess)
        up = 2 * most.ascending >= most.pairs
        n = most.ascending if up else most.pairs - most.ascending
        which = "neighbouring pairs that share a time" if self._tied else "neighbouring pairs, which have no times,"
        way = "ascend" if up else "descend"
        sentence = f"{count(n)} of {count(most.pairs)} {which} {way} in {most.column} "
        sentence += f"({percent(n, most.pairs)}; chance 50 %, z {abs(most.z):.0f})"
        if self._tied:
            sentence += f"; {percent(self.pairs, self.neighbours)} of neighbouring pairs share a time"
        if others:
            sentence += f". Ascending in {', '.join(f'{c.column}: {percent(c.ascending, c.pairs)}' for c in others)}"
        kind = TIES_FOLLOW_A_COLUMN if self._tied else ORDER_FOLLOWS_A_COLUMN
        return kind(self._grade(most.excess, grave), f"{sentence}.")

    def _agree(self) -> Finding | None:
        warning, grave = (
            (limits.TIES_AGREE_WARNING, limits.TIES_AGREE_GRAVE)
            if self._tied
            else (limits.UNTIMED_AGREE_WARNING, limits.UNTIMED_AGREE_GRAVE)
        )
        a = self.agreement
        if a is None or a.z < limits.Z or a.share < warning:
            return None
        kind = TIES_FOLLOW_A_FIXED_ORDER if self._tied else ORDER_IS_SHARED
        return kind(
            self._grade(a.share, grave),
            f"Where two users have the same two items {'at one time' if self._tied else 'as neighbours'}, "
            f"{percent(a.share)} agree on which comes first (chance 50 %, z {a.z:.0f}, {count(a.events)} events).",
        )

    def _grade(self, value: float, grave: float) -> Grade:
        counts = share(self.pairs, self.neighbours) >= limits.TIES_GRAVE_SHARE if self._tied else self.order_decides
        return "grave" if value >= grave and counts else "warning"

    def table(self) -> Table:
        rows = [
            [
                c.column,
                count(c.pairs),
                count(c.ascending),
                percent(c.ascending, c.pairs),
                f"{c.z:+.1f}",
                "pairs without first occurrences, by which ids were given out" if c.apart else "",
            ]
            for c in self.columns
        ]
        if self.agreement:
            a = self.agreement
            sampled = f" in a sample of {count(self.users)} of {count(self.of_users)} users"
            said = f"users agree on two items' order{sampled if self.users < self.of_users else ''}"
            rows.append(["any fixed order", count(a.events), "", percent(a.share), f"{a.z:+.1f}", said])
        what = "neighbouring events that share a time" if self._tied else "neighbouring events; the data have no times"
        return Table(
            ["by", "pairs", "ascending", "share", "z", ""],
            rows,
            f"{count(self.pairs)} pairs of {what}; 50 % is expected, z counts each user once",
        )

    def figures(self) -> list[Bars]:
        shares = [share(c.ascending, c.pairs) for c in self.columns]
        names = [c.column for c in self.columns]
        if self.agreement:
            names, shares = [*names, "any fixed order"], [*shares, self.agreement.share]
        return [Bars("Share of pairs in ascending order; the line is chance", names, {"share": shares}, 0.5, 1.0)]


def order(subject: Subject, most: int = limits.SAMPLE) -> Order:
    """Test all columns on tied neighbours, or on all neighbours where there are no times.

    Agreement is that of at most `most` users.
    """
    marked = subject.near if subject.tied is None else subject.tied
    pairs = marked.nonzero().flatten()
    users = subject.user[pairs].unique()
    asked = users[sample(len(users), most, limits.SEED)]
    compared = pairs[torch.isin(subject.user[pairs], asked)] if len(asked) < len(users) else pairs
    before, after, user = subject.item[compared - 1], subject.item[compared], subject.user[compared]
    return Order(
        scope="untimed" if subject.tied is None else "ties",
        neighbours=int(subject.near.sum()),
        pairs=len(pairs),
        order_decides=subject.order_decides,
        columns=[ascents(column, pairs, subject.user) for column in columns(subject)],
        agreement=agreement(before, after, user, subject.item_rows),
        users=len(asked),
        of_users=len(users),
    )
