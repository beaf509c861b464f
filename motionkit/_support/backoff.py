"""How long to wait before a failed or refused call is repeated: numbers in, numbers out."""

from __future__ import annotations

SHORTEST_DELAY = 0.1
LONGEST_HINT = 120.0
"""Seconds: a vendor that asks for more is asked again then all the same."""

FIRST_PAUSE = 1.0
"""Seconds after the first look that failed; each further one doubles them."""
LONGEST_PAUSE = 15.0
"""Seconds."""


def wished(hint: float) -> float:
    """Return the seconds after which a vendor that named a time is asked, within reason."""
    return min(max(hint, SHORTEST_DELAY), LONGEST_HINT)


def after_failure(failures: int, *, hint: float | None = None, spread: float = 0.5) -> float:
    """Return the seconds until a look that failed is repeated.

    Args:
        failures: How many failed in a row.
        hint: What the vendor asked for, in seconds; it goes first.
        spread: From 0 to 1, at random: machines that failed together do not come back together.
    """
    if hint is not None:
        return wished(hint)
    return float(min(FIRST_PAUSE * 2 ** min(failures - 1, 10), LONGEST_PAUSE) * (0.5 + spread))


def slot_delay(refusals: int, *, hint: float | None = None) -> float:
    """Return the seconds until a busy account is asked again for a slot.

    Args:
        refusals: How often it was busy in a row.
        hint: What the vendor asked for, in seconds; it goes first.
    """
    if hint is not None:
        return wished(hint)
    return float(min(5.0 * 2 ** min(refusals - 1, 10), 60.0))
