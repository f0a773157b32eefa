"""What encoders of the transformers library share: a standard architecture over a user's past items."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from jaxtyping import Float, Int
from torch import Tensor

from ssrec.batch import PAD, Corpus
from ssrec.huggingface import Transformer
from ssrec.models.sequence import MakeTable, SequenceEncoder, Vectors
from ssrec.nn import initialise


class TransformerEncoder(SequenceEncoder):
    """An architecture of the transformers library that reads and ranks by our item vectors.

    Positions count from a row's first item. Whether its one pass is causal is a fact of the class, `passes`.

    Args:
        corpus: The training split, for its sizes.
        table: Makes the item vectors from the corpus and `dim`, drawn from N(0, .02).
        architecture: The library's name of it.
        dim, layers, heads, inner, dropout, settings: See `ssrec.huggingface.Transformer`.
        max_length: Positions that a pass reads, the last ones of a longer row.

    Raises:
        CompositionError: For a setting that the library or the architecture does not take, or without the library.
    """

    owner: ClassVar[str]  # for messages

    def __init__(
        self,
        corpus: Corpus,
        *,
        table: MakeTable,
        architecture: str,
        dim: int = 64,
        layers: int = 2,
        heads: int = 2,
        inner: int | None = None,
        max_length: int = 50,
        dropout: float = 0.2,
        settings: Mapping[str, Any] = MappingProxyType({}),
    ):
        (causal,) = self.passes
        super().__init__(corpus, table=table, dim=dim, max_length=max_length, causal=causal)
        initialise(self.table, "normal")
        self.body = Transformer(
            self.owner,
            architecture,
            dim=dim,
            layers=layers,
            heads=heads,
            inner=inner,
            max_length=max_length,
            dropout=dropout,
            causal=causal,
            settings=settings,
        )

    def read(
        self, ids: Int[Tensor, "B T"], causal: bool, table: Vectors, times: Int[Tensor, "B T"] | None = None
    ) -> Float[Tensor, "B T D"]:
        return self.body(table(ids), ids != PAD) if ids.numel() else table(ids)
