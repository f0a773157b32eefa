"""The learner weighs, steps, ranks and logs."""

import json

import pytest
import torch
from pytorch_lightning.plugins import MixedPrecision
from safetensors.torch import load_file

from ssrec import fit, runs
from ssrec.build import canonical_of, split_of
from ssrec.compose import build_terms, instantiate
from ssrec.data.module import DataModule
from ssrec.errors import UserError
from ssrec.models.popularity import Popularity
from ssrec.train import plain, ready, train


def metrics(folder):
    return json.loads((folder / "result.json").read_text())["metrics"]


def logged(folder, column):
    lines = (folder / "log" / "version_0" / "metrics.csv").read_text().splitlines()
    head = lines[0].split(",")
    if column not in head:
        return []
    return [float(v) for line in lines[1:] if (v := line.split(",")[head.index(column)])]


RAMP = "objective.contrast_sequence.weight={_target_: ssrec.learner.Ramp, value: 0.5, first: 2}"


def test_a_scheduled_term_is_absent_before_it_starts(tiny):
    both = "objective=[next_item,contrast_sequence]"
    folder = train(tiny(both, RAMP, "trainer.max_epochs=3", "data.batching=mixed"))
    assert len(logged(folder, "train/contrast_sequence/info_nce")) == 1
    assert len(logged(folder, "train/next_item/next_item")) == 3
    alone = train(tiny("trainer.max_epochs=3", "data.batching=mixed"))
    assert logged(folder, "val/ndcg@10")[:2] == logged(alone, "val/ndcg@10")[:2]
    assert logged(folder, "val/ndcg@10")[2] != logged(alone, "val/ndcg@10")[2]


@pytest.fixture
def events(monkeypatch):
    """The hooks of two objectives, in the order in which the learner calls them: E and S, e and s."""
    from ssrec.objectives.masked_item import MaskedItem
    from ssrec.objectives.next_item import NextItem

    seen = []
    for objective, epoch, step in ((NextItem, "E", "S"), (MaskedItem, "e", "s")):
        monkeypatch.setattr(objective, "before_epoch", lambda self, encoder, corpus, name=epoch: seen.append(name))
        monkeypatch.setattr(objective, "after_step", lambda self, encoder, name=step: seen.append(name))
    return seen


TWO = "objective=[next_item,masked_item]"  # and three batches an epoch


def test_a_weight_may_change_with_every_step(tiny, events):
    down = "{_target_: ssrec.learning.schedules.Anneal, start: 0.5, end: 0.0, length: 4, by: step}"
    train(tiny(TWO, f"objective.masked_item.weight={down}", "trainer.max_epochs=3"))
    assert "".join(events) == "eE" + "sS" * 3 + "eE" + "sS" + "SS" + "E" + "SSS"


def test_the_loss_is_the_weighted_sum_of_its_parts(tiny):
    both = ["objective=[next_item,masked_item]", "objective.masked_item.weight=0.25"]
    folder = train(tiny(*both))
    whole, first, second = (
        logged(folder, f"train/{k}") for k in ("loss", "next_item/next_item", "masked_item/masked_item")
    )
    assert whole == pytest.approx([a + 0.25 * b for a, b in zip(first, second, strict=True)], rel=1e-5)


def test_what_is_masked_is_a_setting_with_an_effect_and_is_stored(tiny):
    masked, open_ = train(tiny("recipe=popularity")), train(tiny("recipe=popularity", "mask_seen=false"))
    assert metrics(masked)["test/recall@10"] > metrics(open_)["test/recall@10"]
    stored = [json.loads((f / "result.json").read_text())["protocol"] for f in (masked, open_)]
    assert [s["mask_seen"] for s in stored] == [True, False]
    assert stored[0]["history"] == "growing"


def test_a_loss_that_is_not_finite_stops_the_run_by_name(tiny):
    with pytest.raises(UserError, match=r"the loss of next_item is .* at step \d+"):
        train(tiny("optimizer.lr=1e30", "trainer.max_epochs=5"))


def test_hooks_see_every_step_and_every_epoch(tiny, monkeypatch):
    from ssrec.objectives.next_item import NextItem

    seen = []
    monkeypatch.setattr(NextItem, "before_epoch", lambda self, encoder, corpus: seen.append(("epoch", corpus.n_items)))
    monkeypatch.setattr(NextItem, "after_step", lambda self, encoder: seen.append("step"))
    folder = train(tiny("trainer.max_epochs=2"))
    steps = json.loads((folder / "result.json").read_text())["steps"]
    assert seen.count("step") == steps
    assert [s for s in seen if s != "step"] == [("epoch", 64)] * 2


def test_clipping_and_precision_are_passed_on(tiny):
    folder = train(tiny("trainer.gradient_clip_val=0.0001", "hardware.precision=bf16-mixed", "trainer.max_epochs=1"))
    assert all(torch.isfinite(torch.tensor(v)) for v in metrics(folder).values())
    assert metrics(folder) != metrics(train(tiny("trainer.max_epochs=1")))


