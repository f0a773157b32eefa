"""SASRec with LiGR's gated layers: the encoder of eSASRec."""

from typing import ClassVar, final

from jaxtyping import Float, Int
from torch import Tensor, nn

from ssrec.batch import PAD, Corpus
from ssrec.blocks import GatedBlock
from ssrec.models.sequence import MakeTable, SequenceEncoder, Vectors
from ssrec.nn import (
    Attention,
    Init,
    attention_bias,
    dropout,
    initialise,
    require_choices,
    require_dropout,
    require_heads,
    require_sizes,
)
from ssrec.positions import from_end


@final
class LiGR(SequenceEncoder):
    """Self-attention over the past in gated pre-norm blocks (eSASRec: Tikhonovich et al., RecSys 2025).

    As that paper's code has it: positions learned from the end of a row, padding masked, no norm after the last block.

    Args:
        corpus: The training split, for its sizes.
        table: Makes the item vectors from the corpus and `dim`.
        dim: Width of all vectors, a multiple of `heads`.
        layers: Number of blocks.
        heads: Attention heads in each block.
        inner: Width of the feed-forward network; 4 times `dim` where it is not given.
        max_length: Positions that a pass reads, the last ones of a longer row.
        dropout: Probability on the input, the attention weights, the feed-forward network and what each half adds.
        init: Xavier-normal for every matrix, tables included, or N(0, .02).
        causal: Whether a plain pass lets a position read only what came before it.

    Raises:
        CompositionError: For a setting outside its range.
    """

    has_blocks: ClassVar[bool] = True

    def __init__(
        self,
        corpus: Corpus,
        *,
        table: MakeTable,
        dim: int = 64,
        layers: int = 1,
        heads: int = 1,
        inner: int | None = None,
        max_length: int = 50,
        dropout: float = 0.2,
        init: Init = "xavier",
        causal: bool = True,
    ):
        super().__init__(corpus, table=table, dim=dim, max_length=max_length, causal=causal)
        inner = 4 * dim if inner is None else inner
        require_sizes("ligr", layers=layers, inner=inner)
        require_heads("ligr", dim, heads)
        require_dropout("ligr", dropout)
        require_choices("ligr", Init, init=init)
        self.p = dropout
        self.positions = nn.Embedding(max_length, dim)
        self.blocks = nn.ModuleList(
            GatedBlock(Attention(dim, heads, dropout), dim, inner, dropout) for _ in range(layers)
        )
        initialise(self, init)

    def read(
        self, ids: Int[Tensor, "B T"], causal: bool, table: Vectors, times: Int[Tensor, "B T"] | None = None
    ) -> Float[Tensor, "B T D"]:
        bias = attention_bias(ids != PAD, None, causal)
        x = dropout(table(ids) + self.positions(from_end(ids.shape[1], ids.device)), self.p, self.training)
        for block in self.blocks:
            x = block(x, bias)
        return x
