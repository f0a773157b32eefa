"""k-means over many vectors, in whole-array operations."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

BUDGET = 2**22  # distances alive at once


def nearest(x: Float[Tensor, "M D"], centroids: Float[Tensor, "K D"]) -> tuple[Int[Tensor, "M"], Float[Tensor, "M"]]:
    """Each vector's nearest centroid and its squared distance, in fp32; at most `BUDGET` distances are alive."""
    norms = centroids.square().sum(1)
    of, away = x.new_empty(len(x), dtype=torch.long), x.new_empty(len(x))
    size = max(1, BUDGET // len(centroids))
    with torch.autocast(x.device.type, enabled=False):  # half precision tells few centroids apart
        for start in range(0, len(x), size):
            rows = slice(start, start + size)
            away[rows], of[rows] = torch.addmm(norms, x[rows], centroids.T, alpha=-2).min(1)
    return of, (away + x.square().sum(1)).clamp(min=0)


def k_means(
    x: Float[Tensor, "M D"], k: int, *, iterations: int = 20, restarts: int = 1
) -> tuple[Float[Tensor, "K D"], Float[Tensor, ""]]:
    """k centroids of M >= k vectors, and the mean squared distance to the nearest: the best of `restarts` runs.

    Lloyd's algorithm (IEEE Trans. Information Theory 1982) from k random vectors, in torch's generator. An empty
    cluster moves to a vector that is farthest from its centroid.
    """
    runs = [_lloyd(x, k, iterations) for _ in range(restarts)]
    return min(runs, key=lambda run: float(run[1]))


def _lloyd(x: Float[Tensor, "M D"], k: int, iterations: int) -> tuple[Float[Tensor, "K D"], Float[Tensor, ""]]:
    centroids = x[torch.randperm(len(x))[:k].to(x.device)]
    for _ in range(iterations):
        of, away = nearest(x, centroids)
        counts = torch.bincount(of, minlength=k)
        sums = torch.zeros_like(centroids).index_add_(0, of, x)
        empty = counts == 0
        farthest = away.topk(k).indices[(empty.cumsum(0) - 1).clamp(min=0)]  # the nth empty cluster takes the nth
        centroids = torch.where(empty[:, None], x[farthest], sums / counts.clamp(min=1)[:, None])
    return centroids, nearest(x, centroids)[1].mean()
