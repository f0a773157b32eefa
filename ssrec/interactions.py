"""What a user's and an item's vectors say together, as a logit: a choice of `model.interaction`."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import pairwise
from typing import final

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ssrec.nn import gather, require_sizes, require_widths
from ssrec.pairs import pair_logits

TILE = 2**21  # numbers of a layer alive at once while a catalogue is scored


class Interaction(nn.Module, ABC):
    """Logits of pairs; the vectors of both sides are `width` wide."""

    width: int

    @abstractmethod
    def logits(
        self, users: Float[Tensor, "P D"], items: Float[Tensor, "N D"], ids: Int[Tensor, "P K"]
    ) -> Float[Tensor, "P K"]:
        """Those of each row's user with the items that the row names, in fp32."""

    @abstractmethod
    def scores(self, users: Float[Tensor, "B D"], items: Float[Tensor, "N D"]) -> Float[Tensor, "B N"]:
        """Those of every user with every item; fp32 given vectors in fp32."""


@final
class Additive(Interaction):
    """A number for the user plus a number for the item: a logistic regression on what stands side by side.

    A user's number moves all her logits alike, so that everybody has the same ranking.
    """

    width = 1

    def logits(
        self, users: Float[Tensor, "P D"], items: Float[Tensor, "N D"], ids: Int[Tensor, "P K"]
    ) -> Float[Tensor, "P K"]:
        return (users + gather(items, ids).squeeze(-1)).float()

    def scores(self, users: Float[Tensor, "B D"], items: Float[Tensor, "N D"]) -> Float[Tensor, "B N"]:
        return users + items.T


@final
class Dot(Interaction):
    """The dot product of two towers.

    Args:
        dim: Width of both vectors.

    Raises:
        CompositionError: For a width below 1.
    """

    def __init__(self, dim: int = 64):
        super().__init__()
        require_sizes("interaction dot", dim=dim)
        self.width = dim

    def logits(
        self, users: Float[Tensor, "P D"], items: Float[Tensor, "N D"], ids: Int[Tensor, "P K"]
    ) -> Float[Tensor, "P K"]:
        return pair_logits(users, items, ids)

    def scores(self, users: Float[Tensor, "B D"], items: Float[Tensor, "N D"]) -> Float[Tensor, "B N"]:
        return users @ items.T


@final
class MLP(Interaction):
    """A perceptron with ReLU over the concatenation (He et al., WWW 2017, eq. 10).

    Its first layer is a sum of one part for the user and one for the item, which are the vectors of both sides; without
    any layer of its own it would be additive.

    Args:
        widths: Of its layers, the first one included.

    Raises:
        CompositionError: For a width below 1, or none.
    """

    def __init__(self, widths: Sequence[int] = (128, 64)):
        super().__init__()
        require_widths("interaction mlp", widths)
        self.width = widths[0]
        self.widest = max(widths)
        self.layers = nn.ModuleList(nn.Linear(*pair) for pair in pairwise((*widths, 1)))
        for layer in self.layers:
            nn.init.xavier_uniform_(layer.get_parameter("weight"))
            nn.init.zeros_(layer.get_parameter("bias"))

    def logits(
        self, users: Float[Tensor, "P D"], items: Float[Tensor, "N D"], ids: Int[Tensor, "P K"]
    ) -> Float[Tensor, "P K"]:
        return self._rest(users[:, None] + gather(items, ids)).float()

    def scores(self, users: Float[Tensor, "B D"], items: Float[Tensor, "N D"]) -> Float[Tensor, "B N"]:
        """In tiles of users x items: without a gradient about `TILE` numbers of a layer are alive."""
        pairs = max(1, TILE // self.widest)
        columns = items.split(pairs)
        rows = users.split(max(1, pairs // len(items)))
        return torch.cat([torch.cat([self._rest(u[:, None] + v) for v in columns], dim=1) for u in rows])

    def _rest(self, first: Float[Tensor, "P K D"]) -> Float[Tensor, "P K"]:
        """The logits of pairs, given the first layer without its ReLU."""
        for layer in self.layers:
            first = layer(first.relu())
        return first.squeeze(-1)
