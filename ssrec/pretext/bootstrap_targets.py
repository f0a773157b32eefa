"""What the one side of an edge predicts of the other: a choice of `objective.bootstrap_graph.loss.target`."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Literal, final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ssrec.distributed import of_all
from ssrec.encodings.graph import GraphEncoding
from ssrec.models.encoder import Encoder
from ssrec.models.with_predictor import WithPredictor
from ssrec.nn import dropout, require
from ssrec.pretext.edges import edge_vectors
from ssrec.pretext.teacher import Teacher

Rows = Literal["all", "batch"]
Drop = Callable[[GraphEncoding], GraphEncoding]  # a pass to another one with edges of its own left out


class BootstrapTarget(nn.Module, ABC):
    """`(x, drop) -> users, items` "B D" each: vectors of the edges' ends, which no gradient passes.

    `x` is the pass whose vectors predict; targets that make a pass of their own drop edges from it by `drop`.
    """

    @abstractmethod
    def forward(self, x: GraphEncoding, drop: Drop) -> tuple[Float[Tensor, "B D"], Float[Tensor, "B D"]]: ...

    def before_epoch(self, encoder: Encoder) -> None:
        """Once per epoch, before its first step."""

    def after_step(self, encoder: Encoder) -> None:
        """After every optimizer step."""


@final
class Taught(BootstrapTarget):
    """Vectors of a moving average of the encoder (BUIR: Lee et al., SIGIR 2021, with .995 at every step).

    Args:
        teacher: Makes a teacher from a module.
        rows: Which rows of the table of nodes follow at a step: all, as in the authors' code, or the batch's users and
            items alone, as in SELFRec.
    """

    def __init__(self, encoder: WithPredictor, *, teacher: Callable[[nn.Module], Teacher], rows: Rows = "all"):
        super().__init__()
        self.teacher = teacher(encoder)
        self.rows: Rows = rows
        table = encoder.encoder.embedding.weight
        (self.table,) = (name for name, parameter in encoder.named_parameters() if parameter is table)
        self.met: Tensor | None = None

    def forward(self, x: GraphEncoding, drop: Drop) -> tuple[Float[Tensor, "B D"], Float[Tensor, "B D"]]:
        self.met = _nodes(x)
        taught = drop(self.teacher(x.batch).base)
        with torch.no_grad():
            return edge_vectors(taught, taught.nodes)

    def before_epoch(self, encoder: Encoder) -> None:
        self.teacher.start(encoder)

    def after_step(self, encoder: Encoder) -> None:
        if self.rows == "all" or self.met is None:
            self.teacher.follow(encoder)
        else:
            self.teacher.follow(encoder, {self.table: of_all(self.met[:, None])[0].flatten()})


@final
class History(BootstrapTarget):
    """`momentum` times the vector that a node had when it was last met, and the rest of its present one (SelfCF-he).

    Zhou et al., TORS 2023. Nodes not met yet have a draw from N(0, 1), as in the authors' code.

    Raises:
        CompositionError: For a momentum outside [0, 1].
    """

    def __init__(self, encoder: WithPredictor, *, momentum: float = 0.05):
        super().__init__()
        require(0 <= momentum <= 1, f"bootstrap_graph: momentum={momentum} must be between 0 and 1")
        self.momentum = momentum
        self.register_buffer("stored", torch.randn(len(encoder.encoder.embedding.weight), encoder.width))
        self.stored: Tensor
        self.met: tuple[Tensor, Tensor] | None = None

    def forward(self, x: GraphEncoding, drop: Drop) -> tuple[Float[Tensor, "B D"], Float[Tensor, "B D"]]:
        nodes, present = _nodes(x), torch.cat(edge_vectors(x, x.nodes)).detach()
        self.met = nodes, present
        user, item = self.stored[nodes].lerp(present, 1 - self.momentum).chunk(2)
        return user, item

    @torch.no_grad()
    def after_step(self, encoder: Encoder) -> None:
        if self.met is None:
            return
        nodes, present = of_all(self.met[0][:, None])[0].flatten(), of_all(self.met[1])[0]
        places = torch.arange(len(nodes), device=nodes.device)
        # the last of those that stand for one node: passes of several processes differ, and their tables must not
        last = places.new_full((len(self.stored),), -1).scatter_reduce(0, nodes, places, "amax")
        self.stored[last >= 0] = present[last[last >= 0]]
        self.met = None


@final
class Dropped(BootstrapTarget):
    """The same vectors with a share of their numbers dropped (SelfCF-ed: Zhou et al., TORS 2023).

    Raises:
        CompositionError: For a rate outside [0, 1).
    """

    def __init__(self, encoder: WithPredictor, *, rate: float = 0.5):
        super().__init__()
        require(0 <= rate < 1, f"bootstrap_graph: rate={rate} must be at least 0 and below 1")
        self.rate = rate

    def forward(self, x: GraphEncoding, drop: Drop) -> tuple[Float[Tensor, "B D"], Float[Tensor, "B D"]]:
        user, item = (dropout(v.detach(), self.rate, self.training) for v in edge_vectors(x, x.nodes))
        return user, item


@final
class Pruned(BootstrapTarget):
    """The same vectors after one more step over a graph with a share of its edges left out (SelfCF-ep).

    Zhou et al., TORS 2023; each direction of an edge is drawn alone, and what stays grows, as in the authors' code.

    Raises:
        CompositionError: For a rate outside [0, 1).
    """

    def __init__(self, encoder: WithPredictor, *, rate: float = 0.1):
        super().__init__()
        require(0 <= rate < 1, f"bootstrap_graph: rate={rate} must be at least 0 and below 1")
        self.rate = rate

    def forward(self, x: GraphEncoding, drop: Drop) -> tuple[Float[Tensor, "B D"], Float[Tensor, "B D"]]:
        pruned = x.graph.reweighed(dropout(x.graph.weights, self.rate, self.training))
        return edge_vectors(x, pruned @ x.nodes.detach().float())


def _nodes(x: GraphEncoding) -> Tensor:
    """The nodes of the edges' users, then of their items."""
    return torch.cat([x.batch.user, x.item_node(x.batch.target[:, 0])])
