"""LightGCN: linear propagation over the graph of users and items."""

from itertools import accumulate
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ssrec.batch import Batch, Corpus, Ragged
from ssrec.models.encoder import Encoder, GraphEncoding, Lazy
from ssrec.nn import require
from ssrec.sparse import SymmetricProduct, group


def user_item_graph(corpus: Corpus) -> Ragged:
    """The neighbours of every node, in both directions; nodes are the user rows, then the item rows.

    A pair that met several times is one edge; padding and the unknown user have none.
    """
    users, items = corpus.history.rows, corpus.items + corpus.user_rows
    n_nodes = corpus.user_rows + corpus.item_rows
    return group(torch.cat([users, items]), torch.cat([items, users]), n_nodes, n_nodes)


@final
class LightGCN(Encoder):
    """Light graph convolution (He et al., SIGIR 2020, eq. 3 and 4): the mean of layers 0 to L of D^-1/2 A D^-1/2.

    Args:
        corpus: The training split: its pairs are the graph.
        dim: Width of the vectors.
        layers: Steps of propagation; 0 is matrix factorisation.
        init_std: Deviation of the vectors' normal initialisation.

    Raises:
        CompositionError: For a setting outside its range.
    """

    def __init__(self, corpus: Corpus, *, dim: int = 64, layers: int = 3, init_std: float = 0.1):
        super().__init__(corpus)
        require(dim > 0, f"lightgcn: dim={dim} must be at least 1")
        require(layers >= 0, f"lightgcn: layers={layers} must not be negative")
        self.layers = layers
        self.user_rows = corpus.user_rows
        self.embedding = nn.Embedding(corpus.user_rows + corpus.item_rows, dim)
        nn.init.normal_(self.embedding.weight, std=init_std)
        with torch.no_grad():
            self.embedding.weight[[0, corpus.user_rows]] = 0.0  # the unknown user and padding
        graph = user_item_graph(corpus)
        degree = graph.lengths.float()
        weights = (degree[graph.rows] * degree[graph.values]).rsqrt()
        # Rebuilt from the corpus, so not saved; 32-bit indices halve the time of a product.
        self.register_buffer("neighbours", graph.values.int(), persistent=False)
        self.register_buffer("offsets", graph.offsets.int(), persistent=False)
        self.register_buffer("weights", weights, persistent=False)
        self.neighbours: Tensor
        self.offsets: Tensor
        self.weights: Tensor

    def propagate(self) -> list[Float[Tensor, "V D"]]:
        """The node vectors after 0 to L steps."""
        start: Tensor = self.embedding.weight
        steps = [start] * (self.layers + 1)
        graph = (self.neighbours, self.offsets, self.weights)
        return list(accumulate(steps, lambda x, _: SymmetricProduct.apply(x, *graph)))

    def shared(self) -> tuple[list[Tensor], Tensor]:
        layers = self.propagate()
        return layers, sum(layers[1:], layers[0]) / len(layers)

    def forward(self, batch: Batch, shared: object = None) -> GraphEncoding:
        whole = Lazy(lambda: shared if isinstance(shared, tuple) else self.shared())
        return GraphEncoding(batch, Lazy(lambda: whole()[0]), Lazy(lambda: whole()[1]), user_rows=self.user_rows)
