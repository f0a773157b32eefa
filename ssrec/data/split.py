"""Canonical tables -> the training split, which is all that is ever fitted on, and the held-out rows."""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from ssrec.batch import Corpus, Ragged
from ssrec.data.canonical import Canonical
from ssrec.data.features import item_features
from ssrec.errors import CompositionError, DataError


@dataclass(frozen=True)
class Held:
    """Held-out rows: whose they are (0: unknown), the full past in order, and the items that came next.

    `times` belongs to `past.values`; the time of a target is not here, so that no model can read it.
    """

    user: Int[Tensor, "B"]
    past: Ragged
    target: Ragged
    times: Int[Tensor, "E"] | None = None

    def __len__(self) -> int:
        return len(self.user)


@dataclass(frozen=True)
class Splits:
    """What a run reads. `facts` are the counts and settings that belong beside every result."""

    corpus: Corpus
    val: Held
    test: Held
    fingerprint: str
    facts: Mapping[str, int | float | str]


class Split(ABC):
    """A way to hold out."""

    @abstractmethod
    def __call__(self, canonical: Canonical) -> Splits:
        """Split.

        Raises:
            DataError: a part would be empty.
        """


@final
class LeaveOneOut(Split):
    """A user's last event is the test target, the one before the validation target, the others are for training.

    At test time a `growing` past holds the validation item, a `frozen` one does not (and does not keep it out of the
    ranking either). Users with fewer than `min_length` events only train, and are counted in the facts.
    """

    def __init__(self, *, history: str = "growing", min_length: int = 3):
        if history not in ("growing", "frozen"):
            raise CompositionError(f"split.history={history}: choose growing or frozen")
        if min_length < 3:
            raise CompositionError(f"split.min_length={min_length}: one event to train, validate and test each is 3")
        self.history = history
        self.min_length = min_length

    def __call__(self, canonical: Canonical) -> Splits:
        events = Events.of(canonical)
        lengths = events.items.lengths
        held = lengths >= self.min_length
        if not held.any():
            raise DataError(
                f"leave-one-out of {canonical.name} leaves no user to test: the longest history has "
                f"{int(lengths.max())} events and split.min_length={self.min_length}; keep more events of each user"
            )
        corpus = events.corpus(canonical, events.nth < (lengths - 2 * held.long())[events.user])
        val = events.held(held, hide=2, target=2)
        test = events.held(held, hide=1 if self.history == "growing" else 2, target=1)
        settings = {"split": "leave_one_out", "history": self.history, "min_length": self.min_length}
        facts = {**settings, **_facts(corpus, val, test)}
        content = json.dumps([canonical.fingerprint, settings], sort_keys=True)
        return Splits(corpus, val, test, hashlib.sha256(content.encode()).hexdigest()[:16], facts)


@final
@dataclass(frozen=True)
class Events:
    """All events as flat tensors: row u of `items` are those of user u, row 0 is empty."""

    items: Ragged
    user: Int[Tensor, "E"]
    nth: Int[Tensor, "E"]  # the place of each event in its user's history, from 0
    times: Int[Tensor, "E"] | None

    @staticmethod
    def of(canonical: Canonical) -> "Events":
        table = canonical.interactions
        user = table["user"].to_torch()
        offsets = _offsets(torch.bincount(user, minlength=canonical.n_users + 1))
        nth = torch.arange(len(user)) - offsets[user]
        times = table["time"].to_torch() if "time" in table.columns else None
        return Events(Ragged(table["item"].to_torch(), offsets), user, nth, times)

    def corpus(self, canonical: Canonical, train: Bool[Tensor, "E"]) -> Corpus:
        """The events that `train` marks, with the catalogue."""
        return Corpus(
            items=self.items.values[train],
            offsets=_offsets(torch.bincount(self.user[train], minlength=canonical.n_users + 1)),
            n_users=canonical.n_users,
            n_items=canonical.n_items,
            times=None if self.times is None else self.times[train],
            item_features=item_features(canonical.items),
        )

    def held(self, users: Bool[Tensor, "U"], *, hide: int, target: int) -> Held:
        """Rows of the marked users: all but their last `hide` events, and the one that is `target` from the end."""
        length = self.items.lengths
        past = users[self.user] & (self.nth < (length - hide)[self.user])
        user = users.nonzero().flatten()
        targets = self.items.values[self.items.offsets[user + 1] - target]
        return Held(
            user=user,
            past=Ragged(self.items.values[past], _offsets(length[user] - hide)),
            target=Ragged(targets, torch.arange(len(user) + 1)),
            times=None if self.times is None else self.times[past],
        )


def _offsets(lengths: Int[Tensor, "R"]) -> Int[Tensor, "R1"]:
    return torch.cat([lengths.new_zeros(1), lengths.cumsum(0)])


def _facts(corpus: Corpus, val: Held, test: Held) -> dict[str, int]:
    return {
        "n_users": corpus.n_users,
        "n_items": corpus.n_items,
        "n_train": len(corpus.items),
        "n_val": len(val),
        "n_test": len(test),
        "n_users_without_held_out": corpus.n_users - len(test),
        "n_items_without_training": corpus.n_items - int(corpus.trained.sum()),
        "n_cold_val_targets": int((~corpus.trained[val.target.values]).sum()),
        "n_cold_test_targets": int((~corpus.trained[test.target.values]).sum()),
    }
