"""Which process wrote something, whether it still lives, and how long ago that was."""

from __future__ import annotations

import functools
import os
import socket
import time
import uuid
from pathlib import Path

import attrs

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
DISAGREEMENT = 2.0
"""Seconds by which two clocks may disagree on a duration; beyond it neither is believed."""
_CLOCK = getattr(time, "CLOCK_BOOTTIME", None) or getattr(time, "CLOCK_MONOTONIC", None)
"""Counts suspension: CLOCK_BOOTTIME on Linux, CLOCK_MONOTONIC on macOS."""


def identity() -> str:
    """Return what names this process among those that may share a journal: host and pid."""
    return f"{socket.gethostname()}:{os.getpid()}"


def alive(owner: str | None) -> bool:
    """Tell whether another process may still be at work.

    This process is not another one; a process on another host cannot be asked and counts as alive.
    """
    if owner is None:
        return False
    host, _, pid = owner.rpartition(":")
    if host != socket.gethostname():
        return True
    if int(pid) == os.getpid():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@attrs.frozen
class Moment:
    """A point in time on two clocks, comparable between the processes of one boot.

    Attributes:
        wall: Epoch seconds; anybody may set that clock.
        uptime: Seconds on a clock that nobody sets and that goes on while the machine is suspended.
        boot: What `uptime` counts from: an id of the machine's boot.
    """

    wall: float
    uptime: float
    boot: str

    def since(self, earlier: Moment) -> float | None:
        """Return the seconds from an earlier moment to this one.

        Returns:
            None when nobody can tell: another boot or machine, or the clocks disagree, because one
            of them was set meanwhile.
        """
        if self.boot != earlier.boot:
            return None
        passed, by_wall = self.uptime - earlier.uptime, self.wall - earlier.wall
        if passed < 0 or abs(passed - by_wall) > DISAGREEMENT:
            return None
        return max(passed, by_wall)


def moment() -> Moment:
    """Return the present."""
    uptime = time.monotonic() if _CLOCK is None else time.clock_gettime(_CLOCK)
    return Moment(time.time(), uptime, _boot_id())


@functools.cache
def _boot_id() -> str:
    """Return the boot's id; where the system has none, one that no other process shares."""
    try:
        return BOOT_ID.read_text("ascii").strip()
    except OSError:
        return f"process-{uuid.uuid4()}"
