"""Steam's reviews and games (Kang and McAuley, ICDM 2018; Pathak, Gupta and McAuley, SIGIR 2017)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, final

import polars as pl

from ssrec.data.files.download import Publication, Remote, locate
from ssrec.data.files.json_lines import read_json_lines
from ssrec.data.files.layout import BadRows, Kind
from ssrec.data.files.places import in_text, taken
from ssrec.data.files.refused import Origin
from ssrec.data.files.times import with_seconds
from ssrec.data.source import Source, Tables
from ssrec.data.sources.content import covering, names, one

FILES = ("steam_reviews.json.gz", "steam_games.json.gz")
STEAM = Publication(
    folder="steam",
    files=FILES,
    remotes=tuple(Remote(f"https://cseweb.ucsd.edu/~wckang/{file}", None, (file,)) for file in FILES),
    licence="Steam's reviews come from UCSD (J. McAuley's group), without a licence: do not redistribute them.",
)
GAME: Mapping[str, Kind] = {
    "id": str,
    "title": str,
    "app_name": str,
    "genres": list[str],
    "tags": list[str],
    "developer": str,
    "publisher": str,
    "price": float | str,
    "release_date": str,
}


@final
@dataclass(frozen=True, kw_only=True)
class Steam(Source):
    """Reviews with days, users by their names; games with genres, tags, makers, price (US dollars) and year.

    A game is named by its title, else by its app's name. What is free to play costs 0; other prices that are no number
    are missing. How a game was received is left out: it tells of the reviews that are to be predicted.
    """

    root: str | None = None
    download: bool = True

    name: ClassVar[str] = "steam"
    offers: ClassVar[frozenset[str]] = frozenset(
        {"times", "title", "attributes", "tags", "developer", "publisher", "price", "year"}
    )

    @property
    def settings(self) -> Mapping[str, object]:
        return {}

    def files(self, raw: Path) -> list[Path]:
        return locate(STEAM, root=self.root, download=self.download, raw=raw)

    def read(self, files: Sequence[Path], bad: BadRows) -> Tables:
        reviews, games = files
        columns = {"username": str, "product_id": str, "date": str}
        events = read_json_lines(reviews, columns, literal=True, bad=bad)
        ours = {"user": "username", "item": "product_id", "time": "date"}
        events = events.rename({theirs: name for name, theirs in ours.items()})
        events = with_seconds(events, "time", "iso", origin=Origin(reviews), bad=bad, named="date")
        table = read_json_lines(games, GAME, optional=GAME, literal=True, bad=bad).with_row_index("row")
        table = table.filter(pl.col("id").is_not_null()).unique("id", keep="first", maintain_order=True)
        rows = table["row"]
        free = pl.col("price").str.to_lowercase().str.starts_with("free")
        table = table.select(
            pl.col("id").alias("item"),
            pl.coalesce("title", "app_name").alias("title"),
            names("genres").alias("attributes"),
            names("tags"),
            one("developer"),
            one("publisher"),
            pl.when(free).then(0.0).otherwise(pl.col("price").cast(pl.Float64, strict=False)).alias("price"),
            pl.col("release_date").str.extract(r"\b((?:19|20)\d\d)\b").cast(pl.Int64).alias("year"),
        )
        places = {
            "interactions": in_text(Origin(reviews), bad, ours),
            "items": taken(lambda: rows, in_text(Origin(games), bad, {"item": "id"})),
        }
        return Tables(events, covering(table, events), places=places)
