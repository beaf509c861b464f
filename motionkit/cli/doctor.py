"""The verb `doctor`: one line for each part of the set-up, and the remedy of each fault."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Literal

import attrs

import motionkit as mk
from motionkit import config
from motionkit._support.text import many
from motionkit.cli import exit_codes
from motionkit.cli.hints import hint_of, sentence
from motionkit.cli.options import ConfigFile, Json
from motionkit.cli.parameters import Option
from motionkit.cli.screen import Screen, styled
from motionkit.client import Answered, ask, proxies
from motionkit.config import Account, Config, File, Origin
from motionkit.errors import MotionKitError, ProviderUnavailable, Unsupported
from motionkit.journal import check_journal
from motionkit.model.money import Balance, both

Status = Literal["ok", "warning", "fault"]

EXTRAS: Mapping[str, tuple[tuple[str, ...], str]] = {
    "batch": (("dbos", "fsspec"), "many requests at once"),
    "board": (("jinja2", "starlette", "uvicorn"), "a live page of the journal"),
    "dotenv": (("dotenv",), "keys in a project's .env"),
    "keyring": (("keyring",), "keys in the system's key store"),
    "mcp": (("mcp",), "tools for agents"),
    "media": (("av", "PIL"), "reading and converting media"),
    "otel": (("opentelemetry",), "traces and metrics"),
    "parquet": (("pyarrow",), "batches in Parquet"),
    "postgres": (("psycopg",), "a journal for many machines"),
    "report": (("jinja2",), "a page of results that play in step"),
    "sandbox": (("aiohttp", "av", "PIL"), "trying without keys"),
    "storage": (("fsspec",), "results in a bucket"),
    "webhook": (("aiohttp",), "webhooks"),
}
"""The extras that a user may want: their modules, and what they are for."""

_NEWEST = (3, 13)
"""The newest Python that the tests run on."""
_NETWORK = (
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
)
"""The variables that decide how vendors are reached."""
_SLOW, _WRONG = 5.0, 60.0
"""Seconds by which a clock may be off: without a warning, and without a fault."""
_SCARCE, _FULL = 2 * 10**9, 200 * 10**6
"""Bytes of free disk below which there is a warning, and a fault."""
_STYLES: Mapping[Status, str] = {"ok": "green", "warning": "yellow", "fault": "red"}
_CORRECT = "correct what it names, then run 'motionkit doctor' again"
_ORIGINS = {
    Origin.OWN: "your own file",
    Origin.NAMED: "named explicitly",
    Origin.FOUND: "found in a project folder",
}


@attrs.frozen
class Finding:
    """One line.

    Attributes:
        check: The part of the set-up.
        text: What was found.
        status: Whether that is as it should be.
        remedy: What to do about it.
    """

    check: str
    text: str
    status: Status = "ok"
    remedy: str | None = None


def doctor(
    offline: Annotated[
        bool, Option("--offline", help="Ask no vendor: neither balances nor clocks.")
    ] = False,
    json: Json = False,
    config_file: ConfigFile = None,
) -> int:
    """Check the whole set-up: installation, configuration, keys, network, clocks, journal, disk.

    One line each: ok, warning or fault, with what to do about it. Sends nothing but free queries,
    changes nothing, and shows no key. Exit code 2 if there is a fault.
    """
    screen = Screen(json=json)
    with screen.busy("checking"):
        found = list(_findings(config_file, offline=offline))
    data = [{**attrs.asdict(one)} for one in found]
    cells = [
        [
            styled(one.status, _STYLES[one.status]),
            one.check,
            [one.text, *([f"-> {one.remedy}"] if one.remedy else [])],
        ]
        for one in found
    ]
    screen.rows(data, ["STATUS", "CHECK", "FINDING"], cells)
    faults = sum(one.status == "fault" for one in found)
    warnings = sum(one.status == "warning" for one in found)
    screen.note(f"{many(faults, 'fault')}, {many(warnings, 'warning')}")
    return exit_codes.USAGE if faults else exit_codes.DONE


def _findings(config_file: Path | None, *, offline: bool) -> Iterator[Finding]:
    yield from _installation()
    try:
        files = config.find_files(config_file)
        for file in files:
            yield from _file(file)
        loaded = config.load(config_file)
    except MotionKitError as error:
        yield _error("config", error)
        loaded = None
    else:
        if not files:
            yield Finding("config", "no motionkit.toml; accounts come from the environment")
    if loaded is None:
        yield from _network(["https://vendor.invalid/"])
    else:
        yield from _network([_origin(one) for one in loaded.accounts.values()])
        yield from _accounts(loaded, offline=offline)
        yield from _journal(loaded)
    yield from _disk("results", Path.cwd())


def _error(check: str, error: MotionKitError) -> Finding:
    down = isinstance(error, ProviderUnavailable)
    remedy = "check the network and the proxies; the vendor may be down" if down else _CORRECT
    return Finding(check, error.message, "fault", hint_of(error) or remedy)


def _installation() -> Iterator[Finding]:
    newest = ".".join(map(str, _NEWEST))
    python = f"Python {platform.python_version()}, {sys.executable}"
    if sys.version_info[:2] > _NEWEST:
        yield Finding("python", python, "warning", f"tested up to {newest}; use that if it fails")
    else:
        yield Finding("python", python)
    yield Finding("motionkit", version("motionkit"))
    missing = {
        name
        for name, (modules, _) in EXTRAS.items()
        if any(importlib.util.find_spec(one) is None for one in modules)
    }
    have = [name for name in EXTRAS if name not in missing]
    yield Finding("extras", f"installed: {', '.join(have) or 'none'}")
    if missing:
        lack = [f"{name} ({EXTRAS[name][1]})" for name in sorted(missing)]
        yield Finding(
            "extras",
            f"not installed: {', '.join(lack)}",
            remedy=f"where you need one: pip install 'motionkit[{','.join(sorted(missing))}]'",
        )


def _file(file: File) -> Iterator[Finding]:
    trusted = ", trusted" if file.origin is Origin.FOUND and config.is_trusted(file) else ""
    yield Finding("config", f"{file.path}: {_ORIGINS[file.origin]}{trusted}")
    dotenv = config.untrusted_dotenv(file)
    if dotenv is not None:
        yield Finding(
            "config",
            f"{dotenv.path} is not read: its folder was merely found",
            "warning",
            f"read it, then run 'motionkit config trust {file.path}'",
        )


def _origin(account: Account) -> str:
    return account.origins.get("base_url", "https://vendor.invalid/")


def _network(origins: list[str]) -> Iterator[Finding]:
    heeded = {name: value for name in _NETWORK if (value := _variable(name))}
    through: dict[str, None] = {}
    try:
        for origin in dict.fromkeys([*origins, "https://vendor.invalid/"]):
            through |= dict.fromkeys(proxies(origin).values())
    except MotionKitError as error:
        yield _error("network", error)
        return
    names = f"heeds {', '.join(heeded)}" if heeded else "no proxy and no certificates are set"
    via = f"; calls go through {', '.join(through)}" if through else ""
    yield Finding("network", names + via)


def _variable(name: str) -> str | None:
    return os.environ.get(name) or os.environ.get(name.lower())


def _accounts(found: Config, *, offline: bool) -> Iterator[Finding]:
    if not found.accounts:
        error = config.no_account()
        yield Finding("keys", error.message, "warning", error.hint)
        return
    usable = []
    for account in found.accounts.values():
        source = "given" if account.key is None else account.key.source
        try:
            _ = account.settings
        except MotionKitError as error:
            yield _error(f"key of {account.name}", error)
            continue
        usable.append(account)
        sandbox = ", at a sandbox on this machine" if account.in_sandbox else ""
        readers = [] if account.key is None or os.name != "posix" else account.key.holders
        open_to_all = [path for path, mode in readers if mode & 0o044]
        for path in open_to_all:
            yield Finding(
                f"key of {account.name}",
                f"*** in {path}, which others can read",
                "warning",
                f"chmod 600 {path}",
            )
        if not open_to_all:
            yield Finding(f"key of {account.name}", f"***, {source}{sandbox}")
    if offline or not usable:
        return
    with TemporaryDirectory() as folder:
        only = attrs.evolve(found, journal=Path(folder) / "journal.db")  # the other may be broken
        with mk.Client(only) as client, ThreadPoolExecutor(len(usable)) as pool:
            answers = list(pool.map(lambda one: ask(client.account(one.name)), usable))
    for account, answer in zip(usable, answers, strict=True):
        yield from _answer(account.name, answer)


def _answer(name: str, answer: Answered) -> Iterator[Finding]:
    held = answer.balance
    if isinstance(held, Balance):
        yield Finding(f"key of {name}", f"works: {both(held.amount, held.unit, held.usd)}")
    elif isinstance(held, Unsupported):  # the key is right; it may not read the balance
        yield Finding(f"key of {name}", f"works: {sentence(held)}")
    else:
        yield _error(f"key of {name}", held)
    if answer.ahead is None:
        return
    least, most = answer.ahead
    off = max(least, -most, 0.0)  # what is certain
    if off <= _SLOW:
        yield Finding(f"clock at {name}", f"agrees with the vendor's to {_SLOW:g} s")
        return
    direction = "ahead of" if least > 0 else "behind"
    yield Finding(
        f"clock at {name}",
        f"this machine is {off:.0f} s {direction} the vendor's clock",
        "fault" if off > _WRONG else "warning",
        "set this machine's clock (NTP): times of jobs and the age of webhooks depend on it",
    )


def _journal(found: Config) -> Iterator[Finding]:
    place = found.journal
    if place is None:
        yield Finding(
            "journal",
            "off: a crash can lose a paid job",
            "warning",
            "take 'journal = false' out of the configuration",
        )
        return
    if isinstance(place, Path):
        folder = _nearest(place.parent)
        if not place.exists():
            if os.access(folder, os.W_OK):
                yield Finding("journal", f"{place} will be made with the first purchase")
            else:
                yield Finding(
                    "journal",
                    f"{place} cannot be made: {folder} is not writable",
                    "fault",
                    f"make {folder} writable, or name another place: MOTIONKIT_JOURNAL",
                )
            yield from _disk("journal", folder)
            return
        if os.name == "posix" and place.stat().st_mode & 0o077:
            yield Finding("journal", f"others can read {place}", "warning", f"chmod 600 {place}")
        if not os.access(place, os.W_OK) or not os.access(folder, os.W_OK):
            yield Finding(
                "journal",
                f"{place} is not writable",
                "fault",
                "nothing can be bought until it is: check who owns it and its folder",
            )
        yield from _disk("journal", folder)
    try:
        checked = check_journal(place)
    except MotionKitError as error:
        yield _error("journal", error)
        return
    for problem in checked.problems:
        yield Finding("journal", problem, "fault", "'motionkit journal check' has the details")
    if not checked.problems:
        yield Finding("journal", f"{checked.place}: {many(checked.purchases, 'purchase')}, sound")


def _nearest(folder: Path) -> Path:
    """Return a folder, or the nearest one above that exists."""
    return next(one for one in (folder, *folder.absolute().parents) if one.exists())


def _disk(what: str, folder: Path) -> Iterator[Finding]:
    check = "disk"
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        yield Finding(check, f"{folder}: {error.strerror}", "fault", "work in another folder")
        return
    text = f"{free / 1e9:.1f} GB free for the {what}, in {folder}"
    if free < _SCARCE:
        status: Status = "fault" if free < _FULL else "warning"
        yield Finding(check, text, status, "make room: a film may take 100 MB")
    elif not os.access(folder, os.W_OK):
        yield Finding(check, f"{folder} is not writable", "warning", "name a folder with --out")
    else:
        yield Finding(check, text)
