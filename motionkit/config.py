"""The configuration: ``motionkit.toml``, or the environment where there is no file.

Every error names the file, the dotted path and, for a misspelt key, the nearest one.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import cattrs

from motionkit import registry
from motionkit.errors import ConfigError
from motionkit.provider import AccountSettings

FILE_NAME = "motionkit.toml"
FILE_VARIABLE = "MOTIONKIT_CONFIG"
JOURNAL_VARIABLE = "MOTIONKIT_JOURNAL"
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


@attrs.frozen(kw_only=True)
class Defaults:
    """What `wait` and `run` take when the call does not say.

    Attributes:
        timeout: Seconds that a wait takes at most.
        wait_for_slot: Seconds that a direct target waits while the account is busy.
        lateness: Wished mean seconds between a job's end and our noticing.
    """

    timeout: float = 1800.0
    wait_for_slot: float = 600.0
    lateness: float = 2.0


@attrs.frozen
class Account:
    """One configured use of a provider."""

    name: str
    provider: str
    settings: AccountSettings


@attrs.frozen(kw_only=True)
class Config:
    """What was configured.

    Attributes:
        accounts: By name, in the order written.
        defaults: See `Defaults`.
        journal: The ledger's file; None keeps it in memory.
        source: The file it came from; None for the environment.
    """

    accounts: Mapping[str, Account]
    defaults: Defaults
    journal: Path | None
    source: Path | None = None

    def account(self, name: str) -> Account:
        """Return an account.

        Raises:
            ConfigError: There is none of that name; says how to make it one.
        """
        if name in self.accounts:
            return self.accounts[name]
        if not self.accounts and not registry.names():
            raise ConfigError("no provider is installed")
        if name in registry.names() and self.source is None:
            raise ConfigError(
                f"no key for {name!r}: set {name.upper()}_API_KEY, or write [accounts.{name}] "
                f"in {FILE_NAME}"
            )
        known = ", ".join(self.accounts) or "none"
        raise ConfigError(
            f"there is no account {name!r}; configured are: {known}{_nearest(name, self.accounts)}"
        )


def state_folder() -> Path:
    """Return the user's state folder for motionkit."""
    base = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(base).expanduser() / "motionkit"


def find_file(start: Path | None = None) -> Path | None:
    """Return the configuration file: named by the environment, found upwards, or the user's own.

    Raises:
        ConfigError: ``MOTIONKIT_CONFIG`` names a file that is not there.
    """
    named = os.environ.get(FILE_VARIABLE)
    if named:
        path = Path(named).expanduser()
        if not path.is_file():
            raise ConfigError(f"{FILE_VARIABLE} names {named!r}, which is not a file")
        return path
    folder = (start or Path.cwd()).resolve()
    for candidate in (folder, *folder.parents):
        if (candidate / FILE_NAME).is_file():
            return candidate / FILE_NAME
    own = Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config").expanduser()
    own = own / "motionkit" / FILE_NAME
    return own if own.is_file() else None


