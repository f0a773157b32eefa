"""Vectors of items (images, sounds, texts) that lie in .npy files, one row an item."""

from pathlib import Path

import numpy as np
import polars as pl

from ssrec.data.files.arrays import odd_number, read_npy
from ssrec.errors import DataError


def read_vectors(path: Path, name: str, items: int | None = None) -> pl.Series:
    """A matrix as a column of Array(Float32, n).

    Raises:
        DataError: it is no finite matrix, or has another number of rows than there are items.
    """
    matrix = read_npy(path)
    if matrix.ndim != 2 or not matrix.size:
        raise DataError(f"{path} holds an array of shape {matrix.shape}, where a row of numbers an item belongs")
    if items is not None and len(matrix) != items:
        raise DataError(f"{path} has {len(matrix):,} rows, where {items:,} items need one each")
    with np.errstate(over="ignore"):
        vectors = matrix.astype(np.float32)
    if not (fits := np.isfinite(vectors)).all():
        raise odd_number(path, name, matrix, ~fits, "is too large for 32 bits")
    return pl.Series(name, vectors, dtype=pl.Array(pl.Float32, vectors.shape[1]))
