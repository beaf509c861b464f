"""A place for files: a folder, or a folder behind a URL that fsspec knows."""

from __future__ import annotations

import hashlib
import os
import posixpath
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import attrs

from motionkit._support.redaction import redact_urls
from motionkit.errors import ConfigError, DownloadFailed, InvalidRequest

PARTIAL = ".part"
"""The ending of a file that is not whole yet, where a file system shows files while they grow."""
_WHOLE = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oci", "oss", "memory"})
"""Stores that show an object only when it is whole."""
_TRANSACTIONAL = frozenset({"s3", "s3a", "memory"})
"""Stores whose files are written in a transaction: what fails is taken back, parts included."""
BLOCK = 8 * 1024 * 1024
"""Bytes that are copied at a time."""


def is_url(out: str) -> bool:
    """Return whether a place is behind a URL; a single letter before ``://`` is none."""
    scheme, found, _ = out.partition("://")
    return bool(found) and len(scheme) > 1


def check_credentials(out: str) -> None:
    """Refuse a URL, or one of a chain of URLs, with a password or a query: the journal keeps it.

    Raises:
        InvalidRequest: It has one; the error does not show it.
    """
    # `urlsplit` sees neither behind the "::" of a chain.
    for link in out.split("::"):
        parts = urlsplit(link)
        if parts.password or parts.query:
            raise InvalidRequest(
                "out: a URL with credentials would be kept in the journal",
                field="out",
                limit="a URL without them",
                hint="give them as the file system's own environment variables or files",
            )


