"""Intervals over users against scipy, and against what they promise: how often they hold the truth."""

import pytest
import scipy.stats
import torch
from torch import Generator

from ssrec.compare import bootstrap
from ssrec.compare.bootstrap import bca, resampled_means


def interval(differences, level=0.95, resamples=4000, seed=0):
    means = resampled_means(differences, resamples, Generator().manual_seed(seed))
    return tuple(torch.stack(bca(differences, means, level)).T[0].tolist())


def skewed(n, seed=0):
    """As accuracy is: most users miss, some hit."""
    draw = torch.rand(1, n, dtype=torch.float64, generator=Generator().manual_seed(seed))
    return torch.where(draw < 0.1, draw.mul(30).exp(), 0.0)


@pytest.mark.parametrize("level", [0.5, 0.8, 0.95])  # further out it is chance
def test_the_interval_is_that_of_scipy(level):
    d = skewed(300)
    low, high = interval(d, level, resamples=20_000)
    judge = scipy.stats.bootstrap(
        (d[0].numpy(),), lambda x, axis: x.mean(axis), confidence_level=level, n_resamples=20_000, method="BCa", rng=1
    )
    width = judge.confidence_interval.high - judge.confidence_interval.low
    assert low == pytest.approx(judge.confidence_interval.low, abs=0.03 * width)
    assert high == pytest.approx(judge.confidence_interval.high, abs=0.03 * width)


def test_it_differs_from_plain_percentiles_where_users_are_skewed():
    d = skewed(300)
    means = resampled_means(d, 20_000, Generator().manual_seed(0))
    low, high = (float(end) for end in bca(d, means, 0.95))
    plain = means[0].quantile(torch.tensor([0.025, 0.975], dtype=torch.float64))
    assert low > float(plain[0]) and high > float(plain[1])


def test_the_true_mean_is_inside_about_as_often_as_said():
    """Of 400 samples of 200 users, at 90 %, with a mean that is known: .1 * (e^3 - 1) / 3."""
    generator = Generator().manual_seed(1)
    draw = torch.rand(400, 200, dtype=torch.float64, generator=generator)
    samples = torch.where(draw < 0.1, draw.mul(30).exp(), 0.0)
    low, high = bca(samples, resampled_means(samples, 1000, generator), 0.9)
    truth = 0.1 * (torch.tensor(3.0, dtype=torch.float64).exp() - 1) / 3
    inside = float(((low <= truth) & (truth <= high)).double().mean())
    assert 0.85 < inside < 0.94


def test_all_rows_meet_the_same_users_whatever_the_blocks(monkeypatch):
    values = torch.rand(3, 50, dtype=torch.float64)
    values[2] = values[0] - values[1]
    whole = resampled_means(values, 100, Generator().manual_seed(3))
    torch.testing.assert_close(whole[2], whole[0] - whole[1])
    monkeypatch.setattr(bootstrap, "DRAWS", 50 * 7)
    torch.testing.assert_close(resampled_means(values, 100, Generator().manual_seed(3)), whole)


def test_a_resample_is_as_many_users_with_replacement():
    """Means of 1 to 4 users that have powers of 5: their digits count how often each was drawn."""
    values = 5.0 ** torch.arange(4, dtype=torch.float64)[None]
    sums = resampled_means(values, 4000, Generator().manual_seed(0))[0].mul(4).round().long()
    times = sums[:, None] // torch.tensor([1, 5, 25, 125]) % 5
    assert (times.sum(1) == 4).all()
    assert (times.double().mean(0) - 1).abs().max() < 0.06
    assert abs(float(times.double().var()) - 0.75) < 0.06  # binomial, 4 draws of chance 1/4


def test_degenerate_users():
    assert interval(torch.zeros(1, 20, dtype=torch.float64)) == (0, 0)
    assert interval(torch.full((1, 20), 0.3, dtype=torch.float64)) == pytest.approx((0.3, 0.3))
    assert all(end != end for end in interval(torch.ones(1, 1, dtype=torch.float64)))


def test_means_that_tie_but_for_rounding_are_ties():
    """Of five users many resamples have the very mean; differences are rounded, and resampled means are not."""
    exact = torch.tensor([[1 / 3, 0, 0, 1 / 7, 1 / 9]], dtype=torch.float64)
    means = resampled_means(exact, 4000, Generator().manual_seed(0))
    torch.testing.assert_close(bca(exact.round(decimals=10), means, 0.95), bca(exact, means, 0.95), rtol=0, atol=1e-12)
