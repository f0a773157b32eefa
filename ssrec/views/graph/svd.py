"""Steps over the strongest signals of a graph alone."""

from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from ssrec.batch import Corpus
from ssrec.encodings.graph import GraphEncoding
from ssrec.graphs import user_item_graph
from ssrec.low_rank import SVD
from ssrec.views.graph.view import GraphView


@final
class SVDView(GraphView):
    """Puts the graph's truncated decomposition in its place: layer l is U S V' times layer l - 1 of the own pass.

    Layer 0 stays, and the readout is that of the encoder (LightGCL: Cai et al., ICLR 2023, eq. 5, as its code runs).

    Args:
        corpus: the training split: its pairs are the graph.
        rank: singular triplets that are kept.

    Raises:
        CompositionError: for a rank below 1.
    """

    draws = False

    def __init__(self, corpus: Corpus, *, rank: int):
        super().__init__()
        self.low_rank = SVD(user_item_graph(corpus), corpus.user_rows, rank)

    def forward(self, x: GraphEncoding) -> Float[Tensor, "V D"]:
        start, *_ = layers = x.layers
        with torch.autocast(start.device.type, enabled=False):  # as in a pass
            return x.readout([start, *(self.low_rank(before) for before in layers[:-1])])
