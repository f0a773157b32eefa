"""SNAP's check-ins: times, places, and what Brightkite does not know."""

import pytest
from layouts import change, load

from ssrec.data.files.layout import BadRows
from ssrec.errors import DataError


def read(source, raw, bad=None):
    return source.read(source.files(raw), bad or BadRows())


def test_places_have_coordinates(tmp_path, monkeypatch):
    source, _ = load("gowalla-checkins", tmp_path, monkeypatch)
    places = {item: (latitude, longitude) for item, latitude, longitude in read(source, tmp_path).items.iter_rows()}
    assert places == {7 * i: (30 + i / 8, -97.75 - i) for i in range(1, 16)}


def test_rows_without_a_time_or_a_place_are_counted(tmp_path, monkeypatch):
    source, made = load("brightkite-checkins", tmp_path, monkeypatch)
    tables = read(source, tmp_path)
    assert tables.removed == {"check-ins without a time or a place": 2}
    assert len(tables.interactions) == len(made.events)


@pytest.mark.parametrize(
    "old, new, message",
    [
        (
            b"2010-10-28T23:",
            b"2010-10-28 25:",
            r"\.txt\.gz, line 1, column 2 \(time\): '2010-10-28 25:55:27Z' is no time in iso",
        ),
        (b"\t30.125\t", b"\tnorth\t", r"totalCheckins\.txt\.gz, line 1, column 3 \(.+\): 'north' is no finite number"),
        (b"1\t2010", b"one\t2010", r"totalCheckins\.txt\.gz, line 1, column 1 \(.+\): 'one' is no integer"),
    ],
)
def test_broken_rows_are_named_or_skipped(tmp_path, monkeypatch, old, new, message):
    source, made = load("gowalla-checkins", tmp_path, monkeypatch)
    change(tmp_path / "loc-gowalla_totalCheckins.txt.gz", old, new)
    with pytest.raises(DataError, match=message):
        read(source, tmp_path)
    bad = BadRows("skip")
    assert len(read(source, tmp_path, bad).interactions) == len(made.events) - 1
    assert [row.line for row in bad.rows] == [1]


def test_lines_of_bad_times_count_skipped_rows(tmp_path, monkeypatch):
    source, _ = load("gowalla-checkins", tmp_path, monkeypatch)
    file = tmp_path / "loc-gowalla_totalCheckins.txt.gz"
    change(file, b"1\t2010-10-28", b"one\t2010-10-28")
    change(file, b"1\t2010-10-26", b"1\t2010-26-26")
    change(file, b"2010-10-24", b"2010-10-99")
    bad = BadRows("skip")
    read(source, tmp_path, bad)
    assert sorted(row.line for row in bad.rows) == [1, 3, 5]


def test_half_a_download_is_refused(tmp_path, monkeypatch):
    source, _ = load("gowalla-checkins", tmp_path, monkeypatch)
    file = tmp_path / "loc-gowalla_totalCheckins.txt.gz"
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"totalCheckins\.txt\.gz cannot be decompressed"):
        read(source, tmp_path)
