"""The configuration: ``motionkit.toml``, or the environment where no account is written.

A file that the user named, or else the nearest one upwards, goes over the user's own one:
accounts, routes and defaults merge by name, and within one by key; budgets also by period.
`motionkit.config.trust` says what a file that was merely found may hold. Every error names file,
dotted path and what to write there.
"""

from __future__ import annotations

import functools
import itertools
import logging
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from motionkit._support.addresses import ALLOWED, SCHEMES, DatabaseAddress, scheme
from motionkit._support.displayed import Displayed
from motionkit._support.redaction import Secret, redact_urls
from motionkit.config import tables, trust
from motionkit.config.credentials import (
    Key,
    documented,
    expand,
    no_key,
    variables,
    where_keys_are_made,
)
from motionkit.config.defaults import Defaults
from motionkit.config.environment import Environment
from motionkit.config.files import (
    File,
    Origin,
    Spot,
    expanded,
    files,
    state_folder,
    without_password,
)
from motionkit.config.routes import read_routes
from motionkit.errors import ConfigError
from motionkit.http import at_loopback, checked_origin
from motionkit.model.budget import Budget, period_words
from motionkit.model.money import dollars
from motionkit.provider import AccountSettings, is_origin, registry
from motionkit.routing import Route

if TYPE_CHECKING:
    from motionkit.config.given import AccountsGiven, DefaultsGiven, JournalGiven, RoutesGiven

log = logging.getLogger("motionkit")

JOURNAL_VARIABLE, SPEED_VARIABLE = trust.VARIABLES
TOP_LEVEL = ("journal", "accounts", "defaults", "routes")
"""The keys of the file itself."""

_PLACEHOLDER = "-"
"""Replaces a key that is not read yet; never leaves `Account`."""


@attrs.frozen(eq=False, slots=False)
class Account:
    """One configured use of a provider.

    Attributes:
        name: What targets call it.
        provider: The adapter, as registered.
        key: Where the key comes from; None when the settings were constructed.
    """

    name: str
    provider: str
    _settings: AccountSettings
    key: Key | None = None

    @functools.cached_property
    def settings(self) -> AccountSettings:
        """The provider's settings, key included; its file is read or its command run now.

        Raises:
            ConfigError: The key cannot be read.
        """
        if self.key is None:
            return self._settings
        try:
            return attrs.evolve(self._settings, api_key=self.key.resolve())
        except ConfigError as error:
            raise error.fill(hint=where_keys_are_made(self.provider)) from None

    @property
    def keyless(self) -> AccountSettings:
        """The settings with a stand-in for a key that is not there: for what sends nothing."""
        return self._settings

    @property
    def missing(self) -> str:
        """What has to hold its key; see `Key.missing`."""
        return "" if self.key is None else self.key.missing

    @property
    def rpm(self) -> int | None:
        """The provider's limit of requests per minute; the key is not read."""
        return self._settings.rpm

    @property
    def slots(self) -> int | None:
        """How many jobs the account may run at once, None without a limit; the key is not read."""
        return self._settings.max_concurrent

    @property
    def origins(self) -> Mapping[str, str]:
        """The configured addresses, by setting; the key is not read."""
        return _origins(self._settings)

    @property
    def in_sandbox(self) -> bool:
        """Whether its address is this machine; the key is not read."""
        return at_loopback(self.origins.get("base_url"))


