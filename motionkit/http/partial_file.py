"""The partial file of a download: locked, so that two processes never write the same one.

The lock ends with its process, so a killed one leaves none; its file is started again.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
from pathlib import Path
from typing import IO, Self

from motionkit._support import system
from motionkit.errors import DownloadFailed

_NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL})
"""The errors of a file system without locks; `publish` still checks that the file is ours."""


LONGEST_NAME = 255
"""Bytes of a file's name, on nearly every file system."""


def fits(name: str) -> bool:
    """Return whether a file may have a name of this length."""
    return len(os.fsencode(name)) <= LONGEST_NAME


def partial_path(target: Path) -> Path:
    """Return the path of a target's partial file; a digest replaces a name that gets too long."""
    name = f"{target.name}.part"
    if not fits(name):
        name = f"{hashlib.sha256(os.fsencode(target.name)).hexdigest()}.part"
    return target.with_name(name)


class PartialFile:
    """``NAME.part`` beside a target, deleted at the end unless published or kept.

    Attributes:
        path: Its path.
        stream: The file, open for reading and writing.

    Raises:
        DownloadFailed: Another process has it.
    """

    stream: IO[bytes]
    _status: os.stat_result

    def __init__(self, target: Path) -> None:
        self.path = partial_path(target)
        self._kept = False

    def __enter__(self) -> Self:
        self.stream = self._opened()
        while not self._alone():
            self.stream.close()
            self.stream = self._opened()
        return self

    def _alone(self) -> bool:
        """Return whether the file has our name and no other, so that it may be written.

        Another process may have published it between our opening and our locking. One that was
        killed while publishing leaves our name as a second one; that is unlinked, as is any planted
        hard link, so that the content under the other name is not touched.
        """
        if not self._here():
            return False
        if os.fstat(self.stream.fileno()).st_nlink > 1:
            self._close_to_rename()
            self.path.unlink(missing_ok=True)
            return False
        return True

    def __exit__(self, *_: object) -> None:
        self._close_to_rename()
        if self._here() and not self._kept:
            self.path.unlink()
        self.stream.close()

    def keep(self) -> None:
        """Leave the file at the end, until the next download to the same target begins."""
        self._kept = True

    def _opened(self) -> IO[bytes]:
        flags = os.O_RDWR | os.O_CREAT | system.NO_LINK | system.NO_WAIT | system.PRIVATE
        number = os.open(self.path, flags, 0o666)
        if not stat.S_ISREG(os.fstat(number).st_mode):
            os.close(number)
            raise DownloadFailed(f"{self.path} is not a file")
        self._status = os.fstat(number)
        stream = os.fdopen(number, "r+b")
        try:
            system.lock(stream)
        except BlockingIOError as error:
            stream.close()
            raise DownloadFailed(f"{self.path} is in use by another download") from error
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
        return stream

    def _here(self) -> bool:
        """Return whether our name still belongs to the open file."""
        try:
            return os.path.samestat(self._status, self.path.lstat())
        except FileNotFoundError:
            return False

    def _close_to_rename(self) -> None:
        """Close the file where an open one keeps its name; elsewhere its lock holds to the end."""
        if not system.RENAMES_OPEN_FILES:
            self.stream.close()

    def publish(self, target: Path, *, overwrite: bool) -> None:
        """Sync the file and give it its name.

        Raises:
            FileExistsError: The target exists by now, and may not be replaced.
            DownloadFailed: The partial file was replaced meanwhile.
        """
        self.stream.flush()
        os.fsync(self.stream.fileno())
        if not self._here():
            raise DownloadFailed(f"{self.path} was removed or replaced while it was written")
        self._close_to_rename()
        if overwrite:
            self.path.replace(target)
        else:
            try:
                os.link(self.path, target)  # fails if the target exists by now
            except FileExistsError:
                raise
            except OSError:  # a file system without hard links
                if os.path.lexists(target):
                    raise FileExistsError(errno.EEXIST, "the file exists", str(target)) from None
                self.path.replace(target)
            else:
                if self._here():  # without locks, another process may have removed it
                    self.path.unlink()
        with contextlib.suppress(OSError):  # published; some file systems cannot sync folders
            system.sync_folder(target.parent)
