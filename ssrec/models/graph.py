"""What all encoders of graphs share: vectors of nodes, the training graph, steps over it, and their readout."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from ssrec.batch import Batch, Corpus
from ssrec.encodings.encoding import Lazy
from ssrec.encodings.graph import GraphEncoding, Graphs, Perturb
from ssrec.graphs import Graph, user_item_graph
from ssrec.losses import Similarity
from ssrec.models.encoder import Encoder
from ssrec.nn import require, require_choices, require_sizes
from ssrec.noise import uniform_noise

Readout = Literal["mean", "sum", "last", "concat"]


@dataclass(frozen=True)
class Propagation:
    """One pass: the vectors after 0 to L steps, what each step added up, and the readout."""

    layers: list[Tensor]
    branches: list[tuple[Tensor, ...]]
    nodes: Float[Tensor, "V W"]


class GraphEncoder(Encoder):
    """An encoder of the graph of users and items: a table of node vectors, and `step`, which a model writes.

    Args:
        corpus: The training split: its pairs are the graph.
        dim: Width of the vectors.
        layers: Steps of propagation.
        init_std: Deviation of the vectors' normal initialisation; None: Xavier's, for users and for items.
        readout: A node's vector from its layers: their mean, sum or concatenation, or the last alone.
        layer0: Whether the readout has the vectors before any step; `last` reads them only where there is no step.
        noise: Length of the noise after every step of the batch's own pass while training, see `ssrec.noise`; 0: none.
        similarity: How a user and an item are scored: cosine gives what is read length 1.

    Raises:
        CompositionError: For a setting outside its range.
    """

    def __init__(
        self,
        corpus: Corpus,
        *,
        dim: int,
        layers: int,
        init_std: float | None,
        readout: Readout,
        layer0: bool = True,
        noise: float = 0.0,
        similarity: Similarity = "dot",
    ):
        super().__init__(corpus)
        name = type(self).__name__.lower()
        require_sizes(name, dim=dim)
        require_choices(name, Readout, readout=readout)
        require_choices(name, Similarity, similarity=similarity)
        require(layers >= 0, f"{name}: layers={layers} must not be negative")
        require(init_std is None or init_std > 0, f"{name}: init_std={init_std} must be above 0")
        require(layer0 or layers > 0, f"{name}: layer0=false with layers=0 leaves nothing to read")
        require(noise >= 0, f"{name}: noise={noise} must not be negative")
        require(layers > 0 or not noise, f"{name}: noise={noise} with layers=0 has no step to come after")
        self.layers = layers
        self.user_rows = corpus.user_rows
        self.readout: Readout = readout
        self.layer0 = layer0
        self.noise = noise
        self.similarity: Similarity = similarity
        self.embedding = nn.Embedding(corpus.user_rows + corpus.item_rows, dim)
        with torch.no_grad():
            parts = self.embedding.weight.split([corpus.user_rows, corpus.item_rows])
            for part in [self.embedding.weight] if init_std else parts:
                nn.init.normal_(part, std=init_std) if init_std else nn.init.xavier_normal_(part)
            for part in parts:
                part[0] = 0.0  # the unknown user and padding
        graph = user_item_graph(corpus)
        for field in ("neighbours", "offsets", "weights", "edge", "mate"):
            self.register_buffer(field, getattr(graph, field), persistent=False)  # rebuilt from the corpus
        self.neighbours: Tensor
        self.offsets: Tensor
        self.weights: Tensor
        self.edge: Tensor
        self.mate: Tensor

    @property
    def graph(self) -> Graph:
        """The normalised graph of the training split."""
        return Graph(self.neighbours, self.offsets, self.weights, self.edge, self.mate)

    @abstractmethod
    def step(self, number: int, x: Float[Tensor, "V D"], graph: Graph) -> tuple[Float[Tensor, "V D"], ...]:
        """What step `number`, from 1, makes of the vectors before it: branches whose sum are those after it."""

    def outputs(self, layers: list[Tensor]) -> list[Tensor]:
        """What the readout reads, a tensor a layer; the layers themselves unless a model says otherwise."""
        return layers

    def propagate(self, graphs: Sequence[Graph], perturb: Perturb | None = None) -> Propagation:
        """A pass over one graph a step, in single precision: a sum has thousands of terms."""
        require(
            len(graphs) == self.layers,
            f"{type(self).__name__} has layers={self.layers}, and a view gave {len(graphs)} graphs: one a step, or one",
        )
        layers, branches = [self.embedding.weight], []
        with torch.autocast(self.weights.device.type, enabled=False):
            for number, graph in enumerate(graphs, start=1):
                branches.append(self.step(number, layers[-1], graph))
                x = _sum(branches[-1])
                layers.append(x if perturb is None else perturb(number, x))
            return Propagation(layers, branches, self.read(layers))

    def read(self, layers: list[Tensor]) -> Tensor:
        """The readout of layers, of all nodes or of other rows."""
        found = read_out(self.outputs(layers), self.readout, self.layer0)
        return found if self.similarity == "dot" else F.normalize(found, dim=-1)

    def shared(self) -> Propagation:
        """The pass without noise."""
        return self.propagate([self.graph] * self.layers)

    def forward(self, batch: Batch, shared: object = None) -> GraphEncoding:
        noisy = self.training and self.noise > 0
        perturb = (lambda _, x: uniform_noise(x, self.noise)) if noisy else None
        return self.encoding(batch, None, perturb, shared)

    def encoding(
        self, batch: Batch, graph: Graphs | None, perturb: Perturb | None, shared: object = None
    ) -> GraphEncoding:
        """A pass over the graph, or over one for each step; over that of the training split where none is given."""
        whole = self.graph
        chosen = whole if graph is None else graph
        graphs = [chosen] * self.layers if isinstance(chosen, Graph) else chosen
        done = Lazy(lambda: shared if isinstance(shared, Propagation) else self.propagate(graphs, perturb))
        return GraphEncoding(
            batch,
            Lazy(lambda: done().layers),
            Lazy(lambda: done().nodes),
            user_rows=self.user_rows,
            branches=Lazy(lambda: done().branches),
            graph=whole,
            view=lambda graph, perturb: self.encoding(batch, graph, perturb),
            readout=self.read,
        )


def read_out(layers: Sequence[Float[Tensor, "V _"]], readout: Readout, layer0: bool) -> Float[Tensor, "V W"]:
    """One vector a node from those of its layers, the first of which is read where `layer0` says so."""
    if readout == "last":
        return layers[-1]
    read = layers if layer0 else layers[1:]
    if readout == "concat":
        return torch.cat(list(read), dim=1)
    return _sum(read) / len(read) if readout == "mean" else _sum(read)


def _sum(parts: Sequence[Tensor]) -> Tensor:
    return reduce(torch.add, parts)
