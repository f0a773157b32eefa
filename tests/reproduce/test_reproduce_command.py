"""`ssrec reproduce` from a table.yaml to results and a README: what is made, found, resumed, failed or missing."""

import json
import shutil
import signal
from contextlib import ExitStack
from pathlib import Path

import pytest
import torch

from ssrec import runs
from ssrec.cli import main
from ssrec.fill import filled
from ssrec.learner import Learner

ROWS = """
seeds: [1, 2]
tables:
  world:
    compare: small
    rows:
      - {name: popularity, overrides: [recipe=popularity], seeds: [1], worth: 1}
      - name: small
        overrides: [model.dim=8, model.layers=1]
        reference: {ndcg@10: 100, source: nobody}
      - name: pretrained
        overrides: [model.dim=8, model.layers=1, "objective@pretrain.objective=[masked_item]"]
        seeds: [3]
"""
ONE = "tables: {world: {rows: [{name: small, overrides: [model.dim=8, model.layers=1]}]}}"


@pytest.fixture
def epochs(monkeypatch):
    """What is called at the start of every epoch, with its number: a test may put its own in."""
    calls = []
    start = Learner.on_train_epoch_start

    def spied(self):
        for call in list(calls):
            call(self.current_epoch)
        start(self)

    monkeypatch.setattr(Learner, "on_train_epoch_start", spied)
    return calls


def table(folder: Path) -> dict[str, dict[str, str]]:
    """The README's table: by row, its cells by column."""
    lines = [line for line in (folder / "README.md").read_text().splitlines() if line.startswith("|")]
    head, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0]: dict(zip(head, row, strict=True)) for row in rows}


def listed(folder: Path, capsys) -> list[tuple[str, str, str]]:
    """What --list says: row, seed and state, in order."""
    capsys.readouterr()
    main(["reproduce", str(folder), "--list"])
    lines = [line.split("|")[1:-1] for line in capsys.readouterr().out.splitlines() if line.startswith("|")][2:]
    return [(row.strip(), seed.strip(), state.strip()) for _, _, row, seed, state, *_ in lines]


def published(folder: Path) -> list[dict]:
    return [json.loads(file.read_text()) for file in sorted(folder.glob("results/world/*.json"))]


def refused(capsys, *arguments: str) -> str:
    capsys.readouterr()
    with pytest.raises(SystemExit) as stop:
        main(["reproduce", *arguments])
    assert stop.value.code == 2
    said = capsys.readouterr().err
    assert 1 <= len(said.splitlines()) <= 2 and "Traceback" not in said
    return said


def test_from_nothing_to_a_page(question, changed, capsys, epochs):
    folder = question(ROWS)
    todo = listed(folder, capsys)
    assert todo == [
        ("popularity", "1", "missing"),
        ("small", "1", "missing"),
        ("pretrained", "3", "missing"),
        ("small", "2", "missing"),
    ]
    assert not list(Path("outputs").glob("q*")) and not (folder / "results").exists()
    main(["reproduce", str(folder)])
    said = capsys.readouterr()
    assert "made: 4; failed: 0; left: 0" in said.err
    assert said.out.strip() == str(folder / "README.md")

    found = published(folder)
    assert sorted((r["row"], r["seed"]) for r in found) == sorted((row, int(seed)) for row, seed, _ in todo)
    for result in found:
        made = Path("outputs/q/world") / result["fingerprint"]
        assert result == {**runs.read(made), "row": result["row"], "numerics": runs.NUMERICS}
        assert result["commit"] == "0123456789ab"
        assert (folder / "results/world" / f"{result['fingerprint']}.parquet").exists()
    own = [r["metrics"]["test/ndcg@10"] for r in found if r["row"] == "small"]
    mean = sum(own) / 2
    cells = table(folder)
    assert list(cells) == ["popularity", "small", "pretrained"]
    assert cells["small"]["seeds"] == "2" and cells["popularity"]["seeds"] == "1"
    assert cells["small"]["ndcg@10"].startswith(f"{mean:.4f} ± ")
    assert cells["small"]["reference ndcg@10"] == f"100 ({100 * (mean / 100 - 1):+.1f} %)"
    assert cells["small"]["reproduced"] == "no, not within 5 %"
    assert cells["popularity"]["reproduced"] == cells["popularity"]["reference ndcg@10"] == ""
    assert "on ndcg@10" in cells["pretrained"]["against small"] and not cells["small"]["against small"]
    assert "missing" not in (text := (folder / "README.md").read_text())
    assert "- small as published: nobody" in text and "p after Holm" in text and "commit 0123456789ab" in text

    epochs.append(lambda epoch: pytest.fail("it was made already"))
    shutil.rmtree("outputs")  # what is published is not made again
    main(["reproduce", str(folder)])
    assert (folder / "README.md").read_text() == text
    assert {state for *_, state in listed(folder, capsys)} == {"made"}


