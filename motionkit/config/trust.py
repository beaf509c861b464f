"""What a configuration file may do that merely lay in a project folder: tighten, and no more.

Whoever clones a project takes its ``motionkit.toml`` along. Such a file may add routes over the
user's accounts, lower caps and budgets, and name a provider's own documented variables where the
user has no account there. It may not loosen a limit, change a price, a key, an account or the
journal, run commands, read files or other variables, or send keys to other hosts, unless the user
has read it and said so: the store remembers the file's path and the SHA-256 of its content.

`RULES` says it for each key of `[defaults]` and of a route, `motionkit.provider.untrusted` for the
settings of an account, and the code below for keys, addresses, providers and the journal. What has
no rule needs trust. SECURITY.md has the table.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, get_origin, get_type_hints

import attrs

from motionkit._support.redaction import LONGEST_SAID, MASK, Secret, printable, redact_urls
from motionkit.config.credentials import documented, variables
from motionkit.config.defaults import Defaults
from motionkit.config.files import File, Origin, Spot, own_file, state_folder, without_password
from motionkit.config.tables import ENTRIES, bare, value
from motionkit.errors import ConfigError
from motionkit.http import at_loopback, checked_origin
from motionkit.provider import AccountSettings, Untrusted, is_origin, registry
from motionkit.routing import Route

log = logging.getLogger("motionkit")

RULES: Mapping[type[Any], Mapping[str, Untrusted]] = {
    Route: {
        "targets": Untrusted.PART,
        "choose": Untrusted.ADDED,
        "max_usd": Untrusted.LOWER,
        "budget_usd": Untrusted.LOWER,
        "wait_for_slot": Untrusted.HIGHER,
        "on_busy": Untrusted.NOTHING,
        "fall_back_on": Untrusted.FEWER,
        "paid_retries": Untrusted.LOWER,
    },
    Defaults: {
        "timeout": Untrusted.ANY,
        "wait_for_slot": Untrusted.HIGHER,
        "remember": Untrusted.HIGHER,
        "lateness": Untrusted.LOWER,
        "upload_timeout": Untrusted.ANY,
        "budget_usd": Untrusted.LOWER,
        "route_budgets": Untrusted.NOTHING,
    },
}
"""What an untrusted file may do with each key of a route and of ``[defaults]``."""
_Table = Mapping[str, Any]
_PLAIN = (int, float, Decimal, str, tuple)
"""Types of defaults; other fields start from nothing."""
_MOST_NAMED = 20
"""Settings that one error names."""
LONGEST_SHOWN = 120
"""Characters of a setting that are shown."""


def _brief(text: str) -> str:
    return printable(text, LONGEST_SAID)


@attrs.frozen
class Finding:
    """A setting that needs the user's trust.

    Attributes:
        dotted: The dotted path.
        does: What it would do, as the end of "it ...".
        shown: What it says, for the user to judge; keys masked.
    """

    dotted: str
    does: str = attrs.field(converter=_brief)
    shown: str = attrs.field(converter=printable)


def require(file: File, below: File | None) -> None:
    """Refuse a found file that asks for more than it may, unless the user trusts it.

    Args:
        file: The file.
        below: The user's own file, over which it goes.

    Raises:
        ConfigError: Naming file, dotted paths and what to do.
    """
    if file.origin is not Origin.FOUND:
        return
    asked = findings(file, below)
    if not asked or is_trusted(file):
        return
    more = len(asked) - _MOST_NAMED
    changed = str(file.path.resolve()) in _recorded()
    raise ConfigError(
        "; ".join(f"{file.path}: {one.dotted} {one.does}" for one in asked[:_MOST_NAMED])
        + (f"; and {more} more" if more > 0 else "")
        + "; a file that was merely found in a project folder may not do that",
        hint=("it has changed since it was trusted: " if changed else "")
        + f"read it, then run 'motionkit config trust {file.path}'; or name it with --config or "
        f"MOTIONKIT_CONFIG; or move the setting to {own_file()}",
    )


def findings(file: File, below: File | None) -> list[Finding]:
    """Return what in a file needs trust. Nothing is run, opened or expanded.

    Args:
        file: The file.
        below: The user's own file, over which it goes.
    """
    own = {} if below is None else below.data()
    accounts = _tables(own, "accounts")
    found = list(_journal(file, below))
    installed = _Installed()
    for name, said in _tables(file.data(), "accounts").items():
        found += _account(said, Spot([file], ("accounts", name)), accounts, installed)
    defaults = _values(Defaults, _table(own, "defaults"))
    spot = Spot([file], ("defaults",))
    found += _loosened(Defaults, RULES[Defaults], _table(file.data(), "defaults"), defaults, spot)
    routes = _tables(own, "routes")
    for name, said in _tables(file.data(), "routes").items():
        held = _values(Route, routes.get(name, {}))
        if held["targets"] is None:
            held["targets"] = tuple(accounts or _keyed())
        if held["wait_for_slot"] is None:
            held["wait_for_slot"] = defaults["wait_for_slot"]
        rules = dict(RULES[Route])
        if defaults["route_budgets"] == "always" and name in routes:
            rules["targets"] = Untrusted.NOTHING  # its budget would no longer hold for the others
        spot = Spot([file], ("routes", name))
        found += _loosened(Route, rules, said, held, spot, added=name not in routes)
    return found


def is_trusted(file: File) -> bool:
    """Tell whether a file may do all that it asks for."""
    return file.origin is not Origin.FOUND or (
        _recorded().get(str(file.path.resolve())) == file.sha256
    )


def record(file: File) -> Path:
    """Remember that the user trusts a file as it is now, and return the store's path.

    Raises:
        ConfigError: The state folder cannot be written.
    """
    store = _store()
    files = {**_recorded(), str(file.path.resolve()): file.sha256}
    try:
        store.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, temporary = tempfile.mkstemp(prefix=store.name, dir=store.parent)  # mode 0600
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as out:
                json.dump({"version": 1, "files": files}, out, indent=2)
            Path(temporary).replace(store)
        except BaseException:
            Path(temporary).unlink()
            raise
    except OSError as error:
        raise ConfigError(f"{store}: {error.strerror or error}") from error
    return store


def _table(data: Mapping[str, Any], section: str) -> Mapping[str, Any]:
    """Return a section; whatever else stands there is refused in reading."""
    said = data.get(section)
    return said if isinstance(said, Mapping) else {}


def _tables(data: Mapping[str, Any], section: str) -> dict[str, Mapping[str, Any]]:
    """Return a section's tables; what else is there, or too many, is refused in reading."""
    said = list(_table(data, section).items())[:ENTRIES]
    return {name: one for name, one in said if isinstance(one, Mapping)}


