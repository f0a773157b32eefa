"""Text tables that keep their layout are read, in blocks of any size; rows that break it are named or skipped."""

import csv
import gzip
import io
import re

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ssrec.data.files.blocks
from ssrec.data.files.blocks import Block, blocks
from ssrec.data.files.delimited import _at_once, read_header, read_table
from ssrec.data.files.delimited_rows import good_rows
from ssrec.data.files.layout import BadRows
from ssrec.data.files.table_layout import Layout
from ssrec.errors import DataError

COLUMNS = {"item": int, "title": str}


@pytest.fixture(params=[1 << 26, 7, 1], ids=["one block", "small blocks", "bytes"])
def size(request, monkeypatch):
    """Blocks of a few bytes find every place where one could be cut wrongly."""
    monkeypatch.setattr(ssrec.data.files.blocks, "SIZE", request.param)


def table(path, content: bytes, columns=COLUMNS, mode="error", **options):
    path.write_bytes(content)
    options = {"separator": "|", "bad": BadRows(mode), **options}
    return read_table(path, columns, **options)


def test_reads_what_it_promises(tmp_path, size):
    file = tmp_path / "t"
    assert table(file, b"7|a b\n8|\n", rows=2).rows() == [(7, "a b"), (8, "")]
    assert table(file, b"7|a\r\n8|b\r\n\r\n\n").rows() == [(7, "a"), (8, "b")]
    assert table(file, b"title|x|item\na|q|7\nb|r|8\n", header=True).rows() == [(7, "a"), (8, "b")]
    assert table(file, b"7|caf\xe9 \x85\n8|b\n", encoding="latin-1").rows() == [(7, "café \x85"), (8, "b")]
    assert table(file, b"\xef\xbb\xbf 7|a\n-8 |b\n").rows() == [(7, "a"), (-8, "b")]
    assert table(file, b"7|a\n8|b", ends=False).rows() == [(7, "a"), (8, "b")]
    assert table(file, b"7::a:b::z\n8::::\n", {"i": int, "t": str, "_u": str}, separator="::").rows() == [
        (7, "a:b"),
        (8, ""),
    ]
    zipped = tmp_path / "t.gz"
    assert table(zipped, gzip.compress(b"7|a\n8|b\n")).rows() == [(7, "a"), (8, "b")]


def test_kinds(tmp_path, size):
    file, columns = tmp_path / "t", {"a": int, "b": float, "c": str}
    got = table(file, b"1|.5|x\n||\n", columns, optional=columns)
    assert got.rows() == [(1, 0.5, "x"), (None, None, None)]
    assert got.dtypes == [pl.Int64, pl.Float64, pl.String]
    assert table(file, b"1|2e3|\n", columns, ranges={"b": (0, 2000)}).rows() == [(1, 2000.0, "")]


@pytest.mark.parametrize(
    "ids, wanted",
    [
        (["1", "20", "-3"], [1, 20, -3]),
        (["1", "x"], ["1", "x"]),
        (["1", "02"], ["1", "02"]),  # 2 would be written back otherwise
        (["1", " 2"], ["1", " 2"]),
        (["1", "+2"], ["1", "+2"]),
        (["1", "9" * 30], ["1", "9" * 30]),
    ],
)
def test_ids_are_integers_where_all_are(tmp_path, size, ids, wanted):
    content = "".join(f"{i}|\n" for i in ids).encode()
    got = table(tmp_path / "t", content, {"id": int | str, "other": int | str}, optional=["other"])
    assert got["id"].to_list() == wanted and got["other"].null_count() == len(ids)


def test_quotes(tmp_path, size):
    file = tmp_path / "t.csv"
    content = b'title,item\n"a, ""b""\nc",1\n"",2\nplain,3\n'
    got = table(file, content, separator=",", header=True, quote='"')
    assert got.rows() == [(1, 'a, "b"\nc'), (2, ""), (3, "plain")]
    assert read_header(file, separator=",", quote='"') == ["title", "item"]


