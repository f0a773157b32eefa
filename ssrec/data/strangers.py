"""Users whom a publisher tests and of whom he gives no history: found, placed in his files, and told."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from ssrec.data.clean import Cleaning
from ssrec.data.files.layout import BadRows, worded
from ssrec.data.files.places import Spot, first_row
from ssrec.data.numbering import readable
from ssrec.data.source import Source


def strangers(interactions: pl.DataFrame) -> pl.Series:
    """The users, ascending, of canonical interactions with parts who have no training event."""
    held = interactions.group_by("user").agg((pl.col("part") == "train").any().alias("trained"))
    return held.filter(~pl.col("trained"))["user"].sort()


def stranger(
    source: Source, files: Sequence[Path], cleaning: Cleaning, tables: Mapping[str, pl.DataFrame]
) -> dict[str, Any] | None:
    """The first of them, how many there are, where the files hold her out (the arguments of `worded`), and whether it
    was cleaning that took her history; None where there is none, or they may stay. The files are read again for her.

    Args:
        source: the dataset.
        files: its raw files.
        cleaning: how `tables` were made.
        tables: the canonical tables, by name.
    """
    found = strangers(tables["interactions"]) if "part" in tables["interactions"].columns else pl.Series()
    if found.is_empty():
        return None
    again = source.read(files, BadRows("skip" if cleaning.on_bad_rows == "skip" else "error"))
    if again.without_history == "keep":
        return None
    rows = readable(source.name, again.interactions, weights=False)
    user = tables["users"]["id"][found[0] - 1]
    held = tables["interactions"].filter(pl.col("user") == found[0])["part"][0]
    row, place = first_row(rows, user=user, part=held), again.places.get("interactions")
    taken = first_row(rows, user=user, part="train") is not None
    spot = place(row) if place and row is not None else Spot(source.name)
    stands = {
        "file": spot.file,
        "line": spot.line,
        "row": spot.row and spot.row[:200],
        "unit": spot.unit,
        "column": spot.column("user"),
    }
    return {"n": len(found), "user": user, "part": held, "place": stands, "cleaned": taken}


def told(name: str, found: Mapping[str, Any]) -> str:
    """What is wrong with a `stranger` of a dataset, and what would be right."""
    others = f" (one of {found['n']:,} such users)" if found["n"] > 1 else ""
    why = " that the cleaning left" if found["cleaned"] else ""
    said = (
        f"user {found['user']!r} of {name} has a {found['part']} event and no training event{why}{others}; "
        "dataset.without_history=keep ranks such users, with an empty past"
    )
    return worded(why=said, **found["place"])
