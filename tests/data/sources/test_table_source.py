"""`dataset=table`: one table in every format reads alike; what is missing or of another kind is named."""

import gzip
import json
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layouts import change, lines, load, source_of

from ssrec.data.files.layout import BadRows
from ssrec.errors import CompositionError, DataError

EVENTS = pl.DataFrame(
    {"user": ["u1", "u2", "u1"], "item": [7, 8, 9], "time": [10, 20, 30], "weight": [1.0, 2.5, 3.0]},
)
COLUMNS = {"weight": "weight"}


def read(source, bad=None):
    return source.read(source.files(Path("raw")), bad or BadRows())


def events(folder, name, **settings):
    source = source_of("table", {"interactions": f"{folder}/{name}", "columns": COLUMNS, **settings})
    return read(source).interactions.lazy().collect()


def as_json(table: pl.DataFrame) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in table.to_dicts()).encode()


WRITERS = {
    "e.csv": lambda p: p.write_bytes(EVENTS.write_csv().encode()),
    "e.csv.gz": lambda p: p.write_bytes(gzip.compress(EVENTS.write_csv().encode())),
    "e.tsv": lambda p: p.write_bytes(EVENTS.write_csv(separator="\t", line_terminator="\r\n").encode()),
    "e.jsonl": lambda p: p.write_bytes(as_json(EVENTS)),
    "e.json.gz": lambda p: p.write_bytes(gzip.compress(as_json(EVENTS))),
    "e.parquet": lambda p: EVENTS.write_parquet(p),
}


@pytest.mark.parametrize("name", WRITERS)
def test_formats(tmp_path, name):
    WRITERS[name](tmp_path / name)
    assert events(tmp_path, name).equals(EVENTS)


def test_a_pattern_reads_its_files_in_order(tmp_path):
    EVENTS[:2].write_csv(tmp_path / "e-1.csv")
    EVENTS[2:].write_csv(tmp_path / "e-2.csv")
    assert events(tmp_path, "e-*.csv").equals(EVENTS)


def test_a_partitioned_folder_stays_lazy(tmp_path):
    for k, day in enumerate(("2020-01-02", "2020-01-03", "2020-01-03")):
        part = tmp_path / "events" / f"day={day}" / f"part-{k}.parquet"
        part.parent.mkdir(parents=True, exist_ok=True)
        EVENTS[k : k + 1].select("user", "item").write_parquet(part)
    (tmp_path / "events" / "_SUCCESS").touch()
    (tmp_path / "events" / "day=2020-01-02" / ".part-0.parquet.crc").write_text("x")
    (tmp_path / "events" / "_temporary").mkdir()
    (tmp_path / "events" / "_temporary" / "part-9.parquet").write_text("half")
    settings = {"interactions": f"{tmp_path}/events", "columns": {"time": "day"}, "time_format": "iso"}
    source = source_of("table", settings)
    lazy = read(source).interactions
    assert isinstance(lazy, pl.LazyFrame) and len(source.files(tmp_path)) == 3
    assert lazy.collect().rows() == [("u1", 7, 1577923200), ("u2", 8, 1578009600), ("u1", 9, 1578009600)]


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize(
    "time_format, times",
    [
        ("seconds", [0, 1_500_000_000]),
        ("milliseconds", [999, 1_500_000_000_000]),
        ("microseconds", [999_999, 1_500_000_000_000_000]),
        ("nanoseconds", [999_999_999, 1_500_000_000_000_000_000]),
        ("iso", ["1970-01-01", "2017-07-14T04:40:00.5+02:00"]),
        ("%d.%m.%Y %H:%M", ["01.01.1970 00:00", "14.07.2017 02:40"]),
    ],
)
def test_times(tmp_path, kind, time_format, times):
    table = pl.DataFrame({"user": [1, 1], "item": [1, 2], "time": times})
    path = tmp_path / f"e.{kind}"
    if kind == "csv":
        table.write_csv(path)
    elif kind == "jsonl":
        path.write_bytes(as_json(table))
    else:
        table.write_parquet(path)
    got = events(tmp_path, path.name, time_format=time_format, columns={})
    assert got["time"].to_list() == [0, 1_500_000_000] and got["time"].dtype == pl.Int64


