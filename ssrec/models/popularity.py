"""Popularity: everybody gets what most events are about."""

from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from ssrec.batch import Batch, Corpus
from ssrec.models.encoder import Encoder, FittedEncoding


@final
class Popularity(Encoder):
    """Scores an item by its training events, or by the sum of their weights where they have some; the same for all."""

    reads_weights = True
    personal = False

    def __init__(self, corpus: Corpus):
        super().__init__(corpus)
        total = corpus.counts.float()
        if corpus.weights is not None:
            total = torch.zeros(corpus.item_rows).index_add_(0, corpus.items, corpus.weights)
        self.register_buffer("total", total)
        self.total: Tensor

    def forward(self, batch: Batch, shared: object = None) -> FittedEncoding:
        return FittedEncoding(batch, self.score)

    def score(self, batch: Batch) -> Float[Tensor, "B N"]:
        return self.total.repeat(len(batch), 1)  # a copy: a ranking may write into its scores
