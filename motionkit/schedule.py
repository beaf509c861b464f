"""When to poll next: numbers in, numbers out."""

from __future__ import annotations

FIRST_DELAY = 1.0
"""Seconds after the submit; some jobs are moderated at once."""
GROWTH = 1.4
LONGEST_DELAY = 10.0
"""Seconds: the vendors name 3 to 10 for a clip."""


def delay(polls: int, *, hint: float | None = None) -> float:
    """Return the seconds until the next poll.

    Args:
        polls: How many polls were made before.
        hint: What the vendor asked for, in seconds; it goes first.
    """
    if hint is not None:
        return hint
    grown = FIRST_DELAY * GROWTH ** min(polls, 100)  # a wait of hours would overflow a float
    return float(min(grown, LONGEST_DELAY))