@attrs.frozen(kw_only=True, eq=False, slots=False, repr=False)
class Config(Displayed):
    """The configuration.

    Attributes:
        accounts: By name, in the order written.
        defaults: See `Defaults`.
        journal: The journal's file, or the address of its PostgreSQL database; None keeps it in
            memory.
        source: The file it came from; None for the environment.
        routes: By name. `DEFAULT_ROUTE` is there whenever there is an account.
        files: What was read, the one that wins first.
        keyed: Whether the environment's keys made the accounts.
        sandbox_speed: Seconds of the vendor's time in one second at a sandbox on this machine.
        environment: The variables that were read: the process's, and those of a ``.env``.
        given: The tables that a program gave in Python, e.g. ``accounts``.
    """

    accounts: Mapping[str, Account]
    defaults: Defaults
    journal: Path | DatabaseAddress | None
    source: Path | None = None
    routes: Mapping[str, Route] = attrs.field(factory=dict)
    files: tuple[File, ...] = ()
    keyed: bool = False
    sandbox_speed: float = 1.0
    environment: Environment = attrs.field(factory=Environment, repr=False)
    given: frozenset[str] = frozenset()

    def __shown__(self) -> Iterator[tuple[str, object]]:
        lost = "in memory: a crash can lose a paid job"
        yield "journal", lost if self.journal is None else str(self.journal)
        for name, account in self.accounts.items():
            key = f", key: {account.key.source}" if account.key else ""
            sandbox = ", SANDBOX" if account.in_sandbox else ""
            yield f"account {name}", f"{account.provider}{sandbox}{key}"
        for name, route in self.routes.items():
            yield f"route {name}", f"{' → '.join(route.targets)} (choose {route.choose})"
        for budget in self.budgets():
            yield budget.name, f"{dollars(budget.limit)} {period_words(budget.period)}"
        yield "files", [str(one.path) for one in self.files]

    @functools.cached_property
    def keyless(self) -> Mapping[str, Account]:
        """An account for each installed provider that has none for want of a key, by name.

        Prices and limits are known without a key; nothing can be sent. Empty where a file has the
        accounts.

        Raises:
            ConfigError: A provider cannot be loaded.
        """
        if not self.keyed:
            return {}
        return {
            name: _from_variable(name, self.environment)
            for name in registry.names()
            if name not in self.accounts
        }

    def known(self, name: str) -> Account:
        """Return an account, also one of `keyless`.

        Raises:
            ConfigError: There is none of that name; says how to configure it.
        """
        return self.keyless.get(name) or self.account(name)

    @staticmethod
    def of(
        *,
        accounts: AccountsGiven,
        routes: RoutesGiven | None = None,
        defaults: DefaultsGiven | None = None,
        journal: JournalGiven | None = None,
    ) -> Config:
        """Return a configuration that a program gives; the arguments are those of `Client`.

        Raises:
            ConfigError: Naming table, key and what is allowed.

        Examples:
            >>> config = mk.Config.of(accounts={"VENDOR": {"api_key": key}}, journal="anna.db")
            >>> client = mk.Client(config)
        """
        return load(accounts=accounts, routes=routes, defaults=defaults, journal=journal)

    def account(self, name: str) -> Account:
        """Return an account.

        Raises:
            ConfigError: There is none of that name; says how to configure it.
        """
        if name in self.accounts:
            return self.accounts[name]
        if not self.accounts and not registry.names():
            raise ConfigError("no provider is installed")
        if self.keyed and name in registry.names():
            raise ConfigError(no_key(name), hint=where_keys_are_made(name))
        known = ", ".join(self.accounts) or "none"
        raise ConfigError(
            f"there is no account {name!r}; configured are: {known}"
            f"{tables.nearest(name, self.accounts)}"
        )

    def budgets(self, route: Route | None = None, account: str | None = None) -> tuple[Budget, ...]:
        """Return the budgets that a purchase counts against; all of them without arguments."""
        everything = route is None and account is None
        always = self.defaults.route_budgets == "always"
        made = [
            Budget(name="defaults.budget_usd", period=period, limit=limit)
            for period, limit in self.defaults.budget_usd.items()
        ]
        for one in self.routes.values():
            accounts = tuple(dict.fromkeys(name.partition("/")[0] for name in one.targets))
            own = route is not None and one.name == route.name
            if everything or own or (always and account in accounts):
                made += [
                    Budget(
                        name=f"routes.{one.name}.budget_usd",
                        period=period,
                        limit=limit,
                        route=one.name,
                        accounts=accounts if always else (),
                    )
                    for period, limit in one.budget_usd.items()
                ]
        return tuple(made)

    def route(self, via: str) -> Route | None:
        """Return the route of that name; None when it names a target.

        Args:
            via: A route's name, or a target: ``account`` or ``account/model``.

        Raises:
            ConfigError: It is neither; lists both.
        """
        if via in self.routes:
            return self.routes[via]
        account, slash, _ = via.partition("/")
        if account in self.accounts:
            return None
        if slash or not self.routes or (self.keyed and account in registry.names()):
            self.account(account)
        raise ConfigError(
            f"there is no account or route {via!r}; accounts are: {', '.join(self.accounts)}; "
            f"routes are: {', '.join(self.routes)}"
            f"{tables.nearest(via, [*self.accounts, *self.routes])}"
        )


def with_key(found: Config, name: str, provider: str, key: Secret) -> Account:
    """Return an account with a key that is not written yet, and the other settings as configured.

    Raises:
        ConfigError: The provider is not installed, or its address in the environment is none.
    """
    known = found.accounts.get(name)
    if known is None or known.provider != provider:
        made = _from_variable(provider, found.environment)
        known = Account(name, provider, made.keyless)
    return Account(name, provider, attrs.evolve(known.keyless, api_key=key))


