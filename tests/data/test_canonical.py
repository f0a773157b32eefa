"""Canonical tables: ids are rows, ties keep their order, and the cache is whole or absent."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Barrier
from typing import ClassVar

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ssrec.data.canonical_files
from ssrec.data.canonical import Canonical, prepare
from ssrec.data.clean import Cleaning
from ssrec.data.files.layout import BadRows
from ssrec.data.numbering import number
from ssrec.data.source import Source, Tables
from ssrec.errors import CompositionError, DataError


@dataclass
class Lines(Source):
    """Lines `user item time`, of integers or words."""

    file: Path
    kind: type = int
    timed: bool = True
    catalogue: list | None = None
    meet: Barrier | None = None
    reads: list[int] = field(default_factory=list)

    name: ClassVar[str] = "lines"
    offers: ClassVar[frozenset[str]] = frozenset({"times"})

    @property
    def settings(self) -> Mapping[str, object]:
        return {"timed": self.timed, "catalogue": self.catalogue}

    def files(self, raw: Path) -> list[Path]:
        return [self.file]

    def read(self, files: Sequence[Path], bad: BadRows) -> Tables:
        self.reads.append(1)
        if self.meet:
            self.meet.wait(timeout=20)  # both have found no cache
        rows = [line.split() for line in files[0].read_text().splitlines()]
        columns = {"user": [self.kind(r[0]) for r in rows], "item": [self.kind(r[1]) for r in rows]}
        times = {"time": [int(r[2]) for r in rows]} if self.timed else {}
        items = columns["item"] if self.catalogue is None else self.catalogue
        distinct = list(dict.fromkeys(items)) if self.catalogue is None else items
        return Tables(
            pl.DataFrame({**columns, **times}), pl.DataFrame({"item": distinct}), removed={"rows with rust": 3}
        )


def made(source: Source, folder: Path, **cleaning) -> Canonical:
    return prepare(source, Cleaning(**cleaning), folder)


@pytest.fixture
def lines(tmp_path):
    def made(*rows: str, **options) -> Lines:
        file = tmp_path / "lines.txt"
        file.write_text("\n".join(rows))
        return Lines(file, **options)

    return made


def test_ids_are_rows_in_numeric_order(lines, tmp_path):
    canonical = made(lines("9 30 2", "9 4 1", "5 30 7"), tmp_path)
    assert canonical.interactions.rows() == [(1, 2, 7), (2, 1, 1), (2, 2, 2)]
    assert canonical.items.rows() == [(1, 4), (2, 30)]
    assert (canonical.n_users, canonical.n_items, canonical.name) == (2, 2, "lines")


def test_words_are_numbered_by_first_appearance(lines, tmp_path):
    canonical = made(lines("zoe pear 2", "adam fig 1", "zoe apple 1", kind=str), tmp_path)
    assert canonical.interactions.rows() == [(1, 3, 1), (1, 1, 2), (2, 2, 1)]
    assert canonical.items["id"].to_list() == ["pear", "fig", "apple"]


def test_order_without_times_is_the_files(lines, tmp_path):
    canonical = made(lines("2 7 9", "1 8 8", "2 6 1", timed=False), tmp_path)
    assert canonical.interactions.rows() == [(1, 3), (2, 2), (2, 1)]
    assert "tie_rate" not in canonical.meta


def test_cold_items_of_the_catalogue_have_rows(lines, tmp_path):
    canonical = made(lines("1 5 1", catalogue=[3, 5, 9]), tmp_path)
    assert canonical.n_items == 3 and canonical.interactions["item"].to_list() == [2]
    assert canonical.meta["n_items_without_interactions"] == 2


def test_meta_tells_the_origin(lines, tmp_path):
    meta = made(lines("1 5 1", "1 6 1", "1 7 2", "2 5 2"), tmp_path).meta
    assert meta["n_interactions"] == 4 and meta["removed"] == {"rows with rust": 3}
    assert meta["tie_rate"] == 1 / 2
    assert meta["raw"] == [["lines.txt", hashlib.sha256(b"1 5 1\n1 6 1\n1 7 2\n2 5 2").hexdigest()]]
    assert meta["cleaning"]["duplicates"] == "all"
    assert [(s["step"], s["rows"], s["users"], s["items"]) for s in meta["steps"]] == [("as read", 4, 2, 3)]


@given(rows=st.lists(st.tuples(*[st.integers(0, 4)] * 3), min_size=1, max_size=30))
def test_sorting_is_stable(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("stable")
    (folder / "f").write_text("\n".join(" ".join(map(str, row)) for row in rows))
    got = made(Lines(folder / "f"), folder)
    users, items = sorted({r[0] for r in rows}), sorted({r[1] for r in rows})
    wanted = [(users.index(u) + 1, items.index(i) + 1, t) for u, i, t in rows]
    assert got.interactions.rows() == sorted(wanted, key=lambda row: (row[0], row[2]))  # Python's sort is stable


def test_number():
    assert number(pl.Series([5, 3, 5])).to_list() == [3, 5]
    assert number(pl.Series(["b", "a", "b"])).to_list() == ["b", "a"]


def test_asked_again_it_is_read_from_the_cache(lines, tmp_path):
    source = lines("1 5 1", "1 6 2")
    first, second = made(source, tmp_path), made(source, tmp_path)
    assert source.reads == [1] and first.fingerprint == second.fingerprint
    assert first.interactions.equals(second.interactions) and first.items.equals(second.items)


def test_cache_and_fingerprint_follow_their_inputs(lines, tmp_path):
    prints = {
        made(lines("1 5 1", "1 6 2"), tmp_path).fingerprint,
        made(lines("1 5 1", "1 6 3"), tmp_path).fingerprint,
        made(lines("1 5 1", "1 6 2", timed=False), tmp_path).fingerprint,
        made(lines("1 5 1", "1 6 2", catalogue=[5, 6, 7]), tmp_path).fingerprint,
    }
    assert len(prints) == 4
    assert len(list((tmp_path / "canonical").iterdir())) == 4
    again = made(lines("1  5 1", "1 6  2"), tmp_path)  # other bytes, another cache, the same content
    assert again.fingerprint in prints and len(list((tmp_path / "canonical").iterdir())) == 5


def test_two_at_once_make_one_cache(lines, tmp_path):
    source = lines("1 5 1", "1 6 2", meet=Barrier(2))
    with ThreadPoolExecutor(2) as pool:
        a, b = pool.map(lambda _: made(source, tmp_path), range(2))
    assert source.reads == [1, 1] and a.interactions.equals(b.interactions)
    (home,) = (tmp_path / "canonical").iterdir()
    assert sorted(x.name for x in home.iterdir()) == [
        "interactions.parquet",
        "items.parquet",
        "meta.json",
        "users.parquet",
    ]


@pytest.mark.parametrize("name", ["interactions.parquet", "items.parquet", "users.parquet", "meta.json"])
@pytest.mark.parametrize("damage", ["cut", "gone", "noise"])
def test_a_damaged_cache_is_refused(lines, tmp_path, name, damage):
    source = lines("1 5 1", "1 6 2")
    made(source, tmp_path)
    (home,) = (tmp_path / "canonical").iterdir()
    file, content = home / name, (home / name).read_bytes()
    file.unlink()
    if damage != "gone":
        file.write_bytes(content[: len(content) // 2] if damage == "cut" else bytes(range(256)))
    with pytest.raises(DataError, match=r"is damaged .*: delete that folder"):
        made(source, tmp_path)


def test_a_changed_cache_is_refused(lines, tmp_path):
    source = lines("1 5 1", "1 6 2")
    canonical = made(source, tmp_path)
    (home,) = (tmp_path / "canonical").iterdir()
    canonical.interactions.with_columns(item=pl.lit(1)).write_parquet(home / "interactions.parquet")
    with pytest.raises(DataError, match="not what was stored"):
        made(source, tmp_path)
    assert json.loads((home / "meta.json").read_text())["fingerprint"] == canonical.fingerprint


def test_tables_that_do_not_fit_are_refused(lines, tmp_path):
    with pytest.raises(DataError, match="interactions, row 2, column item: the item table does not list item 6"):
        made(lines("1 5 1", "1 6 2", catalogue=[5]), tmp_path)
    with pytest.raises(
        DataError, match="item table, row 2, column item: item 5 is listed twice, first in lines, item table, row 1"
    ):
        made(lines("1 5 1", catalogue=[5, 5]), tmp_path)
    with pytest.raises(DataError, match="lines has no interactions: removed 3 rows with rust"):
        made(lines(), tmp_path)
    assert not (tmp_path / "canonical").exists()


@dataclass
class Given(Source):
    """Tables as they are given, told apart by their content."""

    interactions: pl.DataFrame | pl.LazyFrame
    items: pl.DataFrame | None = None
    users: pl.DataFrame | None = None
    bad: tuple[tuple[int, str], ...] = ()

    name: ClassVar[str] = "given"
    offers: ClassVar[frozenset[str]] = frozenset({"times", "weights", "parts"})

    @property
    def settings(self) -> Mapping[str, object]:
        return {"tables": repr([self.interactions.lazy().collect().to_dict(as_series=False), self.items, self.users])}

    def files(self, raw: Path) -> list[Path]:
        return []

    def read(self, files: Sequence[Path], bad: BadRows) -> Tables:
        for line, row in self.bad:
            bad.refuse(Path("somewhere/events.csv"), line, "it is odd", row, 2)
        return Tables(self.interactions, self.items, self.users)


def events(users, items, **columns) -> pl.DataFrame:
    return pl.DataFrame({"user": users, "item": items, **columns})


def old_fingerprint(interactions: pl.DataFrame, items: pl.DataFrame) -> str:
    """As it was when the first results were published under it."""
    digest = hashlib.sha256()
    for column in interactions:
        digest.update(column.name.encode() + b":" + column.to_numpy().astype("<i8").tobytes())
    digest.update(json.dumps([items.columns, items.rows()]).encode())
    return digest.hexdigest()[:16]


@pytest.mark.parametrize("rows", [1, 7])
def test_published_fingerprints_stay(tmp_path, monkeypatch, rows):
    monkeypatch.setattr(ssrec.data.canonical_files, "SLICE", rows)
    table = pl.DataFrame({"item": [3, 1, 2], "title": ["c", None, "é"], "attributes": [["x"], [], ["x", "y"]]})
    source = Given(events([5, 5, 2, 9] * 4, [1, 3, 3, 2] * 4, time=list(range(16))), table)
    got = made(source, tmp_path)
    assert got.items.columns == ["item", "id", "title", "attributes"]
    assert got.fingerprint == old_fingerprint(got.interactions, got.items) == "0a4e73cd8f3538e7"


def test_content_has_digests_of_its_own(tmp_path):
    table = pl.DataFrame({"item": [3, 1], "title": ["c", "d"], "year": [1999, None], "brand": [["x"], []]})
    vectors = pl.Series("image", [[0.5, 1], [0, 2]], dtype=pl.Array(pl.Float32, 2))
    people = pl.DataFrame({"user": [8, 5, 4], "age": [30.5, 20, 10]})
    source = Given(events([5, 8], [1, 3], part=["test", "train"]), table.with_columns(vectors), people)
    got = made(source, tmp_path)
    assert set(got.content) == {"items.year", "items.brand", "items.image", "users.age"}
    assert got.users is not None and got.users.rows() == [(1, 5, 20.0), (2, 8, 30.5)]  # user 4 has no events
    assert got.items["image"].to_list() == [[0, 2], [0.5, 1]] and got.items["year"].to_list() == [None, 1999]
    assert got.interactions["part"].to_list() == ["test", "train"]
    digests = {got.digest}
    whole = table.with_columns(vectors)
    for changed in (
        whole.with_columns(year=pl.lit(2000)),
        whole.with_columns(brand=pl.lit(["y"])),
        whole.with_columns(image=vectors.reverse()),
    ):
        other = made(Given(source.interactions, changed, people), tmp_path)
        assert other.fingerprint == got.fingerprint and other.digest not in digests
        assert sum(got.content[k] != other.content[k] for k in got.content) == 1
        digests.add(other.digest)


def test_users_and_items_without_content(tmp_path):
    people = pl.DataFrame({"user": [5], "age": [20]})
    got = made(Given(events([5, 8], [1, 3]), None, people), tmp_path, unknown_users="keep")
    assert got.users is not None and got.users.rows() == [(1, 5, 20), (2, 8, None)]
    assert got.items.rows() == [(1, 1), (2, 3)]


def test_items_that_the_table_does_not_list(tmp_path):
    source = Given(events([1, 1, 2], [4, 7, 9]), pl.DataFrame({"item": [9, 4, 5], "title": list("abc")}))
    kept = made(source, tmp_path, unknown_items="keep")
    assert kept.items.rows() == [(1, 4, "b"), (2, 5, "c"), (3, 7, None), (4, 9, "a")]
    assert kept.interactions["item"].to_list() == [1, 3, 4]
    dropped = made(source, tmp_path, unknown_items="drop")
    assert dropped.items["id"].to_list() == [4, 5, 9] and dropped.interactions.rows() == [(1, 1), (2, 3)]
    assert [(s["step"], s["rows_removed"], s["items_removed"]) for s in dropped.meta["steps"]][1:] == [
        ("unknown items", 1, 1)
    ]


def test_the_core_decides_the_catalogue(tmp_path):
    source = Given(events([1, 1, 2, 2, 3], [4, 5, 4, 5, 9]), pl.DataFrame({"item": [9, 4, 5, 6]}))
    core = made(source, tmp_path, k_core_item=2)
    assert core.items["id"].to_list() == [4, 5] and core.n_users == 2
    assert core.users is not None and core.users["id"].to_list() == [1, 2]
    assert made(source, tmp_path, k_core_user=2).items["id"].to_list() == [4, 5, 6, 9]
    assert made(source, tmp_path, k_core_item=1).items["id"].to_list() == [4, 5, 9], "those with events"
    with pytest.raises(DataError, match="given has no interactions: removed 5 rows by k-core"):
        made(source, tmp_path, k_core_item=3)


def test_integers_and_texts_meet_as_text(tmp_path):
    source = Given(events([1, 2], [5, 30]), pl.DataFrame({"item": ["x1", "30", "5"]}))
    got = made(source, tmp_path)
    assert got.items["id"].to_list() == ["x1", "30", "5"] and got.interactions["item"].to_list() == [3, 2]


@pytest.mark.parametrize(
    "tables, message",
    [
        (
            (events(["a", "a "], [1, 2]),),
            "user ids 'a ' and 'a' differ only by the spaces around them; write every user in one way",
        ),
        ((events([1, 2], ["x", "y"]), pl.DataFrame({"item": ["x", " y"]})), "item ids ' y' and 'y' differ only"),
        ((events(["7", "07"], [1, 2]),), "user ids '07' and '7' are one number, written in two ways"),
        ((events(["a"], [1]), None, pl.DataFrame({"user": ["a "]})), "user ids 'a ' and 'a' differ only"),
        ((events([1.5, 2.0], [1, 2]),), "user ids should be integers or text, and are Float64"),
        ((events([1], [1], time=["noon"]),), "time should be whole seconds since 1970, and is String"),
        ((events([1], [1], part=["dev"]),), "an interaction's part is 'dev'; it is one of train, val, test"),
        ((events([1], [1]).rename({"item": "movie"}),), "the interactions have no column item; they have user, movie"),
        (
            (events([1], [1]), pl.DataFrame({"item": [1, None]})),
            "item table, row 2, column item: no item; a row of the item table has an id",
        ),
        ((events([1], [1]), pl.DataFrame({"movie": [1]})), "the item table has no column item; it has movie"),
        (
            (events([1], [1]), None, pl.DataFrame({"user": [1, 1]})),
            "user table, row 2, column user: user 1 is listed twice",
        ),
        ((events([1], [1]), pl.DataFrame({"item": [1], "id": [2]})), "has a column id"),
        ((pl.LazyFrame({"user": ["x"], "item": [1]}).with_columns(pl.col("user").cast(pl.Int64)),), "cannot be read"),
        ((pl.scan_parquet("nowhere/*.parquet"),), "cannot be read"),
    ],
)
def test_tables_that_cannot_be_are_refused(tmp_path, monkeypatch, tables, message):
    monkeypatch.setattr(Given, "settings", {})
    with pytest.raises(DataError, match=re.escape(message)):
        made(Given(*tables), tmp_path)
    assert not (tmp_path / "canonical").exists()


def test_skipped_rows_lie_beside_the_tables(tmp_path):
    source = Given(events([1], [1]), bad=((3, "a\tb"), (5, 'c"\nd')))
    with pytest.raises(DataError, match=r"events\.csv, line 3, column 2: it is odd, in row 'a\\tb'"):
        made(source, tmp_path)
    got = made(source, tmp_path, on_bad_rows="skip")
    assert got.meta["removed"] == {"bad rows": 2}
    (home,) = (tmp_path / "canonical").iterdir()
    listed = pl.read_csv(home / "bad_rows.tsv", separator="\t", schema_overrides={"column": pl.String})
    assert listed.columns == ["file", "line", "column", "reason", "row"]
    assert listed.rows() == [("events.csv", 3, "2", "it is odd", "a\tb"), ("events.csv", 5, "2", "it is odd", 'c"\nd')]
    (home / "bad_rows.tsv").write_text("nothing")
    with pytest.raises(DataError, match="is damaged"):
        made(source, tmp_path, on_bad_rows="skip")


def test_ties_are_a_setting(tmp_path):
    source = Given(events([1] * 40, list(range(40, 0, -1)), time=[0] * 20 + [1] * 20))

    def order(**cleaning):
        return made(source, tmp_path, **cleaning).interactions["item"].to_list()

    assert order() == list(range(40, 0, -1))
    assert order(ties="id") == [*range(21, 41), *range(1, 21)]
    shuffled = order(ties="shuffled")
    assert shuffled not in (order(), order(ties="id")) and sorted(shuffled[:20]) == list(range(21, 41))
    assert shuffled == order(ties="shuffled", ties_seed=0) != order(ties="shuffled", ties_seed=1)


def test_what_a_dataset_lacks_is_refused_before_it_is_read(lines, tmp_path):
    source = lines("1 5 1")
    with pytest.raises(CompositionError, match=r"clean\.min_rating=3: lines has no weights"):
        made(source, tmp_path, min_rating=3)
    assert not source.reads


IDS = st.lists(st.none() | st.integers(-(2**40), 2**40), min_size=1, max_size=8) | st.lists(
    st.none() | st.text(st.characters(codec="utf-8"), max_size=3), min_size=1, max_size=8
)


@given(users=IDS, items=IDS, catalogue=st.none() | IDS, lazy=st.booleans(), missing=st.sampled_from(["error", "drop"]))
def test_any_tables_are_numbered_right_or_refused(tmp_path_factory, users, items, catalogue, lazy, missing):
    n = min(len(users), len(items))
    table = events(users[:n], items[:n])
    known = None if catalogue is None else pl.DataFrame({"item": catalogue})
    source = Given(table.lazy() if lazy else table, known)
    try:
        got = made(source, tmp_path_factory.mktemp("any"), missing=missing, unknown_items="keep")
    except DataError:
        return
    assert got.users is not None
    ids = [(str(got.users["id"][u - 1]), str(got.items["id"][i - 1])) for u, i in got.interactions.rows()]
    wanted = [(str(u), str(i)) for u, i in table.rows() if None not in (u, i) and str(u).strip() and str(i).strip()]
    assert sorted(ids) == sorted(wanted) and got.interactions["user"].is_sorted()
