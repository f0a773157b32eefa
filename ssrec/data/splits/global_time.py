"""Two moments divide all events: before the first for training, between them for validation, after them for testing."""

from datetime import UTC, datetime
from typing import final

import torch
from jaxtyping import Int8
from torch import Tensor

from ssrec.data.split import Split
from ssrec.data.splits.events import TEST, TRAIN, VAL, Events, slices
from ssrec.data.splits.settings import check_choice
from ssrec.errors import CompositionError, DataError

Moment = float | int | str


@final
class GlobalTime(Split):
    """No event is trained on, or read at evaluation, that comes after what a row asks for: nobody's future leaks.

    A row asks for all that a user did in the period, at once. Users without an event before it are kept: they are
    unknown, and so is what appeared since. A `growing` past holds the validation period at test time.

    Args:
        val_from, test_from: seconds since 1970 UTC, an ISO date or time (UTC, where it names no zone), or a fraction of
            the events in order of time; events of that very moment come after it.
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
        if isinstance(first, float) == isinstance(second, float) and first >= second:
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
        val, test = self._seconds(events)
        if val >= test:
            raise DataError(
                f"{events.name}: no event lies between split.val_from={self.val_from} ({_written(val)}) and "
                f"split.test_from={self.test_from} ({_written(test)}); move them apart"
            )
        moments, kinds = torch.tensor([val, test]), torch.tensor([TRAIN, VAL, TEST], dtype=torch.int8)
        parts = torch.empty(len(events), dtype=torch.int8)
        for block in slices(len(events)):
            parts[block] = kinds[torch.bucketize(events.time[block], moments, right=True)]
        return parts

    def found(self, events: Events) -> dict[str, int | float | str]:
        val, test = self._seconds(events)
        return {"val_from_time": _written(val), "test_from_time": _written(test)}

    def _seconds(self, events: Events) -> tuple[int, int]:
        """Both moments; a fraction is the time of the event behind that share of all."""
        val, test = (
            events.moment(int(moment * len(events) + 1e-9)) if isinstance(moment, float) else moment
            for moment in self._moments
        )
        return val, test


def _moment(name: str, value: Moment) -> int | float:
    """Seconds as an integer, or a fraction as a float."""
    if isinstance(value, str):
        try:
            said = datetime.fromisoformat(value)
        except ValueError:
            raise CompositionError(
                f"split.{name}={value}: say seconds since 1970, an ISO date such as 2014-05-01, or a fraction of the "
                "events between 0 and 1"
            ) from None
        return int((said if said.tzinfo else said.replace(tzinfo=UTC)).timestamp())
    return value if isinstance(value, float) and 0 < value < 1 else int(value)


def _written(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
