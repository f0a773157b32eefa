"""Take noise out of a user's interaction vector: DiffRec's loss, at steps drawn by how much they cost."""

from typing import Literal, final

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from ssrec.batch import PAD, Corpus
from ssrec.encodings.bag import DiffusionEncoding
from ssrec.losses import global_mean
from ssrec.models.encoder import Encoder
from ssrec.nn import require_choices
from ssrec.objectives.objective import Objective

Draw = Literal["importance", "uniform"]
KEPT = 10  # losses of each step that its probability is estimated from
FLOOR = 0.001  # share of the probability that all steps have alike


def cost_of(signal: Float[Tensor, "S"]) -> Float[Tensor, "S"]:
    """The fall of the signal-to-noise ratio at each step, and 1 at the first (Wang et al., SIGIR 2023)."""
    ratio = signal / (1 - signal)
    return torch.cat([torch.ones_like(ratio[:1]), ratio[:-1] - ratio[1:]]).float()


@final
class Diffusion(Objective[DiffusionEncoding]):
    """Squared error of the clean vector that is foretold from a noisy one (Wang et al., SIGIR 2023, section 3).

    The part diffusion is a mean over rows of `weight_t |x_0 - f(x_t, t)|^2 / n_items / (S p_t)`, where each row has
    one of the S steps, drawn with probability p_t. Rows are dense: B x n_items numbers.

    Args:
        reweight: whether a step weighs as its share in the variational bound; else all weigh 1.
        draw: importance: p_t is in proportion to the root mean square of the step's last ten losses, and uniform until
            every step has as many. It stays for an epoch, where the authors' code counts anew for each batch, so that
            all batches of an epoch have one loss. uniform: p_t is 1 / S.

    Raises:
        CompositionError: for another way to draw.
    """

    rows = ("history",)

    def __init__(self, encoder: Encoder, corpus: Corpus, *, reweight: bool = True, draw: Draw = "importance"):
        super().__init__(encoder, corpus)
        require_choices("diffusion", Draw, draw=draw)
        self.reweight = reweight
        self.uniform = draw == "uniform"
        steps = len(encoder.get_buffer("signal"))
        self.register_buffer("losses", torch.zeros(steps, KEPT))  # buffers: a resumed run goes on with them
        self.register_buffer("counts", torch.zeros(steps, dtype=torch.long))
        self.losses: Tensor
        self.counts: Tensor
        self.register_buffer("probabilities", torch.full((steps,), 1 / steps))
        self.probabilities: Tensor
        self._last: tuple[Tensor, Tensor] | None = None

    def before_epoch(self, encoder: Encoder, corpus: Corpus) -> None:
        size = self.losses.square().mean(1).sqrt()
        if not self.uniform and (self.counts >= KEPT).all() and size.any():
            self.probabilities.copy_(FLOOR / len(size) + (1 - FLOOR) * size / size.sum())

    def forward(self, x: DiffusionEncoding) -> dict[str, Tensor]:
        p = self.probabilities
        t = torch.searchsorted(p.cumsum(0), torch.rand(len(x.clean), device=p.device)).clamp(max=len(p) - 1)
        noise = torch.randn_like(x.clean)
        noise[:, PAD] = 0.0
        left = x.signal[t][:, None]
        noisy = left.sqrt().float() * x.clean + (1 - left).sqrt().float() * noise
        error = (x.denoise(noisy, t).float() - x.clean)[:, PAD + 1 :].square().mean(1)
        losses = cost_of(x.signal)[t] * error if self.reweight else error
        self._last = t, losses.detach()
        return {"diffusion": global_mean((losses / (p[t] * len(p))).sum(), len(losses))}

    def after_step(self, encoder: Encoder) -> None:
        if self._last is not None:
            self.remember(*self._last)

    def remember(self, t: Int[Tensor, "B"], losses: Float[Tensor, "B"]) -> None:
        """Put a batch's losses in place of the oldest ones of their steps."""
        drawn = F.one_hot(t, len(self.counts))
        nth = (drawn.cumsum(0) - 1).gather(1, t[:, None]).squeeze(1)  # among the rows of its step
        new = drawn.sum(0)
        last = nth >= new[t] - KEPT
        self.losses[t[last], (self.counts[t] + nth)[last] % KEPT] = losses[last]
        self.counts += new
