"""Linear CKA: how alike the representations of two runs are."""

from collections.abc import Mapping
from pathlib import Path
from typing import final

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from ssrec.batch import Batch, Corpus
from ssrec.diagnostics.diagnostic import Diagnostic, Found, Seen
from ssrec.diagnostics.vectors import BLOCK, mean
from ssrec.nn import require
from ssrec.transfer import trained_encoder


def linear_cka(x: Float[Tensor, "M D"], y: Float[Tensor, "M E"]) -> Float64[Tensor, ""]:
    """`|Y'X|^2 / (|X'X| |Y'Y|)` of centred columns, in [0, 1]; 1: alike up to rotation and scale.

    Kornblith, Norouzi, Lee and Hinton, ICML 2019, section 4.1; row i of both describes the same thing. NaN where either
    is constant.
    """
    x_mean, y_mean = mean(x), mean(y)
    width = len(x_mean) + len(y_mean)
    products = torch.zeros(width, width, dtype=torch.float64)
    size = max(1, BLOCK // width)
    for left, right in zip(x.split(size), y.split(size), strict=True):
        both = torch.cat([left - x_mean, right - y_mean], dim=1)
        products += both.T @ both
    d = len(x_mean)
    norms = torch.linalg.matrix_norm(products[:d, :d]) * torch.linalg.matrix_norm(products[d:, d:])
    return products[:d, d:].square().sum() / norms


@final
class CKA(Diagnostic):
    """`cka_items` over trained items and `cka_users` over evaluation rows, against another run's encoder; in [0, 1].

    Args:
        corpus, data, every: see `Diagnostic`.
        other: folder of a finished run over the same dataset and split.

    Raises:
        CompositionError: there is no such run, it has no vectors, or it was made from other data.
    """

    undefined = "all vectors of a run are the same"

    def __init__(self, corpus: Corpus, data: Mapping[str, str], *, other: str, every: int | None = None):
        super().__init__(corpus, data, every=every)
        self.other = other
        self.encoder = trained_encoder("diagnostic cka", Path(other), corpus, data)
        self._shared: object = None
        self._items: Tensor | None = None

    def also(self, batch: Batch) -> Float[Tensor, "B E"] | None:
        """The other run's vector of each row's user."""
        if self._items is None:
            self.encoder.to(batch.rows.device).eval()
            self._shared = self.encoder.shared()
        x = self.encoder(batch, self._shared)
        if self._items is None:
            items = x.item_vectors()
            require(items is not None, f"diagnostic cka: {self.other} has a model without vectors")
            self._items = None if items is None else items.float().cpu()
        return x.user_vectors()

    def __call__(self, seen: Seen) -> Found:
        assert seen.also is not None and self._items is not None  # of the batches that were seen
        items = linear_cka(seen.items, self._items[seen.ids])
        return Found({"cka_items": items, "cka_users": linear_cka(seen.users, seen.also)})
