"""Reviews of Amazon's products by category, in the collections of 2014 and 2018.

2014: McAuley, Targett, Shi, van den Hengel, SIGIR 2015; He and McAuley, WWW 2016. 2018: Ni, Li, McAuley, EMNLP 2019.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, final

import polars as pl

from ssrec.data.files.download import Publication, Remote, locate
from ssrec.data.files.json_lines import read_json_lines
from ssrec.data.files.layout import BadRows
from ssrec.data.files.places import Place, in_text
from ssrec.data.files.refused import Origin
from ssrec.data.source import Source, Tables
from ssrec.data.sources.amazon_products import CONTENT, catalogue, is_literal, products_2014, products_2018
from ssrec.errors import CompositionError

LICENCE = "Amazon's review data come without a licence: do not redistribute them."
EVENTS = frozenset({"times", "weights"})
NAMES = {"user": "reviewerID", "item": "asin", "time": "unixReviewTime", "weight": "overall"}
REVIEWS_2014 = {  # of the 5-core files, as published
    "Amazon_Instant_Video": 37_126,
    "Apps_for_Android": 752_937,
    "Automotive": 20_473,
    "Baby": 160_792,
    "Beauty": 198_502,
    "Books": 8_898_041,
    "CDs_and_Vinyl": 1_097_592,
    "Cell_Phones_and_Accessories": 194_439,
    "Clothing_Shoes_and_Jewelry": 278_677,
    "Digital_Music": 64_706,
    "Electronics": 1_689_188,
    "Grocery_and_Gourmet_Food": 151_254,
    "Health_and_Personal_Care": 346_355,
    "Home_and_Kitchen": 551_682,
    "Kindle_Store": 982_619,
    "Movies_and_TV": 1_697_533,
    "Musical_Instruments": 10_261,
    "Office_Products": 53_258,
    "Patio_Lawn_and_Garden": 13_272,
    "Pet_Supplies": 157_836,
    "Sports_and_Outdoors": 296_337,
    "Tools_and_Home_Improvement": 134_476,
    "Toys_and_Games": 167_597,
    "Video_Games": 231_780,
}


@dataclass(frozen=True)
class Collection:
    """Where a year's files are published, how they are called, and how its metadata are laid out."""

    reviews: str
    metadata: str
    products: Callable[[Path, BadRows], pl.DataFrame]
    counts: Mapping[str, int]


_SNAP = "https://snap.stanford.edu/data/amazon/productGraph/categoryFiles/"
_UCSD = "https://datarepo.eng.ucsd.edu/mcauley_group/data/amazon_v2/"
COLLECTIONS = {
    2014: Collection(_SNAP + "reviews_{}_5.json.gz", _SNAP + "meta_{}.json.gz", products_2014, REVIEWS_2014),
    2018: Collection(
        _UCSD + "categoryFilesSmall/{}_5.json.gz", _UCSD + "metaFiles2/meta_{}.json.gz", products_2018, {}
    ),
}


@final
@dataclass(frozen=True, kw_only=True)
class Amazon5Core(Source):
    """The reviews of one category whose users and products have at least five, with seconds and stars.

    With `metadata` the products have content. `year` is 2014 or 2018; the files of 2018 hold some reviews twice (see
    clean.duplicates), and those of 2014 know days only, in seconds.
    """

    year: int
    category: str
    metadata: bool = True
    root: str | None = None
    download: bool = True

    def __post_init__(self) -> None:
        if self.year not in COLLECTIONS:
            raise CompositionError(f"dataset.year={self.year}: choose 2014 or 2018")
        check_category(self.category)

    @property
    def name(self) -> str:  # type: ignore[override]
        return named(self.year, self.category)

    @property
    def offers(self) -> frozenset[str]:  # type: ignore[override]
        return EVENTS | CONTENT if self.metadata else EVENTS

    @property
    def settings(self) -> Mapping[str, object]:
        return {"metadata": self.metadata}

    def files(self, raw: Path) -> list[Path]:
        collection = COLLECTIONS[self.year]
        urls = [collection.reviews.format(self.category)]
        urls += [collection.metadata.format(self.category)] * self.metadata
        remotes = tuple(Remote(url, None, (url.rpartition("/")[2],)) for url in urls)
        names = tuple(remote.files[0] for remote in remotes)
        publication = Publication(f"amazon-{self.year}", names, LICENCE, remotes)
        return locate(publication, root=self.root, download=self.download, raw=raw)

    def read(self, files: Sequence[Path], bad: BadRows) -> Tables:
        collection = COLLECTIONS[self.year]
        reviews = _reviews(files[0], collection.counts.get(self.category), bad)
        items, removed = catalogue(collection.products(files[1], bad), reviews) if self.metadata else (None, {})
        return Tables(reviews, items, removed=removed, places={"interactions": _place(files[0], bad)})


@final
@dataclass(frozen=True, kw_only=True)
class AmazonInstruments(Source):
    """Musical instruments of 2014: 1,429 users, 900 products, 10,261 reviews with days and stars; no metadata."""

    root: str | None = None
    download: bool = True

    name: ClassVar[str] = "amazon-instruments"
    offers: ClassVar[frozenset[str]] = EVENTS

    @property
    def settings(self) -> Mapping[str, object]:
        return {}

    def files(self, raw: Path) -> list[Path]:
        file = "Musical_Instruments_5.json"
        remote = Remote(COLLECTIONS[2014].reviews.format("Musical_Instruments"), None, (file + ".gz",))
        publication = Publication(self.name, (file,), LICENCE, (remote,))
        return locate(publication, root=self.root, download=self.download, raw=raw)

    def read(self, files: Sequence[Path], bad: BadRows) -> Tables:
        reviews = _reviews(files[0], REVIEWS_2014["Musical_Instruments"], bad)
        return Tables(reviews, places={"interactions": _place(files[0], bad)})


def check_category(category: str) -> None:
    """A category is part of the names of files, as in Musical_Instruments.

    Raises:
        CompositionError: it has other characters.
    """
    if not re.fullmatch(r"\w+", category, re.ASCII):
        raise CompositionError(f"dataset.category={category}: say it as in the files' names, as Musical_Instruments")


def named(year: int, category: str) -> str:
    """The name of a dataset."""
    return f"amazon-{year}-{category.lower().replace('_', '-')}"


def _reviews(path: Path, rows: int | None, bad: BadRows) -> pl.DataFrame:
    """Lines with reviewerID, asin, overall (stars), unixReviewTime (seconds). The texts are not read."""
    columns = dict(zip(NAMES.values(), (str, str, int, float), strict=True))
    reviews = read_json_lines(path, columns, literal=is_literal(path), rows=rows, bad=bad)
    return reviews.rename({theirs: name for name, theirs in NAMES.items()})


def _place(path: Path, bad: BadRows) -> Place:
    return in_text(Origin(path), bad, NAMES)
