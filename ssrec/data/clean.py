"""`Cleaning`: what is left out between a publisher's files and the canonical tables, as plain settings."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import final

from ssrec.data.moments_kept import Moment, first_kept, last_kept
from ssrec.errors import CompositionError

CHOICES = {
    "on_bad_rows": ("error", "skip"),
    "missing": ("error", "drop"),
    "unknown_items": ("error", "drop", "keep"),
    "unknown_users": ("error", "drop", "keep"),
    "duplicates": ("all", "first", "last", "sum"),
    "ties": ("file", "shuffled", "id"),
}
LEAST = {"max_user_events": 1, "iqr": 0, "k_core_user": 0, "k_core_item": 0}


@final
@dataclass(frozen=True, kw_only=True)
class Cleaning:
    """The steps in their order; as they stand here, nothing is removed and whatever is odd is an error.

    on_bad_rows: rows that break their file's layout: an `error`, or `skip`ped, counted and written to bad_rows.tsv.
    missing: rows without a user, an item, a time or a part where the dataset has these, or without a weight that is
        used: an `error`, or `drop`ped.
    unknown_items: events of items that the item table does not list: an `error`, `drop`ped, or `keep`: the catalogue
        gets a row for each such item, without content.
    unknown_users: events of users that the user table, where there is one, does not list: an `error`, `drop`ped, or
        `keep`: such users stay, without content.
    min_time, max_time: first and last time that stays: seconds since 1970 UTC, or an ISO date or date and time in
        UTC, with up to 9 digits of a second; a date stands for its whole day, a whole second for all of it.
    min_rating, max_rating: the least and the largest weight that stays.
    weights: whether events keep their weights (ratings, numbers of plays); else every event counts 1.
    duplicates: events of one user with one item: `all` stay, or the `first` or `last` in time (in the order that
        `ties` says), or the first with the `sum` of their weights (1 each where the dataset has none).
    max_user_events: users with more events than this are outliers and leave, with all events.
    iqr: of the users then left, those with more than Q3 + iqr * (Q3 - Q1) events leave; quartiles of events a user.
    k_core_user, k_core_item: users and items with fewer events leave, until none has (the k-core's fix point).
    ties: the order of a user's events that have the same time: that of the `file`, `shuffled` by `ties_seed`, or by
        the item's `id` (numbers by size, texts by alphabet).

    Users without an event have no row. Of an item table all items stay, with or without events, unless `k_core_item`
    is set: then the catalogue is the items of the core; with 1, those that have events.

    Raises:
        CompositionError: a setting makes no sense.
    """

    on_bad_rows: str = "error"
    missing: str = "error"
    unknown_items: str = "error"
    unknown_users: str = "error"
    min_time: int | float | str | None = None
    max_time: int | float | str | None = None
    min_rating: float | int | None = None
    max_rating: float | int | None = None
    weights: bool = False
    duplicates: str = "all"
    max_user_events: int | None = None
    iqr: float | int | None = None
    k_core_user: int = 0
    k_core_item: int = 0
    ties: str = "file"
    ties_seed: int = 0

    def __post_init__(self) -> None:
        for setting, allowed in CHOICES.items():
            if getattr(self, setting) not in allowed:
                raise _refused(setting, getattr(self, setting), f"choose {' or '.join(allowed)}")
        for setting, least in LEAST.items():
            value = getattr(self, setting)
            if value is not None and not value >= least:
                raise _refused(setting, value, f"at least {least} makes sense")
        (first, last), low, high = self.times, self.min_rating, self.max_rating
        if first is not None and last is not None and first > last:
            raise _refused("min_time", self.min_time, "that is more than the largest that may stay")
        if low is not None and high is not None and low > high:
            raise _refused("min_rating", low, "that is more than the largest that may stay")
        if self.duplicates == "sum" and not self.weights:
            raise CompositionError("clean.duplicates=sum adds up weights; say clean.weights=true to keep them")

    @property
    def times(self) -> tuple[Moment | None, Moment | None]:
        """First and last moment that stays: seconds since 1970 UTC, rounded down, and nanoseconds of that second."""
        return first_kept("clean.min_time", self.min_time), last_kept("clean.max_time", self.max_time)

    @property
    def unknown(self) -> dict[str, str]:
        """What happens to events of items and users that their table does not list."""
        return {"item": self.unknown_items, "user": self.unknown_users}

    @property
    def reads_weights(self) -> bool:
        """Whether any step looks at weights."""
        return self.weights or self.min_rating is not None or self.max_rating is not None

    def check_fits(self, name: str, offers: Collection[str]) -> None:
        """Refuse, before data is read, steps for which a dataset lacks what they look at.

        Raises:
            CompositionError: names the setting.
        """
        needs = {
            "min_time": (self.min_time is not None, "times"),
            "max_time": (self.max_time is not None, "times"),
            "ties": (self.ties != "file", "times"),
            "min_rating": (self.min_rating is not None, "weights"),
            "max_rating": (self.max_rating is not None, "weights"),
            "weights": (self.weights and self.duplicates != "sum", "weights"),
        }
        for setting, (used, need) in needs.items():
            if used and need not in offers:
                has = ", ".join(sorted(offers)) or "nothing but interactions"
                raise _refused(setting, getattr(self, setting), f"{name} has no {need} (it has {has})")


def _refused(setting: str, value: object, why: str) -> CompositionError:
    return CompositionError(f"clean.{setting}={value}: {why}")