def load(
    path: Path | None = None,
    *,
    accounts: AccountsGiven | None = None,
    routes: RoutesGiven | None = None,
    defaults: DefaultsGiven | None = None,
    journal: JournalGiven | None = None,
) -> Config:
    """Read the configuration. No command is run and no key's file is read yet.

    Args:
        path: The file that the user names; None searches for it.
        accounts: The accounts, from a program. No file is read then.
        routes: Routes that go over those of the file.
        defaults: Defaults that go over those of the file.
        journal: The journal, instead of the file's.

    Raises:
        ConfigError: Naming file, dotted path and what is allowed.
    """
    if path is not None and accounts is not None:
        raise ConfigError(
            f"both accounts and the file {path} are given",
            hint="leave one of them out; routes, defaults and journal go over those of a file",
        )
    read = files(path) if accounts is None else []
    given = None
    if any(one is not None for one in (accounts, routes, defaults, journal)):
        from motionkit.config.given import given_file  # noqa: PLC0415 - the command line gives none

        given = given_file(accounts=accounts, routes=routes, defaults=defaults, journal=journal)
    layers = read if given is None else [given, *read]
    for file in layers:
        for section in ("accounts", "routes"):
            spot = Spot([file])
            tables.need_few(tables.table(file.data(), section, spot), spot / section)
    for file, below in itertools.zip_longest(read, read[1:]):
        trust.require(file, below)
    for file in layers:
        tables.known_keys(file.data(), TOP_LEVEL, Spot([file]))
    return _config(layers, trust.environment(read))


def from_environment() -> Config:
    """Make an account for each installed provider whose key is in the environment."""
    return _config([])


def _config(read: Sequence[File], environment: Environment | None = None) -> Config:
    top = Spot(read, (), environment or Environment())
    found = [one for one in read if one.origin is not Origin.GIVEN]
    # What a project adds comes after the user's own: that is the order of the route `default`.
    said = _merged(read, "accounts", last=not all(map(trust.is_trusted, read)))
    accounts = {
        name: _account(name, table, top / "accounts" / name) for name, table in said.items()
    }
    keyed = not any("accounts" in file.data() for file in read)
    if keyed:
        accounts = _from_keys(top.environment)
    keys = [one.key for one in accounts.values() if one.key is not None]
    _warn_of_readers(holder for key in keys for holder in key.holders)
    defaults: dict[str, Any] = {}
    for file in reversed(read):
        defaults = _over(tables.table(file.data(), "defaults", Spot([file])), defaults)
    providers = {name: account.provider for name, account in accounts.items()}
    return Config(
        accounts=accounts,
        defaults=tables.record(Defaults, defaults, top / "defaults"),
        journal=_journal(top / "journal"),
        source=found[0].path if found else None,
        routes=read_routes(_merged(read, "routes"), top / "routes", providers, keyed=keyed),
        files=tuple(found),
        keyed=keyed,
        sandbox_speed=_sandbox_speed(top.environment),
        environment=top.environment,
        given=frozenset(name for one in read if one not in found for name in one.data()),
    )


def _sandbox_speed(environment: Environment) -> float:
    said = environment.get(SPEED_VARIABLE) or "1"
    try:
        speed = float(said)
    except ValueError:
        speed = 0.0
    if not 0 < speed < math.inf:
        raise ConfigError(f"{SPEED_VARIABLE} is {said!r}; give a number above 0")
    return speed


def _from_keys(environment: Environment) -> dict[str, Account]:
    made = {}
    for name in registry.names():
        if environment.get(documented(name)[0]):
            made[name] = _from_variable(name, environment)
    return made


def _from_variable(provider: str, environment: Environment) -> Account:
    spot = Spot((), ("accounts", provider), environment)
    return _account(provider, {"api_key": f"${{{documented(provider)[0]}}}"}, spot)


def _merged(read: Sequence[File], section: str, *, last: bool = False) -> dict[str, dict[str, Any]]:
    """Return a section's tables, by name and then by key; the first file wins.

    With `last`, what only the first file has comes last.
    """
    made: dict[str, dict[str, Any]] = {}
    for file in reversed(read if last else ()):
        made |= {name: {} for name in tables.table(file.data(), section, Spot([file]))}
    for file in read:
        spot = Spot([file])
        said = tables.table(file.data(), section, spot)
        for name in said:
            table = tables.table(said, name, spot / section)
            made[name] = _over(made.get(name, {}), table)
    return made


def _over(upper: Mapping[str, Any], lower: Mapping[str, Any]) -> dict[str, Any]:
    """Return one table over another, budgets merged by period."""
    made = {**lower, **upper}
    budgets = [one["budget_usd"] for one in (lower, upper) if "budget_usd" in one]
    if len(budgets) == 2 and all(isinstance(one, Mapping) for one in budgets):
        made["budget_usd"] = {**budgets[0], **budgets[1]}
    return made


