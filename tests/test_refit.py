"""Training again on training and validation events, for the number of epochs that validation selected."""

import json
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf

from ssrec import runs
from ssrec.cli import main
from ssrec.compare.comparable import named
from ssrec.data.split import TEST, TRAIN, VAL, LeaveOneOut
from ssrec.data.splits.events import CONTEXT, Events
from ssrec.data.splits.refit import Refit
from ssrec.data.splits.strong_generalisation import StrongGeneralisation
from ssrec.errors import CompositionError
from ssrec.reproduce.state import _stages
from ssrec.train import stages, train


def events(*lengths: int) -> Events:
    n = sum(lengths)
    offsets = torch.tensor([0, 0, *torch.tensor(lengths).cumsum(0).tolist()])
    return Events(name="world", item=torch.arange(1, n + 1), offsets=offsets, n_items=n)


def test_validation_events_join_training_and_the_test_stays():
    world = events(5, 3, 2)
    before, after = LeaveOneOut().parts(world), Refit(LeaveOneOut()).parts(world)
    assert (before == VAL).sum() == 2 and not (after == VAL).any()
    assert torch.equal(before == TEST, after == TEST)
    assert torch.equal((before == TRAIN) | (before == VAL), after == TRAIN)


def test_users_held_out_for_validation_are_trained_on_whole():
    split = StrongGeneralisation(val=2, test=2)
    world = events(*[6] * 10)
    before, after = split.parts(world), Refit(split).parts(world)
    user = torch.repeat_interleave(world.lengths)
    validated, tested = user[before == VAL].unique(), user[before == TEST].unique()
    assert set(after[torch.isin(user, validated)].tolist()) == {TRAIN}
    assert set(after[torch.isin(user, tested)].tolist()) == {CONTEXT, TEST}
    assert torch.equal(before[torch.isin(user, tested)], after[torch.isin(user, tested)])


def test_it_repeats_the_selected_epochs_on_more_events_and_reports_no_validation(tiny, capsys):
    config = tiny("trainer.max_epochs=4", "optimizer.lr=0.05", "refit=true")
    folder = train(config)
    alone = train(tiny("trainer.max_epochs=4", "optimizer.lr=0.05"))
    again, first = runs.read(folder), runs.read(alone)
    assert "already made" in capsys.readouterr().err, "the run that selects is the run without refit"
    assert again["selected"]["fingerprint"] == first["fingerprint"] != again["fingerprint"]
    assert again["epochs"] == first["best_epoch"] and "best_epoch" not in again
    assert again["protocol"]["n_train"] == first["protocol"]["n_train"] + first["protocol"]["n_val_targets"]
    assert again["protocol"]["n_test"] == first["protocol"]["n_test"]
    assert not [name for name in again["metrics"] if name.startswith("val/")]
    assert {name for name in first["metrics"] if name.startswith("test/")} == set(again["metrics"])
    assert again["label"] == f"{first['label']}, refit"
    assert train(config) == folder and "already made" in capsys.readouterr().err


def test_a_comparison_of_a_study_leaves_out_what_selected(tiny):
    again = train(tiny("refit=true", "trainer.max_epochs=1"))
    assert [run.place for run in named([str(again.parent)], Path())] == [again]
    selected = again.with_name(runs.read(again)["selected"]["fingerprint"])
    assert [run.place for run in named([str(selected)], Path())] == [selected]


def test_what_is_fitted_is_fitted_again(tiny):
    first, again = (runs.read(train(tiny("recipe=popularity", *more))) for more in ([], ["refit=true"]))
    assert again["selected"]["fingerprint"] == first["fingerprint"]
    assert again["metrics"]["test/coverage@10"] > 0 and again["epochs"] == 0


def test_a_pretraining_is_made_again_too(tiny):
    words = ("objective@pretrain.objective=[masked_item]", "pretrain.trainer.max_epochs=2", "trainer.max_epochs=2")
    assert [stage.refit for stage in stages(tiny(*words, "refit=true"))] == [False, False, True, True]
    again = runs.read(train(tiny(*words, "refit=true")))
    first = runs.read(train(tiny(*words)))
    assert again["init"]["selected"]["fingerprint"] == first["init"]["fingerprint"]
    assert again["init"]["epochs"] == 2 and again["init"]["protocol"]["n_train"] == again["protocol"]["n_train"]
    assert again["label"] == f"{first['label']}, refit"


