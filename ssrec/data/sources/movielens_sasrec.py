"""MovieLens 1M in the order and with the ids of the SASRec authors (Kang and McAuley, ICDM 2018)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

import polars as pl

from ssrec.data.files.delimited import read_table
from ssrec.data.files.download import Publication, Remote, locate
from ssrec.data.files.json_files import misplaced, read_json_object
from ssrec.data.files.layout import BadRows, Kind, check_count
from ssrec.data.files.places import in_text
from ssrec.data.files.refused import Origin
from ssrec.data.source import Source, Tables
from ssrec.data.sources.movielens import LICENCE
from ssrec.data.sources.movielens_files import read_movies, year
from ssrec.errors import DataError

EVENTS, USERS, ITEMS, MOVIES = 999_611, 6_040, 3_416, 3_883
SEQUENCES, MOVIE_TABLE, IDS, ABSTRACTS = "ml-1m.txt", "movies.dat", "sas_to_original_items.txt", "abstracts.json"
REMOTE = Remote(
    url="https://raw.githubusercontent.com/kang205/SASRec/master/data/ml-1m.txt",
    checksum="sha256:b725f3acb3986fe3130bffd1e77a74d182a1f51799567a236dbd60270f95b0a2",
    files=(SEQUENCES,),
)


@final
@dataclass(frozen=True, kw_only=True)
class MovieLensSASRec(Source):
    """6,040 users, 3,416 movies, 999,611 ratings of any height as `user item` in order, without times.

    With `content` the movies have title, genres (attributes) and year from GroupLens' movies.dat and an abstract
    (text; 356 movies have none), found by the published map of ids. The authors numbered the users anew and published
    no map of them, so users.dat does not say who they are and is not read.
    """

    content: bool = True
    root: str | None = None
    download: bool = True

    name = "ml-1m-sasrec"

    @property
    def offers(self) -> frozenset[str]:  # type: ignore[override]
        return frozenset({"title", "attributes", "year", "text"} if self.content else ())

    @property
    def settings(self) -> Mapping[str, object]:
        return {"content": self.content}

    def files(self, raw: Path) -> list[Path]:
        names = (SEQUENCES, MOVIE_TABLE, IDS, ABSTRACTS) if self.content else (SEQUENCES,)
        remotes = () if self.content else (REMOTE,)  # nobody publishes the map and the abstracts for download
        publication = Publication("ml-1m", names, LICENCE.format(name="1M"), remotes)
        return locate(publication, root=self.root, download=self.download, raw=raw)

    def read(self, files: Sequence[Path], bad: BadRows) -> Tables:
        sequences, *content = files
        columns: Mapping[str, Kind] = {"user": int, "item": int}
        events = read_table(sequences, columns, separator=" ", rows=EVENTS, bad=bad)
        check_count(sequences, events["user"].n_unique(), USERS, "users")
        check_count(sequences, events["item"].n_unique(), ITEMS, "items")
        places = {"interactions": in_text(Origin(sequences, separator=" ", names=[*columns]), bad)}
        if not content:
            return Tables(events, places=places)
        places["items"] = in_text(Origin(content[1], separator=" ", names=["item", "movie"]), bad)
        return Tables(events, _items(*content, bad=bad), places=places)


def _items(movie_table: Path, ids: Path, abstracts: Path, *, bad: BadRows) -> pl.DataFrame:
    movies = read_movies(movie_table, encoding="latin-1", rows=MOVIES, bad=bad).rename({"item": "movie"})
    known = read_table(ids, {"item": int, "movie": int}, separator=" ", rows=ITEMS, bad=bad)
    for column in known:
        if column.is_duplicated().any():
            again = ~column.is_first_distinct()
            spot = in_text(Origin(ids, separator=" ", names=["item", "movie"]), bad)(again.arg_true()[0])
            why = f"{column.name} {column.filter(again)[0]} is mapped twice; the map is one to one"
            raise DataError(spot.says(why, column.name))
    items = known.join(movies, on="movie", how="left", maintain_order="left")
    if items["title"].has_nulls():
        at = items["title"].is_null().arg_true()[0]
        spot = in_text(Origin(ids, separator=" ", names=["item", "movie"]), bad)(at)
        raise DataError(spot.says(f"{movie_table} does not list movie {items['movie'][at]}", "movie"))
    text = _abstracts(abstracts)
    return items.join(text, on="movie", how="left", maintain_order="left").select(
        "item", "title", "attributes", year(), "text"
    )


def _abstracts(path: Path) -> pl.DataFrame:
    content = read_json_object(path)
    for movie, text in content.items():
        if not (movie.isascii() and movie.isdigit() and len(movie) < 19 and isinstance(text, str)):
            raise misplaced(path, movie, text, "no abstract; a movie's id and a text belong here")
    try:
        return pl.DataFrame({"movie": [int(movie) for movie in content], "text": list(content.values())})
    except UnicodeEncodeError as e:  # JSON can spell halves of characters
        raise DataError(f"{path}: an abstract is no text ({e.reason})") from e