def test_a_contrast_among_rows_of_one_length_is_warned_of(tiny):
    both = ["objective=[next_item,contrast_sequence]", "trainer.limit_train_batches=1"]
    by_length, mixed = (runs.read(train(tiny(*both, f"data.batching={b}")))["warnings"] for b in ("length", "mixed"))
    assert by_length.keys() - mixed.keys() == {"contrast by length"}


def test_warnings_are_stored_and_printed(tiny, monkeypatch, capsys):
    assert set(runs.read(train(tiny("trainer.max_epochs=2")))["warnings"]) == {"undertrained"}
    assert "warning: the best epoch" in capsys.readouterr().err
    assert runs.read(train(tiny("recipe=popularity")))["warnings"] == {}, "it is meant to rank alike for all"
    monkeypatch.setattr(Popularity, "personal", True)
    assert set(
        runs.read(train(tiny("recipe=popularity", "study=other", "ks=[5]", "monitor=val/ndcg@5")))["warnings"]
    ) == {"ignores the user"}


# ---- phases

KEYS_BIAS = "qkv.bias"  # a softmax does not see it: Adam makes steps of rounding noise

SAME = {"plain": [], "bf16": ["hardware.precision=bf16-mixed"], "clipped": ["trainer.gradient_clip_val=0.01"]}


@pytest.mark.parametrize("case", SAME)
def test_one_phase_that_says_nothing_changes_nothing(tiny, case):
    """Though its steps are made by hand: dropout, masks, precision and clipping are those of Lightning's own loop."""
    without, phase = (train(tiny(TWO, *SAME[case], f"phases={phases}")) for phases in ("[]", "[{}]"))
    assert metrics(phase) == metrics(without)
    weights, expected = (load_file(folder / "encoder.safetensors") for folder in (phase, without))
    assert all(torch.equal(weights[name], value) for name, value in expected.items())
    assert logged(phase, "train/loss") == logged(without, "train/loss")
    for key in ("steps", "targets_seen", "epochs", "best_epoch"):
        assert runs.read(phase)[key] == runs.read(without)[key]


def test_a_loss_scaled_for_fp16_gives_the_same_clipped_steps(tiny, monkeypatch, tmp_path):
    """A GPU's scaler, on this CPU; steps are plain gradient descent, which sees every scale."""
    trainer = fit.pl.Trainer
    sgd = ["optimizer._target_=torch.optim.SGD", "~optimizer.betas", "optimizer.lr=10", "optimizer.fused=false"]
    asked = [TWO, *sgd, "trainer.gradient_clip_val=0.01", "trainer.max_epochs=1"]
    full = load_file(train(tiny(*asked, "phases=[{}]")) / "encoder.safetensors")

    def half(callbacks=(), **settings):
        if callbacks:  # else it is asked what hardware there is
            scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10)
            settings["plugins"] = [MixedPrecision("16-mixed", settings.pop("precision") and "cpu", scaler=scaler)]
        return trainer(callbacks=list(callbacks), **settings)

    monkeypatch.setattr(fit.pl, "Trainer", half)
    for phases in ("[]", "[{}]"):
        folder = train(tiny(*asked, f"phases={phases}", f"outputs={tmp_path / 'half'}"))
        for name, value in load_file(folder / "encoder.safetensors").items():
            torch.testing.assert_close(value, full[name], atol=1e-4, rtol=0)


def test_phases_step_their_own_parameters_by_their_own_terms(tiny):
    """MCLRec's three steps, against a loop that makes them in plain torch; nothing is drawn that has an effect."""
    mclrec = [
        *("objective=[next_item,augmented_contrast]", "view@objective.augmented_contrast.loss.views=[crop]"),
        *("objective.augmented_contrast.loss.views.crop.keep=1.0", "model.dropout=0.0", "data.batching=mixed"),
        "phases=[{trained: [encoder.*]}, {trained: [augmented_contrast.*], terms: [augmented_contrast], "
        "weights: {augmented_contrast: 1.0}, optimizer: {lr: 0.05}}, {trained: [encoder.*]}]",
    ]
    config = tiny(*mclrec, "select=last", "trainer.max_epochs=1")
    folder = train(config)
    ((stage,), _) = ready(config)
    content = plain(stage)
    splits, _, _ = split_of(stage, content, canonical_of(stage, content).digest)
    torch.manual_seed(stage.seed)
    encoder = instantiate(stage.model, splits.corpus)
    terms = build_terms(stage.objective, encoder, splits.corpus)
    steps = targets = 0
    optimizers = [
        torch.optim.Adam(encoder.parameters(), lr=0.001),
        torch.optim.Adam(terms["augmented_contrast"].loss.parameters(), lr=0.05),
    ]
    for batch in DataModule(splits, **instantiate(stage.data), seed=stage.seed).train_dataloader():
        for optimizer, weights in zip(
            [optimizers[0], optimizers[1], optimizers[0]],
            [{"next_item": 1.0, "augmented_contrast": 0.1}, {"augmented_contrast": 1.0}] * 2,
            strict=False,
        ):
            x = encoder(batch)
            parts = [weight * part for name, weight in weights.items() for part in terms[name].loss(x).values()]
            for other in optimizers:
                other.zero_grad()
            torch.stack(parts).sum().backward()
            optimizer.step()
            steps, targets = steps + 1, targets + batch.n_targets
    trained = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=False)["state_dict"]
    for name, value in encoder.state_dict().items():
        if name.endswith(KEYS_BIAS):
            continue
        torch.testing.assert_close(trained[f"encoder.{name}"], value, atol=1e-5, rtol=1e-4)
    for name, value in terms["augmented_contrast"].loss.state_dict().items():
        torch.testing.assert_close(trained[f"losses.augmented_contrast.{name}"], value, atol=1e-5, rtol=1e-4)
    result = runs.read(folder)
    assert (result["steps"], result["targets_seen"]) == (steps, targets)