@attrs.frozen
class Place:
    """The folder of files.

    Attributes:
        out: Its path, or its URL.
    """

    out: str

    @property
    def folder(self) -> Path | None:
        """The local folder; None for one behind a URL."""
        if not is_url(self.out):
            return Path(self.out)
        parts = urlsplit(self.out)
        return Path(parts.path) if parts.scheme == "file" else None

    def address(self, name: str) -> str:
        """Return the whole path or URL of a file, by its path in the folder.

        Raises:
            InvalidRequest: It leads out of the folder.
        """
        inside = posixpath.normpath(name.replace(os.sep, "/"))
        if inside.startswith(("/", "../")) or inside in {".", ".."} or "\0" in inside:
            raise InvalidRequest(
                f"out: {name!r} leads out of the folder",
                field="out",
                value=name,
                limit="a path inside the folder",
            )
        if self.folder is not None:
            return str(self.folder / inside)
        return f"{self.out.rstrip('/')}/{inside}"

    def check(self) -> None:
        """Refuse a URL that no installed package can write to; nothing is sent.

        Raises:
            ConfigError: With what to install.
        """
        if self.folder is not None:
            return
        try:
            from fsspec import get_filesystem_class  # noqa: PLC0415 - optional extra

            for link in self.out.split("::"):
                get_filesystem_class(link.partition("://")[0])
        except (ImportError, ValueError) as error:
            raise _unusable(self.out, error) from error

    def has(self, name: str) -> bool:
        """Return whether the file exists."""
        if self.folder is not None:
            return Path(self.address(name)).is_file()
        system, root = self._system()
        return bool(system.isfile(f"{root.rstrip('/')}/{name}"))

    def digest(self, name: str) -> str:
        """Return the SHA-256 of a file behind the URL; it is read whole."""
        system, root = self._system()
        with system.open(f"{root.rstrip('/')}/{name}", "rb") as stream:
            digest = hashlib.sha256()
            while block := stream.read(BLOCK):
                digest.update(block)
        return digest.hexdigest()

    def holds(self, delivered: str) -> bool:
        """Return whether a recorded file is in this folder and still exists."""
        if self.folder is not None:
            path = Path(delivered)
            return path.is_relative_to(self.folder) and path.is_file()
        begin = f"{self.out.rstrip('/')}/"
        return delivered.startswith(begin) and self.has(delivered.removeprefix(begin))

    def signed(self, name: str, seconds: int) -> str:
        """Return a URL by which anybody can read a file for some time.

        Raises:
            NotImplementedError: The store has no such URLs.
        """
        system, root = self._system()
        return str(system.sign(f"{root.rstrip('/')}/{name}", expiration=seconds))

    def put(self, file: Path, name: str, *, new: bool = False) -> str:
        """Copy a local file into the folder; the object appears only when complete.

        Args:
            file: The local file.
            name: The object's path in the folder.
            new: Whether a store that can is to refuse a name that another machine took meanwhile.

        Returns:
            Its URL.

        Raises:
            FileExistsError: The name is taken; `new` only.
            DownloadFailed: It could not be written there.
        """
        address = self.address(name)
        system, root = self._system()
        target = f"{root.rstrip('/')}/{posixpath.normpath(name)}"
        kind = system.protocol if isinstance(system.protocol, str) else system.protocol[0]
        partial = target if kind in _WHOLE else f"{target}{PARTIAL}"
        new = new and kind in _WHOLE
        try:
            if new and self._put_new(system, file, target, kind):
                return address
            if kind not in _WHOLE:  # those have no folders: it would make a missing bucket
                system.makedirs(posixpath.dirname(target), exist_ok=True)
            if kind in _TRANSACTIONAL:
                _write(system, file, target)
            else:
                system.put_file(str(file), partial)
            if partial != target:
                system.mv(partial, target)
            _check_size(system, file, target)
        except Exception as error:
            if new and isinstance(error, FileExistsError):
                raise
            raise DownloadFailed(
                f"{redact_urls(address)} was not written: {str(error) or 'no reason was given'}"
            ) from error
        return address

    @staticmethod
    def _put_new(system: Any, file: Path, target: str, kind: str) -> bool:
        """Write an object that must not exist; return False where the store cannot refuse one.

        Raises:
            FileExistsError: It exists.
        """
        try:
            if kind in _TRANSACTIONAL:
                _write(system, file, target, "xb")
            else:
                system.put_file(str(file), target, mode="create")
        except FileExistsError:
            raise
        except Exception as error:
            # Not every store with an interface such as S3's knows the condition.
            if system.exists(target):
                raise FileExistsError(target) from error
            return False
        _check_size(system, file, target)
        return True

    def _system(self) -> tuple[Any, str]:
        try:
            from fsspec.core import url_to_fs  # noqa: PLC0415 - optional extra

            # One of its own: what an instance writes in a transaction, it ends for all threads.
            system, root = url_to_fs(self.out, skip_instance_cache=True)
        except (ImportError, ValueError) as error:
            raise _unusable(self.out, error) from error
        return system, str(root)


def _unusable(out: str, error: Exception) -> ConfigError:
    if isinstance(error, ImportError) and (error.name or "").partition(".")[0] == "fsspec":
        return ConfigError(
            "a URL as out needs fsspec", hint="install it: pip install 'motionkit[storage]'"
        )
    return ConfigError(f"cannot write to {redact_urls(out)}: {error}")


def _check_size(system: Any, file: Path, target: str) -> None:
    """Refuse an object that has another size than its file."""
    if (found := system.size(target)) != (size := file.stat().st_size):
        raise OSError(f"it has {found} bytes there, not {size}")


def _write(system: Any, file: Path, target: str, mode: str = "wb") -> None:
    """Write a file in a transaction: it becomes an object at its end, and nothing before it."""
    import shutil  # noqa: PLC0415 - most results stay on this machine

    stream: Any = None
    try:
        with system.transaction:
            stream = system.open(target, mode)  # closing may complete it: only when it is whole
            with file.open("rb") as source:
                shutil.copyfileobj(source, stream, BLOCK)
            stream.close()
    except BaseException:
        if hasattr(stream, "autocommit"):
            stream.closed = True  # or the garbage collector would send the rest
        raise
