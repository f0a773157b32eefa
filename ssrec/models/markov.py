"""Markov: what followed the last item in the training sequences."""

from typing import final

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from ssrec.batch import Batch, Corpus, Ragged
from ssrec.encodings.encoding import FittedEncoding
from ssrec.models.encoder import Encoder
from ssrec.sparse import SparseMatrix


@final
class Markov(Encoder):
    """A first-order Markov chain: count(last -> item) + popularity(item) / (max popularity + 1).

    The second term is below one: it orders only items that followed equally often.

    Args:
        corpus: The training split: transitions between neighbours of one user's sequence are counted.
        backoff: Whether the popularity term is added.
    """

    def __init__(self, corpus: Corpus, *, backoff: bool = True):
        super().__init__(corpus)
        users = corpus.history.rows
        within = users[:-1] == users[1:]
        pairs = corpus.items[:-1][within] * corpus.item_rows + corpus.items[1:][within]
        pairs, counts = torch.unique(pairs, return_counts=True)
        self.transitions = SparseMatrix(pairs, counts.float(), corpus.item_rows)
        popularity = corpus.counts.float()
        self.register_buffer("floor", popularity / (popularity.max() + 1) if backoff else torch.zeros_like(popularity))
        self.floor: Tensor

    def forward(self, batch: Batch, shared: object = None) -> FittedEncoding:
        return FittedEncoding(batch, self.score)

    def score(self, batch: Batch) -> Float[Tensor, "B N"]:
        last = F.pad(batch.items, (1, 0))[:, -1]  # padding, which nothing follows, where the past is empty
        offsets = torch.arange(len(batch) + 1, device=last.device)
        return self.transitions(Ragged(last, offsets)) + self.floor
