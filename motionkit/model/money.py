"""Money before and after: what a request should cost, did cost, and what an account holds.

Amounts are `decimal.Decimal`, each with its unit, what it rests on, its source and date.
"""

from __future__ import annotations

import datetime as dt
import enum
import logging
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import attrs

from motionkit._support import html

log = logging.getLogger("motionkit")


class Unit(enum.Enum):
    """What a vendor counts money in."""

    CREDIT = "credit"
    USD = "usd"


class Basis(enum.Enum):
    """What a quote rests on."""

    LISTED = "listed"
    """The vendor's published price."""
    ESTIMATED = "estimated"
    """No published price: derived from what its source says."""
    OBSERVED = "observed"
    """Our own journal's past jobs."""


class CostBasis(enum.Enum):
    """What a cost rests on."""

    REPORTED = "reported"
    """The vendor said so in an answer."""
    REFUNDED = "refunded"
    """The vendor gave it back, or documents that it does."""
    ASSUMED = "assumed"
    """The vendor did not say; the quote's likely amount stands in."""


@attrs.frozen
class Rates:
    """What one unit of an account's money is worth in US dollars."""

    credit: Decimal | None = None

    def usd(self, unit: Unit) -> Decimal | None:
        """Return the dollars that one unit is worth, None when nobody said."""
        return Decimal(1) if unit is Unit.USD else self.credit


AMOUNT = "an amount of US dollars such as 2.50"
"""What `amount` takes, as errors say it."""


def number(given: object) -> Decimal | None:
    """Return a number, or text that is one, as it is written; None for anything else."""
    if isinstance(given, bool) or not isinstance(given, str | int | float | Decimal):
        return None
    try:
        found = Decimal(given)
    except ArithmeticError:
        return None
    return found if found.is_finite() else None


def amount(given: object) -> Decimal | None:
    """Return an amount of money that a person, a file or a vendor gave; None for what is none."""
    found = number(given)
    return found if found is not None and found >= 0 else None


def dollars(amount: Decimal) -> str:
    """Return an amount of US dollars, with cents and no more digits than it takes."""
    whole, _, cents = f"{amount:.4f}".partition(".")
    return f"{whole}.{cents[:2]}{cents[2:].rstrip('0')} USD"


def shown(amount: Decimal, unit: Unit) -> str:
    """Return an amount with its unit."""
    if unit is Unit.USD:
        return dollars(amount)
    number = f"{amount:f}"
    number = number.rstrip("0").rstrip(".") if "." in number else number
    return f"{number} {unit.value}{'' if amount == 1 else 's'}"


def both(amount: Decimal | None, unit: Unit, usd: Decimal | None) -> str:
    """Return an amount in the vendor's unit and, where that is another one, in US dollars."""
    if amount is None:
        return "unknown"
    if usd is None or unit is Unit.USD:
        return shown(amount, unit)
    return f"{shown(amount, unit)} = {dollars(usd)}"


@attrs.frozen
class Quote:
    """What a request is expected to cost, before anything is paid.

    Attributes:
        low: The least, in `unit`; None when it cannot be known.
        likely: What it should be.
        high: The most; budgets compare with it.
        unit: Credits or US dollars.
        usd_low: `low` in US dollars.
        usd_likely: `likely` in US dollars.
        usd_high: `high` in US dollars.
        basis: What the numbers rest on.
        n: How many observed jobs, when the basis is OBSERVED.
        source: The page behind the price.
        as_of: The day the page was read.
        notes: What is inferred, rounded, or cannot be known.
    """

    low: Decimal | None
    likely: Decimal | None
    high: Decimal | None
    unit: Unit
    usd_low: Decimal | None
    usd_likely: Decimal | None
    usd_high: Decimal | None
    basis: Basis
    source: str
    as_of: dt.date | None
    n: int = 0
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{amounts(self)} ({rests_on(self)})"

    def _repr_html_(self) -> str:
        return html.table(
            [
                ("likely", both(self.likely, self.unit, self.usd_likely)),
                ("low", both(self.low, self.unit, self.usd_low)),
                ("high", both(self.high, self.unit, self.usd_high)),
                ("basis", f"{self.basis.value} n={self.n}" if self.n else self.basis.value),
                ("source", self.source),
                ("as of", self.as_of),
                ("notes", "; ".join(self.notes)),
            ]
        )


