"""Training and validation events together: what is trained once a setting and its number of epochs are chosen."""

from typing import final

import torch
from jaxtyping import Int8
from torch import Tensor

from ssrec.data.split import CONTEXT, TEST, TRAIN, VAL, Events, Split
from ssrec.data.splits.around import Around
from ssrec.nn import require


@final
class Refit(Around):
    """Another split, whose validation events are for training too; its test is the same.

    Users whose events were context and validation alone are trained on with both.

    Raises:
        CompositionError: a past that is frozen, which would grow by what is trained on.
    """

    def __init__(self, split: Split):
        require(
            split.settings.get("history") != "frozen",
            "refit=true: split.history=frozen keeps validation events out of the past of the test, and a past holds "
            "what is trained on; say split.history=growing",
        )
        super().__init__(split)
        self.validates = False

    @property
    def settings(self) -> dict[str, int | float | str]:
        return {**self.split.settings, "refit": 1}

    def parts(self, events: Events) -> Int8[Tensor, "E"]:
        part = self.split.parts(events)
        owner, n = torch.repeat_interleave(events.lengths), len(events.lengths)
        has = {kind: torch.bincount(owner[part == kind], minlength=n) > 0 for kind in (VAL, TEST)}
        joins = (part == VAL) | ((part == CONTEXT) & (has[VAL] & ~has[TEST])[owner])
        return torch.where(joins, torch.tensor(TRAIN, dtype=part.dtype), part)


def split_again(split: Split, refit: bool) -> Split:
    """A split as it is, or trained on its validation events too."""
    return Refit(split) if refit else split
