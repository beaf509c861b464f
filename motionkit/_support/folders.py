"""The user's own folders, by the XDG variables."""

from __future__ import annotations

import os
from pathlib import Path

FILE_NAME = "motionkit.toml"


def expanded(text: str, name: str) -> Path:
    """Return a path with ``~`` expanded.

    Args:
        text: The path.
        name: Where it comes from, for errors to name.

    Raises:
        ValueError: There is no such home folder.
    """
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise ValueError(f"{name} is {text!r}: {error}") from None


def state_folder() -> Path:
    """Return the user's state folder for motionkit.

    Raises:
        ValueError: The user has no home folder.
    """
    base = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return expanded(base, "XDG_STATE_HOME") / "motionkit"


def own_file() -> Path:
    """Return the path of the user's own configuration file, whether or not it exists.

    Raises:
        ValueError: The user has no home folder.
    """
    base = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return expanded(base, "XDG_CONFIG_HOME") / "motionkit" / FILE_NAME
