"""JSON lines: values by key and kind, the same whether polars reads them or Python does."""

import gzip
import json

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import ssrec.data.files.json_lines
from ssrec.data.files.blocks import Block
from ssrec.data.files.json_lines import _at_once, _exactly, read_json_lines
from ssrec.data.files.layout import BadRows
from ssrec.errors import DataError

COLUMNS = {"id": int | str, "n": int, "x": float, "t": str, "l": list[str]}
ROW = {"id": 7, "n": 1, "x": 0.5, "t": "a", "l": ["b", "c"]}


def lines(path, content: bytes, columns=COLUMNS, mode="error", **options):
    path.write_bytes(content)
    return read_json_lines(path, columns, **{"bad": BadRows(mode), **options})


def written(*rows) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


@pytest.fixture(params=["polars", "Python"])
def reader(request, monkeypatch):
    if request.param == "Python":
        monkeypatch.setattr(ssrec.data.files.json_lines, "_at_once", lambda *_: None)


def test_values_by_key(tmp_path, reader):
    got = lines(tmp_path / "t", written(ROW, {**ROW, "other": {"deep": [1]}, "l": []}), rows=2)
    assert got.rows() == [(7, 1, 0.5, "a", ["b", "c"]), (7, 1, 0.5, "a", [])]
    assert got.dtypes == [pl.Int64, pl.Int64, pl.Float64, pl.String, pl.List(pl.String)]
    zipped = lines(tmp_path / "t.gz", gzip.compress(written(ROW)))
    assert zipped.equals(got[:1])


def test_optional_keys(tmp_path, reader):
    got = lines(tmp_path / "t", written({}, dict.fromkeys(COLUMNS), {**ROW, "t": "", "id": ""}), optional=COLUMNS)
    assert got.rows() == [(None,) * 5, (None,) * 5, (None, 1, 0.5, None, ["b", "c"])]


@pytest.mark.parametrize(
    "ids, wanted",
    [([1, "2"], [1, 2]), ([1, "x"], ["1", "x"]), (["1", "02"], ["1", "02"]), ([5, None], [5, None])],
)
def test_ids_are_integers_where_all_are(tmp_path, reader, ids, wanted):
    got = lines(tmp_path / "t", written(*({"id": i} for i in ids)), {"id": int | str}, optional=["id"])
    assert got["id"].to_list() == wanted


@pytest.mark.parametrize(
    "change, wanted",
    [
        ({"n": "12"}, 12),
        ({"n": 12.0}, 12),
        ({"x": "0.25"}, 0.25),
        ({"x": 3}, 3.0),
        ({"t": 5}, "5"),
        ({"t": "é 😀"}, "é 😀"),  # written as two halves
        ({"t": "true"}, "true"),
        ({"t": "[1]"}, "[1]"),
        ({"l": [["a", "b"], ["c"]]}, ["a", "b", "c"]),
        ({"l": [1]}, ["1"]),
    ],
)
def test_values_that_are_written_another_way(tmp_path, reader, change, wanted):
    (key,) = change
    assert lines(tmp_path / "t", written({**ROW, **change}))[key].to_list() == [wanted]


@pytest.mark.parametrize("vector", [[0.5, 2], ["0.5", "2"], "0.5 2", "[0.5, 2.0]", "0.5|2"])
@pytest.mark.parametrize("optional", [(), ("v",)])
def test_vectors_are_lists_or_texts(tmp_path, vector, optional):
    (tmp_path / "t").write_bytes(written({"v": [1.5, -2]}, {"v": vector}))
    got = read_json_lines(tmp_path / "t", {"v": list[float]}, optional=optional, bad=BadRows())
    assert got["v"].to_list() == [[1.5, -2.0], [0.5, 2.0]]


