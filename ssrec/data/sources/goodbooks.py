"""Goodbooks-10k (Zajac, 2017): ratings of the ten thousand most rated books of Goodreads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, final

import polars as pl

from ssrec.data.files.delimited import read_table
from ssrec.data.files.download import Publication, Remote, locate
from ssrec.data.files.layout import BadRows, Kind
from ssrec.data.files.places import in_text
from ssrec.data.files.refused import Origin
from ssrec.data.source import Source, Tables
from ssrec.data.sources.content import one, several
from ssrec.errors import CompositionError

FILES = ("ratings.csv", "books.csv", "book_tags.csv", "tags.csv")
URL = "https://raw.githubusercontent.com/zygmuntz/goodbooks-10k/master/"
CHECKSUMS = {
    "books.csv": "sha256:4d21d0e0433128657c752e3a3d0405ac0ec11675d6c70c64cb0abf4ab1acb76a",
    "tags.csv": "sha256:87f316957564fa21c316a4f50afc87f07906f478f990eec027aaca00c536c449",
}
GOODBOOKS = Publication(
    folder="goodbooks-10k",
    files=FILES,
    remotes=tuple(Remote(URL + file, CHECKSUMS.get(file), (file,)) for file in FILES),
    licence="Goodbooks-10k is under CC BY-SA 4.0 (github.com/zygmuntz/goodbooks-10k).",
)
RATINGS, BOOKS, GIVEN, TAGS = 5_976_479, 10_000, 999_912, 34_252
CONTENT: Mapping[str, str] = {  # column of books.csv -> ours
    "title": "title",
    "authors": "authors",
    "language_code": "language",
    "original_publication_year": "year",
    "image_url": "image_url",
}


@final
@dataclass(frozen=True, kw_only=True)
class Goodbooks(Source):
    """53,424 users, 10,000 books, 5,976,479 ratings (1 to 5), sorted by time and without times.

    A book's attributes are its shelves, those of most readers first, at most `max_tags` of them. Its average rating
    and its number of ratings are left out: they count the ratings that are to be predicted.
    """

    root: str | None = None
    download: bool = True
    max_tags: int | None = None

    name: ClassVar[str] = "goodbooks-10k"
    offers: ClassVar[frozenset[str]] = frozenset({"weights", "attributes", *CONTENT.values()})

    def __post_init__(self) -> None:
        if self.max_tags is not None and self.max_tags < 1:
            raise CompositionError(f"dataset.max_tags={self.max_tags}: at least 1, or null for all")

    @property
    def settings(self) -> Mapping[str, object]:
        return {"max_tags": self.max_tags}

    def files(self, raw: Path) -> list[Path]:
        return locate(GOODBOOKS, root=self.root, download=self.download, raw=raw)

    def read(self, files: Sequence[Path], bad: BadRows) -> Tables:
        ratings, books, given, tags = files
        events = _csv(
            ratings, {"user_id": int, "book_id": int, "rating": float}, RATINGS, bad, ranges={"rating": (1.0, 5.0)}
        )
        content: dict[str, Kind] = {**dict.fromkeys(CONTENT, str), "original_publication_year": float}
        table = _csv(books, {"book_id": int, "goodreads_book_id": int, **content}, BOOKS, bad, optional=content)
        table = table.rename({"book_id": "item", **CONTENT})
        shelves = _shelves(given, tags, self.max_tags, bad)
        table = table.join(shelves, on="goodreads_book_id", how="left", maintain_order="left").drop("goodreads_book_id")
        table = table.with_columns(
            several("authors", ","),
            one("language"),
            pl.col("attributes").fill_null(pl.lit([], dtype=pl.List(pl.String))),
        )
        ours = {"user": "user_id", "item": "book_id", "weight": "rating"}
        origins = (Origin(file, header=True, separator=",", quote='"') for file in (ratings, books))
        in_ratings, in_books = (in_text(origin, bad, ours) for origin in origins)
        places = {"interactions": in_ratings, "items": in_books}
        return Tables(events.rename({theirs: name for name, theirs in ours.items()}), table, places=places)


def _shelves(given: Path, tags: Path, most: int | None, bad: BadRows) -> pl.DataFrame:
    """The names of each book's shelves, by falling count; the file is sorted so."""
    pairs = _csv(given, {"goodreads_book_id": int, "tag_id": int, "count": int}, GIVEN, bad)
    words = _csv(tags, {"tag_id": int, "tag_name": str}, TAGS, bad)
    named = pairs.join(words, on="tag_id", maintain_order="left").unique(
        ["goodreads_book_id", "tag_name"], keep="first", maintain_order=True
    )
    named = named.sort("count", descending=True, maintain_order=True)
    lists = named.group_by("goodreads_book_id", maintain_order=True)
    names = pl.col("tag_name") if most is None else pl.col("tag_name").head(most)
    return lists.agg(names.alias("attributes"))


def _csv(path: Path, columns: Mapping[str, Kind], rows: int, bad: BadRows, **promises) -> pl.DataFrame:
    return read_table(path, columns, separator=",", header=True, quote='"', rows=rows, bad=bad, **promises)