def test_dates_of_parquet_need_no_format(tmp_path):
    table = pl.DataFrame({"user": [1, 1], "item": [1, 2], "time": [0, 1_500_000_000]})
    table.with_columns(pl.from_epoch("time")).write_parquet(tmp_path / "e.parquet")
    assert events(tmp_path, "e.parquet", columns={})["time"].to_list() == [0, 1_500_000_000]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_parts(tmp_path, kind):
    table = pl.DataFrame({"user": [1] * 4, "item": range(4), "fold": ["train", "valid", "dev", "test"]})
    table.write_csv(tmp_path / "e.csv")
    table.write_parquet(tmp_path / "e.parquet")
    source = source_of("table", {"interactions": f"{tmp_path}/e.{kind}", "columns": {"time": None, "part": "fold"}})
    got = read(source).interactions.lazy().collect()
    assert got["part"].to_list() == ["train", "val", "val", "test"] and source.offers == {"parts"}


def test_missing_values_are_null(tmp_path):
    lines(tmp_path / "e.csv", ["user,item,time,weight", "u1,,10,", ",8,,2"])
    assert events(tmp_path, "e.csv").rows() == [("u1", None, 10, None), (None, 8, None, 2.0)]


def test_ids_agree_between_tables(tmp_path):
    lines(tmp_path / "e.csv", ["user,item", "1,07", "2,8"])
    lines(tmp_path / "i.jsonl", ['{"item": 8, "t": "x"}', '{"item": "07", "t": null}', '{"item": 9}'])
    settings = {"interactions": f"{tmp_path}/e.csv", "items": f"{tmp_path}/i.jsonl", "columns": {"time": None}}
    tables = read(source_of("table", {**settings, "text": ["t"]}))
    assert tables.interactions.rows() == [(1, "07"), (2, "8")]
    assert tables.items.rows() == [("8", "x"), ("07", None), ("9", None)]


def test_content_of_parquet(tmp_path):
    EVENTS.write_csv(tmp_path / "e.csv")
    items = pl.DataFrame(
        {"item": [7, 8], "title": ["a", None], "tags": [["x", "y"], None], "brand": ["b", ""], "v": [[1, 2], [3, 4]]},
        schema_overrides={"v": pl.Array(pl.Float64, 2), "brand": pl.Categorical, "item": pl.UInt16},
    )
    items.write_parquet(tmp_path / "i.parquet")
    source = source_of(
        "table",
        {
            "interactions": f"{tmp_path}/e.csv",
            "items": f"{tmp_path}/i.parquet",
            "text": ["title"],
            "attributes": ["tags", "brand"],
            "vectors": {"image": "v"},
        },
    )
    table = read(source).items
    assert table.rows() == [(7, "a", ["x", "y"], ["b"], [1.0, 2.0]), (8, None, [], [], [3.0, 4.0])]
    assert source.offers == {"times", "title", "tags", "brand", "image"}


@pytest.mark.parametrize(
    "settings, message",
    [
        (
            {"columns": {"user": "usr"}},
            r"events\.csv, line 1, column usr: .* \(dataset\.columns\.user\); did you mean user\? It has user,",
        ),
        (
            {"columns": {"item": "product"}},
            r"column product: the file has no such column \(dataset\.columns\.item\); it has user, item, time, stars",
        ),
        (
            {"text": ["titel"]},
            r"items\.tsv, line 1, column titel: .* \(dataset\.text\); .*It has item, name, genres, price",
        ),
        ({"numbers": ["name"]}, r"items\.tsv, line 2, column 2 \(.+\): 'Item 1' is no finite number"),
        ({"vectors": ["price"]}, None),
        ({"vectors": ["name"]}, r"items\.tsv, column name: the vector of 1 has not|holds what is no finite number"),
        (
            {"users_attributes": ["aged"]},
            r"users\.parquet, column aged: the file has no such column \(dataset\.users_attributes\); did you mean age",
        ),
        ({"users_text": ["age"]}, None),
        ({"time_format": "iso"}, r"events\.csv, line 2, column 3 \(.+\): '1500000000' is no time in iso"),
        ({"time_format": "%Q"}, r"column time: '%Q' is no format of times such as '1500000000'|is no time in %Q"),
        (
            {"separator": ";"},
            r"events\.csv, line 1, column user: the file has no such column .*it has 'user,item,time,stars'",
        ),
    ],
)
def test_what_does_not_fit_is_named(tmp_path, monkeypatch, settings, message):
    source, made = load(
        "table", tmp_path, monkeypatch, **{"numbers": [], "users_numbers": [], "columns": {}, **settings}
    )
    if message is None:  # one number is a vector, a number can be written
        assert len(read(source).interactions) == len(made.events)
        return
    with pytest.raises(DataError, match=message):
        read(source)


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", r"e\.csv, line 1, column 1: the file is empty"),
        (
            b"u1,7,10\nu2,8,20\n",
            r"e\.csv, line 1, column 1: this seems to be no header; .*, with user, item, time, in row 'u1,7,10'",
        ),
        (
            b"user,item,time\nu1,7,10\nu2,8\n",
            r"e\.csv, line 3, column 3 .time.: missing; a row has 3 fields separated by ','",
        ),
        (b"user,item,time\nu1,7,noon\n", r"e\.csv, line 2, column 3 \(.+\): 'noon' is no time in seconds"),
        (b"user,item,time\nu\xe91,7,1\n", r"e\.csv, line 2, column \d+ \(in bytes\): (byte 0x.. is no|not) utf-8 text"),
        (
            b"\xff\xfeu\x00s\x00",
            r"e\.csv, line 1, column \d+ \(in bytes\): (byte 0x.. is no|not) utf-8 text but UTF-16",
        ),
        (b'user,item,time\n"u1,7,1\n', r"e\.csv, line 2, column 1 .user.: a \" that no other closes"),
        (b"user,item,user,time\nu1,7,1,1\n", r"e\.csv, line 1, column 3 .user.: twice"),
    ],
)
def test_broken_text_is_named(tmp_path, content, message):
    (tmp_path / "e.csv").write_bytes(content)
    with pytest.raises(DataError, match=message):
        events(tmp_path, "e.csv", columns={})


