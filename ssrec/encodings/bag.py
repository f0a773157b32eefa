"""Passes over sets of items: plain, by way of a latent vector, or through noise."""

from collections.abc import Callable
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from ssrec.batch import Batch, Ragged
from ssrec.encodings.encoding import DotEncoding, Encoding, Lazy


class _OfBags(DotEncoding):
    """A pass over sets of items, never made dense: `bag` holds each row's items; users and items score by products."""

    def __init__(self, batch: Batch, bag: Ragged, users: Lazy[Tensor], items: Lazy[Tensor]):
        self.batch = batch
        self.bag = bag
        self._users = users
        self._items = items

    @property
    def users(self) -> Float[Tensor, "B D"]:
        return self._users()

    @property
    def items(self) -> Float[Tensor, "N D"]:
        return self._items()


@final
class BagEncoding(_OfBags):
    """A pass over sets of items with nothing between them and the users' vectors."""


@final
class VariationalEncoding(_OfBags):
    """A pass over sets of items by way of a latent vector of `posterior` (mean, log variance)."""

    def __init__(
        self,
        batch: Batch,
        bag: Ragged,
        posterior: Lazy[tuple[Tensor, Tensor]],
        decode: Callable[[Tensor, Tensor], Tensor],
        items: Lazy[Tensor],
    ):
        super().__init__(batch, bag, Lazy(lambda: decode(*posterior())), items)
        self._posterior = posterior

    @property
    def posterior(self) -> tuple[Float[Tensor, "B Z"], Float[Tensor, "B Z"]]:
        return self._posterior()


@final
class DiffusionEncoding(Encoding):
    """A pass over bags as dense rows of ones and zeros, which noise is put into by steps and taken out of again.

    `signal[t]` is the share of a row's variance that step t leaves, descending; `denoise(x_t, t)` says what the rows
    were before any noise. Ranking takes steps back from the row itself.
    """

    def __init__(
        self,
        batch: Batch,
        clean: Float[Tensor, "B N"],
        signal: Float[Tensor, "S"],
        denoise: Callable[[Tensor, Tensor], Tensor],
        restored: Callable[[Tensor], Tensor],
    ):
        self.batch = batch
        self.clean = clean
        self.signal = signal
        self.denoise = denoise
        self._restored = restored

    def scores(self) -> Float[Tensor, "B N"]:
        with torch.autocast(self.clean.device.type, enabled=False):
            return self._restored(self.clean)
