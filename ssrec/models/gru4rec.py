"""GRU4Rec: a recurrent network over a user's past items."""

from itertools import pairwise
from typing import ClassVar, final

from jaxtyping import Float, Int
from torch import Tensor, nn

from ssrec.batch import Corpus
from ssrec.models.sequence import MakeTable, SequenceEncoder, Vectors
from ssrec.nn import Init, dropout, initialise, require_choices, require_dropout, require_sizes


@final
class GRU4Rec(SequenceEncoder):
    """Gated recurrent units over the past (Hidasi et al., ICLR 2016, section 3, whose equations have no biases).

    Without biases and with a zero vector for padding the state is exactly zero until a row's first item, so that rows
    need neither to be moved nor packed. As in the authors' PyTorch code the reset gate applies to U h and not to h,
    and items are ranked by the vectors that are read (constrained embedding), here without its bias of each item.

    Args:
        corpus: The training split, for its sizes.
        table: Makes the item vectors from the corpus and `dim`.
        dim: Width of the item vectors.
        layers: Number of recurrent layers.
        hidden: Width of their state, mapped to `dim` at the end; `dim` and no map where it is not given.
        max_length: Positions that a pass reads, the last ones of a longer row.
        dropout: Probability on the input and on what each layer gives.
        init: Of the item vectors and the map; recurrent matrices are orthogonal, input matrices Xavier-normal.

    Raises:
        CompositionError: For a setting outside its range.
    """

    passes: ClassVar[tuple[bool, ...]] = (True,)

    def __init__(
        self,
        corpus: Corpus,
        *,
        table: MakeTable,
        dim: int = 64,
        layers: int = 1,
        hidden: int | None = None,
        max_length: int = 50,
        dropout: float = 0.2,
        init: Init = "xavier",
    ):
        super().__init__(corpus, table=table, dim=dim, max_length=max_length, causal=True)
        width = dim if hidden is None else hidden
        require_sizes("gru4rec", layers=layers, hidden=width)
        require_dropout("gru4rec", dropout)
        require_choices("gru4rec", Init, init=init)
        self.p = dropout
        sizes = [dim] + [width] * layers
        self.layers = nn.ModuleList(nn.GRU(a, b, bias=False, batch_first=True) for a, b in pairwise(sizes))
        self.leave = nn.Identity() if hidden is None else nn.Linear(width, dim, bias=False)
        initialise(self, init)
        for name, weight in self.layers.named_parameters():
            for matrix in weight.detach().chunk(3):  # of the two gates and the candidate
                nn.init.orthogonal_(matrix) if "_hh_" in name else nn.init.xavier_normal_(matrix)

    def read(
        self, ids: Int[Tensor, "B T"], causal: bool, table: Vectors, times: Int[Tensor, "B T"] | None = None
    ) -> Float[Tensor, "B T D"]:
        x = dropout(table(ids), self.p, self.training)
        if not ids.numel():
            return x
        for layer in self.layers:
            x = dropout(layer(x)[0], self.p, self.training)
        return self.leave(x)
