"""Canonical tables as files: written whole or not at all, told by their content, and checked when read."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from ssrec.data.files.layout import BadRow
from ssrec.errors import DataError

BAD_ROWS = "bad_rows.tsv"
TABLES = ("interactions", "items", "users")
SLICE = 1 << 20  # rows hashed at once
_BAD_ROWS = {"file": pl.String, "line": pl.Int64, "column": pl.String, "reason": pl.String, "row": pl.String}
CORE = ("item", "id", "title", "attributes")  # of the items: part of the fingerprint


def store(home: Path, tables: Mapping[str, pl.DataFrame], about: Mapping[str, Any], bad_rows: Sequence[BadRow]) -> None:
    """Write the tables, what is known about them, and the rows that were skipped."""
    home.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(dir=home.parent, prefix=f".{home.name}-"))
    try:
        for name in TABLES:
            tables[name].write_parquet(aside / f"{name}.parquet", compression="lz4")
        if bad_rows:
            pl.DataFrame(bad_rows, schema=_BAD_ROWS, orient="row").write_csv(aside / BAD_ROWS, separator="\t")
        meta = {**about, **_told(tables), "files": {file.name: _checksum(file) for file in sorted(aside.iterdir())}}
        (aside / "meta.json").write_text(json.dumps(meta, indent=1, sort_keys=True) + "\n")
        aside.chmod(0o755)
        os.rename(aside, home)
    except OSError:
        if not home.exists():  # else another process was first: what it made is the same
            raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def load(home: Path) -> tuple[dict[str, pl.DataFrame], dict[str, Any]]:
    """The tables and what is known about them.

    Raises:
        DataError: a file is not what was stored.
    """
    try:
        meta = json.loads((home / "meta.json").read_text())
        intact = all(_checksum(home / name) == digest for name, digest in meta["files"].items())
        tables = (
            {name: pl.read_parquet(home / f"{name}.parquet", memory_map=False) for name in TABLES} if intact else {}
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, pl.exceptions.PolarsError) as e:
        raise DataError(f"{home} is damaged ({type(e).__name__}): delete that folder and ask again") from e
    if not intact or not meta.keys() >= {"fingerprint", "content", "digest"}:
        raise DataError(f"{home} is damaged (its content is not what was stored): delete that folder and ask again")
    return tables, meta


def fingerprint(interactions: pl.DataFrame, items: pl.DataFrame) -> str:
    """16 hex digits of the events, in order, and of the items' ids, titles and attributes.

    Nanoseconds say no more than the order does, to those who rank.
    """
    digest = hashlib.sha256()
    for column in interactions.drop("nanosecond", strict=False):
        digest.update(column.name.encode() + b":")
        _add(digest, column)
    core = items.select(name for name in items.columns if name in CORE)
    digest.update(json.dumps([core.columns, core.rows()]).encode())
    return digest.hexdigest()[:16]


def _told(tables: Mapping[str, pl.DataFrame]) -> dict[str, Any]:
    """The digests of the content: its fingerprint, every column outside of that, and all together."""
    columns = {f"items.{c.name}": c for c in tables["items"] if c.name not in CORE}
    columns |= {f"users.{c.name}": c for c in tables["users"] if c.name not in ("user", "id")}
    if "nanosecond" in tables["interactions"].columns:
        columns["interactions.nanosecond"] = tables["interactions"]["nanosecond"]
    own = fingerprint(tables["interactions"], tables["items"])
    content = {}
    for name, column in columns.items():
        digest = hashlib.sha256(str(column.dtype).encode())
        _add(digest, column)
        content[name] = digest.hexdigest()[:16]
    ids = json.dumps(tables["users"]["id"].to_list())
    whole = hashlib.sha256(json.dumps([own, content, ids], sort_keys=True).encode()).hexdigest()[:16]
    return {"fingerprint": own, "content": content, "digest": whole}


def _add(digest: Any, column: pl.Series) -> None:
    """Numbers as they lie in memory, in one width; everything else as JSON; a slice at a time."""
    vectors = isinstance(column.dtype, pl.Array)
    kind = column.dtype.inner if isinstance(column.dtype, pl.Array) else column.dtype
    numbers = kind.is_numeric() and not column.has_nulls()
    for block in column.to_frame().iter_slices(SLICE):
        values = block.to_series()
        if isinstance(kind, pl.Enum) and not vectors:
            values, numbers = values.to_physical().cast(pl.Int64), True
        if numbers:
            digest.update(values.to_numpy().astype("<f8" if kind.is_float() else "<i8").tobytes())
        else:
            digest.update(json.dumps(values.to_list(), default=str).encode())


def _checksum(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
