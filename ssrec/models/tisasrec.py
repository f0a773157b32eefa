"""TiSASRec: self-attention that knows how much time lies between two events."""

import math
from typing import ClassVar, final

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from ssrec.batch import PAD, Corpus
from ssrec.blocks import Block
from ssrec.models.sequence import MakeTable, SequenceEncoder, Vectors
from ssrec.nn import attention_bias, dropout, initialise, require_dropout, require_heads, require_sizes
from ssrec.positions import from_end


def intervals(times: Int[Tensor, "B T"], real: Bool[Tensor, "B T"], most: int) -> Int[Tensor, "B T T"]:
    """floor(|time_i - time_j| / unit_i), at most `most`, where unit_i is the shortest gap above 0 up to event i."""
    gaps = times - times.roll(1, dims=1)
    known = real & real.roll(1, dims=1) & (gaps > 0)
    known[:, :1] = False  # `roll` put the last event before the first
    unit = gaps.masked_fill(~known, torch.iinfo(gaps.dtype).max).cummin(dim=1).values
    return ((times[:, :, None] - times[:, None, :]).abs() // unit[:, :, None]).clamp(max=most)


@final
class IntervalAttention(nn.Module):
    """Attention whose keys and values have a part for their place and a part for the interval to the query.

    With a table of R intervals the logits gather from q @ table.T, and the values are a sum over intervals of all the
    weight that fell on each: there is no tensor of width D for every pair of events. Without an output matrix, as the
    authors' code has it.
    """

    def __init__(self, dim: int, heads: int, p: float):
        super().__init__()
        self.heads = heads
        self.p = p
        self.qkv = nn.Linear(dim, 3 * dim)

    def _split(self, x: Float[Tensor, "*B T D"]) -> Float[Tensor, "*B H T C"]:
        return x.unflatten(-1, (self.heads, -1)).transpose(-2, -3)

    def forward(
        self,
        query: Float[Tensor, "B T D"],
        source: Float[Tensor, "B T D"],
        bias: Float[Tensor, "B 1 T T"],
        index: Int[Tensor, "B T T"],
        places: Float[Tensor, "T E"],
        spans: Float[Tensor, "R E"],
    ) -> Float[Tensor, "B T D"]:
        """`places` and `spans` hold what is added to keys, and behind it what is added to values."""
        d = query.shape[-1]
        q = self._split(F.linear(query, self.qkv.weight[:d], self.qkv.bias[:d]))
        key, value = F.linear(source, self.qkv.weight[d:], self.qkv.bias[d:]).add(places).chunk(2, dim=-1)
        k, v = self._split(key), self._split(value)
        span_k, span_v = (self._split(part) for part in spans.chunk(2, dim=-1))
        index = index[:, None].expand(-1, self.heads, -1, -1)
        logits = q @ k.transpose(-1, -2) + (q @ span_k.transpose(-1, -2).to(q.dtype)).gather(-1, index)
        weights = dropout((logits.float() * q.shape[-1] ** -0.5 + bias).softmax(-1), self.p, self.training)
        by_span = weights.new_zeros(*weights.shape[:-1], len(spans)).scatter_add(-1, index, weights)
        return (weights.to(v.dtype) @ v + by_span.to(v.dtype) @ span_v.to(v.dtype)).transpose(1, 2).flatten(-2)


@final
class TiSASRec(SequenceEncoder):
    """Time interval aware self-attention (Li et al., WSDM 2020, eqs. 3 to 13), in SASRec's original block.

    An interval counts in units of a user's shortest gap. Here a position's unit is the shortest gap before it, in what
    the row holds: the authors take that of the whole history, events to predict included. Dropout on the vectors of
    places and intervals is one draw for all pairs; theirs is one for each.

    Args:
        corpus: The training split, for its sizes.
        table: Makes the item vectors from the corpus and `dim`.
        dim: Width of all vectors, a multiple of `heads`.
        layers: Number of blocks.
        heads: Attention heads in each block.
        intervals: Longest interval that is told apart, in units.
        max_length: Positions that a pass reads, the last ones of a longer row.
        dropout: Probability on the input, the vectors of places and intervals, the attention weights and the
            feed-forward network.

    Raises:
        CompositionError: For a setting outside its range, or a batch without times.
    """

    passes: ClassVar[tuple[bool, ...]] = (True,)
    has_blocks: ClassVar[bool] = True
    needs: ClassVar[frozenset[str]] = frozenset({"times"})
    reads_times = True

    def __init__(
        self,
        corpus: Corpus,
        *,
        table: MakeTable,
        dim: int = 64,
        layers: int = 2,
        heads: int = 1,
        intervals: int = 256,
        max_length: int = 50,
        dropout: float = 0.2,
    ):
        super().__init__(corpus, table=table, dim=dim, max_length=max_length, causal=True)
        require_sizes("tisasrec", layers=layers, intervals=intervals)
        require_heads("tisasrec", dim, heads)
        require_dropout("tisasrec", dropout)
        self.p = dropout
        self.intervals = intervals
        self.positions = nn.Embedding(max_length, 2 * dim)
        self.spans = nn.Embedding(intervals + 1, 2 * dim)
        self.blocks = nn.ModuleList(
            Block(IntervalAttention(dim, heads, dropout), dim, dim, dropout, "relu", "original") for _ in range(layers)
        )
        self.leave = nn.LayerNorm(dim, eps=1e-8)
        initialise(self, "xavier")

    def read(
        self, ids: Int[Tensor, "B T"], causal: bool, table: Vectors, times: Int[Tensor, "B T"] | None = None
    ) -> Float[Tensor, "B T D"]:
        real = ids != PAD
        index = intervals(torch.zeros_like(ids) if times is None else times, real, self.intervals)
        bias = attention_bias(real, None, causal)
        places = dropout(self.positions(from_end(ids.shape[1], ids.device)), self.p, self.training)
        spans = dropout(self.spans.weight, self.p, self.training)
        items = table(ids)
        x = dropout(items * math.sqrt(items.shape[-1]), self.p, self.training)
        for block in self.blocks:
            x = block(x, bias, index, places, spans)
        return self.leave(x)
