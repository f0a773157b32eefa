"""What README and the experiments say is so: commands run, generated parts are what generating them gives."""

import json
import re
import runpy
import shlex
from dataclasses import fields
from pathlib import Path

import pytest

from ssrec import protocol
from ssrec.cli import main
from ssrec.fill import filled
from ssrec.reproduce.asked import asked
from ssrec.reproduce.question import Question, Row, Table, read
from ssrec.reproduce.results import published
from ssrec.reproduce.search import named

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
COMMANDS = [
    line.split("  #")[0].strip()
    for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    for line in block.splitlines()
]
SMALL = [
    "dataset.users=60",
    "dataset.items=64",
    "model.dim=16",
    "model.layers=1",
    "trainer.max_epochs=1",
    "data.batch_size=32",
]
QUESTION = f"""
common: {json.dumps(["recipe=markov", *SMALL[:2]])}
metrics: [ndcg@10]
tables: {{world: {{rows: [{{name: Markov}}]}}}}
"""


def smaller(command: str) -> list[str]:
    """The same command on a tiny generated world."""
    words = [w.replace("dataset=ml-100k", "dataset=synthetic") for w in shlex.split(command)[1:]]
    if words[0] == "evaluate":
        return [w.replace("ml-100k", "synthetic") for w in words] + [w for w in SMALL if w.startswith("dataset.")]
    if words[0] == "reproduce":
        return [*words, "--allow-dirty"]
    if words[0] != "train":
        return words
    kept = [w for w in words if "trainer.max_epochs" not in w]
    small = [w for w in SMALL if "dataset=table" not in words or not w.startswith("dataset.")]
    return [*kept, *small, "pretrain.trainer.max_epochs=1"]


def test_the_two_commands_stand_at_the_top_and_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    first = [c for c in COMMANDS if c.startswith("make")]
    assert first == ["make demo", "make test"]
    assert {"demo", "test", "test-real"} <= targets
    assert README.index("make demo") < 800
    assert "make test" in (ROOT / ".ci/run").read_text()


def test_every_command_of_the_readme_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    events = [f"{u},{(u + n) % 20},{1_000_000 + 1000 * n + u}\n" for u in range(60) for n in range(12)]
    (tmp_path / "events.csv").write_text("user,item,time\n" + "".join(events))
    main(["train", "recipe=markov", "study=theirs", "rankings=20", *SMALL[:2]])
    (lists,) = Path("outputs/theirs").glob("*/rankings.parquet")
    lists.rename("mine.parquet")
    Path("experiments/does_ssl_help").mkdir(parents=True)
    (tmp_path / "experiments/does_ssl_help/table.yaml").write_text(QUESTION)
    asked = [c for c in COMMANDS if c.startswith("ssrec")]
    assert len(asked) >= 5
    for command in asked:
        main(smaller(command))
    said = capsys.readouterr().out
    assert r"\begin{tabular}" in said
    # Three weights and three seeds; a weight of 0 is the term's absence, told apart by its label.
    assert len(list((tmp_path / "outputs" / "contrast").glob("*/result.json"))) == 9


def test_the_demo_makes_its_twelve_runs_and_its_table(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    main(["train", "sweep=demo", "dataset.users=60", "trainer.max_epochs=1", "pretrain.trainer.max_epochs=1"])
    main(["table", "outputs/demo"])
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    assert [row.split("|")[1].strip() for row in rows[1:]] == [
        "markov",
        "popularity",
        "sasrec: masked_item -> next_item",
        "sasrec: next_item",
    ]
    assert all(row.split("|")[2].strip() == "3" for row in rows[1:])


@pytest.mark.parametrize("file", [ROOT / "README.md", *sorted((ROOT / "experiments").glob("*/README.md"))], ids=str)
def test_generated_parts_are_what_generating_them_gives(file):
    text = file.read_text()
    assert "<!-- end -->" in text
    assert filled(text, file.parent) == text, f"ssrec fill {file}"


def test_published_rows_of_one_table_share_data_and_protocol():
    for folder in {f.parent for f in (ROOT / "experiments").glob("*/results/*/*.json")}:
        found = [json.loads(f.read_text()) for f in folder.glob("*.json")]
        assert len({r["dataset"]["fingerprint"] for r in found}) == 1, folder
        assert len({r["dataset"]["split"] for r in found}) == 1, folder
        counts = [{k: v for k, v in r["protocol"].items() if k.startswith("n_")} for r in found]
        # Older results say the same rules by other keys.
        rules = [protocol.words(r) | n for r, n in zip(found, counts, strict=True)]
        assert len({json.dumps(rule, sort_keys=True) for rule in rules}) == 1, folder
        assert not any("dirty" in r["commit"] for r in found), folder


@pytest.mark.parametrize("file", sorted((ROOT / "experiments").glob("*/table.yaml")), ids=lambda f: f.parent.name)
def test_a_table_yaml_is_understood_and_every_result_belongs_to_a_row(file):
    folder = file.parent
    question = read(folder)
    asked(question, folder)  # composes every row, and refuses what would be refused before training
    assert {f.name for f in (folder / "results").glob("*")} <= set(question.tables)
    for name in question.tables:
        assert not published(folder, name, named(question, name)).strays
        assert f"<!-- reproduced {name} -->" in (folder / "README.md").read_text()


def test_headers_of_recipes_say_what_every_recipe_measured():
    script = runpy.run_path(str(ROOT / "experiments/every_recipe/headers.py"))
    lines = script["measured"]()
    assert set(lines) <= {file.stem for file in (ROOT / "conf/recipe").glob("*.yaml")}
    for name, line in lines.items():
        text = (ROOT / f"conf/recipe/{name}.yaml").read_text()
        assert script["with_line"](text, line) == text, "python experiments/every_recipe/headers.py"


def test_the_example_of_a_table_yaml_is_understood(tmp_path):
    text = (ROOT / "docs/reproduce.md").read_text()
    example, _ = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    (tmp_path / "table.yaml").write_text(example)
    question = read(tmp_path)
    runs = asked(question, tmp_path)
    assert [(run.row.name, run.seed) for run in runs][:3] == [("popularity", 1), ("Markov", 1), ("SASRec", 1)]
    told = set(re.findall(r"^\| (`.*?) \|", text, re.MULTILINE))
    keys = {key for cell in told for key in re.findall(r"`(\w+)`", cell)}
    known = {field.name for kind in (Question, Table, Row) for field in fields(kind)}
    assert keys == known - {"tables", "rows"}


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)#]+)\)", README))
def test_links_lead_somewhere(link):
    assert (ROOT / link).exists()


@pytest.mark.parametrize("notebook", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda f: f.stem)
def test_notebooks_run_and_are_stored_without_output(notebook, monkeypatch):
    monkeypatch.chdir(notebook.parent)
    cells = [c for c in json.loads(notebook.read_text())["cells"] if c["cell_type"] == "code"]
    assert cells
    assert not any(c["outputs"] for c in cells)
    names: dict[str, object] = {}
    for cell in cells:
        exec("".join(cell["source"]), names)
