"""FMLP-Rec: learned filters over the positions of a row in place of attention."""

from typing import ClassVar, final

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ssrec.batch import Corpus
from ssrec.blocks import PostNormFeed
from ssrec.models.sequence import MakeTable, SequenceEncoder, Vectors
from ssrec.nn import dropout, initialise, require_dropout, require_sizes


@final
class LearnedFilter(nn.Module):
    """norm(x + dropout(y)), where y is x with every frequency of every channel times a learned complex number."""

    def __init__(self, length: int, dim: int, p: float):
        super().__init__()
        self.p = p
        self.weight = nn.Parameter(torch.randn(length // 2 + 1, dim, 2) * 0.02)  # real and imaginary parts
        self.norm = nn.LayerNorm(dim, eps=1e-12)

    def forward(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        spectrum = torch.fft.rfft(x.float(), dim=1) * torch.view_as_complex(self.weight)
        filtered = torch.fft.irfft(spectrum, n=x.shape[1], dim=1)
        return self.norm(x + dropout(filtered, self.p, self.training))


@final
class FMLPRec(SequenceEncoder):
    """Filter-enhanced MLP (Zhou et al., WWW 2022).

    A filter reads all `max_length` positions of a left-padded row, so that a pass is never causal: it trains on
    prefix rows. Padding has a position and passes through every block, as in the authors' code; its item vector is
    random there and zero here.

    Args:
        corpus: The training split, for its sizes.
        table: Makes the item vectors from the corpus and `dim`.
        dim: Width of all vectors.
        layers: Number of blocks.
        inner: Width of the feed-forward network; 4 times `dim` where it is not given.
        max_length: Positions of a row, for which filters are learned; the last ones of a longer row are read.
        dropout: Probability on the input and on what every part adds.

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
        inner: int | None = None,
        max_length: int = 50,
        dropout: float = 0.5,
    ):
        super().__init__(corpus, table=table, dim=dim, max_length=max_length, causal=False)
        inner = 4 * dim if inner is None else inner
        require_sizes("fmlp", layers=layers, inner=inner)
        require_dropout("fmlp", dropout)
        self.p = dropout
        self.positions = nn.Embedding(max_length, dim)
        self.enter = nn.LayerNorm(dim, eps=1e-12)
        self.blocks = nn.ModuleList(
            nn.Sequential(LearnedFilter(max_length, dim, dropout), PostNormFeed(dim, inner, dropout))
            for _ in range(layers)
        )
        initialise(self, "normal")

    def read(
        self, ids: Int[Tensor, "B T"], causal: bool, table: Vectors, times: Int[Tensor, "B T"] | None = None
    ) -> Float[Tensor, "B T D"]:
        x = dropout(self.enter(table(ids) + self.positions.weight), self.p, self.training)
        if not len(ids):  # of which MKL has no transform
            return x
        for block in self.blocks:
            x = block(x)
        return x
