"""Held-out users of whom a random part is read and the rest asked for, as in the paper of Mult-VAE."""

from typing import final

from jaxtyping import Int8
from torch import Generator, Tensor

from ssrec.data.split import Split
from ssrec.data.splits.cold_users import hold_out_users, read_then_ask
from ssrec.data.splits.events import Events, runs, share
from ssrec.data.splits.settings import check_share
from ssrec.errors import CompositionError, DataError


@final
class StrongGeneralisation(Split):
    """A model meets no event of the users it is validated and tested with (Liang et al., WWW 2018, section 4.1).

    Of a held-out user a random `fold_in` share is read, the rest are the targets, of which there is at least one. The
    paper's code drops targets without training events and asks users of fewer than five events for nothing; here they
    stay, and the facts count cold targets. Histories neither grow nor freeze: no user has rows in both parts.

    Args:
        val, test: users to hold out: a number (10000 each on ML-20M in the paper), or a share below 1.
        fold_in: share of a held-out user's events that is read.
        seed: of users and events.

    Raises:
        CompositionError: a setting outside its range.
    """

    history = "frozen"

    def __init__(self, *, val: int | float = 0.1, test: int | float = 0.1, fold_in: float = 0.8, seed: int = 0):
        check_share(fold_in=fold_in)
        for name, value in {"val": val, "test": test}.items():
            if value <= 0 or (value >= 1 and value != int(value)):
                raise CompositionError(f"split.{name}={value}: a number of users, or a share of them below 1")
        if val < 1 and test < 1:
            check_share(val=val, test=test)
        self.val = val
        self.test = test
        self.fold_in = fold_in
        self.seed = seed

    @property
    def settings(self) -> dict[str, int | float | str]:
        users = {"val": self.val, "test": self.test}
        return {"split": "strong_generalisation", **users, "fold_in": self.fold_in, "seed": self.seed}

    def parts(self, events: Events) -> Int8[Tensor, "E"]:
        lengths, generator = events.lengths, Generator().manual_seed(self.seed)
        users = (lengths > 0).sum()
        val, test = (int(share(users, v).clamp(min=1)) if v < 1 else int(v) for v in (self.val, self.test))
        if val + test >= users:
            raise DataError(
                f"{events.name} has {int(users)} users: split.val={self.val} and split.test={self.test} leave none to "
                "train on"
            )
        part = hold_out_users(lengths, val, test, generator)
        targets = share(lengths, 1 - self.fold_in).clamp(min=1)
        return runs(lengths, read_then_ask(lengths, part, lengths - targets), generator)
