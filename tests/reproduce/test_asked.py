"""The runs of a question: in the order of their worth, composed as `ssrec train` does, refused before data is read."""

from pathlib import Path

import pytest

from ssrec.errors import DataError
from ssrec.reproduce.asked import asked
from ssrec.reproduce.question import read

TABLES = """
seeds: [3, 1]
tables:
  one:
    rows:
      - {name: a, overrides: [model.dim=16]}
      - {name: b, overrides: [model.dim=32], seeds: [5, 6, 7], worth: 2}
      - {name: c, overrides: [recipe=popularity], seeds: [1], worth: 1.5}
  two:
    rows:
      - {name: a, overrides: [model.dim=16]}
      - {name: d, overrides: [model.dim=8], worth: 2}
"""


def runs_of(folder: Path, *own: str):
    return asked(read(folder), folder, own)


def test_order_is_worth_then_breadth_then_the_file(question):
    found = [(run.table, run.row.name, run.seed) for run in runs_of(question(TABLES))]
    assert found == [
        ("one", "c", 1),
        ("one", "b", 5),
        ("two", "d", 3),
        ("one", "b", 6),
        ("two", "d", 1),
        ("one", "b", 7),
        ("one", "a", 3),
        ("two", "a", 3),
        ("one", "a", 1),
        ("two", "a", 1),
    ]


def test_a_run_is_what_train_takes(question):
    runs = runs_of(question(TABLES), "outputs=elsewhere")
    for run in runs:
        assert (run.config.seed, run.config.study, run.config.outputs) == (run.seed, f"q/{run.table}", "elsewhere")
        assert [stage.seed for stage in run.stages] == [run.seed]
    assert {run.row.name: run.config.model.get("dim") for run in runs} == {"a": 16, "b": 32, "c": None, "d": 8}


def test_overrides_of_a_row_win_over_those_of_its_table_and_those_over_common_ones(question):
    rows = "rows: [{name: a}, {name: b, overrides: [model.layers=3]}]"
    found = runs_of(question(f"tables: {{t: {{overrides: [model.layers=1, data.batch_size=8], {rows}}}}}"))
    assert [(run.config.model.layers, run.config.data.batch_size) for run in found] == [(1, 8), (3, 8)]


def test_a_pretraining_has_the_seed_of_its_run_or_its_own(question):
    row = '{name: a, overrides: ["objective@pretrain.objective=[masked_item]"'
    text = f"seeds: [4, 5]\ntables: {{t: {{rows: [{row}]}}, {row.replace('a,', 'b,')}, +pretrain.seed=9]}}]}}}}"
    found = [[stage.seed for stage in run.stages] for run in runs_of(question(text))]
    assert found == [[4, 4], [9, 4], [5, 5], [9, 5]]


CASES = {
    "an unknown recipe": (
        "recipe=popularity",
        "recipe=popularty",
        "row c: conf/recipe has no popularty; did you mean pop",
    ),
    "an unknown key": ("model.dim=32", "model.dimm=32", "tables.one, row b: there is no key model.dimm; did you mean"),
    "parts that do not fit": ("model.dim=32", "model=lightgcn", "row b: objective next_item reads a SequenceEncoding"),
    "a sweep": ("model.dim=32", '"model.dim=32,64"', "row b: model.dim=32,64 has several values; a list is"),
    "runs of another row": ("model.dim=32", "model.dim=16", "row b asks for the very runs of row a"),
    "a metric that no run reports": (
        "seeds: [3, 1]",
        "metrics: [ndgc@10]",
        "does not report ndgc@10; did you mean ndcg@10",
    ),
    "a stratum that was not asked for": ("seeds: [3, 1]", "metrics: [tied/ndcg@10]", "does not report tied/ndcg@10"),
    "a metric at another length": ("seeds: [3, 1]", "metrics: [ndcg@20]", "does not report ndcg@20"),
}


@pytest.mark.parametrize("old, new, told", CASES.values(), ids=CASES.keys())
def test_it_is_refused_before_data_is_read(question, old, new, told):
    assert old in TABLES
    folder = question(TABLES.replace(old, new, 1))
    if "metrics" in new:
        file = folder / "table.yaml"
        file.write_text(file.read_text().replace("metrics: [hit_rate@10, ndcg@10]\n", ""))
    with pytest.raises(DataError) as refused:
        runs_of(folder)
    assert told in str(refused.value)
    assert str(refused.value).startswith("experiments/q/table.yaml: tables.")
    assert len(str(refused.value).splitlines()) <= 2
    assert not Path("outputs").exists()


def test_metrics_on_strata_and_gaps_are_known(question):
    words = '["metric=[ndcg,hit_rate,gap_history]", "stratum=[tied]"]'
    metrics = "[tied/ndcg@10, ndcg_gap_history@10, hit_rate@5]"
    text = f"tables: {{t: {{metrics: {metrics}, rows: [{{name: a, overrides: {words}}}]}}}}"
    assert len(runs_of(question(text))) == 1
