"""Arrays and sparse matrices: the layouts of scipy's files are read, whatever else they hold is refused."""

import io
import pickle
import zipfile

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ssrec.data.files.arrays import read_npy, read_npz
from ssrec.errors import DataError

DENSE = np.array([[0, 2, 0], [0, 0, 0], [1, 0, 3], [0, 5, 0]])
ROWS, COLUMNS = np.nonzero(DENSE)


def stored(path, **parts):
    """As scipy.sparse.save_npz writes."""
    np.savez_compressed(path, **parts)
    return path


def layout(kind: str) -> dict:
    """The parts of DENSE in one of scipy's layouts."""
    common = {"format": np.array(kind.encode()), "shape": np.array(DENSE.shape), "data": DENSE[ROWS, COLUMNS]}
    if kind == "coo":
        return {**common, "row": ROWS.astype(np.int32), "col": COLUMNS.astype(np.int32)}
    if kind == "csr":
        return {**common, "indices": COLUMNS, "indptr": np.array([0, 1, 1, 3, 4], np.int32)}
    order = np.lexsort((ROWS, COLUMNS))
    data = DENSE[ROWS, COLUMNS][order]
    return {**common, "data": data, "indices": ROWS[order], "indptr": np.array([0, 1, 3, 4], np.int32)}


@pytest.mark.parametrize("kind", ["csr", "csc", "coo"])
def test_sparse_layouts(tmp_path, kind):
    got = read_npz(stored(tmp_path / "m.npz", **layout(kind)))
    assert got.shape == DENSE.shape
    again = np.zeros(got.shape, int)
    again[got.rows, got.columns] = got.values
    assert (again == DENSE).all() and len(got.values) == 4


@pytest.mark.parametrize(
    "kind, change, message",
    [
        ("csr", {"format": np.array(b"bsr")}, "its format is 'bsr'"),
        ("csr", {"indptr": np.array([0, 1, 1, 3, 5])}, "indptr should be 5 places that rise from 0 to 4"),
        ("csr", {"indptr": np.array([0, 3, 1, 3, 4])}, "indptr"),
        ("csr", {"indptr": np.array([0, 4])}, "indptr"),
        (
            "csr",
            {"indices": np.array([1, 0, 2, 3])},
            r"row 3, column 3 .*: no column of a matrix of shape \(4, 3\); columns are 0 to 2, in row .\(3, 3\) 5",
        ),
        ("coo", {"row": np.array([-1, 2, 2, 3])}, "row -1, column 1 .*: no row of a matrix"),
        ("coo", {"row": np.array([1, 2])}, "2 rows, 4 columns and 4 values"),
        ("coo", {"row": np.array([0.5, 1, 2, 3])}, "row should be a row of integers"),
        ("coo", {"data": np.array(["a"] * 4)}, "data should hold numbers"),
        (
            "coo",
            {"data": np.array([1, np.nan, 1, 1])},
            r"row 2, column 0 \(both counted from 0\): no finite number, in row .\(2, 0\) nan",
        ),
        ("coo", {"shape": np.array([4])}, "two sizes"),
        ("coo", {"shape": np.array([-4, 3])}, "two sizes"),
    ],
)
def test_broken_matrices_are_refused(tmp_path, kind, change, message):
    with pytest.raises(DataError, match=message):
        read_npz(stored(tmp_path / "m.npz", **{**layout(kind), **change}))


def test_other_files_are_refused(tmp_path):
    file = tmp_path / "m.npz"
    parts = layout("csr")
    del parts["indptr"]
    with pytest.raises(DataError, match=r"is no scipy sparse matrix .* it has data, format, indices, shape"):
        read_npz(stored(file, **parts))
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("notes.txt", "hello")
    with pytest.raises(DataError, match=r"m\.npz"):
        read_npz(file)
    np.save(tmp_path / "a.npy", np.zeros(3))
    with pytest.raises(DataError, match="holds one array"):
        read_npz(tmp_path / "a.npy")
    with pytest.raises(DataError, match="holds several"):
        read_npy(stored(file, **layout("csr")))
    with pytest.raises(DataError, match="cannot be read: No such file"):
        read_npy(tmp_path / "none")


def test_arrays(tmp_path):
    file = tmp_path / "a.npy"
    for array in (np.arange(6, dtype=np.float16).reshape(2, 3), np.arange(3), np.zeros((0, 2))):
        np.save(file, array)
        got = read_npy(file)
        assert got.dtype == array.dtype and np.array_equal(got, array)
    for array in (np.array(["a"]), np.array([np.inf]), np.array([1j]), np.array([(1, 2)], dtype="i4,i4")):
        np.save(file, array)
        with pytest.raises(DataError, match=r"a\.npy.*(should hold numbers|no finite)"):
            read_npy(file)


class Bomb:
    def __reduce__(self):
        return (pytest.fail, ("unpickled",))


def test_nothing_is_unpickled(tmp_path):
    file = tmp_path / "a.npy"
    np.save(file, np.array([Bomb()], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="holds no arrays"):
        read_npy(file)
    file.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(DataError, match="holds no arrays"):
        read_npy(file)
    torch.save({"a": 1}, file)
    with pytest.raises(DataError, match=r"a\.npy"):
        read_npy(file)


def content(kind: str) -> bytes:
    out = io.BytesIO()
    if kind == "npy":
        np.save(out, DENSE)
    else:
        np.savez_compressed(out, **layout(kind))
    return out.getvalue()


WHOLE = {kind: content(kind) for kind in ("npy", "csr", "coo")}


@given(kind=st.sampled_from(list(WHOLE)), data=st.data())
def test_a_cut_or_changed_file_is_refused_or_read_right(tmp_path_factory, kind, data):
    whole = WHOLE[kind]
    at = data.draw(st.integers(0, len(whole) - 1))
    changed = data.draw(
        st.one_of(st.just(whole[:at]), st.binary(max_size=60).map(lambda b: whole[:at] + b + whole[at:]))
    )
    file = tmp_path_factory.mktemp("any") / "t"
    file.write_bytes(changed)
    try:
        if kind == "npy":
            assert isinstance(read_npy(file), np.ndarray)
        else:
            got = read_npz(file)
            assert got.shape == DENSE.shape and sorted(got.values.tolist()) == [1, 2, 3, 5]
    except DataError as e:
        assert str(file) in str(e)


@given(noise=st.binary(max_size=200), magic=st.sampled_from([b"", b"\x93NUMPY\x01\x00", b"PK\x03\x04"]))
def test_any_bytes_are_refused(tmp_path_factory, noise, magic):
    file = tmp_path_factory.mktemp("any") / "t"
    file.write_bytes(magic + noise)
    for read in (read_npy, read_npz):
        with pytest.raises(DataError):
            read(file)
