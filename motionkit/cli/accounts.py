"""The verbs on vendors and accounts: balance, providers, offers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

import motionkit as mk
from motionkit import codec, config, registry
from motionkit.cli import exit_codes
from motionkit.cli.options import ConfigFile, Json
from motionkit.cli.show import Screen
from motionkit.cli.timing import show as show_timing
from motionkit.cli.words import both, duration, money
from motionkit.errors import ConfigError, MotionKitError
from motionkit.offers import Cell, Offer, Price, Slot


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
            pools = ", ".join(f"{pool} {amount:f}" for pool, amount in held.pools.items())
            text = f"{name}: {both(held.amount, held.unit, held.usd)}"
            screen.answer(data, f"{text} ({pools})" if pools else text)
    return max(codes)


def providers(json: Json = False, config_file: ConfigFile = None) -> int:
    """List the installed providers and the accounts that are configured; never a key."""
    screen = Screen(json=json)
    accounts = config.load(config_file).accounts.values()
    data = []
    for name in registry.names():
        own = [account.name for account in accounts if account.provider == name]
        data.append({"provider": name, "accounts": own, "variable": f"{name.upper()}_API_KEY"})
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


def offers(
    operation: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only this operation, e.g. mimic.")
    ] = None,
    timing: Annotated[
        bool,
        typer.Option(
            "--timing", help="Show what jobs are believed to take, and when they are looked at."
        ),
    ] = False,
    json: Json = False,
    config: ConfigFile = None,
) -> int:
    """List what the installed providers sell: qualities, prices with source and day, limits.

    Needs no account and asks nobody: it is the providers' own data. USUAL is a job's duration. With
    --timing it is the journal's too: of each account, what its past jobs took.
    """
    screen = Screen(json=json)
    if timing:
        if not show_timing(screen, operation, config):
            screen.note(f"nobody offers {operation}" if operation else "no provider is installed")
        return exit_codes.DONE
    rows = [
        (name, offer)
        for name in registry.names()
        for offer in registry.load(name).offers
        if operation in {None, offer.operation}
    ]
    screen.rows(
        [_data(name, offer) for name, offer in rows],
        ["MODEL", "OPERATION", "QUALITY", "PRICE", "LIMITS", "USUAL"],
        [_row(name, offer) for name, offer in rows],
    )
    if not rows:
        screen.note(f"nobody offers {operation}" if operation else "no provider is installed")
    return exit_codes.DONE


def _data(provider: str, offer: Offer) -> dict[str, Any]:
    return {
        "provider": provider,
        "model": offer.model,
        "operation": offer.operation,
        "default": offer.default,
        "qualities": list(offer.allowed.get("quality", ())),
        "fields": sorted([*offer.fields, *offer.media]),
        "price": codec.unstructure(offer.price) if offer.price else None,
        "expected_seconds": offer.expected_seconds,
        "limits": {name: codec.unstructure(slot) for name, slot in offer.media.items()},
        "source": offer.source,
    }


def _row(provider: str, offer: Offer) -> list[Any]:
    usual = "?" if offer.expected_seconds is None else duration(offer.expected_seconds)
    unlisted = ["not listed" if "quality" in offer.fields else "-"]
    doubt = [] if offer.evidence == "documented" else [f"fields {offer.evidence}"]
    return [
        [f"{provider}/{offer.model}" + (" (default)" if offer.default else ""), *doubt],
        offer.operation,
        [str(quality) for quality in offer.allowed.get("quality", unlisted)],
        _price(offer.price),
        [_limits(name, slot) for name, slot in offer.media.items()],
        usual,
    ]


def _price(price: Price | None) -> list[str]:
    if price is None:
        return ["unknown"]
    lines = [_cell(cell, price) for cell in price.cells]
    lines.append(f"{price.basis.value}, read {price.as_of.isoformat()}")
    lines.append(price.source)
    return lines + ([price.note] if price.note else [])


def _cell(cell: Cell, price: Price) -> str:
    when = " ".join(str(value) for value in cell.when.values())
    bound = f" ({cell.bound})" if cell.bound else ""
    return f"{when} {money(cell.amount, price.unit)} a {cell.per}{bound}".strip()


def _limits(name: str, slot: Slot) -> str:
    limits: Sequence[str | None] = (
        "/".join(slot.formats),
        f"{slot.max_bytes / 1e6:g} MB" if slot.max_bytes else None,
        f"{slot.max_side} px" if slot.max_side else None,
        f"{slot.max_seconds:g} s" if slot.max_seconds else None,
    )
    return f"{name}: {', '.join(limit for limit in limits if limit)}"