def test_phases_take_turns_by_batches_or_by_epochs(tiny, events):
    phases = "phases=[{terms: [next_item], LENGTH: 2}, {terms: [masked_item], LENGTH: 1}]"
    folder = train(tiny(TWO, phases.replace("LENGTH", "batches"), "trainer.max_epochs=3"))
    assert "".join(events) == "eESSs" * 3
    assert runs.read(folder)["steps"] == 9
    events.clear()
    train(tiny(TWO, phases.replace("LENGTH", "epochs"), "trainer.max_epochs=4"))
    assert "".join(events) == "ESSS" * 2 + "esss" + "ESSS"


def test_a_phase_waits_for_its_terms_and_all_of_them_cannot(tiny, events):
    late = "objective.masked_item.weight={_target_: ssrec.learning.schedules.Ramp, value: 1.0, first: 1}"
    phases = "phases=[{terms: [next_item]}, {terms: [masked_item]}]"
    train(tiny(TWO, late, phases))
    assert "".join(events) == "ESSS" + "eE" + "Ss" * 3
    for alone in ([TWO, "phases=[{terms: [masked_item]}]"], ["objective=[masked_item]"]):
        with pytest.raises(UserError, match="no objective has a weight in epoch 1, so nothing is trained"):
            train(tiny(*alone, late))


def test_a_phase_whose_terms_do_not_reach_its_parameters_is_refused(tiny):
    both = "objective=[next_item,augmented_contrast]"
    with pytest.raises(UserError, match=r"phases\[1\]: next_item reaches none of its parameters, augmented_contrast\."):
        train(tiny(both, "phases=[{}, {trained: [augmented_contrast.*], terms: [next_item]}]"))


def test_several_phases_are_trained_alike_by_two_processes(tiny, tmp_path):
    """Projected gradients are those of all processes; shares of a batch are uneven."""
    exact = [
        *("dataset.users=61", "data.batch_size=22", "data.batching=mixed", "model.dropout=0.0", "combine=pcgrad"),
        *("objective=[next_item,augmented_contrast]", "view@objective.augmented_contrast.loss.views=[crop]"),
        *("objective.augmented_contrast.loss.views.crop.keep=1.0", "trainer.gradient_clip_val=0.5"),
        "phases=[{}, {terms: [augmented_contrast], trained: [augmented_contrast.*], steps: 2}]",
    ]
    one, two = train(tiny(*exact)), train(tiny(*exact, "hardware=ddp_cpu", f"outputs={tmp_path / 'two'}"))
    assert metrics(two) == pytest.approx(metrics(one), abs=1e-6)
    for key in ("train/loss", "train/combine/conflicts", "train/augmented_contrast/margin"):
        assert logged(two, key) == pytest.approx(logged(one, key), abs=1e-5), key
    weights = load_file(two / "encoder.safetensors")
    for name, value in load_file(one / "encoder.safetensors").items():
        if not name.endswith(KEYS_BIAS):
            torch.testing.assert_close(weights[name], value, atol=1e-5, rtol=0)
    for key in ("processes", "steps", "targets_seen", "fingerprint"):
        assert (runs.read(two)[key] == runs.read(one)[key]) == (key != "processes"), key


def test_uncertainty_is_learned_alike_by_two_processes(tiny, tmp_path):
    exact = ["objective=[next_item,contrast_sequence]", "combine=uncertainty", "model.dropout=0.0", "optimizer.lr=0.01"]
    exact += ["view@objective.contrast_sequence.loss.views=[crop]", "data.batching=mixed"]
    exact += ["objective.contrast_sequence.loss.views.crop.keep=1.0", "trainer.max_epochs=1"]
    one, two = train(tiny(*exact)), train(tiny(*exact, "hardware=ddp_cpu", f"outputs={tmp_path / 'two'}"))
    for name in ("next_item", "contrast_sequence"):
        weights = logged(one, f"train/combine/{name}")
        assert weights != [1.0] and logged(two, f"train/combine/{name}") == pytest.approx(weights, abs=1e-5)
