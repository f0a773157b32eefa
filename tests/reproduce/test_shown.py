"""A table of stored results: means, references, verdicts, and notes on what is missing or unlike."""

import json
from pathlib import Path

import polars as pl
import pytest
import torch

from ssrec import per_user
from ssrec.compare.paired import compared
from ssrec.compare.setting import Setting
from ssrec.compare.verdict import verdict
from ssrec.errors import UserError
from ssrec.reproduce.results import record_failure
from ssrec.reproduce.shown import text_of

USERS = 40
QUESTION = """
seeds: [1, 2, 3]
tables:
  world:
    metrics: [ndcg@10, recall@10]
    compare: base
    rows:
      - {name: floor, seeds: [1]}
      - {name: base, reference: {ndcg@10: .2, recall@10: .4, source: a paper, within: 10% or above}}
      - {name: better}
      - {name: never, reference: {ndcg@10: .2, source: another paper}}
"""


def accuracy(row: str, seed: int) -> torch.Tensor:
    draw = torch.rand(USERS, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return draw * {"floor": 0.1, "base": 0.4, "better": 0.9}[row]


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "table.yaml").write_text(QUESTION)
    for row, seeds in {"floor": [1], "base": [1, 2, 3], "better": [1, 3]}.items():
        for seed in seeds:
            store(tmp_path, row, seed)
    return tmp_path


def store(folder: Path, row: str, seed: int, **differs) -> Path:
    values = accuracy(row, seed)
    place = folder / "results/world"
    place.mkdir(parents=True, exist_ok=True)
    result = {
        "fingerprint": f"{row}{seed}",
        "row": row,
        "numerics": 6,
        "label": "popularity" if row == "floor" else "sasrec: next_item",
        "seed": seed,
        "config": {"model": {"dim": len(row)}},
        "metrics": {"test/ndcg@10": float(values.mean()), "test/recall@10": 2 * float(values.mean())},
        "dataset": {"name": "world", "fingerprint": "0123456789abcdef", "split": "0"},
        "protocol": {"split": "leave_one_out", "history": "growing", "mask_seen": True},
        "targets_seen_with_pretraining": 0 if row == "floor" else 100,
        "commit": "abc",
        "finished": "2026",
    }
    file = place / f"{row}{seed}.json"
    file.write_text(json.dumps(result | differs))
    rows = {"row": torch.arange(USERS), "n_targets": torch.ones(USERS, dtype=torch.long), "ndcg@10": values}
    per_user.write(place, rows, pl.Series("user", list(map(str, range(USERS)))), frozenset())
    (place / per_user.FILE).rename(per_user.file_of(file))
    return file


def cells(text: str) -> dict[str, dict[str, str]]:
    lines = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    head, _, *rows = [[cell.strip() for cell in line] for line in lines]
    return {row[0]: dict(zip(head, row, strict=True)) for row in rows}


def test_means_references_and_what_is_missing(folder):
    found = cells(text := text_of(["world"], folder))
    assert list(found) == ["floor", "base", "better", "never"]
    means = torch.stack([accuracy("base", seed).mean() for seed in (1, 2, 3)])
    mean = float(means.mean())
    assert found["base"]["ndcg@10"] == f"{mean:.4f} ± {float(means.std()):.4f}"
    assert found["base"]["reference ndcg@10"] == f"0.2 ({100 * (mean / 0.2 - 1):+.1f} %)"
    assert found["base"]["reference recall@10"] == f"0.4 ({100 * (mean / 0.2 - 1):+.1f} %)"
    assert found["base"]["reproduced"] == "yes, within 10 % or above"
    assert [found[row]["seeds"] for row in found] == ["1", "3", "2 of 3", "0 of 3"]
    assert found["better"]["notes"] == "missing: seed 2; few seeds"
    assert found["never"]["notes"] == "missing: seeds 1, 2, 3" and found["never"]["reproduced"] == "not yet"
    assert found["never"]["reference ndcg@10"] == "0.2"
    assert "- base as published: a paper\n- never as published: another paper" in text
    assert "test; world 01234567; leave_one_out" in text and "commit abc" in text


def test_verdicts_are_those_of_compare_on_what_was_published(folder):
    found = cells(text := text_of(["world"], folder))
    rows = [
        Setting(row, tuple(seeds), {"ndcg@10": torch.stack([accuracy(row, s) for s in seeds])}, row == "floor")
        for row, seeds in {"floor": [1], "base": [1, 2, 3], "better": [1, 3]}.items()
    ]
    pairs = compared(rows, ["ndcg@10"], level=0.95, resamples=1000, seed=0, against="base")
    for pair in pairs:
        assert f"- {pair.first} against base: {verdict(pair, 0.95, lower=False)}\n" in text
    assert found["floor"]["against base"] == "worse on ndcg@10"
    assert found["better"]["against base"] == "better on ndcg@10"
    assert found["base"]["against base"] == found["never"]["against base"] == ""


def test_rows_without_values_of_users_have_no_verdict(folder):
    for file in folder.glob("results/world/floor*.parquet"):
        file.unlink()
    found = cells(text_of(["world"], folder))
    assert found["floor"]["against base"] == "" and found["better"]["against base"] == "better on ndcg@10"


def test_rows_that_were_not_measured_alike_have_no_verdict_and_say_why(folder):
    store(folder, "floor", 1, protocol={"split": "leave_one_out", "history": "growing", "mask_seen": False})
    text = text_of(["world"], folder)
    assert "against base" not in cells(text)["better"]
    assert "- no comparison: these runs do not compare: protocol.mask_seen is" in text


def test_a_row_whose_runs_are_unlike_says_so(folder):
    store(folder, "better", 2, numerics=5, config={"model": {"dim": 64}})
    notes = cells(text_of(["world"], folder))["better"]["notes"]
    assert notes == "its runs differ in more than their seeds; made by older code: seed 2"


def test_a_failure_has_its_reason_until_it_is_made(folder):
    failure = {"row": "better", "seed": 2, "reason": "too | hot"}
    (folder / "results/world/0.failed").write_text(json.dumps(failure))
    assert r"failed: seed 2: too \| hot; few seeds" in text_of(["world"], folder)
    store(folder, "better", 2)
    assert "hot" not in text_of(["world"], folder)


def test_seeds_that_failed_alike_share_a_reason_and_a_later_failure_replaces_an_earlier_one(folder):
    for fingerprint, seed, reason in (("f", 2, "hot"), ("a", 2, "cold"), ("b", 3, "cold")):
        record_failure(folder, "world", fingerprint, {"row": "never", "seed": seed, "reason": reason})
    assert sorted(file.name for file in folder.glob("results/world/*.failed")) == ["a.failed", "b.failed"]
    assert cells(text_of(["world"], folder))["never"]["notes"] == "missing: seed 1; failed: seeds 2, 3: cold"


def test_a_metric_that_some_runs_lack_is_left_out_of_their_row(folder):
    store(folder, "base", 2, metrics={"test/ndcg@10": 0.2})
    found = cells(text_of(["world"], folder))
    assert found["base"]["recall@10"] == "" and found["base"]["reference recall@10"] == "0.4"
    assert found["base"]["ndcg@10"] and found["base"]["reproduced"] == "not yet"


def test_an_unknown_table_is_refused(folder):
    with pytest.raises(UserError, match="has no table wrld; did you mean world"):
        text_of(["wrld"], folder)
