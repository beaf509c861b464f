"""The verbs on providers and accounts: balance, providers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import attrs

import motionkit as mk
from motionkit import config
from motionkit.cli import exit_codes
from motionkit.cli.format import held_data, in_world
from motionkit.cli.options import ConfigFile, Json
from motionkit.cli.parameters import Argument, Option
from motionkit.cli.screen import Screen
from motionkit.client import Circuit, key_help, registry
from motionkit.config import documented, no_account
from motionkit.errors import MotionKitError, Unsupported


def balance(
    account: Annotated[
        str | None, Argument(metavar="ACCOUNT", help="The account. Default: all.")
    ] = None,
    json: Json = False,
    config: ConfigFile = None,
) -> int:
    """Print the balance of each account, in the vendor's unit and in US dollars.

    Exit code 2 if the named account's vendor shows none; among all accounts that is no failure.
    """
    screen = Screen(json=json)
    codes = [exit_codes.DONE]
    with mk.Client(config) as client:
        names = [account] if account else list(client.config.accounts)
        if not names:
            raise no_account()
        for name in names:
            try:
                held = client.balance(name)
            except MotionKitError as error:
                if isinstance(error, Unsupported) and account is None:  # none is shown: no failure
                    screen.answer({"account": name, "pools": {}, "note": str(error)}, str(error))
                else:
                    codes.append(screen.error(error))
                continue
            data = {"account": name, "pools": dict(held.pools), **(held_data(held) or {})}
            screen.answer(data, f"{name}: {held}")
    return max(codes)


def providers(
    reset: Annotated[
        str | None,
        Option(
            metavar="ACCOUNT",
            help="Close the account's open circuits, so that routes use it again at once.",
        ),
    ] = None,
    json: Json = False,
    config_file: ConfigFile = None,
) -> int:
    """List the installed providers and the configured accounts, never a key.

    Accounts that routes skip for now (open circuits) are listed with cause and times.
    """
    screen = Screen(json=json)
    found = config.load(config_file)
    if reset is not None:
        return _reset(screen, found, reset)
    skipped = _circuits(found)
    data: list[dict[str, Any]] = []
    for name in registry.names():
        accounts = [account for account in found.accounts.values() if account.provider == name]
        own = [account.name for account in accounts]
        data.append(
            {
                "provider": name,
                "accounts": own,
                "sandbox": [account.name for account in accounts if account.in_sandbox],
                "variable": documented(name)[0],
                "console": None if (found_at := key_help(name)) is None else found_at.console,
                "circuits": [_data(one) for one in skipped if one.account in own],
            }
        )
    screen.rows(
        data,
        ["PROVIDER", "ACCOUNTS", "KEY", "CONSOLE"],
        [
            [
                row["provider"],
                ", ".join(in_world(one, one in row["sandbox"]) for one in row["accounts"])
                or "none",
                "configured" if row["accounts"] else f"set {row['variable']}",
                row["console"],
            ]
            for row in data
        ],
    )
    if not all(row["accounts"] for row in data):
        screen.note("'motionkit init' asks for keys, checks and stores them")
    if skipped and not json:
        screen.rows(
            [],
            ["CIRCUIT OPEN", "CAUSE", "SINCE (UTC)", "UNTIL (UTC)", "REASON"],
            [
                [
                    one.account,
                    one.cause.replace("_", " "),
                    f"{one.since:%Y-%m-%d %H:%M:%S}",
                    f"{one.until:%Y-%m-%d %H:%M:%S}" if one.open else "next submit retries",
                    one.reason,
                ]
                for one in skipped
            ],
        )
        screen.note("routes that fall back on the cause skip the account until then")
        screen.note("'motionkit providers --reset ACCOUNT' closes an account's circuits now")
    return exit_codes.DONE


def _circuits(found: config.Config) -> list[Circuit]:
    """Return the open circuits; none without a journal."""
    if found.journal is None or (isinstance(found.journal, Path) and not found.journal.exists()):
        return []
    with mk.Client(found) as client:
        return client.circuits()


def _data(one: Circuit) -> dict[str, Any]:
    shown = attrs.filters.exclude("fingerprint")
    return {**attrs.asdict(one, filter=shown), "open": one.open}


def _reset(screen: Screen, found: config.Config, account: str) -> int:
    with mk.Client(found) as client:
        closed = client.reset_circuits(account)
    plural = "" if closed == 1 else "s"
    screen.answer(
        {"account": account, "closed": closed}, f"{account}: {closed} circuit{plural} closed"
    )
    return exit_codes.DONE
