"""What results say of where they come from. Their form: test_evaluate_command and test_train."""

import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

import torch

from ssrec.candidates import Sampled
from ssrec.data.cold import drop_cold
from ssrec.provenance import commit, commit_of, ending, peak_memory_mb, rules

ROOT = Path(__file__).parent.parent
CONTENT = {
    "cold_targets": "miss",
    "mask_seen": "zero",
    "clean": {"ties": "shuffled", "ties_seed": 3},
    "data": {"rows": "window"},
    "monitor": "val/ndcg@10",
    "select": "best",
}


def test_rules_are_the_splits_facts_the_tested_rows_of_strata_and_the_settings(world):
    splits = drop_cold(world)
    n = len(splits.test)
    even = torch.arange(n) % 2 == 0
    told = rules(splits, {"even": even, "none": ~torch.ones(n, dtype=torch.bool)}, CONTENT, Sampled(n=9))
    assert told.items() >= splits.facts.items()
    assert told["n_test_even"] == int((even & splits.test.asked).sum()) and told["n_test_none"] == 0
    assert (told["candidates"], told["mask_seen"]) == ("9 uniform negatives (seed 0)", "zero")
    assert told["order_of_ties"] == "shuffled (seed 3)"
    assert rules(world, {}, CONTENT, None)["candidates"] == "full catalogue"


def test_an_ending_measures_since_the_start():
    before = datetime.now(UTC)
    told = ending(started=time.perf_counter() - 5, seed=7, processes=2)
    assert 5 <= told["seconds"] < 60
    assert abs((datetime.fromisoformat(told["finished"]) - before).total_seconds()) < 60
    assert (told["seed"], told["processes"]) == (7, 2)
    assert set(told["packages"]) == {"ssrec", "torch", "pytorch-lightning", "polars"}


def test_memory_is_in_megabytes():
    assert 50 < peak_memory_mb()["process"] < 100_000


def test_the_commit_is_that_of_the_checkout():
    told = commit()
    if not (ROOT / ".git").exists():
        assert told is None
        return
    head = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    assert told is not None and head.stdout.startswith(told.removesuffix("-dirty")) and len(told) >= 12


def test_what_no_result_depends_on_may_differ_from_the_commit(tmp_path):
    """Else a result that is published would mark those after it."""

    def git(*words: str) -> None:
        who = ("-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false")
        subprocess.run(["git", "-C", str(tmp_path), *who, *words], capture_output=True, check=True)

    assert commit_of(tmp_path) is None
    for name in ("ssrec/a.py", "conf/b.yaml", "README.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("1")
    git("init")
    git("add", ".")
    git("commit", "-m", "one")
    clean = commit_of(tmp_path)
    assert clean is not None and len(clean) >= 12 and "dirty" not in clean
    (tmp_path / "README.md").write_text("2")
    (tmp_path / "notes.md").write_text("2")
    assert commit_of(tmp_path) == clean
    for name in ("ssrec/a.py", "conf/new.yaml"):  # one that differs, one that is not in it
        file = tmp_path / name
        before = file.read_text() if file.exists() else None
        file.write_text("2")
        assert commit_of(tmp_path) == f"{clean}-dirty"
        file.unlink() if before is None else file.write_text(before)
    assert commit_of(tmp_path) == clean
