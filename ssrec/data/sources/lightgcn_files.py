"""Folders with train.txt and test.txt of lines `user item item ...`, as the repositories of graph models ship them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, final

import polars as pl

from ssrec.data.files.download import Publication, Remote, locate
from ssrec.data.files.layout import BadRows, check_count
from ssrec.data.files.places import in_sequences, one_after_the_other
from ssrec.data.files.sequences import read_sequences
from ssrec.data.source import Source, Tables
from ssrec.data.sources.named import check_name, check_without_history

PARTS = ("train", "test")
LICENCE = "The files come from the repository of LightGCN (He et al., SIGIR 2020), for research."


@final
@dataclass(frozen=True, kw_only=True)
class LightGCNFiles(Source):
    """A given split without order or times (He et al., SIGIR 2020); a user may have no items in a part.

    `url` is a folder from which both files can be fetched; `train_events` and `test_events` are published counts.
    Users of test.txt of whom train.txt has no item are an error, or stay (`without_history=keep`) with an empty past.
    """

    root: str | None = None
    download: bool = True
    name: str = "lightgcn-files"  # type: ignore[override]
    url: str | None = None
    train_events: int | None = None
    test_events: int | None = None
    without_history: str = "error"

    offers: ClassVar[frozenset[str]] = frozenset({"parts"})

    def __post_init__(self) -> None:
        check_name(self.name)
        check_without_history(self.without_history)

    @property
    def settings(self) -> Mapping[str, object]:
        return {"without_history": self.without_history}

    def files(self, raw: Path) -> list[Path]:
        files = tuple(f"{part}.txt" for part in PARTS)
        remotes = tuple(Remote(f"{self.url}/{file}", None, (file,)) for file in files) if self.url else ()
        published = Publication(self.name, files, LICENCE, remotes)
        return locate(published, root=self.root, download=self.download, raw=raw)

    def read(self, files: Sequence[Path], bad: BadRows) -> Tables:
        events, places = [], []
        for part, file, count in zip(PARTS, files, (self.train_events, self.test_events), strict=True):
            pairs = read_sequences(file, empty=True, bad=bad)
            if count is not None:
                check_count(file, len(pairs), count, "events")
            events.append(pairs.with_columns(part=pl.lit(part)))
            places.append((len(pairs), in_sequences(file, bad)))
        place = one_after_the_other(places)
        return Tables(pl.concat(events), places={"interactions": place}, without_history=self.without_history)
