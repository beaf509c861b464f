"""Where the configuration lies: which files count, which goes first, and the user's own folders.

A file is the user's ``own``, ``named`` by the user (an option, `FILE_VARIABLE`), or merely
``found`` in a folder that may be somebody else's; `motionkit.config.trust` says what such a one may
hold.
"""

from __future__ import annotations

import contextlib
import enum
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import attrs

from motionkit._support import folders
from motionkit._support.folders import FILE_NAME
from motionkit._support.redaction import MASK, Sealed, printable
from motionkit.config.toml import read_toml, unreadable
from motionkit.errors import ConfigError

FILE_VARIABLE = "MOTIONKIT_CONFIG"
ADDRESS = r"^\s*[A-Za-z][A-Za-z0-9+.-]*://"
"""The beginning of an address, which is no path: ``scheme://``."""

LONGEST_KEY = 80
"""Characters of a key that an error repeats."""


class Origin(enum.Enum):
    """How a configuration file came to be used."""

    OWN = "own"
    """It lies in the user's configuration folder."""
    NAMED = "named"
    """The user named it: ``--config``, an argument, or the environment."""
    FOUND = "found"
    """It lay in the working directory or above it."""


@attrs.frozen
class File:
    """One configuration file as it was read.

    Attributes:
        path: Where it lies, absolute.
        origin: How it came to be used.
        sha256: Of the very bytes that `data` was read from.
        mode: Its permission bits.
        owner: The user id that it belongs to.
    """

    path: Path
    origin: Origin
    _data: Sealed[Mapping[str, Any]] = attrs.field(eq=False)
    sha256: str
    mode: int
    owner: int

    def data(self) -> Mapping[str, Any]:
        """What it says."""
        return self._data.reveal()

    def resolve(self, text: str) -> Path:
        """Return a path that the file names: ``~`` is home, a relative one is the file's sibling.

        Raises:
            ConfigError: ``~somebody`` names nobody, or it is no path.
        """
        if "\0" in text:
            raise ConfigError(f"{self.path}: {text!r} is not a path")
        try:
            return self.path.parent / Path(text).expanduser()
        except RuntimeError as error:
            raise ConfigError(f"{self.path}: {text!r}: {error}") from None


@attrs.frozen
class Spot:
    """A place in the configuration, for errors to name.

    Attributes:
        files: The files that are merged, the one that wins first; none for the environment.
        path: The keys that lead to it.
    """

    files: Sequence[File] = ()
    path: tuple[str, ...] = ()

    def __truediv__(self, key: str | int) -> Self:
        """Return the place of a key in it, or of an item of its list."""
        if isinstance(key, str):
            return attrs.evolve(self, path=(*self.path, key))
        return attrs.evolve(self, path=(*self.path[:-1], f"{self.path[-1]}[{key}]"))

    def __str__(self) -> str:
        return f"{self.file.path if self.files else 'environment'}: {self.dotted}"

    @property
    def dotted(self) -> str:
        """The keys, joined by dots; long ones cut, and nothing that steers a terminal."""
        return ".".join(printable(key, LONGEST_KEY) for key in self.path)

    @property
    def file(self) -> File:
        """The file that says it; for what nobody says, the one that says most of the way there."""
        return max(self.files, key=self._reaches)  # of equals, the first

    def _reaches(self, file: File) -> int:
        at: Any = file.data()
        for depth, key in enumerate(self.path):
            if not isinstance(at, Mapping) or key not in at:
                return depth
            at = at[key]
        return len(self.path)


def is_address(text: str) -> bool:
    """Tell whether a text is an address (``scheme://...``) and not a path."""
    return re.match(ADDRESS, text) is not None


def without_password(text: str) -> str:
    """Return a text for people; an address without user, password and query."""
    if not is_address(text):
        return text
    scheme, _, rest = text.partition("://")
    if "?" in rest:  # in a password, or before one
        return f"{scheme}://{MASK}"
    _, user, host = rest.rpartition("@")  # the last one: a password may hold any character
    return f"{scheme}://{MASK + user if user else ''}{host}"


def expanded(text: str, name: str) -> Path:
    """Return a path with ``~`` expanded; `name` tells errors where it comes from.

    Raises:
        ConfigError: There is no such home folder.
    """
    with _no_home():
        return folders.expanded(text, name)


def state_folder() -> Path:
    """Return the user's state folder for motionkit.

    Raises:
        ConfigError: The user has no home folder.
    """
    with _no_home():
        return folders.state_folder()


def own_file() -> Path:
    """Return the path of the user's own configuration file, whether or not it exists.

    Raises:
        ConfigError: The user has no home folder.
    """
    with _no_home():
        return folders.own_file()


@contextlib.contextmanager
def _no_home() -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise ConfigError(str(error)) from None


def is_own(path: Path) -> bool:
    """Tell whether a file is the user's own configuration.

    Raises:
        ConfigError: The way to the user's own is closed.
    """
    own = own_file()
    return _exists(own) and own.samefile(path)


def find_file(start: Path | None = None) -> Path | None:
    """Return the configuration file: named by the environment, found upwards, or the user's own.

    Args:
        start: The folder to look upwards from; the working directory when None.

    Raises:
        ConfigError: ``MOTIONKIT_CONFIG`` names a file that is not there.
    """
    found = _located(start)
    return found[0] if found else None


def files(named: Path | None = None) -> list[File]:
    """Read the files that make the configuration, the one that wins first.

    Args:
        named: The file that the user named; the first one is looked for when None.

    Raises:
        ConfigError: One of them is missing or is not TOML.
    """
    first = (expanded(str(named), "the path"), Origin.NAMED) if named else _located(None)
    if first is None:
        return []
    top = read(*first)
    below = beneath(top)
    return [top] if below is None else [top, below]


def beneath(file: File) -> File | None:
    """Return the user's own file, over which the other goes; None when there is none, or it is it.

    Raises:
        ConfigError: It cannot be read or is not TOML.
    """
    own = own_file()
    if not _exists(own) or is_own(file.path):
        return None
    return read(own, Origin.OWN)


def read(path: Path, origin: Origin) -> File:
    """Read one configuration file.

    Raises:
        ConfigError: It cannot be read, is too large or too deep, or is not TOML; names the file,
            the limit and the line.
    """
    made = read_toml(path)
    return File(path.absolute(), origin, made.data, made.sha256, made.mode, made.owner)


def _located(start: Path | None) -> tuple[Path, Origin] | None:
    variable = os.environ.get(FILE_VARIABLE)
    if variable:
        path = expanded(variable, FILE_VARIABLE)
        if not _exists(path) or path.is_dir():
            raise ConfigError(f"{FILE_VARIABLE} names {variable!r}, which is not a file")
        return path, Origin.NAMED
    own = own_file()
    have_own = _exists(own)
    for candidate in (place / FILE_NAME for place in _upwards(start)):
        # A folder that cannot be looked into has nothing for this user.
        with contextlib.suppress(PermissionError):
            if candidate.exists():
                same = have_own and candidate.samefile(own)
                return candidate, Origin.OWN if same else Origin.FOUND
    return (own, Origin.OWN) if have_own else None


def _upwards(start: Path | None) -> tuple[Path, ...]:
    try:
        folder = (start or Path.cwd()).resolve()
    except (OSError, RuntimeError) as error:  # it was removed, or is a loop of links
        raise ConfigError(f"the working directory cannot be read: {error}") from None
    return folder, *folder.parents


def _exists(path: Path) -> bool:
    """Tell whether one of the user's own paths is there.

    Raises:
        ConfigError: Nobody can tell, because the way to it is closed.
    """
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from None
    return True
