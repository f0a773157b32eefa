"""SLIM: a sparse linear model from items to items, of weights that are not negative."""

from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from ssrec.batch import Batch, Corpus
from ssrec.encodings.encoding import FittedEncoding
from ssrec.models.ease import gram_matrix
from ssrec.models.encoder import Encoder
from ssrec.nn import require, require_sizes
from ssrec.sparse import SparseMatrix, bags

CELLS = 2**25  # weights of a block of columns
ROWS = 64  # whose weights change before the rest of the residual is told


def elastic_net(
    gram: Float[Tensor, "N N"], columns: slice, *, l1: float, l2: float, sweeps: int, tolerance: float
) -> Float[Tensor, "N C"]:
    """The columns w_j >= 0 that minimise |x_j - X w_j|^2 / 2 + l2 |w_j|^2 / 2 + l1 |w_j|_1 with w_jj = 0.

    Coordinate descent on X.T X, a row of weights at a time for all columns, until no weight moves by more than
    `tolerance` or after `sweeps` passes. Within `ROWS` rows the residual correlations are kept by small products; one
    large product per such rows keeps all others.
    """
    left = gram[:, columns].clone()  # X.T (x_j - X w_j)
    weights = torch.zeros_like(left)
    items = torch.arange(columns.start, columns.start + left.shape[1])
    scale = gram.diagonal() + l2
    for _ in range(sweeps):
        moved = 0.0
        for start in range(0, len(gram), ROWS):
            rows = slice(start, min(start + ROWS, len(gram)))
            own, before, inner = left[rows].clone(), weights[rows].clone(), gram[rows, rows]
            now = before.clone()
            itself = (items >= rows.start) & (items < rows.stop)
            diagonal = items[itself] - rows.start, itself.nonzero().flatten()  # an item does not explain itself
            barred = torch.zeros_like(own, dtype=torch.bool)
            barred[diagonal] = True
            for i in range(len(own)):
                best = ((own[i] + inner[i, i] * now[i] - l1) / scale[start + i]).clamp_(min=0)
                best.masked_fill_(barred[i], 0.0)
                own -= inner[:, i, None] * (best - now[i])
                now[i] = best
            change = now - before
            moved = max(moved, float(change.abs().max()))
            weights[rows] = now
            left -= gram[:, rows] @ change
        if moved <= tolerance:
            break
    return weights


@final
class SLIM(Encoder):
    """Sparse linear methods (Ning and Karypis, ICDM 2011, eq. 3): a past's incidence times W, one elastic net per item.

    W is sparse, not negative, and zero on its diagonal. Fitting takes memory quadratic in the catalogue and
    cubic time for each sweep, in dense products.

    Args:
        corpus: The training split; repeats count once.
        l1: Weight of the absolute sum, the paper's lambda; larger is sparser.
        l2: Weight of half the square sum, the paper's beta.
        sweeps: At most so many passes over all weights.
        tolerance: The change of a weight below which a pass is the last.

    Raises:
        CompositionError: For a setting outside its range, or a batch without its full past.
    """

    def __init__(self, corpus: Corpus, *, l1: float = 1.0, l2: float = 10.0, sweeps: int = 50, tolerance: float = 1e-4):
        super().__init__(corpus)
        for name, value in {"l1": l1, "tolerance": tolerance}.items():
            require(value >= 0, f"slim: {name}={value} must not be negative")
        require(l2 > 0, f"slim: l2={l2} must be above 0")
        require_sizes("slim", sweeps=sweeps)
        self.item_rows = n = corpus.item_rows
        gram = gram_matrix(corpus.history, n)
        width, settings = max(1, CELLS // n), {"l1": l1, "l2": l2, "sweeps": sweeps, "tolerance": tolerance}
        pairs, weights = [], []
        for start in range(0, n, width):
            block = elastic_net(gram, slice(start, min(start + width, n)), **settings)
            past, item = block.nonzero().unbind(1)
            pairs.append(past * n + item + start)
            weights.append(block[past, item])
        order = torch.cat(pairs).argsort()
        self.explaining = SparseMatrix(torch.cat(pairs)[order], torch.cat(weights)[order], n)

    def forward(self, batch: Batch, shared: object = None) -> FittedEncoding:
        return FittedEncoding(batch, self.score)

    def score(self, batch: Batch) -> Float[Tensor, "B N"]:
        return self.explaining(bags(batch.seen, self.item_rows, "slim"))
