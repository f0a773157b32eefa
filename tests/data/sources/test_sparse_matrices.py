"""MMSSL's matrices: every layout of scipy's, zeros, vectors, shapes that do not fit."""

import os
from collections import Counter

import numpy as np
import pytest
from layouts import features, load, matrix, source_of

from ssrec.data.files.layout import BadRows
from ssrec.errors import DataError

real = pytest.mark.skipif("SSREC_DATA" not in os.environ, reason="SSREC_DATA names no folder with tiktok")


def read(source, raw):
    return source.read(source.files(raw), BadRows())


@pytest.mark.parametrize("kind", ["csr", "csc", "coo"])
def test_layouts(tmp_path, kind):
    entries = [(2, 0, 3.0), (0, 1, 0.5), (0, 3, 0.0), (1, 3, 1.0)]
    matrix(tmp_path / "trnMat.npz", entries, (4, 5), kind)
    source = source_of("sparse-matrix", {"root": str(tmp_path), "val": None, "test": None, "weights": True})
    tables = read(source, tmp_path)
    wanted = {(2, 0, 3.0, "train"), (0, 1, 0.5, "train"), (1, 3, 1.0, "train")}
    assert set(tables.interactions.rows()) == wanted and len(tables.interactions) == 3
    assert tables.items["item"].to_list() == [0, 1, 2, 3, 4] and tables.removed == {"stored zeros": 1}
    assert source.offers == {"parts", "weights"}


def test_vectors_are_the_rows(tmp_path, monkeypatch):
    source, _ = load("tiktok", tmp_path, monkeypatch)
    items = read(source, tmp_path).items
    assert np.array_equal(items["image"].to_numpy(), features(17).astype(np.float32))
    assert np.array_equal(items["audio"].to_numpy(), features(17, 3).astype(np.float32))


@pytest.mark.parametrize(
    "array, message",
    [
        (features(16), r"image_feat\.npy has 16 rows, where 17 items need one each"),
        (features(17).ravel(), r"image_feat\.npy holds an array of shape \(68,\), where a row of numbers an item"),
        (
            np.full((17, 2), np.nan),
            r"image_feat\.npy, row 0, column 0 .both counted from 0.: nan is no finite number, in row",
        ),
        (
            np.full((17, 2), 1e300),
            r"image_feat\.npy, row 0, column 0 .both counted from 0.: 1e.300 is too large for 32 bits, in row",
        ),
        (np.array([["a"]] * 17), r"image_feat\.npy.* should hold numbers"),
        (np.array([[{}]] * 17, dtype=object), r"image_feat\.npy holds no arrays"),  # a pickle
    ],
)
def test_features_that_do_not_fit_are_refused(tmp_path, monkeypatch, array, message):
    source, _ = load("tiktok", tmp_path, monkeypatch)
    np.save(tmp_path / "image_feat.npy", array)
    with pytest.raises(DataError, match=message):
        read(source, tmp_path)


def test_matrices_of_different_shapes_are_refused(tmp_path, monkeypatch):
    source, _ = load("tiktok", tmp_path, monkeypatch)
    matrix(tmp_path / "tstMat.npz", [(0, 0, 1.0)], (12, 16))
    with pytest.raises(DataError, match=r"tstMat\.npz is a matrix of \(12, 16\) users and items, and .*trnMat"):
        read(source, tmp_path)


@real
def test_tiktok_as_published(tmp_path):
    tables = read(source_of("tiktok", {}), tmp_path)
    events = tables.interactions
    assert (events["user"].n_unique(), len(tables.items)) == (9_308, 6_710)
    assert Counter(events["part"].to_list()) == {"train": 59_541, "val": 3_051, "test": 6_130}
    assert tables.items.schema["image"].shape == tables.items.schema["audio"].shape == (128,)
    assert tables.removed == {"stored zeros": 0}
