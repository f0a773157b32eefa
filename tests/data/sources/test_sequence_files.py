"""The files of SASRec and S3-Rec: order is kept, the catalogue is whole, broken rows are named."""

import pytest
from layouts import change, lines, load, source_of

from ssrec.data.files.layout import BadRows
from ssrec.errors import CompositionError, DataError


def test_attributes_of_all_items(tmp_path, monkeypatch):
    source, _ = load("s3rec-file", tmp_path, monkeypatch)
    items = dict(source.read(source.files(tmp_path), BadRows()).items.iter_rows())
    assert items == {i: [] if i == 1 else [str(i % 3), "9"] for i in range(1, 17)}


def test_without_attributes(tmp_path, monkeypatch):
    source, made = load("s3rec-file", tmp_path, monkeypatch, attributes=None)
    tables = source.read(source.files(tmp_path), BadRows())
    assert source.offers == frozenset() and tables.items is None and len(tables.interactions) == len(made.events)


@pytest.mark.parametrize(
    "old, new, message",
    [
        (b"2 6\n", b"2 6 7\n", r"beauty\.txt, line 7, column 3: 1 field too many; a row has 2 fields separated by ' '"),
        (b"2 6\n", b"2 x6\n", r"beauty\.txt, line 7, column 2 \(.+\): 'x6' is no integer, in row '2 x6'"),
        (b"12 14\n", b"12 14", r"beauty\.txt, line \d+, column \d+: the file is truncated, its last line has no end"),
    ],
)
def test_broken_rows_are_named(tmp_path, monkeypatch, old, new, message):
    source, _ = load("sasrec-file", tmp_path, monkeypatch)
    change(tmp_path / "beauty.txt", old, new)
    with pytest.raises(DataError, match=message):
        source.read(source.files(tmp_path), BadRows())


def test_broken_rows_are_skipped(tmp_path, monkeypatch):
    source, made = load("sasrec-file", tmp_path, monkeypatch)
    change(tmp_path / "beauty.txt", b"2 6\n", b"2 x6\n")
    bad = BadRows("skip")
    assert len(source.read(source.files(tmp_path), bad).interactions) == len(made.events) - 1
    assert [(row.line, row.column) for row in bad.rows] == [(7, "2 (item)")]


def test_gzipped_it_is_found_too(tmp_path):
    lines(tmp_path / "a.txt.gz", ["1 2", "1 3"])
    source = source_of("sasrec-file", {"path": f"{tmp_path}/a.txt"})
    assert source.read(source.files(tmp_path), BadRows()).interactions.rows() == [(1, 2), (1, 3)]


def test_names_and_places(tmp_path):
    with pytest.raises(CompositionError, match=r"dataset\.name=a/b: a name is made of letters"):
        source_of("sasrec-file", {"path": "x", "name": "a/b"})
    with pytest.raises(DataError, match=r"dataset\.path=.* is a folder; name a file"):
        source_of("sasrec-file", {"path": str(tmp_path)}).files(tmp_path)