def _keyed() -> list[str]:
    """Return the accounts that the environment's keys make where no file has any."""
    return [name for name in registry.names() if os.environ.get(documented(name)[0])]


def _journal(file: File, below: File | None) -> Iterator[Finding]:
    said = file.data().get("journal")
    if said is False:
        yield Finding("journal", "switches the journal off, so that unfinished jobs hide", "false")
    elif isinstance(said, str) and said:
        does = "moves the journal, so that unfinished jobs hide and may be bought again"
        if below is None or below.data().get("journal") != said or not Path(said).is_absolute():
            yield Finding("journal", does, without_password(said))


class _Installed:
    """The providers, each looked up once: a look-up reads the environment's packages."""

    def __init__(self) -> None:
        self.names = frozenset(registry.names())
        self._settings: dict[str, type[AccountSettings] | None] = {}

    def settings(self, provider: str) -> type[AccountSettings] | None:
        """Return a provider's settings; None where reading the accounts refuses it."""
        if provider not in self._settings:
            self._settings[provider] = None
            with contextlib.suppress(ConfigError):
                self._settings[provider] = registry.load(provider).settings
        return self._settings[provider]


def _account(
    said: _Table, spot: Spot, theirs: Mapping[str, _Table], installed: _Installed
) -> Iterator[Finding]:
    """Tell what one account of the file may not do.

    Args:
        said: What the file says of it.
        spot: Where.
        theirs: The user's own accounts.
        installed: The providers.
    """
    own = theirs.get(spot.path[-1])
    inherited = (own or {}).get("provider", spot.path[-1])
    provider = str(said.get("provider", inherited))
    yield from _provider(provider, spot, inherited, own, installed.names)
    settings = installed.settings(provider)
    if settings is None:
        return
    fields = attrs.fields_dict(settings)
    providers = {str(one.get("provider", name)) for name, one in theirs.items()}
    key_name, origin_name = documented(provider)
    plain: dict[str, Any] = {}
    for name, given in said.items():
        inside = spot / name
        if name == "api_key":
            yield from _key(given, inside, key_name, own, has_another=provider in providers)
        elif name.endswith("_secret") and name in fields:
            yield from _secret(given, inside, f"{provider.upper()}_{name.upper()}", own)
        elif is_origin(name) and name in fields:
            yield from _address(given, inside, origin_name, own)
        elif isinstance(given, str) and variables(given) and name in fields:
            yield Finding(inside.dotted, _reads(variables(given), "none"), given)
        else:
            plain[name] = given
    rules = {name: field.metadata.get("untrusted") for name, field in fields.items()}
    held = _values(settings, own or {})
    yield from _loosened(settings, rules, plain, held, spot, added=own is None)


