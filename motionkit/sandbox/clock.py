"""The vendors' time, which may run faster than real time and can be moved forward."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class Clock:
    """Vendor time in seconds since the epoch.

    Args:
        speed: Vendor seconds per real second.
    """

    def __init__(self, speed: float = 1.0) -> None:
        if speed <= 0:
            raise ValueError(f"speed must be above 0, not {speed}")
        self.speed = speed
        self._epoch = time.time()
        self._started = time.monotonic()
        self._moved = 0.0

    def now(self) -> float:
        """Return vendor time in seconds since the epoch."""
        return self._epoch + self._moved + (time.monotonic() - self._started) * self.speed

    def advance(self, seconds: float) -> None:
        """Move vendor time forward by `seconds`."""
        if seconds < 0:
            raise ValueError(f"vendor time only moves forward, not by {seconds} seconds")
        self._moved += seconds


def stamp(when: float) -> str:
    """Return a vendor time as RFC 3339 text in UTC."""
    return (
        datetime.fromtimestamp(when, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    )
