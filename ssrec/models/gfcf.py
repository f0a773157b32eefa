"""GF-CF: a low-pass filter on the graph of items, in closed form."""

from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from ssrec.batch import Batch, Corpus, Ragged
from ssrec.encodings.encoding import FittedEncoding
from ssrec.graphs import user_item_graph
from ssrec.low_rank import truncated
from ssrec.models.encoder import Encoder
from ssrec.nn import require, require_sizes
from ssrec.sparse import bags, sum_rows


@final
class GFCF(Encoder):
    """Graph filter based collaborative filtering (Shen et al., CIKM 2021, eq. 12).

    A row's score is r (R'R + low_pass D^-1/2 V V' D^1/2), where r is the past's incidence, R the normalised user-item
    matrix, D the items' degrees, and V the right singular vectors of R of its `rank` largest values: a linear filter
    and an ideal one. No matrix from items to items is made.

    Args:
        corpus: The training split; repeats count once.
        rank: Singular vectors of the ideal filter; as many as there are where there are fewer.
        low_pass: Weight of the ideal filter; 0 leaves it out, and then nothing is decomposed.

    Raises:
        CompositionError: For a setting outside its range, or a batch without its full past.
    """

    def __init__(self, corpus: Corpus, *, rank: int = 256, low_pass: float = 0.3):
        super().__init__(corpus)
        require_sizes("gfcf", rank=rank)
        require(low_pass >= 0, f"gfcf: low_pass={low_pass} must not be negative")
        self.low_pass = low_pass
        self.user_rows, self.item_rows = corpus.user_rows, corpus.item_rows
        graph = user_item_graph(corpus)
        self.register_buffer("neighbours", graph.neighbours, persistent=False)  # rebuilt from the corpus
        self.register_buffer("offsets", graph.offsets, persistent=False)
        self.register_buffer("weights", graph.weights, persistent=False)
        self.neighbours: Tensor
        self.offsets: Tensor
        self.weights: Tensor
        vectors = torch.zeros(corpus.item_rows, 0)
        if low_pass:
            _, _, vectors = truncated(graph, corpus.user_rows, rank)
        scale = graph.offsets.diff()[corpus.user_rows :, None].float().sqrt()
        self.register_buffer("enter", vectors / scale.clamp(min=1))
        self.register_buffer("leave", vectors * scale)
        self.enter: Tensor
        self.leave: Tensor

    def forward(self, batch: Batch, shared: object = None) -> FittedEncoding:
        return FittedEncoding(batch, self.score)

    def score(self, batch: Batch) -> Float[Tensor, "B N"]:
        past = bags(batch.seen, self.item_rows, "gfcf")
        return self._linear(past) + self.low_pass * (sum_rows(self.enter, past) @ self.leave.T)

    def _linear(self, past: Ragged) -> Float[Tensor, "B N"]:
        """r R'R: from the items of a row to who met them, and to what those met; rows are columns meanwhile."""
        rows, cut = self.user_rows, int(self.offsets[self.user_rows])
        of_users = Ragged(self.neighbours[:cut] - rows, self.offsets[: rows + 1])
        of_items = Ragged(self.neighbours[cut:], self.offsets[rows:] - cut)
        incidence = torch.zeros(self.item_rows, len(past), device=self.weights.device)
        incidence[past.values, past.rows] = 1.0
        met = sum_rows(incidence, of_users, self.weights[:cut])
        return sum_rows(met, of_items, self.weights[cut:]).T
