"""Ids that are one id in two spellings are told with what differs, and where each stands."""

import polars as pl
import pytest

from ssrec.data.files.places import Spot
from ssrec.data.ids import check_written_once, other_spelling
from ssrec.errors import DataError


@pytest.mark.parametrize(
    "ids, odd, plain, why",
    [
        (["x", "y", "x "], "x ", "x", "differ only by the spaces around them"),
        ([" x", "y", "x"], " x", "x", "differ only by the spaces around them"),
        (["x", "x\N{NO-BREAK SPACE}"], "x\N{NO-BREAK SPACE}", "x", "differ only by the spaces around them"),
        (["7", "8", "07"], "07", "7", "are one number, written in two ways"),
        (["+7", "8", "7"], "+7", "7", "are one number, written in two ways"),
        (["007", "007 "], "007 ", "007", "differ only by the spaces around them"),
    ],
)
def test_the_odd_one_is_named_and_then_the_other(ids, odd, plain, why):
    def stands(id: str) -> Spot:
        return Spot("e.csv", ids.index(id) + 2, f"{id},1", columns={"user": "1 (who)"})

    said = (
        f"e.csv, line {ids.index(odd) + 2}, column 1 (who): user ids {odd!r} and {plain!r} (in e.csv, line "
        f"{ids.index(plain) + 2}, row {f'{plain},1'!r}) {why}; write every user in one way, in row {f'{odd},1'!r}"
    )
    with pytest.raises(DataError) as refused:
        check_written_once("toy", pl.Series("user", ids), stands)
    assert str(refused.value) == said
    with pytest.raises(DataError, match=r"^toy, column user: "):
        check_written_once("toy", pl.Series("user", ids))


def test_ids_that_differ_otherwise_are_fine():
    for ids in (["x", "X"], ["7", "07", "x"], ["a b", "a  b"], []):
        check_written_once("toy", pl.Series("item", ids, dtype=pl.String))
    check_written_once("toy", pl.Series("item", [1, 2]))


@pytest.mark.parametrize(
    "id, known, other",
    [
        ("x ", ["y", "x"], "x"),
        ("x", ["y", " x"], " x"),
        ("07", [7, 8], "7"),
        (" 7", [7, 8], "7"),
        ("7", ["x", "007"], "007"),
        ("z", ["y", "x"], None),
        ("9", [7, 8], None),
    ],
)
def test_another_spelling_of_a_known_id(id, known, other):
    assert other_spelling(id, pl.Series(known)) == other
