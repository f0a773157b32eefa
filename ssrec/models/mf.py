"""Matrix factorisation: a vector for each user and each item."""

from typing import final

from jaxtyping import Float
from torch import Tensor

from ssrec.batch import Corpus
from ssrec.graphs import Graph
from ssrec.losses import Similarity
from ssrec.models.graph import GraphEncoder


@final
class MF(GraphEncoder):
    """Matrix factorisation (Koren et al., Computer 2009): the dot product of free vectors, a graph encoder of no step.

    Args:
        corpus: The training split, for its sizes; its graph is there for objectives to read.
        dim: Width of the vectors.
        init_std: Deviation of the vectors' normal initialisation; None: Xavier's, for users and for items.
        similarity: How a user and an item are scored: dot or cosine (SimpleX: Mao et al., CIKM 2021).

    Raises:
        CompositionError: For a setting outside its range.
    """

    branches = 0

    def __init__(self, corpus: Corpus, *, dim: int = 64, init_std: float | None = 0.1, similarity: Similarity = "dot"):
        super().__init__(corpus, dim=dim, layers=0, init_std=init_std, readout="last", similarity=similarity)

    def step(self, number: int, x: Float[Tensor, "V D"], graph: Graph) -> tuple[Float[Tensor, "V D"], ...]:
        return (x,)  # never asked for
