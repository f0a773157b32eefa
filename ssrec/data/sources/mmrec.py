"""The layout of MMRec (Zhou, 2023): one table of interactions that says each one's part, and feature matrices."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import final

import polars as pl

from ssrec.data.files.delimited import read_header, read_table
from ssrec.data.files.download import Publication, locate
from ssrec.data.files.layout import BadRows, Kind
from ssrec.data.files.places import in_text
from ssrec.data.files.refused import Origin
from ssrec.data.files.times import with_seconds
from ssrec.data.source import Source, Tables
from ssrec.data.sources.declared import check_columns
from ssrec.data.sources.item_vectors import read_vectors
from ssrec.data.sources.named import check_name, check_without_history
from ssrec.errors import DataError

COLUMNS: Mapping[str, Kind] = {"userID": int, "itemID": int, "x_label": int}
LICENCE = "The files come from the repository of MMRec, for research."


@final
@dataclass(frozen=True, kw_only=True)
class MMRec(Source):
    """`<name>.inter`, tab-separated: userID, itemID, x_label (0: train, 1: val, 2: test) and maybe more.

    `time` (seconds) and `weight` are columns of that table. `vectors` names the .npy file of each vector column: row i
    is item i, and the catalogue is all rows. Users with held-out and no training events are an error, or stay
    (`without_history=keep`) with an empty past.
    """

    name: str  # type: ignore[override]
    root: str | None = None
    time: str | None = None
    weight: str | None = None
    vectors: Mapping[str, str] = field(default_factory=dict)
    without_history: str = "error"

    def __post_init__(self) -> None:
        check_name(self.name)
        check_without_history(self.without_history)

    @property
    def offers(self) -> frozenset[str]:  # type: ignore[override]
        events = {"times": self.time, "weights": self.weight}
        return frozenset(["parts", *(offer for offer, column in events.items() if column), *self.vectors])

    @property
    def settings(self) -> Mapping[str, object]:
        columns = {"time": self.time, "weight": self.weight, "vectors": list(self.vectors)}
        return {**columns, "without_history": self.without_history}

    def files(self, raw: Path) -> list[Path]:
        files = (f"{self.name}.inter", *self.vectors.values())
        return locate(Publication(self.name, files, LICENCE), root=self.root, download=False, raw=raw)

    def read(self, files: Sequence[Path], bad: BadRows) -> Tables:
        path = files[0]
        extra = {column: role for role, column in (("time", self.time), ("weight", self.weight)) if column}
        wanted = [(f"dataset.{role}", column) for column, role in extra.items()]
        header = read_header(path, separator="\t")
        check_columns(path, header, wanted, "\t".join(header))
        kinds: Mapping[str, Kind] = {"time": int | float, "weight": float}
        columns: Mapping[str, Kind] = {**COLUMNS, **{column: kinds[role] for column, role in extra.items()}}
        ranges = {"itemID": (0.0, 2.0**53), "x_label": (0.0, 2.0)}
        table = read_table(
            path, columns, separator="\t", header=True, optional=extra, ranges=ranges, ends=False, bad=bad
        )
        table = table.rename({"userID": "user", "itemID": "item", "x_label": "part", **extra})
        table = table.with_columns(pl.col("part").replace_strict({0: "train", 1: "val", 2: "test"}))
        origin = Origin(path, header=True, separator="\t")
        if self.time:
            table = with_seconds(table, "time", "seconds", origin=origin, bad=bad, named=self.time)
        ours = {"user": "userID", "item": "itemID", "part": "x_label"}
        place = in_text(origin, bad, {**ours, **{role: column for column, role in extra.items()}})
        places = {"interactions": place}
        if not self.vectors:
            return Tables(table, places=places, without_history=self.without_history)
        vectors = [read_vectors(file, name) for file, name in zip(files[1:], self.vectors, strict=True)]
        items = pl.DataFrame({"item": range(len(vectors[0]))}, schema={"item": pl.Int64})
        for file, column in zip(files[1:], vectors, strict=True):
            if len(column) != len(items):
                raise DataError(f"{file} has {len(column):,} rows, and {files[1]} has {len(items):,}")
        if (beyond := table["item"] >= len(items)).any():
            row = beyond.arg_true()[0]
            why = f"item {table['item'][row]}, where {files[1]} has {len(items):,} rows, counted from 0"
            raise DataError(place(row).says(why, "item"))
        items = items.with_columns(vectors)
        return Tables(table, items, places=places, without_history=self.without_history)
