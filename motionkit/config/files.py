"""Find the configuration files and decide their precedence."""

from __future__ import annotations

import contextlib
import enum
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import attrs

from motionkit._support import system
from motionkit._support.redaction import MASK, Sealed, printable
from motionkit.config.environment import Environment
from motionkit.config.toml import read_toml, unreadable
from motionkit.errors import ConfigError

FILE_NAME = "motionkit.toml"
FILE_VARIABLE = "MOTIONKIT_CONFIG"
ADDRESS = r"^\s*[A-Za-z][A-Za-z0-9+.-]*://"
"""The beginning of an address, which is no path: ``scheme://``."""
DATABASE = r"^\s*[Pp][Oo][Ss][Tt][Gg][Rr][Ee][Ss]([Qq][Ll])?://"
"""The beginning of a PostgreSQL database's address."""

LONGEST_KEY = 80
"""Characters of a setting's name that an error shows."""


class Origin(enum.Enum):
    """How a configuration file was chosen; `motionkit.config.trust` limits a FOUND one."""

    OWN = "own"
    """In the user's configuration folder."""
    NAMED = "named"
    """Named by the user: ``--config``, an argument, or the environment."""
    FOUND = "found"
    """In the working directory or above it, which may be somebody else's."""
    GIVEN = "given"
    """No file: what a program gave in Python."""


@attrs.frozen(eq=False, repr=False)
class File:
    """One configuration file as it was read.

    Attributes:
        path: Absolute.
        origin: How it was chosen.
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
        """Return its content."""
        return self._data.reveal()

    @property
    def label(self) -> str:
        """Its name in messages: the path."""
        return "Python" if self.origin is Origin.GIVEN else str(self.path)

    def resolve(self, text: str) -> Path:
        """Return a path that the file names: ``~`` is home, a relative one is the file's sibling.

        Raises:
            ConfigError: ``~somebody`` is no user, or it is no path.
        """
        if "\0" in text:
            raise ConfigError(f"{self.label}: {text!r} is not a path")
        return self.path.parent / expanded(text, f"{self.label}: a path")


@attrs.frozen(eq=False, repr=False)
class Spot:
    """A place in the configuration, for errors to name.

    Attributes:
        files: The files that are merged, the one that wins first; none for the environment.
        path: The keys that lead to it.
        environment: The variables that ``${NAME}`` there means.
    """

    files: Sequence[File] = ()
    path: tuple[str, ...] = ()
    environment: Environment = attrs.field(factory=Environment, repr=False)

    def __truediv__(self, key: str | int) -> Self:
        """Return the place of a key in it, or of an item of its list."""
        if isinstance(key, str):
            return attrs.evolve(self, path=(*self.path, key))
        return attrs.evolve(self, path=(*self.path[:-1], f"{self.path[-1]}[{key}]"))

    def __str__(self) -> str:
        return f"{self.file.label if self.files else 'environment'}: {self.dotted}"

    @property
    def dotted(self) -> str:
        """The keys, joined by dots; long ones cut, and nothing that steers a terminal."""
        return ".".join(printable(key, LONGEST_KEY) for key in self.path)

    @property
    def file(self) -> File:
        """The file that has the place; where none has it, the one with most of its path."""
        return max(self.files, key=self._reaches)  # of equals, the first

    def _reaches(self, file: File) -> int:
        at: Any = file.data()
        for depth, key in enumerate(self.path):
            if not isinstance(at, Mapping) or key not in at:
                return depth
            at = at[key]
        return len(self.path)


def is_address(text: str) -> bool:
    """Return whether a text is an address (``scheme://...``) and not a path."""
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


def _translated(find: Callable[..., Path], *given: str) -> Path:
    """Find a folder; where the user has no home, a `ConfigError` says so."""
    try:
        return find(*given)
    except ValueError as error:
        raise ConfigError(str(error)) from None


def expanded(text: str, name: str) -> Path:
    """Return a path with ``~`` expanded; errors name its origin `name`."""
    return _translated(system.expanded, text, name)


def state_folder() -> Path:
    """Return the user's state folder for motionkit."""
    return _translated(system.state_folder)


def own_file() -> Path:
    """Return the path of the user's own configuration file, whether or not it exists."""
    return _translated(system.user_folder, "XDG_CONFIG_HOME") / FILE_NAME


def is_own(path: Path) -> bool:
    """Return whether a file is the user's own configuration.

    Raises:
        ConfigError: The path of the user's own cannot be read.
    """
    own = own_file()
    return _exists(own) and own.samefile(path)


def files(named: Path | None = None) -> list[File]:
    """Read the files that make the configuration, the one with precedence first.

    Args:
        named: The file that the user named; None searches for one.

    Raises:
        ConfigError: One of them is missing or is not TOML, or `FILE_VARIABLE` names no file.
    """
    first = (expanded(str(named), "the path"), Origin.NAMED) if named else _located()
    if first is None:
        return []
    top = read(*first)
    below = beneath(top)
    return [top] if below is None else [top, below]


def beneath(file: File) -> File | None:
    """Return the user's own file, over which the other goes; None without one, or where it is it.

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
    data, sha256, status = read_toml(path)
    mode = status.st_mode & 0o777
    return File(path.absolute(), origin, Sealed(data), sha256, mode, status.st_uid)


def _located() -> tuple[Path, Origin] | None:
    """Return the file named by the environment, found upwards, or the user's own."""
    variable = os.environ.get(FILE_VARIABLE)
    if variable:
        path = expanded(variable, FILE_VARIABLE)
        if not _exists(path) or path.is_dir():
            raise ConfigError(f"{FILE_VARIABLE} names {variable!r}, which is not a file")
        return path, Origin.NAMED
    own = own_file()
    have_own = _exists(own)
    try:
        folder = Path.cwd().resolve()
    except (OSError, RuntimeError) as error:  # it was removed, or is a loop of links
        why = error.strerror if isinstance(error, OSError) else "a loop of links"
        raise ConfigError(f"the working directory cannot be read: {why}") from None
    for candidate in (place / FILE_NAME for place in (folder, *folder.parents)):
        # A folder that this user may not read holds no configuration for them.
        with contextlib.suppress(PermissionError):
            if candidate.exists():
                same = have_own and candidate.samefile(own)
                return candidate, Origin.OWN if same else Origin.FOUND
    return (own, Origin.OWN) if have_own else None


def _exists(path: Path) -> bool:
    """Return whether one of the user's own paths exists; refuse one that cannot be reached."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from None
    return True
