"""Barlow Twins: two views should agree in each dimension, and no two dimensions should say the same."""

from typing import final

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ssrec.contrasts.contrast import Contrast, require_positive
from ssrec.losses import gather

EPSILON = 1e-5  # added to variances


@final
class Barlow(Contrast):
    """The cross-correlation c "D D" of the views over all rows, drawn to the identity (Zbontar et al., ICML 2021).

    Dimensions are normalised over the rows, and no row is the negative of another (eq. 1). Parts: invariance,
    `sum_d (1 - c_dd)^2`; redundancy, `weight` times `sum_{d != e} c_de^2`. Sums, as published: wider vectors cost more.

    Raises:
        CompositionError: for a weight that is not positive.
    """

    def __init__(self, *, weight: float = 5e-3):
        super().__init__()
        require_positive("barlow", weight=weight)
        self.weight = weight

    def forward(
        self, first: Float[Tensor, "B D"], second: Float[Tensor, "B D"], same: Bool[Tensor, "B C"] | None = None
    ) -> dict[str, Tensor]:
        with torch.autocast(first.device.type, enabled=False):
            everyone, _ = gather(torch.cat([first, second], dim=1).float())
            n = len(everyone)
            centred = everyone - everyone.sum(0) / max(n, 1)
            scaled = centred * (centred.square().sum(0) / max(n, 1) + EPSILON).rsqrt()
            left, right = scaled.chunk(2, dim=1)
            c = left.T @ right / max(n, 1)
            diagonal = c.diagonal()
            invariance = (1 - diagonal).square().sum() * min(n, 1)  # no rows, no cost
            redundancy = c.square().sum() - diagonal.square().sum()
        return {"invariance": invariance, "redundancy": self.weight * redundancy}
