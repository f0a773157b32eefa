"""The strongest signals of a user-item matrix: its truncated singular value decomposition."""

from typing import final

import numpy as np
import torch
from jaxtyping import Float
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import svds
from torch import Tensor, nn

from ssrec.graphs import Graph
from ssrec.nn import require_sizes

NOTHING = 1e-6  # singular values below are those of directions that the matrix has not; the largest is 1


def truncated(
    graph: Graph, user_rows: int, rank: int
) -> tuple[Float[Tensor, "U K"], Float[Tensor, "K"], Float[Tensor, "N K"]]:
    """The `rank` largest singular triplets of the users' rows of a graph, descending, computed in double precision.

    Exact up to signs, and up to rotations where values are equal. The matrix is never dense, unless it has no more
    than `rank` rows or columns; then there are as many triplets as it has. Triplets of value 0 are zeros.
    """
    shape = user_rows, graph.n_nodes - user_rows
    n = int(graph.offsets[user_rows])
    entries = graph.weights[:n].double().numpy(), graph.neighbours[:n].numpy() - user_rows
    matrix = csr_matrix((*entries, graph.offsets[: user_rows + 1].numpy()), shape=shape)
    if rank < min(shape):
        start = torch.rand(min(shape), dtype=torch.double, generator=torch.Generator().manual_seed(0))
        parts = svds(matrix, k=rank, v0=start.numpy())
    else:
        parts = np.linalg.svd(matrix.toarray(), full_matrices=False)
    users, values, items = (np.asarray(part) for part in parts)
    order = np.argsort(-values)
    real = values[order] > NOTHING
    found = users[:, order] * real, values[order] * real, items[order].T * real
    left, middle, right = (torch.from_numpy(np.ascontiguousarray(part)).float() for part in found)
    return left, middle, right


@final
class SVD(nn.Module):
    """A normalised user-item matrix by its largest singular triplets, as a product with the vectors of nodes.

    It is the graph of LightGCL's view (Cai et al., ICLR 2023, eq. 4 and 5); their code has a randomised decomposition.

    Args:
        graph: The graph of users and items.
        user_rows: How many of its nodes are users; the items follow.
        rank: Triplets; as many as there are where there are fewer.

    Raises:
        CompositionError: for a rank below 1.
    """

    def __init__(self, graph: Graph, user_rows: int, rank: int):
        super().__init__()
        require_sizes("svd", rank=rank)
        users, values, items = truncated(graph, user_rows, rank)
        self.register_buffer("users", users)
        self.register_buffer("values", values)
        self.register_buffer("items", items)
        self.users: Tensor
        self.values: Tensor
        self.items: Tensor

    def forward(self, x: Float[Tensor, "V D"]) -> Float[Tensor, "V D"]:
        """U S V' times the items' vectors for users, and V S U' times the users' for items."""
        users, items = x.split([len(self.users), len(self.items)])
        of_users = (self.users * self.values) @ (self.items.T @ items)
        of_items = (self.items * self.values) @ (self.users.T @ users)
        return torch.cat([of_users, of_items])
