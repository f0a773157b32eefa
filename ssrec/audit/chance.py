"""How far a sum is from what chance gives when what belongs together is one observation."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor


def clustered_z(scores: Float[Tensor, "E"], cluster: Int[Tensor, "E"], pairwise: bool = False) -> float:
    """sum_c S_c / sqrt(sum_c S_c^2) with S_c the sum of the scores of cluster c; 0 where all scores are 0.

    If turning a cluster around were as likely as not (S_c and -S_c), this has mean 0 and variance 1 whatever the
    dependence inside a cluster: a user with a thousand sorted events counts once (Liang and Zeger, Biometrika 1986).

    Args:
        scores: Of each observation, 0 expected.
        cluster: What it belongs to.
        pairwise: Whether every score compares a cluster with others, so that it enters the sum once from each side.
    """
    if not len(scores):
        return 0.0
    sums = torch.zeros(int(cluster.max()) + 1, dtype=torch.float64).index_add_(0, cluster, scores.double())
    spread = math.sqrt(float((sums * sums).sum()) * (2 if pairwise else 1))
    return float(sums.sum()) / spread if spread else 0.0


def sample(n: int, most: int, seed: int) -> Int[Tensor, "S"]:
    """At most `most` of the rows 0..n-1, ascending, without repeats."""
    if n <= most:
        return torch.arange(n)
    return torch.randperm(n, generator=torch.Generator().manual_seed(seed))[:most].sort().values
