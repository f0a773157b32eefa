"""Last.fm 2K: tags become attributes, in the order of how many users gave them."""

from collections import Counter

import pytest
from layouts import change, load

from ssrec.data.files.layout import BadRows
from ssrec.errors import DataError


def read(source, raw):
    return source.read(source.files(raw), BadRows())


def test_tags_against_a_loop(tmp_path, monkeypatch):
    source, _ = load("lastfm", tmp_path, monkeypatch)
    items = read(source, tmp_path).items
    rows = (tmp_path / "user_taggedartists.dat").read_text().splitlines()[1:]
    given = {tuple(map(int, row.split("\t")[:3])) for row in rows}
    for item, title, attributes in items.iter_rows():
        counts = Counter(tag for _, artist, tag in given if artist == item)
        assert attributes == [f"täg {t}" for t in sorted(counts, key=lambda t: (-counts[t], t))]
        assert title == f'Artist "é{item}'
    assert any(len(x) > 2 for x in items["attributes"]) and items["item"].to_list() == list(range(1, 16))


@pytest.mark.parametrize(
    "file, old, new, message",
    [
        (
            "user_artists.dat",
            b"\t101\r",
            b"\t-5\r",
            r"artists\.dat, line 2, column 3 \(.+\): a weight is 0 to 1e\+09, not -5",
        ),
        ("user_artists.dat", b"weight", b"plays", r"user_artists\.dat, line 1, column weight: missing in the header"),
        ("tags.dat", b"\r\n6\t", b"\r\n", r"tags\.dat, line 7, column 2 .tagValue.: missing"),
    ],
)
def test_broken_files_are_named(tmp_path, monkeypatch, file, old, new, message):
    source, _ = load("lastfm", tmp_path, monkeypatch)
    change(tmp_path / file, old, new)
    with pytest.raises(DataError, match=message):
        read(source, tmp_path)
