"""Matrices of users and items as scipy saves them, with feature matrices of the items: the layout of MMSSL's data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import final

import numpy as np
import polars as pl

from ssrec.data.files.arrays import read_npz
from ssrec.data.files.download import Publication, locate
from ssrec.data.files.layout import BadRows
from ssrec.data.files.places import in_matrix, one_after_the_other
from ssrec.data.source import Source, Tables
from ssrec.data.sources.item_vectors import read_vectors
from ssrec.data.sources.named import check_name, check_without_history
from ssrec.errors import DataError

LICENCE = "The files come from the repository of MMSSL (Wei et al., WWW 2023), for research."


@final
@dataclass(frozen=True, kw_only=True)
class SparseMatrices(Source):
    """A given split, one matrix a part, without times (Wei et al., WWW 2023); users are rows and items columns from 0.

    `vectors` names the .npy file of each vector column: row i is item i. The catalogue is all columns of the matrices.
    Users with held-out and no training events are an error, or stay (`without_history=keep`) with an empty past.
    """

    root: str | None = None
    name: str = "sparse-matrix"  # type: ignore[override]
    train: str = "trnMat.npz"
    val: str | None = "valMat.npz"
    test: str | None = "tstMat.npz"
    weights: bool = False
    vectors: Mapping[str, str] = field(default_factory=dict)
    without_history: str = "error"

    def __post_init__(self) -> None:
        check_name(self.name)
        check_without_history(self.without_history)

    @property
    def parts(self) -> Mapping[str, str]:
        """The parts that have a file."""
        given = {"train": self.train, "val": self.val, "test": self.test}
        return {part: file for part, file in given.items() if file is not None}

    @property
    def offers(self) -> frozenset[str]:  # type: ignore[override]
        return frozenset({"parts", *(["weights"] if self.weights else []), *self.vectors})

    @property
    def settings(self) -> Mapping[str, object]:
        content = {"weights": self.weights, "vectors": list(self.vectors)}
        return {"parts": list(self.parts), **content, "without_history": self.without_history}

    def files(self, raw: Path) -> list[Path]:
        files = (*self.parts.values(), *self.vectors.values())
        return locate(Publication(self.name, files, LICENCE), root=self.root, download=False, raw=raw)

    def read(self, files: Sequence[Path], bad: BadRows) -> Tables:
        matrices = files[: len(self.parts)]
        events, shapes, zeros = [], [], 0
        for part, file in zip(self.parts, matrices, strict=True):
            matrix = read_npz(file)
            entries = pl.DataFrame(
                {"user": matrix.rows, "item": matrix.columns, "weight": matrix.values.astype(np.float64)}
            )
            events.append(entries.filter(pl.col("weight") != 0).with_columns(part=pl.lit(part)))
            zeros += len(entries) - len(events[-1])
            shapes.append(matrix.shape)
        for file, shape in zip(matrices, shapes, strict=True):
            if shape != shapes[0]:
                raise DataError(f"{file} is a matrix of {shape} users and items, and {matrices[0]} one of {shapes[0]}")
        table = pl.concat(events)
        items = pl.DataFrame({"item": range(shapes[0][1])}, schema={"item": pl.Int64})
        vectors = zip(self.vectors, files[len(matrices) :], strict=True)
        items = items.with_columns(read_vectors(file, name, len(items)) for name, file in vectors)
        place = one_after_the_other([(len(e), in_matrix(f)) for e, f in zip(events, matrices, strict=True)])
        return Tables(
            table if self.weights else table.drop("weight"),
            items,
            removed={"stored zeros": zeros},
            places={"interactions": place},
            without_history=self.without_history,
        )
