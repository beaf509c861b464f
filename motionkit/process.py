"""Which process wrote something, and whether it still lives."""

from __future__ import annotations

import os
import socket


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
