"""Sorting by user and time is stable, for any size of blocks and any times."""

import polars as pl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import ssrec.data.ordering
from ssrec.data.ordering import counts, ordered, user_ranges

ROWS = st.lists(
    st.tuples(st.integers(1, 5), st.integers(1, 4), st.integers(-2, 2) | st.sampled_from([-(2**62), 2**62, 2**40])),
    min_size=1,
    max_size=30,
)
ITEMS = pl.Series(["b", "a", "d", "c"])


def table(rows, timed=True) -> pl.DataFrame:
    schema = {"user": pl.Int32, "item": pl.Int32, "time": pl.Int64}
    frame = pl.DataFrame(rows, schema=schema, orient="row").with_columns(place=pl.int_range(pl.len()))
    return frame if timed else frame.drop("time")


def naive(rows, timed, ties, seed):
    places = torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed)).tolist()
    by_id = sorted(range(len(rows)), key=lambda r: ITEMS[rows[r][1] - 1])
    first = {"file": range(len(rows)), "shuffled": places, "id": by_id}
    order = first[ties if timed else "file"]
    return sorted(order, key=lambda r: (rows[r][0], rows[r][2]) if timed else rows[r][0])  # Python's sort is stable


@given(rows=ROWS, timed=st.booleans(), ties=st.sampled_from(["file", "shuffled", "id"]), block=st.integers(1, 40))
def test_order_is_that_of_a_stable_sort(rows, timed, ties, block):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssrec.data.ordering, "BLOCK", block)
        got = ordered(table(rows, timed), ITEMS, ties=ties, seed=3)
    assert got["place"].to_list() == naive(rows, timed, ties, 3)
    assert got.columns == table(rows, timed).columns and got.schema == table(rows, timed).schema
    assert got.drop("place").rows() == [
        row if timed else row[:2] for row in (rows[k] for k in naive(rows, timed, ties, 3))
    ]


@given(rows=st.lists(st.integers(0, 9), min_size=1), block=st.integers(1, 9), n=st.integers(0, 12))
def test_counts_and_ranges(rows, block, n):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssrec.data.ordering, "BLOCK", block)
        got = counts(pl.Series(rows, dtype=pl.Int32), n)
        assert got.tolist() == [rows.count(k) for k in range(max(n, *rows, 0) + 1)]
        ranges = list(user_ranges(got))
    assert [k for first, last in ranges for k in range(first, last + 1)] == list(range(len(got)))
    for first, last in ranges:
        assert got[first : last + 1].sum() - got[first] < block  # the first user of a range may reach over


@pytest.mark.parametrize("ties", ["file", "shuffled", "id"])
def test_nanoseconds_order_the_events_of_a_second(ties):
    rows = table([(1, 1, 5), (1, 2, 4), (1, 3, 5), (1, 4, 5)])
    within = pl.Series("nanosecond", [7, 9, 3, 5], dtype=pl.Int32)
    got = ordered(rows.with_columns(within), ITEMS, ties=ties, seed=1)
    assert got["item"].to_list() == [2, 3, 4, 1] and got["nanosecond"].to_list() == [9, 3, 5, 7]
