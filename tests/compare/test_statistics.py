"""Tests of paired differences against scipy and statsmodels."""

import math

import pytest
import scipy.stats
import torch
from statsmodels.stats.multitest import multipletests

from ssrec.compare.statistics import effect_size, holm, student, wilcoxon_p


def tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


def few_values(users):
    """Differences as accuracy has them: many zeros, many ties."""
    return torch.randint(-2, 4, (3, users)).double() / 4


@pytest.mark.parametrize("users", [2, 5, 60, 1000])
def test_student_is_the_paired_t_test_of_scipy(users):
    d = torch.randn(3, users, dtype=torch.float64) + 0.1
    error = d.std(1) / math.sqrt(users)
    found = student(d.mean(1), error, torch.full((3,), users - 1.0, dtype=torch.float64), 0.9)
    for row, low, high, p in zip(d, *found, strict=True):
        judge = scipy.stats.ttest_rel(row.numpy(), torch.zeros(users).numpy())
        expected = judge.confidence_interval(0.9)
        assert (low, high, p) == pytest.approx((expected.low, expected.high, judge.pvalue), rel=1e-9)


def test_student_without_error_or_freedom():
    low, high, p = student(tensor(0.0, 0.2, 0.2), tensor(0, 0, 0.1), tensor(9, 9, 0), 0.95)
    assert p[:2].tolist() == [1, 0]
    assert (low[:2].tolist(), high[:2].tolist()) == ([0, 0.2], [0, 0.2])
    assert torch.stack([low[2], high[2], p[2]]).isnan().all()


def signed_rank(d):
    """Two-sided, normal, ties corrected, zeros left out: Wilcoxon by hand."""
    d = [v for v in d if v]
    ranks = dict.fromkeys(map(abs, d), 0.0)
    for v in ranks:
        ranks[v] = sum(abs(w) < v for w in d) + (sum(abs(w) == v for w in d) + 1) / 2
    n = len(d)
    ties = [sum(abs(w) == v for w in d) for v in ranks]
    variance = n * (n + 1) * (2 * n + 1) / 24 - sum(t**3 - t for t in ties) / 48
    z = (sum(ranks[abs(v)] for v in d if v > 0) - n * (n + 1) / 4) / math.sqrt(variance)
    return math.erfc(abs(z) / math.sqrt(2))


def test_wilcoxon_leaves_zeros_out_and_shares_ranks():
    d = few_values(400)
    assert wilcoxon_p(d).tolist() == pytest.approx([signed_rank(row.tolist()) for row in d], rel=1e-9)


def test_wilcoxon_of_few_users_is_exact():
    assert wilcoxon_p(tensor(1, 2, 3, 4, 5)[None]).tolist() == [2 / 2**5]
    assert wilcoxon_p(tensor(0.5)[None]).tolist() == [1]
    assert wilcoxon_p(tensor(1, 2, 3, 4, 5, *[0] * 200)[None]).tolist() == [2 / 2**5], "few of whom differ"
    assert wilcoxon_p(tensor(1, 1, 2, 2, -1, *[0] * 200)[None]).tolist() == [8 / 2**5], "by counting all 32 signs"
    assert wilcoxon_p(torch.zeros(2, 9, dtype=torch.float64)).tolist() == [1, 1]


@pytest.mark.parametrize("scale", [1, 0.1, 0.003])
@pytest.mark.parametrize("tests", [1, 2, 7, 40])
def test_holm_is_that_of_statsmodels(tests, scale):
    p = (scale * torch.rand(tests, dtype=torch.float64)).mul(1000).round() / 1000  # with ties
    assert holm(p).tolist() == pytest.approx(multipletests(p.numpy(), method="holm")[1].tolist(), abs=1e-15)


def test_holm_does_not_count_what_is_not_known():
    found = holm(tensor(0.04, math.nan, 0.01, 0.5))
    assert found[[0, 2, 3]].tolist() == pytest.approx([0.08, 0.03, 0.5])
    assert found[1].isnan()


def test_effect_size_is_the_mean_over_the_deviation_of_differences():
    d = few_values(30)
    expected = [row.mean() / (sum((v - row.mean()) ** 2 for v in row) / 29).sqrt() for row in d]
    torch.testing.assert_close(effect_size(d), torch.stack(expected))
    assert effect_size(torch.ones(1, 30, dtype=torch.float64)).isnan().all()
    assert effect_size(torch.ones(1, 1, dtype=torch.float64)).isnan().all()
