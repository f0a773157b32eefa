"""The lists of a test part's rows, and what metrics read of them."""

from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from ssrec.batch import PAD, Ragged
from ssrec.data.rows import held_batch
from ssrec.data.split import Held
from ssrec.ranking import Ranking, without_repeats


@final
@dataclass(frozen=True)
class Lists:
    """Ranked lists, best first; a target stands behind all that ties with it.

    `places` belongs to the flat targets of the part: where each stands in its row's list; 0 where it does not, where
    its score is NaN, and for a repeat of an earlier target. `candidates` counts what a row's targets stand among, and
    `placed` how many of those its list orders. `flat` marks lists of one score, or with NaN. The others are counts.
    """

    top: Int[Tensor, "B k"]
    places: Int[Tensor, "T"]
    lengths: Int[Tensor, "B"]
    placed: Int[Tensor, "B"]
    candidates: Int[Tensor, "B"]
    flat: Bool[Tensor, "B"]
    listed_seen: int
    listed_no_candidates: int
    rows_with_ties: int
    tied_targets: int
    nan_scores: int

    def complete(self, held: Held) -> bool:
        """Whether every candidate of every row that is asked for something has a place."""
        return bool((self.placed == self.candidates)[held.asked].all())

    def ranking(self, held: Held, rows: Int[Tensor, "B"], n_items: int, max_length: int) -> Ranking:
        """What metrics read of some rows; a target that has no place stands behind the whole catalogue."""
        batch = held_batch(held, rows, max_length)
        target = without_repeats(batch.target)
        places = Ragged(self.places, held.target.offsets).select(rows).padded()
        missed = (places == 0) & (target != PAD)
        return Ranking(
            ranks=torch.where(missed, n_items + missed.cumsum(1), places),
            target=target,
            relevant=(target != PAD).sum(1),
            top=self.top[rows],
            candidates=self.candidates[rows],
            flat=self.flat[rows],
            batch=batch,
        )
