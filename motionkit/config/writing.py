"""Write an account's key into the user's own file, and change nothing else there.

tomlkit keeps comments, order and layout (extra ``cli``). What it wrote is read back before it takes
the place of the old file, and compared with what was wanted.
"""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Callable, Mapping, MutableMapping
from pathlib import Path
from typing import Any

from motionkit.config.files import own_file
from motionkit.config.private import write_private
from motionkit.config.toml import read_toml
from motionkit.errors import ConfigError

Keys = Mapping[str, tuple[str, str | Mapping[str, str]]]
"""Account to its provider, and to what ``api_key`` is to be."""


def write_keys(keys: Keys) -> Path:
    """Write accounts' keys into the user's own file, mode 0600; return its path.

    Raises:
        ConfigError: It cannot be read or written, or its layout cannot be kept; it is unchanged.
    """
    import tomlkit  # noqa: PLC0415 - for whoever writes only

    path = own_file()
    before: Mapping[str, Any] = {}
    content = b""
    if path.exists():
        before = read_toml(path)[0]
        content = path.read_bytes()
    wanted = copy.deepcopy(dict(before))
    document = tomlkit.parse(content.decode("utf-8"))
    if "accounts" not in document:
        document["accounts"] = tomlkit.table(is_super_table=True)  # no empty [accounts]
    _set(wanted, keys, path, lambda key: key)
    _set(document, keys, path, _inline)
    made = tomlkit.dumps(document)
    if not _reads_as(made, wanted):
        names = ", ".join(f"[accounts.{name}]" for name in keys)
        raise ConfigError(
            f"{path} is laid out so that it cannot be changed without changing more",
            hint=f"write {names} there yourself",
        )
    if path.exists() and path.read_bytes() != content:
        raise ConfigError(f"{path} was changed by another program meanwhile; run this again")
    write_private(path, made)
    return path


def _set(
    data: MutableMapping[str, Any],
    keys: Keys,
    path: Path,
    value: Callable[[Any], Any],
) -> None:
    """Set the keys in a document, or in plain data."""
    accounts = data.setdefault("accounts", {})
    if not isinstance(accounts, MutableMapping):
        raise ConfigError(f"{path}: accounts is not a table")
    for name, (provider, key) in keys.items():
        if name not in accounts:
            accounts[name] = {}
        account = accounts[name]
        if not isinstance(account, MutableMapping):
            raise ConfigError(f"{path}: accounts.{name} is not a table")
        if account.get("provider", name) != provider:
            account["provider"] = provider
        account["api_key"] = value(key)


def _inline(key: str | Mapping[str, str]) -> Any:
    import tomlkit  # noqa: PLC0415 - as above

    if isinstance(key, str):
        return key
    table = tomlkit.inline_table()
    table.update(key)
    return table


def _reads_as(text: str, wanted: Mapping[str, Any]) -> bool:
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    return found == wanted
