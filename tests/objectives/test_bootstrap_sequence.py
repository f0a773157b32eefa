"""bootstrap_sequence against a loop over rows of the two passes that each encoder made."""

from dataclasses import replace
from functools import partial

import pytest
import torch

from ssrec.errors import CompositionError
from ssrec.objectives.bootstrap_sequence import BootstrapSequence
from ssrec.pretext.teacher import Teacher
from ssrec.views.sequence import Mask, Reorder

KEEPING = partial(Teacher, momentum=0.5, momentum_end=0.5)
VIEWS = {"mask": partial(Mask, rate=0.5), "reorder": partial(Reorder, rate=1.0)}


def cosine(a, b):
    norms = [sum(v * v for v in x) ** 0.5 for x in (a, b)]
    return sum(x * y for x, y in zip(a, b, strict=True)) / (norms[0] * norms[1])


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("pool", ["last", "mean"])
def test_each_view_predicts_the_teachers_vector_of_the_other(corpus, batch, running, causal, pool):
    encoder = running(corpus, causal=causal)
    objective = BootstrapSequence(encoder, corpus, teacher=KEEPING, views=VIEWS, pool=pool, width=5)
    with torch.no_grad():  # so that student and teacher differ
        encoder.table.weight[1:] += torch.randn(8, 4)
        objective.projector[0].weight.add_(0.3)
    encoder.passes.clear()
    teacher = objective.teacher.average.module
    teacher.passes.clear()
    (loss,) = objective(encoder(batch)).values()
    assert len(encoder.passes) == len(teacher.passes) == 2, "each view is encoded once by each, and nothing else"
    (first, _), (second, _) = encoder.passes
    assert all(was == causal for _, was in encoder.passes + teacher.passes)
    assert torch.equal(teacher.passes[0][0], second) and torch.equal(teacher.passes[1][0], first)
    assert not torch.equal(first, second)

    def pooled(model, ids, b):
        hidden = model.encode(ids, causal)[b]
        return hidden[-1] if pool == "last" else hidden[ids[b] != 0].mean(0)

    naive = 0.0
    for b in range(3):
        for seen, other in ((first, second), (second, first)):
            predicted = objective.predictor(objective.projector(pooled(encoder, seen, b)))
            target = objective.taught(pooled(teacher, other, b))
            naive += 2 - 2 * cosine(predicted.tolist(), target.tolist())
    assert loss.item() == pytest.approx(naive / 3, rel=1e-4)
    loss.backward()
    assert encoder.table.weight.grad.any()


def test_the_teacher_follows_encoder_and_projector_but_has_no_predictor(corpus, running):
    encoder = running(corpus)
    objective = BootstrapSequence(encoder, corpus, teacher=KEEPING, views=VIEWS)
    objective.before_epoch(encoder, corpus)
    pairs = [(encoder.table.weight, objective.teacher.average.module.table.weight)]
    pairs += [(objective.projector[0].weight, objective.taught.average.module[0].weight)]
    before = [taught.clone() for _, taught in pairs]
    with torch.no_grad():
        for own, _ in pairs:
            own.add_(1)
    objective.after_step(encoder)
    for (_, taught), was in zip(pairs, before, strict=True):
        torch.testing.assert_close(taught, was + 0.5)
    assert {n.split(".")[0] for n, _ in objective.named_parameters()} == {"projector", "predictor"}


def test_rows_do_not_meet(corpus, batch, running):
    """There are no negatives: the loss of a batch is the mean of the losses of its rows."""
    encoder = running(corpus)
    objective = BootstrapSequence(encoder, corpus, teacher=KEEPING, views={"all": partial(Mask, rate=1.0)})
    (together,) = objective(encoder(batch)).values()
    alone = [objective(encoder(batch.select(torch.tensor([b]))))["bootstrap"] for b in range(3)]
    torch.testing.assert_close(together, torch.stack(alone).mean())


def test_views_may_be_wider_than_what_is_read(corpus, batch, running):
    encoder = running(corpus, max_length=2)
    objective = BootstrapSequence(encoder, corpus, teacher=KEEPING, views=VIEWS)
    encoder.passes.clear()
    objective(encoder(replace(batch, items=batch.items)))
    assert all(ids.shape[1] <= 2 for ids, _ in encoder.passes)


def test_what_it_refuses(corpus, running):
    with pytest.raises(CompositionError, match="no view"):
        BootstrapSequence(running(corpus), corpus, teacher=KEEPING, views={})
    with pytest.raises(CompositionError, match="width=0"):
        BootstrapSequence(running(corpus), corpus, teacher=KEEPING, views=VIEWS, width=0)
