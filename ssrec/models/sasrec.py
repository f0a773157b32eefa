"""SASRec: self-attention over a user's past items, causal or bidirectional."""

from typing import Literal, final, get_args

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from ssrec.batch import PAD, Corpus
from ssrec.models.sequence import MakeTable, SequenceEncoder, Vectors
from ssrec.nn import Attention, Init, attention_bias, dropout, initialise, require

Activation = Literal["relu", "gelu"]
Norm = Literal["original", "pre", "post"]
Positions = Literal["end", "start"]


@final
class Block(nn.Module):
    """Attention, then a position-wise feed-forward network, normalised in one of three ways.

    `original` (Kang & McAuley, ICDM 2018, as their code has it) normalises the query alone and adds to the normalised
    value; `pre` normalises what enters each half; `post` what leaves it (Vaswani et al., NeurIPS 2017).
    """

    def __init__(self, dim: int, heads: int, inner: int, p: float, activation: Activation, norm: Norm):
        super().__init__()
        self.norm = norm
        self.p = p
        self.activation = F.relu if activation == "relu" else F.gelu
        self.attention = Attention(dim, heads, p)
        self.attention_norm = nn.LayerNorm(dim)
        self.widen = nn.Linear(dim, inner)
        self.narrow = nn.Linear(inner, dim)
        self.feed_norm = nn.LayerNorm(dim)

    def feed(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        inner = dropout(self.activation(self.widen(x)), self.p, self.training)
        return dropout(self.narrow(inner), self.p, self.training)

    def forward(
        self, x: Float[Tensor, "B T D"], bias: Float[Tensor, "*B1 T T"], n_first: Int[Tensor, "B"] | None
    ) -> Float[Tensor, "B T D"]:
        if self.norm == "original":
            query = self.attention_norm(x)
            x = self.feed_norm(query + self.attention(query, x, bias, n_first))
            return x + self.feed(x)
        if self.norm == "pre":
            y = self.attention_norm(x)
            x = x + dropout(self.attention(y, y, bias, n_first), self.p, self.training)
            return x + self.feed(self.feed_norm(x))
        x = self.attention_norm(x + dropout(self.attention(x, x, bias, n_first), self.p, self.training))
        return self.feed_norm(x + self.feed(x))


@final
class SASRec(SequenceEncoder):
    """Self-attentive sequential recommendation (Kang & McAuley, ICDM 2018).

    Args:
        corpus: The training split, for its sizes.
        table: Makes the item vectors from the corpus and `dim`.
        dim: Width of all vectors, a multiple of `heads`.
        layers: Number of blocks.
        heads: Attention heads in each block.
        inner: Width of the feed-forward network; `dim` where it is not given.
        max_length: Positions that a pass reads, the last ones of a longer row.
        dropout: Probability on the input, the attention weights and the feed-forward network.
        activation: Of the feed-forward network.
        norm: Where blocks normalise, see `Block`; `post` normalises the input and not the output.
        positions: Whether learned positions count from the end of a row or from its first item.
        init: Xavier-normal for every matrix, tables included, or N(0, .02).
        attend_padding: Attend to rows as if zero vectors filled them up to `max_length`, as some code does by not
            masking its padding. It is computed with one padded column for all of them: its logit grows by the log of
            their number, and dropout leaves it a binomial share. Exact for every `norm`.
        causal: Whether a plain pass lets a position read only what came before it.

    Raises:
        CompositionError: For a setting outside its range.
    """

    def __init__(
        self,
        corpus: Corpus,
        *,
        table: MakeTable,
        dim: int = 64,
        layers: int = 2,
        heads: int = 2,
        inner: int | None = None,
        max_length: int = 50,
        dropout: float = 0.2,
        activation: Activation = "relu",
        norm: Norm = "original",
        positions: Positions = "end",
        init: Init = "xavier",
        attend_padding: bool = False,
        causal: bool = True,
    ):
        super().__init__(corpus, table=table, dim=dim, max_length=max_length, causal=causal)
        inner = dim if inner is None else inner
        sizes = {"layers": layers, "heads": heads, "inner": inner}
        for name, size in sizes.items():
            require(size > 0, f"sasrec: {name}={size} must be at least 1")
        require(dim % heads == 0, f"sasrec: dim={dim} must be a multiple of heads={heads}")
        require(0 <= dropout < 1, f"sasrec: dropout={dropout} must be at least 0 and below 1")
        given = {"activation": activation, "norm": norm, "positions": positions, "init": init}
        for (name, value), kind in zip(given.items(), (Activation, Norm, Positions, Init), strict=True):
            require(value in get_args(kind), f"sasrec: {name}={value} must be one of {', '.join(get_args(kind))}")
        self.p = dropout
        self.from_end = positions == "end"
        self.attend_padding = attend_padding
        self.positions = nn.Embedding(max_length, dim)
        self.blocks = nn.ModuleList(Block(dim, heads, inner, dropout, activation, norm) for _ in range(layers))
        self.enter = nn.LayerNorm(dim) if norm == "post" else nn.Identity()
        self.leave = nn.Identity() if norm == "post" else nn.LayerNorm(dim, eps=1e-8)
        initialise(self, init)

    def read(
        self, ids: Int[Tensor, "B T"], causal: bool, table: Vectors, times: Int[Tensor, "B T"] | None = None
    ) -> Float[Tensor, "B T D"]:
        n_pads = self.max_length - (ids != PAD).sum(1) if self.attend_padding else None
        padded = int(self.attend_padding)  # a column in front that stands for all the padding of its row
        ids = F.pad(ids, (padded, 0), value=PAD)
        real = ids != PAD
        bias = attention_bias(real, n_pads, causal)
        x = dropout(self.enter(table(ids) + self._places(real)), self.p, self.training)
        for block in self.blocks:
            if self.attend_padding:
                x = x * real.unsqueeze(-1)
            x = block(x, bias, n_pads)
        return self.leave(x)[:, padded:]

    def _places(self, real: Bool[Tensor, "B T"]) -> Float[Tensor, "*B1 T D"]:
        if not self.from_end:
            return self.positions(real.cumsum(1).sub(1).clamp(min=0))
        last = self.max_length - 1  # the front column of `attend_padding` has no position, and is zeroed
        return self.positions(torch.arange(real.shape[1] - 1, -1, -1, device=real.device).clamp(max=last))
