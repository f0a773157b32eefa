"""EDLAE: the full-rank linear autoencoder that is trained with dropout, in closed form."""

from typing import final

from jaxtyping import Float
from torch import Tensor

from ssrec.batch import Batch, Corpus
from ssrec.encodings.encoding import FittedEncoding
from ssrec.models.ease import fit
from ssrec.models.encoder import Encoder
from ssrec.nn import require, require_dropout
from ssrec.sparse import bags, sum_rows


@final
class EDLAE(Encoder):
    """Emphasised denoising linear autoencoder of full rank (Steck, NeurIPS 2020): a past's incidence times B.

    B is what squared error, where a left-out item is all that counts, and dropout p of the input have as their expected
    optimum: EASE with the l2 of item i raised by p / (1 - p) times the users who met i, so that popular items are held
    back more. A dropout of 0 is EASE. Memory is quadratic and time cubic in the catalogue, as EASE's.

    Args:
        corpus: The training split; repeats count once.
        dropout: Probability p that an item of a past is left out.
        l2: Regularisation, the same for all items.

    Raises:
        CompositionError: For a setting outside its range, or a batch without its full past.
    """

    def __init__(self, corpus: Corpus, *, dropout: float = 0.5, l2: float = 100.0):
        super().__init__(corpus)
        require_dropout("edlae", dropout)
        require(l2 > 0, f"edlae: l2={l2} must be above 0")
        self.item_rows = corpus.item_rows
        self.register_buffer("weights", fit(corpus.history, corpus.item_rows, "edlae", l2, dropout))
        self.weights: Tensor

    def forward(self, batch: Batch, shared: object = None) -> FittedEncoding:
        return FittedEncoding(batch, self.score)

    def score(self, batch: Batch) -> Float[Tensor, "B N"]:
        return sum_rows(self.weights, bags(batch.seen, self.item_rows, "edlae"))
