"""The layouts of MovieLens: u.* of 1998, `::` of 2003 and 2009, csv since 2015."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from ssrec.data.files.delimited import read_table
from ssrec.data.files.layout import BadRows, Kind
from ssrec.data.files.places import Place, in_text
from ssrec.data.files.refused import Origin
from ssrec.data.source import Tables
from ssrec.data.sources.content import one, several
from ssrec.errors import DataError

GENRES = 19  # of 100k, with a flag each
RATING: Mapping[str, Kind] = {"user": int, "item": int, "rating": float, "time": int}
MOVIE: Mapping[str, Kind] = {"item": int, "title": str, "genres": str}
NO_GENRE = "(no genres listed)"


@dataclass(frozen=True)
class Counts:
    """Published numbers of rows; None is not published."""

    ratings: int | None = None
    movies: int | None = None
    users: int | None = None


def read_100k(files: Sequence[Path], counts: Counts, bad: BadRows) -> Tables:
    """u.data (tabs), u.item and u.user (`|`, latin-1, a flag for each genre of u.genre)."""
    data, item, genre, user = files
    ratings = read_table(data, RATING, separator="\t", ranges={"rating": (1.0, 5.0)}, rows=counts.ratings, bad=bad)
    columns = {"user": int, "age": int, "gender": str, "occupation": str, "zip": str}
    users = read_table(user, columns, separator="|", encoding="latin-1", rows=counts.users, bad=bad)
    places = {
        "interactions": in_text(Origin(data, separator="\t", names=[*RATING]), bad),
        "items": in_text(Origin(item, separator="|", encoding="latin-1", names=["item"]), bad),
        "users": in_text(Origin(user, separator="|", encoding="latin-1", names=[*columns]), bad),
    }
    return _tables(ratings, _flagged(item, _genres(genre), counts.movies, bad), users, places)


def read_1m(files: Sequence[Path], counts: Counts, bad: BadRows) -> Tables:
    """ratings.dat, movies.dat, users.dat (`::`, latin-1). Ages and occupations are the codes of its README: an age is
    the lower end of its range."""
    ratings, movies, user = files
    columns = {"user": int, "gender": str, "age": int, "occupation": str, "zip": str}
    users = read_table(user, columns, separator="::", encoding="latin-1", rows=counts.users, bad=bad)
    tables = _dat(ratings, movies, counts, encoding="latin-1", low=1.0, bad=bad)
    told = in_text(Origin(user, separator="::", encoding="latin-1", names=[*columns]), bad)
    return _tables(*tables, users, _dat_places(ratings, movies, "latin-1", bad) | {"users": told})


def read_10m(files: Sequence[Path], counts: Counts, bad: BadRows) -> Tables:
    """ratings.dat, movies.dat (`::`, utf-8, half stars)."""
    ratings, movies = files
    tables = _dat(ratings, movies, counts, encoding="utf-8", low=0.5, bad=bad)
    return _tables(*tables, None, _dat_places(ratings, movies, "utf-8", bad))


def read_csv(files: Sequence[Path], counts: Counts, bad: BadRows) -> Tables:
    """ratings.csv, movies.csv (headers, quotes, half stars)."""
    rated, movie = files
    columns = {"userId": int, "movieId": int, "rating": float, "timestamp": int}
    ranges = {"rating": (0.5, 5.0)}
    ratings = read_table(rated, columns, separator=",", header=True, ranges=ranges, rows=counts.ratings, bad=bad)
    columns = {"movieId": int, "title": str, "genres": str}
    movies = read_table(movie, columns, separator=",", header=True, quote='"', rows=counts.movies, bad=bad)
    names = {"userId": "user", "movieId": "item", "timestamp": "time"}
    ours = {name: theirs for theirs, name in names.items()}
    places = {
        "interactions": in_text(Origin(rated, header=True, separator=","), bad, ours),
        "items": in_text(Origin(movie, header=True, separator=",", quote='"'), bad, {"item": "movieId"}),
    }
    return _tables(ratings.rename(names), _split(movies.rename({"movieId": "item"})), None, places)


def read_movies(path: Path, *, encoding: str, rows: int | None, bad: BadRows) -> pl.DataFrame:
    """movies.dat: item, title, attributes (genres)."""
    return _split(read_table(path, MOVIE, separator="::", encoding=encoding, rows=rows, bad=bad))


def year() -> pl.Expr:
    """The year that ends a title, as in `Toy Story (1995)`; of several the first."""
    return pl.col("title").str.extract(r"\((\d{4})[^()]*\)\s*$").cast(pl.Int64).alias("year")


def _dat(
    ratings: Path, movies: Path, counts: Counts, *, encoding: str, low: float, bad: BadRows
) -> tuple[pl.DataFrame, pl.DataFrame]:
    ranges = {"rating": (low, 5.0)}
    rated = read_table(ratings, RATING, separator="::", ranges=ranges, rows=counts.ratings, bad=bad)
    return rated, read_movies(movies, encoding=encoding, rows=counts.movies, bad=bad)


def _dat_places(ratings: Path, movies: Path, encoding: str, bad: BadRows) -> dict[str, Place]:
    return {
        "interactions": in_text(Origin(ratings, separator="::", names=[*RATING]), bad, {"weight": "rating"}),
        "items": in_text(Origin(movies, separator="::", encoding=encoding, names=[*MOVIE]), bad),
    }


def _tables(
    ratings: pl.DataFrame, movies: pl.DataFrame, users: pl.DataFrame | None, places: Mapping[str, Place]
) -> Tables:
    events = ratings.select("user", "item", "time", pl.col("rating").alias("weight"))
    if users is not None:
        users = users.select("user", one("gender"), "age", one("occupation"), one("zip"))
    return Tables(events, movies.select("item", "title", "attributes", year()), users, places=places)


def _split(movies: pl.DataFrame) -> pl.DataFrame:
    listed = movies.with_columns(pl.col("genres").replace(NO_GENRE, ""))
    return listed.select("item", "title", several("genres", "|").alias("attributes"))


def _genres(path: Path) -> list[str]:
    table = read_table(path, {"genre": str, "number": int}, separator="|", rows=GENRES, bad=BadRows())
    if table["number"].to_list() != list(range(GENRES)):
        raise DataError(
            f"{path} should number its genres 0 to {GENRES - 1}; they are numbered {table['number'].to_list()}"
        )
    return table["genre"].to_list()


def _flagged(path: Path, genres: Sequence[str], rows: int | None, bad: BadRows) -> pl.DataFrame:
    """u.item: item, title, and the genres whose flags are set."""
    flags = {f"flag of {genre}": genre for genre in genres}
    columns = {"item": int, "title": str, "_release": str, "_video": str, "_url": str, **dict.fromkeys(flags, int)}
    ranges = dict.fromkeys(flags, (0.0, 1.0))
    movies = read_table(path, columns, separator="|", encoding="latin-1", ranges=ranges, rows=rows, bad=bad)
    named = [pl.when(pl.col(flag) == 1).then(pl.lit(genre)) for flag, genre in flags.items()]
    return movies.select("item", "title", pl.concat_list(named).list.drop_nulls().alias("attributes"))
