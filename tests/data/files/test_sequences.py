"""Lines `user item item ...`: order and place of every event, and every bad line named."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ssrec.data.files.blocks
from ssrec.data.files.layout import BadRows
from ssrec.data.files.sequences import read_sequences
from ssrec.errors import DataError


def sequences(path, content: bytes, mode="error", **options):
    path.write_bytes(content)
    return read_sequences(path, **{"bad": BadRows(mode), **options})


@pytest.mark.parametrize("size", [1 << 26, 5])
def test_events_keep_their_order(tmp_path, monkeypatch, size):
    monkeypatch.setattr(ssrec.data.files.blocks, "SIZE", size)
    file = tmp_path / "t"
    assert sequences(file, b"1 7 3 7\r\n2 9 \n", rows=2).rows() == [(1, 7), (1, 3), (1, 7), (2, 9)]
    assert sequences(file, b"1\n2,9,-4\n3,\n", empty=True, separator=",").rows() == [(2, 9), (2, -4)]
    assert sequences(file, b"1 7", ends=False).rows() == [(1, 7)]


@pytest.mark.parametrize(
    "content, message",
    [
        (b"1 2\n3\n", "line 2, column 2 (item): missing; a user and at least one item belong in a line, in row '3'"),
        (
            b"1 2\n3 4 x 5\n",
            "line 2, column 3 (item): 'x' is no integer; ids are whole numbers, with ' ' between them, "
            "in row '3 4 x 5'",
        ),
        (b"1 2\nu 4\n", "line 2, column 1 (user): 'u' is no integer"),
        (b"1 2\n3  4\n", "line 2, column 2 (item): '' is no integer"),
        (b"1 2\n\n3 4\n", "line 2"),
        (b"1 2\n3 4", "line 2, column 4: the file is truncated, its last line has no end"),
        (b"1 2\n", "truncated: 1 of 2 users"),
        (b"", "is empty"),
        (b"1 \xff\n", "line 1, column 3 (in bytes): byte 0xff is no utf-8 text"),
    ],
)
def test_names_the_place(tmp_path, content, message):
    with pytest.raises(DataError) as e:
        sequences(tmp_path / "t", content, rows=2)
    assert message in str(e.value)


def test_bad_lines_are_skipped(tmp_path):
    bad = BadRows("skip")
    got = sequences(tmp_path / "t", b"1 2\n3\n4 x\n\xff\n5 6\n", bad=bad, rows=5)
    assert got.rows() == [(1, 2), (5, 6)]
    assert [(b.line, b.column) for b in bad.rows] == [(2, "2 (item)"), (3, "2 (item)"), (4, "1 (in bytes)")]
    with pytest.raises(DataError, match="every row is bad"):
        sequences(tmp_path / "t", b"x\n", mode="skip")
    with pytest.raises(DataError, match="no user has an item"):
        sequences(tmp_path / "t", b"1\n2\n", empty=True)


@given(content=st.one_of(st.binary(max_size=40), st.text("12 \nx", max_size=40).map(str.encode)), empty=st.booleans())
def test_any_bytes_are_read_right_or_refused(tmp_path_factory, content, empty):
    file = tmp_path_factory.mktemp("any") / "t"
    try:
        got = sequences(file, content, empty=empty).rows()
    except DataError:
        return
    rows = content.decode().replace("\r\n", "\n").rstrip("\n").split("\n")
    ids = [[int(x) for x in row.rstrip(" ").split(" ")] for row in rows]
    assert got == [(user, item) for user, *items in ids for item in items]
