"""Users that nobody meets in training: what a model can say of those whose events it only reads."""

from typing import final

import torch
from jaxtyping import Int, Int8
from torch import Generator, Tensor

from ssrec.data.split import Split
from ssrec.data.splits.events import CONTEXT, TEST, TRAIN, VAL, Events, runs, share
from ssrec.data.splits.settings import check_share
from ssrec.errors import CompositionError


@final
class ColdUsers(Split):
    """All events of the chosen users are held out, of one half of them for validation, of the other for testing.

    A held-out user is unknown (user 0). Her first events are the context that is read, the rest the targets, of which
    there is at least one; no user has rows in both parts, so that histories neither grow nor freeze.

    Args:
        share: of the users; at least two are held out.
        context: how many first events are read, or which share of them (below 1; at least one, where there are two).
        seed: of the choice of users.

    Raises:
        CompositionError: a setting outside its range.
    """

    history = "frozen"

    def __init__(self, *, share: float = 0.2, context: int | float = 0.5, seed: int = 0):
        check_share(share=share)
        if context < 0 or (context > 1 and context != int(context)):
            raise CompositionError(f"split.context={context}: a number of events, or a share of them below 1")
        self.share = share
        self.context = context
        self.seed = seed

    @property
    def settings(self) -> dict[str, int | float | str]:
        return {"split": "cold_users", "share": self.share, "context": self.context, "seed": self.seed}

    def parts(self, events: Events) -> Int8[Tensor, "E"]:
        lengths = events.lengths
        held = max(2, int(share((lengths > 0).sum(), self.share)))
        part = hold_out_users(lengths, held // 2, held - held // 2, Generator().manual_seed(self.seed))
        if 0 < self.context < 1:
            context = share(lengths, self.context).clamp(min=1)
        else:
            context = torch.full_like(lengths, int(self.context))
        return runs(lengths, read_then_ask(lengths, part, context))


def hold_out_users(lengths: Int[Tensor, "U"], val: int, test: int, generator: Generator) -> Int8[Tensor, "U"]:
    """TRAIN, VAL or TEST for each user row: so many users with events are drawn for VAL and TEST."""
    users = lengths.nonzero().flatten()
    users = users[torch.randperm(len(users), generator=generator)]
    part = torch.full_like(lengths, TRAIN, dtype=torch.int8)
    part[users[:test]] = TEST
    part[users[test : test + val]] = VAL
    return part


def read_then_ask(
    lengths: Int[Tensor, "U"], part: Int8[Tensor, "U"], context: Int[Tensor, "U"]
) -> list[tuple[int, Int[Tensor, "U"]]]:
    """Runs: all events of a TRAIN user; of the others some context, but not all, and targets behind it."""
    held = part != TRAIN
    read = torch.where(held, torch.minimum(context, (lengths - 1).clamp(min=0)), 0)
    asked = lengths - read
    return [(CONTEXT, read), *((p, torch.where(part == p, asked, 0)) for p in (TRAIN, VAL, TEST))]
