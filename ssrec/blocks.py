"""Blocks of an attentive encoder: attention, then a position-wise feed-forward network."""

from typing import Literal, final

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from ssrec.nn import dropout

Activation = Literal["relu", "gelu"]
Norm = Literal["original", "pre", "post"]


@final
class Block(nn.Module):
    """Attention, then a feed-forward network, normalised in one of three ways.

    `original` (Kang & McAuley, ICDM 2018, as their code has it) normalises the query alone and adds to the normalised
    value; `pre` normalises what enters each half; `post` what leaves it (Vaswani et al., NeurIPS 2017). `attention`
    is called with the query, the source and what else the block is given.
    """

    def __init__(self, attention: nn.Module, dim: int, inner: int, p: float, activation: Activation, norm: Norm):
        super().__init__()
        self.norm = norm
        self.p = p
        self.activation = F.relu if activation == "relu" else F.gelu
        self.attention = attention
        self.attention_norm = nn.LayerNorm(dim)
        self.widen = nn.Linear(dim, inner)
        self.narrow = nn.Linear(inner, dim)
        self.feed_norm = nn.LayerNorm(dim)

    def feed(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        inner = dropout(self.activation(self.widen(x)), self.p, self.training)
        return dropout(self.narrow(inner), self.p, self.training)

    def forward(self, x: Float[Tensor, "B T D"], *given: Tensor | None) -> Float[Tensor, "B T D"]:
        if self.norm == "original":
            query = self.attention_norm(x)
            x = self.feed_norm(query + self.attention(query, x, *given))
            return x + self.feed(x)
        if self.norm == "pre":
            y = self.attention_norm(x)
            x = x + dropout(self.attention(y, y, *given), self.p, self.training)
            return x + self.feed(self.feed_norm(x))
        x = self.attention_norm(x + dropout(self.attention(x, x, *given), self.p, self.training))
        return self.feed_norm(x + self.feed(x))


@final
class GatedBlock(nn.Module):
    """A pre-norm block whose halves are gated by what enters them (LiGR: Borisyuk et al., arXiv 2502.03417, 2025).

    x + s(W1 x) * attention(norm x), then the same with a SwiGLU network without biases (Shazeer, 2020).
    """

    def __init__(self, attention: nn.Module, dim: int, inner: int, p: float):
        super().__init__()
        self.p = p
        self.attention = attention
        self.attention_norm = nn.LayerNorm(dim)
        self.attention_gate = nn.Linear(dim, dim)
        self.open = nn.Linear(dim, inner, bias=False)
        self.widen = nn.Linear(dim, inner, bias=False)
        self.narrow = nn.Linear(inner, dim, bias=False)
        self.feed_norm = nn.LayerNorm(dim)
        self.feed_gate = nn.Linear(dim, dim)

    def feed(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        inner = F.silu(self.open(x)) * self.widen(x)
        return self.narrow(dropout(inner, self.p, self.training))

    def forward(self, x: Float[Tensor, "B T D"], bias: Float[Tensor, "*B1 T T"]) -> Float[Tensor, "B T D"]:
        y = self.attention_norm(x)
        attended = dropout(self.attention(y, y, bias), self.p, self.training)
        x = x + self.attention_gate(x).sigmoid() * attended
        fed = dropout(self.feed(self.feed_norm(x)), self.p, self.training)
        return x + self.feed_gate(x).sigmoid() * fed


@final
class PostNormFeed(nn.Module):
    """norm(x + dropout(feed(x))) with a GELU inside and no dropout there, as FMLP-Rec's code and its forks have it."""

    def __init__(self, dim: int, inner: int, p: float):
        super().__init__()
        self.p = p
        self.widen = nn.Linear(dim, inner)
        self.narrow = nn.Linear(inner, dim)
        self.norm = nn.LayerNorm(dim, eps=1e-12)

    def forward(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        return self.norm(x + dropout(self.narrow(F.gelu(self.widen(x))), self.p, self.training))