def test_a_stopped_run_goes_on_and_what_is_left_is_shown(question, changed, capsys, epochs):
    folder = question(ROWS[: ROWS.index("      - name: pretrained")])
    epochs.append(lambda epoch: signal.raise_signal(signal.SIGALRM) if epoch == 1 else None)  # as when the time is up
    main(["reproduce", str(folder), "--max-minutes", "60"])
    said = capsys.readouterr().err
    assert "made: 1; failed: 0; left: 2" in said
    assert "the time is up; left, in this order: small, seed 1 (world), small, seed 2 (world)" in said
    cells = table(folder)
    assert [cells[row]["notes"] for row in cells] == ["", "missing: seeds 1, 2"]
    assert cells["small"]["seeds"] == "0 of 2" and cells["small"]["reproduced"] == "not yet"
    assert [state for *_, state in listed(folder, capsys)] == ["made", "partly", "missing"]

    seen = []
    epochs[:] = [seen.append]
    main(["reproduce", str(folder)])
    assert "resumes at epoch 2 of at most 2" in capsys.readouterr().err
    assert seen == [1, 0, 1]  # the rest of the first run, then the next run
    assert len(published(folder)) == 3


def test_no_time_is_no_run(question, changed, capsys, epochs):
    folder = question(ONE)
    epochs.append(lambda epoch: pytest.fail("it began"))
    assert "the time was up" in refused(capsys, str(folder), "--max-minutes", "0")


def test_a_run_made_by_hand_in_another_study_is_found(question, changed, capsys, epochs):
    folder = question(ONE)
    words = json.loads((folder / "table.yaml").read_text().splitlines()[0].removeprefix("common: "))
    main(["train", "study=by_hand", *words, "model.dim=8", "model.layers=1"])
    epochs.append(lambda epoch: pytest.fail("it was made already"))
    assert listed(folder, capsys) == [("small", "1", "finished")]
    main(["reproduce", str(folder)])
    assert [r["row"] for r in published(folder)] == ["small"]


def test_what_another_process_is_at_comes_last(question, changed, capsys, epochs):
    folder = question(ONE.replace("tables", "seeds: [1, 2]\ntables"))
    main(["reproduce", str(folder)])
    first = next(r["fingerprint"] for r in published(folder) if r["seed"] == 1)
    shutil.rmtree(folder / "results")
    shutil.rmtree("outputs/q")
    capsys.readouterr()
    with ExitStack() as other:
        other.enter_context(runs.claimed(Path("outputs/q/world") / first, "another process's"))
        epochs.append(lambda epoch: other.close())
        main(["reproduce", str(folder)])
    begun = [line for line in capsys.readouterr().err.splitlines() if line.startswith("--")]
    assert [line.split(";")[0] for line in begun] == ["-- small, seed 2 (world)", "-- small, seed 1 (world)"]


