"""What a configuration file may do that merely lay in a project folder.

Whoever clones a project takes its ``motionkit.toml`` along. Such a file may hold routes, limits and
choices, a literal key of its own, and each provider's documented environment names. It may not run
commands, read files or other variables, send keys to other hosts, or move the ledger, unless the
user has read it and said so: the store remembers the file's path and the SHA-256 of its content.
"""

from __future__ import annotations

import json
import logging
import os
import tempfile
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit

import attrs

from motionkit import registry
from motionkit.credentials import documented, variable, variables
from motionkit.errors import ConfigError
from motionkit.exact import bare
from motionkit.hosts import is_loopback
from motionkit.http import checked_origin
from motionkit.places import File, Origin, Spot, own_file, state_folder, without_password
from motionkit.provider import AccountSettings
from motionkit.redaction import MASK, redact_urls

log = logging.getLogger("motionkit")

_HARMLESS = frozenset({int, float, bool, Decimal})
"""Types of settings that hold no address: limits, switches, prices."""


@attrs.frozen
class Finding:
    """A setting that needs the user's trust.

    Attributes:
        dotted: The dotted path.
        does: What it would do, as the end of "it ...".
        shown: What it says, for the user to judge; keys masked.
    """

    dotted: str
    does: str
    shown: str


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
    changed = str(file.path.resolve()) in _recorded()
    raise ConfigError(
        "; ".join(f"{file.path}: {one.dotted} {one.does}" for one in asked)
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
    found = list(_journal(file))
    lower_accounts = _tables(below.data() if below else {}, "accounts")
    for name, said in _tables(file.data(), "accounts").items():
        lower = lower_accounts.get(name, {})
        spot = Spot([file], ("accounts", name))
        inherited = lower.get("provider", name)
        provider = said.get("provider", inherited)
        if lower and provider != inherited:
            does = f"would send the key of your own account {name!r} to another vendor"
            found.append(Finding((spot / "provider").dotted, does, str(provider)))
        try:
            settings = registry.load(provider).settings
        except ConfigError:
            continue  # reading the accounts refuses it, with the place
        found += _account(said, spot, str(provider), settings)
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


def _tables(data: Mapping[str, Any], section: str) -> dict[str, Mapping[str, Any]]:
    """Return a section's tables; whatever else stands there is refused in reading."""
    said = data.get(section)
    entries = said.items() if isinstance(said, Mapping) else ()
    return {name: one for name, one in entries if isinstance(one, Mapping)}


def _journal(file: File) -> Iterator[Finding]:
    said = file.data().get("journal")
    if said is False:
        yield Finding("journal", "switches the ledger off, so that open purchases hide", "false")
    elif isinstance(said, str) and said:
        place = file.resolve(said).resolve()
        if variables(said) or not place.is_relative_to(state_folder().resolve()):
            does = "puts the ledger outside your state folder, so that open purchases hide"
            yield Finding("journal", does, without_password(said))


def _account(
    said: Mapping[str, Any], spot: Spot, provider: str, settings: type[AccountSettings]
) -> Iterator[Finding]:
    hints = get_type_hints(settings)
    key_name, origin_name = documented(provider)
    for name, given in said.items():
        if name == "api_key":
            yield from _key(given, spot / name, (key_name, origin_name))
        elif name == "provider" or name not in hints:
            continue  # an unknown key is refused in reading
        elif name.endswith("_secret"):
            if given != f"${{{variable(provider, name)}}}":
                yield Finding((spot / name).dotted, "decides whose messages are believed", MASK)
        elif isinstance(given, str):
            yield from _text(given, spot / name, (key_name, origin_name), hints[name])
        elif not _holds_no_address(hints[name]):
            does = "is more than a limit or a choice"
            yield Finding((spot / name).dotted, does, _as_json(given))


def _text(given: str, spot: Spot, names: tuple[str, str], hint: Any) -> Iterator[Finding]:
    origin_name = names[1]
    if _holds_no_address(hint):
        foreign = [one for one in variables(given) if one not in names]
        if foreign:
            yield Finding(spot.dotted, _reads(foreign, names), given)
    elif given != f"${{{origin_name}}}" and not _on_this_machine(given):
        foreign = [one for one in variables(given) if one != origin_name]
        does = (
            "sends the account's key and media to an address that is not this machine"
            if spot.dotted.endswith("url")
            else "is more than a limit or a choice"
        )
        does = _reads(foreign, (origin_name,)) if foreign else does
        yield Finding(spot.dotted, does, redact_urls(given))


def _key(given: Any, spot: Spot, names: tuple[str, str]) -> Iterator[Finding]:
    if isinstance(given, Mapping):
        for form, said in given.items():
            argv = said if isinstance(said, list) else []
            does = {
                "command": f"runs the command {str(argv[0] if argv else said)!r}",
                "file": "reads a file of yours as a key",
            }.get(form, "is not text")
            yield Finding((spot / form).dotted, does, _as_json(said))
    elif isinstance(given, str):
        foreign = [name for name in variables(given) if name not in names]
        if foreign:
            masked = " ".join(f"${{{name}}}" for name in variables(given))
            yield Finding(spot.dotted, _reads(foreign, names[:1]), f"{MASK} with {masked}")


def _reads(foreign: list[str], names: tuple[str, ...]) -> str:
    """Say which variables a setting reads and which one it may read."""
    return (
        f"reads the environment variable {', '.join(foreign)} (only the provider's documented "
        f"{' and '.join(names)} may stand there)"
    )


def _holds_no_address(hint: Any) -> bool:
    kind = bare(hint)
    if get_origin(kind) is Literal:
        return True
    return kind in _HARMLESS or (bool(get_args(kind)) and set(get_args(kind)) <= _HARMLESS)


def _on_this_machine(given: str) -> bool:
    if variables(given) or "\\" in given or not given.isprintable():
        return False
    try:
        return is_loopback(urlsplit(checked_origin(given, field="")).hostname)
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
