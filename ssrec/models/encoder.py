"""`Encoder: Batch -> Encoding`: what every model is."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

from torch import nn

from ssrec.batch import Batch, Corpus
from ssrec.encodings.encoding import Encoding


class Encoder(nn.Module, ABC):
    """A model. It is built from `Corpus` and its settings; the return type of `forward` names its family."""

    reads_weights: ClassVar[bool] = False  # whether events of larger weight count more; else all count alike
    needs: ClassVar[frozenset[str]] = frozenset()  # what the dataset must have: times
    needs_when: ClassVar[Mapping[str, str]] = MappingProxyType({})  # a setting, and what the dataset must have for it
    personal: ClassVar[bool] = True  # whether it means to rank for each user, rather than the same for everybody
    repeats: ClassVar[bool] = False  # whether it ranks a row's own past, so that masking it would leave nothing
    passes: ClassVar[tuple[bool, ...]] = (True, False)  # of sequences: whether a pass may be causal, and may be not
    has_blocks: ClassVar[bool] = False  # of sequences: whether it is a stack `blocks`, between which one may perturb
    branches: ClassVar[int] = 1  # of graphs: how many a step of propagation adds up; 0 where there is no step
    reads_padding: ClassVar[bool] = False  # whether more padding before a row may change what it gives, and does

    def __init__(self, corpus: Corpus):
        super().__init__()

    def shared(self) -> object:
        """What does not depend on the batch (a propagation, an item tower): computed once per evaluation."""
        return None

    @abstractmethod
    def forward(self, batch: Batch, shared: object = None) -> Encoding:
        """Encode a batch; `shared` is what `shared()` returned where it was computed before."""
