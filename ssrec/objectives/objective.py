"""`Objective: Encoding -> the named parts of a loss`."""

from abc import ABC, abstractmethod
from typing import ClassVar, Generic, TypeVar

from torch import Tensor, nn

from ssrec.batch import Corpus
from ssrec.encodings.encoding import Encoding
from ssrec.models.encoder import Encoder

X = TypeVar("X", bound=Encoding)


class Objective(nn.Module, ABC, Generic[X]):
    """A loss. The encoding that it reads is its type argument, known to people, the type checker and `compose.check`.

    It may read sizes off the encoder or copy it (a teacher), and never keeps it.
    """

    rows: ClassVar[tuple[str, ...]]  # the kinds of training rows that it can read, the usual one first
    causal_rows: ClassVar[tuple[str, ...]] = ()  # those of them over which the encoder's pass must be causal
    passes: ClassVar[tuple[bool, ...]] = ()  # values of `causal` of the passes that it makes besides the batch's own
    branches: ClassVar[int] = 0  # of graphs: how many a step of the encoder's propagation must add up at least
    needs: ClassVar[frozenset[str]] = frozenset()  # item features that the dataset must have
    numbers_rows: ClassVar[bool] = False  # whether it finds a prefix row's event in the corpus by the row's number
    contrasts_rows: ClassVar[bool] = False  # whether its negatives are the other rows of a batch
    players: ClassVar[tuple[str, ...]] = ()  # parts that are losses of opponents: each falls alone

    def __init__(self, encoder: Encoder, corpus: Corpus):
        super().__init__()

    @abstractmethod
    def forward(self, x: X) -> dict[str, Tensor]:
        """The named parts; their sum is the loss. Each is a mean over what all processes of a step hold."""

    def before_epoch(self, encoder: Encoder, corpus: Corpus) -> None:
        """Once per epoch, before its first step: clusters, prototypes, similarity tables."""

    def after_step(self, encoder: Encoder) -> None:
        """After every optimizer step: moving averages, annealing."""
