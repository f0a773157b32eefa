"""What a student pays for not ranking as a teacher does: a choice of `objective.distill.loss.match`."""

from abc import ABC, abstractmethod
from typing import final

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from ssrec.nn import require
from ssrec.pairs import pair_logits
from ssrec.pretext.divergence import divergence

BUDGET = 2**22  # scores of a teacher alive at once


class Distillation(nn.Module, ABC):
    """`(hidden, items, theirs, their_items, known) -> sum over positions`; the teacher's vectors have no gradient.

    Made from the widths of the student's and the teacher's vectors. `known` holds the items of each position's row,
    padding among them. Row 0 of both tables is padding.
    """

    @abstractmethod
    def forward(
        self,
        hidden: Float[Tensor, "P D"],
        items: Float[Tensor, "N D"],
        theirs: Float[Tensor, "P E"],
        their_items: Float[Tensor, "N E"],
        known: Int[Tensor, "P T"],
    ) -> Float[Tensor, ""]: ...


@final
class Logits(Distillation):
    """Softmaxes over the catalogue: `t^2 KL(teacher / t || student / t)` (Hinton et al., arXiv 2015, section 2).

    In nats, at least 0. Scores of positions x items exist for a few positions at a time.

    Args:
        temperature: t; above 1 it shows more of what the teacher thinks of unlikely items.
    """

    def __init__(self, dim: int, their_dim: int, *, temperature: float = 1.0):
        super().__init__()
        require(temperature > 0, f"distill: temperature={temperature} must be above 0")
        self.temperature = temperature

    def forward(
        self,
        hidden: Float[Tensor, "P D"],
        items: Float[Tensor, "N D"],
        theirs: Float[Tensor, "P E"],
        their_items: Float[Tensor, "N E"],
        known: Int[Tensor, "P T"],
    ) -> Float[Tensor, ""]:
        return divergence(hidden, items, theirs, their_items, temperature=self.temperature)


@final
class TopItems(Distillation):
    """`-sum_r w_r log s(score of the teacher's item r)` over its `top` items that the row does not have.

    w_r is proportional to `exp(-r / decay)` and sums to 1: the weight by position of ranking distillation (Tang and
    Wang, KDD 2018); its weight by discrepancy is left out. It raises scores and lowers none, so it goes beside a loss
    that has negatives.

    Args:
        top: how many items of the teacher.
        decay: ranks over which a weight falls to 1/e.
    """

    def __init__(self, dim: int, their_dim: int, *, top: int = 10, decay: float = 10.0):
        super().__init__()
        require(top > 0, f"distill: top={top} must be at least 1")
        require(decay > 0, f"distill: decay={decay} must be above 0")
        self.top = top
        self.decay = decay

    def forward(
        self,
        hidden: Float[Tensor, "P D"],
        items: Float[Tensor, "N D"],
        theirs: Float[Tensor, "P E"],
        their_items: Float[Tensor, "N E"],
        known: Int[Tensor, "P T"],
    ) -> Float[Tensor, ""]:
        ids, weights = self._chosen(theirs.float(), their_items.float(), known)
        return (F.softplus(-pair_logits(hidden, items, ids)) * weights).sum()

    def _chosen(
        self, theirs: Float[Tensor, "P E"], their_items: Float[Tensor, "N E"], known: Int[Tensor, "P T"]
    ) -> tuple[Int[Tensor, "P K"], Float[Tensor, "P K"]]:
        """The teacher's items and their weights, 0 where a row has too few items left."""
        top = min(self.top, len(their_items) - 1)
        ids, values = known.new_zeros(len(theirs), top), theirs.new_empty(len(theirs), top)
        size = max(1, BUDGET // len(their_items))
        with torch.autocast(theirs.device.type, enabled=False):
            for start in range(0, len(theirs), size):
                rows = slice(start, start + size)
                scores = (theirs[rows] @ their_items.T).scatter(1, known[rows], -torch.inf)
                scores[:, 0] = -torch.inf
                values[rows], ids[rows] = scores.topk(top, dim=1)
        weights = (-torch.arange(top, device=theirs.device) / self.decay).softmax(0)
        return ids, weights * values.isfinite()


@final
class Vectors(Distillation):
    """`1 - cosine` of a linear map of the student's vector and the teacher's, in [0, 2]; widths may differ."""

    def __init__(self, dim: int, their_dim: int):
        super().__init__()
        self.map = nn.Linear(dim, their_dim, bias=False)

    def forward(
        self,
        hidden: Float[Tensor, "P D"],
        items: Float[Tensor, "N D"],
        theirs: Float[Tensor, "P E"],
        their_items: Float[Tensor, "N E"],
        known: Int[Tensor, "P T"],
    ) -> Float[Tensor, ""]:
        return (1 - F.cosine_similarity(self.map(hidden).float(), theirs.float(), dim=1)).sum()
