"""A pass with noise after every step of propagation."""

from typing import final

from jaxtyping import Float
from torch import Tensor

from ssrec.batch import Corpus
from ssrec.encodings.graph import GraphEncoding
from ssrec.nn import require
from ssrec.noise import uniform_noise
from ssrec.views.graph.view import GraphView


@final
class Noise(GraphView):
    """Adds a random vector of `length` to what each step gives, see `ssrec.noise` (SimGCL: Yu et al., SIGIR 2022).

    Raises:
        CompositionError: for a length that is not above 0.
    """

    def __init__(self, corpus: Corpus, *, length: float):
        super().__init__()
        require(length > 0, f"noise: length={length} must be above 0")
        self.length = length

    def forward(self, x: GraphEncoding) -> Float[Tensor, "V D"]:
        return x.view(perturb=lambda _, after: uniform_noise(after, self.length)).nodes
