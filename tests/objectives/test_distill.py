"""distill: which positions of which passes are compared; runs that learn from a run, and what is refused."""

import shutil
from dataclasses import replace

import pytest
import torch

from ssrec import runs
from ssrec.errors import CompositionError
from ssrec.objectives.distill import Distill
from ssrec.pretext.distillations import Distillation, Logits
from ssrec.train import train


class Told(Distillation):
    """Keeps what it was given; costs the sum of the student's vectors."""

    def __init__(self, dim, their_dim):
        super().__init__()
        self.widths = dim, their_dim

    def forward(self, hidden, items, theirs, their_items, known):
        self.given = hidden, items, theirs, their_items, known
        return hidden.sum()


def test_every_position_of_a_window_is_compared(corpus, batch, running):
    encoder, teacher = running(corpus), running(corpus)
    objective = Distill(encoder, corpus, teacher=teacher, match=Told)
    assert objective.match.widths == (4, 4)
    x = encoder(batch)
    (loss,) = objective(x).values()
    hidden, items, theirs, their_items, known = objective.match.given
    positions = [(0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (2, 2)]
    ours, other = (model.encode(batch.items, True).detach() for model in (encoder, teacher))
    torch.testing.assert_close(hidden, torch.stack([ours[p] for p in positions]))
    torch.testing.assert_close(theirs, torch.stack([other[p] for p in positions]))
    assert torch.equal(items, x.items) and torch.equal(their_items, teacher.table.weight[:8])
    assert torch.equal(known, torch.stack([batch.whole[b] for b, _ in positions]))
    torch.testing.assert_close(loss, hidden.sum() / 6)
    assert not theirs.requires_grad and not their_items.requires_grad
    assert not list(objective.parameters()) and not objective.state_dict(), "the teacher is read anew"


def test_positions_that_an_encoder_does_not_read_are_left_out(corpus, batch, running):
    objective = Distill(running(corpus), corpus, teacher=running(corpus, max_length=2), match=Told)
    objective(running(corpus)(batch))
    assert len(objective.match.given[0]) == 5


@pytest.mark.parametrize("causal", [True, False])
def test_over_prefixes_the_users_vectors_are_compared(corpus, batch, running, causal):
    prefixes = replace(batch, kind="prefix")
    encoder, teacher = running(corpus, causal=causal), running(corpus, causal=False)
    objective = Distill(encoder, corpus, teacher=teacher, match=Told)
    objective(encoder(prefixes))
    hidden, _, theirs, _, known = objective.match.given
    torch.testing.assert_close(hidden, encoder(prefixes).users)
    torch.testing.assert_close(theirs, teacher(prefixes).users.detach())
    assert torch.equal(known, batch.whole)


@pytest.mark.parametrize("who", ["model", "teacher"])
def test_windows_ask_for_causal_passes(corpus, batch, running, who):
    encoder, teacher = (running(corpus, causal=who != blind) for blind in ("model", "teacher"))
    with pytest.raises(
        CompositionError, match=rf"the {who} is not causal, and would see a label; say data\.rows=prefix"
    ):
        Distill(encoder, corpus, teacher=teacher, match=Logits)(encoder(batch))


def test_the_teacher_stays_as_it_was(corpus, batch, running):
    teacher = running(corpus).train()
    objective = Distill(running(corpus), corpus, teacher=teacher, match=Told).train()
    before = objective.teacher(batch).hidden
    with torch.no_grad():
        teacher.table.weight[1:] += 1
    assert torch.equal(objective.teacher(batch).hidden, before)
    assert not objective.teacher.module.training


# ---- runs


def taught(tiny, teacher, *overrides):
    objective = ["objective=[next_item,distill]", f"objective.distill.loss.teacher={teacher}"]
    return train(tiny(*objective, *overrides))


def test_a_run_learns_from_another_one(tiny, tmp_path):
    """What the teacher is decides what the run is, and not where it lies; widths may differ."""
    small = ("trainer.max_epochs=1", "metric=[ndcg]")
    teacher, other = (train(tiny(*small, "model.dim=8", f"seed={seed}")) for seed in (1, 2))
    run = taught(tiny, teacher, *small)
    assert runs.read(run)["metrics"]["test/ndcg@10"] > 0
    moved = shutil.copytree(teacher, tmp_path / "moved")
    assert taught(tiny, moved, *small) == run
    assert taught(tiny, other, *small).name != run.name
    assert train(tiny(*small)).name == train(tiny(*small, "objective=[next_item,distill]", *IDLE)).name
    for match in ("top_items", "vectors"):
        found = taught(tiny, teacher, *small, f"match@objective.distill.loss.match={match}")
        assert runs.read(found)["metrics"]["test/ndcg@10"] > 0 and found.name != run.name


IDLE = ("objective.distill.weight=0", "objective.distill.loss.teacher=nowhere")


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        (("dataset.users=50",), r"has the dataset \w+, and this run has"),
        (("split.history=frozen",), r"has the split \w+, and this run has"),
        (("recipe=markov",), "fitted in closed form has no vectors"),
        (("model=lightgcn", "objective=[bpr]", "model.dim=8"), "gives a GraphEncoding; it takes a SequenceEncoding"),
    ],
)
def test_teachers_that_do_not_fit_are_refused(tiny, overrides, reason):
    teacher = train(tiny("trainer.max_epochs=1", *overrides))
    with pytest.raises(CompositionError, match=rf"objective\.distill\.loss\.teacher: .*{teacher.name}.*{reason}"):
        taught(tiny, teacher)


def test_a_teacher_that_is_no_run_is_refused(tiny, tmp_path):
    with pytest.raises(CompositionError, match=r"loss\.teacher: .*nothing is not the folder of a finished run"):
        taught(tiny, tmp_path / "nothing")
    with pytest.raises(CompositionError, match=r"loss\.teacher: None is not the folder"):
        taught(tiny, "null")
