"""Debiased contrast: InfoNCE that expects some of its negatives to be positives."""

from typing import final

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from ssrec.contrasts.contrast import Contrast, FalseNegatives, require_positive
from ssrec.losses import gather, global_mean
from ssrec.nn import require


@final
class Debiased(Contrast):
    """The mean over the 2B anchors of -log p / (p + g) by cosine (Chuang et al., NeurIPS 2020, eqs. 7 and 8).

    p = exp(sim / t) of the positive pair. g is the sum over the N other vectors of both views, without the share that
    `tau_plus` expects to be positives: `max((sum exp(sim / t) - N tau_plus p) / (1 - tau_plus), N exp(-1 / t))`.
    Parts: debiased.

    Args:
        temperature: t.
        tau_plus: the probability that another row is a positive, in [0, 1); at 0 this is InfoNCE.
        false_negatives: mask: rows that ask for the same item are taken out of the negatives.

    Raises:
        CompositionError: for a setting outside its range.
    """

    def __init__(self, *, temperature: float = 0.5, tau_plus: float = 0.1, false_negatives: FalseNegatives = "keep"):
        super().__init__()
        require_positive("debiased", temperature=temperature)
        require(0 <= tau_plus < 1, f"debiased: tau_plus={tau_plus} must be at least 0 and below 1")
        self.temperature = temperature
        self.tau_plus = tau_plus
        self.false_negatives = false_negatives

    def forward(
        self, first: Float[Tensor, "B D"], second: Float[Tensor, "B D"], same: Bool[Tensor, "B C"] | None = None
    ) -> dict[str, Tensor]:
        with torch.autocast(first.device.type, enabled=False):
            views = [F.normalize(x.float(), dim=1) for x in (first, second)]
            (others, start), (everyone, _) = map(gather, views)
            own = torch.arange(start, start + len(first), device=first.device)
            pair = torch.stack([own, own + len(others)], dim=1)  # where a row's two vectors stand among all
            logits = torch.cat(views) @ torch.cat([others, everyone]).T / self.temperature
            out = torch.zeros_like(logits, dtype=torch.bool) if same is None else same.repeat(2, 2)
            out = out.scatter(1, pair.repeat(2, 1), True)
            positive = logits.gather(1, pair.flip(1).T.reshape(-1, 1))
            negatives = logits.masked_fill(out, -torch.inf)
            top = torch.cat([positive, negatives], dim=1).detach().amax(1, keepdim=True)
            p, mass = (positive - top).exp(), (negatives - top).exp().sum(1, keepdim=True)
            n = (~out).sum(1, keepdim=True)
            corrected = (mass - n * self.tau_plus * p) / (1 - self.tau_plus)
            g = torch.maximum(corrected, n * (-1 / self.temperature - top).exp())
            total = ((p + g).log() - (positive - top)).sum()
        return {"debiased": global_mean(total, 2 * len(first))}
