"""SVD: projection of a user's past onto the strongest directions of the training incidence."""

from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from ssrec.batch import Batch, Corpus
from ssrec.encodings.encoding import FittedEncoding, dot_scores
from ssrec.graphs import user_item_graph
from ssrec.low_rank import truncated
from ssrec.models.encoder import Encoder
from ssrec.nn import require_sizes
from ssrec.sparse import bags, sum_rows


@final
class SVD(Encoder):
    """PureSVD (Cremonesi et al., RecSys 2010): scores are x V V.T for a past's incidence x.

    V "N D" holds the leading right singular vectors of the training incidence. A user is known by her past alone.

    Args:
        corpus: The training split; repeats count once.
        dim: How many directions are kept; as many as there are where there are fewer, and then they give the past back.

    Raises:
        CompositionError: For a setting outside its range, or a batch without its full past.
    """

    def __init__(self, corpus: Corpus, *, dim: int = 64):
        super().__init__(corpus)
        require_sizes("svd", dim=dim)
        self.item_rows = corpus.item_rows
        graph = user_item_graph(corpus)
        incidence = graph.reweighed(torch.ones_like(graph.weights), symmetric=True)
        self.register_buffer("items", truncated(incidence, corpus.user_rows, dim)[2])
        self.items: Tensor

    def forward(self, batch: Batch, shared: object = None) -> FittedEncoding:
        return FittedEncoding(batch, self.score)

    def score(self, batch: Batch) -> Float[Tensor, "B N"]:
        return dot_scores(sum_rows(self.items, bags(batch.seen, self.item_rows, "svd")), self.items)
