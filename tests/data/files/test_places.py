"""Where rows stand, by files that are read again: skipped lines, empty lines of users, stored zeros."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from layouts import lines, matrix

from ssrec.data.files.arrays import read_npz
from ssrec.data.files.layout import BadRows
from ssrec.data.files.places import (
    first_row,
    in_matrix,
    in_order,
    in_parquet,
    in_sequences,
    in_text,
    one_after_the_other,
    taken,
)
from ssrec.data.files.refused import Origin
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
    found = [place(k).line for k in range(len(events))]
    for k, (user, item) in enumerate(events.rows()):
        spot = place(k)
        assert spot.row is not None and spot.row.split(" ")[0] == str(user) and spot.column("user") == "1 (user)"
        assert spot.row.split(" ")[int(spot.column("item").partition(" ")[0]) - 1] == str(item)
    assert found == [k + 1 for k, items in enumerate([*rows, [5]]) if k == len(rows) or k not in bad for _ in items]


@pytest.mark.parametrize("kind", ["csr", "csc", "coo"])
def test_elements_of_a_matrix_that_are_not_0(tmp_path, kind):
    matrix(tmp_path / "m.npz", [(0, 3, 0.0), (1, 2, 1.0), (2, 0, 0.0), (2, 1, 1.0)], (3, 4), kind)
    found = read_npz(tmp_path / "m.npz")
    events = [(u, i) for u, i, v in zip(found.rows, found.columns, found.values, strict=True) if v]
    for k, (u, i) in enumerate(events):
        said = in_matrix(tmp_path / "m.npz")(k).says("odd", "user")
        assert said.endswith(f"m.npz, row {u}, column {i} (both counted from 0): odd, in row '({u}, {i}) 1'")


def test_rows_of_parquet_but_for_skipped_ones(tmp_path):
    bad = BadRows("skip")
    for line in (5, 1, 2):
        bad.refuse(tmp_path / "e.parquet", line, "odd", "x")
    bad.refuse(tmp_path / "other.parquet", 3, "odd", "x")
    table = pl.LazyFrame({"who": ["a "] * 7, "x": range(7), "note": [None, *["y" * 50] * 6]})
    place = in_parquet(tmp_path / "e.parquet", table, bad, {"user": "who", "note": "note"})
    assert [(place(k).unit, place(k).line) for k in range(4)] == [("row", 3), ("row", 4), ("row", 6), ("row", 7)]
    assert place(0).says("odd", "user").endswith(f"e.parquet, row 3, column who: odd, in row 'a ,{'y' * 40}...'")
    assert in_parquet(tmp_path / "none.parquet", table, bad)(0).row == "a ,0,null"


def test_tables_one_after_the_other():
    place = one_after_the_other([(2, in_order("a")), (lambda: 0, in_order("b")), (lambda: 3, in_order("c"))])
    assert [str(place(k)) for k in range(5)] == ["a, row 1", "a, row 2", "c, row 1", "c, row 2", "c, row 3"]


def test_rows_that_were_chosen():
    place = taken(lambda: pl.Series([4, 0]), in_order("a"))
    assert [str(place(k)) for k in (0, 1, 2)] == ["a, row 5", "a, row 1", "a"]


def test_lines_of_text_call_columns_by_place_and_by_both_names(tmp_path):
    lines(tmp_path / "e.csv", ["userId,n o,x", "1,2", "7,8,9"])
    bad = BadRows("skip")
    bad.refuse(tmp_path / "e.csv", 2, "odd", "1,2")
    spot = in_text(Origin(tmp_path / "e.csv", header=True, separator=","), bad, {"user": "userId"})(0)
    assert spot.says("odd", "user") == f"{tmp_path}/e.csv, line 3, column 1 (userId): odd, in row '7,8,9'"
    assert [spot.column(name) for name in ("userId", "n o", "z")] == ["1 (userId)", "2 ('n o')", "z"]
    assert str(spot) == f"{tmp_path}/e.csv, line 3, row '7,8,9'"
    bare = in_text(Origin(tmp_path / "e.csv", separator=",", names=["a", "b", "c"]), BadRows(), {"item": "b"})(2)
    assert (bare.line, bare.column("item"), bare.column("c")) == (3, "2 (b)", "3 (c)")
    with pytest.raises(DataError, match="changed while it was being read"):
        in_text(Origin(tmp_path / "e.csv", header=True, separator=","), BadRows())(5)


def test_the_first_row_with_values_as_text():
    table = pl.LazyFrame({"user": [1, 2, 2], "part": ["x", "x", "y"]})
    assert first_row(table, user="2") == 1 and first_row(table, user=2, part="y") == 2
    assert first_row(table, user=3) is None
