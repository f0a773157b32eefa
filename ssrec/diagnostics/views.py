"""Which share of training rows a view leaves as it was, or empties: such a row's contrast teaches nothing."""

from collections.abc import Mapping
from typing import Protocol, final, runtime_checkable

import torch
import torch.nn.functional as F
from jaxtyping import Float64, Int
from torch import Tensor

from ssrec.batch import PAD, Batch, Corpus
from ssrec.diagnostics.diagnostic import Diagnostic, Found, Seen
from ssrec.diagnostics.vectors import SEED, drawn
from ssrec.nn import require
from ssrec.views.view import View

ROWS = 1024  # whose views are drawn at once


@runtime_checkable
class DrawsViews(Protocol):
    """An objective that draws views, by name."""

    @property
    def views(self) -> Mapping[str, View]: ...


def drawn_by(losses: Mapping[str, object]) -> dict[str, dict[str, View]]:
    """The views of sequences that objectives draw, by term and name."""
    found = {term: loss.views for term, loss in losses.items() if isinstance(loss, DrawsViews)}
    return {term: {k: v for k, v in views.items() if isinstance(v, View)} for term, views in found.items()}


def unchanged_and_empty(view: View, batch: Batch) -> Int[Tensor, "2"]:
    """How many rows one draw of a view leaves as they were, and how many it empties, of those that have items."""
    was, now = batch.items, view(batch).items
    wider = now.shape[1] - was.shape[1]
    was, now = F.pad(was, (max(wider, 0), 0), value=PAD), F.pad(now, (max(-wider, 0), 0), value=PAD)
    some = (was != PAD).any(1)
    same = some & (now == was).all(1)
    empty = some & (now == PAD).all(1)
    return torch.stack([same.sum(), empty.sum()])


@final
class Views(Diagnostic):
    """`identity/<term>/<view>` and `empty/<term>/<view>`: shares of training rows, in [0, 1]; lower is better.

    One draw of each view that an objective draws, over training rows as the objective reads them.

    Args:
        corpus, data, every: see `Diagnostic`.
        sample: training rows drawn at most.
    """

    undefined = "there are no training rows with items"

    def __init__(self, corpus: Corpus, data: Mapping[str, str], *, sample: int = 100_000, every: int | None = None):
        super().__init__(corpus, data, every=every)
        require(sample > 0, f"diagnostic views: sample={sample} must be at least 1")
        self.sample = sample

    def __call__(self, seen: Seen) -> Found:
        numbers: dict[str, Tensor] = {}
        for term, views in seen.views.items():
            for name, view in views.items():
                shares = self.shares(view, seen)
                numbers |= {f"{kind}/{term}/{name}": s for kind, s in zip(("identity", "empty"), shares, strict=True)}
        return Found(numbers)

    def shares(self, view: View, seen: Seen) -> Float64[Tensor, "2"]:
        """Shares of rows left as they were and emptied; NaN without rows."""
        counts, n = torch.zeros(2, dtype=torch.long), 0
        if seen.rows is None:
            return counts.double() / n
        with torch.random.fork_rng(devices=[]):  # views draw from the run's generator
            torch.manual_seed(SEED)
            for rows in drawn(len(seen.rows), self.sample).split(ROWS):
                batch = seen.rows.batch(rows)
                counts += unchanged_and_empty(view, batch)
                n += int((batch.items != PAD).any(1).sum())
        return counts.double() / n