def test_what_it_generates_comes_from_the_refit_of_its_start(tiny):
    words = [
        "objective@pretrain.objective=[next_item]",
        "+pretrain.reversed=true",
        "prior.n=3",
        "prior.shorter_than=12",
    ]
    again, first = (runs.read(train(tiny(*words, *more))) for more in (["refit=true"], []))
    assert again["selected"]["fingerprint"] == first["fingerprint"]
    assert again["init"]["config"]["reversed"] and again["init"]["config"]["refit"]
    assert again["init"]["selected"]["fingerprint"] == first["init"]["fingerprint"]
    plain = runs.read(train(tiny(*words[:2], "refit=true")))
    assert plain["init"]["fingerprint"] == again["init"]["fingerprint"] and plain["metrics"] != again["metrics"]


LEFT_OUT = {
    "negatives of no rows": ["candidates=sampled", "candidates.n=10"],
    "cold targets of no rows": ["cold_targets=drop", "split=global_time", "split.val_from=0.6"],
    "lists for other judges": ["rankings=10"],
    "two processes": ["hardware.devices=2"],
}


@pytest.mark.parametrize("words", LEFT_OUT.values(), ids=LEFT_OUT.keys())
def test_what_asks_for_validation_rows_finds_none(tiny, words):
    again = runs.read(train(tiny(*words, "refit=true")))
    assert again["metrics"] and not [name for name in again["metrics"] if name.startswith("val/")]
    assert [name for name in again["selected"]["metrics"] if name.startswith("val/")]


def test_a_past_that_is_frozen_would_grow(tiny, tmp_path):
    with pytest.raises(CompositionError, match=r"split\.history=frozen keeps .*; say split\.history=growing"):
        train(tiny("refit=true", "split.history=frozen"))
    assert not list(tmp_path.iterdir()), "before anything is made"
    Refit(StrongGeneralisation())  # whose users have no rows in both parts


def test_a_run_trained_on_one_split_neither_starts_nor_teaches_two(tiny, tmp_path):
    start = train(tiny())
    made = set(tmp_path.rglob("*"))
    with pytest.raises(CompositionError, match=r"init=.* was trained on one split of .*; say pretrain\.objective"):
        train(tiny("refit=true", f"init={start}"))
    learns = ["objective=[next_item,distill]", f"objective.distill.loss.teacher={start}"]
    with pytest.raises(CompositionError, match=r"refit=true: objective\.distill\.loss\.teacher names a run"):
        train(tiny("refit=true", *learns))
    assert set(tmp_path.rglob("*")) == made, "before anything is made"


def test_a_start_of_other_data_starts_both(tiny):
    start = train(tiny("dataset.seed=5"))
    again = runs.read(train(tiny("refit=true", f"init={start}", "new=[table.*]")))
    assert again["init"]["fingerprint"] == again["selected"]["init"]["fingerprint"] == start.name


def test_a_pretraining_alone_is_not_refitted(tiny):
    with pytest.raises(CompositionError, match=r"pretrain\.refit: all stages are refitted or none; say refit=true"):
        train(tiny("+pretrain.refit=true", "objective@pretrain.objective=[masked_item]"))


def test_reproduce_finds_what_it_made(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    folder = Path("experiments/q")
    folder.mkdir(parents=True)
    world = ["dataset.users=60", "dataset.items=64", "data.batch_size=16", "ks=[10]", "trainer.max_epochs=1"]
    rows = [{"name": "again", "overrides": ["model.dim=8", "refit=true", "objective@pretrain.objective=[masked_item]"]}]
    asked = {"common": world, "metrics": ["ndcg@10"], "tables": {"t": {"rows": rows}}}
    (folder / "table.yaml").write_text(OmegaConf.to_yaml(OmegaConf.create(asked)))
    main(["reproduce", str(folder), "--allow-dirty"])
    made = [json.loads(file.read_text()) for file in Path("outputs/q/t").glob("*/result.json")]
    assert len(made) == 4
    capsys.readouterr()
    main(["reproduce", str(folder), "--list"])
    assert "| missing" not in capsys.readouterr().out, "it is found by its fingerprint"


def test_stages_of_a_result_are_those_of_its_config_backwards():
    pretrained = {"stage": "pretraining"}
    selected = {"stage": "selection", "init": pretrained}
    start = {"stage": "pretraining again", "init": None, "selected": pretrained}
    result = {"stage": "again", "init": start, "selected": selected}
    order = ["again", "pretraining again", "selection", "pretraining"]
    assert [stage["stage"] for stage in _stages(result)] == order
    assert [stage["stage"] for stage in _stages(selected)] == order[2:]


@pytest.mark.parametrize("value", ["1", "yes please", "null"])
def test_it_takes_true_or_false(tiny, value):
    with pytest.raises(Exception, match=r"refit is .*; it takes true or false"):
        train(tiny(f"refit={value}"))