def _provider(
    provider: str, spot: Spot, inherited: str, own: _Table | None, names: Collection[str]
) -> Iterator[Finding]:
    does = None
    if own is not None and provider != inherited:
        does = f"would send the key of your own account {spot.path[-1]!r} to another vendor"
    elif own is None and provider != spot.path[-1] and spot.path[-1] in names:
        does = f"calls an account at {provider!r} by another provider's name"
    if does:
        yield Finding((spot / "provider").dotted, does, provider)


def _secret(given: Any, spot: Spot, variable: str, own: _Table | None) -> Iterator[Finding]:
    held = (own or {}).get(spot.path[-1])
    if given != (held or f"${{{variable}}}"):
        yield Finding(spot.dotted, "decides whose messages are believed", MASK)


def _key(
    given: Any,
    spot: Spot,
    documented_name: str,
    own: Mapping[str, Any] | None,
    *,
    has_another: bool,
) -> Iterator[Finding]:
    if isinstance(given, Mapping):
        for form, said in given.items():
            argv = said if isinstance(said, list) else []
            does = {
                "command": f"runs the command {str(argv[0] if argv else said)!r}",
                "file": "reads a file of yours as a key",
            }.get(form, "is not text")
            yield Finding((spot / form).dotted, does, _as_json(said))
        return
    if not isinstance(given, str) or (own is not None and own.get("api_key") == given):
        return
    named = variables(given)
    masked = " ".join([MASK, *(["with"] if named else []), *(f"${{{name}}}" for name in named)])
    foreign = [name for name in named if name != documented_name]
    if foreign:
        yield Finding(spot.dotted, _reads(foreign, f"only {documented_name}"), masked)
    elif own is not None:
        does = "replaces the key of your own account, which would get your media and your jobs"
        yield Finding(spot.dotted, does, masked)
    elif given != f"${{{documented_name}}}":
        does = "is a key of somebody's own, whose account would get your media and your jobs"
        yield Finding(spot.dotted, does, masked)
    elif has_another:
        does = "adds a second account at a provider where you have one, past that one's limits"
        yield Finding(spot.dotted, does, masked)


def _address(given: Any, spot: Spot, documented_name: str, own: _Table | None) -> Iterator[Finding]:
    if not isinstance(given, str) or given == f"${{{documented_name}}}":
        return
    held = {name: one for name, one in (own or {}).items() if is_origin(name)}
    if held.get(spot.path[-1]) == given:
        return
    foreign = [name for name in variables(given) if name != documented_name]
    does = None
    if foreign:
        does = _reads(foreign, f"only {documented_name}")
    elif not _on_this_machine(given):
        does = "sends the account's key and media to an address that is not this machine"
    elif held:
        does = "sends the key and media of your own account to another address than yours"
    elif not _is_users(spot.file):
        does = "is in another user's file, who may be listening there for the account's key"
    if does:
        yield Finding(spot.dotted, does, redact_urls(given))


def _reads(foreign: list[str], allowed: str) -> str:
    """Say which variables a setting reads and which one it may read."""
    named = ", ".join(foreign)
    return f"reads the environment variable {named} ({allowed} may be read here)"


def _is_users(file: File) -> bool:
    user = getattr(os, "geteuid", lambda: file.owner)()
    return file.owner in {user, 0}


