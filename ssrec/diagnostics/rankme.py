"""RankMe: how many directions vectors use."""

from typing import final

import torch
from jaxtyping import Float64
from torch import Tensor

from ssrec.diagnostics.diagnostic import Diagnostic, Found, Seen
from ssrec.diagnostics.spectrum import singular_values

EPSILON = 1e-7


def rankme(values: Float64[Tensor, "S"]) -> Float64[Tensor, ""]:
    """The effective rank of a matrix with these singular values, from 1 to S; higher uses more directions.

    `exp(-sum p log p)` with `p = s / sum(s) + 1e-7`: Garrido, Balestriero, Najman and LeCun, ICML 2023, eq. 1 and 2.
    NaN where all are zero. Values of different widths or numbers of rows do not compare.
    """
    p = values / values.sum() + EPSILON
    return torch.exp(-(p * p.log()).sum())


@final
class RankMe(Diagnostic):
    """`rankme_items` and `rankme_users`."""

    undefined = "all vectors are zero"

    def __call__(self, seen: Seen) -> Found:
        return Found({f"rankme_{name}": rankme(singular_values(x)) for name, x in seen.sides.items()})
