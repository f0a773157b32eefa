"""Every dataset of LOADERS: its yaml, on small files in its layout, gives the events that were written, and what it
offers; files of random bytes, cut short or exchanged are refused by name, or read right."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from layouts import CONF, WRITERS, Made, features, history, lines, load, matrix, source_of
from omegaconf import OmegaConf

from ssrec.data.canonical import prepare
from ssrec.data.clean import Cleaning
from ssrec.data.files.layout import BadRows
from ssrec.data.source import Source, Tables
from ssrec.data.split import LeaveOneOut, cut
from ssrec.data.splits.given import Given
from ssrec.errors import DataError

OURS = (
    "sequence_files lightgcn_files sparse_matrices mmrec recbole lastfm checkins yelp steam goodbooks mind table_source"
)
NOT_HERE = {"mind-large"}  # the layout of mind-small


def events(tables: Tables) -> list[dict]:
    return tables.interactions.lazy().collect().to_dicts()


@pytest.fixture
def reading(tmp_path, monkeypatch) -> Callable[[str], tuple[Source, Made]]:
    return lambda name: load(name, tmp_path / name, monkeypatch)


def test_the_small_history_has_what_tests_need():
    assert {i for _, i in history()} == set(range(1, 16))
    assert len(set(history())) == len(history())


def test_every_yaml_has_a_writer():
    mine = {f.stem for f in CONF.glob("*.yaml") if OmegaConf.load(f)._target_.split(".")[-2] in OURS.split()}
    assert mine == set(WRITERS) | NOT_HERE


@pytest.mark.parametrize("name", WRITERS)
def test_it_reads_what_was_written(name, reading, tmp_path):
    source, made = reading(name)
    bad = BadRows()
    tables = source.read(source.files(tmp_path / "raw"), bad)
    assert events(tables) == made.events
    assert not bad.rows
    known = {e["item"] for e in made.events}
    if tables.items is None:
        assert made.items == len(known)
    else:
        assert len(tables.items) == made.items == tables.items["item"].n_unique()
        assert known <= set(tables.items["item"])


KINDS = (pl.String, pl.List(pl.String), pl.Int64, pl.Float64)


@pytest.mark.parametrize("name", WRITERS)
def test_it_gives_what_it_offers(name, reading, tmp_path):
    source, _ = reading(name)
    tables = source.read(source.files(tmp_path / "raw"), BadRows())
    columns = tables.interactions.collect_schema()
    assert list(columns)[:2] == ["user", "item"]
    given = {f"{c}s" for c in columns if c not in ("user", "item")}
    for table, key, before in ((tables.items, "item", ""), (tables.users, "user", "user.")):
        if table is not None:
            assert table.columns[0] == key
            given |= {before + c for c in table.columns[1:]}
            for c in table.columns[1:]:
                dtype = table.schema[c]
                assert dtype in KINDS or (isinstance(dtype, pl.Array) and dtype.inner == pl.Float32)
                assert not isinstance(dtype, pl.List) or not table[c].has_nulls()
            assert table.schema[key] == columns[key]
    assert given == source.offers
    assert columns.get("time", pl.Int64) == pl.Int64 and columns.get("weight", pl.Float64) == pl.Float64
    assert columns.get("part", pl.String) == pl.String


@pytest.mark.parametrize("name", WRITERS)
def test_it_becomes_canonical_and_splits(name, reading, tmp_path):
    source, made = reading(name)
    canonical = prepare(source, Cleaning(), tmp_path)
    assert canonical.n_users == len({e["user"] for e in made.events})
    assert canonical.n_items == made.items and len(canonical.interactions) == len(made.events)
    splits = cut(Given() if "parts" in source.offers else LeaveOneOut(), canonical)
    assert splits.corpus.n_items == made.items and len(splits.test) > 0
    if "parts" in source.offers:
        assert len(splits.test.target.values) == sum(e["part"] == "test" for e in made.events)


@pytest.mark.parametrize("name", WRITERS)
def test_settings_know_no_place(name, tmp_path):
    here, there = (source_of(name, WRITERS[name](tmp_path / folder).settings) for folder in ("a", "b"))
    assert here.settings == there.settings
    assert str(tmp_path) not in str(here.settings)


def roles(folder: Path) -> dict[str, tuple[str, list[dict]]]:
    """Settings of one source that give the same files, which stay as they are, other roles."""
    given = {"train": [(0, 0), (0, 1), (1, 2)], "valid": [(1, 0)], "test": [(0, 2)]}
    for part, pairs in given.items():
        matrix(folder / f"{part}.npz", [(u, i, 1.0) for u, i in pairs], (2, 3))
        lines(folder / f"ml.{part}.inter", ["user_id:token\titem_id:token", *(f"{u}\t{i}" for u, i in pairs)])
    lines(folder / "baby.inter", ["userID\titemID\tx_label", "0\t0\t0", "0\t1\t1", "0\t2\t2"])
    np.save(folder / "a.npy", features(3))
    np.save(folder / "b.npy", features(3) + 1)
    for k in (1, 2, 3):
        lines(folder / f"{k}.csv", ["user,item,title", f"1,{10 * k},Title {k}", f"{k},{10 * k + 1},Other {k}"])
    matrices = {"root": str(folder), "train": "train.npz", "val": "valid.npz", "test": "test.npz"}
    feature = [{"vectors": {"x": x, "y": y}} for x, y in ("ab", "ba", "aa")]
    feature = [{"vectors": {name: f"{file}.npy" for name, file in f["vectors"].items()}} for f in feature]
    files = {"path": str(folder), "time": None, "stem": "ml"}
    ours = {"columns": {"time": None}, "text": ["title"]}
    return {
        "matrices as parts": ("sparse-matrix", [matrices, matrices | {"val": "test.npz", "test": "valid.npz"}]),
        "matrices' vectors": ("sparse-matrix", [matrices | f for f in feature]),
        "MMRec's vectors": ("mmrec", [{"root": str(folder), "name": "baby"} | f for f in feature]),
        "RecBole's parts": (
            "recbole",
            [
                files | {"parts": {"train": "train", "val": "valid", "test": "test"}},
                files | {"parts": {"train": "train", "val": "test", "test": "valid"}},
                files | {"parts": {"train": "test", "val": "train", "test": "valid"}},
            ],
        ),
        "tables": (
            "table",
            [
                ours | {"interactions": f"{folder}/{events}.csv", "items": f"{folder}/{items}.csv"}
                for events, items in (("1", "2"), ("2", "1"), ("1", "[23]"), ("[12]", "3"), ("3", "[12]"))
            ],
        ),
    }


ROLES = ("matrices as parts", "matrices' vectors", "MMRec's vectors", "RecBole's parts", "tables")


@pytest.mark.parametrize("which", ROLES)
def test_the_same_files_in_other_roles_are_another_dataset(which, tmp_path):
    name, settings = roles(tmp_path / "raw")[which]
    cleaning = Cleaning(unknown_items="keep")
    found = [prepare(source_of(name, s), cleaning, tmp_path / "data") for s in settings]
    alone = [prepare(source_of(name, s), cleaning, tmp_path / str(k)) for k, s in enumerate(settings)]
    assert [c.digest for c in found] == [c.digest for c in alone]
    assert len({c.digest for c in found}) == len(found), "the roles make a difference here"


@pytest.mark.parametrize("name", WRITERS)
def test_missing_files_are_named(name, reading, tmp_path):
    source, _ = reading(name)
    first = source.files(tmp_path / "raw")[0]
    first.unlink()
    with pytest.raises(DataError, match="inter" if name == "recbole" else first.name.removesuffix(".gz")):
        source.files(tmp_path / "raw")


def readable(source: Source, files: list[Path]) -> None:
    """The files give a table, or a DataError that names one of them; nothing else. Skipping rows forgives no less."""
    refused = {}
    for mode in ("error", "skip"):
        bad = BadRows(mode)
        try:
            tables = source.read(files, bad)
            got = tables.interactions.lazy().collect()
            assert {"user", "item"} <= set(got.columns)
            assert mode == "error" or not refused or bad.rows
        except DataError as e:
            assert any(file.name in str(e) for file in files), e
            refused[mode] = str(e)
    assert "skip" not in refused or "error" in refused


@pytest.mark.parametrize("name", WRITERS)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_random_bytes(name, tmp_path_factory, monkeypatch, data):
    folder = tmp_path_factory.mktemp("random")
    source, _ = load(name, folder, monkeypatch)
    files = source.files(folder / "raw")
    victim = data.draw(st.sampled_from(files))
    content = victim.read_bytes()
    kind = data.draw(st.sampled_from(["bytes", "cut", "changed", "exchanged", "text"]))
    if kind == "bytes":
        content = data.draw(st.binary(max_size=200))
    elif kind == "cut":
        content = content[: data.draw(st.integers(0, len(content)))]
    elif kind == "changed":
        at = data.draw(st.integers(0, max(0, len(content) - 1)))
        content = content[:at] + data.draw(st.binary(max_size=4)) + content[at + 1 :]
    elif kind == "exchanged":
        content = data.draw(st.sampled_from(files)).read_bytes()
    else:
        rows = st.text(st.sampled_from('0123456789 \t,:.-\n"{}[]uiNé\\é'), max_size=60)
        content = (content[: content.find(b"\n") + 1] or b"") + data.draw(rows).encode()
    victim.write_bytes(content)
    readable(source, files)


@pytest.mark.parametrize("name", ["gowalla", "lastfm", "goodbooks-10k"])
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(share=st.floats(0, 1, exclude_max=True), which=st.integers(0, 3))
@example(share=0.5, which=0)
def test_no_cut_of_counted_files_goes_unnoticed(name, tmp_path_factory, monkeypatch, share, which):
    folder = tmp_path_factory.mktemp("cut")
    source, _ = load(name, folder, monkeypatch)
    files = source.files(folder / "raw")
    victim = files[which % len(files)]
    content = victim.read_bytes()
    victim.write_bytes(content[: int(share * len(content))])
    with pytest.raises(DataError, match=victim.name):
        source.read(files, BadRows())
