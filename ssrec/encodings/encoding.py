"""One pass over one batch: lazy, shared by all objectives of a step, and gone with it."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar, final

import torch
from jaxtyping import Float
from torch import Tensor

from ssrec.batch import Batch

T = TypeVar("T")


@final
class Lazy(Generic[T]):
    """A value computed at the first call, under the grad mode of its construction.

    A plain cached property first read under `no_grad` would carry no gradient, silently.
    """

    def __init__(self, compute: Callable[[], T]):
        self._compute = compute
        self._grad = torch.is_grad_enabled()
        self._value: list[T] = []

    def __call__(self) -> T:
        if not self._value:
            with torch.set_grad_enabled(self._grad):
                self._value.append(self._compute())
        return self._value[0]


@final
class Once:
    """What objectives of a step share, a draw or a pass, each made at the first call with its key.

    It is computed under the grad mode of construction, as `Lazy` computes.
    """

    def __init__(self) -> None:
        self._grad = torch.is_grad_enabled()
        self._made: dict[Hashable, Any] = {}

    def __call__(self, key: Hashable, make: Callable[[], T]) -> T:
        if key not in self._made:
            with torch.set_grad_enabled(self._grad):
                self._made[key] = make()
        return self._made[key]


class Encoding(ABC):
    """One pass over `batch`; every encoding can score the catalogue for ranking."""

    batch: Batch

    @abstractmethod
    def scores(self) -> Float[Tensor, "B N"]:
        """A score per row and item row in fp32 (in half precision they tie and lose accuracy)."""

    def item_vectors(self) -> Float[Tensor, "N D"] | None:
        """Vectors of the catalogue for diversity over vectors; None where a model has none."""
        return None

    def user_vectors(self) -> Float[Tensor, "B D"] | None:
        """Vectors of the rows' users for diagnostics; None where a model has none."""
        return None


def dot_scores(users: Float[Tensor, "B D"], items: Float[Tensor, "N D"]) -> Float[Tensor, "B N"]:
    """`users @ items.T` in fp32, whatever the precision of training."""
    with torch.autocast(users.device.type, enabled=False):
        return users.float() @ items.float().T


class DotEncoding(Encoding):
    """An encoding that scores by the products of two vectors, a row's user's and an item's."""

    @property
    @abstractmethod
    def users(self) -> Float[Tensor, "B D"]: ...

    @property
    @abstractmethod
    def items(self) -> Float[Tensor, "N D"]: ...

    def scores(self) -> Float[Tensor, "B N"]:
        return dot_scores(self.users, self.items)

    def item_vectors(self) -> Float[Tensor, "N D"]:
        return self.items

    def user_vectors(self) -> Float[Tensor, "B D"]:
        return self.users


@final
class FittedEncoding(Encoding):
    """What a model fitted in closed form gives: scores, and nothing that an objective could train."""

    def __init__(self, batch: Batch, score: Callable[[Batch], Tensor]):
        self.batch = batch
        self._score = score

    def scores(self) -> Float[Tensor, "B N"]:
        return self._score(self.batch)
