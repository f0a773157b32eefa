"""NGCF: propagation with weights and with the product of a node and its neighbours."""

from typing import final

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from ssrec.batch import Corpus
from ssrec.graphs import Graph
from ssrec.models.graph import GraphEncoder, Readout
from ssrec.nn import dropout, initialise, require_dropout


@final
class NGCF(GraphEncoder):
    """Neural graph collaborative filtering (Wang et al., SIGIR 2019, eq. 7): LeakyReLU((L + I) E W1 + L E * E W2).

    L is D^-1/2 A D^-1/2, as in the paper; the authors' code normalises rows alone. As in that code both products have
    a bias, the slope is .2, and the readout reads vectors of length 1 of every layer but layer 0. Its dropout of whole
    messages from a node is a view of the graph.

    Args:
        corpus: The training split: its pairs are the graph.
        dim: Width of the vectors.
        layers: Steps of propagation.
        dropout: Probability on what a step gives.
        readout: A node's vector from its layers: their mean, sum or concatenation, or the last alone.
        layer0: Whether the readout has layer 0.

    Raises:
        CompositionError: For a setting outside its range.
    """

    def __init__(
        self,
        corpus: Corpus,
        *,
        dim: int = 64,
        layers: int = 3,
        dropout: float = 0.1,
        readout: Readout = "concat",
        layer0: bool = True,
    ):
        super().__init__(corpus, dim=dim, layers=layers, init_std=None, readout=readout, layer0=layer0)
        require_dropout("ngcf", dropout)
        self.p = dropout
        self.sums = nn.ModuleList(nn.Linear(dim, dim) for _ in range(layers))
        self.products = nn.ModuleList(nn.Linear(dim, dim) for _ in range(layers))
        initialise(self.sums, "xavier")
        initialise(self.products, "xavier")

    def step(self, number: int, x: Float[Tensor, "V D"], graph: Graph) -> tuple[Float[Tensor, "V D"], ...]:
        near = graph @ x
        mixed = self.sums[number - 1](near + x) + self.products[number - 1](near * x)
        return (dropout(F.leaky_relu(mixed, 0.2), self.p, self.training),)

    def outputs(self, layers: list[Tensor]) -> list[Tensor]:
        return [layers[0], *(F.normalize(layer, dim=1) for layer in layers[1:])]
