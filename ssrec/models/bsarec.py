"""BSARec: attention beside a low-pass filter over the positions of a row."""

from typing import ClassVar, final

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ssrec.batch import PAD, Corpus
from ssrec.blocks import PostNormFeed
from ssrec.models.sequence import MakeTable, SequenceEncoder, Vectors
from ssrec.nn import (
    Attention,
    attention_bias,
    dropout,
    initialise,
    require,
    require_dropout,
    require_heads,
    require_sizes,
)


def low_pass(length: int, bins: int) -> Float[Tensor, "T R"]:
    """An orthonormal basis V of the first `bins` frequencies: V V.T x is x without the higher ones.

    As an inverse Fourier transform of what is left of a transform, at a sixth of its time where bins are few.
    """
    angle = 2 * torch.pi / length * torch.arange(length, dtype=torch.float64)
    columns = [torch.ones(length, dtype=torch.float64)]
    for k in range(1, min(bins, length // 2 + 1)):
        columns += [(k * angle).cos()] if 2 * k == length else [(k * angle).cos(), (k * angle).sin()]
    basis = torch.stack(columns, dim=1)
    return (basis / basis.norm(dim=0)).float()


@final
class FilterBlock(nn.Module):
    """alpha times a filtered and 1 - alpha times an attentive half, both post-norm, then a feed-forward network.

    The filter keeps low frequencies and weighs the others by beta, learned for each channel as its root.
    """

    def __init__(self, dim: int, heads: int, inner: int, p: float, alpha: float):
        super().__init__()
        self.p = p
        self.alpha = alpha
        self.sqrt_beta = nn.Parameter(torch.randn(dim))
        self.filter_norm = nn.LayerNorm(dim, eps=1e-12)
        self.attention = Attention(dim, heads, p)
        self.attention_norm = nn.LayerNorm(dim, eps=1e-12)
        self.feed = PostNormFeed(dim, inner, p)

    def forward(
        self, x: Float[Tensor, "B T D"], basis: Float[Tensor, "T R"], bias: Float[Tensor, "B 1 T T"]
    ) -> Float[Tensor, "B T D"]:
        low = basis @ (basis.T @ x)
        filtered = low + self.sqrt_beta.square() * (x - low)
        filtered = self.filter_norm(x + dropout(filtered, self.p, self.training))
        attended = self.attention_norm(x + dropout(self.attention(x, x, bias), self.p, self.training))
        return self.feed(self.alpha * filtered + (1 - self.alpha) * attended)


@final
class BSARec(SequenceEncoder):
    """Beyond self-attention for sequential recommendation (Shin et al., AAAI 2024).

    The filter reads all `max_length` positions of a left-padded row, so that a pass is never causal, though attention
    is: it trains on prefix rows. As in the authors' code padding has a position, passes through every block as items
    do, is no key for them, and attends to everything. There its vector is random and trained as a class of the
    softmax; here it is zero.

    Args:
        corpus: The training split, for its sizes.
        table: Makes the item vectors from the corpus and `dim`.
        dim: Width of all vectors, a multiple of `heads`.
        layers: Number of blocks.
        heads: Attention heads in each block.
        inner: Width of the feed-forward network; 4 times `dim` where it is not given.
        max_length: Positions of a row; the last ones of a longer row are read.
        dropout: Probability on the input, the attention weights and what every part adds.
        alpha: Share of the filtered half, the rest is attention's.
        c: Which frequencies are low: the first c // 2 + 1.

    Raises:
        CompositionError: For a setting outside its range.
    """

    passes: ClassVar[tuple[bool, ...]] = (False,)
    has_blocks: ClassVar[bool] = True
    asks_mask: ClassVar[bool] = False
    fixed_length: ClassVar[bool] = True

    def __init__(
        self,
        corpus: Corpus,
        *,
        table: MakeTable,
        dim: int = 64,
        layers: int = 2,
        heads: int = 1,
        inner: int | None = None,
        max_length: int = 50,
        dropout: float = 0.5,
        alpha: float = 0.7,
        c: int = 5,
    ):
        super().__init__(corpus, table=table, dim=dim, max_length=max_length, causal=False)
        inner = 4 * dim if inner is None else inner
        require_sizes("bsarec", layers=layers, inner=inner)
        require_heads("bsarec", dim, heads)
        require_dropout("bsarec", dropout)
        require(0 <= alpha <= 1, f"bsarec: alpha={alpha} must be between 0 and 1")
        require(c >= 0, f"bsarec: c={c} must not be negative")
        self.p = dropout
        self.positions = nn.Embedding(max_length, dim)
        self.enter = nn.LayerNorm(dim, eps=1e-12)
        self.blocks = nn.ModuleList(FilterBlock(dim, heads, inner, dropout, alpha) for _ in range(layers))
        self.register_buffer("basis", low_pass(max_length, c // 2 + 1), persistent=False)
        self.basis: Tensor
        initialise(self, "normal")

    def read(
        self, ids: Int[Tensor, "B T"], causal: bool, table: Vectors, times: Int[Tensor, "B T"] | None = None
    ) -> Float[Tensor, "B T D"]:
        bias = attention_bias(ids != PAD, None, causal=True)
        x = dropout(self.enter(table(ids) + self.positions.weight), self.p, self.training)
        for block in self.blocks:
            x = block(x, self.basis, bias)
        return x
