"""The steps of a cleaning against the plain loops that say what they mean."""

from collections import Counter
from statistics import quantiles

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ssrec.data.numbering
import ssrec.data.ordering
from ssrec.data.canonicalise import canonicalise
from ssrec.data.clean import Cleaning
from ssrec.data.files.layout import BadRows
from ssrec.data.filters import filtered
from ssrec.data.histories import k_core, shortened
from ssrec.data.numbering import encoded, numbering, readable
from ssrec.data.ordering import ordered
from ssrec.data.source import Tables
from ssrec.errors import DataError

EVENTS = st.lists(
    st.tuples(
        st.none() | st.sampled_from("uvwxyz"),
        st.none() | st.sampled_from("abcd"),
        st.none() | st.integers(0, 5),
        st.none() | st.sampled_from([0.5, 1.0, 2.0, float("nan")]),
    ),
    min_size=1,
    max_size=40,
)
SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "unknown_items": st.sampled_from(["drop", "keep"]),
        "unknown_users": st.sampled_from(["drop", "keep"]),
        "min_time": st.integers(0, 2),
        "max_time": st.integers(2, 4),
        "min_rating": st.just(1),
        "max_rating": st.just(1.5),
        "weights": st.just(True),
        "duplicates": st.sampled_from(["all", "first", "last"]),
        "max_user_events": st.integers(1, 5),
        "iqr": st.sampled_from([0, 0.5, 1.5]),
        "k_core_user": st.integers(0, 3),
        "k_core_item": st.integers(0, 3),
    },
)
CATALOGUE = ["c", "a", "e"]
PEOPLE = ["w", "u", "t"]


def frame(rows, lazy=False):
    schema = {"user": pl.String, "item": pl.String, "time": pl.Int64, "weight": pl.Float64}
    table = pl.DataFrame(rows, schema=schema, orient="row")
    return table.lazy() if lazy else table


def cleaned(rows, cleaning, items=None, users=None, lazy=False):
    """The publisher's ids, times and weights of what stays, in order, and the report."""
    table = pl.DataFrame({"item": items}) if items else None
    raw = readable("toy", frame(rows, lazy), weights=cleaning.reads_weights)
    numbers = numbering("toy", raw, table, pl.DataFrame({"user": users}) if users else None)
    events, report = filtered("toy", encoded("toy", raw, numbers), numbers, cleaning)
    if len(events):
        events = shortened(ordered(events, numbers.items, ties="file", seed=0), cleaning, report)
    named = [
        (numbers.users[row["user"] - 1], numbers.items[row["item"] - 1], row["time"], row.get("weight"))
        for row in events.iter_rows(named=True)
    ]
    return named, report


def naive(rows, cleaning, items=None, people=None):
    """The same in plain loops; rows left after each step by its name."""
    steps = {}

    def keep(step, on, wanted):
        nonlocal rows
        if on:
            rows = [row for k, row in enumerate(rows) if wanted(k, row)]
            steps[step] = rows

    whole = [all(x is not None and x == x for x in (r if cleaning.reads_weights else r[:3])) for r in rows]
    steps["as read"] = rows
    keep("missing fields", cleaning.missing == "drop", lambda k, _: whole[k])
    keep("unknown items", items and cleaning.unknown_items == "drop", lambda _, r: r[1] in items)
    keep("unknown users", people and cleaning.unknown_users == "drop", lambda _, r: r[0] in people)
    early, late = cleaning.min_time, cleaning.max_time
    keep(
        "time range", (early, late) != (None, None), lambda _, r: (early or -9) <= r[2] <= (9 if late is None else late)
    )
    least, most = cleaning.min_rating, cleaning.max_rating
    keep("rating", (least, most) != (None, None), lambda _, r: (least or -9) <= r[3] <= (most or 9))
    users = list(dict.fromkeys(r[0] for r in steps["as read"] if r[0] is not None))
    rows = sorted(rows, key=lambda r: (users.index(r[0]), r[2]))
    pairs = [r[:2] for r in rows]
    if cleaning.duplicates == "first":
        keep("duplicates", True, lambda k, r: r[:2] not in pairs[:k])
    elif cleaning.duplicates == "last":
        keep("duplicates", True, lambda k, r: r[:2] not in pairs[k + 1 :])
    if cleaning.max_user_events is not None or cleaning.iqr is not None:
        count = Counter(r[0] for r in rows)
        bound = cleaning.max_user_events or 10**9
        usual = [n for n in count.values() if n <= bound]
        if cleaning.iqr is not None and usual:
            q1, _, q3 = quantiles(usual * (1 + (len(usual) == 1)), n=4, method="inclusive")
            bound = min(bound, q3 + cleaning.iqr * (q3 - q1))
        keep("outlier users", True, lambda _, r: count[r[0]] <= bound)
    if cleaning.k_core_user > 1 or cleaning.k_core_item > 1:
        while True:
            of_user, of_item = Counter(r[0] for r in rows), Counter(r[1] for r in rows)
            left = [r for r in rows if of_user[r[0]] >= cleaning.k_core_user and of_item[r[1]] >= cleaning.k_core_item]
            if len(left) == len(rows):
                break
            rows = left
        steps["k-core"] = rows
    return [(*r[:3], r[3] if cleaning.reads_weights else None) for r in rows], steps


