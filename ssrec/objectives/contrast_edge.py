"""Pull the user and the item of an edge together, and apart from those of other edges."""

from typing import final

from torch import Tensor

from ssrec.batch import Corpus
from ssrec.contrasts.contrast import Contrast, same_target
from ssrec.encodings.graph import GraphEncoding
from ssrec.models.encoder import Encoder
from ssrec.objectives.objective import Objective
from ssrec.pretext.edges import edge_vectors


@final
class ContrastEdge(Objective[GraphEncoding]):
    """A contrast whose two views are the user and the item of each edge; it draws no negatives.

    DirectAU (Wang et al., KDD 2022) is align_uniform, whose weight is gamma: alignment + gamma * (uniformity of users
    + uniformity of items) / 2. A user or an item counts as often as it has edges in the batch, as in the authors' code.
    info_nce is the softmax over the items of the batch. Parts: those of the contrast.
    """

    rows = ("edge",)
    contrasts_rows = True

    def __init__(self, encoder: Encoder, corpus: Corpus, *, contrast: Contrast):
        super().__init__(encoder, corpus)
        self.contrast = contrast

    def forward(self, x: GraphEncoding) -> dict[str, Tensor]:
        user, item = edge_vectors(x, x.nodes)
        return self.contrast(user, item, same_target(x.batch) if self.contrast.false_negatives == "mask" else None)
