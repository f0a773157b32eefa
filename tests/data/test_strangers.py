"""Users whom a publisher tests without a history: refused where they stand, or kept with an empty past, and counted."""

import polars as pl
import pytest
from histories import rows
from hypothesis import given
from hypothesis import strategies as st
from layouts import lines, matrix, source_of

from ssrec.data.canonical import prepare
from ssrec.data.clean import Cleaning
from ssrec.data.split import cut
from ssrec.data.splits.given import Given
from ssrec.data.splits.ratio import Ratio
from ssrec.data.strangers import strangers
from ssrec.errors import CompositionError, DataError

TRAINED = [("1", "5"), ("1", "6"), ("2", "5"), ("2", "6"), ("2", "8")]
TESTED = [("1", "8"), ("3", "6"), ("3", "5"), ("4", "5")]  # nobody knows 3 and 4


def lightgcn(folder):
    lines(folder / "train.txt", ["1 5 6", "2 5 6 8"])
    lines(folder / "test.txt", ["1 8", "2", "3 6 5", "4 5"])
    return "lightgcn-files", {"root": str(folder)}, (r"test\.txt, line 3, column 1 \(user\)", "3 6 5")


def matrices(folder):
    for part, pairs in (("trnMat", TRAINED), ("tstMat", TESTED)):
        matrix(folder / f"{part}.npz", [(int(u), int(i), 1.0) for u, i in pairs], (5, 9), "coo")
    matrix(folder / "valMat.npz", [(1, 7, 1.0), (2, 7, 0.0)], (5, 9))
    return (
        "sparse-matrix",
        {"root": str(folder)},
        (r"tstMat\.npz, row 3, column 6 \(both counted from 0\)", r"\(3, 6\) 1"),
    )


def mmrec(folder):
    labelled = [f"{u}\t{i}\t0" for u, i in TRAINED] + [f"{u}\t{i}\t2" for u, i in TESTED]
    lines(folder / "baby.inter", ["userID\titemID\tx_label", *labelled])
    return (
        "mmrec",
        {"root": str(folder), "name": "baby", "vectors": {}},
        (r"baby\.inter, line 8, column 1 \(userID\)", r"3\\t6\\t2"),
    )


def recbole(folder):
    for part, pairs in (("train", TRAINED), ("test", TESTED)):
        lines(folder / f"ml.{part}.inter", ["user_id:token\titem_id:token", *(f"{u}\t{i}" for u, i in pairs)])
    parts = {"train": "train", "test": "test"}
    settings = {"path": str(folder), "stem": "ml", "time": None, "parts": parts}
    return "recbole", settings, (r"ml\.test\.inter, line 3, column 1 \(user_id:token\)", r"3\\t6")


def table(folder, kind="csv"):
    pairs = [(*p, "train") for p in TRAINED] + [(*p, "test") for p in TESTED]
    made = pl.DataFrame(pairs, schema=["user", "item", "part"], orient="row")
    for name, part in (("a", made[:4]), ("b", made[4:])):
        part.write_csv(folder / f"{name}.csv")
        part.write_ndjson(folder / f"{name}.jsonl")
        part.write_parquet(folder / f"{name}.parquet")
    settings = {"interactions": f"{folder}/*.{kind}", "columns": {"time": None, "part": "part"}}
    places = {
        "csv": (r"b\.csv, line 4, column 1 \(user\)", "3,6,test"),
        "jsonl": (r"b\.jsonl, line 3, column user", '{"user":"3","item":"6","part":"test"}'),
        "parquet": (r"b\.parquet, row 3, column user", "3,6,test"),
    }
    return "table", settings, places[kind]


LAYOUTS = {
    "lightgcn": lightgcn,
    "matrices": matrices,
    "mmrec": mmrec,
    "recbole": recbole,
    **{kind: lambda folder, kind=kind: table(folder, kind) for kind in ("csv", "jsonl", "parquet")},
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_they_are_named_or_kept(tmp_path, layout):
    name, settings, (place, row) = LAYOUTS[layout](tmp_path)
    data = tmp_path / "data"
    refused = prepare(source_of(name, settings), Cleaning(), data)
    said = (
        rf"^{place}: user '?3'? of {refused.name} has a test event and no training event \(one of 2 such users\); "
        rf"dataset\.without_history=keep .*, in row '{row}'$"
    )
    for folder in (None, data):
        with pytest.raises(DataError, match=said):
            cut(Given(by="time"), refused, folder=folder)
    kept = prepare(source_of(name, {**settings, "without_history": "keep"}), Cleaning(), data)
    splits = cut(Given(by="time"), kept, folder=data)
    assert kept.digest == refused.digest and rows(splits.test.past)[1:] == [[], []]
    assert splits.test.user.tolist() == [1, 0, 0] and splits.facts["n_test_without_past"] == 2
    assert splits.facts["n_users_without_training"] == 2
    with pytest.raises(DataError, match=said):  # also where those who stay are stored already
        cut(Given(by="time"), refused, folder=data)
    cut(Ratio(), refused)  # who does not read the parts has no use for them either


def test_the_cleaning_may_be_to_blame(tmp_path):
    rows = ["user,item,part,stars", "1,5,train,5", "1,6,train,5", "1,7,test,5", "2,5,train,1", "2,6,test,5"]
    lines(tmp_path / "e.csv", rows)
    columns = {"time": None, "part": "part", "weight": "stars"}
    source = source_of("table", {"interactions": f"{tmp_path}/e.csv", "columns": columns})
    assert "stranger" not in prepare(source, Cleaning(), tmp_path).meta
    said = (
        r"e\.csv, line 6, column 1 \(user\): user 2 of table has a test event and no training event that "
        r"the cleaning left.*, in row '2,6,test,5'"
    )
    with pytest.raises(DataError, match=said):
        cut(Given(), prepare(source, Cleaning(min_rating=2), tmp_path))


@given(events=st.lists(st.tuples(st.integers(1, 5), st.sampled_from(["train", "val", "test"])), max_size=12))
def test_strangers_by_a_loop(events):
    trained = {user for user, part in events if part == "train"}
    frame = pl.DataFrame(events, schema={"user": pl.Int32, "part": pl.String}, orient="row")
    assert strangers(frame).to_list() == sorted({user for user, _ in events} - trained)


@pytest.mark.parametrize("name", ["lightgcn-files", "sparse-matrix", "mmrec", "recbole", "table", "mind-small"])
def test_the_setting_is_error_or_keep(name):
    asked = {"mmrec": {"name": "x"}, "recbole": {"path": "x"}, "table": {"interactions": "x.csv"}}.get(name, {})
    with pytest.raises(CompositionError, match=r"dataset\.without_history=drop: choose error or keep"):
        source_of(name, {**asked, "without_history": "drop"})
