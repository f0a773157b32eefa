"""Dimensions that carry nothing, and vectors that use few directions: a warning where it is bad."""

from collections.abc import Mapping
from typing import final

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from ssrec.batch import Corpus
from ssrec.diagnostics.diagnostic import Diagnostic, Found, Seen
from ssrec.diagnostics.rankme import rankme
from ssrec.diagnostics.spectrum import singular_values
from ssrec.diagnostics.vectors import blocks, mean
from ssrec.nn import require


def deviations(x: Float[Tensor, "M D"]) -> Float64[Tensor, "D"]:
    """The standard deviation of each dimension over the rows."""
    centre = mean(x)
    squares = sum(((block - centre).square().sum(0) for block in blocks(x)), torch.zeros_like(centre))
    return (squares / len(x)).sqrt()


def dead(deviation: Float64[Tensor, "D"], least: float) -> Float64[Tensor, ""]:
    """The share of dimensions that vary at most `least` as much as the widest one, in [0, 1]; 1 if nothing varies.

    NaN where a deviation is: of no vectors.
    """
    share = (deviation <= least * deviation.amax()).double().mean()
    return torch.where(deviation.isnan().any(), torch.nan, share)


@final
class Collapse(Diagnostic):
    """`dead_items` and `dead_users`: the share of dimensions that hardly vary. Lower is better.

    It warns where many are dead, or where the effective rank (`rankme`) is small against the dimensions there are.

    Args:
        corpus, data, every: see `Diagnostic`.
        least: deviation, as a share of the widest dimension's, up to which a dimension is dead.
        tolerated: share of dead dimensions up to which there is no warning (a constant one may be a bias).
        rank: effective rank, as a share of the largest possible, below which vectors have collapsed.
    """

    undefined = "there are no such vectors"

    def __init__(
        self,
        corpus: Corpus,
        data: Mapping[str, str],
        *,
        least: float = 0.01,
        tolerated: float = 0.1,
        rank: float = 0.1,
        every: int | None = None,
    ):
        super().__init__(corpus, data, every=every)
        for name, value in {"least": least, "tolerated": tolerated, "rank": rank}.items():
            require(0 <= value <= 1, f"diagnostic collapse: {name}={value} is a share, between 0 and 1")
        self.least = least
        self.tolerated = tolerated
        self.rank = rank

    def __call__(self, seen: Seen) -> Found:
        numbers: dict[str, Tensor] = {}
        warnings: dict[str, str] = {}
        for name, x in seen.sides.items():
            share = numbers[f"dead_{name}"] = dead(deviations(x), self.least)
            if not len(x):
                continue
            values = singular_values(x)
            vectors = f"the vectors of {name}"
            if share > self.tolerated:
                n = round(float(share) * x.shape[1])
                warnings[f"dead {name}"] = (
                    f"{n} of {x.shape[1]} dimensions of {vectors} are dead: "
                    f"they vary at most {self.least:.2g} times as much as the widest one"
                )
            rank = float(rankme(values))
            if not rank >= self.rank * len(values):  # NaN where all vectors are zero
                said = "they are all zero" if rank != rank else f"their effective rank is {rank:.1f} of {len(values)}"
                warnings[f"collapsed {name}"] = f"{vectors} have collapsed: {said}"
        return Found(numbers, warnings=warnings)
