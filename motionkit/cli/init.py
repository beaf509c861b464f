"""The verb `init`: ask for keys, check them, store them; or set up a trial in the sandbox."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import attrs

import motionkit as mk
from motionkit import config
from motionkit._support.redaction import MASK, Secret
from motionkit.cli import exit_codes, trial
from motionkit.cli.format import held_data
from motionkit.cli.hints import sentence
from motionkit.cli.options import Json
from motionkit.cli.parameters import Argument, Option
from motionkit.cli.screen import Screen, error_data
from motionkit.client import key_help, registry
from motionkit.config import Config, documented
from motionkit.errors import (
    AuthenticationError,
    ConfigError,
    InvalidRequest,
    MotionKitError,
    Unsupported,
)
from motionkit.errors import PermissionDenied as Denied
from motionkit.model.money import both

_TRIES = 3
"""The attempts to enter a key."""
_TOLD = 20
"""The least length of a key whose last four characters are shown."""


def init(
    *,
    providers: Annotated[
        list[str] | None,
        Argument(metavar="PROVIDER", help="A provider or an account of yours. Default: all."),
    ] = None,
    keyring: Annotated[
        bool,
        Option("--keyring", help="Store keys in the system's key store; the file names the entry."),
    ] = False,
    stdin: Annotated[
        bool,
        Option("--stdin", help="Read the key of the one PROVIDER from standard input, unasked."),
    ] = False,
    offline: Annotated[
        bool, Option("--offline", help="Do not check keys by querying the balance.")
    ] = False,
    sandbox: Annotated[
        bool,
        Option("--sandbox", help="Set up a folder for trying without keys or money instead."),
    ] = False,
    out: Annotated[
        Path, Option(metavar="DIR", help="The folder of --sandbox; nothing is overwritten.")
    ] = Path("motionkit-trial"),
    port: Annotated[
        int, Option(min=1, max=65535, help="The port of --sandbox on this machine.")
    ] = trial.PORT,
    yes: Annotated[
        bool, Option("--yes", "-y", help="With --sandbox, make a first film without asking.")
    ] = False,
    json: Json = False,
) -> int:
    """Ask for the vendors' keys, check them by the balance, and store them.

    Keys are typed hidden and written to your own motionkit.toml, which only you can read, or to the
    system's key store. Enter skips a provider or keeps what is set. What else is in the file stays.

    With --sandbox, makes a folder with a configuration, a picture and a clip, where everything goes
    to the sandbox on this machine; nothing keeps running.

    Examples:
      motionkit init
      motionkit init --sandbox
      pass show my-key | motionkit init PROVIDER --stdin
    """
    screen = Screen(json=json)
    if sandbox:
        return trial.set_up(screen, out, port, film=yes)
    found = _own()
    places = list(_places(found, providers or registry.names()))
    if stdin:
        return _from_stdin(screen, found, places, keyring=keyring, offline=offline)
    if not screen.asks:
        variables = " or ".join(documented(one.provider)[0] for one in places)
        raise InvalidRequest(
            f"init asks for keys, which needs a terminal: set {variables} instead, or pipe one key "
            "to 'motionkit init PROVIDER --stdin'",
            field="stdin",
        )
    stored = [_ask(screen, found, one, keyring=keyring, offline=offline) for one in places]
    if any(stored):
        screen.note("'motionkit doctor' checks the whole set-up; prices: 'motionkit offers'")
    else:
        screen.note("nothing was changed")
    return exit_codes.DONE


@attrs.frozen(eq=False)
class Place:
    """An account whose key is asked for.

    Attributes:
        name: The account.
        provider: Its provider.
        known: The account as configured; None where it is new.
    """

    name: str
    provider: str
    known: config.Account | None


def _own() -> Config:
    """Return the user's own configuration, whatever project they stand in."""
    file = config.own_file()
    return config.load(file) if file.exists() else config.from_environment()


def _places(found: Config, names: Sequence[str]) -> Iterator[Place]:
    """Yield the accounts of what was named.

    Raises:
        InvalidRequest: There is no such provider or account.
    """
    installed = registry.names()
    for name in names:
        accounts = [one for one in found.accounts.values() if name in {one.name, one.provider}]
        if not accounts and name not in installed:
            known = ", ".join(dict.fromkeys([*installed, *found.accounts]))
            raise InvalidRequest(
                f"PROVIDER: {name!r} is none; known: {known}", field="PROVIDER", limit=known
            )
        for one in accounts:
            yield Place(one.name, one.provider, one)
        if not accounts:
            yield Place(name, name, None)


