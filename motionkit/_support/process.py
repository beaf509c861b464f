"""This process and others: identity, time since, locks and open files across a fork.

A forked child has only the thread that forked it, so every lock that another thread held stays
locked there for ever, unless it is replaced.
"""

from __future__ import annotations

import functools
import os
import threading
import time
import uuid
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, Protocol, Self, TypeVar, overload

import attrs

from motionkit._support import system

T = TypeVar("T")

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
PID_NAMESPACE = Path("/proc/self/ns/pid")
DISAGREEMENT = 2.0
"""Seconds by which two clocks may disagree on a duration; beyond it neither is trusted."""


def identity() -> str:
    """Return this process's name among those that may share a journal: host and process id."""
    return f"{host()}:{os.getpid()}"


def host() -> str:
    """Return this machine's name, as SQLite takes it: it may have any bytes."""
    import socket  # noqa: PLC0415 - who writes nothing has no need of a name

    return socket.gethostname().encode("utf-8", "backslashreplace").decode()


def alive(owner: str | None) -> bool:
    """Return whether another process may still be running.

    This process does not count. A process on another host cannot be checked and counts as alive.
    """
    if owner is None:
        return False
    name, _, pid = owner.rpartition(":")
    if name != host():
        return True
    return int(pid) != os.getpid() and system.exists(int(pid))


def machine() -> str:
    """Return a name that only processes share which see each other's process ids.

    Containers may have one host name and all begin at process id 1; they differ in the namespace
    of process ids.
    """
    try:
        namespace = PID_NAMESPACE.stat().st_ino
    except OSError:  # not Linux
        namespace = 0
    return f"{host()} {_boot_id()} {namespace}"


@attrs.frozen
class Moment:
    """A point in time on several clocks, comparable between the processes of one boot.

    Between machines it is comparable by the clock that they share.

    Attributes:
        wall: Epoch seconds, on a clock that may be set.
        uptime: Seconds on a clock that cannot be set and that runs while the machine is suspended.
        boot: The id of the machine's boot, from which `uptime` counts.
        shared: Epoch seconds on a clock that other machines read too; None where there is none.
    """

    wall: float
    uptime: float
    boot: str
    shared: float | None = None

    def since(self, earlier: Moment) -> float | None:
        """Return the seconds from an earlier moment to this one.

        Returns:
            None when it cannot be known: another boot or machine without a clock that both read, or
            the clocks disagree because one of them was set meanwhile.
        """
        by_wall = self.wall - earlier.wall
        if self.boot == earlier.boot:
            passed = self.uptime - earlier.uptime
        elif self.shared is not None and earlier.shared is not None:
            # That clock may be set as well: the two machines' own ones have to agree with it.
            passed = self.shared - earlier.shared
        else:
            return None
        if passed < 0 or abs(passed - by_wall) > DISAGREEMENT:
            return None
        return max(passed, by_wall)


def moment() -> Moment:
    """Return the current moment."""
    return Moment(time.time(), system.uptime(), _boot_id())


@functools.cache
def _boot_id() -> str:
    """Return the boot's id, or one that no other process shares where the system has none."""
    try:
        return BOOT_ID.read_text("ascii", "backslashreplace").strip()
    except OSError:
        return f"process-{uuid.uuid4()}"


class Forked(Protocol):
    """An object that is notified of forks, in the thread that forks."""

    def before_fork(self) -> None:
        """Wait until no other thread is inside a step that the child could not finish."""

    def after_fork(self, *, child: bool) -> None:
        """Continue; in the child, drop whatever belongs to the parent."""


_NOTIFIED: dict[weakref.ref[Forked], None] = {}
_HELD: dict[int, list[Forked]] = {}
"""The objects between `before_fork` and `after_fork`, by the thread that forks."""


def notify_of_forks(thing: Forked) -> None:
    """Notify an object of every fork from now on, as long as it lives."""
    _NOTIFIED[weakref.ref(thing, lambda ref: _NOTIFIED.pop(ref, None))] = None


class Lock:
    """A lock like `threading.RLock` that is free in a forked child, whoever held it before."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        notify_of_forks(self)

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def before_fork(self) -> None:
        """Do nothing: the child replaces the lock."""

    def after_fork(self, *, child: bool) -> None:
        """Replace the lock in the child."""
        if child:
            self._lock = threading.RLock()


def _before() -> None:
    held = _HELD[threading.get_ident()] = []
    for ref in reversed(list(_NOTIFIED)):  # later objects may hold earlier ones
        if (thing := ref()) is not None:
            thing.before_fork()
            held.append(thing)


def _after(*, child: bool) -> None:
    for thing in _HELD.pop(threading.get_ident(), []):
        thing.after_fork(child=child)
    if child:
        _HELD.clear()


system.at_fork(
    before=_before,
    after_in_parent=lambda: _after(child=False),
    after_in_child=lambda: _after(child=True),
)


# Parts of an object.


class once(Generic[T]):  # noqa: N801 - a decorator, as `property` is
    """A property that is computed when it is first read, and kept.

    Of two threads that compute it at once, both get what one of them made; the other is dropped.
    It takes no lock, which a forked child might find held for ever.
    """

    def __init__(self, make: Callable[[Any], T]) -> None:
        self._make = make
        self.__doc__ = make.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, owner: None, kind: type | None = None) -> Self: ...
    @overload
    def __get__(self, owner: object, kind: type | None = None) -> T: ...

    def __get__(self, owner: object, kind: type | None = None) -> T | Self:
        if owner is None:
            return self
        # Python reads the kept value from now on: this class has no __set__.
        value: T = owner.__dict__.setdefault(self._name, self._make(owner))
        return value

    def made(self, owner: object) -> T | None:
        """Return the part if it was made."""
        return owner.__dict__.get(self._name)
