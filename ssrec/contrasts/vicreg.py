"""VICReg: two views should agree, every dimension vary, and no two dimensions vary together."""

from typing import final

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ssrec.contrasts.contrast import Contrast, require_positive
from ssrec.losses import gather

EPSILON = 1e-4  # added to variances


@final
class VICReg(Contrast):
    """Variance, invariance and covariance over all rows, weighted (Bardes et al., ICLR 2022, eqs. 1 to 6).

    No row is the negative of another. Parts, each times its weight: invariance, the squared difference of the views, a
    mean over rows and dimensions as in their pseudocode; variance, the sum over views of the mean over dimensions of
    `max(0, 1 - sqrt(var + 1e-4))`; covariance, the sum over views of `sum_{d != e} cov_de^2 / D`. Both divide by n - 1.

    Raises:
        CompositionError: for a weight that is not positive.
    """

    def __init__(self, *, invariance: float = 25.0, variance: float = 25.0, covariance: float = 1.0):
        super().__init__()
        self.weights = {"invariance": invariance, "variance": variance, "covariance": covariance}
        require_positive("vicreg", **self.weights)

    def forward(
        self, first: Float[Tensor, "B D"], second: Float[Tensor, "B D"], same: Bool[Tensor, "B C"] | None = None
    ) -> dict[str, Tensor]:
        with torch.autocast(first.device.type, enabled=False):
            everyone, _ = gather(torch.cat([first, second], dim=1).float())
            n, views = len(everyone), everyone.chunk(2, dim=1)
            centred = [view - view.sum(0) / max(n, 1) for view in views]
            spread = [view.T @ view / max(n - 1, 1) for view in centred]
            parts = {
                "invariance": (views[0] - views[1]).square().sum() / max(views[0].numel(), 1),
                "variance": sum((1 - (s.diagonal() + EPSILON).sqrt()).relu().mean() for s in spread) * min(n, 1),
                "covariance": sum((s.square().sum() - s.diagonal().square().sum()) / len(s) for s in spread),
            }
        return {name: self.weights[name] * part for name, part in parts.items()}
