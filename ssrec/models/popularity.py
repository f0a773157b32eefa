"""Popularity: everybody gets what most events are about."""

from typing import final

from jaxtyping import Float
from torch import Tensor

from ssrec.batch import Batch, Corpus
from ssrec.models.encoder import Encoder, FittedEncoding


@final
class Popularity(Encoder):
    """Scores an item by its training events, the same for every row."""

    def __init__(self, corpus: Corpus):
        super().__init__(corpus)
        self.register_buffer("counts", corpus.counts.float())
        self.counts: Tensor

    def forward(self, batch: Batch, shared: object = None) -> FittedEncoding:
        return FittedEncoding(batch, self.score)

    def score(self, batch: Batch) -> Float[Tensor, "B N"]:
        return self.counts.repeat(len(batch), 1)  # a copy: a ranking may write into its scores
