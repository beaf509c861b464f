"""The journal's file and those that SQLite keeps beside it: created, examined, protected.

Nothing but SQLite may open the file. POSIX drops every lock that a process holds on a file as soon
as the process closes any descriptor of it (https://www.sqlite.org/howtocorrupt.html, section 2.2):
other processes would then delete the write-ahead log under a live connection. The file is created
with ``mknod``, examined with ``stat`` and protected with ``chmod``, all of which open nothing.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import stat
import time
from collections.abc import Iterable
from pathlib import Path

from motionkit._support.system import create_empty
from motionkit.errors import JournalError

EMPTY_GRACE = 1.0
"""Seconds for another process to fill the file that it has just created."""
MOUNTS = Path("/proc/self/mounts")
NETWORK_FILE_SYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre", "sshfs"}
)
"""Kinds of mounts on which SQLite cannot rely on locks."""
LOG_PARTS = ("-wal", "-shm")
"""What SQLite keeps beside the file: its write-ahead log, and the log's index."""

HINT = (
    "name a file in a local folder that you can write: journal = ... in the configuration, or "
    "MOTIONKIT_JOURNAL"
)

Inode = tuple[int, int]
"""Device and inode: two names of one file have the same."""

log = logging.getLogger("motionkit")


def create(path: Path) -> Inode:
    """Create the file if there is none, for its owner alone; return its device and inode.

    Raises:
        JournalError: The path leads to something other than a regular file.
    """
    real = resolved(path)
    real.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with contextlib.suppress(FileExistsError):
        create_empty(real)
        real.chmod(0o600)  # whatever the umask took away
    found = real.stat()
    if not stat.S_ISREG(found.st_mode):
        what = "a folder" if stat.S_ISDIR(found.st_mode) else "not a regular file"
        raise JournalError(f"cannot open the journal {path}: it is {what}", hint=HINT)
    for one in (real, *beside(path)):
        status = _status(one)
        if status is None or not stat.S_ISREG(status.st_mode):
            continue  # a device or a pipe, not a file of the journal
        if status.st_mode & 0o077:  # as the user made it
            one.chmod(0o600)
    return found.st_dev, found.st_ino


def refuse_orphaned_log(path: Path) -> None:
    """Refuse to start a new journal over the log of another one: SQLite would delete that log.

    Raises:
        JournalError: The file is missing or empty, and its log holds purchases.
    """
    real = resolved(path)
    if _size(real):
        return
    left = _size(beside(path)[0])
    if not left or (size := _size(real)):  # asked again: another process may be creating it
        return
    state = "missing" if size is None else "empty (0 bytes)"
    raise JournalError(
        f"the journal {path} is {state}, and {real.name}-wal beside it holds {left} bytes of it",
        hint="a program may still use the deleted journal: end it, and put a copy of the journal "
        f"back; to give up what it held, delete {real.name}-wal and {real.name}-shm",
    )


def is_left_empty(path: Path) -> bool:
    """Return whether the file exists, is empty, and stays empty.

    Another process that is just creating the journal fills it at once.
    """
    real = resolved(path)
    deadline = time.monotonic() + EMPTY_GRACE
    while (empty := _size(real) == 0 and real.is_file()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return empty


def resolved(path: Path) -> Path:
    """Return the file that a path leads to; SQLite keeps its log beside that one."""
    return Path(os.path.realpath(path))


def beside(path: Path) -> tuple[Path, ...]:
    """Return the paths of the write-ahead log and its index."""
    real = resolved(path)
    return tuple(real.with_name(real.name + part) for part in LOG_PARTS)


def pending(path: Path) -> Path:
    """Return the folder beside the file for records that it could not take."""
    real = resolved(path)
    return real.with_name(f"{real.name}-pending")


def inodes(paths: Iterable[Path]) -> dict[Path, Inode]:
    """Return the device and inode of each file that exists."""
    found = {path: _status(path) for path in paths}
    return {path: (one.st_dev, one.st_ino) for path, one in found.items() if one is not None}


def _size(path: Path) -> int | None:
    status = _status(path)
    return None if status is None else status.st_size


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def warn_of_network(path: Path) -> None:
    """Log a warning where the file is on a network file system: locks may not hold there."""
    try:
        listed = MOUNTS.read_bytes()
    except OSError:
        return  # not Linux
    best, kind = "", ""
    where = f"{path.resolve()}/"
    for line in listed.decode("utf-8", "surrogateescape").split("\n"):  # names are bytes
        fields = line.split(" ")
        if len(fields) < 3:  # device, mount point, kind
            continue
        point = re.sub(r"\\([0-7]{3})", lambda m: chr(int(m[1], 8)), fields[1]).rstrip("/") + "/"
        if where.startswith(point) and len(point) > len(best):
            best, kind = point, fields[2]
    if kind.removeprefix("fuse.") in NETWORK_FILE_SYSTEMS:
        log.warning(
            "the journal %s is on a network file system (%s), where locks may not hold; "
            "name a local file in the configuration",
            path,
            kind,
        )
