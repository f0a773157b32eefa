"""History: a user's own past, latest first."""

from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from ssrec.batch import Batch, Corpus, Ragged
from ssrec.encodings.encoding import FittedEncoding
from ssrec.errors import CompositionError
from ssrec.models.encoder import Encoder


@final
class History(Encoder):
    """One's own past by recency: an item's last place in the full past, + popularity(item) / (max popularity + 1).

    A floor for data where users come back to items. The second term is below one: it orders only what the past lacks.

    Args:
        corpus: The training split, for popularity.
        backoff: Whether the popularity term is added.

    Raises:
        CompositionError: For a batch without its full past.
    """

    repeats = True

    def __init__(self, corpus: Corpus, *, backoff: bool = True):
        super().__init__(corpus)
        popularity = corpus.counts.float()
        self.register_buffer("floor", popularity / (popularity.max() + 1) if backoff else torch.zeros_like(popularity))
        self.floor: Tensor

    def forward(self, batch: Batch, shared: object = None) -> FittedEncoding:
        return FittedEncoding(batch, self.score)

    def score(self, batch: Batch) -> Float[Tensor, "B N"]:
        past = batch.seen
        if past is None:
            raise CompositionError(
                "model history reads each row's full past (batch.seen), which these rows do not carry"
            )
        return recency(past, len(self.floor)) + self.floor


def recency(past: Ragged, item_rows: int) -> Float[Tensor, "B N"]:
    """The place, from 1, where each row has each item for the last time; 0 where it does not."""
    place = torch.arange(1, len(past.values) + 1, device=past.values.device) - past.offsets[past.rows]
    found = torch.zeros(len(past) * item_rows, device=past.values.device)
    cells = past.rows * item_rows + past.values
    return found.scatter_reduce(0, cells, place.float(), "amax").view(len(past), item_rows)
