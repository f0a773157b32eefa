"""The verb: files, exit codes, refusals, and a user's own folder of configs."""

import json
import sys

import pytest

from ssrec.audit.command import composed, main
from ssrec.confs import folder
from ssrec.errors import UserError

TINY = ["dataset.users=60", "dataset.items=64"]
SORTED = """
from dataclasses import dataclass
import polars as pl
from ssrec.data.source import Source, Tables

@dataclass(frozen=True, kw_only=True)
class Sorted(Source):
    name = "sorted"
    offers = frozenset({"times"})
    settings = {}

    def files(self, raw):
        return []

    def read(self, files, bad):
        events = [(u, (u * 17 + k * k * 7) % 40, 86_400 * (k // 3)) for u in range(50) for k in range(9)]
        table = pl.DataFrame(events, schema=["user", "item", "time"], orient="row")
        return Tables(table.unique(["user", "item"], maintain_order=True).sort("user", "time", "item"))
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working directory of the test's own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return tmp_path


@pytest.fixture
def own(here):
    """A user's own dataset, sorted by id inside each day, beside her own class."""
    (here / "conf" / "dataset").mkdir(parents=True)
    (here / "conf" / "dataset" / "sorted.yaml").write_text("_target_: sorted_source_of_a_test.Sorted\n")
    (here / "sorted_source_of_a_test.py").write_text(SORTED)
    yield here
    sys.modules.pop("sorted_source_of_a_test", None)


def test_it_prints_the_page_and_writes_both_files(here, capsys):
    main(TINY)
    (folder,) = (here / "outputs" / "audit").iterdir()
    content = json.loads((folder / "audit.json").read_text())
    assert folder.name == f"synthetic-{content['fingerprint']}"
    assert (folder / "audit.html").read_text().startswith("<!DOCTYPE html>")
    printed = capsys.readouterr().out
    assert content["fingerprint"] in printed
    assert str(folder / "audit.json").removeprefix(f"{here}/") in printed


def test_files_go_where_they_are_sent(here):
    main([*TINY, "--json", "a/found.json", "--html", "b/found.html", "outputs=else"])
    assert (here / "a" / "found.json").exists()
    assert (here / "b" / "found.html").exists()
    assert not (here / "else" / "audit").exists()


def test_strict_passes_where_nothing_is_grave(here):
    main([*TINY, "--strict"])


def test_strict_exits_with_1_after_writing_where_something_is(own, capsys):
    main(["dataset=sorted"])
    with pytest.raises(SystemExit) as left:
        main(["dataset=sorted", "--strict", "--json", "found.json"])
    assert left.value.code == 1
    grave = {f["id"] for f in json.loads((own / "found.json").read_text())["findings"] if f["grade"] == "grave"}
    assert "ties_follow_a_column" in grave
    assert "GRAVE" in capsys.readouterr().out


def test_shuffled_ties_are_not_grave(own):
    main(["dataset=sorted", "clean.ties=shuffled", "--strict"])


TABLE = ["dataset=table", "dataset.interactions=events.csv"]


@pytest.fixture
def table(here):
    """A user's own table with two bad rows."""
    good = [f"{u},{(u * 17 + k * k * 7) % 40},{100 * k}" for u in range(20) for k in range(6)]
    (here / "events.csv").write_text("\n".join(["user,item,time", *good[:50], "1,2", "x,3,soon", *good[50:]]) + "\n")
    return here


def test_skipped_rows_are_counted_and_listed_where_the_page_says(table, capsys):
    main([*TABLE, "clean.on_bad_rows=skip", "clean.min_time=100"])  # another cleaning of the same file lies beside
    main([*TABLE, "clean.on_bad_rows=skip"])
    told = [line for line in capsys.readouterr().out.splitlines() if line.startswith("bad rows")]
    assert len(told) == len(set(told)) == 2
    for line in told:
        assert "skipped: 2, listed in outputs/data/canonical/table-" in line
        assert "soon" in (table / line.split(" listed in ")[1]).read_text()


def test_nothing_skipped_is_not_told(here, capsys):
    main(TINY)
    assert "bad rows" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("chosen", "first"),
    [
        ([], "auditing dataset=synthetic (default), split=leave_one_out (default)"),
        (["split=ratio"], "auditing dataset=synthetic (default), split=ratio"),
        (["dataset=synthetic", "split=leave_one_out"], "auditing dataset=synthetic, split=leave_one_out"),
    ],
)
def test_the_first_line_says_what_is_audited_and_what_nobody_chose(here, capsys, chosen, first):
    main([*TINY, *chosen])
    assert capsys.readouterr().out.splitlines()[0] == first


@pytest.mark.parametrize("option", ["--json", "--html", "outputs"])
def test_files_that_cannot_be_written_are_refused_before_the_audit(here, capsys, option):
    (here / "ok.csv").write_text("")
    (here / "folder").mkdir()
    targets = ["ok.csv"] if option == "outputs" else ["ok.csv/x.out", "folder"]
    for target in targets:
        with pytest.raises(UserError, match=target):
            main([*TINY, *([f"outputs={target}"] if option == "outputs" else [option, target])])
    assert capsys.readouterr().out == ""
    assert sorted(f.name for f in here.iterdir()) == ["folder", "ok.csv"]


@pytest.mark.parametrize("word", ["--strictly", "--json=", "dataset", "-m"])
def test_unknown_words_are_refused(here, word):
    with pytest.raises((UserError, SystemExit)) as refused:
        main([*TINY, word] if word != "--json=" else [*TINY, "--jsn", "x.json"])
    assert "does not know" in str(refused.value)


def test_an_argument_that_the_dataset_does_not_take_is_refused(here):
    with pytest.raises(UserError, match=r"dataset\.userss"):
        main([*TINY, "+dataset.userss=3"])


def test_another_split_is_another_audit(here):
    main([*TINY, "--json", "a.json"])
    main([*TINY, "split.history=frozen", "--json", "b.json"])
    a, b = (json.loads((here / name).read_text()) for name in ("a.json", "b.json"))
    assert a["fingerprint"] != b["fingerprint"]
    assert a["dataset"] == b["dataset"]


def test_a_refit_is_audited_as_it_is_trained(here):
    main([*TINY, "refit=true", "--json", "a.json"])
    main([*TINY, "--json", "b.json"])
    again, once = (json.loads((here / name).read_text())["measured"] for name in ("a.json", "b.json"))
    assert again["floors"]["rows"] == once["floors"]["rows"] and again["counts"] != once["counts"]


def test_it_composes_what_training_composes(here):
    config = composed(["dataset=ml-100k", "model=markov", "objective=[]"])
    assert config.monitor == "val/ndcg@10"
    assert "MovieLens" in config.dataset._target_


@pytest.mark.parametrize("name", sorted({f.stem for f in (folder() / "split").glob("*.yaml")} - {"given"}))
def test_every_split_is_audited(here, name):
    main([*TINY, f"split={name}", "--json", "found.json"])
    measured = json.loads((here / "found.json").read_text())["measured"]
    assert measured["floors"]["rows"] == measured["cold"]["test_rows"]
    exposed = measured["future"]["exposed"]
    assert exposed == 0 if name == "global_time" else exposed > 0
