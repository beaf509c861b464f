"""Read an account's key from text, environment variables, a file, a command, or a key store.

Reading the configuration opens no key's file or store and runs no command; the first use of the
account does, before anything is sent to its vendor.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import attrs

from motionkit._support.redaction import Sealed, Secret
from motionkit.config import keystore
from motionkit.config.files import FILE_NAME, Spot
from motionkit.errors import ConfigError
from motionkit.provider import AccountSettings, key_help, provider_names

COMMAND_TIMEOUT = 60.0
"""Seconds for a command to print a key; it may ask the user to unlock something."""
FILE_LIMIT = 64 * 1024
"""Bytes to read of a key's file."""

_FORMS = 'text, { file = "..." }, { command = ["...", "..."] } or { keyring = "..." }'
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def variables(text: str) -> list[str]:
    """Return the names in a text's ``${NAME}``."""
    return _VARIABLE.findall(text)


def expand(text: str, spot: Spot) -> str:
    """Return a text with the environment's values in place of ``${NAME}``, all of them set."""

    def look_up(match: re.Match[str]) -> str:
        found = spot.environment.get(match[1])
        if not found:
            raise ConfigError(f"{spot} needs the environment variable {match[1]}, which is not set")
        return found

    return _VARIABLE.sub(look_up, text)


def documented(provider: str) -> tuple[str, str]:
    """Return the documented environment variables of a provider: of its key and of its origin."""
    return variable(provider, "api_key"), variable(provider, "base_url")


def variable(provider: str, name: str) -> str:
    """Return the environment variable of a setting: ``my-vendor`` has ``MY_VENDOR_API_KEY``."""
    return re.sub(r"[^A-Z0-9_]", "_", f"{provider}_{name}".upper())


def no_key(provider: str) -> str:
    """Return the error for an installed provider without a key in the environment."""
    return (
        f"no key for {provider!r}: set {documented(provider)[0]}, or write [accounts.{provider}] "
        f"in {FILE_NAME}"
    )


def no_account() -> ConfigError:
    """Return the error where an account is needed and none is configured."""
    providers = provider_names()
    names = " or ".join(documented(one)[0] for one in providers)
    return ConfigError(
        f"no account is configured: set {names or 'a key'}",
        hint=where_keys_are_made(*providers) if providers else None,
    )


def where_keys_are_made(*providers: str) -> str:
    """Return the vendors' consoles and how to store a key, as an error's hint.

    Raises:
        ConfigError: A provider cannot be loaded.
    """
    known = [(one, help_) for one in providers if (help_ := key_help(one)) is not None]
    consoles = " and ".join(
        help_.console + (f" ({one})" if len(providers) > 1 else "") for one, help_ in known
    )
    only = f" {providers[0]}" if len(providers) == 1 else ""
    made = f"keys are made at {consoles}; " if consoles else ""
    return f"{made}'motionkit init{only}' asks for a key and stores it"


