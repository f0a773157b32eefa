"""Which vectors of a pass over a graph an objective reads: those after a step, or those that rank."""

from typing import Literal

from jaxtyping import Float
from torch import Tensor

from ssrec.encodings.graph import GraphEncoding
from ssrec.nn import require

Layer = int | Literal["readout"]


def layer_vectors(x: GraphEncoding, layer: Layer) -> Float[Tensor, "V D"]:
    """The vectors of all nodes after so many steps, from the end where it is negative; readout: those that rank."""
    return x.nodes if layer == "readout" else x.layers[layer]


def require_layer(owner: str, x: GraphEncoding, layer: Layer) -> None:
    """Refuse, with a `CompositionError`, a layer that the encoder has not."""
    n = len(x.layers)
    has = layer == "readout" or -n <= layer < n
    require(has, f"{owner}: there is no layer {layer}; the encoder has 0 to {n - 1}, or -1 to -{n}, and readout")
