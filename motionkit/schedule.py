"""When to poll next: numbers in, numbers out."""

from __future__ import annotations

FIRST_DELAY = 1.0
"""Seconds after the submit; some jobs are moderated at once."""
GROWTH = 1.4
SHORTEST_DELAY = 0.1
LONGEST_HINT = 120.0
"""Seconds: a vendor that asks for more is asked again then all the same."""
LONGEST_DELAY = 10.0
"""Seconds: the vendors name 3 to 10 for a clip."""


def delay(polls: int, *, hint: float | None = None) -> float:
    """Return the seconds until the next poll.

    Args:
        polls: How many polls were made before.
        hint: What the vendor asked for, in seconds; it goes first.
    """
    if hint is not None:
        return min(max(hint, SHORTEST_DELAY), LONGEST_HINT)
    grown = FIRST_DELAY * GROWTH ** min(polls, 100)  # a wait of hours would overflow a float
    return float(min(grown, LONGEST_DELAY))


def slot_delay(refusals: int, *, hint: float | None = None) -> float:
    """Return the seconds until a busy account is asked again for a slot.

    Args:
        refusals: How often it was busy in a row.
        hint: What the vendor asked for, in seconds; it goes first.
    """
    if hint is not None:
        return min(max(hint, SHORTEST_DELAY), LONGEST_HINT)
    return float(min(5.0 * 2 ** min(refusals - 1, 10), 60.0))
