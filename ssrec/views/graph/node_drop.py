"""A pass over a graph without some of its nodes."""

from typing import final

import torch
from jaxtyping import Bool
from torch import Tensor

from ssrec.encodings.graph import GraphEncoding, Graphs
from ssrec.views.graph.view import Dropping, keep_some


@final
class NodeDrop(Dropping):
    """Drops all edges of `rate` of the users and of `rate` of the items (SGL-ND: Wu et al., SIGIR 2021).

    What was dropped keeps its vector at layer 0.
    """

    def dropped(self, x: GraphEncoding) -> Graphs:
        n_items = x.graph.n_nodes - x.user_rows
        return x.graph.keep_nodes(torch.cat([self._kind(x, x.user_rows), self._kind(x, n_items)]))

    def _kind(self, x: GraphEncoding, rows: int) -> Bool[Tensor, "R"]:
        real = keep_some(rows - 1, self.rate, x.graph.weights.device)
        return torch.cat([real.new_ones(1), real])  # row 0, of the unknown user or padding, has no edges
