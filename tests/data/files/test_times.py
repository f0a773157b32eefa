"""Times in files, against Python's own datetime."""

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssrec.data.files.layout import BadRows
from ssrec.data.files.times import to_seconds, with_seconds
from ssrec.errors import DataError

MOMENTS = st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))


@given(moments=st.lists(MOMENTS, min_size=1, max_size=5), sep=st.sampled_from("T "), zone=st.booleans())
def test_iso_as_python_writes_it(moments, sep, zone):
    texts = [(m if zone else m.replace(tzinfo=None)).isoformat(sep=sep) for m in moments]
    wanted = [int(m.timestamp() // 1) for m in moments]
    assert to_seconds(pl.Series("t", texts), "iso").to_list() == wanted


def test_iso_of_other_writings():
    texts = ["1970-01-02", "1970-01-02T00:00Z", "1970-01-02T00:00:00Z", "1970-01-02 00:00", "1970-01-02T02:00:00+02:00"]
    got = to_seconds(pl.Series("t", [*texts, None, "now", ""]), "iso").to_list()
    assert got[0] == 86400 and set(got[2:5]) == {86400} and got[5:] == [None, None, None]


def test_numbers():
    assert to_seconds(pl.Series("t", [1.9, -1.5, None]), "seconds").to_list() == [1, -2, None]
    assert to_seconds(pl.Series("t", [1999, -1]), "milliseconds").to_list() == [1, -1]
    with pytest.raises(DataError, match="column t holds numbers"):
        to_seconds(pl.Series("t", [1, 2]), "iso")


def test_a_bad_time_is_named_by_its_line():
    table = pl.DataFrame({"user": [1, 2], "time": ["2020-01-01", "soon"]})
    with pytest.raises(DataError, match=r"e\.csv, line 3: 'soon' is no time in iso, in row '2 soon'"):
        with_seconds(table, "time", "iso", path=Path("e.csv"), header=True, bad=BadRows())
    bad = BadRows("skip")
    kept = with_seconds(table, "time", "iso", path=Path("e.csv"), header=False, bad=bad)
    assert kept.rows() == [(1, 1577836800)] and bad.rows[0].line == 2


def test_lines_that_were_skipped_before_count():
    bad = BadRows("skip")
    for line in (1, 3):
        bad.refuse(Path("e.csv"), line, "why", "row")
    bad.refuse(Path("other.csv"), 2, "why", "row")
    table = pl.DataFrame({"time": ["2020-01-01", "soon", "2020-01-01", "later"]})  # of lines 2, 4, 5, 6
    with_seconds(table, "time", "iso", path=Path("e.csv"), header=False, bad=bad)
    assert [row.line for row in bad.rows[3:]] == [4, 6]
