"""Alignment and uniformity: views of a row close together on the sphere, all rows spread over it."""

from typing import final

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from ssrec.contrasts.contrast import Contrast, FalseNegatives, require_positive
from ssrec.losses import gather, global_mean


@final
class AlignUniform(Contrast):
    """Both properties of a contrast, optimised by themselves, on unit vectors (Wang and Isola, ICML 2020).

    Parts: alignment, the mean over rows of `|x - y|^alpha`; uniformity, `weight` times the mean over the two views of
    `log mean exp(-t |x - x'|^2)` over pairs of different rows, negative, 0 without pairs.

    Args:
        alpha, t, weight: of the formulas.
        false_negatives: mask: pairs of rows that ask for the same item are taken out of the uniformity.

    Raises:
        CompositionError: for a setting outside its range.
    """

    def __init__(
        self, *, alpha: float = 2.0, t: float = 2.0, weight: float = 1.0, false_negatives: FalseNegatives = "keep"
    ):
        super().__init__()
        require_positive("align_uniform", alpha=alpha, t=t, weight=weight)
        self.alpha = alpha
        self.t = t
        self.weight = weight
        self.false_negatives = false_negatives

    def forward(
        self, first: Float[Tensor, "B D"], second: Float[Tensor, "B D"], same: Bool[Tensor, "B C"] | None = None
    ) -> dict[str, Tensor]:
        with torch.autocast(first.device.type, enabled=False):
            views = [F.normalize(x.float(), dim=1) for x in (first, second)]
            apart = (views[0] - views[1]).square().sum(1)
            away = apart.where(apart > 0, 1.0).pow(self.alpha / 2)  # below alpha 2 the slope at 0 is infinite
            alignment = global_mean(away.where(apart > 0, 0.0).sum(), len(apart))
            uniformity = torch.stack([self._uniformity(view, same) for view in views]).mean()
        return {"alignment": alignment, "uniformity": self.weight * uniformity}

    def _uniformity(self, own: Float[Tensor, "B D"], same: Bool[Tensor, "B C"] | None) -> Float[Tensor, ""]:
        everyone, start = gather(own)
        itself = torch.arange(start, start + len(own), device=own.device)
        out = torch.zeros(len(own), len(everyone), dtype=torch.bool, device=own.device) if same is None else same
        out = out.scatter(1, itself[:, None], True)
        close = (2 * self.t * (own @ everyone.T - 1)).exp().masked_fill(out, 0.0)  # |x - y|^2 = 2 - 2 x.y
        mass, pairs = (_of_all(x) for x in (close.sum(), (~out).sum().to(close)))
        return ((mass + (pairs == 0)) / pairs.clamp(min=1)).log()


def _of_all(own: Float[Tensor, ""]) -> Float[Tensor, ""]:
    """The sum over processes, with gradients to all of them."""
    everyone, _ = gather(own.view(1, 1))
    return everyone.sum()
