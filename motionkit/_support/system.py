"""What differs between operating systems: locks, open files, processes, signals, folders.

Linux is what the tests run on. macOS has everything that is used here of POSIX. On Windows a file
cannot be renamed or deleted while it is open, folders cannot be synced, nothing forks, and files
are as private as their folder.
"""

from __future__ import annotations

import errno
import functools
import os
import stat
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio

if sys.platform == "win32":
    import ctypes
    import msvcrt

    PRIVATE = os.O_NOINHERIT | os.O_BINARY
    """Flags of `os.open`: no program that is started inherits the file."""
    NO_LINK = 0
    """A flag of `os.open`: refuse a symbolic link. Windows lacks it; making a link needs rights."""
    NO_WAIT = 0
    """A flag of `os.open`: do not wait for the other end of a pipe."""
    RENAMES_OPEN_FILES = False
    """Whether a file can be renamed and deleted while it is open."""
    FOLDERS: Mapping[str, tuple[str, str]] = {
        "XDG_CACHE_HOME": ("TEMP", "~/AppData/Local/Temp"),
        "XDG_CONFIG_HOME": ("APPDATA", "~/AppData/Roaming"),
        "XDG_STATE_HOME": ("LOCALAPPDATA", "~/AppData/Local"),
    }
    """The system's variable for each XDG variable, and the folder where neither is set."""

    _LOCKED_AT = 0x7FFF0000
    _FORBIDDEN = frozenset('<>:"/\\|?*')
    _DEVICES = frozenset(
        {"CON", "PRN", "AUX", "NUL", *(f"{one}{n}" for one in ("COM", "LPT") for n in range(1, 10))}
    )
    _QUERY, _STILL_ACTIVE, _DENIED = 0x1000, 259, 5

    def lock(stream: IO[bytes] | IO[str]) -> None:
        """Lock an open file against other processes, until it is closed.

        Raises:
            BlockingIOError: Another process has it.
        """
        number = stream.fileno()
        place = os.lseek(number, 0, os.SEEK_CUR)
        try:
            # A byte far behind the content: what is locked cannot be read by others.
            os.lseek(number, _LOCKED_AT, os.SEEK_SET)
            msvcrt.locking(number, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            if error.errno in {errno.EACCES, errno.EDEADLK}:
                raise BlockingIOError(errno.EAGAIN, "the file is locked") from error
            raise
        finally:
            os.lseek(number, place, os.SEEK_SET)

    def exists(pid: int) -> bool:
        """Return whether this machine has a process with that id."""
        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        handle = kernel.OpenProcess(_QUERY, False, pid)
        if not handle:
            return ctypes.get_last_error() == _DENIED
        try:
            code = ctypes.c_ulong()
            known = kernel.GetExitCodeProcess(handle, ctypes.byref(code))
            return not known or code.value == _STILL_ACTIVE
        finally:
            kernel.CloseHandle(handle)

    def at_fork(**_: Callable[[], object]) -> None:
        """Do nothing: no process forks."""

    def uptime() -> float:
        """Return seconds on a clock that cannot be set."""
        return time.monotonic()

    def create_empty(path: Path) -> None:
        """Create a file.

        Raises:
            FileExistsError: It exists.
        """
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | PRIVATE, 0o600))

    def sync_folder(path: Path) -> None:
        """Do nothing: a folder cannot be opened; the file system logs its names."""

    def unfit(name: str) -> str | None:
        """Return the reason why no file can have a name; None if one can."""
        if found := sorted({one for one in name if one in _FORBIDDEN or one < " "}):
            return f"has {' '.join(found)}, which a file's name cannot have on Windows"
        if name.partition(".")[0].rstrip().upper() in _DEVICES:
            return "is the name of a device on Windows"
        if name.endswith((".", " ")):
            return "ends in a dot or a space, which Windows drops"
        return None

else:
    import fcntl

    PRIVATE = os.O_CLOEXEC
    NO_LINK = os.O_NOFOLLOW
    NO_WAIT = os.O_NONBLOCK
    RENAMES_OPEN_FILES = True
    # The same on macOS: a journal must not move when its owner's system gets folders of its own.
    FOLDERS: Mapping[str, tuple[str, str]] = {
        "XDG_CACHE_HOME": ("XDG_CACHE_HOME", "~/.cache"),
        "XDG_CONFIG_HOME": ("XDG_CONFIG_HOME", "~/.config"),
        "XDG_STATE_HOME": ("XDG_STATE_HOME", "~/.local/state"),
    }
    _CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    """Counts suspension: CLOCK_BOOTTIME on Linux, CLOCK_MONOTONIC on macOS."""

    def lock(stream: IO[bytes] | IO[str]) -> None:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def exists(pid: int) -> bool:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True

    def at_fork(**callbacks: Callable[[], object]) -> None:
        os.register_at_fork(**callbacks)

    uptime = functools.partial(time.clock_gettime, _CLOCK)

    def create_empty(path: Path) -> None:
        try:
            os.mknod(path, stat.S_IFREG | 0o600)
        except OSError as error:
            if error.errno != errno.EPERM:
                raise
            # Only root may use mknod here (macOS). Nothing in this process can have the file open:
            # it does not exist, and opening it takes the lock of `database.acquire`.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | PRIVATE, 0o600))

    def sync_folder(path: Path) -> None:
        number = os.open(path, os.O_RDONLY | PRIVATE)
        try:
            os.fsync(number)
        finally:
            os.close(number)

    def unfit(name: str) -> str | None:
        return "has a NUL character" if "\0" in name else None


def on_signals(
    loop: asyncio.AbstractEventLoop, numbers: Iterable[int], received: Callable[[int], object]
) -> Callable[[], None]:
    """Call a function in a loop of the main thread for each signal; return how to undo that."""
    import signal  # noqa: PLC0415 - what only reads the journal handles none

    before: dict[int, Any] = {}
    in_loop = []
    for number in numbers:
        before[number] = signal.getsignal(number)
        try:
            loop.add_signal_handler(number, received, number)
            in_loop.append(number)
        except NotImplementedError:  # Windows

            def hand_over(number: int, _: object) -> None:
                loop.call_soon_threadsafe(received, number)

            signal.signal(number, hand_over)

    def undo() -> None:
        for number in in_loop:
            loop.remove_signal_handler(number)
        for number, handler in before.items():
            signal.signal(number, handler)

    return undo


# Folders.


def expanded(text: str, name: str) -> Path:
    """Return a path with ``~`` expanded; `name` is its origin, for errors.

    Raises:
        ValueError: There is no such home folder.
    """
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise ValueError(f"{name} is {text!r}, and that home folder is unknown") from None


def user_folder(variable: str) -> Path:
    """Return motionkit's folder under the one that an XDG variable names.

    Raises:
        ValueError: The user has no home folder.
    """
    own, default = FOLDERS[variable]
    given = os.environ.get(variable) or os.environ.get(own) or default
    return expanded(given, variable) / "motionkit"


def state_folder() -> Path:
    """Return the user's state folder for motionkit.

    Raises:
        ValueError: The user has no home folder.
    """
    return user_folder("XDG_STATE_HOME")


def cache_folder() -> Path:
    """Return the user's folder for what can be made again.

    Raises:
        ValueError: The user has no home folder.
    """
    return user_folder("XDG_CACHE_HOME")
