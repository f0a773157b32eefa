"""Groups of rows: by the length of the past, by what users are, by whose items are asked for."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, final

import torch
from jaxtyping import Bool
from torch import Tensor, nn

from ssrec.batch import Corpus
from ssrec.errors import CompositionError
from ssrec.metrics.names import USER, item_names, user_names
from ssrec.ranking import Ranking


class Groups(nn.Module, ABC):
    """A row may belong to one group, to several, or to none; `name` ends the names of results."""

    name: str
    n: int

    @abstractmethod
    def forward(self, r: Ranking) -> Bool[Tensor, "B G"]:
        """Which groups each row belongs to."""


@final
class HistoryGroups(Groups):
    """Rows by the number of events of their whole past: up to the first bound, up to the second, ..., above the last.

    Raises:
        CompositionError: the bounds are none, negative, or do not rise.
    """

    name = "history"

    def __init__(self, corpus: Corpus, *, bounds: Sequence[int] = (5, 20)):
        super().__init__()
        if not bounds or min(bounds) < 0 or list(bounds) != sorted(set(bounds)):
            raise CompositionError(f"bounds={list(bounds)} of history lengths rise from 0 or more, as in bounds=[5,20]")
        self.n = len(bounds) + 1
        self.register_buffer("bounds", torch.tensor(bounds), persistent=False)
        self.bounds: Tensor

    def forward(self, r: Ranking) -> Bool[Tensor, "B G"]:
        group = torch.bucketize(r.past.lengths, self.bounds)
        return group[:, None] == torch.arange(self.n, device=group.device)


@final
class UserGroups(Groups):
    """Rows by what their user is, a group for each name; users that are unknown or have no name are in none.

    Args:
        corpus: which has the users' columns as published.
        feature: the column, for example user.gender.

    Raises:
        CompositionError: the users have no such names.
    """

    needs_named: ClassVar[tuple[str, ...]] = ("feature",)

    def __init__(self, corpus: Corpus, *, feature: str):
        super().__init__()
        self.names = user_names(corpus, feature, "user groups")
        self.name, self.n = feature.removeprefix(USER), self.names.n

    def forward(self, r: Ranking) -> Bool[Tensor, "B G"]:
        return self.names.list_mass(r.batch.user[:, None]) > 0


@final
class TargetGroups(Groups):
    """Rows by who provides what they ask for: a row is in the group of each name that any of its targets has.

    Args:
        corpus: which has the items' columns as published.
        feature: the column, for example brand.

    Raises:
        CompositionError: the items have no such names.
    """

    needs_named: ClassVar[tuple[str, ...]] = ("feature",)

    def __init__(self, corpus: Corpus, *, feature: str):
        super().__init__()
        self.names = item_names(corpus, feature, "target groups")
        self.name, self.n = feature, self.names.n

    def forward(self, r: Ranking) -> Bool[Tensor, "B G"]:
        return self.names.list_mass(r.target) > 0
