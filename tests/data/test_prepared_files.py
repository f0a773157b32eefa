"""From files to canonical tables: order within seconds, which files make another dataset, where bad rows lie."""

from pathlib import Path

import polars as pl
import pytest
from layouts import lines, source_of

from ssrec.data.canonical import Canonical, below, prepare
from ssrec.data.clean import Cleaning
from ssrec.errors import DataError


def made(folder: Path, name: str, *, columns=None, time_format="seconds", items=None, **cleaning) -> Canonical:
    settings = {"interactions": f"{folder}/{name}", "columns": columns or {}, "time_format": time_format}
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
    assert got.columns == ["user", "item", "time"]


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
    with pytest.raises(DataError, match=r"\(.*e\.csv\): row 2 of the interactions has no user \(item 2\)"):
        made(tmp_path, "e.csv")
    lines(tmp_path / "i.csv", ["item", "3"])
    with pytest.raises(DataError, match=r"\(.*e\.csv\): interactions name item 2, which .* in row 1"):
        made(tmp_path, "e.csv", items=f"{tmp_path}/i.csv", missing="drop")
