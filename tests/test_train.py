"""Whole runs on a tiny generated world: stages, fingerprints, resumption, starting points."""

import csv
import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import ssrec.fit
from ssrec import runs
from ssrec.errors import CompositionError
from ssrec.train import train


def result(folder: Path) -> dict:
    return json.loads((folder / "result.json").read_text())


def metrics(folder: Path) -> dict[str, float]:
    return result(folder)["metrics"]


@pytest.fixture
def encoders_made(monkeypatch):
    """How many runs were trained rather than found."""
    made = []
    fit = ssrec.fit.fit
    monkeypatch.setattr("ssrec.make.fit", lambda *a, **k: (made.append(a), fit(*a, **k))[1])
    return made


def test_pretraining_is_made_once_and_found_in_any_study(tiny, encoders_made):
    pretrain = "objective@pretrain.objective=[masked_item]"
    first = train(tiny(pretrain))
    assert len(encoders_made) == 2
    second = train(tiny(pretrain, "optimizer.lr=0.01", "+pretrain.optimizer.lr=0.001", "study=another"))
    assert len(encoders_made) == 3, "finetuning with another rate must not pretrain again"
    assert result(first)["init"]["fingerprint"] == result(second)["init"]["fingerprint"]
    assert result(first)["label"] == "sasrec: masked_item -> next_item"
    budget = result(first)["targets_seen_with_pretraining"]
    assert budget == result(first)["targets_seen"] + result(first)["init"]["targets_seen"] > 0


def test_a_found_and_a_fresh_pretraining_give_the_same_result(tiny):
    pretrain = "objective@pretrain.objective=[masked_item]"
    both = train(tiny(pretrain, "study=fresh"))
    (pre,) = [f for f in both.parent.iterdir() if f != both and f.is_dir()]
    fresh = metrics(both)
    shutil.rmtree(both)
    assert train(tiny(pretrain, "study=fresh")) == both
    assert metrics(both) == fresh
    assert train(tiny(f"init={pre}", "study=other")).name == both.name


def test_a_finished_run_is_returned_at_once(tiny, encoders_made, capsys):
    folder = train(tiny())
    stored = (folder / "result.json").read_bytes()
    assert train(tiny()) == folder
    assert len(encoders_made) == 1
    assert (folder / "result.json").read_bytes() == stored
    assert "already made" in capsys.readouterr().err
    # Where it runs and what it is called do not make it another run.
    elsewhere = train(tiny("study=second", "logger=none"))
    assert len(encoders_made) == 1
    assert elsewhere.name == folder.name
    assert result(elsewhere)["metrics"] == result(folder)["metrics"]


def test_what_decides_a_result_decides_its_folder(tiny):
    from ssrec.train import plain, stages

    def digest(*overrides: str) -> str:
        (stage,) = stages(tiny(*overrides))
        return runs.fingerprint(plain(stage), "data", None)

    same = digest()
    assert digest("study=x", "hardware=ddp_cpu", "logger=wandb", "model.layers=2") == digest("model.layers=2")
    for change in ("seed=2", "model.dim=8", "hardware.precision=bf16-mixed", "data.batch_size=17", "mask_seen=false"):
        assert digest(change) != same
    assert digest("model.dropout=0") == digest("model.dropout=0.0") != same
    base = digest("objective=[next_item]")
    assert digest("objective=[next_item,contrast_sequence]", "objective.contrast_sequence.weight=0") == base
    assert runs.fingerprint(plain(stages(tiny())[0]), "other data", None) != same


def test_a_null_that_is_not_the_default_is_content(tiny):
    from ssrec.train import plain, stages

    config = plain(stages(tiny("recipe=ease"))[0])
    usual = runs.fingerprint(config, "data", None)
    config["model"]["l2"] = None  # its default is a number
    assert runs.fingerprint(config, "data", None) != usual


def test_a_value_equal_to_the_constructors_default_is_not_content(tiny):
    from ssrec.train import plain, stages

    config = plain(stages(tiny())[0])
    with_default = runs.fingerprint(config, "data", None)
    del config["optimizer"]["weight_decay"]  # torch's own default, 0
    assert runs.fingerprint(config, "data", None) == with_default


class Killed(Exception):
    pass


RESUMED = {
    "next_item": [],
    "contrast_sequence": ["objective=[next_item,contrast_sequence]"],
    "latent_item": ["objective=[next_item,latent_item]"],
    "in the middle of a turn": [
        "objective=[next_item,masked_item]",
        "combine=pcgrad",
        "phases=[{trained: [encoder.*], batches: 7}, {trained: [encoder.*], optimizer: {lr: 0.01}, batches: 6}]",
        "trainer.gradient_clip_val=0.5",
    ],
}


