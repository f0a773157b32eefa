"""Content columns by kind, and ids of two tables."""

from pathlib import Path

import polars as pl
import pytest
from hydra import compose, initialize_config_dir

from ssrec.compose import instantiate
from ssrec.data.sources.content import agree, covering, names, one, several, vectors
from ssrec.data.sources.declared import Declared, check_columns, item_content
from ssrec.errors import CompositionError, DataError

RAW = pl.DataFrame({"brand": ["b", "", None], "tags": ["a| b||", None, "c"], "n": [1, None, 3]})


def test_lists_of_names_have_no_nulls_and_no_blanks():
    got = RAW.select(one("brand"), one("n"), several("tags", "|"))
    assert got["brand"].to_list() == [["b"], [], []] and got["n"].to_list() == [["1"], [], ["3"]]
    assert got["tags"].to_list() == [["a", "b"], [], ["c"]]
    lists = pl.DataFrame({"x": [["p", None, ""], None, []]}).select(names("x"))
    assert lists["x"].to_list() == [["p"], [], []]


def test_vectors():
    got = vectors(pl.Series("v", [[1, 2], [3, 4]]), pl.Series([7, 8]), "f")
    assert got.dtype == pl.Array(pl.Float32, 2) and got.to_list() == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    "lists, message",
    [
        ([[1.0, 2.0], [1.0, 2.0], [3.0]], "f, row 3, column v: the vector of 'c' has not 2 numbers"),
        ([[1.0, 2.0], None, [3.0, 4.0]], "the vector of 'b' has not 2 numbers"),
        ([[1.0], [float("nan")], [1.0]], "the vector of 'b' holds what is no finite number"),
        ([[1.0], [1e300], [1.0]], "the vector of 'b' holds what is no finite number"),
        ([[1.0], [None], [1.0]], "the vector of 'b' holds what is no finite number"),
        ([[], [], []], "no vector holds a number"),
    ],
)
def test_vectors_that_are_none_are_named(lists, message):
    series = pl.Series("v", lists, dtype=pl.List(pl.Float64))
    with pytest.raises(DataError, match=message):
        vectors(series, pl.Series(["a", "b", "c"]), "f")


def test_covering_adds_what_is_missing_once():
    items = pl.DataFrame({"item": [3, 1], "tags": [["x"], []], "price": [1.0, None]})
    events = pl.DataFrame({"user": [1, 1, 2], "item": [9, 3, 9]})
    assert covering(items, events).rows() == [(3, ["x"], 1.0), (1, [], None), (9, [], None)]


@pytest.mark.parametrize("lazy", [False, True])
def test_ids_agree(lazy):
    events, table = pl.DataFrame({"item": [1, 2]}), pl.DataFrame({"item": ["1", "x"]})
    first, second = agree("item", events.lazy() if lazy else events, table)
    assert first.lazy().collect().rows() == [("1",), ("2",)] and second is not None and second.equals(table)
    first, second = agree("item", events, events)
    assert first.equals(events) and second is events
    assert agree("item", events, None) == (events, None)


def test_declared_columns():
    content = Declared(text={"title": "t"}, attributes=["tags"], numbers=["n"], prefix="dataset.users_")
    assert content.settings == [["title", "t", "text"], ["tags", "tags", "attributes"], ["n", "n", "numbers"]]
    assert content.wanted[0] == ("dataset.users_text", "t")
    with pytest.raises(CompositionError, match=r"dataset\.numbers: a column user is there already"):
        Declared(numbers=["user"])


def test_a_kind_that_a_column_cannot_be():
    raw = pl.DataFrame({"id": [1], "tags": [["a"]], "name": ["x"]})
    with pytest.raises(DataError, match=r"f, column tags: List\(String\) is nothing that text can be made of"):
        Declared(text=["tags"]).table(raw, "item", "id", "f", None)
    with pytest.raises(DataError, match="column name: String is nothing that numbers can be made of"):
        Declared(numbers=["name"]).table(raw, "item", "id", "f", None)


def test_unknown_columns_are_named_with_the_nearest():
    with pytest.raises(
        DataError, match=r"f, column titel: the file has no such column \(x\); did you mean title\? It has title, n"
    ):
        check_columns("f", ["title", "n"], [("y", "n"), ("x", "titel")])


@pytest.mark.parametrize("form", ["[genre]", "{genre: kind}", "{genre: kind, maker: brand}", "null"])
@pytest.mark.parametrize("dataset", [["table", "interactions=e.csv", "items=i.csv"], ["recbole", "path=folder"]])
def test_columns_can_be_named_or_renamed_on_a_command_line(dataset, form):
    name, *needed = dataset
    said = [f"dataset={name}", *(f"dataset.{n}" for n in needed), f"dataset.attributes={form}"]
    with initialize_config_dir(str(Path(__file__).parents[3] / "conf"), version_base="1.3"):
        config = compose("train", overrides=said)
    wanted = {"[genre]": ["genre"], "{genre: kind}": ["kind"], "null": []}.get(form, ["kind", "brand"])
    assert [column for _, column in item_content(instantiate(config.dataset)).wanted] == wanted
