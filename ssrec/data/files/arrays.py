"""numpy's and scipy's files of arrays, read without running what they may hold; scipy itself is not needed."""

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
from jaxtyping import Bool, Int, Num

from ssrec.data.files.layout import worded
from ssrec.errors import DataError


@final
@dataclass(frozen=True)
class SparseMatrix:
    """The stored elements of a sparse matrix of a shape, in the order of the file; rows and columns from 0."""

    rows: Int[np.ndarray, "E"]
    columns: Int[np.ndarray, "E"]
    values: Num[np.ndarray, "E"]
    shape: tuple[int, int]


def read_npy(path: Path) -> np.ndarray:
    """An array of numbers; pickles are refused.

    Raises:
        DataError: the file cannot be read, is cut short, or holds something else.
    """
    array = _load(path)
    if not isinstance(array, np.ndarray):
        raise DataError(f"{path} should hold one array (.npy), and holds several")
    return _numbers(path, path.name, array)


def read_npz(path: Path) -> SparseMatrix:
    """A scipy sparse matrix in the csr, csc or coo layout; pickles are refused.

    Raises:
        DataError: the file cannot be read, is cut short, or holds something else.
    """
    parts = _load(path)
    if not isinstance(parts, dict):
        raise DataError(f"{path} should hold a scipy sparse matrix (.npz), and holds one array")
    kind = parts.get("format", np.array(b"")).tobytes().rstrip(b"\0").replace(b"\0", b"").decode("latin-1")
    needed = {"csr": ("indptr", "indices"), "csc": ("indptr", "indices"), "coo": ("row", "col")}.get(kind)
    missing = [name for name in (*(needed or ()), "data", "shape") if name not in parts]
    if needed is None or missing:
        has = ", ".join(sorted(parts)) or "nothing"
        raise DataError(f"{path} is no scipy sparse matrix (csr, csc or coo): its format is {kind!r}, it has {has}")
    values = _numeric(path, "data", parts["data"])
    shape = _integers(path, "shape", parts["shape"])
    if len(shape) != 2 or (shape < 0).any():
        raise DataError(f"{path}: the shape should be two sizes, and is {shape.tolist()}")
    if kind == "coo":
        rows, columns = (_integers(path, name, parts[name]) for name in needed)
    else:
        starts, inner = (_integers(path, name, parts[name]) for name in needed)
        outer = _expanded(path, starts, int(shape[0 if kind == "csr" else 1]), len(inner))
        rows, columns = (outer, inner) if kind == "csr" else (inner, outer)
    if not len(rows) == len(columns) == len(values) or values.ndim != 1:
        raise DataError(f"{path}: {len(rows):,} rows, {len(columns):,} columns and {values.size:,} values")
    found = SparseMatrix(rows, columns, values, (int(shape[0]), int(shape[1])))
    for name, index, size in (("row", rows, shape[0]), ("column", columns, shape[1])):
        if len(index) and not (index.min() >= 0 and index.max() < size):
            why = f"no {name} of a matrix of shape {tuple(shape.tolist())}; {name}s are 0 to {size - 1}"
            raise _odd_element(path, found, (index < 0) | (index >= size), why)
    if values.dtype.kind == "f" and not (finite := np.isfinite(values)).all():
        raise _odd_element(path, found, ~finite, "no finite number")
    return found


def _odd_element(path: Path, matrix: SparseMatrix, wrong: Bool[np.ndarray, "E"], why: str) -> DataError:
    """The error of the first of the wrong elements."""
    k = int(wrong.argmax())
    row, column = int(matrix.rows[k]), int(matrix.columns[k])
    element = f"({row}, {column}) {matrix.values[k]:g}"
    return DataError(worded(path, why, line=row, column=f"{column} (both counted from 0)", row=element, unit="row"))


def _load(path: Path) -> Any:
    """The file's array, or its arrays by name."""
    try:
        if not path.stat().st_size:
            raise DataError(worded(path, "the file is empty; arrays belong in it (.npy, .npz)"))
        with path.open("rb") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # numpy warns of headers that Python 2 wrote
            loaded = np.load(file, allow_pickle=False)
            if isinstance(loaded, np.ndarray):
                return loaded
            with loaded:
                return {name: np.asarray(loaded[name]) for name in loaded.files}
    except DataError:
        raise
    except OSError as e:
        if e.strerror is None:
            raise DataError(f"{path} holds no arrays ({e}); is it truncated?") from e
        raise DataError(f"{path} cannot be read: {e.strerror}") from e
    except Exception as e:  # numpy evaluates headers and opens archives: of noise it raises anything
        raise DataError(f"{path} holds no arrays ({type(e).__name__}: {e}); is it truncated?") from e


def _numeric(path: Path, name: str, array: np.ndarray) -> np.ndarray:
    if array.dtype.kind not in "biuf":
        raise DataError(f"{path}: {name} should hold numbers, and holds {array.dtype}")
    return array


def _numbers(path: Path, name: str, array: np.ndarray) -> np.ndarray:
    _numeric(path, name, array)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise odd_number(path, name, array, ~np.isfinite(array), "is no finite number")
    return array


def odd_number(path: Path, name: str, array: np.ndarray, wrong: Bool[np.ndarray, "..."], why: str) -> DataError:
    """The error of the first of the wrong numbers of an array, with its row."""
    at = np.argwhere(wrong)[0].tolist()
    row = array[at[0]] if array.ndim > 1 else array[max(0, at[0] - 4) : at[0] + 4] if array.ndim else array
    text = np.array2string(row, threshold=8, edgeitems=3, max_line_width=10**6)
    why, place = f"{array[tuple(at)]} {why}", ", ".join(map(str, at))
    if len(at) == 2:
        line, column = place.split(", ")
        return DataError(worded(path, why, line=line, column=f"{column} (both counted from 0)", row=text, unit="row"))
    return DataError(worded(path, f"{why}, at place {place} of {name}, counted from 0", row=text))


def _integers(path: Path, name: str, array: np.ndarray) -> Int[np.ndarray, "N"]:
    if array.dtype.kind not in "iu" or array.ndim != 1:
        raise DataError(f"{path}: {name} should be a row of integers, and is {array.dtype} of shape {array.shape}")
    return array.astype(np.int64)


def _expanded(path: Path, starts: Int[np.ndarray, "R1"], n: int, stored: int) -> Int[np.ndarray, "E"]:
    """The row of each element, from where rows start."""
    lengths = np.diff(starts)
    if len(starts) != n + 1 or starts[0] != 0 or starts[-1] != stored or (lengths < 0).any():
        raise DataError(f"{path}: indptr should be {n + 1:,} places that rise from 0 to {stored:,}")
    return np.repeat(np.arange(n), lengths)
