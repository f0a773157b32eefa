"""A pass that drops other edges at each step of propagation."""

from typing import final

from ssrec.encodings.graph import GraphEncoding, Graphs
from ssrec.views.graph.view import Dropping, keep_some


@final
class RandomWalk(Dropping):
    """Drops `rate` of the edges, in both directions, others at each step of a pass (SGL-RW: Wu et al., SIGIR 2021)."""

    def dropped(self, x: GraphEncoding) -> Graphs:
        graph, steps = x.graph, len(x.layers) - 1
        return [graph.keep_edges(keep_some(graph.n_edges, self.rate, graph.weights.device)) for _ in range(steps)]
