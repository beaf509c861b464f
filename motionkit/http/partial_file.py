"""The file that a download writes before it has its name: locked, and checked to be ours.

Two runs that fetch the same file would else write into each other's. The lock goes with the process
that holds it, so a killed one leaves none; what it wrote is begun again.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
from pathlib import Path
from typing import IO, Self

from motionkit.errors import DownloadFailed

_NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL})
"""What a file system without locks answers; what is published there is still checked to be ours."""


class PartialFile:
    """``NAME.part`` beside a target: gone at the end unless published or kept.

    Attributes:
        path: Its path.
        stream: The file, open for reading and writing.

    Raises:
        DownloadFailed: Another run has it.
    """

    stream: IO[bytes]

    def __init__(self, target: Path) -> None:
        self.path = target.with_name(f"{target.name}.part")
        self._kept = False

    def __enter__(self) -> Self:
        self.stream = self._opened()
        while not self._alone():
            self.stream.close()
            self.stream = self._opened()
        return self

    def _alone(self) -> bool:
        """Tell whether the file may be written: it has our name and no other.

        Another run may have published it between our opening and our locking. One that was killed
        while it published leaves its name beside the finished file's; it is taken away, as is any
        hard link that somebody planted: the content under the other name is not touched.
        """
        if not self._here():
            return False
        if os.fstat(self.stream.fileno()).st_nlink > 1:
            self.path.unlink(missing_ok=True)
            return False
        return True

    def __exit__(self, *_: object) -> None:
        if self._here() and not self._kept:
            self.path.unlink()
        self.stream.close()

    def keep(self) -> None:
        """Leave the file at the end, until the next download to the same target begins."""
        self._kept = True

    def _opened(self) -> IO[bytes]:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        number = os.open(self.path, flags, 0o666)
        if not stat.S_ISREG(os.fstat(number).st_mode):
            os.close(number)
            raise DownloadFailed(f"{self.path} is no file")
        stream = os.fdopen(number, "r+b")
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            stream.close()
            raise DownloadFailed(f"{self.path} is in use: another run is fetching it") from error
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
        return stream

    def _here(self) -> bool:
        """Tell whether the file under our name is the one that we have open."""
        try:
            return os.path.samestat(os.fstat(self.stream.fileno()), self.path.lstat())
        except FileNotFoundError:
            return False

    def publish(self, target: Path, *, overwrite: bool) -> None:
        """Sync the file and give it its name.

        Raises:
            FileExistsError: There is such a file by now, and it may not be replaced.
            DownloadFailed: It is no longer ours.
        """
        self.stream.flush()
        os.fsync(self.stream.fileno())
        if not self._here():
            raise DownloadFailed(f"{self.path} was taken away while it was written")
        if overwrite:
            self.path.replace(target)
        else:
            try:
                os.link(self.path, target)  # fails where the target has appeared meanwhile
            except FileExistsError:
                raise
            except OSError:  # a file system without hard links
                if os.path.lexists(target):
                    raise FileExistsError(errno.EEXIST, "the file exists", str(target)) from None
                self.path.replace(target)
            else:
                if self._here():  # where nothing can be locked, another run may have taken it away
                    self.path.unlink()
        with contextlib.suppress(OSError):  # it has its name; some file systems sync no folders
            folder = os.open(target.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
