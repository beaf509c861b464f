"""Quotes, costs and balances: `decimal.Decimal` amounts with their unit, basis, source and date."""

from __future__ import annotations

import datetime as dt
import enum
import logging
from collections.abc import Iterator, Mapping
from decimal import Context, Decimal
from typing import Any

import attrs

from motionkit._support.displayed import Displayed

log = logging.getLogger("motionkit")


class Unit(enum.Enum):
    """A vendor's unit of money."""

    CREDIT = "credit"
    USD = "usd"


class Basis(enum.Enum):
    """How a quote was derived."""

    LISTED = "listed"
    """The vendor's published price."""
    ESTIMATED = "estimated"
    """No published price: derived from its source."""
    OBSERVED = "observed"
    """Our own journal's past jobs."""


class CostBasis(enum.Enum):
    """How a cost is known."""

    REPORTED = "reported"
    """The vendor reported it."""
    REFUNDED = "refunded"
    """The vendor refunded it, or documents that it does."""
    ASSUMED = "assumed"
    """The vendor reported no charge: its reported quantities at the price, or the likely quote."""


@attrs.frozen
class Rates:
    """The value of one unit of an account's money in US dollars."""

    credit: Decimal | None = None

    def usd(self, unit: Unit) -> Decimal | None:
        """Return the value of one unit in dollars; None when it is unknown."""
        return Decimal(1) if unit is Unit.USD else self.credit


AMOUNT = "an amount of US dollars such as 2.50"
"""What `amount` takes, as errors say it."""


def amount(given: object) -> Decimal | None:
    """Return an amount of money that a person or a vendor gave as a number or text, else None."""
    if isinstance(given, bool) or not isinstance(given, str | int | float | Decimal):
        return None
    try:
        found = Decimal(given)
    except ArithmeticError:
        return None
    return found if found.is_finite() and 0 <= found < _BEYOND else None


_BEYOND = Decimal(10) ** 18
"""No amount is that large; with one of a million digits, arithmetic overflows."""
_SHOWN = 6
"""Decimals of US dollars that are shown; an amount with more is rounded."""
_ROUNDED = 4
"""Decimals of US dollars that are rounded, unless little of a smaller amount would remain."""


def number(amount: Decimal, unit: Unit) -> str:
    """Return an amount without its unit: dollars with two decimals, or with as many as they have.

    Dollars with more than six decimals come of a division. They are rounded to four, or to two
    significant digits where they are less than a hundredth of a cent.
    """
    text = f"{amount:f}"
    if unit is Unit.USD:
        if len(text.partition(".")[2].rstrip("0")) > _SHOWN:
            text = f"{amount:.{max(_ROUNDED, 1 - amount.adjusted())}f}"
        whole, _, cents = text.partition(".")
        return f"{whole}.{cents[:2]:0<2}{cents[2:].rstrip('0')}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def noun(unit: Unit, amount: Decimal | None = None) -> str:
    """Return a unit's name, in the plural unless an amount of one is given."""
    if unit is Unit.USD:
        return "USD"
    return f"{unit.value}{'' if amount == 1 else 's'}"


def dollars(amount: Decimal) -> str:
    """Return an amount of US dollars, with cents and no more digits than it takes."""
    return shown(amount, Unit.USD)


def shown(amount: Decimal, unit: Unit) -> str:
    """Return an amount with its unit."""
    return f"{number(amount, unit)} {noun(unit, amount)}"


def both(amount: Decimal | None, unit: Unit, usd: Decimal | None) -> str:
    """Return an amount in the vendor's unit and, where that is credits, in US dollars."""
    if amount is None:
        return "unknown"
    if usd is None or unit is Unit.USD:
        return shown(amount, unit)
    return f"{shown(amount, unit)} = {dollars(usd)}"


