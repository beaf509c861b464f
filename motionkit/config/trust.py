"""Limit what a configuration file that was found in a project folder may do: only tighten.

A cloned project brings its ``motionkit.toml``. Such a file may add routes over the user's accounts,
lower caps and budgets, and name a provider's own documented variables where the user has no account
there. It may not loosen a limit, change a price, a key, an account or the journal, run commands,
read files or other variables, or send keys to other hosts, unless the user trusts it: the store
holds the file's path and the SHA-256 of its content.

`RULES` has the rule of each key of `[defaults]` and of a route, `motionkit.provider.untrusted` of
the settings of an account; the code below has those of keys, addresses, providers and the journal.
A key without a rule needs trust. SECURITY.md has the table.
"""

from __future__ import annotations

import contextlib
import functools
import json
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, get_origin, get_type_hints

import attrs

from motionkit._support.redaction import LONGEST_SAID, MASK, Secret, printable, redact_urls
from motionkit.config.credentials import documented, variable, variables
from motionkit.config.defaults import Defaults
from motionkit.config.environment import DotEnv, Environment, beside
from motionkit.config.files import (
    File,
    Origin,
    Spot,
    is_address,
    is_own,
    own_file,
    state_folder,
    without_password,
)
from motionkit.config.private import write_private
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
        "stage": Untrusted.NOTHING,
        "budget_usd": Untrusted.LOWER,
        "route_budgets": Untrusted.NOTHING,
    },
}
"""What an untrusted file may do with each key of a route and of ``[defaults]``."""
VARIABLES = ("MOTIONKIT_JOURNAL", "MOTIONKIT_SANDBOX_SPEED")
"""The environment variables besides those of the providers."""
_Table = Mapping[str, Any]
_MOST_NAMED = 20
"""Settings that one error names."""
LONGEST_SHOWN = 120
"""Characters of a setting that are shown."""


def _brief(text: str) -> str:
    return printable(text, LONGEST_SAID)


@attrs.frozen(eq=False, repr=False)
class Finding:
    """A setting that needs the user's trust.

    Attributes:
        dotted: The dotted path.
        does: Its effect, as the end of "it ...".
        shown: Its value, for the user to judge; keys masked.
    """

    dotted: str
    does: str = attrs.field(converter=_brief)
    shown: str = attrs.field(converter=printable)


def require(file: File, below: File | None) -> None:
    """Refuse a found file that needs trust and has none; see `findings`."""
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
    """Return the settings of a file that need trust. Nothing is run, opened or expanded."""
    own = {} if below is None else below.data()
    accounts, routes = _tables(own, "accounts"), _tables(own, "routes")
    found = list(_journal(file, below))
    installed = registry.names()

    @functools.cache  # each look-up reads the environment's packages
    def settings_of(provider: str) -> type[AccountSettings] | None:
        with contextlib.suppress(ConfigError):  # reading the accounts refuses it
            return registry.settings(provider)
        return None

    for name, said in _tables(file.data(), "accounts").items():
        provider = str(said.get("provider", accounts.get(name, {}).get("provider", name)))
        spot = Spot([file], ("accounts", name))
        found += _provider(provider, spot, accounts, installed)
        if settings := settings_of(provider):
            found += _account(said, spot, accounts, provider, settings)
    defaults = _values(Defaults, _table(own, "defaults"))
    spot = Spot([file], ("defaults",))
    found += _loosened(Defaults, RULES[Defaults], _table(file.data(), "defaults"), defaults, spot)
    for name, said in _tables(file.data(), "routes").items():
        held = _values(Route, routes.get(name, {}))
        if held["targets"] is None:
            # Without any account in a file, the environment's keys make the accounts.
            keyed = (one for one in installed if os.environ.get(documented(one)[0]))
            held["targets"] = tuple(accounts or keyed)
        if held["wait_for_slot"] is None:
            held["wait_for_slot"] = defaults["wait_for_slot"]
        rules = dict(RULES[Route])
        if defaults["route_budgets"] == "always" and name in routes:
            rules["targets"] = Untrusted.NOTHING  # its budget would no longer hold for the others
        spot = Spot([file], ("routes", name))
        found += _loosened(Route, rules, said, held, spot, added=name not in routes)
    return found


def is_trusted(file: File) -> bool:
    """Return whether a file may do everything that it contains."""
    return file.origin is not Origin.FOUND or _is_recorded(file)


