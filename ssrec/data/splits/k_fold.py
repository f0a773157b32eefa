"""Cross-validation: events in n folds, one for testing, the next for validation, the others for training."""

from typing import final

import torch
from jaxtyping import Int8
from torch import Tensor

from ssrec.data.split import Split
from ssrec.data.splits.events import TEST, TRAIN, VAL, Events, runs
from ssrec.data.splits.settings import check_choice
from ssrec.errors import CompositionError


@final
class KFold(Split):
    """The same seed gives the same folds, so that the n runs with fold = 0 .. n - 1 test every event once.

    With `of=user` each user's events are divided, as evenly as they can be, beginning at a random fold; with `of=all`
    all events together, and a user's may fall together. Folds are random: a past holds events from after its targets.

    Args:
        n: how many folds.
        fold: which one is for testing, from 0; the next one, cyclically, is for validation.
        of: user or all.
        history: growing (at test time the past holds the validation events) or frozen.
        seed: of the folds.

    Raises:
        CompositionError: a setting outside its range.
    """

    def __init__(self, *, n: int = 5, fold: int = 0, of: str = "user", history: str = "growing", seed: int = 0):
        if n < 3:
            raise CompositionError(f"split.n={n}: one fold to train, validate and test each is 3")
        if not 0 <= fold < n:
            raise CompositionError(f"split.fold={fold}: with split.n={n} it is one of 0 to {n - 1}")
        check_choice("of", of, ("user", "all"))
        check_choice("history", history, ("growing", "frozen"))
        self.n = n
        self.fold = fold
        self.of = of
        self.history = history
        self.seed = seed

    @property
    def settings(self) -> dict[str, int | float | str]:
        which = {"n": self.n, "fold": self.fold, "of": self.of, "seed": self.seed}
        return {"split": "k_fold", **which, "history": self.history}

    def parts(self, events: Events) -> Int8[Tensor, "E"]:
        generator = torch.Generator().manual_seed(self.seed)
        part_of = torch.full((self.n,), TRAIN, dtype=torch.int8)
        part_of[(self.fold + 1) % self.n], part_of[self.fold] = VAL, TEST
        if self.of == "all":
            return part_of[torch.randperm(len(events), generator=generator).remainder_(self.n)]
        lengths = events.lengths
        first = torch.randint(self.n, lengths.shape, generator=generator)
        # Event r of a user would be in fold (first + r) % n: so many are in each.
        sizes = [(lengths - 1 - (fold - first) % self.n) // self.n + 1 for fold in range(self.n)]
        return runs(lengths, list(zip(part_of.tolist(), sizes, strict=True)), generator)