@attrs.frozen(eq=False)
class Key:
    """A key, or where to read it.

    Attributes:
        spot: Its place in the configuration.
        ready: The key, when the configuration and the environment hold it.
    """

    _given: Sealed[str | Mapping[str, Any]]
    spot: Spot = attrs.field(repr=str)
    ready: Secret | None = None

    @classmethod
    def read(cls, given: Any, spot: Spot) -> Self:
        """Read the value of ``api_key``, without running or opening anything.

        Raises:
            ConfigError: It has none of the forms, or is text that cannot be a key.
        """
        if isinstance(given, Mapping):
            _check(given, spot)
            return cls(Sealed(given), spot)
        if not isinstance(given, str):
            raise ConfigError(f"{spot} is not text; give {_FORMS}")
        missing = [name for name in variables(given) if not spot.environment.get(name)]
        return cls(Sealed(given), spot, None if missing else _usable(expand(given, spot), spot))

    @property
    def missing(self) -> str:
        """What has to hold it and does not, in a word: the variables that are not set, or a file.

        For a key that cannot be resolved.
        """
        given = self._given.reveal()
        if isinstance(given, str):
            unset = [one for one in variables(given) if not self.spot.environment.get(one)]
            return ", ".join(unset) or self.source
        return self.source

    @property
    def holders(self) -> list[tuple[Path, int]]:
        """The files that hold it, or a part of it, with their permission bits."""
        given = self._given.reveal()
        if not isinstance(given, str):
            return []
        if not variables(given):
            return [(self.spot.file.path, self.spot.file.mode)]
        found = [self.spot.environment.holder(name) for name in variables(given)]
        return [(one.path, one.mode) for one in found if one is not None]

    @property
    def source(self) -> str:
        """Its origin in words; never the key."""
        given = self._given.reveal()
        if isinstance(given, str):
            names = [self.spot.environment.source(name) for name in variables(given)]
            return ", ".join(names) or f"written in {self.spot.file.label}"
        if "file" in given:
            return f"file {given['file']}"
        if "keyring" in given:
            return f"key store, {keystore.SERVICE}/{given['keyring']}"
        return f"command {given['command'][0]!r}"

    def resolve(self) -> Secret:
        """Return the key; read its file or run its command if need be.

        Raises:
            ConfigError: It cannot be read; says why, never what the command printed.
        """
        if self.ready is not None:
            return self.ready
        given = self._given.reveal()
        if isinstance(given, str):
            return _usable(expand(given, self.spot), self.spot)
        if "file" in given:
            return self._from_file(given["file"])
        if "keyring" in given:
            name = expand(given["keyring"], self.spot / "keyring")
            return _usable(keystore.fetch(name, f"{self.spot}.keyring"), self.spot)
        return self._from_command(given["command"])

    def _from_file(self, name: str) -> Secret:
        path = self.spot.file.resolve(expand(name, self.spot / "file"))
        try:
            with path.open("rb") as file:
                content = file.read(FILE_LIMIT)
        except OSError as error:
            raise ConfigError(f"{self.spot}.file: {path}: {error.strerror or error}") from error
        return _usable(_text(content, f"{self.spot}.file: {path}"), self.spot)

    def _from_command(self, argv: list[str]) -> Secret:
        import subprocess  # noqa: PLC0415 - few keys come from a command

        where = f"{self.spot}.command: {argv[0]!r}"
        by_hand = "run it yourself to see why; its output may hold the key and is not shown"
        ended = None
        try:
            # What expires holds the output so far, and no error may hold that.
            with contextlib.suppress(subprocess.TimeoutExpired):
                ended = subprocess.run(  # noqa: S603 - the user's own, no shell; see `motionkit.config.trust`
                    argv,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,  # it may hold the key
                    cwd=self.spot.file.path.parent,
                    timeout=COMMAND_TIMEOUT,
                    check=False,
                )
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not a command"
            raise ConfigError(f"{where} cannot be run: {why}") from None
        if ended is None:
            raise ConfigError(f"{where} did not end within {COMMAND_TIMEOUT:g} s", hint=by_hand)
        if ended.returncode != 0:
            raise ConfigError(f"{where} ended with code {ended.returncode}", hint=by_hand)
        line = _text(ended.stdout.partition(b"\n")[0], where)
        if not line.strip():
            raise ConfigError(f"{where} printed no key on its first line", hint=by_hand)
        return _usable(line, self.spot)


def _check(given: Mapping[str, Any], spot: Spot) -> None:
    form, said = next(iter(given.items())) if len(given) == 1 else ("", None)
    texts = said if isinstance(said, list) else [said]
    good = bool(texts) and all(one and isinstance(one, str) for one in texts)
    if form == "file" and not (good and isinstance(said, str)):
        raise ConfigError(f"{spot}.file is not a path; give it as text in quotes")
    if form == "command" and not (good and isinstance(said, list)):
        raise ConfigError(
            f"{spot}.command is not a list of texts; give the program and each of its "
            'arguments in quotes, such as ["pass", "show", "motionkit"]; there is no shell'
        )
    if form == "keyring" and not (good and isinstance(said, str)):
        raise ConfigError(f"{spot}.keyring is not a name; give it as text in quotes")
    if form not in {"file", "command", "keyring"}:
        raise ConfigError(f"{spot} is a table of another form; give {_FORMS}")


def _text(content: bytes, where: str) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise ConfigError(f"{where} does not give text") from None


def as_key(text: str) -> Secret:
    """Return a typed key without blanks at its ends.

    Raises:
        ConfigError: It cannot be one; does not show it.
    """
    return AccountSettings(api_key=text).api_key


def _usable(text: str, spot: Spot) -> Secret:
    try:
        return as_key(text)
    except ConfigError as error:
        raise ConfigError(f"{spot} {error.message.removeprefix('api_key ')}") from None
