"""Write a file that only its user can read, completely or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from motionkit.errors import ConfigError


def write_private(path: Path, text: str) -> None:
    """Write a file with mode 0600, in the place of one that is there; make its folder, mode 0700.

    A link is followed: the file that it names is replaced.

    Raises:
        ConfigError: It cannot be written; what was there is unchanged.
    """
    import tempfile  # noqa: PLC0415 - files are seldom written

    try:
        path = path.resolve()
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, temporary = tempfile.mkstemp(prefix=path.name, dir=path.parent)  # mode 0600
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="") as out:
                out.write(text)
                out.flush()
                os.fsync(out.fileno())
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink()
            raise
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}") from error
