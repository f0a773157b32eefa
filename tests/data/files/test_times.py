"""Times in files, against Python's own datetime."""

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ssrec.data.files.times
from ssrec.data.files.delimited import read_table
from ssrec.data.files.layout import BadRows
from ssrec.data.files.refused import Origin
from ssrec.data.files.times import LATEST, to_instants, with_seconds
from ssrec.errors import DataError

MOMENTS = st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))


@given(moments=st.lists(MOMENTS, min_size=1, max_size=5), sep=st.sampled_from("T "), zone=st.booleans())
def test_iso_as_python_writes_it(moments, sep, zone):
    texts = [(m if zone else m.replace(tzinfo=None)).isoformat(sep=sep) for m in moments]
    wanted = [int(m.timestamp() // 1) for m in moments]
    assert to_instants(pl.Series("t", texts), "iso")["time"].to_list() == wanted


def test_iso_of_other_writings():
    texts = ["1970-01-02", "1970-01-02T00:00Z", "1970-01-02T00:00:00Z", "1970-01-02 00:00", "1970-01-02T02:00:00+02:00"]
    got = to_instants(pl.Series("t", [*texts, None, "now", ""]), "iso")["time"].to_list()
    assert got[0] == 86400 and set(got[2:5]) == {86400} and got[5:] == [None, None, None]


def test_numbers():
    assert to_instants(pl.Series("t", [1.9, -1.5, None]), "seconds")["time"].to_list() == [1, -2, None]
    assert to_instants(pl.Series("t", [1999, -1]), "milliseconds")["time"].to_list() == [1, -1]
    with pytest.raises(DataError, match="column t holds numbers"):
        to_instants(pl.Series("t", [1, 2]), "iso")


def read(path: Path, bad: BadRows, **options) -> pl.DataFrame:
    table = read_table(path, {"user": str, "time": str}, separator=",", header=True, quote='"', ends=False, bad=bad)
    origin = Origin(path, header=True, separator=",", quote='"')
    return with_seconds(table, "time", "iso", origin=origin, bad=bad, named="time", **options)


def test_a_bad_time_is_named_by_its_line(tmp_path):
    file = tmp_path / "e.csv"
    file.write_text('time,x,user\n2020-01-01,"a,b",1\nsoon,"c,d",2\n')
    with pytest.raises(
        DataError, match=r"""e\.csv, line 3, column 1 \(time\): 'soon' is no time in iso, in row 'soon,"c,d",2'"""
    ):
        read(file, BadRows())
    bad = BadRows("skip")
    assert read(file, bad).rows() == [("1", 1577836800)] and bad.rows[0].line == 3


def test_lines_count_skipped_rows_and_line_ends_in_quotes(tmp_path):
    bad, files = BadRows("skip"), [tmp_path / name / "e.csv" for name in "ab"]
    for file in files:
        file.parent.mkdir()
        rows = ["user,time", "1,2020-01-01,x", '"2\n\n",2020-01-01', "3,soon", "4,5,6", "5,2020-01-01", '"6\n",later']
        file.write_text("\n".join(rows))
        assert read(file, bad)["user"].to_list() == ["2\n\n", "5"]
    for file in files:
        lines = [(row.line, row.row) for row in bad.rows if row.file == str(file)]
        assert lines == [(2, "1,2020-01-01,x"), (7, "4,5,6"), (6, "3,soon"), (9, '"6\n",later')]


def test_bad_values_of_json_lines_are_named_by_key(tmp_path):
    file = tmp_path / "e.jsonl"
    file.write_text('{"t": "2020-01-01"}\n{"t":   "soon"}\n')
    table = pl.DataFrame({"time": ["2020-01-01", "soon"]})
    with pytest.raises(DataError, match=r"""line 2, column t: 'soon' is no time in iso, in row '{"t":   "soon"}'"""):
        with_seconds(table, "time", "iso", origin=Origin(file), bad=BadRows(), named="t")


def test_times_of_the_far_future_are_refused(tmp_path):
    file = tmp_path / "e.csv"
    file.write_text("user,time\n1,2199-12-31T23:59:59.9\n2,2200-01-01\n")
    assert len(read(file, BadRows())) == 2
    with pytest.raises(
        DataError,
        match=r"line 3, column 2 \(.+\): '2200-01-01' is a time after the year 2200, by dataset\.time_format=iso",
    ):
        read(file, BadRows(), latest=LATEST)


def test_instants_of_milliseconds_and_iso():
    assert to_instants(pl.Series("t", [1999, -1]), "milliseconds").rows() == [(1, 999_000_000), (-1, 999_000_000)]
    got = to_instants(pl.Series("t", ["1970-01-01T00:00:01.5Z", "1970-01-01 00:00:01.25", None]), "iso")
    assert got.rows() == [(1, 500_000_000), (1, 250_000_000), (None, None)]


def test_long_columns_are_read_in_blocks(monkeypatch):
    monkeypatch.setattr(ssrec.data.files.times, "ROWS", 2)
    assert to_instants(pl.Series("t", [1.5, 2, 3, None, 5]), "seconds")["time"].to_list() == [1, 2, 3, None, 5]
    assert to_instants(pl.Series("t", [], dtype=pl.Float64), "seconds").is_empty()
