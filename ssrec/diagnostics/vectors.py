"""What several diagnostics do with a matrix of vectors: blocks of rows in double, unit length, a sample."""

from collections.abc import Iterator

import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor

BLOCK = 2**22  # numbers held in double at once
SEED = 0  # of generators apart from the run's, so that observing changes nothing


def blocks(x: Float[Tensor, "M D"], width: int | None = None) -> Iterator[Float64[Tensor, "_ D"]]:
    """Rows in double, so many at once that a block of `width` columns (those of `x`, unless said) stays small."""
    size = max(1, BLOCK // max(1, x.shape[1] if width is None else width))
    return (block.double() for block in x.split(size))


def mean(x: Float[Tensor, "M D"]) -> Float64[Tensor, "D"]:
    """The mean row, in double."""
    return x.mean(0, dtype=torch.float64)


def unit(x: Float[Tensor, "M D"]) -> Float64[Tensor, "_ D"]:
    """The rows at length 1, in double; those that are zero have no direction and are left out."""
    x = x.double()
    norms = torch.linalg.vector_norm(x, dim=1)
    return (x / norms[:, None])[norms > 0]


def drawn(n: int, most: int) -> Int[Tensor, "_"]:
    """`most` of n rows in ascending order, the same at every call and off the run's own generator; all, if fewer."""
    if n <= most:
        return torch.arange(n)
    return torch.randperm(n, generator=torch.Generator().manual_seed(SEED))[:most].sort().values