@pytest.mark.parametrize(
    "table, message",
    [
        (
            {"user": [1.5], "item": [1], "time": [1]},
            r"e\.parquet, column user: Float64, where integers or texts belong",
        ),
        ({"user": [1], "item": [[1]], "time": [1]}, r"column item: List\(Int64\), where integers or texts belong"),
        ({"user": [1], "item": [1], "time": [True]}, r"column time: Boolean, where times belong"),
        ({"user": [1], "item": [1], "time": [1], "weight": ["x"]}, r"column weight: String, where numbers belong"),
        (
            {"user": [1], "item": [1]},
            r"e\.parquet, column time: the file has no such column \(dataset\.columns\.time\); it has user, item",
        ),
    ],
)
def test_parquet_of_other_types_is_named(tmp_path, table, message):
    pl.DataFrame(table).write_parquet(tmp_path / "e.parquet")
    with pytest.raises(DataError, match=message):
        events(tmp_path, "e.parquet", columns=COLUMNS if "weight" in table else {})


def test_parquet_files_that_differ_are_named(tmp_path):
    EVENTS.write_parquet(tmp_path / "1.parquet")
    EVENTS.with_columns(pl.col("item").cast(pl.String)).write_parquet(tmp_path / "2.parquet")
    with pytest.raises(DataError, match=r"2\.parquet, column item: String, where .*1\.parquet has Int64"):
        events(tmp_path, "*.parquet")
    (tmp_path / "2.parquet").write_text("half")
    with pytest.raises(DataError, match=r"2\.parquet cannot be read as Parquet"):
        events(tmp_path, "*.parquet")


@pytest.mark.parametrize(
    "name, message",
    [
        (
            "e.xlsx",
            r"dataset\.interactions=.*e\.xlsx: the extension of a table is one of \.csv, \.csv\.gz, .*, \.parquet",
        ),
        ("none-*.csv", r"dataset\.interactions=.*none-\*\.csv matches no file"),
        ("none.csv", r"dataset\.interactions=.*none\.csv is no file; name a file, a pattern"),
        ("empty", r"dataset\.interactions=.*empty is a folder without Parquet files"),
        ("mixed.*", r"mixed\.\* matches files of several formats: json, text"),
    ],
)
def test_files_that_are_none_are_named(tmp_path, name, message):
    (tmp_path / "empty").mkdir()
    for file in ("e.xlsx", "mixed.csv", "mixed.jsonl"):
        (tmp_path / file).touch()
    with pytest.raises(DataError, match=message):
        events(tmp_path, name)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"columns": {"usr": "x"}}, r"dataset\.columns\.usr is nothing that interactions have: user, item, time"),
        ({"columns": {"user": None}}, r"dataset\.columns\.user=null: every interaction has a user"),
        ({"columns": {"user": "item"}}, r"dataset\.columns: one column stands for two things"),
        ({"encoding": "klingon"}, r"dataset\.encoding=klingon is none that Python knows; for example utf-8, latin-1"),
        ({"text": ["title"]}, r"dataset\.items=null has no column title: name the file that has"),
        ({"users_numbers": ["age"]}, r"dataset\.users=null has no column age"),
        ({"items": "i.csv", "text": ["a"], "attributes": ["a"]}, r"dataset\.attributes: a column a is there already"),
    ],
)
def test_settings_that_do_not_fit(settings, message):
    with pytest.raises(CompositionError, match=message):
        source_of("table", {"interactions": "e.csv", **settings})


