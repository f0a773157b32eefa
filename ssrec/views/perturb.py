"""Views of a pass by a changed model (SRMA: Liu et al., arXiv 2203.15508, 2022): what leaves each of its blocks.

They are drawn while training alone, as dropout is.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar, final

import torch
from jaxtyping import Float
from torch import Tensor

from ssrec.nn import dropout, require


class Perturbation(ABC):
    """Of what enters a block and what leaves it, what leaves it instead; each row draws alone."""

    between_blocks: ClassVar[bool] = True  # so that it asks for an encoder that has blocks

    @abstractmethod
    def __call__(self, before: Float[Tensor, "B T D"], after: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]: ...


@final
class NeuronMask(Perturbation):
    """Masks `rate` of the numbers that leave a block, and scales the others up.

    The authors' code raises the dropout inside of feed-forward networks instead.

    Raises:
        CompositionError: for a rate outside [0, 1).
    """

    def __init__(self, *, rate: float):
        require(0 <= rate < 1, f"neuron_mask: rate={rate} must be at least 0 and below 1")
        self.rate = rate

    def __call__(self, before: Float[Tensor, "B T D"], after: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        return dropout(after, self.rate, True)


@final
class LayerDrop(Perturbation):
    """Lets each row skip each block with probability `rate`, as in stochastic depth (Huang et al., ECCV 2016).

    The authors append feed-forward networks behind the encoder, and drop some of those.

    Raises:
        CompositionError: for a rate outside [0, 1).
    """

    def __init__(self, *, rate: float):
        require(0 <= rate < 1, f"layer_drop: rate={rate} must be at least 0 and below 1")
        self.rate = rate

    def __call__(self, before: Float[Tensor, "B T D"], after: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        skipped = torch.rand(len(after), 1, 1, device=after.device) < self.rate
        return torch.where(skipped, before.to(after.dtype), after)


@final
class Chain(Perturbation):
    """Perturbations one after another, in the order of their names."""

    def __init__(self, perturb: Mapping[str, Perturbation]):
        self.parts = [perturb[name] for name in sorted(perturb)]

    def __call__(self, before: Float[Tensor, "B T D"], after: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        for part in self.parts:
            after = part(before, after)
        return after
