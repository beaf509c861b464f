"""Store responses that are the result on disk before parsing them.

Some vendors return the file itself in the response to the paid call, once. It is streamed into the
user's state folder, into a file named after the attempt and readable by its owner only.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import IO

from motionkit._support import system
from motionkit._support.system import state_folder
from motionkit.errors import Billed, ConfigError, DownloadFailed, JournalError
from motionkit.model.job import Result

_NAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,99}", re.ASCII)
"""A valid attempt id, which becomes a file's name."""
_FLAGS = system.NO_LINK | system.PRIVATE


def path(name: str) -> Path:
    """Return the path of an attempt's response, whether or not it exists.

    Raises:
        DownloadFailed: `name` is not an attempt id.
        ConfigError: The user has no home folder.
    """
    if not _NAME.fullmatch(name):
        raise DownloadFailed(f"{name!r} is not the name of a stored response")
    try:
        return state_folder() / "spool" / name
    except ValueError as error:
        raise ConfigError(str(error)) from None


def address(name: str) -> str:
    """Return the URL of an attempt's response, as in `Output.url`."""
    return path(name).absolute().as_uri()


def create(name: str) -> IO[bytes]:
    """Open a new file for the response to a paid call.

    Raises:
        JournalError: It cannot be written, ``billed=NO``; the call must not be made.
    """
    place = path(name)
    try:
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        number = os.open(place, os.O_RDWR | os.O_CREAT | os.O_EXCL | _FLAGS, 0o600)
    except OSError as error:
        raise JournalError(
            f"the response cannot be stored: {place}: {error.strerror}", billed=Billed.NO
        ) from error
    return os.fdopen(number, "w+b")


def settle(stream: IO[bytes], name: str) -> None:
    """Sync a complete response to the disk.

    Raises:
        JournalError: The disk failed, ``billed=UNKNOWN``.
    """
    place = path(name)
    try:
        stream.flush()
        os.fsync(stream.fileno())
        system.sync_folder(place.parent)
    except OSError as error:
        raise JournalError(
            f"the response was not stored completely: {place}: {error.strerror}",
            billed=Billed.UNKNOWN,
        ) from error


def is_kept(name: str) -> bool:
    """Return whether an attempt's response is stored."""
    return os.path.isfile(path(name))  # noqa: PTH113 - it raises nothing


def open_kept(name: str) -> IO[bytes]:
    """Open a stored response.

    Raises:
        DownloadFailed: It does not exist, is not a file, or cannot be read.
    """
    place = path(name)
    try:
        number = os.open(place, os.O_RDONLY | system.NO_WAIT | _FLAGS)
    except OSError as error:
        raise DownloadFailed(f"{place}: {error.strerror}") from error
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise DownloadFailed(f"{place} is not a file")
    return os.fdopen(number, "rb")


def opener(result: Result) -> Callable[[], IO[bytes]] | None:
    """Return how to open a result that came with its job's submit; None for any other.

    Only our own submit writes ``job.data``; the output's URL must agree with it.
    """
    name = result.job.data.get("spool")
    if not isinstance(name, str) or result.url != address(name):
        return None
    return lambda: open_kept(name)
