"""Moments and ages as people write them: ``30d``, ``12h``, ``2026-11-01``, ``2026-11-01T12:00``."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping

from motionkit.errors import InvalidRequest

Since = str | dt.timedelta | dt.date | dt.datetime
"""An age, a day or a moment."""

_AGE = r"([0-9]{1,6})([smhdw])"
_SECONDS: Mapping[str, int] = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_AGES = "an age such as 90m, 12h, 30d or 4w"
_MOMENTS = f"{_AGES}, a date such as 2026-11-01, or an ISO time; both in UTC where no zone is named"


def age(name: str, value: str | dt.timedelta) -> float:
    """Return an age in seconds.

    Args:
        name: The argument or option, for the error.
        value: A number of seconds, minutes, hours, days or weeks (``90s``, ``90m``, ``12h``,
            ``30d``, ``4w``), or a timedelta.

    Raises:
        InvalidRequest: It is no such age, or below zero.
    """
    if isinstance(value, str):
        found = re.fullmatch(_AGE, value.strip())
        if found is not None:
            return float(int(found[1]) * _SECONDS[found[2]])
    elif isinstance(value, dt.timedelta) and value >= dt.timedelta(0):
        return value.total_seconds()
    raise InvalidRequest.expected(name, value, _AGES)


def moment(name: str, value: Since, now: float) -> float:
    """Return a moment in epoch seconds.

    Args:
        name: The argument or option, for the error.
        value: What `age` takes, before now; a date, which begins at midnight; or an ISO time.
            Dates and times without a zone are in UTC, as the days of budgets are.
        now: The present, in epoch seconds.

    Raises:
        InvalidRequest: It is none of these.
    """
    if isinstance(value, dt.date):
        return _utc(value)
    if isinstance(value, str) and not re.fullmatch(_AGE, value.strip()):
        try:
            return _utc(dt.datetime.fromisoformat(value.strip()))
        except ValueError:
            raise InvalidRequest.expected(name, value, _MOMENTS) from None
    if isinstance(value, str | dt.timedelta):
        return now - age(name, value)
    raise InvalidRequest.expected(name, value, _MOMENTS)


def _utc(value: dt.date) -> float:
    if not isinstance(value, dt.datetime):
        value = dt.datetime.combine(value, dt.time())
    return (value if value.tzinfo else value.replace(tzinfo=dt.UTC)).timestamp()
