"""Cholesky factors of the equations of models that are fitted in closed form."""

import torch
from jaxtyping import Float
from torch import Tensor

from ssrec.nn import require


def cholesky(matrix: Float[Tensor, "*B N N"], owner: str, l2: float) -> Float[Tensor, "*B N N"]:
    """The lower factor of matrices with l2 on their diagonals; `owner` is the name of the model that solves by them.

    Raises:
        CompositionError: For an l2 so small that rounding leaves no positive definite matrix.
    """
    factor, failed = torch.linalg.cholesky_ex(matrix)
    require(not failed.any(), f"{owner}: l2={l2:g} leaves equations that fp32 cannot solve; say a larger one")
    return factor
