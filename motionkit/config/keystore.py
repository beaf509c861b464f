"""The operating system's key store, through the library `keyring` (extra ``keyring``)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from motionkit.errors import ConfigError

SERVICE = "motionkit"
"""What the entries belong to; the name of one is its user name there."""


def fetch(name: str, where: str) -> str:
    """Return an entry of the key store.

    Raises:
        ConfigError: There is none, or the store cannot be used; begins with `where`.
    """
    found = _ask(where, lambda keyring: keyring.get_password(SERVICE, name))
    if not found:
        raise ConfigError(
            f"{where}: the key store has no entry {SERVICE}/{name}",
            hint=f"'keyring set {SERVICE} {name}' makes it",
        )
    return str(found)


def store(name: str, key: str) -> None:
    """Write an entry of the key store, in the place of one of that name.

    Raises:
        ConfigError: The store cannot be used.
    """
    _ask("the key store", lambda keyring: keyring.set_password(SERVICE, name, key))


def _ask(where: str, call: Callable[[Any], Any]) -> Any:
    try:
        import keyring  # noqa: PLC0415 - where a key is in the store only
    except ModuleNotFoundError as error:
        if error.name != "keyring":
            raise
        raise ConfigError(
            f"{where} needs the extra 'keyring': pip install 'motionkit[keyring]'"
        ) from None
    try:
        return call(keyring)
    except keyring.errors.NoKeyringError:
        problem = "there is none that can be used on this system"
    except Exception as error:  # noqa: BLE001 - backends raise their libraries' own errors
        # Its text may quote what was asked for.
        problem = f"it does not answer ({type(error).__name__})"
    raise ConfigError(
        f"{where}: the system's key store: {problem}",
        hint="'keyring diagnose' shows which store is used",
    )
