"""Contrast two layers of one pass over the graph."""

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor

from ssrec.batch import Corpus
from ssrec.contrasts.nodes import NodeContrast
from ssrec.encodings.graph import GraphEncoding
from ssrec.models.encoder import Encoder
from ssrec.nn import require
from ssrec.objectives.objective import Objective
from ssrec.pretext.node_layers import Layer, layer_vectors, require_layer
from ssrec.pretext.quiet_pass import quiet_pass


@final
class ContrastLayers(Objective[GraphEncoding]):
    """A contrast of each node's vectors at two layers of the batch's own pass: it costs no other one.

    XSimGCL (Yu et al., TKDE 2023) is what ranks against a layer, of a noisy pass (`model.noise`); the structural
    contrast of NCL (Lin et al., WWW 2022, eq. 5 to 7) is layer 2 against layer 0. Parts: users, items.

    Args:
        layers: that of the anchors, and that of their positives and negatives: after so many steps, from the end where
            negative; readout: what ranks.
        contrast: what is asked of the two vectors.

    Raises:
        CompositionError: for a layer that the encoder has not, twice the same, or two of different width.
    """

    rows = ("edge",)
    contrasts_rows = True
    branches = 1

    def __init__(self, encoder: Encoder, corpus: Corpus, *, contrast: NodeContrast, layers: Sequence[Layer] = (-1, 0)):
        super().__init__(encoder, corpus)
        said = f"contrast_layers: layers={list(layers)}"
        require(len(layers) == 2, f"{said}; it takes two, for example [2,0]")
        x = quiet_pass(encoder)
        for layer in layers:
            require_layer("contrast_layers", x, layer)
        self.first: Layer
        self.second: Layer
        self.first, self.second = layers
        first, second = (layer_vectors(x, layer) for layer in (self.first, self.second))
        one, other = first.shape[1], second.shape[1]
        require(one == other, f"{said} are {one} and {other} numbers wide; choose two of one width")
        require(not torch.equal(first, second), f"{said} are the same vectors; choose two that differ")
        self.contrast = contrast

    def forward(self, x: GraphEncoding) -> dict[str, Tensor]:
        first, second = layer_vectors(x, self.first), layer_vectors(x, self.second)
        return self.contrast(first, second, x.batch.user, x.batch.target[:, 0], x.user_rows)
