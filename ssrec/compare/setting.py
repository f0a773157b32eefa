"""A setting of an experiment: runs that differ in their seeds alone, and what their differences say of other seeds."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float64
from torch import Tensor


@dataclass(frozen=True)
class Setting:
    """Runs that differ in their seeds alone, over the same users; NaN where a value is undefined.

    What is `fitted` in closed form owes nothing to its seed: one run of it is all there is.
    """

    name: str
    seeds: tuple[int, ...]
    values: Mapping[str, Float64[Tensor, "S U"]]
    fitted: bool = False

    def of(self, metric: str, users: Tensor) -> Float64[Tensor, "S U"]:
        """The values of these users."""
        return self.values[metric][:, users]


def over_seeds(
    a: Setting, b: Setting, of_a: Float64[Tensor, "S U"], of_b: Float64[Tensor, "Z U"]
) -> tuple[float, float, float]:
    """Of the difference of two settings' means: its variance due to seeds, the degrees of freedom of that, and the
    deviation between single runs."""
    if len(a.seeds) > 1 and sorted(a.seeds) == sorted(b.seeds):
        place = torch.tensor([b.seeds.index(seed) for seed in a.seeds])
        spread = float((of_a.mean(1) - of_b.mean(1)[place]).var())
        return spread / len(place), len(place) - 1.0, math.sqrt(spread)
    parts = [_variance(a, of_a), _variance(b, of_b)]
    variance = sum(v / n for v, n in parts)
    below = sum((v / n) ** 2 / (n - 1) for v, n in parts if v > 0)
    return variance, variance**2 / below if below else math.inf, math.sqrt(sum(v for v, _ in parts))


def _variance(setting: Setting, values: Float64[Tensor, "S U"]) -> tuple[float, int]:
    """Over a setting's runs, and their number; NaN where a single one was trained."""
    n = len(setting.seeds)
    if n == 1:
        return (0.0 if setting.fitted else math.nan), n
    return float(values.mean(1).var()), n
