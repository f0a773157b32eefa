"""Pairs of settings: users and seeds apart and together, against scipy where one of the two is silent."""

import math

import pytest
import scipy.stats
import torch
from torch import Generator

from ssrec.compare.paired import compared
from ssrec.compare.setting import Setting
from ssrec.compare.statistics import holm
from ssrec.errors import DataError

CHOSEN = {"level": 0.95, "resamples": 500, "seed": 0}


def setting(name, values, seeds=None, fitted=False):
    values = torch.as_tensor(values, dtype=torch.float64)
    return Setting(name, tuple(seeds or range(1, len(values) + 1)), {"ndcg@10": values}, fitted)


def pair(first, second, **changed):
    (found,) = compared([first, second], ["ndcg@10"], **{**CHOSEN, **changed})
    return found


def accuracy(runs, users, mean=0.2, seed=0):
    draw = torch.rand(runs, users, dtype=torch.float64, generator=Generator().manual_seed(seed))
    return torch.where(draw < mean, 1 / (draw / mean * 9 + 2).log2(), 0.0)


def level_only(means, users=5):
    """Runs in which all users score the same: nothing varies but the seeds."""
    return torch.tensor(means, dtype=torch.float64)[:, None].expand(-1, users)


def test_over_users_it_is_the_paired_t_test_of_means_over_seeds():
    a, b = accuracy(3, 80, 0.3), accuracy(2, 80, 0.2, seed=1)
    found = pair(setting("a", a), setting("b", b))
    judge = scipy.stats.ttest_rel(a.mean(0).numpy(), b.mean(0).numpy())
    assert found.p_t == pytest.approx(judge.pvalue, rel=1e-7)
    assert found.difference == pytest.approx(float(a.mean() - b.mean()))
    assert found.p_wilcoxon == pytest.approx(scipy.stats.wilcoxon((a.mean(0) - b.mean(0)).numpy()).pvalue, rel=1e-3)
    assert found.low < found.difference < found.high
    d = a.mean(0) - b.mean(0)
    assert found.effect == pytest.approx(float(d.mean() / d.std()))
    assert found.higher == float((d > 0).double().mean()) and found.lower == float((d < 0).double().mean())
    assert found.higher + found.lower + found.equal == pytest.approx(1)
    assert found.users == 80 and found.seeds == (3, 2)


def test_over_seeds_it_is_welchs_test_of_runs():
    a, b = [0.30, 0.34, 0.35], [0.31, 0.25, 0.27, 0.24]
    found = pair(setting("a", level_only(a)), setting("b", level_only(b)))
    judge = scipy.stats.ttest_ind(a, b, equal_var=False)
    expected = judge.confidence_interval(0.95)
    assert (found.low_all, found.high_all) == pytest.approx((expected.low, expected.high))
    assert found.p == pytest.approx(judge.pvalue)
    assert found.p_t == 0, "for these very runs there is no doubt"
    assert found.deviation == pytest.approx(math.sqrt(torch.tensor(a).var() + torch.tensor(b).var()), rel=1e-5)


def test_settings_with_the_same_seeds_are_paired_by_seed():
    a, b = [0.30, 0.34, 0.38], [0.27, 0.33, 0.35]
    found = pair(setting("a", level_only(a), seeds=(1, 2, 3)), setting("b", level_only(b[::-1]), seeds=(3, 2, 1)))
    judge = scipy.stats.ttest_rel(a, b)
    expected = judge.confidence_interval(0.95)
    assert (found.low_all, found.high_all) == pytest.approx((expected.low, expected.high))
    assert found.p == pytest.approx(judge.pvalue)
    assert found.deviation == pytest.approx(float((torch.tensor(a) - torch.tensor(b)).std()), rel=1e-5)


def test_what_is_fitted_adds_no_variance_over_seeds():
    a = [0.30, 0.34, 0.35]
    found = pair(setting("a", level_only(a)), setting("b", level_only([0.2]), fitted=True))
    assert found.p == pytest.approx(scipy.stats.ttest_1samp(a, 0.2).pvalue)
    assert found.seeds == (3, None)
    both = pair(*(setting(n, accuracy(1, 50, seed=i), fitted=True) for i, n in enumerate("ab")))
    assert both.p == pytest.approx(both.p_t) and both.deviation == 0


def test_seeds_that_agree_leave_the_variance_over_users():
    one, other = accuracy(1, 60), accuracy(1, 60, seed=1)
    found = pair(setting("a", one.expand(3, -1)), setting("b", other.expand(4, -1)))
    assert found.p == pytest.approx(found.p_t)
    assert found.deviation == pytest.approx(0, abs=1e-12)


def test_a_single_seed_says_nothing_of_others():
    found = pair(setting("a", accuracy(1, 60)), setting("b", accuracy(3, 60, seed=1)))
    assert all(math.isnan(v) for v in (found.deviation, found.low_all, found.high_all))
    assert found.p == found.p_t and not math.isnan(found.low)


