"""Whom and what the split leaves out: targets without training, rows without a past, users without a test."""

from dataclasses import dataclass
from typing import ClassVar, final

from ssrec.audit import thresholds as limits
from ssrec.audit.catalogue import COLD_TARGETS, ROWS_WITHOUT_PAST, USERS_NOT_EVALUATED
from ssrec.audit.section import Finding, Section, Table
from ssrec.audit.subject import Subject
from ssrec.audit.words import count, percent


@final
@dataclass(frozen=True)
class Cold(Section):
    """A target is cold where its item has no training event; a row is empty where nothing can be read before it."""

    items: int
    items_without_training: int
    val_targets: int
    cold_val_targets: int
    test_targets: int
    cold_test_targets: int
    test_rows: int
    test_rows_without_past: int
    test_rows_that_read_on: int
    users: int
    users_without_held_out: int
    users_without_training: int

    title: ClassVar[str] = "What the split leaves out"

    def findings(self) -> list[Finding]:
        asked = [
            (COLD_TARGETS, self.cold_test_targets, self.test_targets, limits.COLD_WARNING),
            (ROWS_WITHOUT_PAST, self.test_rows_without_past, self.test_rows, limits.NO_HISTORY_WARNING),
            (USERS_NOT_EVALUATED, self.users_without_held_out, self.users, limits.UNTESTED_WARNING),
        ]
        said = ["test targets ({}) have no training event", "test rows ({}) have nothing to read"]
        said.append("users ({}) have nothing held out")
        return [
            kind("warning" if n >= limit * of else "note", f"{count(n)} of {count(of)} {words.format(percent(n, of))}.")
            for (kind, n, of, limit), words in zip(asked, said, strict=True)
            if n
        ]

    def table(self) -> Table:
        lines = [
            ("items without training", self.items_without_training, self.items),
            ("cold validation targets", self.cold_val_targets, self.val_targets),
            ("cold test targets", self.cold_test_targets, self.test_targets),
            ("test rows without a past", self.test_rows_without_past, self.test_rows),
            ("test rows that read what came after their target", self.test_rows_that_read_on, self.test_rows),
            ("users with nothing held out", self.users_without_held_out, self.users),
            ("users without training", self.users_without_training, self.users),
        ]
        return Table(["", "n", "of", "share"], [[name, count(n), count(of), percent(n, of)] for name, n, of in lines])


def cold(subject: Subject) -> Cold:
    """From the facts of the split."""
    facts = {name: int(n) for name, n in subject.splits.facts.items() if name.startswith("n_")}
    return Cold(
        items=facts["n_items"],
        items_without_training=facts["n_items_without_training"],
        val_targets=facts["n_val_targets"],
        cold_val_targets=facts["n_cold_val_targets"],
        test_targets=facts["n_test_targets"],
        cold_test_targets=facts["n_cold_test_targets"],
        test_rows=facts["n_test"],
        test_rows_without_past=facts["n_test_without_past"],
        test_rows_that_read_on=facts["n_test_with_later_past"],
        users=facts["n_users"],
        users_without_held_out=facts["n_users_without_held_out"],
        users_without_training=facts["n_users_without_training"],
    )
