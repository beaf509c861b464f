"""Limit an account's requests per minute, whatever they are for.

The core makes one limiter per account and hands it to the adapter, which hands it to its sessions.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from motionkit._support import process

WINDOW = 60.0
"""Seconds over which a vendor counts calls."""
_SHORTEST = 1e-3
"""Seconds; the shortest wait, so that a rounding error causes no busy loop."""


class RateLimiter:
    """A limit on the calls of this process that start within any minute; `clock` is monotonic.

    `call` wraps one HTTP call and waits until it may start. A thread with other work meanwhile
    reserves calls with `acquire` first; a reserved call starts at once. A call's minute begins with
    its response: the vendor cannot have counted it later, however slow the network was.
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
        self._local = threading.local()

    def share(self, jobs: float, calls: int) -> float:
        """Return the sustainable seconds between two polls of each job, of up to `calls` calls."""
        return WINDOW * jobs / max(1, self.rpm - calls + 1)

    def acquire(self, calls: int = 1) -> float:
        """Reserve calls for this thread: return 0, or the seconds after which to try again."""
        calls = min(calls, self.rpm)
        with self._lock:
            now = self._clock()
            while self._calls and self._calls[0] + WINDOW <= now:
                self._calls.popleft()
            short = len(self._calls) + calls - self.rpm
            if short > 0:
                return max(self._calls[short - 1] + WINDOW - now, _SHORTEST)
            self._calls.extend([now] * calls)
        self._reserved.extend([now] * calls)
        return 0.0

    def release(self) -> None:
        """Release the calls that this thread reserved and did not make."""
        with self._lock:
            for moment in self._reserved:
                if moment in self._calls:  # else its minute is over
                    self._calls.remove(moment)
        self._reserved.clear()

    def wait(self) -> None:
        """Wait until one call may start, and reserve it for this thread."""
        while pause := self.acquire():
            self._sleep(pause)

    @contextmanager
    def call(self) -> Iterator[None]:
        """Wait until one call may start, and count it."""
        started = self._start()
        try:
            yield
        finally:
            with self._lock:
                if started in self._calls:  # else its minute is over already
                    self._calls.remove(started)
                self._calls.append(self._clock())

    def _start(self) -> float:
        """Wait until one call may start, and return the time."""
        while self._reserved:
            reserved = self._reserved.pop()
            with self._lock:
                now = self._clock()
                if reserved in self._calls:  # else its minute is over: another thread may have it
                    self._calls.remove(reserved)
                    self._calls.append(now)
                    return now
        self.wait()
        return self._reserved.pop()

    @property
    def _reserved(self) -> list[float]:
        try:
            reserved: list[float] = self._local.reserved
        except AttributeError:
            reserved = self._local.reserved = []
        return reserved
