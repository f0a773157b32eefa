"""MovieLens, as GroupLens publishes it (Harper and Konstan, ACM TiiS 2015)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

from ssrec.data.files.download import Publication, Remote, locate
from ssrec.data.files.layout import BadRows
from ssrec.data.source import Source, Tables
from ssrec.data.sources import movielens_files as layouts
from ssrec.errors import CompositionError

URL = "https://files.grouplens.org/datasets/movielens/"
LICENCE = (
    "MovieLens {name} is GroupLens' (Harper and Konstan, ACM TiiS 2015): for research; no redistribution and no "
    "commercial use without their permission. The terms are in its README at grouplens.org/datasets/movielens."
)
ITEMS = frozenset({"times", "weights", "title", "attributes", "year"})
USERS = frozenset({"user.gender", "user.age", "user.occupation", "user.zip"})


@dataclass(frozen=True)
class Edition:
    """One of the published sets: its files, the layout of them, the counts of its README."""

    files: tuple[str, ...]
    read: Callable[[Sequence[Path], layouts.Counts, BadRows], Tables]
    counts: layouts.Counts
    checksum: str | None  # of its zip archive, as in the .md5 file beside it
    offers: frozenset[str] = ITEMS


OLD = ("u.data", "u.item", "u.genre", "u.user")
DAT = ("ratings.dat", "movies.dat")
CSV = ("ratings.csv", "movies.csv")
EDITIONS = {
    "100k": Edition(
        OLD, layouts.read_100k, layouts.Counts(100_000, 1_682, 943), "0e33842e24a9c977be4e0107933c0723", ITEMS | USERS
    ),
    "1m": Edition(
        (*DAT, "users.dat"),
        layouts.read_1m,
        layouts.Counts(1_000_209, 3_883, 6_040),
        "c4d9eecfca2ab87c1945afe126590906",
        ITEMS | USERS,
    ),
    "10m": Edition(DAT, layouts.read_10m, layouts.Counts(10_000_054, 10_681), "ce571fd55effeba0271552578f2648bd"),
    "20m": Edition(CSV, layouts.read_csv, layouts.Counts(20_000_263, 27_278), "cd245b17a1ae2cc31bb14903e1204af3"),
    "25m": Edition(CSV, layouts.read_csv, layouts.Counts(25_000_095, 62_423), "6b51fb2759a8657d3bfcbfc42b592ada"),
    "32m": Edition(CSV, layouts.read_csv, layouts.Counts(32_000_204, 87_585), "d472be332d4daa821edc399621853b57"),
    "latest-small": Edition(CSV, layouts.read_csv, layouts.Counts(), None),  # replaced from time to time
}


@final
@dataclass(frozen=True, kw_only=True)
class MovieLens(Source):
    """Ratings (stars) with seconds, movies with title, genres and year; in 100k and 1m users with what they told.

    `edition` is one of 100k, 1m, 10m, 20m, 25m, 32m, latest-small.
    """

    edition: str
    root: str | None = None
    download: bool = True

    def __post_init__(self) -> None:
        if self.edition not in EDITIONS:
            raise CompositionError(f"dataset.edition={self.edition}: choose one of {', '.join(EDITIONS)}")

    @property
    def name(self) -> str:  # type: ignore[override]
        return f"ml-{self.edition}"

    @property
    def offers(self) -> frozenset[str]:  # type: ignore[override]
        return EDITIONS[self.edition].offers

    @property
    def settings(self) -> Mapping[str, object]:
        return {}

    def files(self, raw: Path) -> list[Path]:
        edition = EDITIONS[self.edition]
        checksum = f"md5:{edition.checksum}" if edition.checksum else None
        remote = Remote(f"{URL}{self.name}.zip", checksum, edition.files)
        publication = Publication(self.name, edition.files, LICENCE.format(name=self.edition), (remote,))
        return locate(publication, root=self.root, download=self.download, raw=raw)

    def read(self, files: Sequence[Path], bad: BadRows) -> Tables:
        edition = EDITIONS[self.edition]
        return edition.read(files, edition.counts, bad)
