"""The learner weighs, steps, ranks and logs."""

import json

import pytest
import torch

from ssrec import runs
from ssrec.errors import UserError
from ssrec.learner import Ramp
from ssrec.models.popularity import Popularity
from ssrec.train import train


def test_a_ramp_is_zero_before_its_first_epoch_then_linear():
    ramp = Ramp(value=1.0, first=2, epochs=3)
    assert [ramp(e) for e in range(7)] == [0.0, 0.0, 0.25, 0.5, 0.75, 1.0, 1.0]
    assert [Ramp(0.3)(e) for e in (0, 9)] == [0.3, 0.3]


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
