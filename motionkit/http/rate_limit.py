"""Limit an account's requests per minute, whatever they are for.

The core makes one limiter per account and hands it to the adapter, which hands it to its sessions.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol, TypeVar

from motionkit._support import process
from motionkit.errors import JournalError

WINDOW = 60.0
"""Seconds over which a vendor counts calls."""
_SHORTEST = 1e-3
"""Seconds; the shortest wait, so that a rounding error causes no busy loop."""
_FRESH = 1.0
"""Seconds for which a reserved call starts without being counted anew."""
ALONE = 30.0
"""Seconds without the shared count after it failed."""

_T = TypeVar("_T")
log = logging.getLogger("motionkit")


class SharedCalls(Protocol):
    """An account's calls by all processes, such as `motionkit.journal.calls.AccountCalls`.

    Every method raises `JournalError` where they cannot be counted.
    """

    def take(self, calls: int, limit: int) -> tuple[float, Sequence[int]]:
        """Count calls that start now: return 0 and their ids, or the seconds to wait."""

    def give_back(self, ids: Sequence[int]) -> None:
        """Do not count calls that were taken and not made."""

    def begin(self, call: int) -> bool:
        """Count a call that was taken earlier from now on; False when its minute is over."""

    def end(self, call: int | None) -> None:
        """Count a call from now on; None where it was never counted."""


class RateLimiter:
    """A limit on an account's calls that start within any minute; `clock` is monotonic.

    `call` wraps one HTTP call and waits until it may start. A thread with other work meanwhile
    reserves calls with `acquire` first; a reserved call starts at once. A call's minute begins with
    its response: the vendor cannot have counted it later, however slow the network was.

    Attributes:
        rpm: The limit.
        shared: Where the calls of all processes are counted; None where this process counts alone.
            A count that fails leaves the limit to each process for a while, and ends no wait.
    """

    def __init__(
        self,
        rpm: int,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.rpm = rpm
        self.shared: SharedCalls | None = None
        self._clock = clock
        self._sleep = sleep
        self._lock = process.Lock()
        self._calls: deque[float] = deque()
        """This process's calls, whether or not `shared` counts them too: it may fail."""
        self._local = threading.local()
        self._alone_until = 0.0
        self._warned = False
        process.notify_of_forks(self)

    def share(self, jobs: float, calls: int) -> float:
        """Return the sustainable seconds between two polls of each job, of up to `calls` calls.

        `jobs` are those that all processes poll.
        """
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
        ids: Sequence[int | None] = [None] * calls
        taken = self._ask(lambda shared: shared.take(calls, self.rpm))
        if taken is not None:
            pause, ids = taken
            if not ids:
                self._forget([now] * calls)
                return max(pause, _SHORTEST)
        self._reserved.extend((now, one) for one in ids)
        return 0.0

    def release(self) -> None:
        """Release the calls that this thread reserved and did not make."""
        reserved = self._reserved
        if not reserved:
            return
        self._forget([moment for moment, _ in reserved])
        ids = [one for _, one in reserved if one is not None]
        reserved.clear()
        if ids:
            self._ask(lambda shared: shared.give_back(ids))

    def _forget(self, moments: Sequence[float]) -> None:
        with self._lock:
            for moment in moments:
                if moment in self._calls:  # else its minute is over
                    self._calls.remove(moment)

    def wait(self) -> None:
        """Wait until one call may start, and reserve it for this thread."""
        while pause := self.acquire():
            self._sleep(pause)

    @contextmanager
    def call(self) -> Iterator[None]:
        """Wait until one call may start, and count it."""
        started, shared_id = self._start()
        try:
            yield
        finally:
            with self._lock:
                if started in self._calls:  # else its minute is over already
                    self._calls.remove(started)
                self._calls.append(self._clock())
            self._ask(lambda shared: shared.end(shared_id))

    def _start(self) -> tuple[float, int | None]:
        """Wait until one call may start; return the time, and its id in the shared count."""
        while self._reserved:
            moment, one = self._reserved.pop()
            with self._lock:
                now = self._clock()
                ours = moment in self._calls
                if ours:
                    self._calls.remove(moment)
                    self._calls.append(now)
            if ours and (now - moment < _FRESH or self._begin(one)):
                return now, one
            if ours:  # its minute is over: another process may have it
                self._forget([now])
        self.wait()
        return self._reserved.pop()

    def _begin(self, shared_id: int | None) -> bool:
        """Count a call that was reserved a while ago from now on; False when it is lost."""
        if shared_id is None:
            return True
        return self._ask(lambda shared: shared.begin(shared_id)) is not False

    def _ask(self, question: Callable[[SharedCalls], _T]) -> _T | None:
        """Ask the shared count; None where there is none, or it fails."""
        if self.shared is None or self._clock() < self._alone_until:
            return None
        try:
            return question(self.shared)
        except JournalError as error:
            self._alone_until = self._clock() + ALONE
            level = logging.INFO if self._warned else logging.WARNING
            self._warned = True
            log.log(
                level,
                "%s; rpm = %d holds within this process only until that works again",
                error.message,
                self.rpm,
            )
            return None

    @property
    def _reserved(self) -> list[tuple[float, int | None]]:
        try:
            reserved: list[tuple[float, int | None]] = self._local.reserved
        except AttributeError:
            reserved = self._local.reserved = []
        return reserved

    # Forks.

    def before_fork(self) -> None:
        """Do nothing: no step holds more than the lock, which the child replaces."""

    def after_fork(self, *, child: bool) -> None:
        """Forget in the child what the parent reserved: it makes those calls itself."""
        if child:
            self._local = threading.local()
