"""Anisotropy: whether vectors share a direction."""

from typing import final

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from ssrec.diagnostics.diagnostic import Diagnostic, Found, Seen
from ssrec.diagnostics.vectors import unit


def anisotropy(x: Float[Tensor, "M D"]) -> Float64[Tensor, ""]:
    """The mean cosine of two different rows, in [-1, 1]; 0 where they have no direction in common.

    Ethayarajh, EMNLP 2019, section 3.3, who draws pairs at random; here over all of them, by
    sum_{i != j} x_i.x_j = |sum_i x_i|^2 - n of unit vectors. Zero rows are left out; NaN with fewer than two rows.
    """
    x = unit(x)
    n = len(x)
    return (x.sum(0).square().sum() - n) / (n * (n - 1)) if n > 1 else x.new_tensor(torch.nan)


@final
class Anisotropy(Diagnostic):
    """`anisotropy_items` and `anisotropy_users`."""

    undefined = "fewer than two vectors are not zero"

    def __call__(self, seen: Seen) -> Found:
        return Found({f"anisotropy_{name}": anisotropy(x) for name, x in seen.sides.items()})
