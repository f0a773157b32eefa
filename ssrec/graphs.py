"""Graphs as flat arrays: a normalised adjacency, its product with vectors, and what is left when edges are dropped."""

from dataclasses import dataclass, fields, replace
from typing import final

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ssrec.batch import Corpus
from ssrec.errors import DataError
from ssrec.nn import require
from ssrec.sparse import SparseProduct, group


@final
@dataclass(frozen=True)
class Graph:
    """A sparse matrix over nodes: row v has `weights` at columns `neighbours`, from `offsets[v]` to `offsets[v + 1]`.

    Every edge is two entries, one in each direction. `edge` is the undirected edge of an entry, below `n_edges`, so
    that one draw an edge drops both; `mate` is the entry of the other direction. What was dropped stays as an entry of
    weight 0: ids go on to hold. `back` are the weights of the transpose where that is another matrix.
    """

    neighbours: Int[Tensor, "E"]  # 32-bit, as are the offsets: they halve the time of a product
    offsets: Int[Tensor, "V1"]
    weights: Float[Tensor, "E"]
    edge: Int[Tensor, "E"]
    mate: Int[Tensor, "E"]
    back: Float[Tensor, "E"] | None = None

    @property
    def n_nodes(self) -> int:
        return len(self.offsets) - 1

    @property
    def n_edges(self) -> int:
        """Undirected edges, with those that were dropped."""
        return len(self.edge) // 2

    @property
    def symmetric(self) -> bool:
        return self.back is None

    @property
    def rows(self) -> Int[Tensor, "E"]:
        """The node that each entry starts from."""
        return torch.repeat_interleave(self.offsets.diff(), output_size=len(self.edge))

    def __matmul__(self, x: Float[Tensor, "V D"]) -> Float[Tensor, "V D"]:
        """The weighted sum of every node's neighbours, with the gradient of `x`; weights have none."""
        back = self.weights if self.back is None else self.back
        return SparseProduct.apply(x, self.neighbours, self.offsets, self.weights, back)

    def keep_edges(self, kept: Bool[Tensor, "M"]) -> "Graph":
        """The graph of the marked edges alone, normalised by the degrees that are left.

        Raises:
            CompositionError: the graph is not symmetric, so that its degrees are not those of edges.
        """
        return self._keep(kept[self.edge])

    def keep_nodes(self, kept: Bool[Tensor, "V"]) -> "Graph":
        """The graph of the edges between marked nodes, normalised by the degrees that are left.

        Raises:
            CompositionError: the graph is not symmetric, so that its degrees are not those of edges.
        """
        return self._keep(kept[self.rows] & kept[self.neighbours])

    def _keep(self, kept: Bool[Tensor, "E"]) -> "Graph":
        require(self.symmetric, "degrees are counted in a symmetric graph: drop edges first, and then reweigh the rest")
        return replace(self, weights=normalised(self.neighbours, self.offsets, kept & (self.weights != 0)))

    def reweighed(self, weights: Float[Tensor, "E"], *, symmetric: bool = False) -> "Graph":
        """The same entries with other weights, as they are: nothing is normalised.

        Raises:
            CompositionError: they are said to be symmetric, and differ between the directions of an edge; or they ask
                for a gradient.
        """
        require(not weights.requires_grad, "a product has no gradient for the weights of its graph; detach them")
        back = weights.index_select(0, self.mate)
        if not symmetric:
            return replace(self, weights=weights, back=back)
        differing = int((weights != back).sum()) // 2
        require(
            differing == 0,
            f"the weights are said to be symmetric, and differ between the two directions of {differing} edges: "
            "draw once an edge, by `edge`, or say symmetric=False",
        )
        return replace(self, weights=weights, back=None)

    def to(self, device: torch.device | str) -> "Graph":
        held = {f.name: getattr(self, f.name) for f in fields(self)}
        return replace(self, **{name: value.to(device) for name, value in held.items() if value is not None})


def normalised(
    neighbours: Int[Tensor, "E"], offsets: Int[Tensor, "V1"], present: Bool[Tensor, "E"]
) -> Float[Tensor, "E"]:
    """D^-1/2 A D^-1/2 of the entries that are present, each of weight 1 before; 0 for the others."""
    degree = F.pad(present.cumsum(0), (1, 0)).index_select(0, offsets).diff().float()
    from_, to = torch.repeat_interleave(degree, offsets.diff(), output_size=len(present)), degree[neighbours]
    return (from_ * to).clamp(min=1).rsqrt() * present


def undirected(first: Int[Tensor, "M"], second: Int[Tensor, "M"], n_nodes: int) -> Graph:
    """The normalised graph of the given edges, which is symmetric by construction; an edge's id is its place.

    Raises:
        DataError: an edge leads from a node to itself, or stands twice.
    """
    n = len(first)
    rows, columns = torch.cat([first, second]), torch.cat([second, first])
    ordered, order = (rows * n_nodes + columns).sort()
    if bool((first == second).any()) or bool((ordered.diff() == 0).any()):
        raise DataError("the edges of a graph lead from a node to another one, and each stands once")
    place = torch.empty_like(order)
    place[order] = torch.arange(2 * n, device=order.device)
    neighbours = columns[order].int()
    offsets = F.pad(torch.bincount(rows, minlength=n_nodes).cumsum(0), (1, 0)).int()
    everything = torch.ones_like(neighbours, dtype=torch.bool)
    mate = place[(order + n) % max(2 * n, 1)]
    return Graph(
        neighbours, offsets, normalised(neighbours, offsets, everything), (order % max(n, 1)).int(), mate.int()
    )


def user_item_graph(corpus: Corpus) -> Graph:
    """Who met what in the training split; nodes are the user rows, then the item rows.

    A pair that met several times is one edge; padding and the unknown user have none.
    """
    pairs = group(corpus.history.rows, corpus.items, corpus.user_rows, corpus.item_rows)
    return undirected(pairs.rows, pairs.values + corpus.user_rows, corpus.user_rows + corpus.item_rows)
