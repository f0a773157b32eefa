"""EASE: the linear item-to-item model with a closed form."""

from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from ssrec.batch import Batch, Corpus, Ragged
from ssrec.cholesky import inverse_
from ssrec.encodings.encoding import FittedEncoding
from ssrec.models.encoder import Encoder
from ssrec.nn import require
from ssrec.sparse import bags, cooccurrence, sum_rows


def gram_matrix(history: Ragged, item_rows: int) -> Float[Tensor, "N N"]:
    """`X.T @ X` of the binary incidence X "U N", whole; counts are exact in fp32."""
    gram = torch.empty(item_rows, item_rows)
    for columns, counts in cooccurrence(history, item_rows):
        gram[:, columns] = counts
    return gram


def fit(history: Ragged, item_rows: int, owner: str, l2: float, dropout: float = 0.0) -> Float[Tensor, "N N"]:
    """B = I - P / diag(P) column by column, where P = (X.T X + l2 I)^-1 (Steck, WWW 2019, eq. 8).

    `dropout` p of the past's items adds p / (1 - p) diag(X.T X) to the l2 (Steck, NeurIPS 2020).
    The counts are exact in fp32, and the matrix is positive definite with no eigenvalue below `l2`, so that a Cholesky
    factor inverts it in fp32 without the pivots of a general inverse. An l2 that is lost beside the counts is refused
    in the owner's name.
    """
    gram = gram_matrix(history, item_rows)
    gram.diagonal().add_(l2 + dropout / (1 - dropout) * gram.diagonal().clone())
    inverse_(gram, owner, l2)
    gram.div_(-gram.diagonal().clone())
    gram.fill_diagonal_(0.0)
    return gram


@final
class EASE(Encoder):
    """Embarrassingly shallow autoencoder (Steck, WWW 2019): a row's score is its past's incidence times B.

    Memory is quadratic and time cubic in the catalogue: 12 thousand items take .6 GB, and about twenty seconds of one
    core to fit.

    Args:
        corpus: The training split; repeats count once.
        l2: Regularisation, the paper's lambda.

    Raises:
        CompositionError: For a setting outside its range, or a batch without its full past.
    """

    def __init__(self, corpus: Corpus, *, l2: float = 500.0):
        super().__init__(corpus)
        require(l2 > 0, f"ease: l2={l2} must be above 0")
        self.item_rows = corpus.item_rows
        self.register_buffer("weights", fit(corpus.history, corpus.item_rows, "ease", l2))
        self.weights: Tensor

    def forward(self, batch: Batch, shared: object = None) -> FittedEncoding:
        return FittedEncoding(batch, self.score)

    def score(self, batch: Batch) -> Float[Tensor, "B N"]:
        return sum_rows(self.weights, bags(batch.seen, self.item_rows, "ease"))