@attrs.frozen(repr=False)
class Quote(Displayed):
    """The expected cost of a request, before anything is paid.

    Attributes:
        low: The least, in `unit`; None when it cannot be known.
        likely: What it should be.
        high: The most; budgets compare with it.
        unit: Credits or US dollars.
        usd_low: `low` in US dollars.
        usd_likely: `likely` in US dollars.
        usd_high: `high` in US dollars.
        basis: How the numbers were derived.
        n: How many observed jobs, when the basis is OBSERVED.
        source: The page behind the price.
        as_of: The day the page was read.
        notes: Which parts are inferred, rounded, or unknown.
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

    def __shown__(self) -> Iterator[tuple[str, object]]:
        yield "likely", both(self.likely, self.unit, self.usd_likely)
        yield "low", both(self.low, self.unit, self.usd_low)
        yield "high", both(self.high, self.unit, self.usd_high)
        yield "basis", f"{self.basis.value} n={self.n}" if self.n else self.basis.value
        yield "source", self.source
        yield "as of", self.as_of
        yield "notes", self.notes


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
    """Return how a quote was derived: basis, day, page."""
    basis = f"{quote.basis.value} (n={quote.n})" if quote.n else quote.basis.value
    read = f", read {quote.as_of.isoformat()}" if quote.as_of else ""
    return f"{basis}{read}, {quote.source}"


@attrs.frozen(repr=False)
class Cost(Displayed):
    """The cost of a job: amount in `unit`, the same in US dollars, and how it is known."""

    amount: Decimal
    unit: Unit
    usd: Decimal | None
    basis: CostBasis

    def __str__(self) -> str:
        return f"{both(self.amount, self.unit, self.usd)} ({self.basis.value})"

    def __shown__(self) -> Iterator[tuple[str, object]]:
        yield "amount", both(self.amount, self.unit, self.usd)
        yield "basis", self.basis


def columns(cost: Cost | None) -> dict[str, object]:
    """Return a cost as columns of data: ``cost`` in ``unit``, ``usd``, ``basis``."""
    if cost is None:
        return {"cost": None, "unit": None, "usd": None, "basis": None}
    return {"cost": cost.amount, "unit": cost.unit, "usd": cost.usd, "basis": cost.basis}


MOST_USD = Decimal(1_000_000)
"""US dollars; a higher cost of a single job is an error of the vendor's."""
MOST_UNITS = Decimal(1_000_000_000)
"""The same for an amount in a unit of unknown value."""
FAR = 10
"""Times the quote's high above which a charge causes a warning."""
_DIGITS = 50
"""Digits before or after the point; a longer number is no amount of money."""
EXACT = Context(prec=400)
"""Adds all digits that amounts can have: a sum does not depend on the order of its parts."""


def decimal_add(one: str, other: str) -> str:
    """Add two amounts exactly; the journal's statements have it as a function of that name."""
    return str(EXACT.add(Decimal(one), Decimal(other)))


def recorded(cost: Cost | None) -> Cost | None:
    """Return a cost as jobs, results and the journal hold it.

    A number with more than `_DIGITS` digits on a side of the point (or NaN, Infinity, 1e999) could
    neither be read back from the journal nor be shown: without an amount the cost is unknown,
    without dollars only they are.
    """
    if cost is None:
        return None
    if _is_amount(cost.amount):
        good = cost.usd is None or _is_amount(cost.usd)
        return cost if good else attrs.evolve(cost, usd=None)
    log.warning("a reported cost is no amount (%.40s %s): unknown", cost.amount, cost.unit.value)
    return None


def _is_amount(amount: Decimal) -> bool:
    exponent = amount.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= -_DIGITS and amount.adjusted() <= _DIGITS


def possible(cost: Cost) -> bool:
    """Return whether a cost is possible: finite, not negative, and not absurdly high."""
    return all(
        amount is None or (amount.is_finite() and 0 <= amount <= most)
        for amount, most in ((cost.amount, MOST_UNITS), (cost.usd, MOST_USD))
    )


def _doubtful(cost: Cost) -> str:
    """Return a cost that may be no number, or one too long to be written out."""
    if _is_amount(cost.amount):
        return shown(cost.amount, cost.unit)
    return f"{cost.amount} {noun(cost.unit)}"


def doubt(cost: Cost, quote: Quote | None) -> str | None:
    """Return what is doubtful about a reported cost, given its quote; None when nothing is."""
    if not possible(cost):
        return f"a cost of {_doubtful(cost)} is impossible; budgets count the quote"
    if quote is None:
        return None
    same = quote.unit is cost.unit
    charged, high = (cost.amount, quote.high) if same else (cost.usd, quote.usd_high)
    if charged is None or high is None or not high.is_finite() or charged <= FAR * high:
        return None
    return f"the charge of {cost} is far above the quote: {amounts(quote)}"


@attrs.frozen(repr=False)
class Balance(Displayed):
    """An account's balance: the total in `unit`, in US dollars, and the vendor's own pools."""

    amount: Decimal
    unit: Unit
    usd: Decimal | None
    pools: Mapping[str, Decimal] = attrs.field(factory=dict)
    raw: Any = attrs.field(default=None, repr=False, eq=False)

    def __str__(self) -> str:
        pools = ", ".join(
            f"{pool} {number(amount, self.unit)}" for pool, amount in self.pools.items()
        )
        return both(self.amount, self.unit, self.usd) + (f" ({pools})" if pools else "")

    def __shown__(self) -> Iterator[tuple[str, object]]:
        yield "amount", both(self.amount, self.unit, self.usd)
        yield from self.pools.items()
