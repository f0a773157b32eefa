"""Where rows of tables in several files stand: text, JSON lines or Parquet."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import polars as pl

from ssrec.data.files.layout import BadRows
from ssrec.data.files.places import Place, in_parquet, in_text, one_after_the_other
from ssrec.data.files.refused import kept
from ssrec.data.sources.table_files import Text, format_of, parquet


def place_of(files: Sequence[Path], text: Text, bad: BadRows, ours: Mapping[str, str]) -> Place:
    """Of the rows of files, in order, but for those in `bad`; how many each has is counted when somebody asks.

    `ours` says what the files call user, item and the like.
    """
    parts = []
    for file in files:
        if format_of(str(file), file.name) == "parquet":
            parts.append((partial(_in_parquet, file, bad), in_parquet(file, parquet([file]), bad, ours)))
        else:
            parts.append((partial(_in_text, file, text, bad), in_text(text.origin(file), bad, ours)))
    return one_after_the_other(parts)


def _in_parquet(file: Path, bad: BadRows) -> int:
    return parquet([file]).select(pl.len()).collect().item() - sum(row.file == str(file) for row in bad.rows)


def _in_text(file: Path, text: Text, bad: BadRows) -> int:
    return sum(1 for _ in kept(text.origin(file), bad))