def load(path: Path | None = None) -> Config:
    """Read the configuration.

    Args:
        path: The file; found by itself when None.

    Raises:
        ConfigError: Naming file, dotted path and what is allowed.
    """
    file = path or find_file()
    if file is None:
        return from_environment()
    try:
        data = tomllib.loads(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{file}: {error}") from error
    return _parse(data, file)


def from_environment() -> Config:
    """Make the accounts whose keys stand in the environment, one for each installed provider."""
    accounts = {}
    for name in registry.names():
        key = os.environ.get(f"{name.upper()}_API_KEY")
        if key:
            data = {"api_key": key}
            if base := os.environ.get(f"{name.upper()}_BASE_URL"):
                data["base_url"] = base
            accounts[name] = _account(name, data, f"environment: accounts.{name}")
    return Config(accounts=accounts, defaults=Defaults(), journal=_journal(None))


def _journal(value: Any) -> Path | None:
    if value is False:
        return None
    named = value or os.environ.get(JOURNAL_VARIABLE)
    return Path(named).expanduser() if named else state_folder() / "journal.db"


def _parse(data: Mapping[str, Any], file: Path) -> Config:
    _known_keys(data, ["journal", "accounts", "defaults"], f"{file}: ")
    journal = data.get("journal")
    if journal is not None and journal is not False and not (journal and type(journal) is str):
        raise ConfigError(f"{file}: journal is {journal!r}; give a path or false")
    accounts = {
        name: _account(name, table, f"{file}: accounts.{name}")
        for name, table in _table(data, "accounts", f"{file}: ").items()
    }
    return Config(
        accounts=accounts,
        defaults=_record(Defaults, _table(data, "defaults", f"{file}: "), f"{file}: defaults"),
        journal=_journal(journal),
        source=file,
    )


def _account(name: str, data: Any, where: str) -> Account:
    if not isinstance(data, Mapping):
        raise ConfigError(f"{where} is not a table")
    if "/" in name:
        raise ConfigError(f"{where}: an account's name has no '/'")
    provider = data.get("provider", name)
    try:
        settings = registry.load(provider).settings
    except ConfigError as error:
        raise ConfigError(f"{where}: {error.message}") from error
    values = {
        key: _expand(value, f"{where}.{key}") for key, value in data.items() if key != "provider"
    }
    if "api_key" not in values:
        raise ConfigError(f"{where}.api_key is missing: give the key of {provider}")
    return Account(name, provider, _record(settings, values, where, also=["provider"]))


def _expand(value: Any, where: str) -> Any:
    if not isinstance(value, str):
        return value

    def lookup(match: re.Match[str]) -> str:
        found = os.environ.get(match[1])
        if not found:
            raise ConfigError(
                f"{where} needs the environment variable {match[1]}, which is not set"
            )
        return found

    return _VARIABLE.sub(lookup, value)


def _record(
    kind: Any, data: Mapping[str, Any], where: str, *, also: list[str] | None = None
) -> Any:
    """Make a settings record, exact about keys and types."""
    fields = attrs.fields(kind)
    _known_keys(data, [*(field.name for field in fields), *(also or [])], f"{where}.")
    for field in fields:
        if field.converter is not None and field.name in data:
            _convertible(field, data[field.name], where)
    converter = cattrs.Converter(prefer_attrib_converters=True)
    converter.register_structure_hook(int, _exactly(int))
    converter.register_structure_hook(str, _exactly(str))
    converter.register_structure_hook(float, lambda value, _: float(_exactly(int, float)(value, _)))
    try:
        return converter.structure(dict(data), kind)
    except cattrs.BaseValidationError as error:
        lines = cattrs.transform_error(error, where, lambda inner, _: str(inner))
        told = (line.rpartition(" @ ") for line in lines)
        raise ConfigError("; ".join(f"{path}: {what}" for what, _, path in told)) from None


def _convertible(field: attrs.Attribute[Any], value: Any, where: str) -> None:
    """Try what a record's own converter does, because its errors do not name the field."""
    if not isinstance(value, str):
        raise ConfigError(f"{where}.{field.name} is not text; put it in quotes")
    try:
        field.converter(value)  # type: ignore[misc, operator]  # the caller looked
    except ConfigError as error:
        raise ConfigError(f"{where}.{error.message}") from None
    except (ValueError, ArithmeticError):
        raise ConfigError(f"{where}.{field.name} has a value that cannot be used") from None


def _exactly(*kinds: type) -> Any:
    def hook(value: Any, _: type) -> Any:
        if type(value) not in kinds:
            raise TypeError(f"expected {kinds[-1].__name__}, got {type(value).__name__}")
        return value

    return hook


def _table(data: Mapping[str, Any], key: str, where: str) -> Mapping[str, Any]:
    table = data.get(key, {})
    if not isinstance(table, Mapping):
        raise ConfigError(f"{where}{key} is not a table")
    return table


def _known_keys(data: Mapping[str, Any], known: list[str], where: str) -> None:
    for key in data:
        if key not in known:
            raise ConfigError(
                f"{where}{key} is not a key that we know; known are {', '.join(known)}"
                f"{_nearest(key, known)}"
            )


def _nearest(word: str, words: Any) -> str:
    close = difflib.get_close_matches(word, list(words), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
