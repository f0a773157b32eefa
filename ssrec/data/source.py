"""`Source`: where a dataset comes from, and how its raw files become two tables."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import polars as pl


@dataclass(frozen=True)
class Tables:
    """A dataset as read: ids are the publisher's, rows are in the order of the file.

    `interactions` has user, item and, where known, time (Int64); `items` lists the catalogue: item and, where known,
    title (text) and attributes (lists of names). `removed` counts what reading left out, by reason.
    """

    interactions: pl.DataFrame
    items: pl.DataFrame
    removed: Mapping[str, int] = field(default_factory=dict)


class Source(ABC):
    """A dataset. Constructing one checks its settings and touches no file."""

    name: ClassVar[str]
    offers: ClassVar[frozenset[str]]  # of times, attributes, title: known before any data is read

    @property
    @abstractmethod
    def settings(self) -> Mapping[str, object]:
        """What the tables depend on besides the raw files. Where the files lie is not part of it."""

    @abstractmethod
    def files(self, raw: Path) -> list[Path]:
        """The raw files; what is downloaded goes to a folder inside `raw`.

        Raises:
            DataError: a file is nowhere to be found.
        """

    @abstractmethod
    def read(self, files: Sequence[Path]) -> Tables:
        """Read what `files` returned.

        Raises:
            DataError: a file is not laid out as its publisher lays it out, or is cut short.
        """
