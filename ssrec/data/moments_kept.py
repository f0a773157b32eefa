"""The first and the last moment that a cleaning keeps, as settings write them."""

import re
from datetime import UTC, date, datetime
from decimal import ROUND_FLOOR, Decimal

from ssrec.errors import CompositionError

DAY = 86_400
NANO = 10**9
Moment = tuple[int, int]  # seconds since 1970 UTC, rounded down, and nanoseconds of that second
Written = int | float | str | None


def first_kept(setting: str, value: Written) -> Moment | None:
    """The moment at which a date or a second begins, or the one that is written; None for none.

    Raises:
        CompositionError: the value of the setting is no moment.
    """
    return None if value is None else _moment(setting, value)


def last_kept(setting: str, value: Written) -> Moment | None:
    """The moment at which a date or a whole second ends, or the one that is written; None for none.

    Raises:
        CompositionError: the value of the setting is no moment.
    """
    if value is None:
        return None
    second, within = _moment(setting, value)
    if within:
        return second, within
    return second + (DAY - 1 if isinstance(value, str) and _is_date(value) else 0), NANO - 1


def _moment(setting: str, value: int | float | str) -> Moment:
    if isinstance(value, int) and 1000 <= value <= 9999_99_99:
        year, rest = f"{value:08}"[:4] if value > 9999 else str(value), f"{value:08}"[4:] if value > 9999 else "0101"
        say = f"say '{year}-{rest[:2]}-{rest[2:]}'" if _is_date(year + rest) else "say a date such as '2014-01-31'"
        why = f"that looks like a date, and numbers are seconds since 1970; {say}"
        raise CompositionError(f"{setting}={value}: {why}")
    try:
        return _iso(value) if isinstance(value, str) else _decimal(value)
    except (ValueError, ArithmeticError):
        why = "say seconds since 1970, or a date such as 2014-01-31"
        raise CompositionError(f"{setting}={value}: {why}") from None


def _decimal(value: int | float) -> Moment:
    """A number of seconds, as it is written."""
    number = Decimal(str(value))
    second = number.to_integral_value(ROUND_FLOOR)
    return int(second), int((number - second) * NANO)


def _iso(value: str) -> Moment:
    """A moment of ISO 8601; its digits after the second are read here, of which Python's has six."""
    moment, digits = datetime.fromisoformat(value), re.search(r"[.,](\d+)", value)
    fraction = digits[1] if digits else "0"
    if len(fraction) > 9:
        raise ValueError("more digits than nanoseconds")
    moment = moment.replace(microsecond=0, tzinfo=moment.tzinfo or UTC)
    return int(moment.timestamp()), int(fraction.ljust(9, "0"))


def _is_date(value: str) -> bool:
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True