def environment(read: Iterable[File]) -> Environment:
    """Return the variables that the files see: with the ``.env`` beside each of a project's files.

    The one beside a file that was merely found counts only while the user trusts it; a warning says
    so. There is none beside the user's own file.

    Raises:
        ConfigError: A ``.env`` that counts cannot be read.
    """
    counted = []
    for file in read:
        own = file.origin is Origin.OWN or is_own(file.path)
        dotenv = None if own else beside(file.path)
        if dotenv is None:
            continue
        if file.origin is Origin.FOUND and not _is_recorded(dotenv):
            log.warning(
                "%s is not read: it was merely found in a project folder; read it, then run "
                "'motionkit config trust %s'",
                dotenv.path,
                file.path,
            )
            continue
        dotenv.variables()  # a line that cannot be read is refused here, whoever needs it
        counted.append(dotenv)
    return Environment(tuple(counted))


def untrusted_dotenv(file: File) -> DotEnv | None:
    """Return the ``.env`` beside a found file that does not count for want of trust, if any."""
    dotenv = beside(file.path) if file.origin is Origin.FOUND else None
    return None if dotenv is None or _is_recorded(dotenv) else dotenv


def dotenv_findings(dotenv: DotEnv) -> list[Finding]:
    """Return what a ``.env`` sets, for the user to judge; only addresses are shown."""
    known = {name for one in registry.names() for name in documented(one)} | {*VARIABLES}
    given = dotenv.variables()
    made = [
        Finding(name, "sets this variable", redact_urls(one) if "://" in one else MASK)
        for name, one in given.items()
        if name in known
    ]
    rest = len(given) - len(made)
    if rest:
        made.append(Finding(dotenv.path.name, f"has {rest} more, which ${{NAME}} may read", MASK))
    return made


def record(file: File | DotEnv) -> Path:
    """Record that the user trusts a file with its present content; return the store's path.

    Raises:
        ConfigError: The state folder cannot be written.
    """
    store = _store()
    files = {**_recorded(), str(file.path.resolve()): file.sha256}
    write_private(store, json.dumps({"version": 1, "files": files}, indent=2))
    return store


def _is_recorded(file: File | DotEnv) -> bool:
    return _recorded().get(str(file.path.resolve())) == file.sha256


def _table(data: _Table, section: str) -> _Table:
    """Return a section; anything but a table there is refused in reading."""
    said = data.get(section)
    return said if isinstance(said, Mapping) else {}


def _tables(data: _Table, section: str) -> dict[str, _Table]:
    """Return a section's tables; anything else there, or too many, is refused in reading."""
    said = list(_table(data, section).items())[:ENTRIES]
    return {name: one for name, one in said if isinstance(one, Mapping)}


def _journal(file: File, below: File | None) -> Iterator[Finding]:
    said = file.data().get("journal")
    if said is False:
        yield Finding("journal", "switches the journal off, so that unfinished jobs hide", "false")
    elif isinstance(said, str) and said:
        does = "moves the journal, so that unfinished jobs hide and may be paid twice"
        same = below is not None and below.data().get("journal") == said
        # A relative path names another file there.
        if not same or not (is_address(said) or Path(said).is_absolute()):
            yield Finding("journal", does, without_password(said))


def _provider(
    provider: str, spot: Spot, accounts: Mapping[str, _Table], installed: list[str]
) -> Iterator[Finding]:
    name = spot.path[-1]
    if name in accounts and provider != accounts[name].get("provider", name):
        does = f"would send the key of your own account {name!r} to another vendor"
    elif name not in accounts and provider != name and name in installed:
        does = f"calls an account at {provider!r} by another provider's name"
    else:
        return
    yield Finding((spot / "provider").dotted, does, provider)


