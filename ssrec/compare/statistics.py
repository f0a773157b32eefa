"""Tests of paired differences: pure functions of one row for each pair and one column for each user."""

import torch
from jaxtyping import Float64
from scipy.special import stdtr, stdtrit
from scipy.stats import wilcoxon
from torch import Tensor


def student(
    mean: Float64[Tensor, "P"], error: Float64[Tensor, "P"], freedom: Float64[Tensor, "P"], level: float
) -> tuple[Float64[Tensor, "P"], Float64[Tensor, "P"], Float64[Tensor, "P"]]:
    """The interval of each mean by Student's t, both its ends, and the two-sided p that it is 0.

    An `error` of 0 leaves no doubt: p is 0, or 1 where the mean is 0. NaN where there are no degrees of freedom.
    """
    sure = error == 0
    t = torch.where(sure, torch.where(mean == 0, 0.0, torch.inf), (mean / error).abs())
    p = 2 * torch.from_numpy(stdtr(freedom.numpy(), -t.numpy()))
    reach = error * torch.from_numpy(stdtrit(freedom.numpy(), (1 + level) / 2))
    known = freedom > 0
    low, high, p = (torch.where(known, found, torch.nan) for found in (mean - reach, mean + reach, p))
    return low, high, p


def wilcoxon_p(differences: Float64[Tensor, "P U"]) -> Float64[Tensor, "P"]:
    """The two-sided p of Wilcoxon's signed-rank test; 1 where all differences are 0.

    Wilcoxon, Biometrics Bulletin 1945: users without a difference are left out, ties share their mean rank. Of those
    who are left, exact for at most 50 without ties or 13 with, normal beyond (scipy).
    """
    return torch.tensor([wilcoxon(d[d != 0].numpy())[1] if d.any() else 1.0 for d in differences], dtype=torch.float64)


def holm(p: Float64[Tensor, "P"]) -> Float64[Tensor, "P"]:
    """p values after the correction of Holm, Scandinavian Journal of Statistics 1979; those that are NaN do not count.

    The chance that any of them falls below alpha though nothing differs is then at most alpha.
    """
    ordered, place = p.sort()  # NaN last
    n = int((~p.isnan()).sum())
    left = torch.arange(n, n - len(p), -1, dtype=p.dtype)
    adjusted = (ordered * left)[:n].clamp(max=1).cummax(0).values
    return torch.full_like(p, torch.nan).scatter(0, place[:n], adjusted)


def effect_size(differences: Float64[Tensor, "P U"]) -> Float64[Tensor, "P"]:
    """Cohen's d_z, the mean difference over its standard deviation over users, in (-inf, inf); NaN without deviation.

    Cohen, Statistical Power Analysis for the Behavioral Sciences, 1988. .2 is called small, .5 medium, .8 large.
    """
    deviation = differences.std(1) if differences.shape[1] > 1 else torch.zeros(len(differences), dtype=torch.float64)
    return differences.mean(1) / deviation.where(deviation > 0, torch.nan)
