"""MovieLens, as GroupLens publishes it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, final

import polars as pl

from ssrec.data.download import Publication, Remote, locate
from ssrec.data.layout import first, read_table
from ssrec.data.source import Source, Tables
from ssrec.errors import DataError

FILES = ("u.data", "u.item", "u.genre")
ML_100K = Publication(
    folder="ml-100k",
    files=FILES,
    remotes=(
        Remote(
            url="https://files.grouplens.org/datasets/movielens/ml-100k.zip",
            checksum="md5:0e33842e24a9c977be4e0107933c0723",
            files=FILES,
        ),
    ),
    licence="MovieLens 100K is GroupLens' (Harper and Konstan, ACM TiiS 2015): for research; no redistribution and no "
    "commercial use without their permission. The terms are in its README at grouplens.org/datasets/movielens/100k.",
)
RATINGS, MOVIES, GENRES = 100_000, 1_682, 19


@final
@dataclass(frozen=True, kw_only=True)
class MovieLens100K(Source):
    """943 users, 1,682 movies, 100,000 ratings with seconds, titles and genres.

    Every rating counts as an event; with `min_rating` only those at least as high do (stars, 1 to 5).
    """

    root: str | None = None
    download: bool = True
    min_rating: float | None = None

    name: ClassVar[str] = "ml-100k"
    offers: ClassVar[frozenset[str]] = frozenset({"times", "attributes", "title"})

    @property
    def settings(self) -> Mapping[str, object]:
        return {"min_rating": self.min_rating}

    def files(self, raw: Path) -> list[Path]:
        return locate(ML_100K, root=self.root, download=self.download, raw=raw)

    def read(self, files: Sequence[Path]) -> Tables:
        data, item, genre = files
        ratings = _ratings(data)
        kept = ratings if self.min_rating is None else ratings.filter(pl.col("rating") >= self.min_rating)
        removed = {
            "ratings below min_rating": len(ratings) - len(kept),
            "users without an event": ratings["user"].n_unique() - kept["user"].n_unique(),
        }
        return Tables(kept.select("user", "item", "time"), _movies(item, genre), removed)


def _ratings(path: Path) -> pl.DataFrame:
    columns = {"user": int, "item": int, "rating": int, "time": int}
    ratings = read_table(path, columns, separator="\t", rows=RATINGS)
    if (k := first(~ratings["rating"].is_between(1, 5))) is not None:
        raise DataError(f"{path}, line {k + 1}, column 3: a rating is 1 to 5, not {ratings['rating'][k]}")
    return ratings


def _movies(path: Path, genre: Path) -> pl.DataFrame:
    """Item, title, and the genres whose flags are set."""
    genres = read_table(genre, {"genre": str, "number": int}, separator="|", rows=GENRES)["genre"].to_list()
    columns = {"item": int, "title": str, "release": str, "video": str, "url": str, **dict.fromkeys(genres, int)}
    movies = read_table(path, columns, separator="|", rows=MOVIES, encoding="latin-1")
    named = [pl.when(pl.col(g) == 1).then(pl.lit(g)) for g in genres]
    return movies.select("item", "title", pl.concat_list(named).list.drop_nulls().alias("attributes"))
