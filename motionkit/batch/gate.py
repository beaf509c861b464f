"""The gate of an account: items wait for its slots here, in their order, without a thread."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from math import inf

import attrs

from motionkit._support import backoff
from motionkit.errors import Busy, MotionKitError

log = logging.getLogger("motionkit")

ASK_EVERY = 1.0
"""Seconds between two questions of the journal for free slots."""
PROBE_EVERY = 10.0
"""Seconds after which one item is let in although no slot is free.

Its submit polls the running jobs of the account, also those that no process waits for, and is
refused while they run.
"""
MOST_AT_ONCE = 10
"""Items in a submit at once: threads are left for what others of the process submit."""
FIRST_TRIAL, LONGEST_TRIAL = 30.0, 300.0
"""Seconds after which one item more is tried than a vendor without a configured limit accepted;
doubled by each trial that it refuses, up to the longest."""


@attrs.frozen
class Slots:
    """The slots behind a gate, as the journal counts them.

    Attributes:
        taken: How many are taken.
        limit: How many there are; infinity where none is configured.
    """

    taken: int
    limit: float


class Gate:
    """Lets as many items in as an account has free slots, those that came first.

    An item is inside while it submits. Slots that its submit takes are counted by the journal.
    Where no limit is configured, the jobs that ran when the vendor refused one more are the limit,
    until a trial finds a higher one.

    Args:
        slots: Counts the slots in the journal.
        clock: Monotonic seconds.
    """

    def __init__(
        self, slots: Callable[[], Awaitable[Slots]], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._slots, self._clock = slots, clock
        self._learnt = inf
        self._trial, self._tried = FIRST_TRIAL, -inf
        self._queue: deque[asyncio.Future[None]] = deque()
        self._inside = 0
        self._refusals = 0
        self._closed_until = -inf
        self._probed = -inf
        self._news = asyncio.Event()
        self._doorman: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def entered(self, *, first: bool = False) -> AsyncIterator[None]:
        """Wait for a slot, and be inside during the block.

        Args:
            first: Go before all who wait: for an item that was inside already.
        """
        turn = asyncio.get_running_loop().create_future()
        (self._queue.appendleft if first else self._queue.append)(turn)
        self._open()
        try:
            await turn
        except asyncio.CancelledError:
            if turn in self._queue:
                self._queue.remove(turn)
            elif turn.done() and not turn.cancelled():
                self._leave()
            raise
        try:
            yield
        finally:
            self._leave()

    async def refused(self, error: MotionKitError) -> None:
        """Close the gate for a while: the account refused an item for a passing cause."""
        if isinstance(error, Busy):
            await self._learn()
        if self._clock() >= self._closed_until:  # those who were inside with it count once
            self._refusals += 1
        pause = backoff.slot_delay(self._refusals, hint=error.retry_after)
        self._closed_until = max(self._closed_until, self._clock() + pause)

    def missed(self) -> None:
        """Ask the journal anew in a moment: another process took the slot first."""
        apart = 0.5 + random.random()  # noqa: S311 - spreads the workers that missed it
        self._closed_until = max(self._closed_until, self._clock() + ASK_EVERY * apart)

    def taken(self) -> None:
        """Forget refusals: the account took an item."""
        self._refusals, self._closed_until = 0, -inf

    def ended(self) -> None:
        """Ask the journal now: a job ended, and may have left its slot."""
        self._news.set()

    async def _learn(self) -> None:
        """Take the jobs that run now for the limit, where none is configured."""
        try:
            slots = await self._slots()
        except MotionKitError:  # the next refusal teaches the same
            return
        if slots.limit != inf:
            return
        now = self._clock()
        if slots.taken >= self._learnt and now >= self._tried:  # of those inside together, one
            self._trial = min(self._trial * 2, LONGEST_TRIAL)
        # Those who are inside with it count as jobs, too: the last one refused learns the least.
        self._learnt = max(1, slots.taken)
        self._tried = now + self._trial

    def _leave(self) -> None:
        self._inside -= 1
        self._news.set()

    def _open(self) -> None:
        self._news.set()
        if self._doorman is None or self._doorman.done():
            self._doorman = asyncio.get_running_loop().create_task(self._serve())

    async def _serve(self) -> None:
        while self._queue:
            self._news.clear()
            for _ in range(await self._room()):
                if not self._queue:
                    return
                turn = self._queue.popleft()
                if not turn.done():
                    self._inside += 1
                    turn.set_result(None)
            try:
                await asyncio.wait_for(self._news.wait(), ASK_EVERY)
            except TimeoutError:
                continue

    async def _room(self) -> int:
        """Return how many may come in now."""
        if self._clock() < self._closed_until:
            return 0
        most = 1 if self._refusals else MOST_AT_ONCE  # after a refusal one item tries for all
        if self._inside >= most:
            return 0
        try:
            slots = await self._slots()
        except MotionKitError as error:
            log.warning("%s; nothing is submitted until the journal answers", error.message)
            return 0
        known = slots.limit != inf
        if not known and not self._inside and slots.taken > self._learnt:
            self._learnt, self._trial = slots.taken, FIRST_TRIAL  # a trial was accepted
            self._tried = self._clock()
        # Whoever is inside may be counted by the journal already: then there is room for fewer.
        free = (slots.limit if known else self._learnt) - slots.taken
        room = int(min(free - self._inside, most - self._inside))
        due = self._probed + PROBE_EVERY if known else self._tried
        if room < 1 and not self._inside and self._clock() >= due:
            room = 1
        if room > 0:
            self._probed = self._clock()
        return room
