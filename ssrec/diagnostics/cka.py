"""Linear CKA: how alike the representations of two runs are."""

from collections.abc import Mapping
from pathlib import Path
from typing import final

import torch
from jaxtyping import Float, Float64
from safetensors.torch import load_file
from torch import Tensor

from ssrec import runs
from ssrec.batch import Batch, Corpus
from ssrec.compose import instantiate
from ssrec.diagnostics.diagnostic import Diagnostic, Found, Seen
from ssrec.diagnostics.vectors import BLOCK, mean
from ssrec.errors import CompositionError
from ssrec.models.encoder import Encoder
from ssrec.nn import require


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

    def __init__(self, corpus: Corpus, data: Mapping[str, str], *, other: str, every: int | None = None):
        super().__init__(corpus, data, every=every)
        self.other = other
        self.encoder = _encoder(Path(other), corpus, data)
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


def _encoder(folder: Path, corpus: Corpus, data: Mapping[str, str]) -> Encoder:
    """The trained encoder of a run, for rows of these data."""
    where = f"diagnostic cka: {folder}"
    require(runs.finished(folder), f"{where} is not the folder of a finished run: it has no result.json")
    theirs = runs.read(folder)
    for key in ("fingerprint", "split"):
        if theirs["dataset"][key] != data[key]:
            what = "dataset" if key == "fingerprint" else "split"
            raise CompositionError(f"{where} has the {what} {theirs['dataset'][key]}, and this run has {data[key]}")
    file = folder / "encoder.safetensors"
    require(file.exists(), f"{where} holds no encoder.safetensors: a model fitted in closed form has no vectors")
    with torch.random.fork_rng(devices=[]):  # what an encoder draws at its start is overwritten
        encoder: Encoder = instantiate(theirs["config"]["model"], corpus)
    try:
        encoder.load_state_dict(load_file(file))
    except RuntimeError:
        raise CompositionError(f"{where} does not fit its own settings here; make that run again") from None
    return encoder
