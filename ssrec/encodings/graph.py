"""Propagations over the graph of users and items."""

from collections.abc import Callable, Sequence
from typing import TypeVar, final

import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from ssrec.batch import PAD, Batch
from ssrec.encodings.encoding import DotEncoding, Lazy, Once
from ssrec.errors import CompositionError
from ssrec.graphs import Graph
from ssrec.nn import gather

T = TypeVar("T")


def _had(part: T | None, name: str) -> T:
    if part is None:
        raise CompositionError(f"this GraphEncoding has no {name}; those of ssrec.models.graph have")
    return part


Perturb = Callable[[int, Tensor], Tensor]  # the number of a step, from 1, and what it gives "V D", to other vectors
Graphs = Graph | Sequence[Graph]  # one for all steps, or one for each


@final
class GraphEncoding(DotEncoding):
    """A propagation over the graph of users and items: `layers[l]` "V D" after l steps, `nodes` their readout.

    `branches[l]` are what step l + 1 added up, before any perturbation: one product for most models. `graph` is the
    whole training graph, whichever this pass ran over, for views to draw from. `view` is how an encoder makes another
    pass, see there. Those of `ssrec.models.graph` have all of it.
    """

    def __init__(
        self,
        batch: Batch,
        layers: Lazy[list[Tensor]],
        nodes: Lazy[Tensor],
        *,
        user_rows: int,
        branches: Lazy[list[tuple[Tensor, ...]]] | None = None,
        graph: Graph | None = None,
        view: Callable[[Graphs | None, Perturb | None], "GraphEncoding"] | None = None,
        readout: Callable[[list[Tensor]], Tensor] | None = None,
    ):
        self.batch = batch
        self._layers = layers
        self._nodes = nodes
        self.user_rows = user_rows
        self._branches = branches
        self._graph = graph
        self._view = view
        self._readout = readout
        self.once = Once()

    @property
    def layers(self) -> list[Tensor]:
        return self._layers()

    @property
    def nodes(self) -> Float[Tensor, "V D"]:
        return self._nodes()

    @property
    def branches(self) -> list[tuple[Tensor, ...]]:
        return _had(self._branches, "branches")()

    @property
    def graph(self) -> Graph:
        return _had(self._graph, "graph")

    def view(self, graph: Graphs | None = None, perturb: Perturb | None = None) -> "GraphEncoding":
        """A new pass of the same parameters, with its own dropout: over another graph, or perturbed after every step.

        Without a graph it runs over the whole one, and without `perturb` it has no noise, also where this pass has.
        """
        return _had(self._view, "view")(graph, perturb)

    def readout(self, layers: list[Float[Tensor, "R D"]]) -> Float[Tensor, "R E"]:
        """What `nodes` is of `layers`, of any rows: a vector whose layers were made of those of several nodes."""
        return _had(self._readout, "readout")(layers)

    @property
    def users(self) -> Float[Tensor, "B D"]:
        """The node of each row's user; one who was not trained on is the mean of the items in her past."""
        known, seen = gather(self.nodes, self.batch.user), self.batch.seen
        strangers = (self.batch.user == PAD).nonzero().flatten()
        if seen is None or not len(strangers):
            return known
        past = seen.select(strangers)
        folded = F.embedding_bag(past.values, self.items, past.offsets[:-1], mode="mean")
        return known.index_copy(0, strangers, folded.to(known.dtype))

    @property
    def items(self) -> Float[Tensor, "N D"]:
        return self.nodes[self.user_rows :]

    def item_node(self, items: Int[Tensor, "*shape"]) -> Int[Tensor, "*shape"]:
        """The node of each item id: nodes are the user rows, then the item rows."""
        return items + self.user_rows
