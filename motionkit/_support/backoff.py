"""How long to wait before a failed or refused call is repeated: numbers in, numbers out."""

from __future__ import annotations

SHORTEST_DELAY = 0.1
"""Seconds: a vendor that says "at once" is not called in a tight loop."""
LONGEST_HINT = 120.0
"""Seconds: a vendor that asks for a longer wait is called after this one."""

FIRST_PAUSE = 1.0
"""Seconds after the first failed poll; each further failure doubles them."""
LONGEST_PAUSE = 15.0
"""Seconds."""
FIRST_SLOT_PAUSE, LONGEST_SLOT_PAUSE = 5.0, 60.0
"""Seconds after the first refusal for lack of a slot; each further one doubles them, to a limit."""


def wished(hint: float) -> float:
    """Return the seconds to wait where the vendor named a time, within bounds."""
    return min(max(hint, SHORTEST_DELAY), LONGEST_HINT)


def after_failure(failures: int, *, hint: float | None = None, spread: float = 0.5) -> float:
    """Return the seconds until a failed poll is repeated; the vendor's `hint` overrides the rest.

    `spread` is from 0 to 1, at random: machines that failed together do not retry together.
    """
    if hint is not None:
        return wished(hint)
    return _doubled(FIRST_PAUSE, failures, LONGEST_PAUSE) * (0.5 + spread)


def slot_delay(refusals: int, *, hint: float | None = None) -> float:
    """Return the seconds until a busy account is asked again; the vendor's `hint` wins."""
    if hint is not None:
        return wished(hint)
    return _doubled(FIRST_SLOT_PAUSE, refusals, LONGEST_SLOT_PAUSE)


def _doubled(first: float, times: int, longest: float) -> float:
    return float(min(first * 2 ** min(times - 1, 10), longest))
