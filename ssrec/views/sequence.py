"""Views of item sequences (CL4SRec: Xie et al., ICDE 2022, section III-C).

A share of a sequence of n items is `floor(share * n)` items, so that short sequences may come out as they went in.
"""

from dataclasses import replace
from typing import final

import torch

from ssrec.batch import Batch, Corpus
from ssrec.views.view import InPlace, View, at_least_one, moved, part, places, require_share, some, uniform


@final
class Crop(View):
    """Keeps a random run of `keep` of each sequence, at least one item."""

    def __init__(self, corpus: Corpus, *, keep: float):
        super().__init__()
        self.keep = require_share("keep", keep)

    def forward(self, batch: Batch) -> Batch:
        place, length = places(batch.items)
        dropped = length - at_least_one(self.keep, length)
        first = uniform(dropped + 1)
        column = torch.arange(place.shape[1], device=place.device) - dropped + first  # the run moves to the right end
        return moved(batch, column.clamp(min=0), place >= dropped)


@final
class Mask(InPlace):
    """Puts the mask token over `rate` of each sequence, at random places."""

    def __init__(self, corpus: Corpus, *, rate: float):
        super().__init__()
        self.rate = require_share("rate", rate)
        self.token = corpus.mask

    def forward(self, batch: Batch) -> Batch:
        _, length = places(batch.items)
        return replace(batch, items=torch.where(some(batch.items, part(self.rate, length)), self.token, batch.items))


@final
class Reorder(InPlace):
    """Shuffles a random run of `rate` of each sequence; items keep their times."""

    def __init__(self, corpus: Corpus, *, rate: float):
        super().__init__()
        self.rate = require_share("rate", rate)

    def forward(self, batch: Batch) -> Batch:
        place, length = places(batch.items)
        moving = part(self.rate, length)
        first = uniform(length - moving + 1)
        inside = (place >= first) & (place < first + moving)
        # a key inside the run is drawn from the run's own stretch of places, so that sorting shuffles the run alone
        key = torch.where(inside, first + moving * torch.rand(place.shape, device=place.device), place)
        return moved(batch, key.argsort(dim=1, stable=True), place >= 0)
