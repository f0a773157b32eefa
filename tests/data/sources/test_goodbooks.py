"""Goodbooks-10k: quoted titles, and shelves as attributes."""

import pytest
from layouts import change, load, source_of

from ssrec.data.files.layout import BadRows
from ssrec.errors import CompositionError, DataError


def read(source, raw):
    return source.read(source.files(raw), BadRows())


def test_books(tmp_path, monkeypatch):
    source, _ = load("goodbooks-10k", tmp_path, monkeypatch)
    items = read(source, tmp_path).items
    assert items.row(0, named=True) == {
        "item": 1,
        "title": 'Title, "1"',
        "authors": ["A. é", "B 1"],
        "language": ["eng"],
        "year": 1991.0,
        "image_url": "http://images/1.jpg",
        "attributes": ["to-read", "fantasy", "ürün", "-"],
    }
    assert items["attributes"][4].to_list() == [] and items["year"][1] is None and items["language"][2].to_list() == []


def test_few_shelves(tmp_path, monkeypatch):
    source, _ = load("goodbooks-10k", tmp_path, monkeypatch, max_tags=2)
    assert read(source, tmp_path).items["attributes"][0].to_list() == ["to-read", "fantasy"]
    with pytest.raises(CompositionError, match=r"dataset\.max_tags=0: at least 1"):
        source_of("goodbooks-10k", {"max_tags": 0})


@pytest.mark.parametrize(
    "file, old, new, message",
    [
        ("ratings.csv", b"1,1,2\n", b"1,1,9\n", r"ratings\.csv, line 2, column 3 \(.+\): a rating is 1 to 5, not 9"),
        ("ratings.csv", b"1,1,2\n", b"", r"ratings\.csv is truncated: 59 of 60 rows"),
        ("books.csv", b',"A. ', b",A. ", r"books\.csv, line 2, column 5 .*: a "),
        (
            "books.csv",
            b",1991.0,",
            b",long ago,",
            r"books\.csv, line 2, column 5 \(.+\): 'long ago' is no finite number",
        ),
        ("book_tags.csv", b"tag_id", b"tag", r"book_tags\.csv, line 1, column tag_id: missing in the header"),
    ],
)
def test_broken_files_are_named(tmp_path, monkeypatch, file, old, new, message):
    source, _ = load("goodbooks-10k", tmp_path, monkeypatch)
    change(tmp_path / file, old, new)
    with pytest.raises(DataError, match=message):
        read(source, tmp_path)
