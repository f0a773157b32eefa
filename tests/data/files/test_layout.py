"""What readers share: bad rows are named or noted, counts compared, times understood."""

from pathlib import Path

import polars as pl
import pytest

from ssrec.data.files.layout import BadRow, BadRows, check_count, first, seconds, shown
from ssrec.errors import DataError

FILE = Path("folder/file.csv")


def test_a_bad_row_is_an_error():
    with pytest.raises(DataError) as e:
        BadRows().refuse(FILE, 7, "'x' is no integer", "1,x", 2)
    assert str(e.value) == f"{FILE}, line 7, column 2: 'x' is no integer, in row '1,x'"
    with pytest.raises(DataError, match=r"line 7: why, in row 'r'$"):
        BadRows().refuse(FILE, 7, "why", "r")


def test_a_bad_row_is_noted():
    bad = BadRows("skip")
    bad.refuse(FILE, 7, "why", "a\tb", 2)
    bad.refuse(FILE, 9, "why", "c")
    assert bad.rows == [BadRow("file.csv", 7, 2, "why", "a\tb"), BadRow("file.csv", 9, None, "why", "c")]


def test_a_file_of_bad_rows_is_an_error():
    bad = BadRows("skip")
    bad.refuse(FILE, 7, "why", "r")
    bad.check_some_good(FILE, good=0, before=1)  # that row was another file's
    bad.check_some_good(FILE, good=1, before=0)
    with pytest.raises(DataError, match="every row is bad; the first is line 7: why, in row 'r'"):
        bad.check_some_good(FILE, good=0, before=0)


def test_a_long_row_is_shortened():
    assert shown("abc") == "'abc'" and shown("x" * 10_000) == repr("x" * 80 + "...")


def test_counts_have_thousands():
    with pytest.raises(DataError, match="truncated: 53,211 of 100,000 events"):
        check_count(Path("u.data"), 53_211, 100_000, "events")
    with pytest.raises(DataError, match="3 rows where 2 belong"):
        check_count(FILE, 3, 2)
    check_count(FILE, 2, 2)


def test_first():
    assert first(pl.Series([False, True, True])) == 1 and first(pl.Series([False])) is None


@pytest.mark.parametrize(
    "values, format, wanted",
    [
        ([1500, -1, None], "s", [1500, -1, None]),
        ([1500, -1, None], "ms", [1, -1, None]),
        ([1.5e9 + 0.9, float("nan"), 1e300], "s", [1_500_000_000, None, None]),
        ([1.5e12], "ms", [1_500_000_000]),
        (["12.9", "x", None, " 5 ", "1e3", ""], "s", [12, None, None, 5, 1000, None]),
        (["2010-10-19T23:55:27Z", "noon"], "%Y-%m-%dT%H:%M:%SZ", [1_287_532_527, None]),
        (["2010-10-19"], "%Y-%m-%d", [1_287_446_400]),
        (["2010-10-19 02:00 +0200"], "%Y-%m-%d %H:%M %z", [1_287_446_400]),
    ],
)
def test_seconds(values, format, wanted):
    got = seconds(pl.Series("time", values), format)
    assert got.to_list() == wanted and got.dtype == pl.Int64 and got.name == "time"


def test_seconds_of_dates():
    days = pl.Series("day", ["2010-10-19"]).str.to_date()
    assert seconds(days, "s").to_list() == [1_287_446_400]
    zoned = days.cast(pl.Datetime("ms")).dt.replace_time_zone("Asia/Tokyo")
    assert seconds(zoned, "s").to_list() == [1_287_446_400 - 9 * 3600]


def test_a_format_for_other_values_is_refused():
    with pytest.raises(DataError, match=r"column t holds numbers .*one of s, ms, us, ns"):
        seconds(pl.Series("t", [1, 2]), "%Y")
