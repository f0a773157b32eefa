"""The publisher's own parts."""

from typing import final

import torch
from jaxtyping import Int8
from torch import Tensor

from ssrec.data.canonical import Canonical
from ssrec.data.split import Split
from ssrec.data.splits.events import TRAIN, VAL, Events, runs, share
from ssrec.data.splits.parted import Parted
from ssrec.data.splits.settings import check_choice, check_share
from ssrec.data.strangers import told


@final
class Given(Split):
    """Events are for what their publisher says. Where there is no validation part it is cut from the training part.

    Never from the test part: of a user's n training events, the floor of val * n, but at least one where two are there.
    A `growing` past holds the validation events at test time, so that it is the whole published training part. Users
    without a training event are an error, or stay and have an empty past, as `dataset.without_history` says.

    Args:
        val: share of each user's training events, where the publisher has no validation part; else unused.
        by: random, or time: the last ones. Without times those are the last of the file, which may be sorted by id.
        history: growing or frozen.
        seed: of the random choice.

    Raises:
        CompositionError: a setting outside its range.
    """

    needs = frozenset({"parts"})

    def __init__(self, *, val: float = 0.1, by: str = "random", history: str = "growing", seed: int = 0):
        check_share(val=val)
        check_choice("by", by, ("random", "time"))
        check_choice("history", history, ("growing", "frozen"))
        self.val = val
        self.by = by
        self.history = history
        self.seed = seed

    @property
    def settings(self) -> dict[str, int | float | str]:
        drawn = {"seed": self.seed} if self.by == "random" else {}
        return {"split": "given", "val": self.val, "by": self.by, "history": self.history, **drawn}

    def found(self, events: Events) -> dict[str, int | float | str]:
        published = events.part is not None and bool((events.part == VAL).any())
        return {"validation": "published" if published else "cut from training"}

    def objection(self, canonical: Canonical) -> str | None:
        found = canonical.meta.get("stranger")
        return told(canonical.name, found) if found else None

    def parts(self, events: Events) -> Int8[Tensor, "E"]:
        assert events.part is not None
        if (events.part == VAL).any():
            return events.part
        train = events.part == TRAIN
        n = Parted(events, events.part).sizes[:, TRAIN]
        val = torch.minimum(share(n, self.val).clamp(min=1), (n - 1).clamp(min=0))
        generator = torch.Generator().manual_seed(self.seed) if self.by == "random" else None
        cut = runs(n, [(TRAIN, n - val), (VAL, val)], generator)
        return events.part.masked_scatter(train, cut)
