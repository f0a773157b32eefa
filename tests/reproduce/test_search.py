"""A small search: which trials are asked for, which of them validation chose, and what a table shows of it."""

import json
from pathlib import Path

import pytest

from ssrec.cli import main
from ssrec.errors import DataError
from ssrec.reproduce.asked import asked
from ssrec.reproduce.question import read
from ssrec.reproduce.results import record_failure
from ssrec.reproduce.shown import text_of

TABLES = """
seeds: [7, 8]
tables:
  here:
    rows:
      - {name: plain, overrides: [model.layers=1]}
      - {name: tuned, overrides: [model.dim=16], search: [[model.dim=8], [model.dim=8, model.dropout=0.5]]}
  there:
    searched: here
    overrides: [data.max_length=20]
    rows:
      - {name: tuned, overrides: [model.dim=16], search: [[model.dim=8], [model.dim=8, model.dropout=0.5]]}
"""
TRIALS = ("tuned", "tuned (model.dim=8)", "tuned (model.dim=8 model.dropout=0.5)")


def store(folder: Path, row: str, seed: int, value: float) -> None:
    """A published result whose value on validation is given, and on test is its opposite."""
    place = folder / "results/here"
    place.mkdir(parents=True, exist_ok=True)
    result = {
        **{"fingerprint": f"{row}{seed}", "row": row, "seed": seed, "numerics": 6, "label": "", "finished": "2026"},
        **{"config": {"monitor": "val/ndcg@10"}, "metrics": {"val/ndcg@10": value, "test/ndcg@10": 1 - value}},
        **{"dataset": {"name": "world", "fingerprint": "0123456789abcdef", "split": "0"}, "commit": "abc"},
        **{
            "protocol": {"split": "leave_one_out", "history": "growing", "mask_seen": True},
            "targets_seen_with_pretraining": 0,
        },
    }
    (place / f"{row}{seed}.json").write_text(json.dumps(result))


def names(folder: Path) -> list[tuple[str, str, int]]:
    return sorted((run.table, run.row.name, run.seed) for run in asked(read(folder), folder))


def cells(folder: Path, table: str) -> dict[str, str]:
    lines = [line for line in text_of([table], folder).splitlines() if line.startswith("|")]
    head, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return next(dict(zip(head, row, strict=True)) for row in rows if row[0] == "tuned")


def test_trials_run_the_first_seed_and_the_best_on_validation_runs_the_others(question):
    folder = question(TABLES)
    first = [("here", "plain", 7), ("here", "plain", 8), *(("here", trial, 7) for trial in TRIALS)]
    assert names(folder) == sorted(first)
    store(folder, TRIALS[0], 7, 0.2)
    store(folder, TRIALS[1], 7, 0.3)
    assert names(folder) == sorted(first), "one trial is missing"
    assert cells(folder, "here")["search"] == "search: 2 of 3 trials"
    assert cells(folder, "here")["ndcg@10"] == "0.8000", "of the row's own settings, until the choice is made"
    assert cells(folder, "there")["search"] == "search in here: 2 of 3 trials"
    store(folder, TRIALS[2], 7, 0.1)
    then = [("here", TRIALS[1], 8), *(("there", TRIALS[1], seed) for seed in (7, 8))]
    assert names(folder) == sorted([*first, *then])
    (run,) = (run for run in asked(read(folder), folder) if run.table == "there" and run.seed == 8)
    assert (run.config.model.dim, run.config.data.max_length) == (8, 20)
    shown = cells(folder, "here")
    assert (shown["ndcg@10"], shown["seeds"], shown["search"]) == ("0.7000", "1 of 2", "search of 3: model.dim=8")
    assert cells(folder, "there")["search"] == "search in here of 3: model.dim=8"
    assert cells(folder, "there")["notes"] == "missing: seeds 7, 8"


def test_a_trial_that_failed_is_not_waited_for_and_equal_ones_leave_the_settings_as_they_are(question):
    folder = question(TABLES)
    store(folder, TRIALS[0], 7, 0.2)
    store(folder, TRIALS[1], 7, 0.2)
    failure = {"row": TRIALS[2], "seed": 7, "reason": "the loss is nan", "commit": "abc"}
    record_failure(folder, "here", "f", failure)
    assert ("here", TRIALS[0], 8) in names(folder) and ("here", TRIALS[1], 8) not in names(folder)
    assert cells(folder, "here")["search"] == "search of 3: its own settings"
    assert "nan" not in cells(folder, "here")["notes"], "of a trial that was not chosen"


def test_the_command_goes_on_to_what_its_searches_chose(question, changed, capsys):
    rows = "[{name: tuned, overrides: [model.dim=8], search: [[optimizer.lr=0.01]]}]"
    folder = question(f"seeds: [1, 2]\ntables: {{here: {{rows: {rows}}}, there: {{searched: here, rows: {rows}}}}}")
    main(["reproduce", str(folder), "--table", "here"])
    assert "made: 3; failed: 0; left: 0" in capsys.readouterr().err
    results = [json.loads(file.read_text()) for file in folder.glob("results/here/*.json")]
    found = {(result["row"], result["seed"]): result for result in results}
    first = {row: r["metrics"]["val/ndcg@10"] for (row, seed), r in found.items() if seed == 1}
    assert set(first) == {"tuned", "tuned (optimizer.lr=0.01)"}
    assert (max(first, key=first.__getitem__), 2) in found and len(found) == 3
    main(["reproduce", str(folder)])
    assert "made: 2; failed: 0; left: 0" in capsys.readouterr().err, "what was chosen here, there"


def test_of_refits_the_runs_that_select_decide(question, changed, capsys):
    overrides = "[model.dim=8, refit=true]"
    folder = question(f"seeds: [1, 2]\ntables: {{here: {{rows: [{{name: tuned, overrides: {overrides}, "
                      "search: [[optimizer.lr=0.01]]}]}}")  # fmt: skip
    main(["reproduce", str(folder)])
    assert "made: 3; failed: 0; left: 0" in capsys.readouterr().err
    results = [json.loads(file.read_text()) for file in folder.glob("results/here/*.json")]
    first = {r["row"]: r["selected"]["metrics"]["val/ndcg@10"] for r in results if r["seed"] == 1}
    assert len(first) == 2 and not any("val/ndcg@10" in r["metrics"] for r in results)
    assert [r["row"] for r in results if r["seed"] == 2] == [max(first, key=first.__getitem__)]


CASES = {
    "a trial twice": ("[model.dim=8], [", "[model.dim=8], [model.dim=8], [", "has 2 rows named tuned (model.dim=8)"),
    "a word that is no override": ("[[model.dim=8],", "[[model],", "has model among its overrides; it takes key=value"),
    "no lists": ("search: [[model.dim=8], ", "search: [model.dim=8, ", "it takes"),
    "a table that is not there": ("searched: here", "searched: hre", "searched is hre; it takes another table: here"),
    "itself": ("searched: here", "searched: there", "searched is there; it takes another table: here"),
}


@pytest.mark.parametrize("old, new, told", CASES.values(), ids=CASES.keys())
def test_what_cannot_be_searched_is_refused(question, old, new, told):
    folder = question(TABLES.replace(old, new, 1))
    with pytest.raises(DataError) as refused:
        asked(read(folder), folder)
    assert told in str(refused.value)


def test_a_row_that_another_table_is_to_decide_for_must_be_there(question):
    here, there = TABLES.split("  there:")
    folder = question(f"{here}  there:{there.replace('name: tuned', 'name: other')}")
    with pytest.raises(DataError, match="row other: table here has no row of this name and search"):
        asked(read(folder), folder)
