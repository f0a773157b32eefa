"""Noise on vectors, as a view of them."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


def uniform_noise(x: Float[Tensor, "V D"], length: float) -> Float[Tensor, "V D"]:
    """`x` plus a random vector of the given length in each row's own orthant (SimGCL: Yu et al., SIGIR 2022, eq. 7).

    Its direction is that of numbers uniform in [0, 1) with the signs of the row; a zero stays zero.
    """
    with torch.no_grad():  # signs have no slope, and a graph of autograd would be walked through for its zeros
        noise = F.normalize(torch.rand_like(x), dim=1).mul_(x.sign()).mul_(length)
    return x + noise
