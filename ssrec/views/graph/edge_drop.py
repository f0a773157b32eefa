"""A pass over a graph without some of its edges."""

from typing import final

from ssrec.encodings.graph import GraphEncoding, Graphs
from ssrec.views.graph.view import Dropping, keep_some


@final
class EdgeDrop(Dropping):
    """Drops `rate` of the edges, in both directions, for all steps of a pass (SGL-ED: Wu et al., SIGIR 2021)."""

    def dropped(self, x: GraphEncoding) -> Graphs:
        return x.graph.keep_edges(keep_some(x.graph.n_edges, self.rate, x.graph.weights.device))
