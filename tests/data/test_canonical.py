"""Canonical tables: ids are rows, ties keep their order, and the cache is whole or absent."""

import json
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

from ssrec.data.canonical import number, prepare
from ssrec.data.source import Source, Tables
from ssrec.errors import DataError


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

    def read(self, files: Sequence[Path]) -> Tables:
        self.reads.append(1)
        if self.meet:
            self.meet.wait(timeout=20)  # both have found no cache
        rows = [line.split() for line in files[0].read_text().splitlines()]
        columns = {"user": [self.kind(r[0]) for r in rows], "item": [self.kind(r[1]) for r in rows]}
        times = {"time": [int(r[2]) for r in rows]} if self.timed else {}
        items = columns["item"] if self.catalogue is None else self.catalogue
        distinct = list(dict.fromkeys(items)) if self.catalogue is None else items
        return Tables(pl.DataFrame({**columns, **times}), pl.DataFrame({"item": distinct}), {"rows with rust": 3})


@pytest.fixture
def lines(tmp_path):
    def made(*rows: str, **options) -> Lines:
        file = tmp_path / "lines.txt"
        file.write_text("\n".join(rows))
        return Lines(file, **options)

    return made


def test_ids_are_rows_in_numeric_order(lines, tmp_path):
    canonical = prepare(lines("9 30 2", "9 4 1", "5 30 7"), tmp_path)
    assert canonical.interactions.rows() == [(1, 2, 7), (2, 1, 1), (2, 2, 2)]
    assert canonical.items.rows() == [(1, 4), (2, 30)]
    assert (canonical.n_users, canonical.n_items, canonical.name) == (2, 2, "lines")


def test_words_are_numbered_by_first_appearance(lines, tmp_path):
    canonical = prepare(lines("zoe pear 2", "adam fig 1", "zoe apple 1", kind=str), tmp_path)
    assert canonical.interactions.rows() == [(1, 3, 1), (1, 1, 2), (2, 2, 1)]
    assert canonical.items["id"].to_list() == ["pear", "fig", "apple"]


def test_order_without_times_is_the_files(lines, tmp_path):
    canonical = prepare(lines("2 7 9", "1 8 8", "2 6 1", timed=False), tmp_path)
    assert canonical.interactions.rows() == [(1, 3), (2, 2), (2, 1)]
    assert "tie_rate" not in canonical.meta


def test_cold_items_of_the_catalogue_have_rows(lines, tmp_path):
    canonical = prepare(lines("1 5 1", catalogue=[3, 5, 9]), tmp_path)
    assert canonical.n_items == 3 and canonical.interactions["item"].to_list() == [2]
    assert canonical.meta["n_items_without_interactions"] == 2


def test_meta_tells_the_origin(lines, tmp_path):
    meta = prepare(lines("1 5 1", "1 6 1", "1 7 2", "2 5 2"), tmp_path).meta
    assert meta["n_interactions"] == 4 and meta["removed"] == {"rows with rust": 3}
    assert meta["tie_rate"] == 1 / 2
    assert list(meta["raw"]) == ["lines.txt"]


@given(rows=st.lists(st.tuples(*[st.integers(0, 4)] * 3), min_size=1, max_size=30))
def test_sorting_is_stable(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("stable")
    (folder / "f").write_text("\n".join(" ".join(map(str, row)) for row in rows))
    got = prepare(Lines(folder / "f"), folder)
    users, items = sorted({r[0] for r in rows}), sorted({r[1] for r in rows})
    wanted = [(users.index(u) + 1, items.index(i) + 1, t) for u, i, t in rows]
    assert got.interactions.rows() == sorted(wanted, key=lambda row: (row[0], row[2]))  # Python's sort is stable


def test_number():
    assert number(pl.Series([5, 3, 5])).to_list() == [3, 5]
    assert number(pl.Series(["b", "a", "b"])).to_list() == ["b", "a"]


def test_asked_again_it_is_read_from_the_cache(lines, tmp_path):
    source = lines("1 5 1", "1 6 2")
    first, second = prepare(source, tmp_path), prepare(source, tmp_path)
    assert source.reads == [1] and first.fingerprint == second.fingerprint
    assert first.interactions.equals(second.interactions) and first.items.equals(second.items)


def test_cache_and_fingerprint_follow_their_inputs(lines, tmp_path):
    prints = {
        prepare(lines("1 5 1", "1 6 2"), tmp_path).fingerprint,
        prepare(lines("1 5 1", "1 6 3"), tmp_path).fingerprint,
        prepare(lines("1 5 1", "1 6 2", timed=False), tmp_path).fingerprint,
        prepare(lines("1 5 1", "1 6 2", catalogue=[5, 6, 7]), tmp_path).fingerprint,
    }
    assert len(prints) == 4
    assert len(list((tmp_path / "canonical").iterdir())) == 4
    again = prepare(lines("1  5 1", "1 6  2"), tmp_path)  # other bytes, another cache, the same content
    assert again.fingerprint in prints and len(list((tmp_path / "canonical").iterdir())) == 5


def test_two_at_once_make_one_cache(lines, tmp_path):
    source = lines("1 5 1", "1 6 2", meet=Barrier(2))
    with ThreadPoolExecutor(2) as pool:
        a, b = pool.map(lambda _: prepare(source, tmp_path), range(2))
    assert source.reads == [1, 1] and a.interactions.equals(b.interactions)
    (home,) = (tmp_path / "canonical").iterdir()
    assert sorted(x.name for x in home.iterdir()) == ["interactions.parquet", "items.parquet", "meta.json"]


@pytest.mark.parametrize("name", ["interactions.parquet", "items.parquet", "meta.json"])
@pytest.mark.parametrize("damage", ["cut", "gone", "noise"])
def test_a_damaged_cache_is_refused(lines, tmp_path, name, damage):
    source = lines("1 5 1", "1 6 2")
    prepare(source, tmp_path)
    (home,) = (tmp_path / "canonical").iterdir()
    file, content = home / name, (home / name).read_bytes()
    file.unlink()
    if damage != "gone":
        file.write_bytes(content[: len(content) // 2] if damage == "cut" else bytes(range(256)))
    with pytest.raises(DataError, match=r"is damaged .*: delete that folder"):
        prepare(source, tmp_path)


def test_a_changed_cache_is_refused(lines, tmp_path):
    source = lines("1 5 1", "1 6 2")
    canonical = prepare(source, tmp_path)
    (home,) = (tmp_path / "canonical").iterdir()
    canonical.interactions.with_columns(item=pl.lit(1)).write_parquet(home / "interactions.parquet")
    with pytest.raises(DataError, match="not what was stored"):
        prepare(source, tmp_path)
    assert json.loads((home / "meta.json").read_text())["fingerprint"] == canonical.fingerprint


def test_tables_that_do_not_fit_are_refused(lines, tmp_path):
    with pytest.raises(DataError, match="name item 6, which the item table does not list"):
        prepare(lines("1 5 1", "1 6 2", catalogue=[5]), tmp_path)
    with pytest.raises(DataError, match="lists item 5 twice"):
        prepare(lines("1 5 1", catalogue=[5, 5]), tmp_path)
    with pytest.raises(DataError, match="lines has no interactions: removed 3 rows with rust"):
        prepare(lines(), tmp_path)
    assert not (tmp_path / "canonical").exists()
