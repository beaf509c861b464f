"""The state of the board, read once for all connected pages, and the stream of its changes.

The state is HTML by id. Each piece has the number of the change that made it, so that any page is
brought up to date from the number that it has: what is kept does not grow with slow or absent
pages, and a page that was away gets the present, not the past.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import attrs

from motionkit.errors import MotionKitError

PROBLEM = "problem"
"""The id of the element that says why the journal cannot be read."""
PAUSE = 1.0
"""Seconds between two checks whether the journal has changed."""
LONGEST = 20.0
"""Seconds after which it is read again anyway: days end, jobs stall, circuits close in time."""
HEARTBEAT = 15.0
"""Seconds of silence after which a comment shows that the connection is alive."""
_SHARE = 10
"""A journal that takes long to read is read so much less often."""


@attrs.frozen
class Pieces:
    """What the page shows.

    Attributes:
        html: HTML by the id of the element that it replaces.
        lists: The ids of the rows of each list, in order, by the list's id.
    """

    html: Mapping[str, str]
    lists: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict)


@attrs.define
class _Kept:
    """A piece, or the order of a list, with the number of the change that made it."""

    value: Any
    change: int


class Feed:
    """The state of the board, and its changes for any number of pages.

    Args:
        read: Reads the whole state; called in a thread, one call at a time.
        changes: Returns a token that differs when the journal may have changed; in a thread.
        problem: Returns the HTML of `PROBLEM` for an error of either.
        clock: Monotonic seconds; for tests.
        sleep: How to wait between two looks; for tests.
        heartbeat: See `HEARTBEAT`; for tests.
    """

    def __init__(
        self,
        read: Callable[[], Pieces],
        changes: Callable[[], Hashable],
        problem: Callable[[MotionKitError], str],
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        heartbeat: float = HEARTBEAT,
    ) -> None:
        self._read, self._changes, self._problem = read, changes, problem
        self._clock, self._sleep, self._heartbeat = clock, sleep, heartbeat
        self._name = secrets.token_hex(4)
        """Another start of the board counts anew; a page of this one knows its numbers."""
        self._change = 0
        self._html: dict[str, _Kept] = {}
        self._lists: dict[str, _Kept] = {}
        self._seen: Hashable = None
        self._dirty, self._due, self._took = True, 0.0, 0.0
        self._reading = asyncio.Lock()
        self._pages: set[asyncio.Event] = set()
        self._wanted = asyncio.Event()
        self._closed = False

    @property
    def position(self) -> str:
        """The number of the last change, for `events`."""
        return f"{self._name}-{self._change}"

    @property
    def pages(self) -> int:
        """How many pages are connected."""
        return len(self._pages)

    def pieces(self) -> Pieces:
        """Return the state as it was read last."""
        return Pieces(
            {name: kept.value for name, kept in self._html.items()},
            {name: kept.value for name, kept in self._lists.items()},
        )

    async def refresh(self) -> None:
        """Read the state if the journal may have changed, and wake the pages where it has."""
        async with self._reading:
            try:
                token = await asyncio.to_thread(self._changes)
                if not self._dirty and token == self._seen and self._clock() < self._due:
                    return
                self._dirty = False  # what changes from here on is read the next time
                began = self._clock()
                found = await asyncio.to_thread(self._read)
            except MotionKitError as error:
                self._dirty = True
                last = self.pieces()  # it is shown on, with what is wrong
                html = {**last.html, PROBLEM: self._problem(error)}
                found = attrs.evolve(last, html=html)
            else:
                self._seen, self._took = token, self._clock() - began
                self._due = self._clock() + LONGEST
            if self._keep(found):
                self._wake()

    def mark(self) -> None:
        """Have the state read again soon, whatever the token says; from the loop's thread.

        What this process writes itself does not change the token of a SQLite file.
        """
        self._dirty = True

    async def run(self) -> None:
        """Keep the state fresh while pages are connected; without any, the journal is not read."""
        while not self._closed:
            await self._wanted.wait()
            if self._closed:
                return
            await self.refresh()
            await self._sleep(max(PAUSE, _SHARE * self._took))

    def close(self) -> None:
        """End all streams."""
        self._closed = True
        self._wanted.set()
        self._wake()

    async def events(self, after: str | None) -> AsyncIterator[str]:
        """Yield server-sent events: the changes after a position, then each one as it comes.

        Args:
            after: The position that the page has; everything is sent where it is another start's.
        """
        with self._page() as woken:
            known = self._known(after)
            yield "retry: 1000\n\n"
            while not self._closed:
                woken.clear()
                if known != self._change:
                    known, text = self._change, self._event(known)
                    yield text
                    continue
                try:
                    async with asyncio.timeout(self._heartbeat):
                        await woken.wait()
                except TimeoutError:
                    yield ": alive\n\n"

    @contextmanager
    def _page(self) -> Iterator[asyncio.Event]:
        woken = asyncio.Event()
        self._pages.add(woken)
        self._wanted.set()
        try:
            yield woken
        finally:
            self._pages.discard(woken)
            if not self._pages and not self._closed:
                self._wanted.clear()

    def _wake(self) -> None:
        for page in self._pages:
            page.set()

    def _keep(self, found: Pieces) -> bool:
        """Take over what was read; return whether anything differs."""
        change = self._change + 1
        differs = False
        for kept, new in ((self._html, found.html), (self._lists, found.lists)):
            for name in kept.keys() - new.keys():
                del kept[name]
                differs = True  # its list names it no longer
            for name, value in new.items():
                if name not in kept or kept[name].value != value:
                    kept[name] = _Kept(value, change)
                    differs = True
        if differs:
            self._change = change
        return differs

    def _known(self, after: str | None) -> int:
        """Return the number of a position; -1, before all, where it is not one of this start."""
        name, _, number = (after or "").rpartition("-")
        if name != self._name or not number.isascii() or not number.isdigit():
            return -1
        return int(number) if int(number) <= self._change else -1

    def _event(self, known: int) -> str:
        data = {
            "html": {name: one.value for name, one in self._html.items() if one.change > known},
            "lists": {name: one.value for name, one in self._lists.items() if one.change > known},
            "now": time.time(),
        }
        # JSON has no line breaks, which would end the event.
        return f"id: {self.position}\nevent: change\ndata: {json.dumps(data)}\n\n"
