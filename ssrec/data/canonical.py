"""Raw files -> canonical tables on disk, found again by the hash of what they were made from."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from os.path import commonpath
from pathlib import Path
from typing import Any

import polars as pl

from ssrec.data.canonical_files import BAD_ROWS, load, store
from ssrec.data.canonicalise import canonicalise
from ssrec.data.clean import Cleaning
from ssrec.data.files.layout import BadRows
from ssrec.data.source import Source
from ssrec.data.strangers import stranger

FORMAT = 5  # raise it when the same raw files give other canonical tables


@dataclass(frozen=True)
class Canonical:
    """A dataset with ids that are rows: users 1..n_users, items 1..n_items.

    `interactions` has user and item (Int32) and, where there are such, time (Int64), nanosecond (Int32, of that
    second), weight (Float32) and part (train, val, test); sorted by user and time, and in the order that the cleaning
    says where times tie. Row i of `items` is item i + 1, and of `users` user i + 1: item or user, id (the publisher's),
    content columns. Every user has events.
    """

    name: str
    interactions: pl.DataFrame
    items: pl.DataFrame
    meta: Mapping[str, Any]
    users: pl.DataFrame | None = None
    home: Path | None = None  # the folder that holds all this

    @property
    def n_users(self) -> int:
        return int(self.interactions["user"].max() or 0)  # type: ignore[arg-type]

    @property
    def n_items(self) -> int:
        return len(self.items)

    @property
    def fingerprint(self) -> str:
        """Hex digits of the events and of the items' ids, titles and attributes: with the same, rankings compare."""
        return str(self.meta["fingerprint"])

    @property
    def content(self) -> Mapping[str, str]:
        """Hex digits of every other column, by `items.<column>` and `users.<column>`; of events, the nanoseconds."""
        return self.meta["content"]

    @property
    def digest(self) -> str:
        """Hex digits of everything."""
        return str(self.meta["digest"])

    def file_of(self, table: str) -> str:
        """The raw file that "items" or "users" are from, the first of several; where there is none, the dataset."""
        return self.meta.get("content_files", {}).get(table, self.name)

    @property
    def skipped(self) -> str | None:
        """A line that says how many bad rows reading skipped, and where they are listed; None for none."""
        n = self.meta["removed"].get("bad rows")
        return f"bad rows that reading skipped: {n:,}, listed in {self.home}/{BAD_ROWS}" if n and self.home else None


def prepare(source: Source, cleaning: Cleaning, folder: Path) -> Canonical:
    """The canonical tables of a source, read from `folder`/canonical or made there.

    Made aside and renamed, so that several processes may ask at once and none sees half a dataset.

    Raises:
        CompositionError: the cleaning looks at what the dataset has not.
        DataError: raw files are missing or broken, or a stored dataset was damaged.
    """
    cleaning.check_fits(source.name, source.offers)
    files = source.files(folder / "raw")
    origin = {
        "format": FORMAT,
        "name": source.name,
        "settings": dict(source.settings),
        "cleaning": asdict(cleaning),
        "raw": _checksums(files),
    }
    key = hashlib.sha256(json.dumps(origin, sort_keys=True).encode()).hexdigest()[:12]
    home = folder / "canonical" / f"{source.name}-{key}"
    if not home.exists():
        bad = BadRows("skip" if cleaning.on_bad_rows == "skip" else "error")
        made, counted = canonicalise(source.name, source.read(files, bad), cleaning, bad)
        places = {str(file): name for file, name in below(files).items()}
        rows = [row._replace(file=places.get(row.file, Path(row.file).name)) for row in bad.rows]
        found = stranger(source, files, cleaning, made)
        if found:  # the files may move
            found["place"]["file"] = places.get(found["place"]["file"], found["place"]["file"])
        counted["content_files"] = {table: places.get(f, f) for table, f in counted["content_files"].items()}
        store(home, made, origin | counted | ({"stranger": found} if found else {}), rows)
        del made
    tables, meta = load(home)
    return Canonical(source.name, tables["interactions"], tables["items"], meta, tables["users"], home)


def _checksums(files: Sequence[Path]) -> list[list[str]]:
    """Each file's path under the folder that holds them all and its sha256, in order: the place says what it is for."""
    sums, places = [], below(files)
    for file in files:
        with file.open("rb") as content:
            sums.append([places[file], hashlib.file_digest(content, "sha256").hexdigest()])
    return sums


def below(files: Sequence[Path]) -> dict[Path, str]:
    """Each file's path under the folder that holds them all, and under folders that name values (`day=2024-01-31`)."""
    top = Path(commonpath([file.absolute().parent for file in files])) if files else Path()
    while any("=" in part for part in top.parts):  # what they say is part of the data
        top = top.parent
    return {file: file.absolute().relative_to(top).as_posix() for file in files}
