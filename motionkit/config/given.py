"""A configuration that a program gives: the tables of ``motionkit.toml`` as Python values.

They are read by the same code as a file, with the same keys, checks and errors. ``${NAME}`` is
refused in them: a program has its own way to its environment.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, TypedDict

import attrs

from motionkit._support.redaction import Sealed, Secret
from motionkit.config.credentials import variables
from motionkit.config.defaults import Defaults
from motionkit.config.files import File, Origin, Spot
from motionkit.errors import ConfigError
from motionkit.provider import AccountSettings, registry
from motionkit.routing import Choose, FallBackOn, OnBusy, Period, Route


class KeyFile(TypedDict):
    """A file that holds a key alone."""

    file: str


class KeyCommand(TypedDict):
    """A program and its arguments, without a shell, that prints a key first."""

    command: Sequence[str]


class AccountTable(TypedDict, total=False):
    """The keys that every account has; a provider's settings add their own."""

    provider: str
    api_key: str | Secret | KeyFile | KeyCommand
    base_url: str | None
    max_concurrent: int | None
    rpm: int | None
    reconcile_window: float


class RouteTable(TypedDict, total=False):
    """The keys of a route; see `Route`."""

    targets: Sequence[str]
    choose: Choose
    max_usd: Decimal | str | None
    budget_usd: Mapping[Period, Decimal | str]
    wait_for_slot: float | dt.timedelta | None
    on_busy: OnBusy
    fall_back_on: Sequence[FallBackOn]
    paid_retries: int


class DefaultsTable(TypedDict, total=False):
    """The keys of the defaults; see `Defaults`."""

    timeout: float | dt.timedelta
    wait_for_slot: float | dt.timedelta
    remember: float | dt.timedelta
    lateness: float
    upload_timeout: float | dt.timedelta | None
    stage: str | None
    budget_usd: Mapping[Period, Decimal | str]
    route_budgets: Literal["route", "always"]


AccountsGiven = Mapping[str, AccountTable | AccountSettings | Mapping[str, Any]]
"""Accounts by name: tables, or the settings of a provider, which a type checker knows whole."""
RoutesGiven = Mapping[str, RouteTable | Route]
DefaultsGiven = DefaultsTable | Defaults
JournalGiven = str | os.PathLike[str] | Literal[False]
"""A path, an address ``postgresql://...``, or False for none."""

_TABLES = {
    "accounts": 'a mapping such as {"NAME": {"api_key": ...}}',
    "routes": 'a mapping such as {"NAME": {"targets": [...]}}',
    "defaults": 'a mapping such as {"timeout": 900}',
}


def given_file(
    *,
    accounts: AccountsGiven | None,
    routes: RoutesGiven | None,
    defaults: DefaultsGiven | None,
    journal: JournalGiven | None,
) -> File | None:
    """Return what a program gives as a file of that content; None where it gives nothing.

    Raises:
        ConfigError: A value has a type that no file could hold, or `accounts` is empty.
    """
    said = {"accounts": accounts, "routes": routes, "defaults": defaults, "journal": journal}
    said = {name: one for name, one in said.items() if one is not None}
    if not said:
        return None
    # Relative paths start from the working directory.
    file = File(Path.cwd() / "Python", Origin.GIVEN, Sealed({}), "", 0, -1)
    content = {}
    for name, one in said.items():
        spot = Spot([file], (name,))
        if name in _TABLES and not isinstance(one, Mapping | Defaults):
            raise ConfigError(f"{spot} is {_kind(one)}; give {_TABLES[name]}")
        content[name] = _plain(one, spot)
    if accounts is not None and not accounts:
        raise ConfigError(f"{Spot([file], ('accounts',))} is empty; give one at least")
    return attrs.evolve(file, data=Sealed(content))


def _plain(value: Any, spot: Spot) -> Any:
    """Return a value as TOML would give it; what is None is left out."""
    if attrs.has(type(value)):
        value = _table(value, spot)
    if isinstance(value, Mapping):
        _check_names(value, spot)
        return {name: _plain(one, spot / name) for name, one in value.items() if one is not None}
    if isinstance(value, list | tuple):
        return [_plain(one, spot / number) for number, one in enumerate(value)]
    if isinstance(value, Secret | os.PathLike | str):
        return _text(value, spot)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, dt.timedelta):
        return value.total_seconds()
    if not isinstance(value, bool | int | float | dt.date):
        raise ConfigError(f"{spot} is {_kind(value)}, which no setting takes")
    return value


def _text(value: Secret | os.PathLike[str] | str, spot: Spot) -> str:
    text = value.reveal() if isinstance(value, Secret) else os.fspath(value)
    names = variables(text)
    if names:
        raise ConfigError(
            f"{spot} holds ${{{names[0]}}}, which only a file may",
            hint=f'give the value itself, e.g. os.environ["{names[0]}"]',
        )
    return text


def _check_names(table: Mapping[Any, Any], spot: Spot) -> None:
    for name in table:
        if not isinstance(name, str):
            raise ConfigError(f"{spot} has a name that is {_kind(name)}; names are text")


def _table(record: Any, spot: Spot) -> Mapping[str, Any]:
    """Return what a record says that is not its default.

    Raises:
        ConfigError: It is a record of another kind.
    """
    own = {
        one.name: getattr(record, one.name)
        for one in attrs.fields(type(record))
        if one.init and getattr(record, one.name) != _default(one)
    }
    section = spot.path[0]
    if isinstance(record, AccountSettings) and section == "accounts":
        return {**own, "provider": _provider(record, spot)}
    if isinstance(record, Route) and section == "routes":
        if own.pop("name") != spot.path[-1]:
            raise ConfigError(f"{spot} is the route {record.name!r}; give it under its own name")
        return own
    if isinstance(record, Defaults) and section == "defaults":
        return own
    raise ConfigError(f"{spot} is {_kind(record)}, which no setting takes")


def _default(field: attrs.Attribute[Any]) -> Any:
    factory = getattr(field.default, "factory", None)
    return field.default if factory is None else factory()


def _provider(settings: AccountSettings, spot: Spot) -> str:
    """Return the provider whose settings an object is."""
    found = [name for name in registry.names() if registry.load(name).settings is type(settings)]
    if len(found) != 1:
        kind = f"{type(settings).__module__}.{type(settings).__qualname__}"
        which = "several providers have" if found else "no installed provider has"
        raise ConfigError(f"{spot} is a {kind}; {which} such settings")
    return found[0]


def _kind(value: object) -> str:
    name = type(value).__name__
    return f"{'an' if name[0] in 'AEIOUaeiou' else 'a'} {name}"