def test_bad_rows_are_skipped(tmp_path, monkeypatch):
    source, made = load("table", tmp_path, monkeypatch)
    change(tmp_path / "events.csv", b"\nu1,", b"\nu1,u1,")
    change(tmp_path / "events.csv", b",1500000060,", b",never,")
    bad = BadRows("skip")
    assert read(source, bad).interactions.to_dicts() == made.events[2:]
    assert [(row.line, row.column) for row in bad.rows] == [(2, "5"), (3, "3 (time)")]


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), min_size=1, max_size=5)
IDS = st.one_of(st.integers(-5, 10**15), TEXT)
ROWS = st.tuples(IDS, IDS, st.integers(-(10**9), 7 * 10**9), st.floats(-1e6, 1e6))


@settings(max_examples=25, deadline=None)
@given(rows=st.lists(ROWS, min_size=1, max_size=8), kind=st.sampled_from(["csv", "tsv", "jsonl", "parquet"]))
def test_random_tables_come_back(tmp_path_factory, rows, kind):
    """Ids of one kind that was written as text: integers if all are plain ones, else the text."""
    folder = tmp_path_factory.mktemp("random")
    ids = [[str(row[k]) for row in rows] for k in (0, 1)]
    table = pl.DataFrame({"user": ids[0], "item": ids[1], "time": [r[2] for r in rows], "weight": [r[3] for r in rows]})
    if kind == "parquet":
        table.write_parquet(folder / "e.parquet")
    elif kind == "jsonl":
        (folder / "e.jsonl").write_bytes(as_json(table))
    else:
        table.write_csv(folder / f"e.{kind}", separator="\t" if kind == "tsv" else ",", quote_style="always")
    got = events(folder, f"e.{kind}")
    assert got["time"].to_list() == table["time"].to_list()
    assert got["weight"].to_list() == pytest.approx(table["weight"].to_list())
    for key, written in zip(("user", "item"), ids, strict=True):
        assert [str(x) for x in got[key]] == written
        plain = all(x.lstrip("-").isascii() and x.lstrip("-").isdigit() and str(int(x)) == x for x in written)
        assert got[key].dtype == (pl.Int64 if plain and kind != "parquet" else pl.String)


def parquet_of(folder, table, **settings):
    pl.DataFrame(table).write_parquet(folder / "e.parquet")
    return source_of("table", {"interactions": f"{folder}/e.parquet", **settings})


BAD_TIMES = {"user": [1, 2, 3], "item": [4, 5, 6], "t": ["2020-01-01", "soon", "9999-01-01"]}
BAD_PARTS = {"user": [1, 2, 3], "item": [4, 5, 6], "fold": ["train", None, "tset"]}


@pytest.mark.parametrize(
    "table, columns, row, message",
    [
        (BAD_TIMES, {"time": "t"}, 2, r"e\.parquet, row 2, column t: 'soon' is no time in iso, in row '2,5,soon'"),
        (BAD_PARTS, {"time": None, "part": "fold"}, 3, r"row 3, column fold: 'tset' is no part; they are train, val"),
    ],
)
def test_bad_values_of_parquet_are_named_or_skipped(tmp_path, table, columns, row, message):
    source = parquet_of(tmp_path, table, columns=columns, time_format="iso")
    with pytest.raises(DataError, match=message):
        read(source)
    bad = BadRows("skip")
    kept = read(source, bad).interactions.collect()
    assert len(kept) == 3 - len(bad.rows) and bad.rows[0].line == row
    assert kept["user"].to_list() == [u for u in (1, 2, 3) if u not in [b.line for b in bad.rows]]
    with pytest.raises(DataError, match=r"row 1, column .*: every row is bad"):
        read(parquet_of(tmp_path, pl.DataFrame(table)[row - 1 :], columns=columns, time_format="iso"), BadRows("skip"))


