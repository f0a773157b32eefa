"""Moments in files, against what Python says of them."""

from decimal import Decimal
from fractions import Fraction

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssrec.data.files.instants import UNITS, instants, with_instants
from ssrec.errors import DataError


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
    got = instants(pl.Series("t", values), format)["time"]
    assert got.to_list() == wanted and got.dtype == pl.Int64 and got.name == "time"


def test_seconds_of_dates():
    days = pl.Series("day", ["2010-10-19"]).str.to_date()
    assert instants(days, "s")["time"].to_list() == [1_287_446_400]
    zoned = days.cast(pl.Datetime("ms")).dt.replace_time_zone("Asia/Tokyo")
    assert instants(zoned, "s")["time"].to_list() == [1_287_446_400 - 9 * 3600]


def test_a_format_for_other_values_is_refused():
    with pytest.raises(DataError, match=r"column t holds numbers \(Int64\), so seconds, .* since 1970, and not %Y"):
        instants(pl.Series("t", [1, 2]), "%Y")


@pytest.mark.parametrize(
    "values, format, wanted",
    [
        ([1500, -1, None, 2000], "ms", [500_000_000, 999_000_000, None, 0]),
        ([1_600_000_000_123_456_789], "ns", [123_456_789]),
        ([1.5, -0.25, None], "s", [500_000_000, 750_000_000, None]),
        ([1500.5], "ms", [500_500_000]),
        (["12.5", "7", "x"], "s", [500_000_000, 0, None]),
        (["2010-10-19 10:00:00.250"], "%Y-%m-%d %H:%M:%S%.f", [250_000_000]),
    ],
)
def test_what_is_beyond_the_second(values, format, wanted):
    got = instants(pl.Series("t", values), format)["nanosecond"]
    assert got.to_list() == wanted and got.dtype == pl.Int32


def test_nanoseconds_of_datetimes():
    for unit, wanted in (("ms", 5_000_000), ("us", 5_000_001 // 1000 * 1000), ("ns", 5_000_001)):
        moments = pl.Series("t", [3 * 10**9 + 5_000_001]).cast(pl.Datetime("ns")).cast(pl.Datetime(unit))
        assert instants(moments, "s").row(0) == (3, wanted)


def test_a_table_has_nanoseconds_only_where_there_are_any():
    table = pl.DataFrame({"t": [1000, 2500, None]})
    assert with_instants(table, instants(table["t"], "ms"), "t").rows() == [(1, 0), (2, 500_000_000), (None, 0)]
    assert with_instants(table[:1], instants(table["t"][:1], "ms"), "t").to_dicts() == [{"t": 1}]


@given(
    whole=st.integers(-(10**12), 10**12),
    digits=st.text("0123456789", min_size=0, max_size=9),
    unit=st.sampled_from(["s", "ms", "us", "ns"]),
    around=st.sampled_from(["{}", " {}", "{} ", "+{}", "00{}"]),
)
def test_decimals_in_texts_are_read_digit_by_digit(whole, digits, unit, around):
    """Of an Int64 and a float's 53 bits, 2 ** -22 s would be left of a time of today."""
    kept = digits[: {"s": 9, "ms": 6, "us": 3, "ns": 0}[unit]]  # digits beyond nanoseconds are cut
    sign, text = "-" if whole < 0 else "", f"{abs(whole)}.{digits}"
    if sign and around in ("+{}", "00{}"):
        around = "{}"
    exact = Fraction(Decimal(f"{sign}{abs(whole)}.{kept or 0}")) / UNITS[unit]
    second = exact.numerator // exact.denominator
    found = instants(pl.Series("t", [around.format(sign + text)]), unit)
    assert found.row(0) == (second, (exact - second) * 10**9)


def test_texts_that_are_no_decimals_are_floats_or_nothing():
    found = instants(pl.Series("t", ["1.5e3", ".5", ".", "1.2.3", "1_0", "nan", "\N{ARABIC-INDIC DIGIT ONE}.5"]), "s")
    assert found.rows() == [(1500, 0), (0, 500_000_000), *[(None, None)] * 5]