def _ask(screen: Screen, found: Config, place: Place, *, keyring: bool, offline: bool) -> bool:
    """Ask for one account's key; return whether it was stored."""
    screen.note("")
    known = key_help(place.provider)
    name = place.name if place.name == place.provider else f"{place.name} ({place.provider})"
    screen.note(name, style="bold")
    if known is not None:
        looks = f"; a key looks like {known.looks}" if known.looks else ""
        screen.note(f"  keys are made at {known.console}{looks}")
    is_set = _is_set(place)
    if is_set:
        screen.note(f"  set: {is_set}")
    for _ in range(_TRIES):
        prompt = (
            f"  {'new key' if is_set else 'key'} (hidden; Enter {'keeps' if is_set else 'skips'})"
        )
        text = screen.asked(prompt, default="", hidden=True)
        if not text.strip():
            _tell(screen, place, "kept" if is_set else "skipped")
            return False
        try:
            key = config.as_key(text)
        except ConfigError as error:
            screen.note(f"  {error.message.replace('api_key', 'the key')}", style="red")
            continue
        said = {} if offline else _checked(screen, found, place, key)
        if "error" in said and not _anyway(screen, said):
            _tell(screen, place, "refused", **said)
            return False
        _store(screen, found, place, key, keyring=keyring, said=said)
        return True
    return False


def _is_set(place: Place) -> str:
    """Return what an account's key is now, masked, and where it comes from; empty without one."""
    if place.known is None or place.known.key is None:
        return ""
    try:
        key = place.known.settings.api_key.reveal()
    except ConfigError as error:
        return f"{place.known.key.source}, which gives no key: {error.message}"
    shown = MASK + (key[-4:] if len(key) >= _TOLD else "")
    return f"{shown}, {place.known.key.source}"


def _checked(screen: Screen, found: Config, place: Place, key: Secret) -> dict[str, Any]:
    """Query the balance with a key; return it, or the error, as data."""
    account = config.with_key(found, place.name, place.provider, key)
    with TemporaryDirectory() as folder:
        only = attrs.evolve(
            found,
            accounts={place.name: account},
            routes={},
            keyed=False,
            journal=Path(folder) / "journal.db",
        )
        with mk.Client(only) as client, screen.busy(f"checking the key at {place.provider}"):
            try:
                held = client.account(place.name).balance()
            except Unsupported as error:  # the key is right; it may not read the balance
                screen.fact("  works:", sentence(error), style="green")
                return {"check": "works", "balance": None}
            except MotionKitError as error:
                refused = isinstance(error, AuthenticationError | Denied)
                why = "refused" if refused else "could not be checked"
                screen.fact(f"  {why}:", sentence(error), style="red" if refused else "yellow")
                return {"check": "refused" if refused else "unknown", "error": error_data(error)}
    screen.fact("  works:", both(held.amount, held.unit, held.usd), style="green")
    return {"check": "works", "balance": held_data(held)}


def _anyway(screen: Screen, said: dict[str, Any]) -> bool:
    """Ask whether to store a key that is refused or could not be checked."""
    return screen.agreed("  store it all the same?", default=said["check"] == "unknown")


def _store(
    screen: Screen,
    found: Config,
    place: Place,
    key: Secret,
    *,
    keyring: bool,
    said: dict[str, Any],
) -> None:
    value: str | dict[str, str] = key.reveal()
    if keyring:
        config.store_key(place.name, key.reveal())
        value = {"keyring": place.name}
    keys: dict[str, tuple[str, Any]] = {place.name: (place.provider, value)}
    others = found.accounts.values() if found.keyed else ()
    # Once a file has an account, keys in the environment make none: those in use are written too.
    for one in others:
        keys.setdefault(one.name, (one.provider, f"${{{documented(one.provider)[0]}}}"))
    path = config.write_keys(keys)
    where = f"the key store, named in {path}" if keyring else str(path)
    _tell(screen, place, "stored", file=str(path), keyring=keyring, **said)
    screen.fact("  stored:", f"{where} (only you can read it)", style="green")
    for one in others:
        name = documented(one.provider)[0]
        screen.note(
            f"  {name} no longer counts for {one.name}: the stored key does"
            if one.name == place.name
            else f"  {one.name} still takes its key from {name}"
        )


def _tell(screen: Screen, place: Place, done: str, **more: Any) -> None:
    """Write the outcome for an account's key as JSON; people have read it already."""
    if screen.json:
        data = {"account": place.name, "provider": place.provider, "key": done, **more}
        screen.answer(data, "")


def _from_stdin(
    screen: Screen, found: Config, places: Sequence[Place], *, keyring: bool, offline: bool
) -> int:
    """Store the key that standard input gives.

    Raises:
        InvalidRequest: Several accounts are meant.
        ConfigError: It is no key.
        MotionKitError: The vendor refuses it, or it cannot be checked; it is not stored.
    """
    if len(places) != 1:
        names = ", ".join(one.name for one in places)
        raise InvalidRequest(
            f"stdin: one key is read, and {len(places)} accounts are meant: {names}",
            field="stdin",
            hint="name one of them: motionkit init NAME --stdin",
        )
    (place,) = places
    line = "" if sys.stdin is None else sys.stdin.readline()
    try:
        key = config.as_key(line)
    except ConfigError as error:
        why = error.message.removeprefix("api_key ")
        raise ConfigError(f"the first line of standard input {why}") from None
    said = {} if offline else _checked(screen, found, place, key)
    if "error" in said:
        raise ConfigError(
            f"the key of {place.name} was not stored",
            hint="--offline stores it without a check",
        )
    _store(screen, found, place, key, keyring=keyring, said=said)
    return exit_codes.DONE