@pytest.mark.parametrize("case", RESUMED)
def test_a_killed_run_resumes_and_ends_where_an_unbroken_one_does(tiny, monkeypatch, case):
    overrides = (*RESUMED[case], "trainer.max_epochs=4")
    unbroken = train(tiny(*overrides, "study=unbroken", "model.dropout=0.3"))
    expected = metrics(unbroken), load_file(unbroken / "encoder.safetensors")
    targets = result(unbroken)["targets_seen"]
    shutil.rmtree(unbroken)

    from ssrec.learner import Learner

    start = Learner.on_train_epoch_start
    reached = []

    def killing(self):
        reached.append(self.current_epoch)
        if reached == [0, 1, 2]:
            raise Killed
        start(self)

    monkeypatch.setattr(Learner, "on_train_epoch_start", killing)
    with pytest.raises(Killed):
        train(tiny(*overrides, "study=broken", "model.dropout=0.3"))
    folder = train(tiny(*overrides, "study=broken", "model.dropout=0.3"))
    assert reached == [0, 1, 2, 2, 3], "it must go on at the epoch that was cut short"
    assert metrics(folder) == expected[0]
    weights = load_file(folder / "encoder.safetensors")
    assert all(torch.equal(weights[k], v) for k, v in expected[1].items())
    assert result(folder)["epochs"] == 4
    assert result(folder)["targets_seen"] == targets


def test_seeds_decide(tiny):
    one, two = train(tiny("seed=1")), train(tiny("seed=2"))
    assert metrics(one) != metrics(two)


def test_freeze_keeps_parameters_and_new_starts_them_afresh(tiny):
    start = train(tiny())
    before = load_file(start / "encoder.safetensors")
    frozen = load_file(train(tiny(f"init={start}", "freeze=[table.*]")) / "encoder.safetensors")
    table = next(k for k in before if k.startswith("table"))
    other = next(k for k in before if not k.startswith("table") and before[k].numel() > 1)
    assert torch.equal(frozen[table], before[table])
    assert not torch.equal(frozen[other], before[other])
    wider = ["table@model.table.sources=[id,attribute]", f"init={start}"]
    with pytest.raises(CompositionError, match=r"has no table.*say new="):
        train(tiny(*wider))
    assert metrics(train(tiny(*wider, "new=['table.sources.attribute.*']")))


def test_a_start_from_another_dataset_keeps_what_has_no_row_for_an_item(tiny):
    start = train(tiny())
    other = ["dataset.users=50", "dataset.items=72", f"init={start}"]
    with pytest.raises(CompositionError, match="another dataset"):
        train(tiny(*other))
    moved = train(tiny(*other, "new=['table.*']"))
    assert result(moved)["init"]["dataset"]["fingerprint"] != result(moved)["dataset"]["fingerprint"]


def test_a_start_that_does_not_fit_is_refused(tiny, tmp_path):
    start = train(tiny())
    with pytest.raises(CompositionError, match=r"model settings"):
        train(tiny(f"init={start}", "model.dim=8"))
    with pytest.raises(CompositionError, match=r"no result\.json"):
        train(tiny(f"init={tmp_path / 'nothing'}"))
    with pytest.raises(CompositionError, match="did you mean"):
        train(tiny(f"init={start}", "freeze=['tabel']"))
    with pytest.raises(CompositionError, match="keep one"):
        train(tiny(f"init={start}", "objective@pretrain.objective=[masked_item]"))


def test_a_weight_of_zero_equals_the_terms_absence(tiny, encoders_made):
    alone = train(tiny("study=alone"))
    shutil.move(alone, alone.parent.parent / "kept_outside_of_outputs")
    (kept := alone.parent.parent / "kept_outside_of_outputs" / "result.json").rename(kept.with_suffix(".hidden"))
    zero = train(tiny("objective=[next_item,contrast_sequence]", "objective.contrast_sequence.weight=0"))
    assert len(encoders_made) == 2
    assert metrics(zero) == json.loads(kept.with_suffix(".hidden").read_text())["metrics"]


def test_test_is_ranked_with_the_best_checkpoint_by_validation(tiny):
    best = train(tiny("trainer.max_epochs=6", "optimizer.lr=0.05"))
    kept = result(best)
    log = (best / "log" / "version_0" / "metrics.csv").read_text().splitlines()
    column = log[0].split(",").index("val/ndcg@10")
    during = [float(v) for line in log[1:] if (v := line.split(",")[column])]
    assert kept["metrics"]["val/ndcg@10"] == pytest.approx(max(during), abs=1e-6)
    assert kept["best_epoch"] == 1 + during.index(max(during))


