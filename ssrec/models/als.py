"""ALS: matrix factorisation of implicit feedback by alternating least squares."""

from typing import final

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ssrec.batch import PAD, Batch, Corpus, Ragged
from ssrec.cholesky import cholesky
from ssrec.encodings.encoding import FittedEncoding, dot_scores
from ssrec.errors import CompositionError
from ssrec.models.encoder import Encoder
from ssrec.nn import require, require_sizes

CELLS = 2**23  # numbers of a block of equations


def counted(rows: Int[Tensor, "E"], values: Int[Tensor, "E"], n_rows: int, n_values: int) -> tuple[Ragged, Tensor]:
    """Events as bags: each row's distinct values, and how often it has each."""
    pairs, counts = torch.unique(rows * n_values + values, return_counts=True)
    lengths = torch.bincount(pairs // n_values, minlength=n_rows)
    return Ragged(pairs % n_values, torch.cat([lengths.new_zeros(1), lengths.cumsum(0)])), counts.float()


def solved(
    other: Float[Tensor, "N D"], bags: Ragged, extra: Float[Tensor, "E"], l2: float, cells: int = CELLS
) -> Float[Tensor, "R D"]:
    """The vectors of all rows, given those of the other side: (Y.T C Y + l2 I)^-1 Y.T C p (Hu et al., eq. 4 and 5).

    `extra` is the confidence of each entry of the bags beyond the 1 that every pair has. Rows of similar length are
    solved together, so that padding is little; Y.T C Y is Y.T Y and a sum over the row's own entries.
    """
    dim = other.shape[1]
    shared = other.T @ other + l2 * torch.eye(dim, device=other.device)
    found = other.new_zeros(len(bags), dim)
    lengths, order = bags.lengths.sort(descending=True)
    every = Ragged(torch.arange(1, len(bags.values) + 1, device=other.device), bags.offsets)  # 0 is padding
    start, n = 0, int((lengths > 0).sum())  # who has nothing, is zero
    while start < n:
        rows = order[start : min(start + max(1, cells // (max(int(lengths[start]), dim) * dim)), n)]
        at = every.select(rows).padded()
        entry = (at - 1).clamp(min=0)
        vectors, confidence = other[bags.values[entry]], extra[entry] * (at > 0)
        matrix = shared + (vectors * confidence[..., None]).transpose(1, 2) @ vectors
        right = (((at > 0) + confidence)[:, None] @ vectors).transpose(1, 2)
        found[rows] = torch.cholesky_solve(right, cholesky(matrix, "als", l2)).squeeze(2)
        start += len(rows)
    return found


@final
class ALS(Encoder):
    """Factors of implicit feedback (Hu et al., ICDM 2008), by turns of ridge regressions with a closed form.

    It minimises sum_ui c_ui (p_ui - x_u . y_i)^2 + l2 (sum |x_u|^2 + sum |y_i|^2) over all pairs, where p is 1 for what
    was met and 0 elsewhere, and c = 1 + alpha * the number of the pair's events. A row is ranked by the vector that
    solves for its full past, known user or not, so that only the items' vectors are state.

    Args:
        corpus: The training split; repeats count.
        dim: Width of the vectors.
        alpha: How much confidence an event adds.
        l2: Regularisation, the paper's lambda.
        iterations: Turns; each solves for all users and then for all items.

    Raises:
        CompositionError: For a setting outside its range, or a batch without its full past.
    """

    def __init__(self, corpus: Corpus, *, dim: int = 64, alpha: float = 40.0, l2: float = 10.0, iterations: int = 15):
        super().__init__(corpus)
        require_sizes("als", dim=dim, iterations=iterations)
        for name, value in {"alpha": alpha, "l2": l2}.items():
            require(value > 0, f"als: {name}={value} must be above 0")
        self.alpha = alpha
        self.l2 = l2
        history = corpus.history
        users, times_met = counted(history.rows, history.values, corpus.user_rows, corpus.item_rows)
        items, times_had = counted(history.values, history.rows, corpus.item_rows, corpus.user_rows)
        vectors = torch.randn(corpus.item_rows, dim) * 0.1
        vectors[PAD] = 0.0  # no item, so no pair
        for _ in range(iterations):
            theirs = solved(vectors, users, alpha * times_met, l2)
            vectors = solved(theirs, items, alpha * times_had, l2)
        self.register_buffer("items", vectors)
        self.items: Tensor

    def forward(self, batch: Batch, shared: object = None) -> FittedEncoding:
        return FittedEncoding(batch, self.score)

    def score(self, batch: Batch) -> Float[Tensor, "B N"]:
        past = batch.seen
        if past is None:
            raise CompositionError("model als reads each row's full past (batch.seen), which these rows do not carry")
        with torch.autocast(self.items.device.type, enabled=False):  # there are no equations to solve in half precision
            users = solved(self.items, *self._weighed(past), self.l2)
        return dot_scores(users, self.items)

    def _weighed(self, past: Ragged) -> tuple[Ragged, Float[Tensor, "E"]]:
        bags, counts = counted(past.rows, past.values, len(past), len(self.items))
        return bags, self.alpha * counts
