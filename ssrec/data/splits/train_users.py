"""Training on fewer users: how a method does with a share of the data is asked of one split and one test."""

import math
from typing import final

import torch
from jaxtyping import Int8
from torch import Tensor

from ssrec.data.split import CONTEXT, TRAIN, Events, Split
from ssrec.data.splits.around import Around
from ssrec.errors import CompositionError

SEED = 0  # of the one order in which users are taken


@final
class TrainUsers(Around):
    """Another split, trained on a share of its users; all rows of evaluation stay, with all of their past.

    A smaller share is part of a larger one, and does not depend on a run's seed. The training events of the others
    become context: a test reads them, nothing is fitted on them, and items that only they had are cold.
    """

    def __init__(self, split: Split, share: int | float):
        if not 0 < share <= 1:
            raise CompositionError(f"train_users={share} must be above 0 and at most 1: a share of the training users")
        super().__init__(split)
        self.share = share

    @property
    def settings(self) -> dict[str, int | float | str]:
        return {**self.split.settings, "train_users": self.share}

    def parts(self, events: Events) -> Int8[Tensor, "E"]:
        part = self.split.parts(events)
        owner = torch.repeat_interleave(events.lengths)
        trained = torch.bincount(owner[part == TRAIN], minlength=len(events.lengths)) > 0
        users = trained.nonzero().flatten()
        order = torch.randperm(len(users), generator=torch.Generator().manual_seed(SEED))
        trained[users[order[math.ceil(self.share * len(users) - 1e-9) :]]] = False
        return torch.where((part == TRAIN) & ~trained[owner], torch.tensor(CONTEXT, dtype=part.dtype), part)


def split_among(split: Split, share: int | float) -> Split:
    """A split as it is, or trained on a share of its users."""
    return split if share == 1 else TrainUsers(split, share)
