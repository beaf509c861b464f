"""Answers that are themselves the result, kept on disk before anything of them is read.

Some vendors answer a paid call with the file itself, once. What comes goes straight into a file of
the user's state folder, named after the attempt that paid for it, readable by its owner alone.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import IO

from motionkit._support.folders import state_folder
from motionkit.errors import Billed, ConfigError, DownloadFailed, JournalError
from motionkit.model.job import Result

_NAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,99}", re.ASCII)
"""What an attempt id can be; it becomes a file's name."""
_FLAGS = os.O_NOFOLLOW | os.O_CLOEXEC


def path(name: str) -> Path:
    """Return where an attempt's answer lies, or would lie.

    Raises:
        DownloadFailed: No attempt can have such a name.
        ConfigError: The user has no home folder.
    """
    if not _NAME.fullmatch(name):
        raise DownloadFailed(f"{name!r} is no name of an answer that was kept")
    try:
        return state_folder() / "spool" / name
    except ValueError as error:
        raise ConfigError(str(error)) from None


def address(name: str) -> str:
    """Return the address of an attempt's answer, as an output has it."""
    return path(name).absolute().as_uri()


def create(name: str) -> IO[bytes]:
    """Open a new file for an answer that is about to be paid for.

    Raises:
        JournalError: It cannot be written, ``billed=NO``: nothing may be bought then.
    """
    place = path(name)
    try:
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        number = os.open(place, os.O_RDWR | os.O_CREAT | os.O_EXCL | _FLAGS, 0o600)
    except OSError as error:
        raise JournalError(
            f"the answer cannot be kept: {place}: {error.strerror}", billed=Billed.NO
        ) from error
    return os.fdopen(number, "w+b")


def settle(stream: IO[bytes], name: str) -> None:
    """Make an answer that came whole survive a power cut.

    Raises:
        JournalError: The disk did not take it all, ``billed=UNKNOWN``.
    """
    place = path(name)
    try:
        stream.flush()
        os.fsync(stream.fileno())
        folder = os.open(place.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise JournalError(
            f"the answer was not kept whole: {place}: {error.strerror}", billed=Billed.UNKNOWN
        ) from error


def is_kept(name: str) -> bool:
    """Tell whether an attempt's answer lies here."""
    return path(name).is_file()


def open_kept(name: str) -> IO[bytes]:
    """Open an answer that was kept.

    Raises:
        DownloadFailed: It is not here, is no file, or cannot be read.
    """
    place = path(name)
    try:
        number = os.open(place, os.O_RDONLY | os.O_NONBLOCK | _FLAGS)
    except OSError as error:
        raise DownloadFailed(f"{place}: {error.strerror}") from error
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise DownloadFailed(f"{place} is no file")
    return os.fdopen(number, "rb")


def opener(result: Result) -> Callable[[], IO[bytes]] | None:
    """Say how to open a result that came with the answer to its own job's submit; else None.

    The job, which only our own submit makes, says where it lies; the address must agree.
    """
    name = result.job.data.get("spool")
    if not isinstance(name, str) or result.url != address(name):
        return None
    return lambda: open_kept(name)


__all__ = ["address", "create", "is_kept", "open_kept", "opener", "path", "settle"]
