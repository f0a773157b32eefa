"""Uniformity: how evenly vectors spread over the sphere."""

from collections.abc import Mapping
from typing import final

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from ssrec.batch import Corpus
from ssrec.diagnostics.diagnostic import Diagnostic, Found, Seen
from ssrec.diagnostics.vectors import blocks, drawn, unit
from ssrec.nn import require


def uniformity(x: Float[Tensor, "M D"], t: float = 2.0) -> Float64[Tensor, ""]:
    """`log mean exp(-t |a - b|^2)` over all pairs of different rows at unit length, in [-4t, 0]; lower is more even.

    Wang and Isola, ICML 2020, eq. 6. Zero rows are left out; NaN with fewer than two rows.
    """
    x = unit(x)
    total, start = x.new_zeros(()), 0
    for block in blocks(x, len(x)):
        closeness = (2 * t * (block @ x.T - 1)).exp()
        itself = torch.arange(len(block))
        closeness[itself, start + itself] = 0.0
        total, start = total + closeness.sum(), start + len(block)
    pairs = len(x) * (len(x) - 1)
    return (total / pairs).log() if pairs else x.new_tensor(torch.nan)


@final
class Uniformity(Diagnostic):
    """`uniformity_items` and `uniformity_users`.

    Args:
        corpus, data, every: see `Diagnostic`.
        t: sharpness of the kernel.
        sample: vectors drawn of each kind at most; all pairs of them count.
    """

    undefined = "fewer than two vectors are not zero"

    def __init__(
        self,
        corpus: Corpus,
        data: Mapping[str, str],
        *,
        t: float = 2.0,
        sample: int = 8192,
        every: int | None = None,
    ):
        super().__init__(corpus, data, every=every)
        require(t > 0, f"diagnostic uniformity: t={t} must be above 0")
        require(sample > 1, f"diagnostic uniformity: sample={sample} makes no pairs; it takes 2 or more")
        self.t = t
        self.sample = sample

    def __call__(self, seen: Seen) -> Found:
        sides = seen.sides.items()
        return Found({f"uniformity_{name}": uniformity(x[drawn(len(x), self.sample)], self.t) for name, x in sides})
