"""The verbs on vendors and accounts: balance, providers."""

from __future__ import annotations

from typing import Annotated

import typer

import motionkit as mk
from motionkit import config, registry
from motionkit.cli import exit_codes
from motionkit.cli.options import ConfigFile, Json
from motionkit.cli.show import Screen
from motionkit.credentials import documented
from motionkit.errors import ConfigError, MotionKitError


def balance(
    account: Annotated[
        str | None, typer.Argument(metavar="[ACCOUNT]", help="One account; all otherwise.")
    ] = None,
    json: Json = False,
    config: ConfigFile = None,
) -> int:
    """Print what accounts hold, in the vendor's unit and in US dollars."""
    screen = Screen(json=json)
    codes = [exit_codes.DONE]
    with mk.Client(config) as client:
        names = [account] if account else list(client.config.accounts)
        if not names:
            raise ConfigError(
                "no account is configured", hint="'motionkit providers' names the keys to set"
            )
        for name in names:
            try:
                held = client.balance(name)
            except MotionKitError as error:
                codes.append(screen.error(error))
                continue
            data = {
                "account": name,
                "amount": held.amount,
                "unit": held.unit.value,
                "usd": held.usd,
                "pools": dict(held.pools),
            }
            screen.answer(data, f"{name}: {held}")
    return max(codes)


def providers(json: Json = False, config_file: ConfigFile = None) -> int:
    """List the installed providers and the accounts that are configured; never a key."""
    screen = Screen(json=json)
    accounts = config.load(config_file).accounts.values()
    data = []
    for name in registry.names():
        own = [account.name for account in accounts if account.provider == name]
        data.append({"provider": name, "accounts": own, "variable": documented(name)[0]})
    screen.rows(
        data,
        ["PROVIDER", "ACCOUNTS", "KEY"],
        [
            [
                row["provider"],
                ", ".join(row["accounts"]) or "none",
                "configured" if row["accounts"] else f"set {row['variable']}",
            ]
            for row in data
        ],
    )
    return exit_codes.DONE
