"""Let what holds locks or files go through a fork: a child has only the thread that forked it."""

from __future__ import annotations

import os
import threading
import weakref
from typing import Protocol


class Forked(Protocol):
    """Something that is told of forks, in the thread that forks."""

    def before_fork(self) -> None:
        """Let no other thread be in the middle of something that the child cannot finish."""

    def after_fork(self, *, child: bool) -> None:
        """Go on; in the child, with nothing that is the parent's."""


_TOLD: dict[weakref.ref[Forked], None] = {}
_HELD: dict[int, list[Forked]] = {}
"""What is between before and after, by the thread that forks."""


def tell(thing: Forked) -> None:
    """Tell something of every fork from now on, as long as it lives."""
    _TOLD[weakref.ref(thing, lambda ref: _TOLD.pop(ref, None))] = None


class Lock:
    """A lock like `threading.RLock`; a forked child's is free, whoever held the parent's."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        tell(self)

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def before_fork(self) -> None:
        """Wait for nobody."""

    def after_fork(self, *, child: bool) -> None:
        """Be free in the child."""
        if child:
            self._lock = threading.RLock()


def _before() -> None:
    held = _HELD[threading.get_ident()] = []
    for ref in reversed(list(_TOLD)):  # what was made later may hold what was made before
        if (thing := ref()) is not None:
            thing.before_fork()
            held.append(thing)


def _after(*, child: bool) -> None:
    for thing in _HELD.pop(threading.get_ident(), []):
        thing.after_fork(child=child)
    if child:
        _HELD.clear()


os.register_at_fork(
    before=_before,
    after_in_parent=lambda: _after(child=False),
    after_in_child=lambda: _after(child=True),
)
