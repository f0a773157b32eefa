"""Small layers that more than one model can use."""

from collections.abc import Sequence
from typing import Literal, final, get_args

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from ssrec.errors import CompositionError
from ssrec.positions import rotate

Init = Literal["xavier", "normal"]


def gather(rows: Float[Tensor, "N D"], ids: Int[Tensor, "*shape"]) -> Float[Tensor, "*shape D"]:
    """The rows of these numbers, for a gradient that reaches few of many rows.

    On the CPU the backward of `index_select` takes half the time of an embedding's and gives the same bits; on CUDA the
    latter is the one that does not depend on the order of threads.
    """
    if rows.is_cuda:
        return F.embedding(ids, rows)
    return rows.index_select(0, ids.flatten()).view(*ids.shape, rows.shape[1])


def require(right: bool, message: str) -> None:
    """Refuse a setting with a `CompositionError`, before any data is used."""
    if not right:
        raise CompositionError(message)


def require_sizes(owner: str, **sizes: int) -> None:
    """Refuse a size below 1."""
    for name, size in sizes.items():
        require(size > 0, f"{owner}: {name}={size} must be at least 1")


def require_widths(owner: str, widths: Sequence[int]) -> None:
    """Refuse no layer at all, and a layer of width below 1."""
    sized = len(widths) > 0 and min(widths) > 0
    require(sized, f"{owner}: widths={list(widths)} must be one or more sizes of at least 1")


def require_choices(owner: str, *kinds: object, **given: str) -> None:
    """Refuse a value that is not of its `Literal`; the kinds stand in the order of the values."""
    for (name, value), kind in zip(given.items(), kinds, strict=True):
        require(value in get_args(kind), f"{owner}: {name}={value} must be one of {', '.join(get_args(kind))}")


def require_dropout(owner: str, dropout: float) -> None:
    """Refuse what is no probability, and 1, which leaves nothing."""
    require(0 <= dropout < 1, f"{owner}: dropout={dropout} must be at least 0 and below 1")


def require_heads(owner: str, dim: int, heads: int) -> None:
    """Refuse heads that do not share `dim` out evenly."""
    require_sizes(owner, heads=heads)
    require(dim % heads == 0, f"{owner}: dim={dim} must be a multiple of heads={heads}")


def dropout(x: Float[Tensor, "*shape"], p: float, training: bool) -> Float[Tensor, "*shape"]:
    """Inverted dropout; on a CPU 16 random bits an element, a third of the time that `F.dropout` takes.

    There the probability is p rounded to 1/65536, and the scale is that of the rounded value: the mean stays exact.
    """
    if not training or p == 0:
        return x
    if x.device.type != "cpu":
        return F.dropout(x, p)
    cut = min(round(p * 2**16), 2**16 - 1)
    words = torch.empty((x.numel() + 3) // 4, dtype=torch.int64).random_(-(2**63), None)
    kept = words.view(torch.int16)[: x.numel()].view(x.shape) >= cut - 2**15
    return x * kept.to(x.dtype).mul_(2**16 / (2**16 - cut))


def kept_share(n: Int[Tensor, "B"], like: Float[Tensor, "B *shape"], p: float) -> Float[Tensor, "B *shape"]:
    """What dropout leaves of n equal parts of a sum, as a multiple of it: a binomial share over its mean 1 - p."""
    count = n.clamp(min=1).to(like.dtype).view(-1, *[1] * (like.dim() - 1)).expand(like.shape)
    return torch.binomial(count, torch.full_like(count, 1 - p)) / (count * (1 - p))


def initialise(module: nn.Module, init: Init) -> None:
    """Draw all weights of `module`: Xavier-normal over each matrix, or N(0, .02); biases and padding rows are zero."""
    for part in module.modules():
        if isinstance(part, nn.Linear | nn.Embedding | nn.EmbeddingBag):
            if init == "xavier":
                nn.init.xavier_normal_(part.weight)
            else:
                nn.init.normal_(part.weight, std=0.02)
        if isinstance(part, nn.Linear) and part.bias is not None:
            nn.init.zeros_(part.bias)
        if isinstance(part, nn.Embedding) and part.padding_idx is not None:
            nn.init.zeros_(part.weight[part.padding_idx].detach())


@final
class Attention(nn.Module):
    """Multi-head attention of queries to a source (Vaswani et al., NeurIPS 2017), with dropout on its weights.

    `rotary` turns queries and keys by their places, see `ssrec.positions.rotate`.
    """

    def __init__(self, dim: int, heads: int, p: float, rotary: bool = False):
        super().__init__()
        self.heads = heads
        self.p = p
        self.rotary = rotary
        self.qkv = nn.Linear(dim, 3 * dim)  # one matrix: one product where query and source are the same
        self.out = nn.Linear(dim, dim)

    def forward(
        self,
        query: Float[Tensor, "B T D"],
        source: Float[Tensor, "B T D"],
        bias: Float[Tensor, "*B1 T T"],
        n_first: Int[Tensor, "B"] | None = None,
    ) -> Float[Tensor, "B T D"]:
        """`bias` is added to the logits; the first key stands for `n_first` equal ones, where given."""
        if query is source:
            parts = self.qkv(source).chunk(3, dim=-1)
        else:
            d = query.shape[-1]
            q = F.linear(query, self.qkv.weight[:d], self.qkv.bias[:d])
            parts = (q, *F.linear(source, self.qkv.weight[d:], self.qkv.bias[d:]).chunk(2, dim=-1))
        q, k, v = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in parts)
        if self.rotary:
            q, k = rotate(q), rotate(k)
        p = self.p if self.training else 0.0
        if p and (n_first is not None or q.device.type == "cpu"):
            # torch's fused kernel has no dropout on a CPU, its fallback draws slowly, and no kernel knows of `n_first`
            weights = (q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5 + bias).softmax(-1)
            kept = dropout(weights, p, True)
            if n_first is not None:
                kept = torch.cat([kept_share(n_first, weights[..., :1], p) * weights[..., :1], kept[..., 1:]], dim=-1)
            mixed = kept @ v
        else:
            mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=bias, dropout_p=p)
        return self.out(mixed.transpose(1, 2).flatten(-2))


def attention_bias(
    real: Bool[Tensor, "B T"], n_pads: Int[Tensor, "B"] | None, causal: bool
) -> Float[Tensor, "B 1 T T"]:
    """What is added to attention's logits: -inf hides a key; the first key counts `n_pads` times where given.

    Rows of padding attend to everything: their output is finite, and no one reads it.
    """
    hidden = float("-inf")
    keys = torch.zeros(real.shape, device=real.device).masked_fill(~real, hidden)
    if n_pads is not None:
        keys[:, 0] = n_pads.log()
    bias = keys[:, None, None, :]
    if causal:
        length = real.shape[1]
        bias = bias + torch.full((length, length), hidden, device=real.device).triu(1)
    return bias.masked_fill(~real[:, None, :, None], 0.0)
