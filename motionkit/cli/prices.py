"""Compare the offers' prices with the price list of their vendor."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import motionkit as mk
from motionkit.cli.screen import Screen
from motionkit.client import ListedPrice, ListsPrices, Offer
from motionkit.errors import MotionKitError
from motionkit.model.money import Unit, dollars, noun, number


def show(screen: Screen, config: Path | None, account: str, wanted: Callable[[Offer], bool]) -> int:
    """Write what the vendors' price lists say of the wanted offers; return how many.

    Nothing is changed: a price list has one figure for each model, and no tiers.
    """
    rows: list[dict[str, str]] = []
    with mk.Client(config) as client:
        for name, found in client.config.accounts.items():
            if account not in {"", name, found.provider}:
                continue
            try:
                provider = client.account(name)
                prices = provider.listed_prices() if isinstance(provider, ListsPrices) else None
            except MotionKitError as error:
                screen.note(f"{name}: {error}")
                continue
            if prices is not None:
                rows += (_row(name, one, prices) for one in provider.offers if wanted(one))
    if rows:
        head = ["TARGET", "OPERATION", "OFFERED", "LISTED", ""]
        screen.rows(rows, head, [tuple(row.values()) for row in rows])
    return len(rows)


def _row(account: str, offer: Offer, prices: Mapping[str, ListedPrice]) -> dict[str, str]:
    listed = prices.get(offer.model)
    amounts = list(_amounts(offer))
    unit = None if offer.price is None else offer.price.unit
    verdict = "differs"
    if listed is None:
        verdict = "not listed"
    elif listed.amount in amounts:
        verdict = "same"
    elif not amounts:
        verdict = "no price here"
    return {
        "target": f"{account}/{offer.model}",
        "operation": offer.operation,
        "offered": "unknown" if unit is None else _together(amounts, unit),
        "listed": "-" if listed is None else f"{dollars(listed.amount)} per {listed.unit}",
        "verdict": verdict,
    }


def _together(amounts: Sequence[Decimal], unit: Unit) -> str:
    return f"{'/'.join(number(one, unit) for one in amounts)} {noun(unit)}"


def _amounts(offer: Offer) -> Iterator[Decimal]:
    cells = () if offer.price is None else offer.price.cells
    yield from dict.fromkeys(cell.amount.normalize() for cell in cells)
