"""Raw files -> canonical tables on disk, found again by the hash of what they were made from."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from ssrec.data.source import Source, Tables
from ssrec.errors import DataError

FORMAT = 1  # raise it when the same raw files give other canonical tables


@dataclass(frozen=True)
class Canonical:
    """A dataset with ids that are rows: users 1..n_users, items 1..n_items.

    `interactions` has user, item and, where there are times, time; sorted by user and time, and in the order of the
    file where times tie. Row i of `items` is item i + 1: item, id (the publisher's), title?, attributes?.
    """

    name: str
    interactions: pl.DataFrame
    items: pl.DataFrame
    meta: Mapping[str, object]

    @property
    def n_users(self) -> int:
        return int(self.interactions["user"].n_unique())

    @property
    def n_items(self) -> int:
        return len(self.items)

    @property
    def fingerprint(self) -> str:
        """Hex digits of the content: two datasets with the same are the same."""
        return str(self.meta["fingerprint"])


def prepare(source: Source, folder: Path) -> Canonical:
    """The canonical tables of a source, read from `folder`/canonical or made there.

    Made aside and renamed, so that several processes may ask at once and none sees half a dataset.

    Raises:
        DataError: raw files are missing or broken, or a stored dataset was damaged.
    """
    files = source.files(folder / "raw")
    origin = {
        "format": FORMAT,
        "name": source.name,
        "settings": dict(source.settings),
        "raw": {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files},
    }
    key = hashlib.sha256(json.dumps(origin, sort_keys=True).encode()).hexdigest()[:12]
    home = folder / "canonical" / f"{source.name}-{key}"
    if not home.exists():
        interactions, items, removed = _clean(source.name, source.read(files))
        _store(home, interactions, items, origin | {"removed": removed})
    return _load(source.name, home)


def number(ids: pl.Series) -> pl.Series:
    """Distinct ids, id i + 1 at row i: in numeric order if they are integers, else by first appearance."""
    distinct = ids.unique(maintain_order=True)
    return distinct.sort() if distinct.dtype.is_integer() else distinct


def _clean(name: str, tables: Tables) -> tuple[pl.DataFrame, pl.DataFrame, dict[str, int]]:
    raw, catalogue = tables.interactions, tables.items
    if raw.is_empty():
        raise DataError(f"{name} has no interactions{_removed(tables.removed)}")
    if sum(raw.null_count().row(0)):
        raise DataError(f"{name}: interactions with missing values")
    if catalogue["item"].is_duplicated().any():
        twice = catalogue["item"].filter(catalogue["item"].is_duplicated())[0]
        raise DataError(f"{name}: the item table lists item {twice!r} twice")
    items = _rows(number(catalogue["item"])).join(catalogue, left_on="id", right_on="item", maintain_order="left")
    numbered = raw.join(_rows(number(raw["user"]), "user"), left_on="user", right_on="id", maintain_order="left")
    numbered = numbered.join(items, left_on="item", right_on="id", how="left", maintain_order="left")
    if numbered["item_right"].has_nulls():
        unknown = numbered.filter(pl.col("item_right").is_null())["item"][0]
        raise DataError(f"{name}: interactions name item {unknown!r}, which the item table does not list")
    times = ["time"] if "time" in raw.columns else []
    chosen = numbered.select(pl.col("user_right").alias("user"), pl.col("item_right").alias("item"), *times)
    return chosen.sort("user", *times, maintain_order=True), items, dict(tables.removed)


def _rows(ids: pl.Series, name: str = "item") -> pl.DataFrame:
    return pl.DataFrame({name: pl.int_range(1, len(ids) + 1, dtype=pl.Int64, eager=True), "id": ids})


def _removed(removed: Mapping[str, int]) -> str:
    counts = [f"{n:,} {what}" for what, n in removed.items() if n]
    return f": removed {', '.join(counts)}" if counts else ""


def _tie_rate(interactions: pl.DataFrame) -> float:
    """The share of a user's neighbouring events that have the same time: their order is that of the file."""
    near = interactions["user"].diff() == 0
    tied = near & (interactions["time"].diff() == 0)
    return float(tied.sum()) / max(1, int(near.sum()))


def _fingerprint(interactions: pl.DataFrame, items: pl.DataFrame) -> str:
    digest = hashlib.sha256()
    for column in interactions:
        digest.update(column.name.encode() + b":" + column.to_numpy().astype("<i8").tobytes())
    digest.update(json.dumps([items.columns, items.rows()]).encode())
    return digest.hexdigest()[:16]


def _store(home: Path, interactions: pl.DataFrame, items: pl.DataFrame, made_from: Mapping[str, object]) -> None:
    meta = {
        **made_from,
        "n_users": interactions["user"].n_unique(),
        "n_items": len(items),
        "n_interactions": len(interactions),
        "n_items_without_interactions": len(items) - interactions["item"].n_unique(),
        **({"tie_rate": _tie_rate(interactions)} if "time" in interactions.columns else {}),
        "fingerprint": _fingerprint(interactions, items),
    }
    home.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(dir=home.parent, prefix=f".{home.name}-"))
    try:
        interactions.write_parquet(aside / "interactions.parquet")
        items.write_parquet(aside / "items.parquet")
        (aside / "meta.json").write_text(json.dumps(meta, indent=1, sort_keys=True) + "\n")
        aside.chmod(0o755)
        os.rename(aside, home)
    except OSError:
        if not home.exists():  # else another process was first: what it made is the same
            raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _load(name: str, home: Path) -> Canonical:
    try:
        interactions, items = (pl.read_parquet(home / f"{table}.parquet") for table in ("interactions", "items"))
        meta = json.loads((home / "meta.json").read_text())
        intact = meta["fingerprint"] == _fingerprint(interactions, items)
    except (OSError, ValueError, KeyError, TypeError, pl.exceptions.PolarsError) as e:
        raise DataError(f"{home} is damaged ({type(e).__name__}): delete that folder and ask again") from e
    if not intact:
        raise DataError(f"{home} is damaged (its content is not what was stored): delete that folder and ask again")
    return Canonical(name, interactions, items, meta)
