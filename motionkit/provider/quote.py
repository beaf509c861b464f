"""Quote a fitted request: apply its offer's price."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import ROUND_CEILING, Decimal
from typing import Any

from motionkit.model.money import Basis, Quote, Rates, Unit, noun, number
from motionkit.provider.fit import Fit
from motionkit.provider.offers import Price, PriceRule


def quote(fitted: Fit, rates: Rates) -> Quote | None:
    """Return the expected cost of a fitted request; None without a known price.

    If the billed seconds are unknown, the amounts are None and a note says why.
    """
    price = fitted.offer.price
    if price is None:
        return None
    seconds, notes = _billed_seconds(fitted, price)
    added = [cell for cell in price.cells if cell.adds and fitted.priced.get(cell.adds)]
    cells = {
        bound: [cell, *added] if (cell := _cell(fitted, price, bound)) else []
        for bound in ("low", "likely", "high")
    }
    if not cells["likely"]:
        notes.append("no price is listed for this combination")
    low, likely, high = (
        _sum(fitted, price, several, bound, seconds) for bound, several in cells.items()
    )
    if likely is not None:  # estimates of one bound may contradict those of another
        low = None if low is None else min(low, likely)
        high = None if high is None else max(high, likely)
    if fitted.unpriced:
        low = likely = high = None
        notes.append(f"extra {', '.join(fitted.unpriced)}: the price with it is unknown")
    rate = rates.usd(price.unit)
    usd_low, usd_likely, usd_high = (
        None if amount is None or rate is None else amount * rate for amount in (low, likely, high)
    )
    doubtful = any(cell.doubtful for cell in cells["likely"])
    return Quote(
        low=low,
        likely=likely,
        high=high,
        unit=price.unit,
        usd_low=usd_low,
        usd_likely=usd_likely,
        usd_high=usd_high,
        basis=Basis.ESTIMATED if doubtful else price.basis,
        source=price.source,
        as_of=price.as_of,
        notes=(*notes, *([price.note] if price.note else [])),
    )


_Seconds = Mapping[str, Decimal | None]
"""The seconds that are billed, by bound of a quote."""


def _billed_seconds(fitted: Fit, price: Price) -> tuple[_Seconds, list[str]]:
    name = price.seconds_of
    if name is None or not _is_given(fitted, name):
        return {}, []
    if fitted.clip_seconds is None or fitted.clip_seconds_high is None:
        facts = fitted.facts[name]
        rates = "; ".join(
            f"{number(cell.amount, price.unit)} {noun(price.unit)} per {cell.per}"
            for cell in price.cells
            if cell.per == "second" and _matches(cell, fitted.priced)
        )
        why = facts.missing or f"{facts.label} does not state its length"
        return {}, [f"the seconds of {name} are unknown ({why}); {rates}"]
    low, high = Decimal(str(fitted.clip_seconds)), Decimal(str(fitted.clip_seconds_high))
    notes = []
    if _ceiling(low) != _ceiling(high):
        notes.append(
            f"{fitted.facts[name].label} runs {high:f} s and its film {low:f} s: "
            "which of them the vendor counts is inferred"
        )
    if high != high.to_integral_value():
        why = "started seconds are billed" if price.rounds_up else "rounding up is inferred"
        notes.append(f"{high:f} s are quoted as {_ceiling(high)} s: {why}")
    return {"low": low, "likely": high, "high": high}, notes


def _ceiling(number: Decimal) -> Decimal:
    return number.to_integral_value(ROUND_CEILING)


def _is_given(fitted: Fit, name: str) -> bool:
    return name in fitted.facts or name in fitted.priced


def _cell(fitted: Fit, price: Price, bound: str) -> PriceRule | None:
    """Return the first rule for a bound whose values match and whose measure is given."""
    measures = {"second": price.seconds_of, "byte": price.text_of}
    for cell in price.cells:
        if cell.adds is not None or cell.bound not in {None, bound}:
            continue
        measure = measures.get(cell.per)
        given = cell.per == "run" or (measure is not None and _is_given(fitted, measure))
        if given and _matches(cell, fitted.priced):
            return cell
    return None


def _matches(cell: PriceRule, values: Mapping[str, Any]) -> bool:
    return all(values.get(name) == wanted for name, wanted in cell.when.items())


def _sum(
    fitted: Fit, price: Price, cells: Sequence[PriceRule], bound: str, seconds: _Seconds
) -> Decimal | None:
    """Return the sum of the rules' amounts; None if there is none or one is unknown."""
    amounts = [_amount(fitted, price, cell, bound, seconds) for cell in cells]
    known = [amount for amount in amounts if amount is not None]
    if not known or len(known) < len(amounts):
        return None
    total = sum(known, Decimal(0))
    whole = price.unit is Unit.CREDIT and bound != "low" and not price.fractional
    return total.to_integral_value(ROUND_CEILING) if whole else total


def _amount(
    fitted: Fit, price: Price, cell: PriceRule, bound: str, seconds: _Seconds
) -> Decimal | None:
    if cell.per == "run":
        return cell.amount
    count = seconds.get(bound)
    if cell.per == "byte":
        count = Decimal(len(str(fitted.priced[price.text_of or ""]).encode()))
    if count is None:
        return None
    exact = cell.per == "second" and cell.step == 1 and bound == "low"
    steps = count if exact else (count / cell.step).to_integral_value(ROUND_CEILING)
    return (cell.amount * steps).normalize() + 0
