"""DiffRec against loops over its steps, in double precision."""

import math
from dataclasses import replace

import pytest
import torch

from ssrec.encodings.bag import DiffusionEncoding
from ssrec.errors import CompositionError
from ssrec.models.diffrec import DiffRec, noise_schedule, waves

PASTS = [[1, 2, 2], [5], [], [8, 3, 1]]
NOISE = {"noise_scale": 0.5, "noise_min": 0.1, "noise_max": 0.6}


def build(corpus, **settings):
    torch.manual_seed(0)
    return DiffRec(corpus, **{"widths": [8, 4], "time_dim": 4, **NOISE, **settings})


def naive_schedule(steps, low, high):
    """What is left of the variance after each step, and what each adds, one step after the other."""
    wanted = [1 - (low + (high - low) * t / max(steps - 1, 1)) for t in range(steps)]
    added = [1e-5] + [min(0.999, 1 - wanted[t] / wanted[t - 1]) for t in range(1, steps)]
    return [math.prod(1 - a for a in added[: t + 1]) for t in range(steps)], added


@pytest.mark.parametrize("steps", [1, 2, 7])
def test_the_schedule_is_that_of_a_loop(corpus, steps):
    left, added = naive_schedule(steps, 0.05, 0.3)
    torch.testing.assert_close(noise_schedule(steps, 0.05, 0.3), torch.tensor(added, dtype=torch.double))
    signal = build(corpus, steps=steps).signal
    torch.testing.assert_close(signal, torch.tensor(left, dtype=torch.double))


def network(model, row, step):
    """One row through the layers."""
    wave = torch.tensor([f(step / 10_000 ** (i / 2)) for f in (math.cos, math.sin) for i in range(2)])
    h = row @ model.layers[0].weight.T + model.layers[0].bias + model.from_time(model.time(wave))
    for layer in list(model.layers)[1:]:
        h = layer(torch.tanh(h))
    return h


@pytest.mark.parametrize(("steps", "reverse"), [(1, None), (4, None), (4, 2), (4, 9)])
def test_a_ranking_takes_the_steps_back_one_by_one(corpus, make_batch, steps, reverse):
    model = build(corpus, steps=steps, reverse_steps=reverse).eval()
    assert [tuple(layer.weight.shape) for layer in model.layers] == [(8, 10), (4, 8), (8, 4), (10, 8)]
    for module in (model.time, *model.layers):
        torch.nn.init.normal_(module.bias)
    encoding = model(make_batch(PASTS))
    assert isinstance(encoding, DiffusionEncoding)
    left, added = naive_schedule(steps, 0.05, 0.3)
    for past, scores in zip(PASTS, encoding.scores(), strict=True):
        x = torch.zeros(10)
        x[past] = 1.0
        for t in reversed(range(min(reverse or steps, steps))):
            before = left[t - 1] if t else 1.0
            clean = network(model, x, t)
            x = (added[t] * math.sqrt(before) * clean + (1 - before) * math.sqrt(1 - added[t]) * x) / (1 - left[t])
            x[0] = 0.0  # padding
        torch.testing.assert_close(scores, x, rtol=1e-4, atol=1e-5)


def test_steps_are_told_apart():
    assert len({tuple(row) for row in waves(torch.arange(50), 10).tolist()}) == 50
    assert waves(torch.arange(3), 10).shape == (3, 10)


def test_a_batch_is_dense_and_counts_repeats_once(corpus, make_batch):
    clean = build(corpus)(make_batch(PASTS)).clean
    assert clean.shape == (4, 10) and clean.nonzero().tolist() == [[0, 1], [0, 2], [1, 5], [3, 1], [3, 3], [3, 8]]
    assert set(clean.unique().tolist()) == {0.0, 1.0}


def test_dropout_is_of_training_alone(corpus, make_batch):
    model, step = build(corpus), torch.zeros(4, dtype=torch.long)
    x = model(make_batch(PASTS)).clean
    assert not torch.equal(model.train().denoise(x, step), model.denoise(x, step))
    assert torch.equal(model.eval().denoise(x, step), model.denoise(x, step))


def test_what_cannot_work_is_refused(corpus, make_batch):
    with pytest.raises(CompositionError, match="diffrec reads each row's full past"):
        build(corpus)(replace(make_batch(PASTS), seen=None))
    wrong = [{"widths": []}, {"widths": [0]}, {"time_dim": 3}, {"steps": 0}, {"dropout": 1.0}]
    wrong += [{"noise_scale": 0.0}, {"noise_min": 0.7}, {"noise_scale": 10.0}, {"reverse_steps": 0}]
    for settings in wrong:
        with pytest.raises(CompositionError, match=f"diffrec: .*{next(iter(settings))}="):
            build(corpus, **settings)