@pytest.mark.parametrize("vector", [[0.5, None], [0.5, "x"], "0.5 x", {"a": 1}, [True], [[1]]])
def test_vectors_of_other_things_are_named(tmp_path, vector):
    (tmp_path / "t").write_bytes(written({"v": [1.5, -2]}, {"v": vector}))
    with pytest.raises(DataError, match=r"line 2, column v: .* should be a list of numbers, in row "):
        read_json_lines(tmp_path / "t", {"v": list[float]}, optional=["v"], bad=BadRows())


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "is empty"),
        (written(ROW)[:-20], ": no JSON ("),
        (written(ROW) + b"\n" + written(ROW), "line 2, column 1: no JSON"),
        (b"[1]\n", "line 1, column 1: no object; a row is one, from { to }, in row '[1]'"),
        (b"\xff\n", "line 1, column 1 (in bytes): byte 0xff is no utf-8"),
        (b"[" * 100_000 + b"\n", "line 1, column 1: no JSON"),
        (b'{"n": NaN}\n', "NaN is no JSON"),
        (b'{"n": ' + b"9" * 5000 + b"}\n", "line 1, column 1: no JSON"),
        (b'{"a": 1}{"a": 2}\n', "line 1, column 9: no JSON (Extra data"),
        (written({k: v for k, v in ROW.items() if k != "n"}), "line 1, column n: missing; an integer belongs there"),
        (written({**ROW, "x": None}), "line 1, column x: missing; a number belongs there"),
        (written(ROW, {**ROW, "n": "x"}), "line 2, column n: 'x' should be an integer"),
        (written({**ROW, "n": 1.5}), "column n: 1.5 should be an integer"),
        (written({**ROW, "n": 2**63}), "should be an integer"),
        (written({**ROW, "n": True}), "column n: True should be an integer"),
        (written({**ROW, "x": [1]}), "should be a number"),
        (b'{"id":1,"n":1,"x":1e999,"t":"","l":[]}\n', "column x: inf should be a number"),
        (written({**ROW, "t": {"a": 1}}), "should be a text"),
        (written({**ROW, "t": [1]}), "column t: [1] should be a text"),
        (written({**ROW, "t": True}), "should be a text"),
        (written({**ROW, "t": 1.5}), "column t: 1.5 should be a text"),
        (b'{"id":1,"n":1,"x":1,"t":"\\ud83d","l":[]}\n', "should be a text"),
        (written({**ROW, "l": "b"}), "should be a list of texts"),
        (written({**ROW, "l": ["b", None]}), "should be a list of texts"),
        (written({**ROW, "l": [{"b": 1}]}), "should be a list of texts"),
        (written({**ROW, "id": [1]}), "should be an integer or a text"),
    ],
)
def test_names_the_place(tmp_path, reader, content, message):
    with pytest.raises(DataError) as e:
        lines(tmp_path / "t.jsonl", content)
    assert message in str(e.value) and "t.jsonl" in str(e.value)


def test_paths_into_objects_and_lists(tmp_path):
    rows = [{"a": {"b": 1}, "i": [{"u": "x"}, {"u": "y"}]}, {"a": {"b": 2}, "a.b": 3, "i": []}]
    got = lines(tmp_path / "t", written(*rows), {"a.b": int, "i.1.u": str}, optional=["i.1.u"])
    assert got.rows() == [(1, "y"), (3, None)]


def test_python_literals(tmp_path):
    content = b"{'id': 'x', 'n': 1, 'x': .5, 't': \"it's \\d\", 'l': [('b', 'c')]}\n"
    assert lines(tmp_path / "t", content, literal=True).rows() == [("x", 1, 0.5, "it's \\d", ["b", "c"])]
    for broken in (b"{'id': open('/etc/passwd')}\n", b"{'id': \n", b"(" * 10_000 + b"\n", b"\x00\n"):
        with pytest.raises(DataError, match=r"line 1, column \d+: no Python literal"):
            lines(tmp_path / "t", broken, literal=True)


def test_bad_lines_are_skipped(tmp_path, reader):
    bad = BadRows("skip")
    content = written(ROW) + b"noise\n" + written({**ROW, "n": "x"}, {**ROW, "n": 2})
    got = lines(tmp_path / "t", content, bad=bad, rows=4)
    assert got["n"].to_list() == [1, 2] and [b.line for b in bad.rows] == [2, 3]
    with pytest.raises(DataError, match="truncated: 4 of 5 rows"):
        lines(tmp_path / "t", content, mode="skip", rows=5)


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(st.characters(), max_size=3),
    st.sampled_from(["1", "-2.5", "true", "[1]", "{}", "1e3", ""]),
    st.lists(st.one_of(st.none(), st.text(max_size=2), st.integers(0, 9), st.lists(st.text(max_size=1))), max_size=3),
    st.dictionaries(st.text(max_size=2), st.integers(0, 9), max_size=2),
)
ROWS = st.dictionaries(st.sampled_from(list(COLUMNS)), VALUES)


@given(
    rows=st.lists(ROWS, min_size=1, max_size=4), optional=st.sets(st.sampled_from(list(COLUMNS))), ascii=st.booleans()
)
@example(rows=[{"id": 5.0}], optional={"t", "l", "x", "n", "id"}, ascii=False)
def test_both_ways_of_reading_agree(tmp_path_factory, rows, optional, ascii):
    text = "".join(json.dumps(row, ensure_ascii=ascii) + "\n" for row in rows)
    block = Block(1, text.encode(errors="replace"))
    fast, bad = _at_once(block, COLUMNS, optional), BadRows("skip")
    slow = _exactly(tmp_path_factory.getbasetemp() / "t", block, COLUMNS, optional, False, bad)
    assert len(slow) + len(bad.rows) == len(rows)
    if fast is not None:
        assert not bad.rows and fast.equals(slow) and fast.schema == slow.schema


@given(content=st.binary(max_size=50), literal=st.booleans())
def test_any_bytes_are_read_or_refused(tmp_path_factory, content, literal):
    file = tmp_path_factory.mktemp("any") / "t"
    try:
        got = lines(file, content, {"": str}, optional=[""], literal=literal)
    except DataError:
        return
    assert len(got) == len(content.decode().replace("\r\n", "\n").rstrip("\n").split("\n"))
