"""The audit as one value: sections, findings by grade, and the same as plain JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, final

from ssrec.audit.cold import cold
from ssrec.audit.counts import counts
from ssrec.audit.drift import drift
from ssrec.audit.fingerprint import VERSION, fingerprint
from ssrec.audit.floors import floors
from ssrec.audit.future import future
from ssrec.audit.order import order
from ssrec.audit.published import published
from ssrec.audit.repeats import repeats
from ssrec.audit.section import GRADES, Finding, Grade, Section
from ssrec.audit.subject import Subject
from ssrec.audit.ties import ties
from ssrec.audit.twins import twins

QUESTIONS = {
    "counts": counts,
    "ties": ties,
    "order": order,
    "repeats": repeats,
    "cold": cold,
    "published": published,
    "future": future,
    "drift": drift,
    "floors": floors,
    "twins": twins,
}


@final
@dataclass(frozen=True)
class Report:
    """What an audit found; `sections` are by the names of `QUESTIONS`, without those that the data cannot answer.

    `canonical` is the fingerprint of the canonical data, `digest` that of all their columns.
    """

    dataset: str
    canonical: str
    digest: str
    split: Mapping[str, int | float | str]
    split_fingerprint: str
    sections: Mapping[str, Section]

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.digest, self.split_fingerprint)

    @property
    def findings(self) -> list[Finding]:
        """Grave ones first."""
        found = [f for section in self.sections.values() for f in section.findings()]
        return sorted(found, key=lambda f: -GRADES.index(f.grade))

    def of(self, grade: Grade) -> Sequence[Finding]:
        return [f for f in self.findings if f.grade == grade]

    def plain(self) -> dict[str, Any]:
        """The content of audit.json."""
        return {
            "version": VERSION,
            "fingerprint": self.fingerprint,
            "dataset": {"name": self.dataset, "fingerprint": self.canonical, "digest": self.digest},
            "split": {"fingerprint": self.split_fingerprint, "facts": dict(self.split)},
            "measured": {name: asdict(section) for name, section in self.sections.items()},  # type: ignore[call-overload]
            "findings": [asdict(f) for f in self.findings],
        }


def audit(subject: Subject) -> Report:
    """Ask every question."""
    canonical, splits = subject.canonical, subject.splits
    asked = {name: ask(subject) for name, ask in QUESTIONS.items()}
    sections = {name: section for name, section in asked.items() if section is not None}
    told = (canonical.name, canonical.fingerprint, canonical.digest, splits.facts, splits.fingerprint)
    return Report(*told, sections)
