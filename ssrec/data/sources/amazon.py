"""Amazon Beauty 5-core (McAuley et al., SIGIR 2015) in the order of the S3-Rec authors (Zhou et al., CIKM 2020).

Order inside a day is no order of events there: most neighbours that share a day stand in ascending product id.
`AmazonBeautyDays` has the days; clean.ties says what becomes of the order inside one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, final

import polars as pl

from ssrec.data.files.delimited import read_table
from ssrec.data.files.download import Publication, Remote, locate
from ssrec.data.files.json_files import read_json_lists
from ssrec.data.files.layout import BadRows, check_count
from ssrec.data.files.places import in_json, in_sequences, in_text, taken
from ssrec.data.files.refused import Origin
from ssrec.data.files.sequences import read_sequences
from ssrec.data.source import Source, Tables

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

    def read(self, files: Sequence[Path], bad: BadRows) -> Tables:
        sequences, attributes = files
        interactions = read_sequences(sequences, rows=USERS, bad=bad)
        if bad.mode == "error":
            check_count(sequences, len(interactions), EVENTS, "events")
        items = _attributes(attributes)
        places = {"interactions": in_sequences(sequences, bad), "items": in_json(attributes, items["item"])}
        return Tables(interactions, items, places=places)


@final
@dataclass(frozen=True, kw_only=True)
class AmazonBeautyDays(Source):
    """The same reviews with the day of each (seconds since 1970), Amazon's product ids, titles and attributes."""

    root: str | None = None

    name: ClassVar[str] = "amazon-beauty-days"
    offers: ClassVar[frozenset[str]] = frozenset({"times", "attributes", "asin", "title"})

    @property
    def settings(self) -> Mapping[str, object]:
        return {}

    def files(self, raw: Path) -> list[Path]:
        return locate(BEAUTY_DAYS, root=self.root, download=False, raw=raw)

    def read(self, files: Sequence[Path], bad: BadRows) -> Tables:
        events, items, attributes = files
        columns = {"user": int, "item": int, "timestamp": int}
        interactions = read_table(events, columns, separator="\t", rows=EVENTS, header=True, bad=bad)
        columns = {"item": int, "asin": str, "title": str}
        products = read_table(items, columns, separator="\t", rows=ITEMS, header=True, bad=bad)
        table = products.with_row_index("row").join(_attributes(attributes), on="item", how="left").sort("item")
        told = (Origin(file, header=True, separator="\t") for file in (events, items))
        in_events, in_items = (in_text(origin, bad, {"time": "timestamp"}) for origin in told)
        places = {"interactions": in_events, "items": taken(lambda: table["row"], in_items)}
        return Tables(interactions.rename({"timestamp": "time"}), table.drop("row"), places=places)


def _attributes(path: Path) -> pl.DataFrame:
    lists = read_json_lists(path)
    check_count(path, len(lists), ITEMS, "items")
    schema = {"item": pl.Int64, "attributes": pl.List(pl.String)}
    return pl.DataFrame({"item": list(lists), "attributes": list(lists.values())}, schema=schema)
