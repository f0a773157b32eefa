"""Steam: lines of Python, prices in words, games that stand twice."""

import pytest
from layouts import change, load

from ssrec.data.files.layout import BadRows
from ssrec.errors import DataError


def read(source, raw):
    return source.read(source.files(raw), BadRows())


def test_games(tmp_path, monkeypatch):
    source, _ = load("steam", tmp_path, monkeypatch)
    items = {row["item"]: row for row in read(source, tmp_path).items.to_dicts()}
    assert items["10"] == {
        "item": "10",
        "title": "Lost 1",
        "attributes": ["Action", "Indie"],
        "tags": ["Strategy"],
        "developer": ["Koto"],
        "publisher": ["Koto"],
        "price": 5.99,
        "year": 2018,
    }
    assert [(items[i]["title"], items[i]["price"], items[i]["year"]) for i in ("130", "140", "150")] == [
        ("Free one", 0.0, None),
        ("Third", None, 2009),
        (None, None, None),
    ]


@pytest.mark.parametrize(
    "file, old, new, message",
    [
        (
            "steam_reviews.json.gz",
            b"u'2017-12-01'",
            b"u'2017-13-01'",
            r"steam_reviews\.json\.gz, line 1, column date: '2017-13-01' is no",
        ),
        ("steam_reviews.json.gz", b"u'product_id': u'10'", b"u'x': 1", r"line 1, column product_id: missing"),
        (
            "steam_games.json.gz",
            b"{u'publisher'",
            b"{u'publisher",
            r"steam_games\.json\.gz, line 1, column \d+: no Python literal",
        ),
        (
            "steam_games.json.gz",
            b"[u'Strategy']",
            b"u'Strategy'",
            r"line 1, column tags: .Strategy. should be a list",
        ),
    ],
)
def test_broken_files_are_named(tmp_path, monkeypatch, file, old, new, message):
    source, _ = load("steam", tmp_path, monkeypatch)
    change(tmp_path / file, old, new)
    with pytest.raises(DataError, match=message):
        read(source, tmp_path)
