"""An encoder of graphs small enough to check losses over edges by hand, and a batch of edges."""

import torch
from torch import nn

from ssrec.batch import Batch, Corpus
from ssrec.encodings.encoding import Lazy
from ssrec.encodings.graph import GraphEncoding
from ssrec.models.encoder import Encoder


class Nodes(Encoder):
    """Free vectors as layer 0, turned around as layer 1; read out as their mean, or side by side."""

    def __init__(self, corpus: Corpus, *, concat: bool = False):
        super().__init__(corpus)
        self.user_rows = corpus.user_rows
        self.concat = concat
        self.free = nn.Parameter(torch.randn(corpus.user_rows + corpus.item_rows, 3))

    def forward(self, batch: Batch, shared: object = None) -> GraphEncoding:
        layers = Lazy(lambda: [self.free, self.free.flip(0) * 2])
        nodes = Lazy(lambda: self.read(layers()))
        return GraphEncoding(batch, layers, nodes, user_rows=self.user_rows, readout=self.read)

    def read(self, layers: list[torch.Tensor]) -> torch.Tensor:
        return torch.cat(layers, dim=1) if self.concat else sum(layers[1:], layers[0]) / 2


def edges(users: list[int], items: list[int]) -> Batch:
    user, item = torch.tensor(users, dtype=torch.long), torch.tensor(items, dtype=torch.long)
    return Batch(torch.arange(len(user)), user, user.new_zeros(len(user), 0), item[:, None], kind="edge")


def cosine(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(a @ b / (a.norm() * b.norm()))
