"""SASRec: self-attention over a user's past items, causal or bidirectional."""

from typing import ClassVar, Literal, final

import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from ssrec.batch import PAD, Corpus
from ssrec.blocks import Activation, Block, Norm
from ssrec.models.sequence import MakeTable, SequenceEncoder, Vectors
from ssrec.nn import (
    Attention,
    Init,
    attention_bias,
    dropout,
    initialise,
    require,
    require_choices,
    require_dropout,
    require_heads,
    require_sizes,
)
from ssrec.positions import alibi, from_end, from_start

Positions = Literal["end", "start", "rotary", "alibi", "none"]


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
        positions: Learned vectors that count from the end of a row or from its first item; rotary and alibi tell
            attention of distances, see `ssrec.positions`; none leaves only the order that a causal pass has.
        init: Xavier-normal for every matrix, tables included, or N(0, .02).
        attend_padding: Attend to rows as if zero vectors filled them up to `max_length`, as some code does by not
            masking its padding. It is computed with one padded column for all of them: its logit grows by the log of
            their number, and dropout leaves it a binomial share. Exact for every `norm`; rotary and alibi, for which
            pads differ, read literally padded rows.
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
        kinds = (Activation, Norm, Positions, Init)
        require_sizes("sasrec", layers=layers, inner=inner)
        require_heads("sasrec", dim, heads)
        require_dropout("sasrec", dropout)
        require_choices("sasrec", *kinds, activation=activation, norm=norm, positions=positions, init=init)
        even = positions != "rotary" or dim % (2 * heads) == 0
        require(even, f"sasrec: dim={dim} must be a multiple of 2 * heads={2 * heads} for positions=rotary")
        self.p = dropout
        self.kind = positions
        self.heads = heads
        self.attend_padding = attend_padding
        self.positions = nn.Embedding(max_length, dim) if positions in ("end", "start") else None
        self.blocks = nn.ModuleList(
            Block(Attention(dim, heads, dropout, positions == "rotary"), dim, inner, dropout, activation, norm)
            for _ in range(layers)
        )
        self.enter = nn.LayerNorm(dim) if norm == "post" else nn.Identity()
        self.leave = nn.Identity() if norm == "post" else nn.LayerNorm(dim, eps=1e-8)
        initialise(self, init)

    def read(
        self, ids: Int[Tensor, "B T"], causal: bool, table: Vectors, times: Int[Tensor, "B T"] | None = None
    ) -> Float[Tensor, "B T D"]:
        width, n_pads, literal = ids.shape[1], None, self.attend_padding and self.kind in ("rotary", "alibi")
        if literal:  # where distances count, every pad is a key of its own
            ids = F.pad(ids, (self.max_length - width, 0), value=PAD)
        elif self.attend_padding:  # a column in front stands for all the padding of its row
            n_pads = self.max_length - (ids != PAD).sum(1)
            ids = F.pad(ids, (1, 0), value=PAD)
        real = ids != PAD
        bias = attention_bias(real | literal, n_pads, causal)
        if self.kind == "alibi":
            bias = bias + alibi(self.heads, ids.shape[1], ids.device)
        x = dropout(self.enter(self._placed(table(ids), real)), self.p, self.training)
        for block in self.blocks:
            if self.attend_padding:
                x = x * real.unsqueeze(-1)
            x = block(x, bias, n_pads)
        return self.leave(x)[:, ids.shape[1] - width :]

    def _placed(self, x: Float[Tensor, "B T D"], real: Bool[Tensor, "B T"]) -> Float[Tensor, "B T D"]:
        if self.positions is None:
            return x
        if self.kind == "start":
            return x + self.positions(from_start(real))
        last = self.max_length - 1  # the front column of `attend_padding` has no position, and is zeroed
        return x + self.positions(from_end(real.shape[1], real.device).clamp(max=last))
