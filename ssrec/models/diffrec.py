"""DiffRec: a network that takes noise out of a user's vector of interactions."""

from collections.abc import Sequence
from itertools import pairwise
from math import log
from typing import final

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ssrec.batch import PAD, Batch, Corpus
from ssrec.encodings.bag import DiffusionEncoding
from ssrec.models.encoder import Encoder
from ssrec.nn import dropout, initialise, require, require_dropout, require_sizes, require_widths
from ssrec.sparse import bags

FIRST = 1e-5  # variance of the first step's noise, whatever the schedule says: it keeps the last step back from copying
MOST = 0.999  # the largest variance of a step


def noise_schedule(steps: int, low: float, high: float) -> Float[Tensor, "S"]:
    """The variance that each step adds, where what steps 0 to t add up to grows linearly from `low` to `high`."""
    left = 1 - torch.linspace(low, high, steps, dtype=torch.double)
    added = torch.cat([torch.tensor([FIRST], dtype=torch.double), 1 - left[1:] / left[:-1]])
    return added.clamp(max=MOST)


def waves(t: Int[Tensor, "B"], width: int) -> Float[Tensor, "B W"]:
    """Cosines and sines of a step's number at falling frequencies (Vaswani et al., NeurIPS 2017, section 3.5)."""
    half = width // 2
    frequencies = torch.exp(torch.arange(half, device=t.device) * (-log(10_000) / half))
    angles = t[:, None] * frequencies
    return torch.cat([angles.cos(), angles.sin()], dim=1)


@final
class DiffRec(Encoder):
    """Diffusion over interaction vectors (Wang et al., SIGIR 2023, section 3): the network foretells the clean vector.

    It reads a row's whole vector and the number of its step. By its nature it is dense: a batch takes B x n_items
    numbers, in training and in ranking. Ranking starts from the past itself, without noise, and goes from
    `reverse_steps` back to 0 along the posterior's means.

    Args:
        corpus: The training split, for its sizes.
        widths: Of the layers from the input to the narrowest; those to the output mirror them.
        time_dim: Width of the encoding of a step's number, even.
        steps: How many steps noise is put in by.
        noise_scale: What both of the following are multiplied by.
        noise_min, noise_max: Variance of the noise at the first and at the last step.
        reverse_steps: How many steps a ranking takes back, or as many as there are; None: all.
        dropout: On the input, in training.

    Raises:
        CompositionError: For a setting outside its range, or a batch without its full past.
    """

    def __init__(
        self,
        corpus: Corpus,
        *,
        widths: Sequence[int] = (200,),
        time_dim: int = 10,
        steps: int = 5,
        noise_scale: float = 0.01,
        noise_min: float = 0.001,
        noise_max: float = 0.01,
        reverse_steps: int | None = None,
        dropout: float = 0.5,
    ):
        super().__init__(corpus)
        require_widths("diffrec", widths)
        require_sizes("diffrec", time_dim=time_dim, steps=steps)
        require(time_dim % 2 == 0, f"diffrec: time_dim={time_dim} must be even")
        low, high = noise_scale * noise_min, noise_scale * noise_max
        right = noise_scale > 0 and 0 < noise_min <= noise_max and high < 1
        asked = f"noise_scale={noise_scale}, noise_min={noise_min} and noise_max={noise_max}"
        require(right, f"diffrec: {asked} must be above 0 and in order, and noise_scale * noise_max below 1")
        right = reverse_steps is None or reverse_steps > 0
        require(right, f"diffrec: reverse_steps={reverse_steps} must be at least 1, or null for all")
        require_dropout("diffrec", dropout)
        self.p = dropout
        self.item_rows = corpus.item_rows
        self.time_dim = time_dim
        self.reverse_steps = steps if reverse_steps is None else min(reverse_steps, steps)
        sizes = [corpus.item_rows, *widths, *reversed(widths[:-1]), corpus.item_rows]
        self.time = nn.Linear(time_dim, time_dim)
        self.from_time = nn.Linear(time_dim, sizes[1], bias=False)
        self.layers = nn.ModuleList(nn.Linear(*pair) for pair in pairwise(sizes))
        initialise(self, "xavier")
        added = noise_schedule(steps, low, high)
        signal = (1 - added).cumprod(0)
        before = torch.cat([torch.ones(1, dtype=torch.double), signal[:-1]])
        # x_{t-1} is about `to_clean` x_0 + `to_noisy` x_t (Ho et al., NeurIPS 2020, eq. 7)
        schedule = {
            "signal": signal,
            "to_clean": added * before.sqrt() / (1 - signal),
            "to_noisy": (1 - before) * (1 - added).sqrt() / (1 - signal),
        }
        for name, values in schedule.items():
            self.register_buffer(name, values, persistent=False)
        self.signal: Tensor
        self.to_clean: Tensor
        self.to_noisy: Tensor

    def forward(self, batch: Batch, shared: object = None) -> DiffusionEncoding:
        bag = bags(batch.seen, self.item_rows, "diffrec")
        clean = torch.zeros(len(batch), self.item_rows, device=self.signal.device)
        clean[bag.rows, bag.values] = 1.0
        return DiffusionEncoding(batch, clean, self.signal, self.denoise, self.restored)

    def denoise(self, x: Float[Tensor, "B N"], t: Int[Tensor, "B"]) -> Float[Tensor, "B N"]:
        """What the rows were before any noise, as far as the network can say."""
        x = dropout(x, self.p, self.training)
        first, *others = self.layers
        h = first(x) + self.from_time(self.time(waves(t, self.time_dim)))
        for layer in others:
            h = layer(torch.tanh(h))
        return h

    def restored(self, x: Float[Tensor, "B N"]) -> Float[Tensor, "B N"]:
        """The rows after the steps back, which draw nothing; padding stays as it was."""
        for step in range(self.reverse_steps - 1, -1, -1):
            t = torch.full((len(x),), step, device=x.device)
            clean = self.denoise(x, t)
            clean = torch.cat([x[:, : PAD + 1], clean[:, PAD + 1 :]], dim=1)
            x = self.to_clean[step].float() * clean + self.to_noisy[step].float() * x
        return x
