"""The user's own folders, by the XDG variables or those of the system."""

from __future__ import annotations

import os
from pathlib import Path

from motionkit._support.system import FOLDERS


def expanded(text: str, name: str) -> Path:
    """Return a path with ``~`` expanded; `name` is its origin, for errors.

    Raises:
        ValueError: There is no such home folder.
    """
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise ValueError(f"{name} is {text!r}, and that home folder is unknown") from None


def user_folder(variable: str) -> Path:
    """Return motionkit's folder under the one that an XDG variable names.

    Raises:
        ValueError: The user has no home folder.
    """
    own, default = FOLDERS[variable]
    given = os.environ.get(variable) or os.environ.get(own) or default
    return expanded(given, variable) / "motionkit"


def state_folder() -> Path:
    """Return the user's state folder for motionkit.

    Raises:
        ValueError: The user has no home folder.
    """
    return user_folder("XDG_STATE_HOME")


def cache_folder() -> Path:
    """Return the user's folder for what can be made again.

    Raises:
        ValueError: The user has no home folder.
    """
    return user_folder("XDG_CACHE_HOME")
