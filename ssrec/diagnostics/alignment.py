"""Alignment: how close users stand to what they ask for."""

from typing import final

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from ssrec.diagnostics.diagnostic import Diagnostic, Found, Seen


def alignment(x: Float[Tensor, "P D"], y: Float[Tensor, "P D"]) -> Float64[Tensor, ""]:
    """The mean squared distance of pairs of vectors at unit length, in [0, 4]; lower is closer.

    Wang and Isola, ICML 2020, eq. 5 with alpha = 2. Pairs with a zero vector are left out; NaN without any pair.
    """
    x, y = x.double(), y.double()
    norms = torch.linalg.vector_norm(x, dim=1) * torch.linalg.vector_norm(y, dim=1)
    cosine = (x * y).sum(1)[norms > 0] / norms[norms > 0]
    return (2 - 2 * cosine).clamp(min=0).mean()


@final
class Alignment(Diagnostic):
    """`alignment`: of users with the items that their rows ask for, those that were trained."""

    undefined = "no row asks for a trained item whose vector, like its user's, is not zero"

    def __call__(self, seen: Seen) -> Found:
        places = seen.places[seen.target.values]
        trained = places >= 0
        users = seen.users[seen.target.rows[trained]]
        return Found({"alignment": alignment(users, seen.items[places[trained]])})