def test_a_run_that_fails_is_shown_with_its_reason_and_the_others_go_on(question, changed, capsys, epochs):
    broken = "{name: broken, overrides: [model.dim=8, optimizer.lr=1e30], worth: 1}"
    bug = "{name: bug, overrides: [model.dim=24], worth: 2}"
    folder = question(ONE.replace("rows: [", f"rows: [{broken}, {bug}, "))

    def fails(epoch):  # of a bug of ours, the second run
        if "-- bug" in (told := capsys.readouterr().err) and "-- small" not in told:
            raise ZeroDivisionError("a bug")

    epochs.append(fails)
    with pytest.raises(SystemExit) as stop:
        main(["reproduce", str(folder)])
    assert stop.value.code == 1
    assert "made: 1; failed: 2; left: 0" in capsys.readouterr().err
    cells = table(folder)
    assert "failed: seed 1: the loss of next_item is nan" in cells["broken"]["notes"]
    assert cells["bug"]["notes"] == "failed: seed 1: ZeroDivisionError: a bug"
    assert cells["small"]["seeds"] == "1" and cells["broken"]["seeds"] == "0 of 1"
    assert len(list(folder.glob("results/world/*.failed"))) == 2
    states = {row: state for row, _, state in listed(folder, capsys)}
    assert (states["broken"], states["bug"], states["small"]) == ("failed", "failed", "made")

    epochs.clear()
    with pytest.raises(SystemExit):
        main(["reproduce", str(folder)])
    assert "made: 1; failed: 1" in capsys.readouterr().err
    assert table(folder)["bug"]["seeds"] == "1", "tried again, and its failure is gone"
    assert len(list(folder.glob("results/world/*.parquet"))) == 2, "what its users scored stays"
    assert len(list(folder.glob("results/world/*.failed"))) == 1


def test_uncommitted_code_is_refused_or_publishes_nothing(question, changed, capsys, epochs):
    folder = question(ONE)
    changed.write_text(" M ssrec/learner.py\n")
    epochs.append(begun := [].append)
    said = refused(capsys, str(folder))
    assert "differ from the last commit" in said and "--allow-dirty" in said and not Path("outputs/q").exists()
    main(["reproduce", str(folder), "--allow-dirty"])
    assert "made: 1" in capsys.readouterr().err and begun.__self__
    assert not (folder / "results").exists() and not (folder / "README.md").exists()


def test_what_uncommitted_code_has_made_is_not_published_later(question, changed, capsys):
    folder = question(ONE)
    main(["reproduce", str(folder), "--allow-dirty"])
    (made,) = Path("outputs/q/world").glob("*/result.json")
    made.write_text(made.read_text().replace("0123456789ab", "0123456789ab-dirty"))
    assert [state for *_, state in listed(folder, capsys)] == ["uncommitted"]
    with pytest.raises(SystemExit) as stop:
        main(["reproduce", str(folder)])
    assert stop.value.code == 1
    assert f"{made.parent} was made by uncommitted code; delete it" in capsys.readouterr().err
    assert not published(folder)
    shutil.rmtree(made.parent)
    main(["reproduce", str(folder)])
    assert [r["commit"] for r in published(folder)] == ["0123456789ab"]


def test_other_settings_than_those_published_are_made_anew_when_asked(question, changed, capsys, epochs):
    main(["reproduce", str(folder := question(ONE))])
    (before,) = published(folder)
    question(ONE.replace("model.dim=8", "model.dim=24"))
    epochs.append(seen := [].append)
    assert listed(folder, capsys) == [("small", "1", "older")]
    main(["reproduce", str(folder)])
    assert "other settings, data or code than now: 1; --anew" in capsys.readouterr().err
    assert published(folder) == [before] and not seen.__self__
    main(["reproduce", str(folder), "--anew"])
    (after,) = published(folder)
    assert after["config"]["model"]["dim"] == 24 and after["fingerprint"] != before["fingerprint"]
    assert {f.stem for f in folder.glob("results/world/*")} == {after["fingerprint"]}, "nothing is left of the other"


