"""Which job is next: pure, without threads and without a clock.

Each account has a line of its own, with its own number of looks at once, so that a vendor that
hangs holds up nobody else; lines take turns.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections import deque

import attrs

from motionkit.polling.watch import WatchedJob

LEAST, MOST = 4, 96
"""Looks at once in one account: from the start, and at most."""
_SAMPLE = 32
"""Looks whose fastest one says how long the network takes."""
_MEASURED = 0.2
"""Seconds of looks from which their rate is told."""
_ROOM = 1.5
"""How much more room is made than the rate of looks needs."""


@attrs.define(eq=False)
class AccountQueue:
    """One account's jobs by their next look.

    Attributes:
        heap: Due moment, ticket, job; a ticket that is no longer the job's own is passed over.
        jobs: How many jobs of the account are followed.
        running: Looks on their way.
        limit: Looks at once.
    """

    heap: list[tuple[float, int, WatchedJob]] = attrs.field(factory=list)
    jobs: int = 0
    running: int = 0
    limit: int = LEAST
    _fastest: deque[float] = attrs.field(factory=lambda: deque(maxlen=_SAMPLE))
    _answers: int = 0
    _since: float | None = None

    @property
    def first(self) -> float | None:
        """When the next look is due; None when there is none, or no room for one."""
        while self.heap and self.heap[0][1] != self.heap[0][2].ticket:
            heapq.heappop(self.heap)
        return self.heap[0][0] if self.heap and self.running < self.limit else None

    def done(self, now: float, seconds: float | None) -> None:
        """Take note that a look has come back, and make as much room as looks need (Little's law).

        The fastest look of the last ones stands for what a look takes: where many threads share
        one processor, the others measure only how many they are, and more threads help nobody.

        Args:
            now: The present.
            seconds: What it took; None when it was not answered.
        """
        self.running -= 1
        if seconds is None:
            return
        self._fastest.append(seconds)
        if self._since is None:
            self._since = now - seconds
        self._answers += 1
        span = now - self._since
        if span < _MEASURED:
            return
        rate = self._answers / span
        self.limit = min(max(LEAST, math.ceil(rate * min(self._fastest) * _ROOM) + 2), MOST)
        self._since, self._answers = now, 0


@attrs.define
class PollQueue:
    """All accounts' lines."""

    _lines: dict[str, AccountQueue] = attrs.field(factory=dict)
    _turns: deque[AccountQueue] = attrs.field(factory=deque)
    _tickets: itertools.count[int] = attrs.field(factory=lambda: itertools.count(1))

    def line(self, account: str) -> AccountQueue:
        """Return an account's line."""
        if account not in self._lines:
            self._lines[account] = AccountQueue()
            self._turns.append(self._lines[account])
        return self._lines[account]

    def put(self, pursuit: WatchedJob) -> None:
        """Give a job its place, by when it is due; a former place counts no more."""
        pursuit.ticket = next(self._tickets)
        entry = (pursuit.next(), pursuit.ticket, pursuit)
        heapq.heappush(self.line(pursuit.job.account).heap, entry)

    @staticmethod
    def drop(pursuit: WatchedJob) -> None:
        """Take a job's place away."""
        pursuit.ticket = 0

    def take(self, now: float) -> WatchedJob | None:
        """Return a job that is due in a line that has room, the lines in turn."""
        for _ in range(len(self._turns)):
            line = self._turns[0]
            self._turns.rotate(-1)
            first = line.first
            if first is not None and first <= now:
                line.running += 1
                return heapq.heappop(line.heap)[2]
        return None

    @property
    def running(self) -> int:
        """Looks on their way."""
        return sum(line.running for line in self._turns)

    @property
    def first(self) -> float | None:
        """When the next look is due in a line that has room; None when there is none."""
        return min((f for line in self._turns if (f := line.first) is not None), default=None)
