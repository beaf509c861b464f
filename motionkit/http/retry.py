"""Retry what is free to repeat: reads and uploads. Paid calls never pass through here."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import stamina

from motionkit.errors import MotionKitError, ProtocolError, ProviderUnavailable, RateLimited

T = TypeVar("T")

TRANSIENT = (ProviderUnavailable, RateLimited, ProtocolError)
"""What another try may mend: the network, 5xx, 429, a body that cannot be read."""
ATTEMPTS = 4
LONGEST_WAIT = 30.0
"""Seconds: what a vendor asks for beyond this is left to the caller."""


def _backoff(error: Exception) -> bool | float:
    """Tell stamina whether to try again, and when the vendor said so, after how long."""
    if not isinstance(error, TRANSIENT):
        return False
    if error.retry_after is None:
        return True
    return error.retry_after if error.retry_after <= LONGEST_WAIT else False


def read(call: Callable[[], T], *, timeout: float = 90.0) -> T:
    """Make a free call, again on transient errors, with jittered backoff.

    Args:
        call: The read or upload.
        timeout: Seconds for all tries together.

    Raises:
        MotionKitError: The last try's error, or one that no retry mends.
    """
    for attempt in stamina.retry_context(
        on=_backoff, attempts=ATTEMPTS, timeout=timeout, wait_initial=0.2, wait_max=10.0
    ):
        with attempt:
            return call()
    raise MotionKitError("no attempt was made")  # pragma: no cover - stamina makes one or raises