def _account(
    said: _Table,
    spot: Spot,
    accounts: Mapping[str, _Table],
    provider: str,
    settings: type[AccountSettings],
) -> Iterator[Finding]:
    """Yield what one account of the file may not do, given the user's own accounts."""
    own = accounts.get(spot.path[-1])
    fields = attrs.fields_dict(settings)
    has_another = provider in {str(one.get("provider", name)) for name, one in accounts.items()}
    key_name, origin_name = documented(provider)
    plain: dict[str, Any] = {}
    for name, given in said.items():
        inside = spot / name
        if name == "api_key":
            yield from _key(given, inside, key_name, own, has_another=has_another)
        elif name not in fields:
            continue  # an unknown key is refused in reading
        elif name.endswith("_secret"):
            if given != ((own or {}).get(name) or f"${{{variable(provider, name)}}}"):
                yield Finding(inside.dotted, "decides whose messages are believed", MASK)
        elif is_origin(name):
            yield from _address(given, inside, origin_name, own or {})
        elif isinstance(given, str) and variables(given):
            yield Finding(inside.dotted, _reads(variables(given), "none"), given)
        else:
            plain[name] = given
    rules = {name: field.metadata.get("untrusted") for name, field in fields.items()}
    held = _values(settings, own or {})
    yield from _loosened(settings, rules, plain, held, spot, added=own is None)


def _key(
    given: Any, spot: Spot, documented_name: str, own: _Table | None, *, has_another: bool
) -> Iterator[Finding]:
    if isinstance(given, Mapping):
        for form, said in given.items():
            argv = said if isinstance(said, list) else []
            does = {
                "command": f"runs the command {str(argv[0] if argv else said)!r}",
                "file": "reads a file of yours as a key",
                "keyring": "takes a key from your key store",
            }.get(form, "is not text")
            yield Finding((spot / form).dotted, does, _as_json(said))
        return
    if not isinstance(given, str) or (own is not None and own.get("api_key") == given):
        return
    named = variables(given)
    foreign = [name for name in named if name != documented_name]
    if foreign:
        does = _reads(foreign, f"only {documented_name}")
    elif own is not None:
        does = "replaces the key of your own account, which would get your media and your jobs"
    elif given != f"${{{documented_name}}}":
        does = "is somebody else's key, whose account would get your media and your jobs"
    elif has_another:
        does = "adds a second account at a provider where you have one, past that one's limits"
    else:
        return
    masked = [MASK, *(["with"] if named else []), *(f"${{{name}}}" for name in named)]
    yield Finding(spot.dotted, does, " ".join(masked))


def _address(given: Any, spot: Spot, documented_name: str, own: _Table) -> Iterator[Finding]:
    if not isinstance(given, str) or given in (f"${{{documented_name}}}", own.get(spot.path[-1])):
        return
    foreign = [name for name in variables(given) if name != documented_name]
    user = getattr(os, "geteuid", lambda: spot.file.owner)()
    if foreign:
        does = _reads(foreign, f"only {documented_name}")
    elif not _on_this_machine(given):
        does = "sends the account's key and media to an address that is not this machine"
    elif any(is_origin(name) for name in own):
        does = "sends the key and media of your own account to another address than yours"
    elif spot.file.owner not in {user, 0}:
        does = "is in another user's file, who may be listening there for the account's key"
    else:
        return
    yield Finding(spot.dotted, does, redact_urls(given))


def _reads(foreign: list[str], allowed: str) -> str:
    named = ", ".join(foreign)
    return f"reads the environment variable {named} ({allowed} may be read here)"


def _values(kind: type[Any], said: _Table) -> dict[str, Any]:
    """Return the value of each key of a record: that of the user's own file, or the default."""
    hints = get_type_hints(kind)
    held = {}
    for name, field in attrs.fields_dict(kind).items():
        plain = isinstance(field.default, int | float | Decimal | str | tuple)
        held[name] = field.default if plain else None  # a factory makes an empty table
        if name in said and bare(hints[name]) is not Secret:
            with contextlib.suppress(ConfigError):  # reading refuses it, with the place
                held[name] = value(hints[name], said[name], Spot((), (name,)))
    return held


def _loosened(
    kind: type[Any],
    rules: Mapping[str, Untrusted | None],
    said: _Table,
    held: _Table,
    spot: Spot,
    *,
    added: bool = False,
) -> Iterator[Finding]:
    """Yield the settings of a table that exceed their rule; a key without one is the user's."""
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
    """Return whether a list has only members of another one, in its order."""
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
    Untrusted.NOTHING: "may only be set in your own configuration; this file sets it from",
}


def _shown(one: Any, choice: bool) -> str:
    """Return a setting in words; free text not literally, because it may hold a key."""
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
        why = error.strerror if isinstance(error, OSError) else "it is not motionkit's record"
        log.warning("%s cannot be read, so no project file is trusted: %s", store, why)
        return {}
    return files if isinstance(files, dict) else {}
