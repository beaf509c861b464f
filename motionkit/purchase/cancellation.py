"""Cancel a submit that is not written ahead yet: its caller gave up, or its client was closed.

Until the intention is in the journal nothing can have been bought, so that a cancelled submit ends
there. Afterwards it is never cancelled: the paid call may have left, and the journal has its job.
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
    """Whether one call may still go on; any thread may cancel it, once and for good."""

    def __init__(self) -> None:
        self._ended = threading.Event()
        self._cancelled = False
        self._reason = ""

    def cancel(self, reason: str) -> None:
        """End the call's wait for a slot, and keep it from submitting.

        Args:
            reason: Why, as the beginning of a sentence.
        """
        self._cancelled = True
        self.end_wait(reason)

    def end_wait(self, reason: str) -> None:
        """End the call's wait for a slot; without one it may still submit."""
        self._reason = self._reason or reason
        self._ended.set()

    def check(self) -> None:
        """Do nothing while the call may submit.

        Raises:
            MotionKitError: It was cancelled; nothing was bought.
        """
        if self._cancelled:
            self._refuse()

    def sleep(self, seconds: float, sleep: Callable[[float], None]) -> None:
        """Wait for a slot, but no longer than the call may.

        Args:
            seconds: How long.
            sleep: How; a caller's own clock is left to it.

        Raises:
            MotionKitError: The wait was ended; nothing was bought.
        """
        if sleep is time.sleep:
            self._ended.wait(seconds)
        else:
            sleep(seconds)
        if self._ended.is_set():
            self._refuse()

    def _refuse(self) -> NoReturn:
        raise MotionKitError(f"{self._reason} before anything was submitted: nothing was bought")


class Cancellations:
    """The calls of one client that may submit."""

    def __init__(self) -> None:
        self._open: dict[threading.Event, tuple[Cancellation, int, int]] = {}
        """By what tells their end: their cancellation, process and thread."""
        self._closed: str | None = None

    @contextmanager
    def call(self) -> Iterator[None]:
        """Give a call its cancellation, or the one that its thread was given."""
        one, ended = _current.get() or Cancellation(), threading.Event()
        self._open[ended] = one, os.getpid(), threading.get_ident()
        if self._closed is not None:
            one.end_wait(self._closed)
        try:
            with using(one):
                yield
        finally:
            self._open.pop(ended, None)
            ended.set()

    def end_waits(self, reason: str) -> None:
        """End every wait for a slot, and all that would begin later."""
        self._closed = reason
        for one, _, _ in list(self._open.values()):
            one.end_wait(reason)

    def join(self) -> None:
        """Wait until what other threads submit has come to its end."""
        for ended, (_, process, thread) in list(self._open.items()):
            # a forked child has none of its parent's threads, and nobody waits for itself
            if process == os.getpid() and thread != threading.get_ident():
                ended.wait()


_current: contextvars.ContextVar[Cancellation | None] = contextvars.ContextVar(
    "cancellation", default=None
)


@contextmanager
def using(one: Cancellation) -> Iterator[None]:
    """Let `check` and `sleep` of this thread mean a call's cancellation."""
    token = _current.set(one)
    try:
        yield
    finally:
        _current.reset(token)


def check() -> None:
    """Do nothing while this thread's call may go on; see `Cancellation.check`."""
    one = _current.get()
    if one is not None:
        one.check()


def sleep(seconds: float, how: Callable[[float], None]) -> None:
    """Sleep, but no longer than this thread's call may go on; see `Cancellation.sleep`."""
    one = _current.get()
    if one is None:
        how(seconds)
    else:
        one.sleep(seconds, how)
