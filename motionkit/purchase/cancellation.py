"""Cancel a submit that is not in the journal yet: its caller gave up, or its client was closed.

Nothing can have been sent before the journal has the intention; a cancelled submit ends there.
After it a submit is never cancelled: the paid call may have left, and its job must be recorded.
"""

from __future__ import annotations

import contextvars
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

from motionkit.errors import MotionKitError


class Cancellation:
    """The cancellation of one call. Any thread may cancel it; it cannot be undone."""

    def __init__(self) -> None:
        self._ended = threading.Event()
        self._cancelled = False
        self._reason = ""

    def cancel(self, reason: str) -> None:
        """End the call's wait for a slot, and keep it from submitting.

        Args:
            reason: The beginning of a sentence that ends with "before anything was submitted".
        """
        self._cancelled = True
        self.end_wait(reason)

    def end_wait(self, reason: str) -> None:
        """End the call's wait for a slot; a call that does not wait may still submit."""
        self._reason = self._reason or reason
        self._ended.set()

    def check(self) -> None:
        """Do nothing while the call may submit.

        Raises:
            MotionKitError: It was cancelled; nothing was submitted.
        """
        if self._cancelled:
            self._refuse()

    def sleep(self, seconds: float, sleep: Callable[[float], None]) -> None:
        """Wait for a slot, until the time is over or the wait is ended.

        Raises:
            MotionKitError: The wait was ended; nothing was submitted.
        """
        if sleep is time.sleep:
            self._ended.wait(seconds)
        else:
            sleep(seconds)
        if self._ended.is_set():
            self._refuse()

    def _refuse(self) -> NoReturn:
        raise MotionKitError(f"{self._reason} before anything was submitted")

    @contextmanager
    def active(self) -> Iterator[None]:
        """Make `check` and `sleep` obey this cancellation, in this thread."""
        token = _current.set(self)
        try:
            yield
        finally:
            _current.reset(token)


class Cancellations:
    """The calls of one client that may submit."""

    def __init__(self) -> None:
        self._open: dict[threading.Event, tuple[Cancellation, int, int]] = {}
        """Cancellation, process and thread of each call, by the event that is set at its end."""
        self._keys: dict[threading.Event, str] = {}
        """The key that the caller gave to each call."""
        self._closed: str | None = None

    @contextmanager
    def call(self, key: str | None = None) -> Iterator[None]:
        """Run a call under the cancellation of its thread, or a new one.

        Args:
            key: Of the purchase, where the caller gave one; `cancel` finds the call by it.
        """
        one, ended = _current.get() or Cancellation(), threading.Event()
        self._open[ended] = one, os.getpid(), threading.get_ident()
        if key is not None:
            self._keys[ended] = key
        if self._closed is not None:
            one.end_wait(self._closed)
        try:
            with one.active():
                yield
        finally:
            self._open.pop(ended, None)
            self._keys.pop(ended, None)
            ended.set()

    def cancel(self, key: str, reason: str) -> bool:
        """Cancel the calls of other threads that submit a key, and wait until they have ended.

        Returns:
            Whether there were any. One whose submit is in the journal completes nevertheless.
        """
        found = []
        for ended, known in list(self._keys.items()):
            call = self._open.get(ended) if known == key else None
            if call is None or call[1] != os.getpid() or call[2] == threading.get_ident():
                continue  # as in `join`
            call[0].cancel(reason)
            found.append(ended)
        for ended in found:
            ended.wait()
        return bool(found)

    def end_waits(self, reason: str) -> None:
        """End every wait for a slot, also those that begin later."""
        self._closed = reason
        for one, _, _ in list(self._open.values()):
            one.end_wait(reason)

    def join(self) -> None:
        """Wait until the submits of other threads have ended."""
        for ended, (_, process, thread) in list(self._open.items()):
            # A forked child has none of its parent's threads, and a thread cannot wait for itself.
            if process == os.getpid() and thread != threading.get_ident():
                ended.wait()


_current: contextvars.ContextVar[Cancellation | None] = contextvars.ContextVar(
    "cancellation", default=None
)


def check() -> None:
    """Do nothing while this thread's call may submit; see `Cancellation.check`."""
    one = _current.get()
    if one is not None:
        one.check()


def sleep(seconds: float, how: Callable[[float], None]) -> None:
    """Wait for a slot in this thread's call; see `Cancellation.sleep`."""
    one = _current.get()
    if one is None:
        how(seconds)
    else:
        one.sleep(seconds, how)
