"""Files that keep their layout are read, files that break it are named by line and column."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssrec.data.layout import check_count, read_json_lists, read_lines, read_table
from ssrec.errors import DataError

COLUMNS = {"item": int, "title": str}


def table(path, content: bytes, rows: int = 2, **options):
    path.write_bytes(content)
    return read_table(path, COLUMNS, separator="|", rows=rows, **options)


def test_reads_what_it_promises(tmp_path):
    file = tmp_path / "t"
    assert table(file, b"7|a b\n8|\n").rows() == [(7, "a b"), (8, "")]
    assert table(file, b"7|a\r\n8|b\r\n\r\n\n").rows() == [(7, "a"), (8, "b")]
    assert table(file, b"item|title\n7|a\n8|b\n", header=True).rows() == [(7, "a"), (8, "b")]
    assert table(file, b"7|caf\xe9 \x85\n8|b\n", encoding="latin-1").rows() == [(7, "café \x85"), (8, "b")]


@pytest.mark.parametrize(
    "content, options, message",
    [
        (b"", {}, "is empty"),
        (b"\n \n", {}, "is empty"),
        (b"7|a\n8|b", {}, "truncated: line 2 is the last and has no end: '8|b'"),
        (b"7|a\n", {}, "truncated: 1 of 2 rows"),
        (b"7|a\n8|b\n9|c\n", {}, "3 rows where 2 belong"),
        (b"7|a\n8|b|c\n", {}, "line 2: 3 fields separated by '|' where 2 belong (item, title): '8|b|c'"),
        (b"7|a\n\n8|b\n", {}, "line 2: 1 fields"),
        (b"7|a\n8x|b\n", {}, "line 2, column 1: '8x' is no integer, in row '8x|b'"),
        (b"7|a\n99999999999999999999|b\n", {}, "line 2, column 1"),
        (b"7|a\n8|caf\xe9\n", {}, "line 2: not utf-8 text"),
        (b"7|a\n8|b\n", {"header": True}, "line 1: the header should be 'item|title', and is '7|a'"),
        (b"item|title\n7|a\n|b\n", {"header": True}, "line 3, column 1: '' is no integer"),
    ],
)
def test_names_the_place(tmp_path, content, options, message):
    with pytest.raises(DataError) as e:
        table(tmp_path / "t", content, **options)
    assert message in str(e.value) and str(tmp_path / "t") in str(e.value)


def test_a_long_row_is_shortened(tmp_path):
    with pytest.raises(DataError) as e:
        table(tmp_path / "t", b"7|a\n" + b"x" * 10_000 + b"|b\n")
    assert len(str(e.value)) < 400 + len(str(tmp_path))


def test_missing_file(tmp_path):
    with pytest.raises(DataError, match="cannot be read: No such file"):
        read_lines(tmp_path / "none")


def test_counts_have_thousands():
    with pytest.raises(DataError, match="truncated: 53,211 of 100,000 events"):
        check_count(Path("u.data"), 53_211, 100_000, "events")


@given(content=st.binary(max_size=60))
def test_any_bytes_are_read_right_or_refused(tmp_path_factory, content):
    file = tmp_path_factory.mktemp("any") / "t"
    rows = content.decode("latin-1").replace("\r\n", "\n").rstrip("\n").split("\n")
    try:
        got = table(file, content, rows=len(rows), encoding="latin-1").rows()
    except DataError:
        return
    assert ["|".join((str(item), title)) for item, title in got] == [
        f"{int(row.split('|')[0])}|{row.split('|')[1]}" for row in rows
    ]


def test_json_lists(tmp_path):
    file = tmp_path / "a.json"
    file.write_text('{"4": [1, 2], "83": []}')
    assert read_json_lists(file) == {4: ["1", "2"], 83: []}
    for content in (b'{"4": [1, 2', b"\xff\xfe\x00", b"", b"[1]", b"{}", b'{"a": [1]}', b'{"4": 1}', b"[" * 100_000):
        file.write_bytes(content)
        with pytest.raises(DataError, match=r"a\.json"):
            read_json_lists(file)
