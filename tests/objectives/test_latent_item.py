"""latent_item against a loop over what it hid, and its teacher's passes."""

from dataclasses import replace
from functools import partial

import pytest
import torch

from ssrec.batch import PAD
from ssrec.errors import CompositionError
from ssrec.objectives.latent_item import LatentItem
from ssrec.pretext.teacher import Teacher

KEEPING = partial(Teacher, momentum=0.5, momentum_end=0.5)


@pytest.fixture
def full(batch):
    return replace(batch, target=torch.tensor([[3], [7], [7]]))


def naive_distance(predicted, target, distance):
    """Of one prediction from the normalised vector of a teacher."""
    mean = sum(target) / len(target)
    deviation = (sum((t - mean) ** 2 for t in target) / len(target) + 1e-5) ** 0.5
    target = [(t - mean) / deviation for t in target]
    if distance == "cosine":
        norms = [sum(v * v for v in x) ** 0.5 for x in (predicted, target)]
        return 1 - sum(p * t for p, t in zip(predicted, target, strict=True)) / (norms[0] * norms[1])
    gaps = [abs(p - t) for p, t in zip(predicted, target, strict=True)]
    return sum(0.5 * g * g if g < 1 else g - 0.5 for g in gaps) / len(gaps)


@pytest.mark.parametrize("distance", ["smooth_l1", "cosine"])
@pytest.mark.parametrize("predictor", [0, 6])
def test_it_predicts_what_a_teacher_makes_of_the_whole_row(corpus, full, running, distance, predictor):
    encoder = running(corpus)
    objective = LatentItem(
        encoder, corpus, teacher=KEEPING, probability=0.5, distance=distance, predictor=predictor
    ).train()
    with torch.no_grad():
        encoder.table.weight[1:] += torch.randn(8, 4)
    teacher = objective.teacher.average.module
    teacher.passes.clear()
    (loss,) = objective(encoder(full)).values()
    ((seen, causal),) = encoder.passes[-1:]
    ((read, also_causal),) = teacher.passes
    assert not causal and not also_causal
    assert torch.equal(read, full.whole), "the teacher reads the row as it is"
    predicted = objective.predictor(encoder.encode(seen, False))
    target = teacher.encode(full.whole, False)
    naive = []
    for b in range(3):
        for t in range(4):
            if seen[b, t] == corpus.mask:
                naive.append(naive_distance(predicted[b, t].tolist(), target[b, t].tolist(), distance))
    assert 3 <= len(naive) < int((full.whole != PAD).sum())
    assert loss.item() == pytest.approx(sum(naive) / len(naive), rel=1e-4)
    loss.backward()
    assert encoder.table.weight.grad[corpus.mask].any() and teacher.table.weight.grad is None


def test_the_teacher_follows_the_encoder_at_its_momentum(corpus, running):
    encoder = running(corpus)
    objective = LatentItem(encoder, corpus, teacher=KEEPING)
    before = encoder.table.weight.detach().clone()
    with torch.no_grad():
        encoder.table.weight[1:] += 1
    objective.before_epoch(encoder, corpus)  # no step was made: it begins with today's encoder
    teacher = objective.teacher.average.module.table.weight
    torch.testing.assert_close(teacher[1:], before[1:] + 1)
    with torch.no_grad():
        encoder.table.weight[1:] += 1
    objective.after_step(encoder)
    torch.testing.assert_close(teacher[1:], before[1:] + 1.5)
    objective.before_epoch(encoder, corpus)
    torch.testing.assert_close(teacher[1:], before[1:] + 1.5)
    assert {n.split(".")[0] for n, _ in objective.named_parameters()} == {"predictor"}


def test_the_vectors_of_all_rows_can_collapse(corpus, full, running):
    """No part of the loss tells rows apart: where all vectors are one, it can be 0. Diagnostics show it."""
    encoder = running(corpus)
    with torch.no_grad():
        encoder.table.weight[1:] = 0.0
    objective = LatentItem(encoder, corpus, teacher=KEEPING)
    with torch.no_grad():
        objective.predictor[0].bias.zero_()
    (loss,) = objective(encoder(full)).values()
    assert loss == 0


def test_a_probability_outside_its_range_is_refused(corpus, running):
    with pytest.raises(CompositionError, match=r"probability=1\.5"):
        LatentItem(running(corpus), corpus, teacher=KEEPING, probability=1.5)
