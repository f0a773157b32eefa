"""Yelp: reviews as events, businesses as items."""

import pytest
from layouts import change, load

from ssrec.data.files.layout import BadRows
from ssrec.errors import DataError


def read(source, raw):
    return source.read(source.files(raw), BadRows())


def test_businesses(tmp_path, monkeypatch):
    source, _ = load("yelp", tmp_path, monkeypatch)
    items = {row[0]: row[1:] for row in read(source, tmp_path).items.iter_rows()}
    assert items["b_1"] == ("Café 1", ["Food", "Kind 1"], ["Tucson"], ["AZ"])
    assert items["b_2"] == ("Café 2", [], [], ["AZ"])
    assert items["b_15"] == (None, [], [], [])


def test_what_counts_the_future_is_left_out(tmp_path, monkeypatch):
    source, _ = load("yelp", tmp_path, monkeypatch)
    assert not {"stars", "review_count"} & set(read(source, tmp_path).items.columns)


@pytest.mark.parametrize(
    "file, old, new, message",
    [
        (
            "review",
            b'"2018-07-07 22:00:11"',
            b'"yesterday"',
            r"review\.json, line 1, column date: 'yesterday' is no time in iso",
        ),
        (
            "review",
            b'"stars": 2.0',
            b'"stars": "many"',
            r"review\.json, line 1, column stars: .many. should be a number",
        ),
        ("review", b'{"review_id": "r1"', b'{"review_id": "r1', r"review\.json, line 2"),
        ("business", b'"business_id": "b_3", ', b"", r"business\.json, line 3, column business_id: missing"),
    ],
)
def test_broken_files_are_named(tmp_path, monkeypatch, file, old, new, message):
    source, _ = load("yelp", tmp_path, monkeypatch)
    change(tmp_path / f"yelp_academic_dataset_{file}.json", old, new)
    with pytest.raises(DataError, match=message):
        read(source, tmp_path)


def test_nobody_publishes_it(tmp_path, monkeypatch):
    monkeypatch.delenv("SSREC_DATA", raising=False)
    source, _ = load("yelp", tmp_path / "yelp", monkeypatch, root=None)
    with pytest.raises(DataError, match=r"yelp_academic_dataset_review\.json, .* not found"):
        source.files(tmp_path / "raw")
