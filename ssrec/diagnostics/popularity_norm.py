"""Whether the length of an item's vector says how popular it is."""

from typing import final

import torch
from jaxtyping import Float64, Shaped
from torch import Tensor

from ssrec.diagnostics.diagnostic import Diagnostic, Found, Seen


def pearson(x: Float64[Tensor, "M"], y: Float64[Tensor, "M"]) -> Float64[Tensor, ""]:
    """The correlation, in [-1, 1]; NaN where either is constant up to rounding."""
    x, y = (_standard(v) for v in (x, y))
    return (x * y).mean()


def _standard(x: Float64[Tensor, "M"]) -> Float64[Tensor, "M"]:
    centred = x - x.mean()
    deviation = centred.square().mean().sqrt()
    return centred / torch.where(deviation > 1e-12 * x.abs().amax(), deviation, torch.nan) if len(x) else x


def spearman(x: Shaped[Tensor, "M"], y: Shaped[Tensor, "M"]) -> Float64[Tensor, ""]:
    """The correlation of ranks, in [-1, 1], ties at the mean of their places; NaN where either is constant."""
    return pearson(average_ranks(x), average_ranks(y))


def average_ranks(x: Shaped[Tensor, "M"]) -> Float64[Tensor, "M"]:
    """Places from 1 in ascending order; equal values share the mean of theirs."""
    _, group, size = torch.unique(x, return_inverse=True, return_counts=True)
    return (size.cumsum(0) - (size - 1) / 2.0).double()[group]


@final
class PopularityNorm(Diagnostic):
    """Length of trained items' vectors against their training events, in [-1, 1]; 0: popularity is not in the length.

    `popularity_norm_spearman` by ranks, `popularity_norm_pearson` against the logarithm of the number of events.
    """

    undefined = "all vectors have one length, or all items one number of events"

    def __call__(self, seen: Seen) -> Found:
        norms = torch.linalg.vector_norm(seen.items, dim=1, dtype=torch.float64)
        counts = seen.corpus.counts[seen.ids]
        return Found(
            {
                "popularity_norm_spearman": spearman(norms, counts),
                "popularity_norm_pearson": pearson(norms, counts.double().log()),
            }
        )
