"""Last.fm 2K of HetRec 2011 (Cantador, Brusilovsky and Kuflik, RecSys 2011), as GroupLens publishes it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, final

import polars as pl

from ssrec.data.files.delimited import read_table
from ssrec.data.files.download import Publication, Remote, locate
from ssrec.data.files.layout import BadRows
from ssrec.data.files.places import in_text
from ssrec.data.files.refused import Origin
from ssrec.data.source import Source, Tables

FILES = ("user_artists.dat", "artists.dat", "user_taggedartists.dat", "tags.dat")
LASTFM = Publication(
    folder="hetrec2011-lastfm-2k",
    files=FILES,
    remotes=(Remote("https://files.grouplens.org/datasets/hetrec2011/hetrec2011-lastfm-2k.zip", None, FILES),),
    licence="The data are Last.fm's (www.lastfm.com): for non-commercial use. The terms are in their readme.",
)
LISTENED, ARTISTS, TAGGED, TAGS = 92_834, 17_632, 186_479, 11_946


@final
@dataclass(frozen=True, kw_only=True)
class LastFM(Source):
    """1,892 users, 17,632 artists, 92,834 pairs with numbers of plays; no times, and no order.

    An artist's attributes are the tags that users gave, those of most users first.
    """

    root: str | None = None
    download: bool = True

    name: ClassVar[str] = "lastfm"
    offers: ClassVar[frozenset[str]] = frozenset({"weights", "title", "attributes"})

    @property
    def settings(self) -> Mapping[str, object]:
        return {}

    def files(self, raw: Path) -> list[Path]:
        return locate(LASTFM, root=self.root, download=self.download, raw=raw)

    def read(self, files: Sequence[Path], bad: BadRows) -> Tables:
        listened, artists, tagged, tags = files
        columns = {"userID": int, "artistID": int, "weight": float}
        events = read_table(
            listened, columns, separator="\t", header=True, rows=LISTENED, ranges={"weight": (0.0, 1e9)}, bad=bad
        )
        names = read_table(artists, {"id": int, "name": str}, separator="\t", header=True, rows=ARTISTS, bad=bad)
        items = names.rename({"id": "item", "name": "title"})
        items = items.join(_attributes(tagged, tags, bad), on="item", how="left", maintain_order="left")
        items = items.with_columns(pl.col("attributes").fill_null(pl.lit([], dtype=pl.List(pl.String))))
        ours = {"user": "userID", "item": "artistID"}
        places = {
            "interactions": in_text(Origin(listened, header=True, separator="\t"), bad, ours),
            "items": in_text(Origin(artists, header=True, separator="\t"), bad, {"item": "id"}),
        }
        return Tables(events.rename({"userID": "user", "artistID": "item"}), items, places=places)


def _attributes(tagged: Path, tags: Path, bad: BadRows) -> pl.DataFrame:
    """The names of each artist's tags, by falling number of users, then by the tag's number."""
    columns = {"userID": int, "artistID": int, "tagID": int}
    given = read_table(tagged, columns, separator="\t", header=True, rows=TAGGED, bad=bad)
    # The tags are no UTF-8; in latin-1 every byte is a character.
    columns = {"tagID": int, "tagValue": str}
    words = read_table(tags, columns, separator="\t", header=True, rows=TAGS, encoding="latin-1", bad=bad)
    counted = given.group_by("artistID", "tagID").agg(pl.col("userID").n_unique().alias("users"))
    counted = counted.join(words, on="tagID").sort("artistID", "users", "tagID", descending=[False, True, False])
    lists = counted.group_by("artistID", maintain_order=True).agg(pl.col("tagValue").alias("attributes"))
    return lists.rename({"artistID": "item"})
