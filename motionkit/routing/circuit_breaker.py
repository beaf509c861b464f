"""Which refusals put an account to rest, for how long, and how it comes back. Pure: no clock.

Of each account and cause there is at most one `Breaker`::

    CLOSED    --failure-------------> OPEN        the account is left alone until a moment
    OPEN      --that moment---------> HALF_OPEN   one process may try
    HALF_OPEN --claim---------------> PROBING     the others still leave it alone
    PROBING   --success-------------> CLOSED      the breaker is deleted
    PROBING   --the same failure----> OPEN        twice as long
    PROBING   --the claim runs out--> HALF_OPEN   another process may try

A failure that comes in while OPEN is late news of the same outage and does not count again.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping

import attrs

from motionkit import errors as e

Error = type[e.MotionKitError]

PROBE_LEASE = 30.0
"""Seconds that one process has for its probe before another may make one."""
MEMORY = 3600.0
"""Seconds after a cooldown's end when a failure no longer counts as consecutive."""


@attrs.frozen
class Cause:
    """One word of ``fall_back_on``.

    Attributes:
        errors: The errors that it stands for, their subclasses included.
        pause: Seconds for which an account is left alone after the first one.
        longest: Seconds to which that doubles with every consecutive one.
        waitable: Whether waiting helps, so that ``wait_for_slot`` applies.
        answer_closes: Whether an answer to a free call shows that it is over.
        money: Whether a balance above zero shows that it is over.
    """

    errors: tuple[Error, ...]
    pause: float
    longest: float
    waitable: bool = False
    answer_closes: bool = False
    money: bool = False


CAUSES: Mapping[str, Cause] = {
    "unavailable": Cause(
        # a free call's unreadable answer is an outage; a paid one's is never billed=NO
        (e.ProviderUnavailable, e.ProtocolError),
        30.0,
        600.0,
        answer_closes=True,
    ),
    "busy": Cause((e.Busy,), 5.0, 60.0, waitable=True),
    "rate_limited": Cause((e.RateLimited,), 15.0, 300.0, waitable=True, answer_closes=True),
    "credits": Cause((e.InsufficientCredits,), 300.0, 3600.0, money=True),
    "authentication": Cause((e.AuthenticationError,), 300.0, 3600.0, answer_closes=True),
    "permission": Cause((e.PermissionDenied,), 300.0, 3600.0),
}
"""Every other error is about the request or about us: it would be the same elsewhere."""

_BY_ERROR = {error: word for word, cause in CAUSES.items() for error in cause.errors}


class Gate(enum.Enum):
    """Whether an account may be tried, as far as one cause goes."""

    CLOSED = "closed"
    """Nothing stands against it."""
    OPEN = "open"
    """It is left alone."""
    HALF_OPEN = "half_open"
    """One try may find out."""
    PROBING = "probing"
    """Some process is finding out."""


@attrs.frozen
class Breaker:
    """One account's rest for one cause; JSON-able.

    Attributes:
        cause: A word of `CAUSES`.
        failures: How many in a row.
        until: When the rest ends, epoch seconds.
        probe_until: When the last claimed probe runs out, epoch seconds.
        at: When the last failure came, epoch seconds.
        reason: Its message.
    """

    cause: str
    failures: int
    until: float
    probe_until: float = 0.0
    at: float = attrs.field(default=0.0, eq=False)
    reason: str = attrs.field(default="", eq=False)

    def gate(self, now: float) -> Gate:
        """Say where it stands at a moment, in epoch seconds."""
        if now < self.until:
            return Gate.OPEN
        return Gate.PROBING if now < self.probe_until else Gate.HALF_OPEN

    @property
    def shut_until(self) -> float:
        """When the next try may be made, epoch seconds."""
        return max(self.until, self.probe_until)


def cause_of(error: Error) -> str | None:
    """Return the word of ``fall_back_on`` that an error's class means; None when there is none."""
    return next((_BY_ERROR[kind] for kind in error.__mro__ if kind in _BY_ERROR), None)


def cooldown(cause: str, consecutive: int) -> float:
    """Return the seconds for which an account rests after so many failures in a row."""
    row = CAUSES[cause]
    return float(min(row.pause * 2 ** min(max(consecutive, 1) - 1, 16), row.longest))


def gate(breaker: Breaker | None, now: float) -> Gate:
    """Say where an account stands for one cause; no breaker means CLOSED."""
    return Gate.CLOSED if breaker is None else breaker.gate(now)


def trip(
    breaker: Breaker | None, cause: str, *, now: float, retry_after: float | None = None
) -> Breaker:
    """Return the breaker after a failure.

    Args:
        breaker: The account's present one for that cause.
        cause: From `cause_of`.
        now: Epoch seconds.
        retry_after: What the vendor asked for, in seconds; it goes before the table.
    """
    where = gate(breaker, now)
    if breaker is None or now > breaker.until + MEMORY:
        breaker, failures = None, 1
    else:
        failures = breaker.failures + (where is not Gate.OPEN)
    pause = cooldown(cause, failures)
    if retry_after is not None:
        pause = min(max(retry_after, 1.0), CAUSES[cause].longest)
    until = now + pause
    if breaker is not None and where is Gate.OPEN:
        until = max(until, breaker.until)
    return Breaker(cause, failures, until, at=now)


def claim(breaker: Breaker, *, now: float) -> Breaker | None:
    """Return the breaker with this process's probe in it; None when it is not HALF_OPEN.

    The caller writes it only over the very breaker that it read, so that one process wins.
    """
    if breaker.gate(now) is not Gate.HALF_OPEN:
        return None
    return attrs.evolve(breaker, probe_until=now + PROBE_LEASE)
