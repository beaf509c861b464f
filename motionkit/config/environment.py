"""The variables that a configuration sees: the process's own, and under them those of a `.env`.

A ``.env`` beside a project's ``motionkit.toml`` counts like the environment, which wins. It is
never exported: programs that motionkit starts do not inherit it.
"""

from __future__ import annotations

import functools
import io
import os
import re
from collections.abc import Mapping
from pathlib import Path

import attrs

from motionkit._support.redaction import Sealed
from motionkit.config.toml import read_bytes, sha256, unreadable
from motionkit.errors import ConfigError

DOTENV = ".env"
"""The file's name."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@attrs.frozen(eq=False, repr=False, slots=False)
class DotEnv:
    """A ``.env`` as it was read.

    Attributes:
        path: Absolute.
        sha256: Of the very bytes that the variables were read from.
        mode: Its permission bits.
    """

    path: Path
    _content: Sealed[bytes] = attrs.field(eq=False)
    sha256: str
    mode: int

    def variables(self) -> Mapping[str, str]:
        """Return its variables. Values are literal: ``${NAME}`` in them is not expanded.

        Raises:
            ConfigError: It has a line that is not NAME=VALUE (names file and line, never what is
                written there), or the extra ``dotenv`` is not installed.
        """
        return self._parsed.reveal()

    @functools.cached_property
    def _parsed(self) -> Sealed[Mapping[str, str]]:
        # `dotenv_values` skips what it cannot read with a warning in its own log: a key would be
        # missing without a word. Imported where there is a file to read.
        try:
            from dotenv.parser import parse_stream  # noqa: PLC0415
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] != "dotenv":
                raise
            raise ConfigError(
                f"{self.path} cannot be read without python-dotenv",
                hint="pip install 'motionkit[dotenv]', or move the file away",
            ) from None
        try:
            text = self._content.reveal().decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise ConfigError(f"{self.path}: byte {error.start} is not UTF-8") from None
        found = {}
        for line in parse_stream(io.StringIO(text)):
            if line.key is None and not line.error:
                continue  # a comment, or nothing
            if line.key is None or line.value is None or not _NAME.fullmatch(line.key):
                raise ConfigError(f"{self.path}: line {line.original.line} is not NAME=VALUE")
            found[line.key] = line.value
        return Sealed(found)


@attrs.frozen(eq=False, repr=False)
class Environment:
    """The process's variables; those of files where the process has none of the name.

    Attributes:
        files: The files, the one that wins first.
    """

    files: tuple[DotEnv, ...] = ()

    def get(self, name: str) -> str | None:
        """Return a variable's value; None where it is not set."""
        if name in os.environ:  # set to nothing too: that is how one switches a file's off
            return os.environ[name]
        return next((one.variables()[name] for one in self.files if name in one.variables()), None)

    def holder(self, name: str) -> DotEnv | None:
        """Return the file that gives a variable; None where the process or nothing does."""
        if name in os.environ:
            return None
        return next((one for one in self.files if name in one.variables()), None)

    def source(self, name: str) -> str:
        """Return where a variable comes from, in words."""
        file = self.holder(name)
        return f"environment variable {name}" if file is None else f"{name} in {file.path}"


def beside(path: Path) -> DotEnv | None:
    """Read the ``.env`` beside a configuration file; None without one.

    Raises:
        ConfigError: It cannot be read, or is too large.
    """
    file = path.parent.absolute() / DOTENV
    try:
        content, status = read_bytes(file)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise unreadable(file, error) from None
    return DotEnv(file, Sealed(content), sha256(content), status.st_mode & 0o777)
