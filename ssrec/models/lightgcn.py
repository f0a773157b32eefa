"""LightGCN: linear propagation over the graph of users and items."""

from typing import final

from jaxtyping import Float
from torch import Tensor

from ssrec.batch import Corpus
from ssrec.graphs import Graph
from ssrec.losses import Similarity
from ssrec.models.graph import GraphEncoder, Readout


@final
class LightGCN(GraphEncoder):
    """Light graph convolution (He et al., SIGIR 2020, eq. 3 and 4): the mean of layers 0 to L of D^-1/2 A D^-1/2.

    Args:
        corpus: The training split: its pairs are the graph.
        dim: Width of the vectors.
        layers: Steps of propagation; 0 is matrix factorisation.
        init_std: Deviation of the vectors' normal initialisation; None: Xavier's, for users and for items.
        readout: A node's vector from its layers: their mean, sum or concatenation, or the last alone.
        layer0: Whether the readout has layer 0; SimGCL (Yu et al., SIGIR 2022), as its code runs, leaves it out.
        noise: Length of the noise after every step of the batch's own pass while training (XSimGCL: Yu et al., TKDE
            2023, where one noisy pass serves all losses); 0: none.
        similarity: How a user and an item are scored: dot or cosine.

    Raises:
        CompositionError: For a setting outside its range.
    """

    def __init__(
        self,
        corpus: Corpus,
        *,
        dim: int = 64,
        layers: int = 3,
        init_std: float | None = 0.1,
        readout: Readout = "mean",
        layer0: bool = True,
        noise: float = 0.0,
        similarity: Similarity = "dot",
    ):
        vectors = {"dim": dim, "init_std": init_std, "similarity": similarity}
        super().__init__(corpus, layers=layers, readout=readout, layer0=layer0, noise=noise, **vectors)

    def step(self, number: int, x: Float[Tensor, "V D"], graph: Graph) -> tuple[Float[Tensor, "V D"], ...]:
        return (graph @ x,)
