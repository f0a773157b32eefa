"""HSTU: pointwise gated attention with biases for distance and time."""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar, final

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from ssrec.batch import PAD, Corpus
from ssrec.models.sequence import MakeTable, SequenceEncoder, Vectors
from ssrec.nn import dropout, initialise, require, require_dropout, require_heads, require_sizes
from ssrec.positions import from_start

BUCKETS = 128  # of a logarithm of seconds; 72 hold any two events since 1970


def buckets(times: Int[Tensor, "B T"]) -> Int[Tensor, "B T T"]:
    """floor(ln(seconds between two events) / 0.301), at least 0 and at most `BUCKETS`."""
    seconds = (times[:, :, None] - times[:, None, :]).abs().clamp(min=1)
    return (seconds.float().log() / 0.301).long().clamp(max=BUCKETS)


@final
class Transducer(nn.Module):
    """x + out(u * norm(attention(norm x))): weights are SiLUs of logits over the longest length, with no softmax.

    u, v, q and k come from one product and a SiLU; neither norm has parameters.
    """

    def __init__(self, dim: int, heads: int, p: float, max_length: int, time_bias: bool):
        super().__init__()
        self.heads = heads
        self.p = p
        self.max_length = max_length
        self.uvqk = nn.Linear(dim, 4 * dim, bias=False)
        nn.init.normal_(self.uvqk.weight, std=0.02)
        self.out = nn.Linear(dim, dim)
        nn.init.xavier_uniform_(self.out.weight)
        self.distance = nn.Parameter(torch.randn(max_length) * 0.02)
        self.span = nn.Parameter(torch.randn(BUCKETS + 1) * 0.02) if time_bias else None

    def forward(
        self,
        x: Float[Tensor, "B T D"],
        seen: Bool[Tensor, "B T T"],
        distances: Int[Tensor, "T T"],
        spans: Int[Tensor, "B T T"] | None,
    ) -> Float[Tensor, "B T D"]:
        size = x.shape[-1:]
        u, v, q, k = F.silu(self.uvqk(F.layer_norm(x, size, eps=1e-6))).chunk(4, dim=-1)
        q, k, v = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in (q, k, v))
        bias = self.distance[distances]
        if self.span is not None and spans is not None:
            row = self.span.expand(len(spans), -1)  # a gather: indexing would take several times as long
            bias = bias + row.gather(1, spans.flatten(1)).view(spans.shape)[:, None]
        weights = F.silu(q @ k.transpose(-1, -2) + bias) / self.max_length * seen[:, None]
        mixed = (weights.to(v.dtype) @ v).transpose(1, 2).flatten(-2)
        gated = u * F.layer_norm(mixed, size, eps=1e-6)
        return x + self.out(dropout(gated, self.p, self.training))


@final
class HSTU(SequenceEncoder):
    """Hierarchical sequential transduction units (Zhai et al., ICML 2024), in the setting of its sequential benchmarks.

    Scores are cosines over a temperature. The authors' time bias reads the time of the event to predict; here it reads
    that of the position itself, so that nothing of a label is known.

    Args:
        corpus: The training split, for its sizes.
        table: Makes the item vectors from the corpus and `dim`.
        dim: Width of all vectors, a multiple of `heads`.
        layers: Number of blocks.
        heads: Attention heads in each block.
        max_length: Positions that a pass reads, the last ones of a longer row.
        dropout: Probability on the input and on what leaves a block's gate.
        temperature: Divides cosines.
        time_bias: Add a learned number for the time between two events to their logit; needs times.

    Raises:
        CompositionError: For a setting outside its range, or a batch without times where they are read.
    """

    passes: ClassVar[tuple[bool, ...]] = (True,)
    has_blocks: ClassVar[bool] = True
    needs_when: ClassVar[Mapping[str, str]] = MappingProxyType({"time_bias": "times"})

    def __init__(
        self,
        corpus: Corpus,
        *,
        table: MakeTable,
        dim: int = 64,
        layers: int = 2,
        heads: int = 1,
        max_length: int = 50,
        dropout: float = 0.2,
        temperature: float = 0.05,
        time_bias: bool = False,
    ):
        super().__init__(corpus, table=table, dim=dim, max_length=max_length, causal=True)
        require_sizes("hstu", layers=layers)
        require_heads("hstu", dim, heads)
        require_dropout("hstu", dropout)
        require(temperature > 0, f"hstu: temperature={temperature} must be above 0")
        self.p = dropout
        self.temperature = temperature
        self.reads_times = time_bias
        self.positions = nn.Embedding(max_length, dim)
        self.blocks = nn.ModuleList(Transducer(dim, heads, dropout, max_length, time_bias) for _ in range(layers))
        initialise(self.table, "normal")
        nn.init.xavier_normal_(self.positions.weight)  # the last of the two draws that the authors' code makes

    def read(
        self, ids: Int[Tensor, "B T"], causal: bool, table: Vectors, times: Int[Tensor, "B T"] | None = None
    ) -> Float[Tensor, "B T D"]:
        real = ids != PAD
        place = torch.arange(ids.shape[1], device=ids.device)
        distances = place[:, None] - place
        seen = real[:, None, :] & (distances >= 0)
        spans = buckets(torch.zeros_like(ids) if times is None else times) if self.reads_times else None
        items = table(ids)
        x = dropout(items * math.sqrt(items.shape[-1]) + self.positions(from_start(real)), self.p, self.training)
        for block in self.blocks:
            x = block(x, seen, distances.clamp(min=0), spans)
        return F.normalize(x.float(), dim=-1, eps=1e-6) / self.temperature

    def outputs(self, items: Float[Tensor, "N D"]) -> Float[Tensor, "N D"]:
        return F.normalize(items, dim=-1, eps=1e-6)
