"""The z value: right under chance, and not taken in by one long run."""

import pytest
import torch

from ssrec.audit.chance import clustered_z, sample


def test_it_is_the_naive_formula():
    scores, cluster = torch.randn(50), torch.randint(7, (50,))
    sums = [sum(float(s) for s, c in zip(scores, cluster, strict=True) if c == k) for k in range(7)]
    naive = sum(sums) / sum(s * s for s in sums) ** 0.5
    assert clustered_z(scores, cluster) == pytest.approx(naive, rel=1e-5)
    assert clustered_z(scores, cluster, pairwise=True) == pytest.approx(naive / 2**0.5, rel=1e-5)


def test_by_chance_it_has_deviation_one():
    values = [clustered_z(torch.randint(2, (400,)) - 0.5, torch.randint(100, (400,))) for _ in range(400)]
    assert torch.tensor(values).std() == pytest.approx(1, abs=0.12)
    assert torch.tensor(values).mean() == pytest.approx(0, abs=0.2)


def test_one_long_run_counts_once():
    scores = torch.full((1000,), 0.5)
    assert clustered_z(scores, torch.zeros(1000, dtype=torch.long)) == pytest.approx(1)
    assert clustered_z(scores, torch.arange(1000)) == pytest.approx(1000**0.5)


def test_of_nothing_it_is_zero():
    nothing = torch.zeros(0)
    assert clustered_z(nothing, nothing.long()) == 0
    assert clustered_z(torch.zeros(3), torch.arange(3)) == 0


def test_a_sample_is_seeded_sorted_and_without_repeats():
    rows = sample(1000, 100, seed=3)
    assert len(rows.unique()) == 100
    assert torch.equal(rows, rows.sort().values)
    assert torch.equal(rows, sample(1000, 100, seed=3))
    assert not torch.equal(rows, sample(1000, 100, seed=4))
    assert torch.equal(sample(5, 10, seed=0), torch.arange(5))
