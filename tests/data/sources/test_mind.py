"""MIND: clicks of what was shown, and the reading before."""

import pytest
from layouts import change, load

from ssrec.data.files.layout import BadRows
from ssrec.errors import DataError


def read(source, raw):
    return source.read(source.files(raw), BadRows())


def test_without_history(tmp_path, monkeypatch):
    source, _ = load("mind-small", tmp_path, monkeypatch, history=False)
    clicks = read(source, tmp_path).interactions
    pairs = [("U1", "N8"), ("U1", "N3"), ("U1", "N5"), ("U1", "N10"), ("U2", "N1"), ("U3", "N7")]
    assert clicks.select("user", "item").rows() == pairs
    assert clicks["part"].to_list() == ["train", "train", "train", "test", "test", "train"]


def test_news(tmp_path, monkeypatch):
    source, _ = load("mind-small", tmp_path, monkeypatch)
    news = read(source, tmp_path).items
    assert news["item"].to_list() == [f"N{i}" for i in range(1, 11)]
    assert news.rows()[:2] == [
        ("N1", 'Title "1', "About 1", ["sports", "kind1"]),
        ("N2", 'Title "2', None, ["sports", "kind2"]),
    ]


@pytest.mark.parametrize(
    "file, old, new, message",
    [
        (
            "train/behaviors.tsv",
            b" N4-0 ",
            b" N4 ",
            r"behaviors\.tsv, line 1, column 5 \(shown\): what was shown should be news",
        ),
        (
            "dev/behaviors.tsv",
            b"11/15/2019 2",
            b"15/11/2019 2",
            r"behaviors\.tsv, line 2, column 3 \(time\): '15/11/2019 2:00:00 PM'",
        ),
        ("train/behaviors.tsv", b"\t\t", b"\t", r"behaviors\.tsv, line 2, column 5 \(shown\): missing"),
        ("dev/news.tsv", b"\tsports", b"", r"news\.tsv, line 1, column 8 .*: missing"),
    ],
)
def test_broken_files_are_named(tmp_path, monkeypatch, file, old, new, message):
    source, _ = load("mind-small", tmp_path, monkeypatch)
    change(tmp_path / f"MINDsmall_{file}", old, new)
    with pytest.raises(DataError, match=message):
        read(source, tmp_path)