def _values(kind: type[Any], said: Mapping[str, Any]) -> dict[str, Any]:
    """Return what holds for each key of a record: what the user's own file says, or the default."""
    hints = get_type_hints(kind)
    held = {}
    for name, field in attrs.fields_dict(kind).items():
        default = field.default
        if not isinstance(default, _PLAIN):
            default = None  # a factory of an empty table, or nothing
        held[name] = default
        if name in said and bare(hints[name]) is not Secret:
            with contextlib.suppress(ConfigError):  # reading refuses it, with the place
                held[name] = value(hints[name], said[name], Spot((), (name,)))
    return held


def _loosened(
    kind: type[Any],
    rules: Mapping[str, Untrusted | None],
    said: Mapping[str, Any],
    held: Mapping[str, Any],
    spot: Spot,
    *,
    added: bool = False,
) -> Iterator[Finding]:
    """Tell which settings of a table are more than their rule lets an untrusted file say.

    Args:
        kind: The record that the table makes.
        rules: By key; a key without one is the user's alone.
        said: What the file says.
        held: What holds without the file.
        spot: Where the table is.
        added: Whether the file adds the table, instead of changing the user's own.
    """
    hints = get_type_hints(kind)
    for name, raw in said.items():
        if name not in held:
            continue  # an unknown key is refused in reading
        try:
            given = value(hints[name], raw, spot / name)
        except ConfigError:
            continue  # reading refuses it, with the place
        rule = rules.get(name) or Untrusted.NOTHING
        pairs = [(spot / name, given, held[name])]
        if isinstance(given, Mapping):
            before = held[name] or {}
            pairs = [(spot / name / one, given[one], before.get(one)) for one in given]
        for place, new, old in pairs:
            if new != old and not _ALLOWS[rule](new, old, added):
                choice = get_origin(bare(hints[name])) is Literal
                does = f"{_BREAKS[rule]} {_shown(old, choice)} to {_shown(new, choice)}"
                yield Finding(place.dotted, does, _as_json(raw))


def _is_part(new: Any, old: Any) -> bool:
    """Tell whether a list has only members of another one, in its order."""
    rest = iter(old or ())
    return all(one in rest for one in new)


_ALLOWS: Mapping[Untrusted, Callable[[Any, Any, bool], bool]] = {
    Untrusted.ANY: lambda _new, _old, _added: True,
    Untrusted.LOWER: lambda new, old, _: old is None or new <= old,
    Untrusted.HIGHER: lambda new, old, _: old is not None and new >= old,
    Untrusted.FEWER: lambda new, old, _: set(new) <= set(old or ()),
    Untrusted.PART: lambda new, old, added: added or _is_part(new, old),
    Untrusted.ADDED: lambda _new, _old, added: added,
    Untrusted.NOTHING: lambda _new, _old, _added: False,
}
_BREAKS: Mapping[Untrusted, str] = {
    Untrusted.LOWER: "may only be lowered, and goes from",
    Untrusted.HIGHER: "may only be raised, and goes from",
    Untrusted.FEWER: "may only be shortened, and goes from",
    Untrusted.PART: "may only be a part of yours in your order, and goes from",
    Untrusted.ADDED: "may not change what is yours, and goes from",
    Untrusted.NOTHING: "is yours alone, and goes from",
}


def _shown(one: Any, choice: bool) -> str:
    """Say what a setting is; free text not literally, for somebody may have put a key there."""
    if one is None:
        return "nothing"
    if isinstance(one, str) and not choice:
        return "other text"
    if isinstance(one, tuple):
        one = ", ".join(str(item) for item in one) or "nothing"
    return str(one).lower() if isinstance(one, bool) else printable(str(one), LONGEST_SHOWN)


def _on_this_machine(given: str) -> bool:
    if variables(given) or "\\" in given or not given.isprintable():
        return False
    try:
        return at_loopback(checked_origin(given, field=""))
    except ConfigError:
        return False


def _as_json(given: Any) -> str:
    return json.dumps(given, default=str, ensure_ascii=False)


def _store() -> Path:
    return state_folder() / "trusted.json"


def _recorded() -> Mapping[str, str]:
    """Return path to SHA-256; a store that cannot be read trusts nothing."""
    store = _store()
    try:
        files = json.loads(store.read_bytes())["files"]
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, LookupError, TypeError) as error:
        log.warning("%s cannot be read, so no project file is trusted: %s", store, error)
        return {}
    return files if isinstance(files, dict) else {}
