"""Another user's past that led to the same item (supervised DuoRec: Qiu et al., WSDM 2022)."""

from dataclasses import replace
from typing import final

import torch
from torch import Tensor

from ssrec.batch import PAD, Batch, Corpus
from ssrec.views.view import View, choose, cut, uniform


@final
class SameTarget(View):
    """What another user had met before the item that a row asks for, drawn alike from all such training events.

    A row asks for the item after its last position, also where it is a window that has more labels. It stays as it is
    where no other user met that item after another one. Where users repeat items, DuoRec's code also draws from the
    row's own user.
    """

    own_items = False

    def __init__(self, corpus: Corpus):
        super().__init__()
        user, place = corpus.history.rows, torch.arange(len(corpus.items))
        self.user_rows = corpus.user_rows
        self.longest = int(corpus.history.lengths.max())
        later = (place > corpus.offsets[user]).nonzero().flatten()  # who has a past
        key, order = (corpus.items[later] * self.user_rows + user[later]).sort(stable=True)
        fitted = {"key": key, "stop": later[order], "start": corpus.offsets[user[later[order]]], "items": corpus.items}
        for name, tensor in {**fitted, "times": corpus.times}.items():
            self.register_buffer(name, tensor, persistent=False)
        self.key: Tensor
        self.stop: Tensor
        self.start: Tensor
        self.items: Tensor
        self.times: Tensor | None

    def forward(self, batch: Batch) -> Batch:
        return self.within(batch, self.longest)

    def within(self, batch: Batch, columns: int) -> Batch:
        asked = batch.target[:, 0] * self.user_rows
        first, last = (torch.searchsorted(self.key, asked + n) for n in (0, self.user_rows))
        own = asked + batch.user
        skipped, back = torch.searchsorted(self.key, own), torch.searchsorted(self.key, own, right=True)
        others = (last - first) - (back - skipped)
        found = (others > 0) & (batch.items != PAD).any(1)
        nth = first + uniform(others.clamp(min=1)[:, None])[:, 0]
        nth = (nth + (back - skipped) * (nth >= skipped)).clamp(max=len(self.key) - 1)
        past = self._past(batch, self.start[nth], self.stop[nth], columns)
        return choose([cut(batch, columns), past], found.long())

    def _past(self, batch: Batch, start: Tensor, stop: Tensor, columns: int) -> Batch:
        width = min(int((stop - start).max()), columns) if len(batch) else 0
        index = stop[:, None] - width + torch.arange(width, device=stop.device)
        real, index = index >= start[:, None], index.clamp(min=0)
        times = None if batch.times is None or self.times is None else torch.where(real, self.times[index], 0)
        return replace(batch, items=torch.where(real, self.items[index], PAD), times=times)
