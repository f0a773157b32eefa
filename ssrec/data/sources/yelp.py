"""Yelp's open dataset, whose release changes every year; it is given to who accepts its terms."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar, final

import polars as pl

from ssrec.data.files.download import Publication, locate
from ssrec.data.files.json_lines import read_json_lines
from ssrec.data.files.layout import BadRows
from ssrec.data.files.places import in_text, taken
from ssrec.data.files.refused import Origin
from ssrec.data.files.times import with_seconds
from ssrec.data.source import Source, Tables
from ssrec.data.sources.content import covering, one, several

YELP = Publication(
    folder="yelp",
    files=("yelp_academic_dataset_review.json", "yelp_academic_dataset_business.json"),
    licence="The data are Yelp's (yelp.com/dataset): for academic use, under the terms that one accepts there.",
)

OURS = {"user": "user_id", "item": "business_id", "time": "date", "weight": "stars"}


@final
@dataclass(frozen=True, kw_only=True)
class Yelp(Source):
    """Reviews with stars and times, and businesses with names, categories, city and state.

    A business' own stars and its number of reviews are left out: they count the reviews that are to be predicted.
    """

    root: str | None = None

    name: ClassVar[str] = "yelp"
    offers: ClassVar[frozenset[str]] = frozenset({"times", "weights", "title", "attributes", "city", "state"})

    @property
    def settings(self) -> Mapping[str, object]:
        return {}

    def files(self, raw: Path) -> list[Path]:
        return locate(YELP, root=self.root, download=False, raw=raw)

    def read(self, files: Sequence[Path], bad: BadRows) -> Tables:
        reviews, businesses = files
        columns = {"user_id": str, "business_id": str, "date": str, "stars": float}
        events = read_json_lines(reviews, columns, bad=bad)
        events = events.rename({theirs: name for name, theirs in OURS.items()})
        events = with_seconds(events, "time", "iso", origin=Origin(reviews), bad=bad, named="date")
        columns = {"business_id": str, "name": str, "categories": str, "city": str, "state": str}
        optional = ("name", "categories", "city", "state")
        table = read_json_lines(businesses, columns, optional=optional, bad=bad)
        table = table.rename({"business_id": "item", "name": "title", "categories": "attributes"})
        table = table.with_columns(several("attributes", ","), one("city"), one("state"))
        in_businesses = taken(partial(pl.int_range, len(table), eager=True), in_text(Origin(businesses), bad, OURS))
        places = {"interactions": in_text(Origin(reviews), bad, OURS), "items": in_businesses}
        return Tables(events, covering(table, events), places=places)
