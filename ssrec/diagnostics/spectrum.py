"""The singular spectrum of a matrix of vectors, not centred."""

from collections.abc import Mapping, Sequence
from typing import final

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from ssrec.batch import Corpus
from ssrec.diagnostics.diagnostic import Diagnostic, Found, Seen
from ssrec.diagnostics.pictures import Curves
from ssrec.diagnostics.vectors import blocks
from ssrec.nn import require


def singular_values(x: Float[Tensor, "M D"]) -> Float64[Tensor, "S"]:
    """The min(M, D) singular values, descending, by one pass over blocks of rows.

    A block is put under the triangle of what came before it and factored anew (QR), which keeps small values exact as
    a product `x.T @ x` would not.
    """
    triangle = torch.zeros(0, x.shape[1], dtype=torch.float64)
    for block in blocks(x):
        triangle = torch.linalg.qr(torch.cat([triangle, block]), mode="r").R
    return torch.linalg.svdvals(triangle)


def energy(values: Float64[Tensor, "S"], k: int) -> Float64[Tensor, ""]:
    """The share of the squared singular values that the first k hold, in [0, 1]; NaN where all are zero."""
    squares = values.square()
    return squares[:k].sum() / squares.sum()


@final
class Spectrum(Diagnostic):
    """`spectrum_items@k` and `spectrum_users@k`: `energy` at k; the picture has all values against the largest.

    Args:
        corpus, data, every: see `Diagnostic`.
        ks: how many leading directions.
    """

    undefined = "all vectors are zero"

    def __init__(
        self, corpus: Corpus, data: Mapping[str, str], *, ks: Sequence[int] = (1, 8), every: int | None = None
    ):
        super().__init__(corpus, data, every=every)
        require(
            len(ks) > 0 and min(ks) > 0, f"diagnostic spectrum: ks is {list(ks)}; it takes numbers from 1, as [1,8]"
        )
        self.ks = tuple(ks)

    def __call__(self, seen: Seen) -> Found:
        found = {name: singular_values(x) for name, x in seen.sides.items()}
        shares = {f"spectrum_{name}@{k}": energy(values, k) for name, values in found.items() for k in self.ks}
        curves = {name: values / values[0] for name, values in found.items() if len(values) and values[0] > 0}
        return Found(shares, {"spectrum": Curves("singular values", "place", "share of the largest", curves)})
