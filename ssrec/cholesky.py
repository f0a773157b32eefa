"""Cholesky factors of the equations of models that are fitted in closed form."""

import torch
from jaxtyping import Float
from scipy.linalg import get_lapack_funcs
from torch import Tensor

from ssrec.nn import require

BLOCK = 1024  # rows that are mirrored at a time


def cholesky(matrix: Float[Tensor, "*B N N"], owner: str, l2: float) -> Float[Tensor, "*B N N"]:
    """The lower factor of matrices with l2 on their diagonals; `owner` is the name of the model that solves by them.

    Raises:
        CompositionError: For an l2 so small that rounding leaves no positive definite matrix.
    """
    factor, failed = torch.linalg.cholesky_ex(matrix)
    _require_definite(not failed.any(), owner, l2)
    return factor


def inverse_(matrix: Float[Tensor, "N N"], owner: str, l2: float) -> Float[Tensor, "N N"]:
    """A large matrix with l2 on its diagonal becomes its own inverse, in its own memory.

    PyTorch's factor and inverse would stand beside it, each of its size; LAPACK's are made in place.

    Raises:
        CompositionError: For an l2 so small that rounding leaves no positive definite matrix.
    """
    columns = matrix.numpy().T  # LAPACK's order; of a symmetric matrix the same numbers
    factorise, invert = get_lapack_funcs(("potrf", "potri"), (columns,))
    factor, failed = factorise(columns, lower=True, overwrite_a=True, clean=False)
    _require_definite(not failed, owner, l2)
    invert(factor, lower=True, overwrite_c=True)
    for start in range(0, len(matrix), BLOCK):  # what is above the diagonal is filled, what is below is its mirror
        rows = slice(start, start + BLOCK)
        matrix[rows, :start] = matrix[:start, rows].T
        corner = matrix[rows, rows]
        corner.copy_(corner.triu() + corner.triu(1).T)
    return matrix


def _require_definite(definite: bool, owner: str, l2: float) -> None:
    require(definite, f"{owner}: l2={l2:g} leaves equations that fp32 cannot solve; say a larger one")
