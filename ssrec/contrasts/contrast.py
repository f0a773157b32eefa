"""A contrast: the vectors of two views of each row -> the named parts of a loss."""

from abc import ABC, abstractmethod
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from ssrec.batch import PAD, Batch
from ssrec.distributed import of_all
from ssrec.nn import require

FalseNegatives = Literal["keep", "mask"]


class Contrast(nn.Module, ABC):
    """Compares two views of B rows, among the C rows that all processes hold."""

    false_negatives: FalseNegatives = "keep"  # whether rows that ask for the same item are negatives of each other

    @abstractmethod
    def forward(
        self, first: Float[Tensor, "B D"], second: Float[Tensor, "B D"], same: Bool[Tensor, "B C"] | None = None
    ) -> dict[str, Tensor]:
        """The parts, each a mean over what all processes hold; `same` marks rows that are no negatives of a row."""


def require_positive(name: str, **settings: float) -> None:
    """Refuse settings that are not above 0, with a `CompositionError`."""
    for setting, value in settings.items():
        require(value > 0, f"{name}: {setting}={value} must be above 0")


def same_target(batch: Batch) -> Bool[Tensor, "B C"]:
    """Which other rows, of all processes, ask for the item that a row asks for after its last position."""
    target = batch.target[:, :1]
    everyone, start = of_all(target)
    same = (target == everyone.T) & (target != PAD)
    itself = torch.arange(start, start + len(target), device=target.device)
    return same.scatter(1, itself[:, None], False)
