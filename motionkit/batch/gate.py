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

from motionkit._support import backoff
from motionkit.errors import MotionKitError

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


class Gate:
    """Lets as many items in as an account has free slots, those that came first.

    An item is inside while it submits. Slots that its submit takes are counted by the journal.

    Args:
        free: Returns how many slots are free in the journal; infinity without a limit.
        clock: Monotonic seconds.
    """

    def __init__(
        self, free: Callable[[], Awaitable[float]], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._free, self._clock = free, clock
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

    def refused(self, error: MotionKitError) -> None:
        """Close the gate for a while: the account refused an item for a passing cause."""
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
            free = await self._free()
        except MotionKitError as error:
            log.warning("%s; nothing is submitted until the journal answers", error.message)
            return 0
        # Whoever is inside may be counted by the journal already: then there is room for fewer.
        room = int(min(free - self._inside, most - self._inside))
        if room < 1 and not self._inside and self._clock() - self._probed >= PROBE_EVERY:
            room = 1
        if room > 0:
            self._probed = self._clock()
        return room
