"""Canonical tables -> the training split, which is all that is ever fitted on, and the held-out rows."""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import final

from jaxtyping import Bool, Float64, Int, Int8
from torch import Tensor

from ssrec.batch import Corpus, Ragged
from ssrec.data.canonical import Canonical
from ssrec.data.features import Features, encode, fit, left_out, offered, published
from ssrec.data.splits.events import CONTEXT, TEST, TRAIN, UNUSED, VAL, Events, runs
from ssrec.data.splits.moments import item_numbers
from ssrec.data.splits.parted import Name, Parted
from ssrec.data.splits.settings import check_choice
from ssrec.data.splits.store import MAPPED, Made, stored
from ssrec.errors import CompositionError, DataError

__all__ = ["CONTEXT", "TEST", "TRAIN", "UNUSED", "VAL", "Events", "Held", "LeaveOneOut", "Split", "Splits", "cut"]

AS_IS = Features()
FORMAT = 4  # raise it when the same inputs give other arrays


@dataclass(frozen=True)
class Held:
    """Held-out rows: whose they are (0: unknown), the full past in order, and the items that came next.

    `times` belongs to `past.values`. The rest is for those who judge rankings and never part of a batch, so that no
    model can read it: `tied` says whether the first target has the time of the event before it, `asked_at` when the
    last one was met, in seconds since 1970 UTC.
    """

    user: Int[Tensor, "B"]
    past: Ragged
    target: Ragged
    times: Int[Tensor, "E"] | None = None
    tied: Bool[Tensor, "B"] | None = None
    asked_at: Int[Tensor, "B"] | None = None

    def __len__(self) -> int:
        return len(self.user)

    @property
    def asked(self) -> Bool[Tensor, "B"]:
        """The rows that have a target, which are those that are evaluated: all, unless cold targets were dropped."""
        return self.target.lengths > 0


@dataclass(frozen=True)
class Splits:
    """What a run reads. `facts` are the counts and settings that belong beside every result.

    For those who judge rankings: `first_events` is the time of each item's first event in all the data, a number too
    large for any time without one; `item_numbers` are the item table's, as published.
    """

    corpus: Corpus
    val: Held
    test: Held
    fingerprint: str
    facts: Mapping[str, int | float | str]
    first_events: Int[Tensor, "N"] | None = None
    item_numbers: Mapping[str, Float64[Tensor, "N"]] = field(default_factory=dict)

    def held(self, part: Name) -> Held:
        """The rows of validation or of the test."""
        return {"val": self.val, "test": self.test}[part]


class Split(ABC):
    """A way to hold out: a function of events and settings, with one part for each event, so that parts are disjoint.

    A row of evaluation reads a user's TRAIN and CONTEXT events and asks for her VAL or her TEST events. Where `history`
    is growing the rows of test read her VAL events too; frozen, they do not (nor keep those out of the ranking).
    """

    needs: frozenset[str] = frozenset()  # of times, parts; an instance may need more than its class
    history: str
    validates: bool = True  # whether it holds events out for validation

    @property
    @abstractmethod
    def settings(self) -> dict[str, int | float | str]:
        """The split's name and all that its parts depend on besides the events."""

    @abstractmethod
    def parts(self, events: Events) -> Int8[Tensor, "E"]:
        """TRAIN, VAL, TEST, CONTEXT or UNUSED for each event.

        Raises:
            DataError: the events cannot be split so.
        """

    def found(self, events: Events) -> dict[str, int | float | str]:
        """What the data decided about the settings, for the facts."""
        return {}

    def objection(self, canonical: Canonical) -> str | None:
        """What is wrong with data for such a split, by what is known of them besides the events."""
        return None

    @final
    def __call__(self, canonical: Canonical) -> Splits:
        """`cut`, with features as they are by default and nothing stored."""
        return cut(self, canonical)


@final
class LeaveOneOut(Split):
    """A user's last event is the test target, the one before the validation target, the others are for training.

    At test time a `growing` past holds the validation item, a `frozen` one does not (and does not keep it out of the
    ranking either). Users with fewer than `min_length` events only train, and are counted in the facts.
    """

    def __init__(self, *, history: str = "growing", min_length: int = 3):
        check_choice("history", history, ("growing", "frozen"))
        if min_length < 3:
            raise CompositionError(f"split.min_length={min_length}: one event to train, validate and test each is 3")
        self.history = history
        self.min_length = min_length

    @property
    def settings(self) -> dict[str, int | float | str]:
        return {"split": "leave_one_out", "history": self.history, "min_length": self.min_length}

    def parts(self, events: Events) -> Int8[Tensor, "E"]:
        lengths = events.lengths
        held = (lengths >= self.min_length).long()
        if not held.any():
            raise DataError(
                f"leave-one-out of {events.name} leaves no user to test: the longest history has "
                f"{int(lengths.max())} events and split.min_length={self.min_length}; keep more events of each user"
            )
        return runs(lengths, [(TRAIN, lengths - 2 * held), (VAL, held), (TEST, held)])


