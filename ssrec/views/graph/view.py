"""What a view of a graph is, and what those that drop a part of it share."""

from abc import ABC, abstractmethod
from typing import ClassVar, Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from ssrec.batch import Corpus
from ssrec.encodings.graph import GraphEncoding, Graphs
from ssrec.nn import require

Drawn = Literal["epoch", "step"]


class GraphView(nn.Module, ABC):
    """Other vectors of the same nodes: those of another pass, or made of the batch's own.

    The batch's own pass and its graph are not edited. What a view fitted lies in buffers.
    """

    draws: ClassVar[bool] = True  # whether two copies of it differ

    @abstractmethod
    def forward(self, x: GraphEncoding) -> Float[Tensor, "V D"]:
        """The vectors of all nodes; `x` is the batch's own pass."""

    def before_epoch(self, x: GraphEncoding) -> None:
        """Once per epoch, before its first step; `x` is a pass of that moment, without dropout or noise."""


class Dropping(GraphView):
    """A pass over a part of the training graph, normalised by the degrees that are left.

    Args:
        corpus: the training split.
        rate: the share that is dropped, rounded down to a whole number of edges or nodes.
        draw: step: each step drops others; epoch: all steps of an epoch share one draw (SGL: Wu et al., SIGIR 2021).

    Raises:
        CompositionError: for a rate outside [0, 1).
    """

    def __init__(self, corpus: Corpus, *, rate: float, draw: Drawn = "epoch"):
        super().__init__()
        require(0 <= rate < 1, f"rate={rate}: a view drops a share of a graph, at least 0 and below 1")
        self.rate = rate
        self.draw: Drawn = draw
        self.kept: Graphs | None = None  # what is left for the epoch; no state, since every epoch draws anew

    @abstractmethod
    def dropped(self, x: GraphEncoding) -> Graphs:
        """One draw: what is left of the graph, for all steps of propagation or for each."""

    def before_epoch(self, x: GraphEncoding) -> None:
        self.kept = self.dropped(x) if self.draw == "epoch" else None

    def forward(self, x: GraphEncoding) -> Float[Tensor, "V D"]:
        if self.draw == "epoch" and self.kept is None:
            self.kept = self.dropped(x)
        return x.view(self.dropped(x) if self.kept is None else self.kept).nodes


def keep_some(n: int, rate: float, device: torch.device) -> Bool[Tensor, "n"]:
    """Marks all of n but a random `floor(rate * n)`."""
    kept = torch.ones(n, dtype=torch.bool, device=device)
    kept[torch.randperm(n, device=device)[: int(rate * n + 1e-9)]] = False  # .3 * 10 counts as 3
    return kept
