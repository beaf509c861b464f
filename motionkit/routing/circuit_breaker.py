"""A circuit breaker per account and cause: when it opens, for how long, and how it closes. Pure.

::

    CLOSED    --failure-----------> OPEN        routes skip the account for a while
    OPEN      --time is over------> HALF_OPEN   one process may probe it
    HALF_OPEN --claim-------------> PROBING     the other processes still skip it
    PROBING   --success-----------> CLOSED      the breaker is deleted
    PROBING   --the same failure--> OPEN        twice as long
    PROBING   --claim expires-----> HALF_OPEN   another process may probe it

A failure that arrives while OPEN belongs to the same outage and does not count again.
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
"""Seconds after `Breaker.until` when a failure no longer counts as consecutive."""


@attrs.frozen
class Cause:
    """One word of ``fall_back_on``.

    Attributes:
        errors: The errors that it stands for, their subclasses included.
        pause: Seconds for which routes skip an account after the first failure.
        longest: Seconds up to which that doubles with every consecutive failure.
        waitable: Whether waiting helps, so that ``wait_for_slot`` applies.
        answer_closes: Whether a response to a free call closes the circuit.
        money: Whether a balance above zero closes the circuit.
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
"""Any other error is caused by the request or by motionkit: another account would not help."""

_BY_ERROR = {error: word for word, cause in CAUSES.items() for error in cause.errors}


class Gate(enum.Enum):
    """The state of a breaker; a closed one is not kept."""

    OPEN = "open"
    HALF_OPEN = "half_open"
    PROBING = "probing"


@attrs.frozen
class Breaker:
    """A breaker that is not closed; JSON-able. Times are epoch seconds.

    Attributes:
        cause: A word of `CAUSES`.
        failures: How many in a row.
        until: When it is half-open.
        probe_until: When the last claimed probe expires.
        at: When the last failure came.
        reason: The message of that failure.
    """

    cause: str
    failures: int
    until: float
    probe_until: float = 0.0
    at: float = attrs.field(default=0.0, eq=False)
    reason: str = attrs.field(default="", eq=False)

    def gate(self, now: float) -> Gate:
        """Return the state at a time in epoch seconds."""
        if now < self.until:
            return Gate.OPEN
        return Gate.PROBING if now < self.probe_until else Gate.HALF_OPEN

    @property
    def shut_until(self) -> float:
        """When the account may be tried again."""
        return max(self.until, self.probe_until)


def cause_of(error: Error) -> str | None:
    """Return the word of ``fall_back_on`` that an error's class means; None when there is none."""
    return next((_BY_ERROR[kind] for kind in error.__mro__ if kind in _BY_ERROR), None)


def cooldown(cause: str, consecutive: int) -> float:
    """Return the seconds for which a breaker stays open after this many failures in a row."""
    row = CAUSES[cause]
    return float(min(row.pause * 2 ** min(max(consecutive, 1) - 1, 16), row.longest))


def trip(
    breaker: Breaker | None,
    cause: str,
    *,
    now: float,
    retry_after: float | None = None,
    reason: str = "",
) -> Breaker:
    """Return the breaker after a failure.

    Args:
        breaker: The account's breaker for that cause; None when it is closed.
        cause: From `cause_of`.
        now: Epoch seconds.
        retry_after: What the vendor asked for, in seconds; it takes precedence over the table.
        reason: The failure's message.
    """
    still_open = breaker is not None and breaker.gate(now) is Gate.OPEN
    if breaker is None or now > breaker.until + MEMORY:
        failures = 1
    else:
        failures = breaker.failures + (not still_open)
    pause = cooldown(cause, failures)
    if retry_after is not None:
        pause = min(max(retry_after, 1.0), CAUSES[cause].longest)
    until = now + pause
    if breaker is not None and still_open:
        until = max(until, breaker.until)
    return Breaker(cause, failures, until, at=now, reason=reason)


def claim(breaker: Breaker, *, now: float) -> Breaker | None:
    """Return the breaker with this process's claim; None when it is not HALF_OPEN.

    The caller replaces only the very breaker that it read, so that one process wins.
    """
    if breaker.gate(now) is not Gate.HALF_OPEN:
        return None
    return attrs.evolve(breaker, probe_until=now + PROBE_LEASE)
