"""Files of rankings: what they may look like, and what is refused, by file and line."""

import gzip
import math

import polars as pl
import pytest

from ssrec.errors import DataError, UserError
from ssrec.evaluate.files import read_rankings

ROWS = [("u1", "a", 1, 0.9), ("u1", "b", 2, 0.5), ("u2", "a", 1, -1.0)]


def frame(**others) -> pl.DataFrame:
    return pl.DataFrame(ROWS, schema=["user", "item", "rank", "score"], orient="row").with_columns(**others)


def written(path, table: pl.DataFrame):
    if path.suffix == ".parquet":
        table.write_parquet(path)
    else:
        text = table.write_csv(separator="\t" if ".tsv" in path.name else ",").encode()
        path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return str(path)


@pytest.mark.parametrize("name", ["r.csv", "r.tsv", "r.csv.gz", "r.tsv.gz", "r.parquet"])
def test_every_format_gives_the_same(tmp_path, name):
    given = read_rankings(written(tmp_path / name, frame()), {})
    assert given.table.rows() == [(u, i, float(r), s) for u, i, r, s in ROWS]
    assert given.orders == ("rank", "score")
    assert (f"{name}, row 2" if name.endswith("parquet") else f"{name}, line 3, row 'u1") in str(given.place(1))


def test_columns_have_the_names_that_are_told(tmp_path):
    table = frame().rename({"user": "who", "item": "what", "score": "how much"})
    file = written(tmp_path / "r.csv", table)
    given = read_rankings(file, {"user": "who", "item": "what", "score": "how much"})
    assert given.orders == ("score",), "a named one counts, and the other is not read"
    with pytest.raises(
        DataError, match=r"column user: the file has no such column \(--columns user=\); it has who, what"
    ):
        read_rankings(file, {"item": "what"})
    with pytest.raises(UserError, match="rankings have user, item, rank and score"):
        read_rankings(file, {"time": "who"})


def test_integers_stay_integers_unless_one_file_has_text(tmp_path):
    written(tmp_path / "a.csv", frame(user=pl.Series([1, 1, 2])))
    written(tmp_path / "b.csv", frame(user=pl.Series(["1", "x", "x"])))
    assert read_rankings(str(tmp_path / "a.csv"), {}).table["user"].dtype == pl.Int64
    both = read_rankings(str(tmp_path / "*.csv"), {})
    assert both.table["user"].to_list() == ["1", "1", "2", "1", "x", "x"]
    assert str(both.place(4)).endswith("b.csv, line 3, row 'x,b,2,0.5'")


def test_nan_is_a_score_and_nothing_is_not(tmp_path):
    (tmp_path / "r.csv").write_text("user,item,score\n1,2,nan\n1,3,-inf\n1,4,2e-3\n")
    scores = read_rankings(str(tmp_path / "r.csv"), {}).table["score"].to_list()
    assert math.isnan(scores[0]) and scores[1:] == [-math.inf, 0.002]


@pytest.mark.parametrize(
    ("text", "told"),
    {
        "no order": ("user,item\n1,2\n", "has no column rank or score; it has user, item"),
        "no header": ("1,2,3\n1,3,2\n", "has no column rank or score; it has 1, 2, 3"),
        "no row": ("user,item,rank\n", "has a header and no row"),
        "no user": (
            "user,item,rank\n1,2,1\n,3,2\n",
            "line 3, column 1 (user): user is missing; every row has one, in row ',3,2'",
        ),
        "no item": ("user,item,rank\n1,,1\n", "line 2, column 2 (item): item is missing"),
        "no score": ("user,item,score\n1,2,0.5\n1,3,\n", "line 3, column 3 (score): score is missing"),
        "a word": (
            "user,item,score\n1,2,0.5\n1,3,best\n",
            "line 3, column 3 (score): score is 'best'; scores are numbers",
        ),
        "a rank between": (
            "user,item,rank\n1,2,1.5\n",
            "line 2, column 3 (rank): rank is '1.5'; ranks are whole numbers",
        ),
        "no rank": ("user,item,rank\n1,2,nan\n", "line 2, column 3 (rank): rank is 'nan'; ranks are whole numbers"),
        "cut short": ("user,item,rank\n1,2,1\n1,3\n", "line 3"),
    }.values(),
)
def test_what_is_wrong_is_named_by_line(tmp_path, text, told):
    (tmp_path / "r.csv").write_text(text)
    with pytest.raises(DataError) as refused:
        read_rankings(str(tmp_path / "r.csv"), {})
    assert told in str(refused.value)
    assert "r.csv" in str(refused.value)


def test_parquet_is_checked_as_text_is(tmp_path):
    file = written(tmp_path / "r.parquet", frame(score=pl.Series([0.5, None, 0.1])))
    with pytest.raises(DataError, match=r"r\.parquet, row 2, column score: score is missing; .*, in row 'u1,b,2,null'"):
        read_rankings(file, {})
    file = written(tmp_path / "r.parquet", frame(score=pl.Series([[1], [2], [3]])))
    with pytest.raises(DataError, match=r"score is List\(Int64\); scores are numbers"):
        read_rankings(file, {})
    file = written(tmp_path / "r.parquet", frame(user=pl.Series([0.5, 1.0, 2.0])))
    with pytest.raises(DataError, match="user ids should be integers or text, and are Float64"):
        read_rankings(file, {})
    file = written(tmp_path / "r.parquet", frame(item=pl.Series([2**63 + 5] * 3, dtype=pl.UInt64)))
    with pytest.raises(DataError, match=r"r\.parquet cannot be read as Parquet: conversion .*[^\n]*$") as refused:
        read_rankings(file, {})
    assert "\n" not in str(refused.value)
    (tmp_path / "r.parquet").write_bytes(b"PAR1 and then nothing")
    with pytest.raises(DataError, match=r"r\.parquet cannot be read as Parquet"):
        read_rankings(file, {})


@pytest.mark.parametrize(
    ("name", "told"), [("no.csv", "is no file"), ("r.txt", "extension"), ("r.json", "rankings are read from")]
)
def test_other_files_are_refused(tmp_path, name, told):
    if name != "no.csv":
        (tmp_path / name).write_text("user,item,rank\n1,2,1\n")
    with pytest.raises(DataError, match=told):
        read_rankings(str(tmp_path / name), {})
