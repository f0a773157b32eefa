"""`Source`: where a dataset comes from, and how its raw files become tables."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import polars as pl

from ssrec.data.files.layout import BadRows
from ssrec.data.files.places import Place


@dataclass(frozen=True)
class Tables:
    """A dataset as read: ids are the publisher's (integers or text), rows are in the order of the file.

    `interactions` has user and item and, where known, time (Int64, seconds since 1970 UTC), nanosecond (Int32, of that
    second, by which events are ordered), weight (Float64: a rating, or a number of plays) and part (String: train, val
    or test, where the publisher gives a split). It may be lazy.
    `items` has item and content columns; without it the catalogue is the items of the events. `users` has user and
    content columns. A content column's dtype says its kind: String is text, List(String) attributes, Int and Float
    numbers, Array(Float32, n) vectors. `removed` counts what reading left out, by reason. `places` say where rows of
    "interactions", "items" and "users" stand, for messages. `without_history` says whether users with held-out parts
    and no training part are an "error" for who reads parts, or stay ("keep").
    """

    interactions: pl.DataFrame | pl.LazyFrame
    items: pl.DataFrame | None = None
    users: pl.DataFrame | None = None
    removed: Mapping[str, int] = field(default_factory=dict)
    places: Mapping[str, Place] = field(default_factory=dict)
    without_history: str = "error"


class Source(ABC):
    """A dataset. Constructing one checks its settings (CompositionError) and touches no file.

    `name` names folders and results. `offers` is known before data is read: of "times", "weights", "parts", the
    content columns of the items, and "user.<column>" for those of the users; a property where settings decide.
    """

    name: ClassVar[str]
    offers: ClassVar[frozenset[str]]

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
    def read(self, files: Sequence[Path], bad: BadRows) -> Tables:
        """Read what `files` returned; rows that break their layout go to `bad`.

        Raises:
            DataError: a file is not laid out as its publisher lays it out, or is cut short.
        """
