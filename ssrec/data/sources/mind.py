"""MIND, Microsoft's news (Wu et al., ACL 2020): what users clicked of what they were shown, and what they had read."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar, Literal, final

import polars as pl

from ssrec.data.files.delimited import read_table
from ssrec.data.files.download import Publication, locate
from ssrec.data.files.layout import BadRows, Mode
from ssrec.data.files.places import Place, in_text, one_after_the_other, taken
from ssrec.data.files.refused import Origin, without
from ssrec.data.files.times import with_seconds
from ssrec.data.source import Source, Tables
from ssrec.data.sources.content import covering
from ssrec.data.sources.named import check_without_history

LICENCE = "MIND is Microsoft's: for research, under the terms at msnews.github.io."
FORMAT = "%m/%d/%Y %I:%M:%S %p"
BEHAVIOURS = {"impression": str, "user": str, "time": str, "history": str, "shown": str}
NEWS = {
    "item": str,
    "category": str,
    "subcategory": str,
    "title": str,
    "text": str,
    **dict.fromkeys(("_url", "_title_entities", "_abstract_entities"), str),
}


@final
@dataclass(frozen=True, kw_only=True)
class MIND(Source):
    """Clicks of the fifth (train) and the sixth week (test), and each user's clicks of the weeks before.

    What a user had read has an order and no times: it stands at the time of her first impression, which is the latest
    it can be, and before it. `history=false` leaves it out. Users of whom nothing is known before the sixth week are
    an error for who reads the parts, or stay (`without_history=keep`) with an empty past. News have title, abstract
    (text), category and subcategory.
    """

    size: Literal["small", "large"] = "small"
    root: str | None = None
    history: bool = True
    without_history: str = "error"

    def __post_init__(self) -> None:
        check_without_history(self.without_history)

    offers: ClassVar[frozenset[str]] = frozenset({"times", "parts", "title", "text", "attributes"})

    @property
    def name(self) -> str:  # type: ignore[override]
        return f"mind-{self.size}"

    @property
    def settings(self) -> Mapping[str, object]:
        return {"history": self.history, "without_history": self.without_history}

    def files(self, raw: Path) -> list[Path]:
        folders = [f"MIND{self.size}_{part}" for part in ("train", "dev")]
        files = tuple(f"{folder}/{file}.tsv" for folder in folders for file in ("behaviors", "news"))
        return locate(Publication(self.name, files, LICENCE), root=self.root, download=False, raw=raw)

    def read(self, files: Sequence[Path], bad: BadRows) -> Tables:
        behaviours = [_behaviours(files[0], "train", bad), _behaviours(files[2], "test", bad)]
        news = [_news(files[1], bad), _news(files[3], bad)]
        events = self._events(behaviours)
        titles = pl.concat(news).with_row_index("row").unique("item", keep="first", maintain_order=True)
        items, rows = covering(titles.drop("row"), events), titles["row"]
        in_behaviours = _place(behaviours, files[::2], BEHAVIOURS, bad)
        places = {
            "interactions": taken(partial(self._rows, files, bad.mode), in_behaviours),
            "items": taken(lambda: rows, _place(news, files[1::2], NEWS, bad)),
        }
        return Tables(events.drop("row"), items, places=places, without_history=self.without_history)

    def _rows(self, files: Sequence[Path], mode: Mode) -> pl.Series:
        """The rows of behaviours that the events are from; the files are read again."""
        bad = BadRows(mode)
        return self._events([_behaviours(files[0], "train", bad), _behaviours(files[2], "test", bad)])["row"]

    def _events(self, behaviours: Sequence[pl.DataFrame]) -> pl.DataFrame:
        table = pl.concat(behaviours).with_row_index("row")
        clicks = table.select("row", "user", "time", "part", _clicked(pl.col("shown")).alias("item"))
        events = clicks.with_columns(past=False)
        if self.history:
            # All rows of a user in one part have the same history: the clicks of a part are not in it.
            earliest = table.sort("time", "row").unique("user", keep="first", maintain_order=True)
            past = earliest.select("row", "user", "time", pl.col("history").str.split(" ").alias("item"))
            events = pl.concat([past.with_columns(part=pl.lit("train"), past=True), events], how="diagonal")
        events = events.explode("item").filter(pl.col("item").str.len_chars() > 0)
        events = events.sort("user", "time", pl.col("past").not_(), "row", maintain_order=True)
        return events.select("user", "item", "time", "part", "row")


def _place(tables: Sequence[pl.DataFrame], files: Sequence[Path], columns: Iterable[str], bad: BadRows) -> Place:
    places = (in_text(_origin(file, columns), bad) for file in files)
    return one_after_the_other(list(zip(map(len, tables), places, strict=True)))


def _origin(path: Path, columns: Iterable[str]) -> Origin:
    return Origin(path, separator="\t", names=[name.removeprefix("_") for name in columns])


def _behaviours(path: Path, part: str, bad: BadRows) -> pl.DataFrame:
    table = read_table(path, BEHAVIOURS, separator="\t", bad=bad)
    origin = _origin(path, BEHAVIOURS)
    table = with_seconds(table, "time", FORMAT, origin=origin, bad=bad, named="time")
    wrong = ~table["shown"].str.contains(r"^\S+-[01](?: \S+-[01])*$")
    why = "what was shown should be news and whether it was clicked, as in 'N11-0 N23-1'"
    good = without(table, wrong, lambda k: why, origin=origin, bad=bad, column="shown")
    return good.with_columns(part=pl.lit(part))


def _clicked(shown: pl.Expr) -> pl.Expr:
    ids = shown.str.split(" ").list.eval(pl.element().filter(pl.element().str.ends_with("-1")))
    return ids.list.eval(pl.element().str.head(-2))


def _news(path: Path, bad: BadRows) -> pl.DataFrame:
    news = read_table(path, NEWS, separator="\t", optional=("text",), bad=bad)
    named = [pl.when(pl.col(c) != "").then(pl.col(c)) for c in ("category", "subcategory")]
    return news.select("item", "title", "text", pl.concat_list(named).list.drop_nulls().alias("attributes"))
