"""Keep to the calls a minute that a vendor allows an account.

Every HTTP call of the account counts: uploads, submits, polls, results. A session finds its limiter
by its account, whenever the adapter makes it, so that adapters need not know of it.
"""

from __future__ import annotations

import contextvars
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from motionkit._support import process

WINDOW = 60.0
"""Seconds in which a vendor counts calls."""
_SHORTEST = 1e-3
"""Seconds: a wait's least length, so that one that floats cut short is not repeated for ever."""

_OUTSIDE: Any = object()
_current: contextvars.ContextVar[RateLimiter | None] = contextvars.ContextVar(
    "limiter", default=_OUTSIDE
)
_known: dict[str, weakref.WeakSet[RateLimiter]] = {}
_lock = process.Lock()


def of(account: str) -> RateLimiter | None:
    """Return what every HTTP call of an account goes through, if anything; for its sessions.

    In an adapter's constructor that is the adapter's own; at any later time the one that its
    account was given. Clients of one process that set different limits for one account name share
    the lowest for sessions that are made late.

    Args:
        account: The account's name.
    """
    limiter = _current.get()
    if limiter is not _OUTSIDE:
        remember(account, limiter)
        return limiter
    with _lock:
        return min(_known.get(account, ()), key=lambda one: one.rpm, default=None)


def remember(account: str, limiter: RateLimiter | None) -> None:
    """Let the sessions that an account's adapter makes later find its limiter."""
    if limiter is not None:
        with _lock:
            _known.setdefault(account, weakref.WeakSet()).add(limiter)


def forget(account: str, limiter: RateLimiter) -> None:
    """Give an account's limiter to no more sessions: its client is closed."""
    with _lock:
        _known.get(account, weakref.WeakSet()).discard(limiter)


@contextmanager
def given(limiter: RateLimiter | None) -> Iterator[None]:
    """Give a limiter to the sessions that are made inside."""
    token = _current.set(limiter)
    try:
        yield
    finally:
        _current.reset(token)


class RateLimiter:
    """Let so many calls of one process pass in any minute, and never one more.

    `call` stands for one HTTP call: it waits until that may go. Who would rather do something else
    meanwhile asks with `take` first; what was taken waits for nothing. A call's minute begins anew
    with its answer: it cannot have arrived later than that, whatever the network did.

    Args:
        rpm: Calls a minute.
        clock: Monotonic seconds.
        sleep: How to wait.
    """

    def __init__(
        self,
        rpm: int,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.rpm = rpm
        self._clock = clock
        self._sleep = sleep
        self._lock = process.Lock()
        self._calls: deque[float] = deque()
        self._mine = threading.local()

    def share(self, jobs: float, calls: int) -> float:
        """Return the seconds between two looks at each of some jobs that can go on for ever.

        Args:
            jobs: How many share the calls.
            calls: How many must be free before a look, which may need them all.
        """
        return WINDOW * jobs / max(1, self.rpm - calls + 1)

    def acquire(self, calls: int = 1) -> float:
        """Take calls for this thread if they may go now.

        Args:
            calls: How many; more than the minute has are as many as it has.

        Returns:
            0 when they were taken, else the seconds after which to ask again.
        """
        calls = min(calls, self.rpm)
        with self._lock:
            now = self._clock()
            while self._calls and self._calls[0] + WINDOW <= now:
                self._calls.popleft()
            short = len(self._calls) + calls - self.rpm
            if short > 0:
                return max(self._calls[short - 1] + WINDOW - now, _SHORTEST)
            self._calls.extend([now] * calls)
        self._taken.extend([now] * calls)
        return 0.0

    def release(self) -> None:
        """Give back what this thread took and did not use."""
        with self._lock:
            for moment in self._taken:
                if moment in self._calls:  # else its minute is over
                    self._calls.remove(moment)
        self._taken.clear()

    def wait(self) -> None:
        """Wait until one call may go, and take it for this thread."""
        while pause := self.acquire():
            self._sleep(pause)

    @contextmanager
    def call(self) -> Iterator[None]:
        """Wait until one call may go, and let it."""
        moment = self._go()
        try:
            yield
        finally:
            with self._lock:
                if moment in self._calls:  # else its minute is over, and was too early
                    self._calls.remove(moment)
                self._calls.append(self._clock())

    def _go(self) -> float:
        """Wait until one call may go; return when it did."""
        while self._taken:
            taken = self._taken.pop()
            with self._lock:
                now = self._clock()
                if taken in self._calls:  # else its minute is over, by this clock or by another's
                    self._calls.remove(taken)
                    self._calls.append(now)
                    return now
        self.wait()
        return self._taken.pop()

    @property
    def _taken(self) -> list[float]:
        try:
            taken: list[float] = self._mine.taken
        except AttributeError:
            taken = self._mine.taken = []
        return taken
