"""From files to canonical tables: order within seconds, which files make another dataset, where bad rows lie."""

import re
from pathlib import Path

import polars as pl
import pytest
from layouts import lines, source_of

from ssrec.data.canonical import Canonical, below, prepare
from ssrec.data.clean import Cleaning
from ssrec.data.split import LeaveOneOut
from ssrec.errors import DataError


def made(
    folder: Path, name: str, *, columns=None, time_format="seconds", items=None, users=None, **cleaning
) -> Canonical:
    settings = {"interactions": f"{folder}/{name}", "columns": columns or {}, "time_format": time_format}
    if users:
        settings |= {"users": users, "users_numbers": ["age"]}
    return prepare(source_of("table", {**settings, "items": items}), Cleaning(**cleaning), folder / "made")


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize(
    "time_format, times",
    [
        ("milliseconds", [1999, 1000, 1500, 999]),
        ("seconds", [1.999, 1.0, 1.5, 0.999]),
        (
            "iso",
            ["1970-01-01T00:00:01.999", "1970-01-01T00:00:01", "1970-01-01 00:00:01.5", "1970-01-01T00:00:00.999Z"],
        ),
    ],
)
def test_events_of_a_second_are_in_the_order_of_time(tmp_path, kind, time_format, times):
    table = pl.DataFrame({"user": [1] * 4, "item": [1, 2, 3, 4], "time": times})
    table.write_csv(tmp_path / "e.csv")
    table.write_parquet(tmp_path / "e.parquet")
    got = made(tmp_path, f"e.{kind}", time_format=time_format).interactions
    assert got["item"].to_list() == [4, 2, 3, 1] and got["time"].to_list() == [0, 1, 1, 1]
    assert [round(n / 1e6) for n in got["nanosecond"]] == [999, 0, 500, 999]


def test_datetimes_of_parquet_too(tmp_path):
    times = pl.Series([1_000_000_009, 1_000_000_001, 1_000_000_005]).cast(pl.Datetime("ns"))
    pl.DataFrame({"user": [1] * 3, "item": [1, 2, 3], "time": times}).write_parquet(tmp_path / "e.parquet")
    assert made(tmp_path, "e.parquet").interactions["item"].to_list() == [2, 3, 1]


def test_folders_that_name_values_tell_datasets_apart(tmp_path):
    for folder in ("a/user=5", "b/user=6"):
        (tmp_path / folder).mkdir(parents=True)
        pl.DataFrame({"item": [1, 2]}).write_parquet(tmp_path / folder / "p.parquet")
    got = [made(tmp_path, folder, columns={"time": None}) for folder in "ab"]
    assert [set(canonical.users["id"]) for canonical in got if canonical.users is not None] == [{5}, {6}]
    assert list(below([tmp_path / "a/user=5/p.parquet"]).values()) == ["user=5/p.parquet"]
    assert list(below([Path("x/a.csv"), Path("x/b/a.csv")]).values()) == ["a.csv", "b/a.csv"]


def test_bad_rows_of_files_of_one_name(tmp_path):
    for folder in "ab":
        (tmp_path / folder).mkdir()
        lines(tmp_path / folder / "e.csv", ["user,item,time", "1,2,2020-01-01", "1,2", "2,1,soon"])
    made(tmp_path, "[ab]/e.csv", time_format="iso", on_bad_rows="skip")
    (home,) = (tmp_path / "made" / "canonical").iterdir()
    listed = pl.read_csv(home / "bad_rows.tsv", separator="\t").select("file", "line", "row")
    assert sorted(listed.rows()) == [(f"{x}/e.csv", n, row) for x in "ab" for n, row in ((3, "1,2"), (4, "2,1,soon"))]


def test_what_is_missing_or_unknown_is_named_by_its_file(tmp_path):
    lines(tmp_path / "e.csv", ["user,item,time", "1,2,1", ",2,5"])
    with pytest.raises(DataError, match=r"/e\.csv, line 3, column 1 \(user\): no user is there; .*, in row ',2,5'"):
        made(tmp_path, "e.csv")
    lines(tmp_path / "i.csv", ["item", "3"])
    with pytest.raises(
        DataError, match=r"/e\.csv, line 2, column 2 \(item\): the item table does not list item 2; .*, in row '1,2,1'"
    ):
        made(tmp_path, "e.csv", items=f"{tmp_path}/i.csv", missing="drop")


