"""Bootstrap intervals of mean differences over users."""

import torch
from jaxtyping import Float64
from torch import Generator, Tensor

DRAWS = 1 << 20  # users drawn at once
SLACK = 1e-10  # means that are nearer are equal: differences are rounded, sums have an order


def resampled_means(values: Float64[Tensor, "C U"], resamples: int, generator: Generator) -> Float64[Tensor, "C R"]:
    """The mean of each row over users drawn with replacement, all rows over the same users.

    A difference of two rows' means is then the mean of their differences, so that all pairs share one pass.
    """
    n = values.shape[1]
    means = []
    for block in torch.arange(resamples).split(max(1, DRAWS // n)):
        drawn = torch.randint(n, (len(block), n), generator=generator)
        drawn += n * torch.arange(len(block))[:, None]
        times = torch.bincount(drawn.flatten(), minlength=n * len(block)).view(len(block), n)
        means.append(values @ times.double().T / n)
    return torch.cat(means, dim=1)


def bca(
    differences: Float64[Tensor, "P U"], resampled: Float64[Tensor, "P R"], level: float
) -> tuple[Float64[Tensor, "P"], Float64[Tensor, "P"]]:
    """Both ends of the bias-corrected and accelerated interval of each row's mean; NaN for a single user.

    Efron, JASA 1987: percentiles of the resampled means, moved by z0, the share of them below the mean itself, and by
    a, the skewness of the mean, which the jackknife gives in closed form: sum d^3 / (6 (sum d^2)^1.5) over d, the
    distance of each user from the mean. Accuracy per user is skewed, and percentiles alone are not.
    """
    mean = differences.mean(1, keepdim=True)
    slack = SLACK + 1e-12 * differences.abs().amax(1, keepdim=True)
    below = (resampled < mean - slack).double().mean(1)
    same = ((resampled - mean).abs() <= slack).double().mean(1)
    n = resampled.shape[1]
    bias = torch.special.ndtri((below + same / 2).clamp(0.5 / n, 1 - 0.5 / n))
    around = differences - mean
    skew = around.pow(3).sum(1) / (6 * around.square().sum(1).pow(1.5))
    skew = skew.nan_to_num(0.0, 0.0, 0.0)  # all users differ alike
    ordered = resampled.sort(dim=1).values
    tail = torch.special.ndtri(torch.tensor((1 - level) / 2, dtype=torch.float64))
    ends = []
    for z in (bias + tail, bias - tail):
        share = torch.special.ndtr(bias + z / (1 - skew * z).clamp(min=1e-9))  # skew is at most 1/6
        place = share * (n - 1)
        low, high = (ordered.gather(1, p.long()[:, None]).squeeze(1) for p in (place.floor(), place.ceil()))
        ends.append(torch.lerp(low, high, place.frac()))
    if differences.shape[1] < 2:
        ends = [torch.full_like(end, torch.nan) for end in ends]
    return ends[0], ends[1]
