"""HCCF: propagation over the graph of users and items beside propagation over learned hyperedges."""

from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ssrec.batch import Corpus
from ssrec.graphs import Graph
from ssrec.models.graph import GraphEncoder, Readout
from ssrec.nn import dropout, initialise, require_dropout, require_sizes


@final
class HCCF(GraphEncoder):
    """Hypergraph contrastive collaborative filtering (Xia et al., SIGIR 2022, eq. 2 to 6), as its torch code runs.

    A step adds up two branches: neighbours, `A x`, and hyperedges, `H H' x` with H = E0 W of users and of items, each
    with its own W. Neither has an activation there. While training, entries of A (each direction alone) and of H drop
    out. The contrast of the paper is one of the two branches of each step.

    Args:
        corpus: The training split: its pairs are the graph.
        dim: Width of the vectors.
        layers: Steps of propagation.
        hyperedges: Hyperedges among users, and among items.
        dropout: Probability on the entries of both matrices, drawn at every step; the others grow accordingly.
        readout: A node's vector from its layers: their mean, sum or concatenation, or the last alone.
        layer0: Whether the readout has layer 0.

    Raises:
        CompositionError: For a setting outside its range.
    """

    branches = 2

    def __init__(
        self,
        corpus: Corpus,
        *,
        dim: int = 32,
        layers: int = 2,
        hyperedges: int = 128,
        dropout: float = 0.5,
        readout: Readout = "sum",
        layer0: bool = True,
    ):
        super().__init__(corpus, dim=dim, layers=layers, init_std=None, readout=readout, layer0=layer0)
        require_sizes("hccf", layers=layers, hyperedges=hyperedges)
        require_dropout("hccf", dropout)
        self.p = dropout
        self.of_users = nn.Linear(dim, hyperedges, bias=False)
        self.of_items = nn.Linear(dim, hyperedges, bias=False)
        for linear in (self.of_users, self.of_items):
            initialise(linear, "xavier")

    def step(self, number: int, x: Float[Tensor, "V D"], graph: Graph) -> tuple[Float[Tensor, "V D"], ...]:
        if self.training and self.p:
            graph = graph.reweighed(dropout(graph.weights, self.p, True))
        start, cut = self.embedding.weight, self.user_rows
        users = self._through(self.of_users(start[:cut]), x[:cut])
        items = self._through(self.of_items(start[cut:]), x[cut:])
        return graph @ x, torch.cat([users, items])

    def _through(self, incidence: Float[Tensor, "R H"], x: Float[Tensor, "R D"]) -> Float[Tensor, "R D"]:
        incidence = dropout(incidence, self.p, self.training)
        return incidence @ (incidence.T @ x)
