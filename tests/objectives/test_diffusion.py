"""diffusion against loops over rows, items and steps."""

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from ssrec.batch import Batch, Corpus
from ssrec.encodings.bag import DiffusionEncoding
from ssrec.models.encoder import Encoder
from ssrec.objectives.diffusion import FLOOR, KEPT, Diffusion, cost_of

SIGNAL = [0.99, 0.9, 0.6, 0.3]


class Linear(Encoder):
    """Foretells a multiple of the noisy row for each step."""

    def __init__(self, corpus: Corpus):
        super().__init__(corpus)
        self.item_rows = corpus.item_rows
        self.scale = nn.Parameter(torch.linspace(0.5, 2.0, len(SIGNAL)))
        self.register_buffer("signal", torch.tensor(SIGNAL, dtype=torch.double))

    def forward(self, batch: Batch, shared: object = None) -> DiffusionEncoding:
        assert batch.seen is not None
        clean = torch.zeros(len(batch), self.item_rows)
        clean[batch.seen.rows, batch.seen.values] = 1.0
        return DiffusionEncoding(batch, clean, self.signal, lambda x, t: self.scale[t, None] * x, lambda x: x)


@pytest.fixture
def encoder(corpus):
    return Linear(corpus)


@pytest.fixture
def histories(corpus):
    user = torch.tensor([2, 1, 3])
    nothing = user.new_zeros(3, 0)
    return Batch(torch.arange(3), user, nothing, nothing, seen=corpus.history.select(user), kind="history")


def draws(rows, items, probabilities, seed):
    """What the objective draws from a seed: a step for each row, and noise."""
    torch.manual_seed(seed)
    uniform, noise = torch.rand(rows).tolist(), torch.randn(rows, items).tolist()
    edges = torch.tensor(probabilities).cumsum(0).tolist()
    return [sum(u > edge for edge in edges[:-1]) for u in uniform], noise


@pytest.mark.parametrize("reweight", [True, False])
@pytest.mark.parametrize("ready", [True, False])
def test_it_equals_the_loop(corpus, histories, encoder, reweight, ready):
    objective = Diffusion(encoder, corpus, reweight=reweight)
    p = [0.25] * 4
    if ready:
        objective.losses.copy_(torch.rand(4, KEPT))
        objective.counts.fill_(KEPT + 3)
        roots = [math.sqrt(sum(v * v for v in row) / KEPT) for row in objective.losses.tolist()]
        p = [FLOOR / 4 + (1 - FLOOR) * root / sum(roots) for root in roots]
        objective.before_epoch(encoder, corpus)
    torch.testing.assert_close(objective.probabilities, torch.tensor(p))
    steps, noise = draws(3, 8, p, 11)
    torch.manual_seed(11)
    parts = objective(encoder(histories))
    total = 0.0
    bags = [[4, 5, 6, 7], [1, 2, 3], [5]]
    for bag, t, drawn in zip(bags, steps, noise, strict=True):
        weight = 1.0
        if reweight and t:
            weight = SIGNAL[t - 1] / (1 - SIGNAL[t - 1]) - SIGNAL[t] / (1 - SIGNAL[t])
        error = 0.0
        for item in range(1, 8):
            x = float(item in bag)
            noisy = math.sqrt(SIGNAL[t]) * x + math.sqrt(1 - SIGNAL[t]) * drawn[item]
            error += (encoder.scale[t].item() * noisy - x) ** 2
        total += weight * error / 7 / (4 * p[t])
    assert list(parts) == ["diffusion"]
    assert parts["diffusion"].item() == pytest.approx(total / 3, rel=1e-4)
    parts["diffusion"].backward()
    assert encoder.scale.grad.any()


def test_a_step_weighs_as_its_share_of_the_bound():
    ratio = [s / (1 - s) for s in SIGNAL]
    expected = [1.0] + [before - after for before, after in pairwise(ratio)]
    torch.testing.assert_close(cost_of(torch.tensor(SIGNAL, dtype=torch.double)), torch.tensor(expected))


@given(st.lists(st.lists(st.integers(0, 3), max_size=25), max_size=6))
def test_the_last_losses_of_each_step_are_kept(batches):
    corpus = Corpus(torch.tensor([1, 2, 3]), torch.tensor([0, 0, 3]), n_users=1, n_items=3)
    objective, kept, value = Diffusion(Linear(corpus), corpus), [[] for _ in SIGNAL], 0.0
    for steps in batches:
        values = [value + i + 1 for i in range(len(steps))]
        value += len(steps)
        for t, loss in zip(steps, values, strict=True):
            kept[t] = [*kept[t], loss][-KEPT:]
        objective.remember(torch.tensor(steps).long(), torch.tensor(values))
    for row, n, expected in zip(objective.losses.tolist(), objective.counts.tolist(), kept, strict=True):
        assert sorted(row[:n]) == sorted(expected)
    assert torch.equal(
        objective.counts, torch.bincount(torch.tensor([t for steps in batches for t in steps]).long(), minlength=4)
    )


def test_probabilities_follow_the_losses_of_steps_made_and_are_resumed(corpus, histories, encoder):
    objective, never = Diffusion(encoder, corpus), Diffusion(encoder, corpus, draw="uniform")
    for part in (objective, never):
        part.before_epoch(encoder, corpus)
        part(encoder(histories))
        assert not part.counts.any(), "a loss counts once its step was made"
        for _ in range(60):
            part(encoder(histories))
            part.after_step(encoder)
        assert torch.equal(part.probabilities, torch.full((4,), 0.25)), "they stay for an epoch"
        part.before_epoch(encoder, corpus)
    assert (objective.counts >= KEPT).all() and objective.counts.sum() == 180
    assert objective.probabilities.sum().item() == pytest.approx(1.0)
    assert objective.probabilities.min() < 0.2 < 0.3 < objective.probabilities.max()
    torch.testing.assert_close(never.probabilities, torch.full((4,), 0.25))
    resumed = Diffusion(encoder, corpus)
    resumed.load_state_dict(objective.state_dict())
    assert torch.equal(resumed.probabilities, objective.probabilities)


def test_steps_are_drawn_as_probable_as_they_are(corpus, histories, encoder):
    objective = Diffusion(encoder, corpus)
    objective.losses.copy_(torch.tensor([1.0, 2.0, 3.0, 4.0])[:, None].expand(4, KEPT))
    objective.counts.fill_(KEPT)
    objective.before_epoch(encoder, corpus)
    many = histories.select(torch.zeros(8000, dtype=torch.long))
    objective(encoder(many))
    drawn = objective._last[0].bincount(minlength=4) / 8000
    torch.testing.assert_close(drawn, torch.tensor([0.1, 0.2, 0.3, 0.4]), atol=0.02, rtol=0)


def test_no_rows_cost_nothing(corpus, histories, encoder):
    total = Diffusion(encoder, corpus)(encoder(histories.select(torch.arange(0))))["diffusion"]
    total.backward()
    assert total == 0
