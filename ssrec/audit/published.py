"""Whether the publisher's own parts are those of the split, and how the two meet where they are not."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

import torch

from ssrec.audit.catalogue import PARTS_IGNORED
from ssrec.audit.section import Finding, Section, Table
from ssrec.audit.subject import PARTS, Subject
from ssrec.audit.words import count
from ssrec.data.split import TEST, TRAIN, VAL

PUBLISHED = {"train": TRAIN, "val": VAL, "test": TEST}


@final
@dataclass(frozen=True)
class Published(Section):
    """`parts` counts the events of each published part by what the split makes of them."""

    parts: Mapping[str, Mapping[str, int]]

    title: ClassVar[str] = "The publisher's parts, which the split does not read"

    def findings(self) -> list[Finding]:
        sizes = ", ".join(f"{count(sum(row.values()))} {name}" for name, row in self.parts.items())
        test = self.parts["test"]
        sentence = f"The data come in parts ({sizes} events), and the split makes its own: it trains on "
        return [PARTS_IGNORED("note", f"{sentence}{count(test['train'])} of {count(sum(test.values()))} test events.")]

    def table(self) -> Table:
        rows = [[name, *map(count, row.values())] for name, row in self.parts.items()]
        return Table(["published", *PARTS], rows, "events, by the part that the split gives them")


def published(subject: Subject) -> Published | None:
    """Compare both divisions; None where there is one, or the split is the publisher's."""
    theirs = subject.events.part
    if theirs is None or subject.reads_parts:
        return None
    both = torch.bincount(theirs.long() * len(PARTS) + subject.part.long(), minlength=len(PARTS) ** 2)
    table = both.view(len(PARTS), len(PARTS)).tolist()
    return Published(
        {name: {ours: table[part][own] for ours, own in PARTS.items()} for name, part in PUBLISHED.items()}
    )
