"""Reviews of Amazon's products by category, in the collection of 2023 (Hou et al., arXiv 2403.03952, 2024)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

import polars as pl

from ssrec.data.files.delimited import read_table
from ssrec.data.files.download import Publication, Remote, locate
from ssrec.data.files.instants import instants, with_instants
from ssrec.data.files.json_lines import read_json_lines
from ssrec.data.files.layout import BadRows
from ssrec.data.files.places import in_text, one_after_the_other
from ssrec.data.files.refused import Origin
from ssrec.data.source import Source, Tables
from ssrec.data.sources.amazon_products import CONTENT, catalogue, products_2023
from ssrec.data.sources.amazon_reviews import EVENTS, LICENCE, check_category, named
from ssrec.data.sources.table_reading import concatenated
from ssrec.errors import CompositionError

URL = "https://mcauleylab.ucsd.edu/public_datasets/data/amazon_2023/"
LAYOUTS = ("reviews", "ratings", "last_out", "timestamp")
CORES = (0, 5)
PARTS = {"train": "train", "valid": "val", "test": "test"}
NAMES = {"user": "user_id", "item": "parent_asin", "time": "timestamp", "weight": "rating"}


@final
@dataclass(frozen=True, kw_only=True)
class Amazon2023(Source):
    """Reviews of one category with seconds (published in thousandths) and stars; an item is a parent_asin.

    `layout` is `reviews` (all, as JSON lines), `ratings` (csv), or a split that its authors give: `last_out` (a user's
    last is test, the one before val) or `timestamp` (by two points in time), whose rows may have the history that
    others of its rows tell, too. In the csv files every user and product has at least `core` (0 or 5) reviews, and
    repeated ones are gone; `reviews` knows no core. With `metadata` the products have content.
    """

    category: str
    layout: str = "ratings"
    core: int = 5
    metadata: bool = True
    root: str | None = None
    download: bool = True

    def __post_init__(self) -> None:
        check_category(self.category)
        if self.layout not in LAYOUTS:
            raise CompositionError(f"dataset.layout={self.layout}: choose one of {', '.join(LAYOUTS)}")
        if self.core not in CORES:
            raise CompositionError(f"dataset.core={self.core}: 0 and 5 are published")

    @property
    def name(self) -> str:  # type: ignore[override]
        return named(2023, self.category)

    @property
    def offers(self) -> frozenset[str]:  # type: ignore[override]
        parts = {"parts"} if self.layout in ("last_out", "timestamp") else set()
        return EVENTS | parts | (CONTENT if self.metadata else frozenset())

    @property
    def settings(self) -> Mapping[str, object]:
        core = None if self.layout == "reviews" else self.core
        return {"layout": self.layout, "core": core, "metadata": self.metadata}

    def files(self, raw: Path) -> list[Path]:
        folder = f"benchmark/{self.core}core"
        names = {
            "reviews": [f"raw/review_categories/{self.category}.jsonl.gz"],
            "ratings": [f"{folder}/rating_only/{self.category}.csv.gz"],
        }.get(self.layout, [f"{folder}/{self.layout}/{self.category}.{part}.csv.gz" for part in PARTS])
        names += [f"raw/meta_categories/meta_{self.category}.jsonl.gz"] * self.metadata
        remotes = tuple(Remote(URL + name, None, (name,)) for name in names)
        publication = Publication("amazon-2023", tuple(names), LICENCE, remotes)
        return locate(publication, root=self.root, download=self.download, raw=raw)

    def read(self, files: Sequence[Path], bad: BadRows) -> Tables:
        rated = files[: len(files) - self.metadata]
        origins = [_origin(file, self.layout) for file in rated]
        tables = [_reviews(origin, bad) for origin in origins]
        places = [(len(table), in_text(origin, bad, NAMES)) for table, origin in zip(tables, origins, strict=True)]
        if self.layout in ("last_out", "timestamp"):
            given = zip(tables, PARTS.values(), strict=True)
            tables = [table.with_columns(part=pl.lit(part)) for table, part in given]
        reviews = concatenated(tables, ())
        items, removed = catalogue(products_2023(files[-1], bad), reviews) if self.metadata else (None, {})
        return Tables(reviews, items, removed=removed, places={"interactions": one_after_the_other(places)})


def _origin(path: Path, layout: str) -> Origin:
    return Origin(path) if layout == "reviews" else Origin(path, header=True, separator=",", quote='"')


def _reviews(origin: Origin, bad: BadRows) -> pl.DataFrame:
    path, columns = origin.path, dict(zip(NAMES.values(), (str, str, int, float), strict=True))
    if origin.separator is None:
        reviews = read_json_lines(path, columns, bad=bad)
    else:
        ends = path.suffix != ".gz"  # a gzipped file tells by itself whether it is whole
        reviews = read_table(path, columns, separator=",", header=True, quote='"', ends=ends, bad=bad)
    reviews = reviews.rename({theirs: name for name, theirs in NAMES.items()})
    return with_instants(reviews, instants(reviews["time"], "ms"))