def test_both_variances_add_up():
    """By the formula, one pair at a time."""
    a, b = accuracy(3, 40, 0.3), accuracy(2, 40, 0.2, seed=1)
    found = pair(setting("a", a, seeds=(1, 2, 3)), setting("b", b, seeds=(1, 2)))
    parts = [((a.mean(0) - b.mean(0)).var() / 40, 39), (a.mean(1).var() / 3, 2), (b.mean(1).var() / 2, 1)]
    variance = sum(float(v) for v, _ in parts)
    freedom = variance**2 / sum(float(v) ** 2 / n for v, n in parts)
    reach = scipy.stats.t.ppf(0.975, freedom) * math.sqrt(variance)
    assert (found.low_all, found.high_all) == pytest.approx((found.difference - reach, found.difference + reach))


@pytest.mark.parametrize("seeds", [(1, 2, 3), (4, 5, 6)])
def test_the_interval_over_both_holds_the_truth_where_that_over_users_does_not(seeds):
    """Settings that are equally good, with runs that scatter as much as the mean over users does."""
    generator = Generator().manual_seed(2)
    inside = {"users": 0, "both": 0}
    for _ in range(200):
        runs = [
            torch.randn(3, 100, dtype=torch.float64, generator=generator)
            + torch.randn(3, 1, dtype=torch.float64, generator=generator) / 5
            for _ in range(2)
        ]
        found = pair(setting("a", runs[0]), setting("b", runs[1], seeds=seeds), level=0.9, resamples=200)
        inside["users"] += found.low <= 0 <= found.high
        inside["both"] += found.low_all <= 0 <= found.high_all
    assert inside["users"] < 140
    assert 172 <= inside["both"] <= 200


def test_equal_sums_in_another_order_are_equal():
    values = torch.tensor([[0.6309297535714574, 0.5, 0.1, 0.3868528072345416]]).double().T
    found = pair(setting("a", values.expand(-1, 9)), setting("b", values.flip(0).expand(-1, 9), seeds=(4, 3, 2, 1)))
    assert found.equal == 1 and found.p_t == found.p_wilcoxon == found.p == 1
    assert (found.difference, found.low, found.high, found.low_all, found.high_all) == (0,) * 5


def test_a_single_user_tells_nothing():
    found = pair(setting("a", [[0.5], [0.4]]), setting("b", [[0.1], [0.2]]))
    assert found.difference == pytest.approx(0.3)
    assert all(math.isnan(v) for v in (found.low, found.low_all, found.p_t, found.p, found.p_holm, found.effect))


def test_users_for_whom_a_metric_is_undefined_are_left_out():
    a, b = accuracy(2, 30), accuracy(2, 30, seed=1)
    holes_a, holes_b = a.clone(), b.clone()
    holes_a[:, 3] = holes_b[:, 7] = math.nan
    kept = [i for i in range(30) if i not in (3, 7)]
    found = pair(setting("a", holes_a), setting("b", holes_b))
    assert found == pair(setting("a", a[:, kept]), setting("b", b[:, kept]))
    assert found.users == 28
    with pytest.raises(DataError, match=r"ndcg@10 is defined for no user"):
        pair(setting("a", a), setting("b", b * math.nan))


def test_every_pair_on_every_metric_and_holm_over_all_of_them():
    made = [
        Setting(n, (1, 2), {"x": accuracy(2, 50, 0.1 + i / 20, i), "y": accuracy(2, 50, 0.3, 9 + i)})
        for i, n in enumerate("abcd")
    ]
    found = compared(made, ["x", "y"], **CHOSEN)
    assert [(p.metric, p.first, p.second) for p in found] == [
        (m, *two) for m in "xy" for two in ("ab", "ac", "ad", "bc", "bd", "cd")
    ]
    for name in ("p", "p_t", "p_wilcoxon"):
        expected = holm(torch.tensor([getattr(p, name) for p in found], dtype=torch.float64)).tolist()
        assert [getattr(p, f"{name}_holm") for p in found] == expected
    alone = compared(made[1:3], ["y"], **CHOSEN)[0]
    together = next(p for p in found if (p.metric, p.first, p.second) == ("y", "b", "c"))
    for name in ("difference", "p", "p_t", "p_wilcoxon", "low_all", "effect", "low", "high"):
        assert getattr(alone, name) == pytest.approx(getattr(together, name)), name


def test_all_others_against_one_and_holm_over_those_alone():
    settings = [setting(name, accuracy(2, 60, 0.2 + 0.1 * i, seed=i)) for i, name in enumerate("abc")]
    found = compared(settings, ["ndcg@10"], **CHOSEN, against="b")
    assert [(p.first, p.second) for p in found] == [("a", "b"), ("c", "b")]
    alone = [pair(settings[0], settings[1]), pair(settings[2], settings[1])]
    assert [p.difference for p in found] == [p.difference for p in alone]
    corrected = holm(torch.tensor([p.p for p in alone], dtype=torch.float64)).tolist()
    assert [p.p_holm for p in found] == pytest.approx(corrected)
