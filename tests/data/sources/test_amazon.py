"""Amazon Beauty: made-up copies of both layouts are read right, broken ones are named, the real ones count."""

import json
import os
import tempfile
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from layouts import check_places

from ssrec.data.files.layout import BadRows
from ssrec.data.source import Source, Tables
from ssrec.data.sources import amazon as module
from ssrec.data.sources.amazon import ATTRIBUTES, EVENTS, ITEMS, USERS, AmazonBeauty, AmazonBeautyDays
from ssrec.errors import DataError

real = pytest.mark.skipif("SSREC_DATA" not in os.environ, reason="SSREC_DATA names no folder with amazon-beauty")


@pytest.fixture(scope="module")
def sequences() -> list[list[int]]:
    """As many users, items and events as published."""
    sizes = [EVENTS // USERS + (u < EVENTS % USERS) for u in range(USERS)]
    items = iter(k * 7 % ITEMS + 1 for k in range(EVENTS))
    return [[next(items) for _ in range(size)] for size in sizes]


@pytest.fixture(scope="module")
def copy(sequences, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("copy")
    rows = [(u, i, n // 3 * 86_400) for u, h in enumerate(sequences, 1) for n, i in enumerate(h)]
    (folder / "Beauty.txt").write_text("".join(f"{u} {' '.join(map(str, h))}\n" for u, h in enumerate(sequences, 1)))
    (folder / ATTRIBUTES).write_text(json.dumps({str(i): [i % 5, 9] for i in range(ITEMS, 0, -1)}))
    (folder / "interactions.tsv").write_text(
        "user\titem\ttimestamp\n" + "".join(f"{u}\t{i}\t{t}\n" for u, i, t in rows)
    )
    titles = "".join(f'{i}\tB{i:09}\tThe "{i}" é\n' for i in range(1, ITEMS + 1))
    (folder / "items.tsv").write_text("item\tasin\ttitle\n" + titles, encoding="utf-8")
    return folder


@pytest.fixture
def broken(copy, tmp_path):
    def with_change(name: str, change) -> str:
        for other in copy.iterdir():
            content = other.read_bytes()
            (tmp_path / other.name).write_bytes(change(content) if other.name == name else content)
        return str(tmp_path)

    return with_change


def read(source: Source, mode="error") -> Tables:
    return source.read(source.files(Path("nowhere")), BadRows(mode))


def test_file_order(copy, sequences):
    tables = read(AmazonBeauty(root=str(copy)))
    assert tables.interactions.rows() == [(u, i) for u, h in enumerate(sequences, 1) for i in h]
    lists = dict(tables.items.iter_rows())
    assert len(lists) == ITEMS and lists[7] == ["2", "9"]


def test_days(copy, sequences):
    tables = read(AmazonBeautyDays(root=str(copy)))
    wanted = [(u, i, n // 3 * 86_400) for u, h in enumerate(sequences, 1) for n, i in enumerate(h)]
    assert tables.interactions.rows() == wanted
    assert tables.items.row(6) == (7, "B000000007", 'The "7" é', ["2", "9"])


@pytest.mark.parametrize(
    "name, change, message",
    [
        ("Beauty.txt", lambda b: b.replace(b"\n2 ", b"\n2 x", 1), r"line 2, column 2 \(.+\): 'x\d+' is no integer"),
        ("Beauty.txt", lambda b: b.replace(b"\n2 ", b"\nu2 ", 1), r"line 2, column 1 \(.+\): 'u2' is no integer"),
        (
            "Beauty.txt",
            lambda b: b.replace(b"\n2 ", b"\n2\n", 1),
            r"line 2, column 2 .item.: missing; a user and at least one item .*, in row '2'",
        ),
        (
            "Beauty.txt",
            lambda b: b[:1000],
            r"Beauty.txt, line \d+, column \d+: the file is truncated, its last line has no end",
        ),
        ("Beauty.txt", lambda b: b[: b.index(b"\n500 ") + 1], "truncated: 499 of 22,363 users"),
        ("Beauty.txt", lambda b: b[:-7] + b"\n", "truncated: 198,501 of 198,502 events|is no integer"),
        ("Beauty.txt", lambda b: b"", "is empty"),
        (ATTRIBUTES, lambda b: b[:-50], r"line 1, column \d+: no JSON .*truncated"),
        (ATTRIBUTES, lambda b: b'{"1": [2]}', "truncated: 1 of 12,101 items"),
    ],
)
def test_broken_sequence_files_are_named(broken, name, change, message):
    with pytest.raises(DataError, match=message):
        read(AmazonBeauty(root=broken(name, change)))


@pytest.mark.parametrize(
    "name, change, message",
    [
        (
            "interactions.tsv",
            lambda b: b.replace(b"timestamp", b"time", 1),
            "line 1, column timestamp: missing in the header",
        ),
        ("interactions.tsv", lambda b: b[: b.index(b"\n500\t") + 1], r"truncated: [\d,]+ of 198,502 rows"),
        ("items.tsv", lambda b: b.replace(b"\n7\t", b"\n7 ", 1), "line 8, column 3 .title.: missing"),
        (
            "items.tsv",
            lambda b: b.replace("é".encode(), b"\xe9", 1),
            "line 2, column 22 .in bytes.: byte 0xe9 is no utf-8 text",
        ),
    ],
)
def test_broken_day_files_are_named(broken, name, change, message):
    with pytest.raises(DataError, match=message):
        read(AmazonBeautyDays(root=broken(name, change)))


def test_nobody_publishes_the_days(tmp_path, monkeypatch):
    monkeypatch.delenv("SSREC_DATA", raising=False)
    with pytest.raises(DataError, match=r"interactions\.tsv.* no publisher offers them"):
        AmazonBeautyDays().files(tmp_path)


NAMES = ["Beauty.txt", ATTRIBUTES, "interactions.tsv", "items.tsv"]
SMALL = {
    "Beauty.txt": b"1 3 2\n2 1 3 2\n",
    ATTRIBUTES: b'{"2": [5, 9], "1": [], "3": [5]}',
    "interactions.tsv": b"user\titem\ttimestamp\n1\t3\t86400\n1\t2\t86400\n2\t1\t0\n2\t3\t86400\n2\t2\t172800\n",
    "items.tsv": 'item\tasin\ttitle\n1\tB1\tone\n2\tB2\té\n3\tB3\t"3"\n'.encode(),
}


@pytest.fixture
def small_counts(monkeypatch):
    for name, value in (("USERS", 2), ("ITEMS", 3), ("EVENTS", 5)):
        monkeypatch.setattr(module, name, value)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(NAMES), mode=st.sampled_from(["error", "skip"]), data=st.data())
def test_any_bytes_give_tables_or_a_data_error(small_counts, name, mode, data):
    with tempfile.TemporaryDirectory() as place:
        for other, content in SMALL.items():
            (Path(place) / other).write_bytes(content)
        content = SMALL[name]
        at = data.draw(st.integers(0, len(content)))
        new = data.draw(st.binary(max_size=20) | st.text(alphabet='12 \t\n"{}[]:,é', max_size=20).map(str.encode))
        changed = new if data.draw(st.booleans()) else content[:at] + new + content[at + len(new) :]
        (Path(place) / name).write_bytes(changed)
        for source in (AmazonBeauty(root=place), AmazonBeautyDays(root=place)):
            try:
                tables = read(source, mode)
            except DataError as e:
                assert name in str(e)
            else:
                assert isinstance(tables.interactions, pl.DataFrame) and tables.items is not None
                assert tables.items["item"].dtype == pl.Int64 and not tables.interactions["user"].has_nulls()
                assert mode == "skip" or (len(tables.interactions), len(tables.items)) == (5, 3)


@real
def test_the_published_files():
    file, days = read(AmazonBeauty(download=False)), read(AmazonBeautyDays())
    for tables in (file, days):
        events = tables.interactions
        assert isinstance(events, pl.DataFrame) and tables.items is not None
        assert (events["user"].n_unique(), events["item"].n_unique(), len(events)) == (USERS, ITEMS, EVENTS)
        assert len(tables.items) == ITEMS and not tables.items["attributes"].has_nulls()
    assert isinstance(days.interactions, pl.DataFrame) and isinstance(file.interactions, pl.DataFrame)
    assert file.interactions.equals(days.interactions.select("user", "item"))
    near = days.interactions.select((pl.col("user").diff() == 0) & (pl.col("time").diff() == 0)).to_series()
    assert round(near.sum() / (EVENTS - USERS), 3) == 0.439


def test_rows_stand_where_their_places_say(copy):
    for source in (AmazonBeauty(root=str(copy)), AmazonBeautyDays(root=str(copy))):
        check_places(read(source))
