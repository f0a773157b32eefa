"""Where rows stand, by files that are read again: skipped lines, empty lines of users, stored zeros."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from layouts import lines, matrix

from ssrec.data.files.arrays import read_npz
from ssrec.data.files.layout import BadRows
from ssrec.data.files.places import first_row, in_matrix, in_order, in_parquet, in_sequences, one_after_the_other
from ssrec.data.files.sequences import read_sequences
from ssrec.errors import DataError


@given(rows=st.lists(st.lists(st.integers(0, 9), max_size=4), min_size=1, max_size=6), bad=st.sets(st.integers(0, 5)))
def test_events_of_a_line_of_items(tmp_path_factory, rows, bad):
    file = tmp_path_factory.mktemp("s") / "train.txt"
    written = ["oh no" if k in bad else f"{k} {' '.join(map(str, items))}" for k, items in enumerate(rows)]
    lines(file, [*written, "9 5"])
    refused = BadRows("skip")
    events = read_sequences(file, empty=True, bad=refused)
    place = in_sequences(file, refused)
    found = [int(place(k).rpartition(", row")[0].rpartition(" ")[2]) for k in range(len(events))]
    assert found == [k + 1 for k, items in enumerate([*rows, [5]]) if k == len(rows) or k not in bad for _ in items]


@pytest.mark.parametrize("kind", ["csr", "csc", "coo"])
def test_elements_of_a_matrix_that_are_not_0(tmp_path, kind):
    matrix(tmp_path / "m.npz", [(0, 3, 0.0), (1, 2, 1.0), (2, 0, 0.0), (2, 1, 1.0)], (3, 4), kind)
    found = read_npz(tmp_path / "m.npz")
    events = [(u, i) for u, i, v in zip(found.rows, found.columns, found.values, strict=True) if v]
    for k, (u, i) in enumerate(events):
        assert in_matrix(tmp_path / "m.npz")(k).endswith(f"m.npz, row {u} and column {i} of the matrix, counted from 0")


def test_rows_of_parquet_but_for_skipped_ones(tmp_path):
    bad = BadRows("skip")
    for line in (5, 1, 2):
        bad.refuse(tmp_path / "e.parquet", line, "odd", "x")
    bad.refuse(tmp_path / "other.parquet", 3, "odd", "x")
    place = in_parquet(tmp_path / "e.parquet", bad)
    assert [place(k).rpartition(", ")[2] for k in range(4)] == ["row 3", "row 4", "row 6", "row 7"]


def test_tables_one_after_the_other():
    place = one_after_the_other([(2, in_order("a")), (lambda: 0, in_order("b")), (lambda: 3, in_order("c"))])
    assert [place(k) for k in range(5)] == ["a, row 1", "a, row 2", "c, row 1", "c, row 2", "c, row 3"]
    with pytest.raises(DataError, match="changed while they were being read"):
        place(5)


def test_the_first_row_with_values_as_text():
    table = pl.LazyFrame({"user": [1, 2, 2], "part": ["x", "x", "y"]})
    assert first_row(table, user="2") == 1 and first_row(table, user=2, part="y") == 2
    assert first_row(table, user=3) is None
