"""`Section`: one question of the audit. It keeps what was measured, judges it, and says how to show it."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

Grade = Literal["note", "warning", "grave"]
GRADES: tuple[Grade, ...] = get_args(Grade)


@dataclass(frozen=True)
class Finding:
    """One thing to know.

    Attributes:
        id: Its name, the same in every audit.
        grade: note (know it), warning (it moves numbers), grave (numbers mean something else than they seem to).
        sentence: What was found, with the number.
        meaning: What follows for results.
        advice: What to do.
        pitfall: What goes unnoticed without it.
    """

    id: str
    grade: Grade
    sentence: str
    meaning: str
    advice: str
    pitfall: str


@dataclass(frozen=True)
class Table:
    """Cells as text, the first column a name; `note` says what the others are."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""


@dataclass(frozen=True)
class Bars:
    """A bar for each label in each series; `mark` is a value to compare with, `top` the end of the axis."""

    title: str
    labels: Sequence[str]
    series: Mapping[str, Sequence[int | float]]
    mark: float | None = None
    top: float | None = None


@dataclass(frozen=True)
class Lines:
    """A line for each series over the same `x`; `ends` name the ends of the axis of x."""

    title: str
    x: Sequence[int | float]
    series: Mapping[str, Sequence[int | float]]
    ends: tuple[str, str]


class Section(ABC):
    """What one question measured, as the fields of a dataclass of plain values."""

    title: ClassVar[str]

    @abstractmethod
    def findings(self) -> list[Finding]:
        """What is worth saying, by the limits in `thresholds`."""

    @abstractmethod
    def table(self) -> Table:
        """The measured values for reading."""

    def figures(self) -> Sequence[Bars | Lines]:
        """Plots for the page in HTML."""
        return []