def test_data_that_are_not_here_hold_up_only_their_own_rows(question, changed, capsys, tmp_path, monkeypatch):
    monkeypatch.delenv("SSREC_DATA", raising=False)
    row = "{name: popularity, worth: 1, overrides: [recipe=popularity]}"
    far = f"  far: {{overrides: [dataset=ml-100k, dataset.root=nowhere], rows: [{row}]}}"
    world = "world: {overrides: [dataset.users=60, dataset.items=64], rows: [{name: small, overrides: [model.dim=8]}]}"
    folder = question(f"tables:\n  {world}\n{far}\n")
    text = (folder / "table.yaml").read_text()
    (folder / "table.yaml").write_text(text.replace('"dataset.users=60", "dataset.items=64", ', ""))
    assert listed(folder, capsys)[0] == ("popularity", "1", "missing")
    with pytest.raises(SystemExit) as stop:
        main(["reproduce", str(folder), "--max-minutes", "60", "hardware.devices=1"])
    assert stop.value.code == 1
    assert "failed: popularity, seed 1 (far): " in capsys.readouterr().err
    assert not (folder / "results/far").exists(), "it tells nothing of the method"
    assert len(published(folder)) == 1
    assert "missing: seed 1" in (folder / "README.md").read_text()


def test_the_authors_own_text_and_tables_stay(question, changed, capsys):
    folder = question(ONE)
    marks = "<!-- reproduced world -->\nstale\n<!-- end -->\n\nafter <!-- ssrec matrix -->\n<!-- end -->\n"
    text = f"# Mine\n\nbefore\n\n{marks}"
    (folder / "README.md").write_text(text)
    main(["reproduce", str(folder)])
    made = (folder / "README.md").read_text()
    assert made.startswith("# Mine\n\nbefore\n\n<!-- reproduced world -->\n| row") and "after <!-- ssrec matrix" in made
    assert "stale" not in made and made.count("<!-- reproduced") == 1 and "| SequenceEncoding | rows |" in made
    assert filled(made, folder) == made


def test_results_of_no_row_are_named(question, changed, capsys):
    main(["reproduce", str(folder := question(ONE))])
    (file,) = folder.glob("results/world/*.json")
    question(ONE.replace("name: small", "name: other"))
    main(["fill", str(folder / "README.md")])
    assert f"- of no row: {file.name}" in (folder / "README.md").read_text()
    assert table(folder)["other"]["notes"] == "missing: seed 1"


def test_two_results_of_one_row_and_seed_are_refused(question, changed, capsys):
    main(["reproduce", str(folder := question(ONE))])
    (file,) = folder.glob("results/world/*.json")
    shutil.copy(file, file.with_name("0.json"))
    capsys.readouterr()
    with pytest.raises(SystemExit):
        main(["fill", str(folder / "README.md")])
    assert "are of row small, seed 1; remove one of them" in capsys.readouterr().err


@pytest.mark.parametrize("word", ["--max-minute", "model.dim=3", "hardware.precision=bf16-mixed", "hardware=gpu", "x"])
def test_the_command_line_does_not_say_what_is_run(question, capsys, word):
    assert f"does not take {word}" in refused(capsys, str(question(ONE)), word)


@pytest.mark.skipif(torch.cuda.is_available(), reason="the hardware is here")
def test_hardware_that_is_not_here_is_refused_and_no_finding(question, changed, capsys):
    folder = question(ONE.replace("model.dim=8", "model.dim=8, hardware=gpu"))
    assert "hardware asks for accelerator gpu" in refused(capsys, str(folder))
    assert not (folder / "results").exists() and not Path("outputs/q").exists()
    assert listed(folder, capsys) == [("small", "1", "missing")]


def test_what_two_tables_share_is_made_once(question, changed, capsys, epochs):
    row = "{rows: [{name: small, overrides: [model.dim=8, model.layers=1]}]}"
    folder = question(f"tables:\n  one: {row}\n  two: {row}\n")
    seen = []
    epochs.append(seen.append)
    main(["reproduce", str(folder)])
    assert seen == [0, 1] and "made: 2" in capsys.readouterr().err
    one, two = (json.loads(file.read_text()) for file in sorted(folder.glob("results/*/*.json")))
    assert one == two


def test_one_table_may_be_asked_for(question, changed, capsys):
    row = "{rows: [{name: floor, overrides: [recipe=popularity]}]}"
    folder = question(f"tables:\n  one: {row}\n  two: {row}\n")
    main(["reproduce", str(folder), "--table", "two"])
    assert [path.parent.name for path in folder.glob("results/*/*.json")] == ["two"]
    assert "did you mean two?" in refused(capsys, str(folder), "--table", "twoo")
