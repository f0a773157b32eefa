"""Check-ins of Gowalla and Brightkite (Cho, Myers and Leskovec, KDD 2011), as SNAP publishes them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar, Literal, final

import polars as pl

from ssrec.data.files.delimited import read_table
from ssrec.data.files.download import Publication, Remote, locate
from ssrec.data.files.layout import BadRows, Mode
from ssrec.data.files.places import in_text, taken
from ssrec.data.files.refused import Origin
from ssrec.data.files.times import with_seconds
from ssrec.data.source import Source, Tables

LICENCE = "The check-ins come from SNAP (snap.stanford.edu), collected by Cho, Myers and Leskovec, for research."
NOWHERE = "0" * 32  # Brightkite's id of a place that was not found
COLUMNS = {"user": int, "time": str, "latitude": float, "longitude": float, "item": int | str}


@final
@dataclass(frozen=True, kw_only=True)
class CheckIns(Source):
    """Users, places with latitude and longitude (degrees), seconds; newest first in the file.

    Rows without a time or a place are left out and counted: Brightkite has some.
    """

    network: Literal["gowalla", "brightkite"]
    root: str | None = None
    download: bool = True

    offers: ClassVar[frozenset[str]] = frozenset({"times", "latitude", "longitude"})

    @property
    def name(self) -> str:  # type: ignore[override]
        return f"{self.network}-checkins"

    @property
    def settings(self) -> Mapping[str, object]:
        return {}

    def files(self, raw: Path) -> list[Path]:
        file = f"loc-{self.network}_totalCheckins.txt.gz"
        remote = Remote(f"https://snap.stanford.edu/data/{file}", None, (file,))
        published = Publication(self.name, (file,), LICENCE, (remote,))
        return locate(published, root=self.root, download=self.download, raw=raw)

    def read(self, files: Sequence[Path], bad: BadRows) -> Tables:
        path = files[0]
        rows = _rows(path, bad)
        known = _known(rows)
        events = known.select("user", "item", "time").reverse()  # so that events of one second stand as they happened
        places = known.group_by("item", maintain_order=True).agg(pl.col("latitude", "longitude").first())
        removed = {"check-ins without a time or a place": len(rows) - len(known)}
        left = partial(_left, path, bad.mode)
        return Tables(
            events, places, removed=removed, places={"interactions": taken(left, in_text(_origin(path), bad))}
        )


def _origin(path: Path) -> Origin:
    return Origin(path, separator="\t", names=[*COLUMNS])


def _rows(path: Path, bad: BadRows) -> pl.DataFrame:
    rows = read_table(path, COLUMNS, separator="\t", optional=set(COLUMNS) - {"user"}, bad=bad)
    return with_seconds(rows, "time", "iso", origin=_origin(path), bad=bad, named="time")


def _known(rows: pl.DataFrame) -> pl.DataFrame:
    nowhere = pl.col("item").is_null() | (pl.col("item").cast(pl.String) == NOWHERE)
    return rows.filter(pl.col("time").is_not_null(), ~nowhere)


def _left(path: Path, mode: Mode) -> pl.Series:
    """The rows that the events are from, in their order; the file is read again."""
    return _known(_rows(path, BadRows(mode)).with_row_index("row"))["row"].reverse()
