"""A share of each user's events for validation, a share for testing, the rest for training."""

from typing import final

import torch
from jaxtyping import Int8
from torch import Tensor

from ssrec.data.split import Split
from ssrec.data.splits.events import TEST, TRAIN, VAL, Events, runs, share
from ssrec.data.splits.settings import check_choice, check_share


@final
class Ratio(Split):
    """Of n events the floor of test * n, but at least one, is for testing; then the same for validation.

    One event is always left to train on, and goes before those two. With `by=time` the last events are for testing and
    those before them for validation; without times, the order of the file stands for theirs. With `by=random` they
    are any, and a row's past holds events from after its targets.

    Args:
        val, test: shares of a user's events.
        by: time or random.
        history: growing (at test time the past holds the validation events) or frozen.
        seed: of the random choice.

    Raises:
        CompositionError: a setting outside its range.
    """

    def __init__(
        self, *, val: float = 0.1, test: float = 0.1, by: str = "time", history: str = "growing", seed: int = 0
    ):
        check_share(val=val, test=test)
        check_choice("by", by, ("time", "random"))
        check_choice("history", history, ("growing", "frozen"))
        self.val = val
        self.test = test
        self.by = by
        self.history = history
        self.seed = seed

    @property
    def settings(self) -> dict[str, int | float | str]:
        drawn = {"seed": self.seed} if self.by == "random" else {}
        return {"split": "ratio", "val": self.val, "test": self.test, "by": self.by, "history": self.history, **drawn}

    def parts(self, events: Events) -> Int8[Tensor, "E"]:
        n = events.lengths
        left = (n - 1).clamp(min=0)
        test = torch.minimum(share(n, self.test).clamp(min=1), left)
        val = torch.minimum(share(n, self.val).clamp(min=1), left - test)
        generator = torch.Generator().manual_seed(self.seed) if self.by == "random" else None
        return runs(n, [(TRAIN, n - val - test), (VAL, val), (TEST, test)], generator)
