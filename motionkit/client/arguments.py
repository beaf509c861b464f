"""What a caller gives, checked once at the client's border: money, spans, places in a list."""

from __future__ import annotations

import math
from decimal import Decimal

from motionkit.errors import InvalidRequest
from motionkit.model.money import AMOUNT, amount
from motionkit.polling import Seconds, seconds


def dollars(name: str, value: Decimal | str | None) -> Decimal | None:
    """Return an amount of US dollars; None stays None.

    Args:
        name: The argument.
        value: What was given for it.

    Raises:
        InvalidRequest: It is no amount.
    """
    if value is None:
        return None
    found = amount(value)
    if found is None:
        raise _wrong(name, value, AMOUNT)
    return found


def span(name: str, value: Seconds) -> float:
    """Return a duration in seconds.

    Args:
        name: The argument.
        value: What was given for it.

    Raises:
        InvalidRequest: It is none, or less than nothing.
    """
    try:
        told = seconds(value)
    except (OverflowError, TypeError, ValueError):
        told = math.nan
    if math.isnan(told) or told < 0:
        raise _wrong(name, value, "seconds, or a timedelta, 0 at least")
    return told


def place(name: str, value: int, count: int) -> int:
    """Return a place in a list of so many, counted from 0.

    Args:
        name: The argument.
        value: What was given for it.
        count: How many there are.

    Raises:
        InvalidRequest: There is nothing at that place.
    """
    if type(value) is not int or not 0 <= value < count:
        raise _wrong(name, value, f"0 to {count - 1}" if count > 1 else "0, the only one")
    return value


def _wrong(name: str, value: object, limit: str) -> InvalidRequest:
    return InvalidRequest(
        f"{name}={value!r} cannot be taken; it takes {limit}",
        field=name,
        value=str(value),
        limit=limit,
    )
