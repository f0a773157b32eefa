"""Two moments divide all events: before the first for training, between them for validation, after them for testing."""

from datetime import UTC, datetime
from math import floor, isfinite
from typing import final

import torch
from jaxtyping import Int8
from torch import Tensor

from ssrec.data.split import Split
from ssrec.data.splits.events import TEST, TRAIN, VAL, Events, Moment, slices
from ssrec.data.splits.settings import check_choice
from ssrec.errors import CompositionError, DataError


@final
class GlobalTime(Split):
    """No event is trained on, or read at evaluation, that comes after what a row asks for: nobody's future leaks.

    A row asks for all that a user did in the period, at once. Users without an event before it are kept: they are
    unknown, and so is what appeared since. A `growing` past holds the validation period at test time.

    Args:
        val_from, test_from: seconds since 1970 UTC, an ISO date or time (UTC, where it names no zone), or a fraction of
            the events in order of time; events of that very moment come after it. Parts of a second count.
        history: growing or frozen.

    Raises:
        CompositionError: a moment that is none, or a second one that is not after the first.
    """

    needs = frozenset({"times"})

    def __init__(
        self, *, val_from: float | int | str = 0.8, test_from: float | int | str = 0.9, history: str = "growing"
    ):
        check_choice("history", history, ("growing", "frozen"))
        first, second = _moment("val_from", val_from), _moment("test_from", test_from)
        if isinstance(first, float) == isinstance(second, float) and first >= second:  # type: ignore[operator]
            raise CompositionError(f"split.val_from={val_from} is not before split.test_from={test_from}")
        self.val_from = val_from
        self.test_from = test_from
        self.history = history
        self._moments = first, second

    @property
    def settings(self) -> dict[str, int | float | str]:
        moments = {"val_from": self.val_from, "test_from": self.test_from}
        return {"split": "global_time", **moments, "history": self.history}

    def parts(self, events: Events) -> Int8[Tensor, "E"]:
        assert events.time is not None
        val, test = self._found(events)
        if val >= test:
            raise DataError(
                f"{events.name}: no event lies between split.val_from={self.val_from} ({_written(val)}) and "
                f"split.test_from={self.test_from} ({_written(test)}); move them apart"
            )
        kinds = torch.tensor([TRAIN, VAL, TEST], dtype=torch.int8)
        parts = torch.empty(len(events), dtype=torch.int8)
        for block in slices(len(events)):
            parts[block] = kinds[events.since(val, block).long() + events.since(test, block)]
        return parts

    def found(self, events: Events) -> dict[str, int | float | str]:
        val, test = self._found(events)
        return {"val_from_time": _written(val), "test_from_time": _written(test)}

    def _found(self, events: Events) -> tuple[Moment, Moment]:
        """Both moments; a fraction is the time of the event behind that share of all."""
        val, test = (
            moment if isinstance(moment, tuple) else events.moment(int(moment * len(events) + 1e-9))
            for moment in self._moments
        )
        return val, test


def _moment(name: str, value: float | int | str) -> Moment | float:
    """A moment, or a fraction of the events."""
    if isinstance(value, str):
        try:
            said = datetime.fromisoformat(value)
        except ValueError:
            raise CompositionError(
                f"split.{name}={value}: say seconds since 1970, an ISO date such as 2014-05-01, or a fraction of the "
                "events between 0 and 1"
            ) from None
        whole = (said if said.tzinfo else said.replace(tzinfo=UTC)).replace(microsecond=0)
        return int(whole.timestamp()), 1000 * said.microsecond
    if isinstance(value, float) and 0 < value < 1:
        return value
    if not isfinite(value):
        raise CompositionError(f"split.{name}={value} is no moment")
    second = floor(value)
    return second, min(round((value - second) * 1e6), 999_999) * 1000  # a float of today's seconds is no finer


def _written(moment: Moment) -> str:
    second, within = moment
    part = f".{within:09}".rstrip("0") if within else ""
    return datetime.fromtimestamp(second, UTC).isoformat().replace("+", f"{part}+")
