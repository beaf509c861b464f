"""Retry free calls: reads and uploads. Paid calls never use this."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from motionkit.errors import MotionKitError, ProtocolError, ProviderUnavailable, RateLimited

T = TypeVar("T")

TRANSIENT = (ProviderUnavailable, RateLimited, ProtocolError)
"""Errors that a retry may fix: the network, 5xx, 429, an unreadable body."""
ATTEMPTS = 4
LONGEST_WAIT = 30.0
"""Seconds; an error with a longer ``retry_after`` is raised to the caller."""


def _backoff(error: Exception) -> bool | float:
    """Return whether stamina retries, or the seconds that the vendor asked for."""
    if not isinstance(error, TRANSIENT):
        return False
    if error.retry_after is None:
        return True
    return error.retry_after if error.retry_after <= LONGEST_WAIT else False


def read(call: Callable[[], T], *, timeout: float = 90.0) -> T:
    """Make a free call, and retry transient errors with jittered backoff for `timeout` seconds.

    Raises:
        MotionKitError: The last attempt's error, or one that no retry fixes.
    """
    began = time.monotonic()
    first: Exception | None = None
    try:
        return call()
    except TRANSIENT as error:
        first = error
    left = max(timeout - (time.monotonic() - began), 1e-9)  # 0 is no limit that stamina takes
    import stamina  # noqa: PLC0415 - most calls succeed at once

    for attempt in stamina.retry_context(
        on=_backoff, attempts=ATTEMPTS, timeout=left, wait_initial=0.2, wait_max=10.0
    ):
        with attempt:
            if first is not None:  # stamina decides on it, and waits
                failed, first = first, None
                raise failed
            return call()
    raise MotionKitError("no attempt was made")  # pragma: no cover - stamina makes one or raises
