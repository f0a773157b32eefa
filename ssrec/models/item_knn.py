"""ItemKNN: what was met by the users who met the items of one's past."""

from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from ssrec.batch import Batch, Corpus
from ssrec.encodings.encoding import FittedEncoding
from ssrec.models.encoder import Encoder
from ssrec.nn import require
from ssrec.sparse import SparseMatrix, bags, cooccurrence


@final
class ItemKNN(Encoder):
    """Item neighbourhoods by cosine (Sarwar et al., WWW 2001): score(i) sums sim(i, j) over the past's items j.

    sim(i, j) = |U_i & U_j| / (|U_i|^popularity |U_j|^(1/2) + shrink) over the sets of users who met them, where j is
    among the `neighbours` items most similar to i, and 0 elsewhere and for i itself. Where users are normalised, each
    counts in these sets as 1 / (the items that she met) instead of 1 (Deshpande and Karypis, TOIS 2004).

    Args:
        corpus: The training split; repeats count once.
        neighbours: How many similar items each item keeps.
        shrink: Holds back similarities that rest on few users; 0 is the plain cosine.
        popularity: Divides by this power of an item's audience where it is ranked: 1/2 is the cosine, less lifts what
            is popular (the alpha of Deshpande and Karypis, eq. 3, whose other power is 1).
        normalise_users: Whether users of few items say more of each.

    Raises:
        CompositionError: For a setting outside its range, or a batch without its full past.
    """

    def __init__(
        self,
        corpus: Corpus,
        *,
        neighbours: int = 200,
        shrink: float = 0.0,
        popularity: float = 0.5,
        normalise_users: bool = False,
    ):
        super().__init__(corpus)
        require(neighbours > 0, f"item_knn: neighbours={neighbours} must be at least 1")
        require(shrink >= 0, f"item_knn: shrink={shrink} must not be negative")
        require(popularity >= 0, f"item_knn: popularity={popularity} must not be negative")
        self.item_rows = n = corpus.item_rows
        met = bags(corpus.history, n, "item_knn")
        weight = 1.0 / met.lengths.clamp(min=1).float() if normalise_users else torch.ones(len(met))
        audience = torch.zeros(n).index_add_(0, met.values, weight[met.rows])
        pairs, weights = [], []
        for columns, common in cooccurrence(met, n, weights=weight if normalise_users else None):
            items = torch.arange(columns.start, columns.stop)
            apart = audience.sqrt()[:, None] * audience[columns] ** popularity
            similarity = common / (apart + shrink).clamp(min=1e-12)
            similarity[items, items - columns.start] = 0.0
            best = similarity.topk(min(neighbours, n), dim=0)
            kept = best.values > 0
            pairs.append((best.indices * n + items)[kept])
            weights.append(best.values[kept])
        order = torch.cat(pairs).argsort()
        self.similar = SparseMatrix(torch.cat(pairs)[order], torch.cat(weights)[order], n)

    def forward(self, batch: Batch, shared: object = None) -> FittedEncoding:
        return FittedEncoding(batch, self.score)

    def score(self, batch: Batch) -> Float[Tensor, "B N"]:
        return self.similar(bags(batch.seen, self.item_rows, "item_knn"))
