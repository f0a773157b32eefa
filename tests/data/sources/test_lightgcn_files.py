"""LightGCN's folders: a given split, whole by published counts."""

import os
from collections import Counter

import pytest
from layouts import change, load, source_of

from ssrec.data.files.layout import BadRows
from ssrec.errors import DataError

real = pytest.mark.skipif("SSREC_DATA" not in os.environ, reason="SSREC_DATA names no folder with gowalla")


def test_a_user_may_have_no_test_items(tmp_path, monkeypatch):
    source, made = load("amazon-book", tmp_path, monkeypatch)
    assert (tmp_path / "test.txt").read_bytes().startswith(b"0 \n")
    assert sum(e["user"] == 0 and e["part"] == "test" for e in made.events) == 0
    assert len(source.read(source.files(tmp_path), BadRows()).interactions) == len(made.events)


@pytest.mark.parametrize(
    "file, old, new, message",
    [
        ("train.txt", b"\n1 ", b"\n1 x ", r"train\.txt, line 2, column 2 \(.+\): 'x' is no integer"),
        ("test.txt", b"\n2 ", b"\n2 3 ", r"test\.txt is not the published file: 12 events where 11 belong"),
        ("train.txt", b"\n11 ", b"\n", r"train\.txt is truncated: \d+ of \d+ events"),
    ],
)
def test_broken_files_are_named(tmp_path, monkeypatch, file, old, new, message):
    source, _ = load("gowalla", tmp_path, monkeypatch)
    change(tmp_path / file, old, new)
    with pytest.raises(DataError, match=message):
        source.read(source.files(tmp_path), BadRows())


def test_without_a_url_nothing_is_fetched(tmp_path, monkeypatch):
    monkeypatch.delenv("SSREC_DATA", raising=False)
    with pytest.raises(DataError, match=r"my-graph: train\.txt, test\.txt not found"):
        source_of("lightgcn-files", {"name": "my-graph"}).files(tmp_path)


def test_it_is_fetched_from_its_url(tmp_path, monkeypatch):
    monkeypatch.delenv("SSREC_DATA", raising=False)
    _, made = load("lightgcn-files", tmp_path / "site", monkeypatch)
    source = source_of("lightgcn-files", {"name": "my-graph", "url": (tmp_path / "site").as_uri()})
    tables = source.read(source.files(tmp_path / "raw"), BadRows())
    assert tables.interactions.to_dicts() == made.events


@real
def test_gowalla_as_published(tmp_path):
    source = source_of("gowalla", {"download": False})
    events = source.read(source.files(tmp_path), BadRows()).interactions
    assert (events["user"].n_unique(), events["item"].n_unique()) == (29_858, 40_981)
    assert Counter(events["part"].to_list()) == {"train": 810_128, "test": 217_242}
    assert not events.select("user", "item").is_duplicated().any()