@pytest.mark.parametrize(
    "content, options, message",
    [
        (b"", {}, "is empty"),
        (b"\n \n", {}, "is empty"),
        (
            b"7|a\n8|b",
            {},
            "t, line 2, column 4: the file is truncated, its last line has no end; fetch it again, or end the line, "
            "in row '8|b'",
        ),
        (b"7|a\n", {"rows": 2}, "truncated: 1 of 2 rows"),
        (b"7|a\n8|b\n9|c\n", {"rows": 2}, "3 rows where 2 belong"),
        (
            b"7|a\n8|b|c\n",
            {},
            "line 2, column 3: 1 field too many; a row has 2 fields separated by '|' (item, title), and this one 3, "
            "in row '8|b|c'",
        ),
        (b"7|a|b\n8\n", {}, "line 1, column 3: 1 field too many"),
        (
            b"7|a\n\n8|b\n",
            {},
            "line 2, column 2 (title): missing; a row has 2 fields separated by '|' (item, title), and this one 1, "
            "in row ''",
        ),
        (b"7|a\n8x|b\n", {}, "line 2, column 1 (item): '8x' is no integer, in row '8x|b'"),
        (b"7|a\n99999999999999999999|b\n", {}, "line 2, column 1 (item)"),
        (b"7|a\n8|caf\xe9\n", {}, "line 2, column 6 (in bytes): byte 0xe9 is no utf-8 text"),
        (b"\xff\xfe7\x00\n\x00", {}, "UTF-16"),
        (b"7|a\n", {"encoding": "klingon"}, "unknown encoding 'klingon'"),
        (
            b"7|a\n8|b\n",
            {"header": True},
            "line 1, column item: missing in the header; it should be one with item, title, in row '7|a'",
        ),
        (b"item|title|item\n7|a|b\n", {"header": True}, "line 1, column 3 (item): twice in the header"),
        (b"item|title\n7|a\n|b\n", {"header": True}, "line 3, column 1 (item): '' is no integer"),
        (b"7|a\n8|b\n", {"ranges": {"item": (1, 7)}}, "line 2, column 1 (item): a item is 1 to 7, not 8, in row '8|b'"),
        (b'7|a\n8|"b\n9|c\n', {"quote": '"'}, 'line 2, column 2 (title): a " that no other closes'),
        (b'7|"a\nb"\n8x|c\n', {"quote": '"'}, "line 3, column 1 (item): '8x' is no integer"),
        (
            b'7|a"b\n',
            {"quote": '"'},
            'line 1, column 2 (title): a " that no other closes, or that stands inside a field',
        ),
    ],
)
def test_names_the_place(tmp_path, size, content, options, message):
    with pytest.raises(DataError) as e:
        table(tmp_path / "t", content, **options)
    assert message in str(e.value) and str(tmp_path / "t") in str(e.value)


@pytest.mark.parametrize("value", ["nan", "inf", "-Infinity", "1e999", "1,5", "x", ""])
def test_numbers_are_finite(tmp_path, value):
    with pytest.raises(DataError, match=rf"line 2, column 2 \(b\): '{value}' is no finite number"):
        table(tmp_path / "t", f"1|0.5\n2|{value}\n".encode(), {"a": int, "b": float})


def test_bad_rows_are_skipped(tmp_path, size):
    bad = BadRows("skip")
    content = b"7|a\n8x|b\n\xff|c\n9|d|e\n-1|f\n8|g\n"
    got = table(tmp_path / "t", content, bad=bad, rows=6, ranges={"item": (0, 9)})
    assert got.rows() == [(7, "a"), (8, "g")]
    assert [(b.line, b.column, b.row) for b in bad.rows] == [
        (2, "1 (item)", "8x|b"),
        (3, "1 (in bytes)", "\\xff|c"),
        (4, "3", "9|d|e"),
        (5, "1 (item)", "-1|f"),
    ]
    with pytest.raises(
        DataError, match=r"line 1, column 1 \(item\): every row is bad, this one first: 'x' is no integer"
    ):
        table(tmp_path / "t", b"x|a\ny|b\n", mode="skip")
    with pytest.raises(DataError, match="line 1: no line can be read: byte 0xff is no utf-8 text"):
        table(tmp_path / "t", b"\xff\n\xfe\n", mode="skip")


def test_a_quote_that_nothing_closes_costs_its_row_only(tmp_path):
    bad = BadRows("skip")
    content = b'1|a\n2|"b\n3|"c"\n4|"d\nd"\n5|e\n'
    got = table(tmp_path / "t", content, bad=bad, quote='"')
    assert got.rows() == [(1, "a"), (3, "c"), (4, "d\nd"), (5, "e")]
    assert [(b.line, b.row) for b in bad.rows] == [(2, '2|"b')]


def test_broken_gzip(tmp_path):
    whole = gzip.compress(b"7|a\n" * 1000)
    for content in (whole[:-9], whole[:30], b"7|a\n", b"\x1f\x8b"):
        with pytest.raises(DataError, match=r"t\.gz cannot be decompressed"):
            table(tmp_path / "t.gz", content)
    with pytest.raises(DataError, match="cannot be read: No such file"):
        read_header(tmp_path / "none", separator=",")