@pytest.mark.parametrize("dtype", [pl.Int64, pl.Float64, pl.String])
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_milliseconds_are_no_seconds(tmp_path, dtype, kind):
    table = pl.DataFrame({"user": [1], "item": [2], "time": [1_500_000_000_123]}).with_columns(
        pl.col("time").cast(dtype)
    )
    table.write_csv(tmp_path / "e.csv")
    table.write_parquet(tmp_path / "e.parquet")
    with pytest.raises(
        DataError, match=r"e\.\w+, (line|row) .*1500000000123.* if these are .* dataset\.time_format=milliseconds"
    ):
        events(tmp_path, f"e.{kind}", columns={})
    got = events(tmp_path, f"e.{kind}", columns={}, time_format="milliseconds")
    assert got.rows() == [(1, 2, 1_500_000_000, 123_000_000)] and got.columns[-1] == "nanosecond"


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize(("unit", "per_second"), [("microseconds", 10**6), ("nanoseconds", 10**9)])
def test_fine_units_keep_every_digit(tmp_path, kind, unit, per_second):
    """A float has 53 bits, and nanoseconds of today 61."""
    table = pl.DataFrame({"user": [1, 1], "item": [2, 3], "time": [1_500_000_000 * per_second + n for n in (1, 2)]})
    table.write_csv(tmp_path / "e.csv")
    table.write_parquet(tmp_path / "e.parquet")
    (tmp_path / "e.jsonl").write_bytes(as_json(table))
    got = events(tmp_path, f"e.{kind}", columns={}, time_format=unit)
    assert got["time"].to_list() == [1_500_000_000] * 2
    assert got["nanosecond"].to_list() == [10**9 // per_second * n for n in (1, 2)]
    coarser = {"microseconds": "milliseconds", "nanoseconds": "seconds"}[unit]
    with pytest.raises(DataError, match=f"{coarser} is a time after the year 2200; if these are {unit}, say dataset"):
        events(tmp_path, f"e.{kind}", columns={}, time_format=coarser)


def test_large_ids_of_parquet_are_text(tmp_path):
    table = pl.DataFrame({"user": [2**63, 1], "item": [3, 4]}, schema=dict.fromkeys(("user", "item"), pl.UInt64))
    items = pl.DataFrame({"item": [2**64 - 1, 3]}, schema={"item": pl.UInt64})
    items.write_parquet(tmp_path / "i.parquet")
    settings = {"columns": {"time": None}, "items": f"{tmp_path}/i.parquet"}
    tables = read(parquet_of(tmp_path, table, **settings))
    assert tables.interactions.collect().rows() == [(str(2**63), "3"), ("1", "4")]
    assert tables.items["item"].to_list() == [str(2**64 - 1), "3"]


def test_vectors_of_json_lines(tmp_path):
    lines(tmp_path / "e.csv", ["user,item", "1,7"])
    lines(tmp_path / "i.jsonl", ['{"item": 7, "v": [0.5, 2]}', '{"item": 8, "v": "1 2"}', '{"item": 9, "v": [3]}'])
    settings = {"interactions": f"{tmp_path}/e.csv", "columns": {"time": None}, "vectors": ["v"]}
    source = source_of("table", {**settings, "items": f"{tmp_path}/i.jsonl"})
    with pytest.raises(DataError, match=r"i\.jsonl, line 3, column v: the vector of 9 has not 2"):
        read(source)
    change(tmp_path / "i.jsonl", b"[3]", b"[3, 4]")
    assert read(source).items["v"].to_list() == [[0.5, 2.0], [1.0, 2.0], [3.0, 4.0]]


@pytest.mark.parametrize(
    "content, message",
    [
        (b"user,item,time\n", r"e\.csv, line 2, column 1: no row follows the header"),
        (b"user,item,time\ru1,7,1\r", r"e\.csv, line 1, column 15: lines that end with \\r alone, as on old Macs"),
        (
            b"user , item,time\nu1,7,1\n",
            r"column user: the file has no such column \(.*\); did you mean 'user '\? It has 'user ', ' item', time",
        ),
    ],
)
def test_headers_that_cannot_be_are_named(tmp_path, content, message):
    (tmp_path / "e.csv").write_bytes(content)
    with pytest.raises(DataError, match=message):
        events(tmp_path, "e.csv", columns={})


def test_a_last_line_needs_no_end(tmp_path):
    (tmp_path / "e.csv").write_bytes(b"user,item,time\n1,7,10\n2,8,20")
    assert events(tmp_path, "e.csv", columns={}).rows() == [(1, 7, 10), (2, 8, 20)]


def test_files_with_and_without_fractions_go_together(tmp_path):
    lines(tmp_path / "e-1.csv", ["user,item,time", "1,7,10"])
    lines(tmp_path / "e-2.csv", ["user,item,time", "1,8,10.5"])
    got = events(tmp_path, "e-*.csv", columns={})
    assert got.rows() == [(1, 7, 10, 0), (1, 8, 10, 500_000_000)]
