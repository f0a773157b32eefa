"""Amazon Beauty 5-core (McAuley et al., SIGIR 2015) in the order of the S3-Rec authors (Zhou et al., CIKM 2020).

Order inside a day is no order of events there: most neighbours that share a day stand in ascending product id.
`AmazonBeautyDays` has the days, and can shuffle what shares one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, final

import polars as pl
import torch

from ssrec.data.download import Publication, Remote, locate
from ssrec.data.layout import check_count, first, not_integer, read_json_lists, read_lines, read_table
from ssrec.data.source import Source, Tables
from ssrec.errors import CompositionError, DataError

S3REC = "https://raw.githubusercontent.com/RUCAIBox/CIKM2020-S3Rec/master/data/"
LICENCE = "Amazon's review data come without a licence: do not redistribute them."
ATTRIBUTES = "Beauty_item2attributes.json"
USERS, ITEMS, EVENTS = 22_363, 12_101, 198_502

BEAUTY = Publication(
    folder="amazon-beauty",
    files=("Beauty.txt", ATTRIBUTES),
    remotes=(
        Remote(
            url=S3REC + "Beauty.txt",
            checksum="sha256:226cce9c3105299ca0db9615d7d3fb32b3175e90da43100ae352599f0f0107b8",
            files=("Beauty.txt",),
        ),
        Remote(
            url=S3REC + ATTRIBUTES,
            checksum="sha256:129e40f67486f6877eff0f5318cfa8530ee8ac23d8b0d1de04e1bb7a2ba0b2d4",
            files=(ATTRIBUTES,),
        ),
    ),
    licence=LICENCE,
)
BEAUTY_DAYS = Publication(folder="amazon-beauty", files=("interactions.tsv", "items.tsv", ATTRIBUTES), licence=LICENCE)


@final
@dataclass(frozen=True, kw_only=True)
class AmazonBeauty(Source):
    """22,363 users, 12,101 products, 198,502 reviews in file order, without times; attributes, their names unknown."""

    root: str | None = None
    download: bool = True

    name: ClassVar[str] = "amazon-beauty"
    offers: ClassVar[frozenset[str]] = frozenset({"attributes"})

    @property
    def settings(self) -> Mapping[str, object]:
        return {}

    def files(self, raw: Path) -> list[Path]:
        return locate(BEAUTY, root=self.root, download=self.download, raw=raw)

    def read(self, files: Sequence[Path]) -> Tables:
        sequences, attributes = files
        return Tables(_sequences(sequences), _attributes(attributes))


@final
@dataclass(frozen=True, kw_only=True)
class AmazonBeautyDays(Source):
    """The same reviews with the day of each (seconds since 1970), titles and attributes.

    `ties` is the order of a user's events that share a day: that of the `file`, or `shuffled` by `ties_seed`.
    """

    root: str | None = None
    ties: str = "file"
    ties_seed: int = 0

    name: ClassVar[str] = "amazon-beauty-days"
    offers: ClassVar[frozenset[str]] = frozenset({"times", "attributes", "title"})

    def __post_init__(self) -> None:
        if self.ties not in ("file", "shuffled"):
            raise CompositionError(f"dataset.ties={self.ties}: choose file or shuffled")

    @property
    def settings(self) -> Mapping[str, object]:
        return {"ties": self.ties, "ties_seed": self.ties_seed if self.ties == "shuffled" else None}

    def files(self, raw: Path) -> list[Path]:
        return locate(BEAUTY_DAYS, root=self.root, download=False, raw=raw)

    def read(self, files: Sequence[Path]) -> Tables:
        events, items, attributes = files
        columns = {"user": int, "item": int, "timestamp": int}
        interactions = read_table(events, columns, separator="\t", rows=EVENTS, header=True)
        interactions = interactions.rename({"timestamp": "time"})
        if self.ties == "shuffled":
            order = torch.randperm(len(interactions), generator=torch.Generator().manual_seed(self.ties_seed))
            interactions = interactions[order.tolist()]  # the canonical sort is stable, so only ties keep this order
        titles = read_table(items, {"item": int, "asin": str, "title": str}, separator="\t", rows=ITEMS, header=True)
        table = titles.select("item", "title").join(_attributes(attributes), on="item", how="left", validate="1:1")
        return Tables(interactions, table.sort("item"))


def _sequences(path: Path) -> pl.DataFrame:
    """Lines `user item item ...`, a user's events in order."""
    lines = read_lines(path)
    fields = pl.Series(lines).str.split(" ")
    if (k := first(fields.list.len() < 2)) is not None:
        raise DataError(f"{path}, line {k + 1}: a user and at least one item belong here: {lines[k]!r}")
    text = pl.DataFrame({"line": range(len(lines)), "user": fields.list.first(), "item": fields.list.slice(1)})
    text = text.explode("item")
    numbers = text.with_columns(pl.col("user", "item").cast(pl.Int64, strict=False))
    if (k := first(numbers["user"].is_null() | numbers["item"].is_null())) is not None:
        line = text["line"][k]
        row = fields[line]
        column = first(row.cast(pl.Int64, strict=False).is_null()) or 0
        raise not_integer(path, line + 1, column + 1, row[column], lines[line])
    check_count(path, len(lines), USERS, "users")
    check_count(path, len(numbers), EVENTS, "events")
    return numbers.select("user", "item")


def _attributes(path: Path) -> pl.DataFrame:
    lists = read_json_lists(path)
    check_count(path, len(lists), ITEMS, "items")
    return pl.DataFrame({"item": list(lists), "attributes": list(lists.values())})
