"""What all encoders of item sequences share: a table, rows cut to what can be read, and the encoding."""

from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, ClassVar

import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from ssrec.batch import PAD, Batch, Corpus
from ssrec.encodings.encoding import Lazy
from ssrec.encodings.sequence import Between, Encode, SequenceEncoding
from ssrec.grouping import by_length
from ssrec.models.encoder import Encoder
from ssrec.models.table import Table
from ssrec.nn import require

Vectors = Callable[[Tensor], Tensor]  # ids to item vectors
MakeTable = Callable[[Corpus, int], Table]


class SequenceEncoder(Encoder):
    """An encoder of item sequences: a table of item vectors and `read`, the pass that a model writes.

    Args:
        corpus: The training split, for its sizes.
        table: Makes the item vectors from the corpus and `dim`.
        dim: Width of the item vectors, and of what the pass gives.
        max_length: Positions that a pass reads, the last ones of a longer row.
        causal: Whether a plain pass lets a position read only what came before it.

    Raises:
        CompositionError: For a setting outside its range.
    """

    asks_mask: ClassVar[bool] = True  # whether a pass that is not causal ranks at a mask token put after the past
    fixed_length: ClassVar[bool] = (
        False  # whether every row is padded to `max_length`, and what comes out depends on it
    )
    blocks: nn.ModuleList  # where `has_blocks`: each takes the hidden states first, and gives new ones
    reads_times: bool = False  # whether it reads when events happened; then a batch must say it

    def __init__(self, corpus: Corpus, *, table: MakeTable, dim: int, max_length: int, causal: bool):
        super().__init__(corpus)
        for name, size in {"dim": dim, "max_length": max_length}.items():
            require(size > 0, f"{type(self).__name__}: {name}={size} must be at least 1")
        self.mask = corpus.mask
        self.max_length = max_length
        self.causal = causal
        self.table = table(corpus, dim)

    @abstractmethod
    def read(
        self, ids: Int[Tensor, "B T"], causal: bool, table: Vectors, times: Int[Tensor, "B T"] | None = None
    ) -> Float[Tensor, "B T D"]:
        """One pass over rows of at most `max_length` columns; what stands at padding is not read.

        A row's vectors depend on no other row, and not on how much padding stands before it. `table` is this step's
        draw of the item table, `times` the seconds of each event where they are known: not in a view that holds the
        event to predict. A model that reads times takes such events as simultaneous.
        """

    def outputs(self, items: Float[Tensor, "N D"]) -> Float[Tensor, "N D"]:
        """The vectors by which items are scored, from those of the table; the same unless a model says otherwise."""
        return items

    def shared(self) -> Tensor:
        return self.outputs(self.table.all())

    def forward(self, batch: Batch, shared: object = None) -> SequenceEncoding:
        """Raises CompositionError where times are read, and the batch has events and no times."""
        if self.reads_times and batch.times is None:
            name = type(self).__name__
            require(not batch.items.any(), f"{name} reads the times of events, and this batch has none")
        table = self.table.draw()

        def passing(perturb: Between | None = None) -> Encode:
            return lambda ids, causal, times: self.encode(ids, causal, times, table, perturb)

        return SequenceEncoding(
            batch,
            passing(),
            Lazy(lambda: shared if isinstance(shared, Tensor) else self.outputs(table.all())),
            mask=self.mask if self.asks_mask else None,
            causal=self.causal,
            max_length=self.max_length,
            perturbed=passing if self.has_blocks else None,
        )

    def encode(
        self,
        ids: Int[Tensor, "B T"],
        causal: bool,
        times: Int[Tensor, "B T"] | None = None,
        table: Vectors | None = None,
        perturb: Between | None = None,
    ) -> Float[Tensor, "B T D"]:
        """Hidden states of right-aligned rows; zero at padding, and at what is more than `max_length` from the end.

        `table` is the draw of the pass that asks; the whole table where none is given. `perturb` acts in training.
        """
        require(causal in self.passes, f"{type(self).__name__} has no pass with causal={str(causal).lower()}")
        surplus = ids.shape[1] - self.max_length
        cut = [ids] if times is None else [ids, times]
        if surplus > 0 or self.fixed_length:
            cut = [F.pad(x, (-surplus, 0), value=PAD) for x in cut]

        def read(ids: Tensor, times: Tensor | None = None) -> Tensor:
            return self.read(ids, causal, table or self.table, times) * (ids != PAD).unsqueeze(-1)

        with between(self.blocks, perturb) if perturb and self.training else nullcontext():
            hidden = read(*cut) if self.fixed_length else by_length(read, *cut)
        return F.pad(hidden, (0, 0, ids.shape[1] - hidden.shape[1], 0))


@contextmanager
def between(blocks: nn.ModuleList, perturb: Between) -> Iterator[None]:
    """Inside, `perturb` has the last word on what leaves each block."""

    def changed(_: nn.Module, given: tuple[Any, ...], left: Tensor) -> Tensor:
        return perturb(given[0], left)

    hooks = [block.register_forward_hook(changed) for block in blocks]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