def cut(
    split: Split,
    canonical: Canonical,
    features: Features = AS_IS,
    folder: Path | None = None,
    mapped: int = MAPPED,
) -> Splits:
    """The corpus, from TRAIN events alone, and the rows of evaluation.

    Args:
        split: which event is for what.
        canonical: the data.
        features: how content columns are read; fitted on items and users with training events.
        folder: arrays are read from `folder`/split or written there; None: kept in memory.
        mapped: bytes in all from which stored arrays are mapped into memory instead of read.

    Raises:
        DataError: a part is empty, the split needs what the data has not, or what is stored was damaged.
    """
    if said := split.objection(canonical):
        raise DataError(said)
    content: list[object] = [canonical.fingerprint, split.settings]
    if "times" in split.needs and (within := canonical.meta.get("content", {}).get("interactions.nanosecond")):
        content.append(within)  # parts of a second decide, and are not in the canonical fingerprint
    if folder is None:
        made, meta = _make(split, canonical, features)
        tensors = dict(made)
    else:
        key = _hash([FORMAT, canonical.digest, split.settings, features.settings])[:12]
        home = folder / "split" / f"{canonical.name}-{key}"
        tensors, meta = stored(home, lambda: _make(split, canonical, features), mapped)
    names = published(canonical.items, canonical.users)
    corpus = Corpus(
        tensors["items"],
        tensors["offsets"],
        n_users=meta["facts"]["n_users"],
        n_items=meta["facts"]["n_items"],
        times=tensors.get("times"),
        weights=tensors.get("weights"),
        attributes=names.get("attributes"),
        published=names,
        item_features=encode(canonical.items, meta["features"]["items"]),
        user_features=encode(canonical.users, meta["features"]["users"]),
    )
    return Splits(
        corpus,
        _held("val", tensors),
        _held("test", tensors),
        _hash(content)[:16],
        meta["facts"],
        tensors.get("first_events"),
        item_numbers(canonical.items),
    )


def _make(split: Split, canonical: Canonical, features: Features) -> Made:
    features.check_known(canonical.name, offered(canonical.items, canonical.users))
    events = Events.of(canonical)
    if missing := sorted(split.needs - events.offers):
        has = ", ".join(sorted(events.offers)) or "nothing but users and items in order"
        raise DataError(f"the {split.settings['split']} split needs {', '.join(missing)}; {canonical.name} has {has}")
    parted = Parted(events, split.parts(events), split.history)
    counted = parted.facts()
    for count, verb in (("n_train", "train on"), ("n_val", "validate with"), ("n_test", "test with")):
        if not counted[count] and (split.validates or count != "n_val"):
            chosen = ", ".join(f"{k}={v}" for k, v in split.settings.items())
            raise DataError(
                f"{canonical.name}: {chosen} leaves no event to {verb}; choose another split or other settings"
            )
    fitted = {
        "items": fit(canonical.items, parted.trained, features, canonical.file_of("items")),
        "users": fit(canonical.users, parted.sizes[:, TRAIN] > 0, features, canonical.file_of("users")),
    }
    counted["n_attributes_left_out"] = left_out(*fitted.values())
    meta = {
        "made_from": {
            "format": FORMAT,
            "canonical": canonical.fingerprint,
            "split": split.settings,
            "features": features.settings,
        },
        "facts": {**split.settings, "history": split.history, **split.found(events), **counted},
        "features": fitted,
    }
    return parted.arrays(), meta


def _held(name: str, tensors: Mapping[str, Tensor]) -> Held:
    return Held(
        user=tensors[f"{name}_user"],
        past=Ragged(tensors[f"{name}_past"], tensors[f"{name}_past_offsets"]),
        target=Ragged(tensors[f"{name}_target"], tensors[f"{name}_target_offsets"]),
        times=tensors.get(f"{name}_times"),
        tied=tensors.get(f"{name}_tied"),
        asked_at=tensors.get(f"{name}_asked_at"),
    )


def _hash(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