def _journal(spot: Spot) -> Path | DatabaseAddress | None:
    said = spot.file.data().get("journal") if spot.files else None
    if said is False:
        return None
    if said is None:
        named = spot.environment.get(JOURNAL_VARIABLE)
        if not named:
            return state_folder() / "journal.db"
        file = spot.environment.holder(JOURNAL_VARIABLE)
        folder = Path() if file is None else file.path.parent  # as a path in the file beside it
        return _address(named, JOURNAL_VARIABLE) or folder / expanded(named, JOURNAL_VARIABLE)
    if not (said and isinstance(said, str)):
        raise ConfigError(f"{spot} is {tables.shown(said)}; give a path, an address or false")
    named = expand(said, spot)
    address = _address(named, str(spot))
    if address is None:
        return spot.file.resolve(named)
    if address.has_password and not variables(said):
        _warn_of_readers([(spot.file.path, spot.file.mode)])
    return address


def _address(named: str, where: str) -> DatabaseAddress | None:
    """Return the address of the journal's database; None for a path.

    Another address is refused: as a path it would be a folder called ``scheme:``.
    """
    kind = scheme(named)
    if kind is None:
        return None
    if kind not in SCHEMES:
        raise ConfigError(
            f"{where} is {without_password(named)!r}; give a path, or a PostgreSQL database: "
            f"{ALLOWED}"
        )
    try:
        return DatabaseAddress(named)
    except ValueError as error:
        raise ConfigError(f"{where} is {without_password(named)!r}: {error}") from None


def _account(name: str, data: Mapping[str, Any], spot: Spot) -> Account:
    tables.need_name(name, spot, "an account")
    provider = data.get("provider", name)
    try:
        settings = registry.settings(provider)
    except ConfigError as error:
        raise ConfigError(
            f"{spot}: {error.message}{tables.nearest(str(provider), registry.names())}"
        ) from error
    if "api_key" not in data:
        fields = [one.name for one in attrs.fields(settings)]
        tables.known_keys(data, ["provider", *fields], spot)  # it may be misspelt
        raise ConfigError(
            f"{spot / 'api_key'} is missing: give the key of {provider}",
            hint=None
            if _is_given(spot)
            else f'write api_key = "${{{documented(provider)[0]}}}", and set that variable',
        )
    key = Key.read(data["api_key"], spot / "api_key")
    quiet = [name for name, one in data.items() if isinstance(one, str) and variables(one)]
    values = {
        name: expand(one, spot / name) if name in quiet else one
        for name, one in data.items()
        if name not in {"api_key", "provider"}
    }
    made = tables.record(
        settings,
        values,
        spot,
        also=["api_key", "provider"],
        given={"api_key": _PLACEHOLDER if key.ready is None else key.ready},
        quiet=quiet,
    )
    for field, address in _origins(made).items():
        checked_origin(address, field=str(spot / field))
    return Account(name, provider, _sent_elsewhere(made, provider, spot), key)


def _sent_elsewhere(settings: AccountSettings, provider: str, spot: Spot) -> AccountSettings:
    """Return an account's settings with the address that the environment names for its provider.

    It replaces the vendor's own address for every account of the provider, so that with a sandbox
    nothing reaches the vendor. An address in a file is not overruled silently: two are refused. One
    that a program gives is what it means.
    """
    variable = documented(provider)[1]
    named = spot.environment.get(variable)
    if not named or (settings.base_url is not None and _is_given(spot)):
        return settings
    source = spot.environment.source(variable)
    wanted = checked_origin(named, field=f"environment: {variable}")
    said = {field: checked_origin(one, field="") for field, one in _origins(settings).items()}
    if said.get("base_url") == wanted:
        return settings
    for field, address in said.items():
        if address != wanted:
            raise ConfigError(
                f"{spot / field} is {redact_urls(address)!r}, and the {source} is "
                f"{redact_urls(wanted)!r}: it is unclear which is meant",
                hint=f"unset {variable}, or leave out {field}",
            )
    return attrs.evolve(settings, base_url=named)


def _is_given(spot: Spot) -> bool:
    return bool(spot.files) and spot.file.origin is Origin.GIVEN


def _origins(settings: AccountSettings) -> dict[str, str]:
    """Return the addresses in an account's settings, by setting."""
    named = attrs.asdict(settings, filter=lambda field, _: is_origin(field.name))
    return {name: address for name, address in named.items() if address is not None}


def _warn_of_readers(holding: Iterable[tuple[Path, int]]) -> None:
    """Warn once for each file with keys or passwords that others on this machine can read.

    Args:
        holding: The files with their permission bits.
    """
    for path in sorted({path for path, mode in holding if os.name == "posix" and mode & 0o044}):
        log.warning("%s holds a key and can be read by others: chmod 600 %s", path, path)
