"""segment against a loop over rows and the runs that it drew."""

import math
from dataclasses import replace

import pytest
import torch

from ssrec.batch import PAD
from ssrec.objectives.segment import Segment


@pytest.fixture
def full(batch):
    """Rows of three, four, one and two items."""
    items = torch.cat([batch.items, torch.tensor([[0, 0, 7]])])
    four = torch.arange(4)
    return replace(batch, rows=four, user=four, items=items, target=torch.tensor([[3], [7], [0], [5]]))


@pytest.fixture
def objective(corpus, running):
    made = Segment(running(corpus), corpus)
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter)
    return made


@pytest.mark.parametrize("squash", [False, True])
@torch.no_grad()
def test_the_rest_of_a_row_prefers_its_own_run(corpus, full, running, objective, squash):
    encoder, objective.squash = running(corpus), squash
    (loss,) = objective(encoder(full)).values()
    ((seen, causal),) = encoder.passes
    context, own, other = seen.chunk(3)
    assert not causal

    def squashed(score):
        return 1 / (1 + math.exp(-score)) if squash else score

    naive, n = 0.0, 0
    for b in range(4):
        real = [t for t in range(4) if full.whole[b, t] != PAD]
        run = [t for t in real if context[b, t] == corpus.mask]
        if len(real) < 2:
            continue
        assert 1 <= len(run) <= len(real) // 2 and run == list(range(run[0], run[-1] + 1))
        assert all(context[b, t] == full.whole[b, t] for t in real if t not in run)
        assert all(own[b, t] == (full.whole[b, t] if t in run else corpus.mask) for t in real)
        assert all((other[b, t] == corpus.mask) == (t not in run) for t in real)
        strange = [int(other[b, t]) for t in run]
        stream = corpus.items.tolist()
        assert any(stream[i : i + len(run)] == strange for i in range(len(stream))), "no run of the training sequences"
        c, p, q = (encoder.encode(ids[b : b + 1], False)[0, -1] for ids in (context, own, other))
        asked = objective.map.weight @ c + objective.map.bias
        naive += math.log(1 + math.exp(squashed(float(asked @ q)) - squashed(float(asked @ p))))
        n += 1
    assert n == 3 and torch.equal(context == PAD, full.whole == PAD)
    assert loss.item() == pytest.approx(naive / n, rel=1e-5)


def test_runs_have_every_length_place_and_origin_alike(corpus, running, objective):
    ids = torch.arange(1, 5).repeat(6000, 1)
    inside, strange = objective._draw(ids)
    sizes = inside.sum(1)
    torch.testing.assert_close(torch.bincount(sizes) / 6000, torch.tensor([0, 0.5, 0.5]), atol=0.03, rtol=0)
    starts = torch.bincount(inside.int().argmax(1)[sizes == 2]) / int((sizes == 2).sum())
    torch.testing.assert_close(starts, torch.full((3,), 1 / 3), atol=0.04, rtol=0)
    ones = strange[inside & (sizes == 1)[:, None]]
    drawn = torch.bincount(ones, minlength=8) / len(ones)
    torch.testing.assert_close(drawn, corpus.counts / len(corpus.items), atol=0.04, rtol=0)


def test_rows_without_a_run_cost_nothing(corpus, batch, running, objective):
    alone = replace(batch, items=torch.tensor([[0], [0], [5]]), target=torch.tensor([[3], [0], [0]]))
    (loss,) = objective(running(corpus)(alone)).values()
    loss.backward()
    assert loss == 0
