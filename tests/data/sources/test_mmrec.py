"""MMRec's layout: a label is a part, rows of features are items."""

import numpy as np
import pytest
from layouts import change, features, load

from ssrec.data.files.layout import BadRows
from ssrec.errors import DataError


def read(source, raw):
    return source.read(source.files(raw), BadRows())


def test_only_what_is_asked_for(tmp_path, monkeypatch):
    source, made = load("mmrec", tmp_path, monkeypatch, time=None, weight=None, vectors={})
    tables = read(source, tmp_path)
    assert source.offers == {"parts"} and tables.items is None
    assert tables.interactions.rows() == [(e["user"], e["item"], e["part"]) for e in made.events]


def test_vectors_are_the_rows(tmp_path, monkeypatch):
    source, _ = load("mmrec", tmp_path, monkeypatch)
    items = read(source, tmp_path).items
    assert np.array_equal(items["text_vector"].to_numpy(), features(16, 3).astype(np.float32))


@pytest.mark.parametrize(
    "old, new, message",
    [
        (b"\t1000\t0", b"\t1000\t3", r"baby\.inter, line 2, column 5 \(.+\): a x_label is 0 to 2, not 3"),
        (b"\n0\t0\t", b"\n0\t-1\t", r"baby\.inter, line 2, column 2 \(.+\): a itemID is 0 to .*, not -1"),
        (
            b"\n0\t0\t",
            b"\n0\t16\t",
            r"baby\.inter, line 2, column 2 .itemID.: item 16, where .*image_feat\.npy has 16 rows, counted from 0",
        ),
        (b"x_label", b"label", r"baby\.inter, line 1, column x_label: missing in the header"),
        (
            b"timestamp",
            b"time",
            r"column timestamp: the file has no such column \(dataset\.time\); did you mean time\? It has userID",
        ),
    ],
)
def test_broken_files_are_named(tmp_path, monkeypatch, old, new, message):
    source, _ = load("mmrec", tmp_path, monkeypatch)
    change(tmp_path / "baby.inter", old, new)
    with pytest.raises(DataError, match=message):
        read(source, tmp_path)


def test_features_of_different_numbers_of_items(tmp_path, monkeypatch):
    source, _ = load("mmrec", tmp_path, monkeypatch)
    np.save(tmp_path / "text_feat.npy", features(15))
    with pytest.raises(DataError, match=r"text_feat\.npy has 15 rows, and .*image_feat\.npy has 16"):
        read(source, tmp_path)
