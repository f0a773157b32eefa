"""Settings of a cleaning: what makes no sense, or looks at what a dataset has not, is refused before data is read."""

import dataclasses
import re

import pytest

from ssrec.data.clean import Cleaning
from ssrec.errors import CompositionError

DAY = 86_400
MAY = 1_398_902_400  # 2014-05-01
END = 999_999_999


def test_as_it_stands_nothing_is_asked_of_a_dataset():
    cleaning = Cleaning()
    cleaning.check_fits("bare", frozenset())
    assert cleaning.times == (None, None) and not cleaning.reads_weights
    assert {f.name for f in dataclasses.fields(cleaning)} <= set(re.findall(r"\w+", Cleaning.__doc__))


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"on_bad_rows": "ignore"}, "clean.on_bad_rows=ignore: choose error or skip"),
        ({"missing": "keep"}, "clean.missing=keep: choose error or drop"),
        ({"unknown_items": ""}, "clean.unknown_items=: choose error or drop or keep"),
        ({"unknown_users": "any"}, "clean.unknown_users=any: choose error or drop or keep"),
        ({"duplicates": "any"}, "clean.duplicates=any: choose all or first or last or sum"),
        ({"ties": "random"}, "clean.ties=random: choose file or shuffled or id"),
        ({"max_user_events": 0}, "clean.max_user_events=0: at least 1 makes sense"),
        ({"iqr": -1.0}, "clean.iqr=-1.0: at least 0 makes sense"),
        ({"iqr": float("nan")}, "clean.iqr=nan: at least 0 makes sense"),
        ({"k_core_user": -1}, "clean.k_core_user=-1"),
        ({"min_time": 5, "max_time": 4}, "clean.min_time=5: that is more than the largest that may stay"),
        ({"min_rating": 5, "max_rating": 4.5}, "clean.min_rating=5: that is more"),
        (
            {"min_time": 1998},
            "clean.min_time=1998: that looks like a date, and numbers are seconds since 1970; say '1998-01-01'",
        ),
        (
            {"max_time": 19980213},
            "clean.max_time=19980213: that looks like a date, and numbers are seconds since 1970; say '1998-02-13'",
        ),
        ({"min_time": "May"}, "clean.min_time=May: say seconds since 1970, or a date such as 2014-01-31"),
        ({"min_time": "1998-02-13T12:00:00.1234567890"}, "say seconds since 1970, or a date such as 2014-01-31"),
        ({"max_time": float("nan")}, "clean.max_time=nan: say seconds since 1970"),
        ({"max_time": float("inf")}, "clean.max_time=inf: say seconds since 1970"),
        ({"min_time": 5.5, "max_time": 5.25}, "clean.min_time=5.5: that is more than the largest that may stay"),
        ({"duplicates": "sum"}, "say clean.weights=true"),
    ],
)
def test_settings_without_sense_are_refused(settings, message):
    with pytest.raises(CompositionError) as e:
        Cleaning(**settings)
    assert message in str(e.value)


@pytest.mark.parametrize(
    "settings, need",
    [
        ({"min_time": 1}, "times"),
        ({"max_time": 1}, "times"),
        ({"ties": "id"}, "times"),
        ({"min_rating": 1}, "weights"),
        ({"max_rating": 1}, "weights"),
        ({"weights": True}, "weights"),
    ],
)
def test_what_a_dataset_lacks_is_refused(settings, need):
    (setting,) = settings
    with pytest.raises(CompositionError, match=rf"clean\.{setting}=.*: toy has no {need} \(it has title\)"):
        Cleaning(**settings).check_fits("toy", {"title"})
    Cleaning(**settings).check_fits("toy", {"title", need})


def test_sums_need_no_weights():
    Cleaning(weights=True, duplicates="sum").check_fits("toy", frozenset())


@pytest.mark.parametrize(
    "low, high, wanted",
    [
        (5, 7, ((5, 0), (7, END))),  # a whole second stands for all of it
        (-0.25, 5.0, ((-1, 750_000_000), (5, END))),
        (1_398_902_400.1, 1_398_902_400.123456, ((MAY, 100_000_000), (MAY, 123_456_000))),
        ("2014-05-01", "2014-05-01", ((MAY, 0), (MAY + DAY - 1, END))),  # a date is a whole day, however it is written
        ("20140501", "20140501", ((MAY, 0), (MAY + DAY - 1, END))),
        ("2014-W18-4", "2014W184", ((MAY, 0), (MAY + DAY - 1, END))),
        ("20140501T00", "20140501T00", ((MAY, 0), (MAY, END))),  # a moment
        ("2014-05-01T00:00:01", "2014-05-01 00:00:05+00:00", ((MAY + 1, 0), (MAY + 5, END))),
        ("2014-05-01T00:00:00.5", "2014-05-01T00:00:00,923456789Z", ((MAY, 500_000_000), (MAY, 923_456_789))),
        ("1969-12-31T23:59:59.5", "1969-12-31T23:59:59.75", ((-1, 500_000_000), (-1, 750_000_000))),
        ("2014-05-01T02:00+02:00", None, ((MAY, 0), None)),
    ],
)
def test_times(low, high, wanted):
    assert Cleaning(min_time=low, max_time=high).times == wanted
