"""Settings against each other, user by user: what differs, how sure that is, and how much of it is seeds."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float64, Int
from torch import Generator, Tensor

from ssrec.compare.bootstrap import bca, resampled_means
from ssrec.compare.setting import Setting, over_seeds
from ssrec.compare.statistics import effect_size, holm, student, wilcoxon_p
from ssrec.errors import DataError

BLOCK = 64  # pairs worked on at once
DIGITS = 10  # to which differences are rounded, so that those that differ by the order of a sum are equal


@dataclass(frozen=True)
class Pair:
    """`first` minus `second` on one metric. NaN is what cannot be known: of one user, or of seeds from a single one.

    Args:
        difference: of the means over users and seeds.
        low, high: its interval over users, for these very runs.
        deviation: over seeds, of the difference between one run of each.
        low_all, high_all: its interval over users and seeds, for runs with other seeds.
        p_t, p_wilcoxon: over users, two-sided.
        p: over users and seeds where both are known, else `p_t`.
        p_..holm: after correction over all pairs and metrics.
        effect: Cohen's d_z.
        higher, lower, equal: shares of users whose value differs so.
        seeds: how many each has; None for what is fitted.
    """

    metric: str
    first: str
    second: str
    users: int
    seeds: tuple[int | None, int | None]
    difference: float
    low: float
    high: float
    deviation: float
    low_all: float
    high_all: float
    p_t: float
    p_wilcoxon: float
    p: float
    effect: float
    higher: float
    lower: float
    equal: float
    p_t_holm: float = math.nan
    p_wilcoxon_holm: float = math.nan
    p_holm: float = math.nan


def compared(
    settings: Sequence[Setting],
    metrics: Sequence[str],
    *,
    level: float,
    resamples: int,
    seed: int,
    against: str | None = None,
) -> list[Pair]:
    """Every setting against every later one, or all others against one, on every metric.

    Over users: values are averaged over a setting's runs first; the paired t-test is the one that agrees with
    randomisation in retrieval, Wilcoxon's is there because papers report it (Smucker, Allan and Carterette, CIKM 2007).
    Over users and seeds: the two are crossed, for every run ranks the same users, so that the variance of a mean is
    that over users / their number + that over seeds / theirs; their interaction is in both, which errs on the safe
    side, as the pigeonhole bootstrap does (Owen, Annals of Applied Statistics 2007). Resampling 3 seeds would miss a
    third of their variance and the tails of t, so the interval is Student's, with the degrees of freedom of
    Satterthwaite, Biometrics Bulletin 1946. Settings with the same seeds are paired by seed.

    Holm's correction is over pairs and metrics together: each line of a table is a chance to find something.

    Args:
        settings: two or more.
        metrics: of all of them.
        level: of the intervals.
        resamples: of the bootstrap over users.
        seed: of its draws.
        against: the name of the setting with which alone the others are compared.

    Raises:
        DataError: a metric is defined for no user.
    """
    places = torch.combinations(torch.arange(len(settings)))
    if against is not None:
        one = [s.name for s in settings].index(against)
        places = torch.tensor([(i, one) for i in range(len(settings)) if i != one])
    found = [pair for metric in metrics for pair in _on(metric, settings, places, level, resamples, seed)]
    corrected = {
        f"{name}_holm": holm(torch.tensor([getattr(pair, name) for pair in found], dtype=torch.float64)).tolist()
        for name in ("p_t", "p_wilcoxon", "p")
    }
    return [replace(pair, **{k: v[i] for k, v in corrected.items()}) for i, pair in enumerate(found)]


def _on(
    metric: str, settings: Sequence[Setting], places: Int[Tensor, "P 2"], level: float, resamples: int, seed: int
) -> Iterator[Pair]:
    """One metric, over the users for whom all runs have it; `places` are those of the settings of each pair."""
    users = torch.stack([~s.values[metric].isnan().any(0) for s in settings]).all(0)
    if not users.any():
        raise DataError(f"{metric} is defined for no user of these runs; compare another metric")
    runs = [s.of(metric, users) for s in settings]
    means = torch.stack([values.mean(0) for values in runs])
    drawn = resampled_means(means, resamples, Generator().manual_seed(seed))
    for block in places.split(BLOCK):
        first, second = block.T
        differences = (means[first] - means[second]).round(decimals=DIGITS)
        between = [over_seeds(settings[i], settings[j], runs[i], runs[j]) for i, j in block.tolist()]
        variance, freedom, deviation = torch.tensor(between, dtype=torch.float64).T
        columns = _columns(differences, drawn[first] - drawn[second], variance, freedom, level)
        columns["deviation"] = deviation
        for row, (i, j) in enumerate(block.tolist()):
            yield Pair(
                metric,
                settings[i].name,
                settings[j].name,
                users=int(users.sum()),
                seeds=(_seeds(settings[i]), _seeds(settings[j])),
                **{name: float(column[row]) for name, column in columns.items()},
            )


def _columns(
    differences: Float64[Tensor, "P U"],
    resampled: Float64[Tensor, "P R"],
    variance: Float64[Tensor, "P"],
    freedom: Float64[Tensor, "P"],
    level: float,
) -> dict[str, Float64[Tensor, "P"]]:
    """All that is said of pairs, given the variance of their difference that is due to seeds."""
    n = differences.shape[1]
    mean = differences.mean(1)
    of_users = differences.var(1) / n if n > 1 else torch.full_like(mean, torch.nan)
    others = torch.full_like(mean, n - 1)
    _, _, p_t = student(mean, of_users.sqrt(), others, level)
    both = of_users + variance
    degrees = both.square() / (of_users.square() / others + (variance.square() / freedom).nan_to_num(0.0))
    low_all, high_all, p = student(mean, both.sqrt(), torch.where(both > 0, degrees, others), level)
    low, high = bca(differences, resampled, level)
    return {
        "difference": mean,
        "low": low,
        "high": high,
        "low_all": low_all,
        "high_all": high_all,
        "p_t": p_t,
        "p_wilcoxon": wilcoxon_p(differences),
        "p": torch.where(p.isnan(), p_t, p),
        "effect": effect_size(differences),
        "higher": (differences > 0).double().mean(1),
        "lower": (differences < 0).double().mean(1),
        "equal": (differences == 0).double().mean(1),
    }


def _seeds(setting: Setting) -> int | None:
    return None if setting.fitted else len(setting.seeds)