@given(content=st.binary(max_size=60), size=st.integers(1, 20))
def test_blocks_are_the_lines(tmp_path_factory, content, size):
    file = tmp_path_factory.mktemp("any") / "t"
    file.write_bytes(content + b"x\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssrec.data.files.blocks, "SIZE", size)
        got = list(blocks(file, encoding="latin-1", bad=BadRows()))
    text = (content + b"x\n").decode("latin-1").replace("\r\n", "\n")
    assert "".join(block.content.decode() for block in got) == text
    lines = [1]
    for block in got:
        assert block.content.endswith(b"\n") and block.line == lines[-1]
        lines.append(block.line + block.content.count(b"\n"))


@given(content=st.binary(max_size=60), size=st.integers(1, 20))
def test_any_bytes_are_read_right_or_refused(tmp_path_factory, content, size):
    file = tmp_path_factory.mktemp("any") / "t"
    rows = content.decode("latin-1").replace("\r\n", "\n").rstrip("\n").split("\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssrec.data.files.blocks, "SIZE", size)
        try:
            got = table(file, content, encoding="latin-1").rows()
        except DataError:
            return
    assert ["|".join((str(item), title)) for item, title in got] == [
        f"{int(row.split('|')[0])}|{row.split('|')[1]}" for row in rows
    ]


VALUES = st.text(st.sampled_from('ab1 .-+"|\n\r,é\x1f'), max_size=4)
TABLES = st.lists(st.tuples(VALUES, VALUES, VALUES), min_size=1, max_size=8)


def written(rows, quote) -> str:
    out, quoting = io.StringIO(), csv.QUOTE_ALL if quote else csv.QUOTE_MINIMAL
    csv.writer(out, delimiter="|", quoting=quoting, lineterminator="\n").writerows(rows)
    return re.sub("\r+\n", "\n", out.getvalue())


@given(rows=TABLES, every=st.booleans(), size=st.integers(1, 30))
def test_any_quoted_table_is_read_as_it_was_written(tmp_path_factory, rows, every, size):
    file = tmp_path_factory.mktemp("any") / "t"
    columns = {"a": str, "b": str, "c": str}
    rows = rows if every else [tuple(value.replace("\r", "") for value in row) for row in rows]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssrec.data.files.blocks, "SIZE", size)
        try:
            got = table(file, written(rows, every).encode(), columns, quote='"').rows()
        except DataError as e:
            assert "is empty" in str(e) and not "".join(map("".join, rows)).strip()
            return
    wanted = [tuple(re.sub("\r+\n", "\n", value) for value in row) for row in rows]
    while wanted and not any(wanted[-1]) and len(got) < len(wanted):
        wanted.pop()  # a row of nothing at the end is a blank line
    assert got == wanted


CELLS = st.sampled_from(
    ["1", "-2", "+3", " 4", "5 ", "007", "1.5", "1e3", "nan", "", "x", "9" * 20, '"', '"7"', '"a|b"']
)


@given(
    rows=st.lists(st.lists(CELLS, min_size=1, max_size=4), min_size=1, max_size=5),
    kinds=st.lists(st.sampled_from([int, float, str, int | str, int | float]), min_size=1, max_size=3),
    optional=st.booleans(),
    quote=st.sampled_from([None, '"']),
)
def test_both_ways_of_reading_agree(tmp_path_factory, rows, kinds, optional, quote):
    columns = {f"c{i}": kind for i, kind in enumerate(kinds)}
    wanted = {name: (i, kind) for i, (name, kind) in enumerate(columns.items())}
    file = tmp_path_factory.mktemp("any") / "t"
    ranges = {"c0": (0, 10)} if kinds[0] in (int, float) else {}
    layout = Layout(file, list(columns), wanted, "|", quote, list(columns) if optional else [], ranges)
    block = Block(1, "".join("|".join(row) + "\n" for row in rows).encode())
    fast, bad = _at_once(layout, block), BadRows("skip")
    slow = good_rows(layout, block, bad)
    assert len(slow) + len(bad.rows) <= len(rows)
    if fast is not None:
        assert not bad.rows and fast.equals(slow) and fast.schema == slow.schema


@pytest.mark.parametrize(
    "times, wanted",
    [
        (["1", "", "-3"], [1, None, -3]),
        (["1.25", "", "-3"], ["1.25", None, "-3"]),  # as it is written, and every one of the file
        (["1", "2", "noon"], ["1", "2", "noon"]),
    ],
)
def test_times_are_integers_or_stay_as_they_are_written(tmp_path, size, times, wanted):
    content = "".join(f"{t}|x\n" for t in times).encode()
    got = table(tmp_path / "t", content, {"time": int | float, "x": str}, optional=["time"])
    assert got["time"].to_list() == wanted


@pytest.mark.parametrize("field", ['"a"b', 'a""b', '"a" ', ' "a"', '"a"""b'])
def test_quotes_stand_around_a_whole_field_or_the_row_is_bad(tmp_path, size, field):
    with pytest.raises(DataError, match=r"line 2, column 1 \(item\): a \" that no other closes"):
        table(tmp_path / "t", f'x|y\n{field}|z\n"u""v"|""\n'.encode(), {"item": str, "title": str}, quote='"')