def amounts(quote: Quote) -> str:
    """Return a quote's amounts: one when low and high agree or are unknown, else all three."""
    if quote.likely is None:
        return "unknown"
    likely = both(quote.likely, quote.unit, quote.usd_likely)
    if quote.low is None and quote.high is None:
        return f"about {likely}"
    if quote.low == quote.high == quote.likely:
        return likely
    low, high = (
        "?" if amount is None else both(amount, quote.unit, usd)
        for amount, usd in ((quote.low, quote.usd_low), (quote.high, quote.usd_high))
    )
    return f"{likely}, from {low} to {high}"


def rests_on(quote: Quote) -> str:
    """Return what a quote rests on: basis, day, page."""
    basis = f"{quote.basis.value} (n={quote.n})" if quote.n else quote.basis.value
    read = f", read {quote.as_of.isoformat()}" if quote.as_of else ""
    return f"{basis}{read}, {quote.source}"


@attrs.frozen
class Cost:
    """What a job did cost: amount in `unit`, the same in US dollars, and how we know."""

    amount: Decimal
    unit: Unit
    usd: Decimal | None
    basis: CostBasis

    def __str__(self) -> str:
        return f"{both(self.amount, self.unit, self.usd)} ({self.basis.value})"


MOST_USD = Decimal(1_000_000)
"""US dollars; a single job's cost above it is an error of the vendor's."""
MOST_UNITS = Decimal(1_000_000_000)
"""The same for an amount in a unit that nobody valued."""
FAR = 10
"""Times the quote's high from which a charge is warned about."""


_DIGITS = 50
"""Digits before or after the point; a longer number is no amount of money."""


def recorded(cost: Cost | None) -> Cost | None:
    """Return a cost as jobs, results and the journal hold it, whoever reported it.

    What is no number of at most `_DIGITS` digits on each side of the point (NaN, Infinity, 1e999)
    could neither be read back from the journal nor be shown: without an amount the cost is
    unknown, without dollars only they are.
    """
    if cost is None or _is_amount(cost.amount):
        good = cost is None or cost.usd is None or _is_amount(cost.usd)
        return cost if cost is None or good else attrs.evolve(cost, usd=None)
    log.warning("a reported cost is no amount (%.40s %s): unknown", cost.amount, cost.unit.value)
    return None


def _is_amount(amount: Decimal) -> bool:
    exponent = amount.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= -_DIGITS and amount.adjusted() <= _DIGITS


def possible(cost: Cost) -> bool:
    """Tell whether a job can have cost that: finite, not negative, and not absurdly much."""
    return all(
        told is None or (told.is_finite() and 0 <= told <= most)
        for told, most in ((cost.amount, MOST_UNITS), (cost.usd, MOST_USD))
    )


def doubt(cost: Cost, quote: Quote | None) -> str | None:
    """Return what is doubtful about a cost that a vendor reported; None when nothing is.

    Args:
        cost: As the vendor reported it.
        quote: What was expected.
    """
    if not possible(cost):
        return f"a cost of {cost.amount} {cost.unit.value} is impossible; budgets count the quote"
    if quote is None:
        return None
    same = quote.unit is cost.unit
    charged, high = (cost.amount, quote.high) if same else (cost.usd, quote.usd_high)
    if charged is None or high is None or not high.is_finite() or charged <= FAR * high:
        return None
    return f"the charge of {cost} is far above the quote: {amounts(quote)}"


@attrs.frozen
class Balance:
    """What an account holds: the total in `unit`, in US dollars, and the vendor's own pools."""

    amount: Decimal
    unit: Unit
    usd: Decimal | None
    pools: Mapping[str, Decimal] = attrs.field(factory=dict)
    raw: Any = attrs.field(default=None, repr=False, eq=False)

    def __str__(self) -> str:
        pools = ", ".join(f"{pool} {amount:f}" for pool, amount in self.pools.items())
        return both(self.amount, self.unit, self.usd) + (f" ({pools})" if pools else "")
