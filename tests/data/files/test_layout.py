"""What readers share: bad rows are named or noted, and counts compared."""

from pathlib import Path

import polars as pl
import pytest

from ssrec.data.files.layout import BadRow, BadRows, check_count, first, shown
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
    assert bad.rows == [BadRow(str(FILE), 7, "2", "why", "a\tb"), BadRow(str(FILE), 9, None, "why", "c")]


def test_a_file_of_bad_rows_is_an_error():
    bad = BadRows("skip")
    bad.refuse(FILE, 7, "why", "r")
    bad.check_some_good(FILE, good=0, before=1)  # that row was another file's
    bad.check_some_good(FILE, good=1, before=0)
    with pytest.raises(DataError, match="line 7: every row is bad, this one first: why, in row 'r'"):
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
