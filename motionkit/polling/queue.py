"""A poll queue per account. Pure: no threads, no clock.

Each account has its own queue and its own number of concurrent polls, so that a vendor that hangs
does not block the others; the accounts take turns.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections import deque

import attrs

from motionkit.polling.watch import WatchedJob

LEAST, MOST = 4, 96
"""Concurrent polls of one account: the number allowed at first, and the highest one."""
SHORTEST_POLL, LONGEST_POLL = 2.0, 10.0
"""Seconds that one poll may take; after an unanswered one the job's next poll may take longer."""
_SLOWER = 20
"""How many times the slowest recent poll a poll may take."""
_HANGS = 0.5
"""Seconds after which a poll on its way may be taken to hang."""
_SAMPLE = 32
"""Polls of which the fastest one is taken as the network's round trip."""
_MEASURED = 0.2
"""Seconds over which the rate of polls is measured."""
_HEADROOM = 1.5
"""Concurrent polls allowed, over what the rate needs."""


@attrs.define(eq=False)
class AccountQueue:
    """One account's jobs, ordered by their next poll.

    Attributes:
        heap: Due moment, ticket, job; an entry whose ticket is not the job's own is void.
        jobs: How many jobs of the account are followed.
        started: When each poll on its way was taken, the oldest first.
        limit: Concurrent polls allowed, besides those that hang.
    """

    heap: list[tuple[float, int, WatchedJob]] = attrs.field(factory=list)
    jobs: int = 0
    started: list[float] = attrs.field(factory=list)
    limit: int = LEAST
    _recent: deque[float] = attrs.field(factory=lambda: deque(maxlen=_SAMPLE))
    _answers: int = 0
    _since: float | None = None

    @property
    def running(self) -> int:
        """Polls on their way."""
        return len(self.started)

    @property
    def first(self) -> float | None:
        """When the next poll may start; None when there is none, or the most are running.

        Polls that hang count no more: they hold up their own jobs, not the account's others.
        """
        while self.heap and self.heap[0][1] != self.heap[0][2].ticket:
            heapq.heappop(self.heap)
        if not self.heap or self.running >= MOST:
            return None
        due, over = self.heap[0][0], self.running - self.limit
        return due if over < 0 else max(due, self.started[over] + self._hangs_after)

    @property
    def patience(self) -> float:
        """Seconds that the next poll may take: a multiple of what polls take, within bounds."""
        if not self._recent:
            return LONGEST_POLL
        return min(max(SHORTEST_POLL, max(self._recent) * _SLOWER), LONGEST_POLL)

    @property
    def _hangs_after(self) -> float:
        return _HANGS if not self._recent else min(max(_HANGS, max(self._recent) * 4), LONGEST_POLL)

    def done(self, now: float, seconds: float | None, started: float) -> None:
        """Record the duration of a poll (None: unanswered); allow as many as the rate needs.

        By Little's law, with the fastest recent poll as the time of all: where many threads share
        one processor, slower ones measure only the number of threads, and would add still more.
        """
        self.started.remove(started)
        if seconds is None:
            return
        self._recent.append(seconds)
        if self._since is None:
            self._since = now - seconds
        self._answers += 1
        span = now - self._since
        if span < _MEASURED:
            return
        rate = self._answers / span
        self.limit = min(max(LEAST, math.ceil(rate * min(self._recent) * _HEADROOM) + 2), MOST)
        self._since, self._answers = now, 0


@attrs.define
class PollQueue:
    """The queues of all accounts."""

    _accounts: dict[str, AccountQueue] = attrs.field(factory=dict)
    _rotation: deque[AccountQueue] = attrs.field(factory=deque)
    _tickets: itertools.count[int] = attrs.field(factory=lambda: itertools.count(1))

    def account(self, name: str) -> AccountQueue:
        """Return an account's queue."""
        if name not in self._accounts:
            self._accounts[name] = AccountQueue()
            self._rotation.append(self._accounts[name])
        return self._accounts[name]

    def put(self, watched: WatchedJob) -> None:
        """Queue a job by when it is due; an earlier entry of it becomes void.

        Void entries stay in the heap until they come up: searching it would take longer.
        """
        watched.ticket = next(self._tickets)
        entry = (watched.next(), watched.ticket, watched)
        heapq.heappush(self.account(watched.job.account).heap, entry)

    @staticmethod
    def drop(watched: WatchedJob) -> None:
        """Make a job's entry void."""
        watched.ticket = 0

    def take(self, now: float) -> WatchedJob | None:
        """Remove and return a job that is due; the accounts take turns."""
        for _ in range(len(self._rotation)):
            account = self._rotation[0]
            self._rotation.rotate(-1)
            first = account.first
            if first is not None and first <= now:
                account.started.append(now)
                watched = heapq.heappop(account.heap)[2]
                watched.taken = now
                return watched
        return None

    @property
    def followed(self) -> list[str]:
        """The accounts that have jobs; not a walk over the jobs, which may be thousands."""
        return [name for name, account in self._accounts.items() if account.jobs]

    @property
    def running(self) -> int:
        """Polls on their way."""
        return sum(account.running for account in self._rotation)

    @property
    def first(self) -> float | None:
        """When the next poll that may run is due; None when there is none."""
        return min((f for one in self._rotation if (f := one.first) is not None), default=None)