@given(
    rows=EVENTS,
    settings=SETTINGS,
    items=st.sampled_from([None, CATALOGUE]),
    people=st.sampled_from([None, PEOPLE]),
    lazy=st.booleans(),
    block=st.integers(1, 9),
)
def test_every_step_is_what_its_loop_says(rows, settings, items, people, lazy, block):
    cleaning = Cleaning(missing="drop", **{"unknown_items": "keep", "unknown_users": "keep", **settings})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssrec.data.numbering, "ROWS", block)
        patch.setattr(ssrec.data.ordering, "BLOCK", block)
        got, report = cleaned(rows, cleaning, items, people, lazy)
    wanted, steps = naive(rows, cleaning, items, people)
    assert got == wanted
    expected = list(steps) if wanted or len(report) == len(steps) else list(steps)[: len(report)]
    assert [line["step"] for line in report] == expected
    before = None
    for line in report:
        left = steps[line["step"]]
        users, items_ = {r[0] for r in left} - {None}, {r[1] for r in left} - {None}
        assert (line["rows"], line["users"], line["items"]) == (len(left), len(users), len(items_))
        assert line["rows_removed"] == (before["rows"] - len(left) if before else 0)
        assert line["users_removed"] == (before["users"] - len(users) if before else 0)
        before = line


@given(
    rows=st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=80),
    least_user=st.integers(0, 5),
    least_item=st.integers(0, 5),
)
def test_k_core_is_the_fix_point(rows, least_user, least_item):
    user, item = (pl.Series(column, dtype=pl.Int32) for column in zip(*rows, strict=True))
    users, items, rounds = k_core(user, item, least_user, least_item)
    left = rows
    for _ in range(len(rows) + 1):
        of_user, of_item = Counter(u for u, _ in left), Counter(i for _, i in left)
        left = [(u, i) for u, i in left if of_user[u] >= least_user and of_item[i] >= least_item]
    assert [(u, i) for u, i in rows if users[u] and items[i]] == left
    assert 1 <= rounds <= len(rows) + 2


def test_weights_add_up():
    rows = [("u", "a", 3, 2.0), ("u", "a", 1, 0.5), ("u", "b", 2, 1.0), ("v", "a", 1, 4.0)]
    got, _ = cleaned(rows, Cleaning(weights=True, duplicates="sum"))
    assert got == [("u", "a", 1, 2.5), ("u", "b", 2, 1.0), ("v", "a", 1, 4.0)]
    assert cleaned(rows, Cleaning(weights=True, duplicates="last"))[0][1] == ("u", "a", 3, 2.0)


@pytest.mark.parametrize(
    "row, message",
    [
        (
            ("u", None, 1, 1.0),
            r"interactions, row 3, column item: no item is there; clean.missing=drop .*, in row 'u,null,1,1.0'",
        ),
        (("u", " ", 1, 1.0), "no item"),
        ((None, "a", 1, 1.0), r"no user is there; .*, in row 'null,a,1,1.0'"),
        (("u", "a", None, 1.0), r"no time is there; .*, in row 'u,a,null,1.0'"),
        (("u", "a", 1, None), "no weight"),
        (("u", "a", 1, float("inf")), "no weight"),
    ],
)
@pytest.mark.parametrize("block", [1, 100])
def test_a_missing_field_is_named(monkeypatch, row, message, block):
    monkeypatch.setattr(ssrec.data.numbering, "ROWS", block)
    rows = [("u", "a", 1, 1.0), ("v", "b", 2, 1.0), row]
    with pytest.raises(DataError, match=message):
        cleaned(rows, Cleaning(weights=True))
    if row[3] != 1.0:
        assert len(cleaned(rows, Cleaning())[0]) == 3  # nobody looks at weights


def test_an_unknown_item_is_named():
    rows = [("u", "a", 1, 1.0), ("v", "zz", 2, 1.0)]
    with pytest.raises(
        DataError, match=r"row 2, column item: the item table does not list item 'zz'; clean.*, in row 'v,zz,2'"
    ):
        cleaned(rows, Cleaning(), CATALOGUE)


def test_an_unknown_user_is_named():
    rows = [("u", "a", 1, 1.0), ("v", "zz", 2, 1.0)]
    with pytest.raises(
        DataError, match=r"row 2, column user: the user table does not list user 'v'; clean\.unknown_us"
    ):
        cleaned(rows, Cleaning(), users=PEOPLE)


NANO = 10**9


@given(
    moments=st.lists(st.tuples(st.integers(-1, 3), st.sampled_from([0, 1, NANO // 2, NANO - 1])), max_size=6),
    low=st.sampled_from([None, 0, -0.5, 1.5, "1970-01-01T00:00:01.000000001"]),
    high=st.sampled_from([None, 3, 1.5, 2, "1970-01-01T00:00:02.5"]),
    within=st.booleans(),
)
def test_bounds_of_time_know_parts_of_a_second(moments, low, high, within):
    """A whole second, as the last one, stands for all of it."""
    named = {"1970-01-01T00:00:01.000000001": NANO + 1, "1970-01-01T00:00:02.5": 5 * NANO // 2, None: None}
    first = named[low] if low in named else int(low * NANO)
    last = named[high] if high in named else int(high * NANO) + (NANO - 1 if high == int(high) else 0)
    moments = [(s, n if within else 0) for s, n in moments]
    inside = [
        (s, n)
        for s, n in moments
        if (first is None or s * NANO + n >= first) and (last is None or s * NANO + n <= last)
    ]
    table = pl.DataFrame({"user": "u", "item": [f"{k}" for k in range(len(moments))]})
    times = {"time": [s for s, _ in moments], "nanosecond": [n for _, n in moments]}
    schema = {"time": pl.Int64, "nanosecond": pl.Int32}
    table = table.with_columns(pl.Series(name, times[name], schema[name]) for name in (schema if within else ["time"]))
    cleaning = Cleaning(min_time=low, max_time=high)
    if not inside:
        return
    made, _ = canonicalise("toy", Tables(table), cleaning, BadRows())
    found = made["interactions"]
    rest = found["nanosecond"].to_list() if "nanosecond" in found.columns else [0] * len(found)
    assert sorted(zip(found["time"].to_list(), rest, strict=True)) == sorted(inside)
