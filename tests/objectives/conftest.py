"""A sequence encoder small enough to check losses by hand."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from ssrec.batch import Attributes, Batch, Corpus, Ragged
from ssrec.encodings.encoding import Lazy
from ssrec.encodings.sequence import SequenceEncoding
from ssrec.models.encoder import Encoder


class Running(Encoder):
    """hidden[t] is the sum of the vectors up to t in a causal pass, and of all vectors in another."""

    def __init__(self, corpus: Corpus, *, max_length: int = 50, causal: bool = True):
        super().__init__(corpus)
        self.table = nn.Embedding(corpus.mask + 1, 4, padding_idx=0)
        self.item_rows, self.mask = corpus.item_rows, corpus.mask
        self.max_length = max_length
        self.causal = causal
        self.passes = []

    def forward(self, batch: Batch, shared: object = None) -> SequenceEncoding:
        items = Lazy(lambda: self.table.weight[: self.item_rows])
        return SequenceEncoding(
            batch, self.encode, items, mask=self.mask, causal=self.causal, max_length=self.max_length
        )

    def encode(self, ids: torch.Tensor, causal: bool, times: torch.Tensor | None = None) -> torch.Tensor:
        self.passes.append((ids, causal))
        vectors = self.table(ids)
        return vectors.cumsum(1) if causal else vectors.sum(1, keepdim=True).expand_as(vectors)


@pytest.fixture
def corpus() -> Corpus:
    return Corpus(torch.tensor([1, 2, 3, 4, 5, 6, 7, 5]), torch.tensor([0, 0, 3, 7, 8]), n_users=3, n_items=7)


@pytest.fixture
def batch() -> Batch:
    """Three window rows; the last has one item and the second no target."""
    items = torch.tensor([[0, 1, 2], [4, 5, 6], [0, 0, 5]])
    return Batch(torch.arange(3), torch.arange(1, 4), items, torch.tensor([[3], [0], [7]]))


@pytest.fixture
def running():
    torch.manual_seed(0)
    return Running


@pytest.fixture
def named(corpus) -> Corpus:
    """The same corpus, whose items have from no to two of three names."""
    values, lengths = torch.tensor([0, 0, 1, 2, 1, 2, 0, 2]), torch.tensor([0, 1, 2, 0, 1, 2, 1, 1])
    offsets = torch.cat([torch.zeros(1, dtype=torch.long), lengths.cumsum(0)])
    return replace(corpus, item_features={"attributes": Attributes(Ragged(values, offsets), ("a", "b", "c"))})
