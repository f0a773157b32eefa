"""Files that the repositories of sequential recommenders ship: a user's events in order, without times."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, final

import polars as pl

from ssrec.data.files.delimited import read_table
from ssrec.data.files.json_files import read_json_lists
from ssrec.data.files.layout import BadRows, Kind
from ssrec.data.files.places import in_json, in_sequences, in_text
from ssrec.data.files.refused import Origin
from ssrec.data.files.sequences import read_sequences
from ssrec.data.source import Source, Tables
from ssrec.data.sources.content import covering
from ssrec.data.sources.named import check_name, named_file


@final
@dataclass(frozen=True, kw_only=True)
class SASRecFile(Source):
    """Rows `user item`, a user's in order (Kang and McAuley, ICDM 2018)."""

    path: str
    name: str = "sasrec-file"  # type: ignore[override]

    offers: ClassVar[frozenset[str]] = frozenset()

    def __post_init__(self) -> None:
        check_name(self.name)

    @property
    def settings(self) -> Mapping[str, object]:
        return {}

    def files(self, raw: Path) -> list[Path]:
        return [named_file("dataset.path", self.path)]

    def read(self, files: Sequence[Path], bad: BadRows) -> Tables:
        columns: Mapping[str, Kind] = {"user": int, "item": int}
        place = in_text(Origin(files[0], separator=" ", names=[*columns]), bad)
        return Tables(read_table(files[0], columns, separator=" ", bad=bad), places={"interactions": place})


@final
@dataclass(frozen=True, kw_only=True)
class S3RecFile(Source):
    """Rows `user item item ...` and, in a JSON object, lists of the items' attributes (Zhou et al., CIKM 2020).

    The catalogue is that of the attributes, and the items of the events that it lacks.
    """

    path: str
    attributes: str | None = None
    name: str = "s3rec-file"  # type: ignore[override]

    def __post_init__(self) -> None:
        check_name(self.name)

    @property
    def offers(self) -> frozenset[str]:  # type: ignore[override]
        return frozenset({"attributes"} if self.attributes else ())

    @property
    def settings(self) -> Mapping[str, object]:
        return {"attributes": self.attributes is not None}

    def files(self, raw: Path) -> list[Path]:
        attributes = [named_file("dataset.attributes", self.attributes)] if self.attributes else []
        return [named_file("dataset.path", self.path), *attributes]

    def read(self, files: Sequence[Path], bad: BadRows) -> Tables:
        events, places = read_sequences(files[0], bad=bad), {"interactions": in_sequences(files[0], bad)}
        if not self.attributes:
            return Tables(events, places=places)
        lists = read_json_lists(files[1])
        schema = {"item": pl.Int64, "attributes": pl.List(pl.String)}
        items = pl.DataFrame({"item": list(lists), "attributes": list(lists.values())}, schema=schema)
        return Tables(events, covering(items, events), places=places | {"items": in_json(files[1], items["item"])})