def test_unknown_users_are_named_dropped_or_kept(tmp_path):
    lines(tmp_path / "e.csv", ["user,item,time", "1,2,1", "7,3,5", "1,3,2"])
    lines(tmp_path / "u.csv", ["user,age", "1,30"])
    with pytest.raises(
        DataError,
        match=r"/e\.csv, line 3, column 1 \(user\): .* list user 7; clean\.unknown_users=drop or.*, in row '7,3,5'",
    ):
        made(tmp_path, "e.csv", users=f"{tmp_path}/u.csv")
    kept = made(tmp_path, "e.csv", users=f"{tmp_path}/u.csv", unknown_users="keep")
    assert kept.users is not None and kept.users.rows() == [(1, 1, 30.0), (2, 7, None)]
    dropped = made(tmp_path, "e.csv", users=f"{tmp_path}/u.csv", unknown_users="drop")
    assert dropped.users is not None and dropped.users.rows() == [(1, 1, 30.0)] and len(dropped.interactions) == 2
    assert dropped.meta["steps"][-1]["step"] == "unknown users" and dropped.meta["steps"][-1]["rows_removed"] == 1


@pytest.mark.parametrize(
    "kind, places",
    [
        ("csv", ("a.csv, line 2, row 'x,1,1'", "b.csv, line 3, column 1 (user)")),
        ("parquet", ("a.parquet, row 1, row 'x,1,1'", "b.parquet, row 2, column user")),
    ],
)
def test_ids_in_two_spellings_are_named_by_their_files(tmp_path, kind, places):
    for file, users in (("a", ["x", "y"]), ("b", ["y", "x "])):
        table = pl.DataFrame({"user": users, "item": [1, 2], "time": [1, 2]})
        table.write_csv(tmp_path / f"{file}.csv")
        table.write_parquet(tmp_path / f"{file}.parquet")
    a, b = map(re.escape, places)
    said = rf"/{b}: user ids 'x ' and 'x' \(in .*/{a}\) differ only by the spaces .*, in row 'x ,2,2'"
    with pytest.raises(DataError, match=said):
        made(tmp_path, f"*.{kind}")


def test_the_line_of_a_spelling_counts_skipped_rows_and_the_table_of_items(tmp_path):
    lines(tmp_path / "e.csv", ["user,item,time", "1,7,1", "1,2", "2,7,2"])
    lines(tmp_path / "i.csv", ["item", "8", "07"])
    said = (
        r"/i\.csv, line 3, column 1 \(item\): item ids '07' and '7' \(in .*/e\.csv, line 2, row '1,7,1'\) are one "
        r"number, written in two ways; .*, in row '07'"
    )
    with pytest.raises(DataError, match=said):
        made(tmp_path, "e.csv", items=f"{tmp_path}/i.csv", on_bad_rows="skip")
    lines(tmp_path / "e.csv", ["user,item,time", "1,8,1", "1,2", "2,7,2"])
    with pytest.raises(DataError, match=r"\(in .*/e\.csv, line 4, row '2,7,2'\) are one number"):
        made(tmp_path, "e.csv", items=f"{tmp_path}/i.csv", on_bad_rows="skip")


def test_what_differs_within_its_second_is_not_tied(tmp_path):
    """Other parts of a second are another dataset, with the same fingerprint as long as the order is the same."""
    found = []
    for k, times in enumerate(([1000, 1000, 1001], [1000, 1005, 1005], [1000, 1000, 1000])):
        (tmp_path / f"{k}").mkdir()
        lines(tmp_path / f"{k}/e.csv", ["user,item,time", *(f"1,{i},{t}" for i, t in enumerate(times))])
        found.append(made(tmp_path, f"{k}/e.csv", time_format="milliseconds"))
    assert [canonical.meta["tie_rate"] for canonical in found] == [0.5, 0.5, 1.0]
    assert len({canonical.fingerprint for canonical in found}) == 1 and len({c.digest for c in found}) == 3
    assert ["nanosecond" in canonical.interactions.columns for canonical in found] == [True, True, False]
    tied = [LeaveOneOut()(canonical).test.tied for canonical in found]
    assert [t.tolist() for t in tied if t is not None] == [[False], [True], [True]]