def test_validation_may_be_rarer_and_patience_counts_epochs(tiny):
    rare = ["trainer.val_every=3", "optimizer.lr=0.0"]  # no epoch is better than the first that is validated
    stopped = runs.read(train(tiny(*rare, "trainer.max_epochs=30", "trainer.patience=5")))
    assert (stopped["best_epoch"], stopped["epochs"]) == (3, 9)
    one = runs.read(train(tiny(*rare, "trainer.max_epochs=2", "trainer.patience=null")))
    assert one["best_epoch"] == 2, "a run shorter than that is validated at its end"


@pytest.mark.parametrize(("every", "validated"), [("null", [3]), ("1", [0, 1, 2, 3]), ("2", [1, 3]), ("9", [3])])
def test_validation_comes_as_often_as_was_said_where_nothing_reads_it(tiny, every, validated):
    settings = ("select=last", "trainer.patience=null", "trainer.max_epochs=4", f"trainer.val_every={every}")
    folder = train(tiny(*settings))
    head, *lines = (folder / "log" / "version_0" / "metrics.csv").read_text().splitlines()
    epoch, key = (head.split(",").index(name) for name in ("epoch", "val/ndcg@10"))
    *during, final = (int(cells[epoch]) for line in lines if (cells := line.split(","))[key])
    assert during == validated and final == 4, "and the weights that are handed on, once more"


def test_the_test_part_is_ranked_once_with_the_selected_weights(tiny):
    """Those are what training stopped at the selected epoch ends with."""
    settings = ("optimizer.lr=0.05", "logger=csv")
    best = train(tiny(*settings, "trainer.max_epochs=6", "study=best"))
    epoch = result(best)["best_epoch"]
    assert epoch < 6, "another epoch than the last, or this shows nothing"
    stopped = train(tiny(*settings, f"trainer.max_epochs={epoch}", "select=last", "study=stopped"))
    assert metrics(best) == metrics(stopped)
    with (best / "log" / "version_0" / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert sum(row["test/ndcg@10"] != "" for row in rows) == 1 < sum(row["val/ndcg@10"] != "" for row in rows)


@pytest.mark.parametrize("recipe", ["popularity", "markov", "item_knn", "ease"])
def test_floors_need_no_epochs(tiny, recipe):
    folder = train(tiny(f"recipe={recipe}"))
    assert result(folder)["steps"] == 0
    assert result(folder)["targets_seen"] == 0
    assert 0 < metrics(folder)["test/recall@10"] <= 1


def test_a_start_from_another_split_of_the_same_data_is_refused(tiny):
    """Its encoder may have been trained on what is held out here, directly or where it started from."""
    first = train(tiny("split=k_fold"))
    with pytest.raises(CompositionError, match="trained on another split of this dataset"):
        train(tiny("split=k_fold", "split.fold=1", f"init={first}"))
    second = train(tiny("split=k_fold", f"init={first}", "seed=2"))
    with pytest.raises(CompositionError, match="trained on another split"):
        train(tiny("split=k_fold", "split.fold=1", f"init={second}"))


def test_the_order_in_which_objectives_are_named_decides_nothing(tiny):
    first = train(tiny("objective=[next_item,masked_item]"))
    one = result(first)
    shutil.rmtree(first)
    other = result(train(tiny("objective=[masked_item,next_item]")))
    assert one["fingerprint"] == other["fingerprint"] and one["metrics"] == other["metrics"]


def test_how_others_are_trained_decides_nothing_of_what_is_fitted(tiny):
    settings = ("trainer.max_epochs=3", "optimizer.lr=1", "data.batch_size=9", "select=last")
    assert len({train(tiny("recipe=markov", setting)).name for setting in settings}) == 1
    assert train(tiny("recipe=markov", "data.max_length=7")).name != train(tiny("recipe=markov")).name


def test_a_result_of_another_study_is_brought_only_by_who_claimed_the_folder(tiny, tmp_path):
    """Asking while another process makes the run must not replace what it is writing."""
    done = train(tiny("recipe=markov", "study=done"))
    busy = tmp_path / "busy" / done.name
    with runs.claimed(busy, "other"):
        (busy / "checkpoints").mkdir(parents=True)
        assert not runs.finished(busy)
        assert (busy / "checkpoints").is_dir()
    assert train(tiny("recipe=markov", "study=busy")) == busy and runs.finished(busy)
