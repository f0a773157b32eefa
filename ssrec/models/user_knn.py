"""UserKNN: what was met by the users whose pasts are most like one's own."""

from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from ssrec.batch import Batch, Corpus, Ragged
from ssrec.encodings.encoding import FittedEncoding
from ssrec.models.encoder import Encoder
from ssrec.nn import require
from ssrec.sparse import bags, sum_rows

CELLS = 2**24  # numbers of a chunk: similarities, scores, and items of neighbours


@final
class UserKNN(Encoder):
    """User neighbourhoods by cosine (Herlocker et al., SIGIR 1999): score(i) sums sim(u, v) over the v who met i.

    sim(u, v) = |I_u & I_v| / (sqrt(|I_u| |I_v|) + shrink) over the sets of items that they met, where v is among the
    `neighbours` training users most similar to u, and 0 elsewhere. A row is known by its past alone, so users who were
    not trained on are ranked like the others; nobody is a neighbour of herself.

    Args:
        corpus: The training split, which is the state; repeats count once.
        neighbours: How many similar users a row reads.
        shrink: Holds back similarities that rest on few items; 0 is the plain cosine.

    Raises:
        CompositionError: For a setting outside its range, or a batch without its full past.
    """

    def __init__(self, corpus: Corpus, *, neighbours: int = 100, shrink: float = 0.0):
        super().__init__(corpus)
        require(neighbours > 0, f"user_knn: neighbours={neighbours} must be at least 1")
        require(shrink >= 0, f"user_knn: shrink={shrink} must not be negative")
        self.item_rows = corpus.item_rows
        self.neighbours = min(neighbours, corpus.user_rows)
        self.shrink = shrink
        met = bags(corpus.history, corpus.item_rows, "user_knn")
        self.register_buffer("met", met.values)
        self.register_buffer("offsets", met.offsets)
        self.met: Tensor
        self.offsets: Tensor

    def forward(self, batch: Batch, shared: object = None) -> FittedEncoding:
        return FittedEncoding(batch, self.score)

    def score(self, batch: Batch) -> Float[Tensor, "B N"]:
        past = bags(batch.seen, self.item_rows, "user_knn")
        theirs = self.neighbours * len(self.met) // len(self.offsets)  # about the items that a row's neighbours met
        size = max(1, CELLS // max(self.item_rows, len(self.offsets), theirs))
        rows = torch.arange(len(batch), device=self.met.device).split(size)
        found = [self._scores(past.select(part), batch.user[part]) for part in rows]
        return torch.cat(found) if found else torch.zeros(0, self.item_rows, device=self.met.device)

    def _scores(self, past: Ragged, user: Tensor) -> Float[Tensor, "B N"]:
        met = Ragged(self.met, self.offsets)
        incidence = torch.zeros(self.item_rows, len(past), device=self.met.device)
        incidence[past.values, past.rows] = 1.0
        common = sum_rows(incidence, met)  # of every user with every row
        size = met.lengths.float().sqrt()[:, None] * past.lengths.float().sqrt()
        similarity = common / (size + self.shrink).clamp(min=1e-12)
        similarity[user, torch.arange(len(past), device=user.device)] = 0.0
        best = similarity.topk(self.neighbours, dim=0)
        theirs = met.select(best.indices.T.flatten())
        row = theirs.rows // self.neighbours
        sums = torch.zeros(len(past) * self.item_rows, device=self.met.device)
        weights = best.values.T.flatten()[theirs.rows]
        return sums.index_add_(0, row * self.item_rows + theirs.values, weights).view(len(past), self.item_rows)
