"""Views that bring in correlated items (CoSeRec: Liu et al., arXiv 2021).

`floor(rate * n)` places of a sequence of n items, at least one, are drawn alike; where an item of them has no similar
one (`ssrec.views.similar`), it stays as it is.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import final

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from ssrec.batch import PAD, Batch, Corpus
from ssrec.views.similar import Similar
from ssrec.views.view import InPlace, View, at_least_one, places, require_share, some


class Correlated(View):
    """Draws `rate` of each sequence's places, and knows the most similar item of each; `refresh`: see `Similar`."""

    own_items = False

    def __init__(self, corpus: Corpus, *, rate: float, refresh: int | None = None):
        super().__init__()
        self.rate = require_share("rate", rate)
        self.similar = Similar(corpus, refresh)

    def before_epoch(self, items: Callable[[], Tensor]) -> None:
        self.similar.begin_epoch(items)

    def drawn(self, items: Int[Tensor, "B T"]) -> tuple[Int[Tensor, "B T"], Bool[Tensor, "B T"]]:
        """Each place's similar item, and which places were drawn of those that have one."""
        _, length = places(items)
        similar = self.similar.item[items]
        return similar, some(items, at_least_one(self.rate, length)) & (similar != PAD)


@final
class Substitute(Correlated, InPlace):
    """Puts the most similar item in the place of `rate` of each sequence."""

    def forward(self, batch: Batch) -> Batch:
        similar, chosen = self.drawn(batch.items)
        return replace(batch, items=torch.where(chosen, similar, batch.items))


@final
class Insert(Correlated):
    """Puts the most similar item before `rate` of each sequence's items, at their times."""

    def forward(self, batch: Batch) -> Batch:
        similar, chosen = self.drawn(batch.items)
        width = batch.items.shape[1]
        more = max(1, int(self.rate * width + 1e-9))  # columns, known without a look at the rows
        following = chosen.flip(1).cumsum(1).flip(1) - chosen.long()  # how many come in behind each column
        column = torch.arange(width, device=chosen.device) + more - following
        before = torch.where(chosen, column - 1, width + more)  # a last column takes what is not inserted

        def spread(own: Tensor, inserted: Tensor) -> Tensor:
            wide = own.new_zeros(len(own), width + more + 1)
            return wide.scatter(1, column, own).scatter(1, before, inserted)[:, :-1]

        times = None if batch.times is None else spread(batch.times, batch.times)
        return replace(batch, items=spread(batch.items, similar), times=times)
