"""Read a TOML file that may be hostile: bounded in size, nesting and time.

`tomllib` recurses for nested values, and takes quadratic time and more for a long dotted key. Both
are counted before it parses.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from motionkit._support import system
from motionkit._support.redaction import LONGEST_SAID, printable
from motionkit.errors import ConfigError

SIZE_LIMIT = 256 * 1024
"""Bytes of a file."""
NESTING_LIMIT = 16
"""Arrays and tables in one another, and parts of a dotted key."""

_QUIET = (  # compiled where there is a file
    r"(?s)"
    r'"""(?:[^"\\]|\\.|"(?!""))*+(?:"""|\Z)'
    r"|'''(?:[^']|'(?!''))*+(?:'''|\Z)"
    r'|"(?:[^"\\\n]|\\.)*+"?'
    r"|'[^'\n]*+'?"
    r"|#[^\n]*+"
)
"""Strings and comments, which hold no structure."""
_BRACKET = r"[\[\]{}]"
_BETWEEN_KEYS = r"[\n,=\[\]{}]"


def read_toml(path: Path) -> tuple[Mapping[str, Any], str, os.stat_result]:
    """Return the content of a TOML file, the SHA-256 of exactly those bytes, and the file's status.

    An error names the file and, where there is one, the limit and the line.
    """
    import tomllib  # noqa: PLC0415 - there may be no file

    try:
        content, status = read_bytes(path)
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from None
    try:
        text = content.decode("utf-8")
        for wrong in _too_deep(text):
            raise ConfigError(f"{path}: {wrong}; at most {NESTING_LIMIT} are read")
        data = tomllib.loads(text)
    except UnicodeDecodeError as error:
        # No cause: the error of undecodable text holds the whole file, keys included.
        raise ConfigError(f"{path}: byte {error.start} is not UTF-8") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"{path}: {printable(str(error), LONGEST_SAID)}") from None
    except ValueError:  # Python's own limit for reading whole numbers
        raise ConfigError(f"{path}: a whole number has too many digits") from None
    return data, sha256(content), status


def sha256(content: bytes) -> str:
    """Return the SHA-256 of a file's content, hexadecimal."""
    import hashlib  # noqa: PLC0415 - there may be no file

    return hashlib.sha256(content).hexdigest()


def unreadable(path: Path, error: Exception) -> ConfigError:
    """Return the error for a path of the user's that cannot be read."""
    if not isinstance(error, OSError):
        return ConfigError(f"{str(path)!r} is not a path")
    hint = "it belongs to another user: check HOME, XDG_CONFIG_HOME and its permissions"
    denied = error.errno in {errno.EACCES, errno.EPERM}
    return ConfigError(f"{path}: {error.strerror}", hint=hint if denied else None)


def read_bytes(path: Path) -> tuple[bytes, os.stat_result]:
    """Return the content and the status of a regular file of at most `SIZE_LIMIT` bytes.

    Raises:
        OSError, ValueError: It cannot be read, or it is no path.
        ConfigError: It is no regular file, or too large.
    """
    # Without O_NONBLOCK, opening a named pipe waits for a writer.
    handle = os.open(path, os.O_RDONLY | system.NO_WAIT | system.PRIVATE)
    with os.fdopen(handle, "rb") as file:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise ConfigError(f"{path} is not a regular file")
        content = file.read(SIZE_LIMIT + 1)
    if len(content) > SIZE_LIMIT:
        raise ConfigError(f"{path} has more than {SIZE_LIMIT:,} bytes, which is the limit")
    return content, status


def _too_deep(text: str) -> Iterator[str]:
    """Yield what is nested too deeply, with its line."""
    bare = re.sub(_QUIET, lambda quiet: "s" + "\n" * quiet[0].count("\n"), text)
    depth = 0
    for found in re.finditer(_BRACKET, bare):
        depth += 1 if found[0] in "[{" else -1
        if depth > NESTING_LIMIT:
            line = bare.count("\n", 0, found.start()) + 1
            yield f"arrays and tables are nested too deeply (at line {line})"
    start = 0
    ends = [found.start() for found in re.finditer(_BETWEEN_KEYS, bare)]
    for end in [*ends, len(bare)]:
        if bare.count(".", start, end) >= NESTING_LIMIT:
            line = bare.count("\n", 0, start) + 1
            yield f"a dotted key has too many parts (at line {line})"
        start = end + 1
