"""Limits on spending: a cap on one request, a budget for a UTC day, week, month, or in total."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import ClassVar

import attrs

from motionkit._support.displayed import Displayed
from motionkit.errors import BudgetExceeded
from motionkit.model.money import Quote, dollars


def _midnight(now: dt.datetime) -> dt.datetime:
    return now.replace(hour=0, minute=0, second=0, microsecond=0)


PERIODS: Mapping[str, Callable[[dt.datetime], dt.datetime]] = {
    "day": _midnight,
    "week": lambda now: _midnight(now) - dt.timedelta(days=now.weekday()),
    "month": lambda now: _midnight(now).replace(day=1),
    "total": lambda _: dt.datetime.fromtimestamp(0, dt.UTC),
}
"""The beginning of a moment's period, in UTC."""

_NEXT: Mapping[str, Callable[[dt.datetime], dt.datetime]] = {
    "day": lambda begin: begin + dt.timedelta(days=1),
    "week": lambda begin: begin + dt.timedelta(days=7),
    "month": lambda begin: (begin + dt.timedelta(days=32)).replace(day=1),
}
"""The end of a period, from its beginning; a total never ends."""


def period_words(period: str) -> str:
    """Return a period in words that follow an amount: ``a day``, ``in total``."""
    return "in total" if period == "total" else f"a {period}"


def over_cap(quote: Quote | None, cap: Decimal | None) -> str | None:
    """Return why a quote exceeds a cap; None where it does not. An unknown price always does.

    Args:
        quote: What a submit is expected to cost.
        cap: US dollars at most; None where a budget is the cap.
    """
    high = None if quote is None else quote.usd_high
    if high is None:
        return unknown_price(quote, "a budget" if cap is None else "max_usd")
    if cap is None or high <= cap:
        return None
    return f"the quote's high of {dollars(high)} exceeds max_usd of {dollars(cap)}"


def unknown_price(quote: Quote | None, limit: str) -> str:
    """Return why a limit refuses a request without a price."""
    why = "; ".join(quote.notes) if quote else "no price is known"
    return f"the price is unknown ({why}); refused because {limit} is set"


@attrs.frozen(kw_only=True)
class Budget:
    """A limit, and the purchases that count against it.

    Attributes:
        name: Its dotted path in the configuration.
        period: A word of `PERIODS`.
        limit: US dollars.
        route: The route whose purchases count; None where every purchase counts.
        accounts: Accounts whose direct purchases count too.
        batch: The batch whose purchases alone count, whatever their route.
    """

    name: str
    period: str
    limit: Decimal
    route: str | None = None
    accounts: tuple[str, ...] = ()
    batch: str | None = None

    def since(self, now: float) -> float:
        """Return when the period of a moment began; both in epoch seconds."""
        return self._begin(now).timestamp()

    def _begin(self, now: float) -> dt.datetime:
        return PERIODS[self.period](dt.datetime.fromtimestamp(now, dt.UTC))

    def status(
        self, now: float, spent: Decimal, held: Decimal, *, sandbox: bool = False
    ) -> BudgetStatus:
        """Return its use at a moment, in epoch seconds."""
        begin = self._begin(now)
        end = _NEXT.get(self.period)
        return BudgetStatus(
            name=self.name,
            period=self.period,
            limit=self.limit,
            spent=spent,
            held=held,
            since=None if end is None else begin,
            until=None if end is None else end(begin),
            sandbox=sandbox,
        )


@attrs.frozen(kw_only=True, repr=False)
class BudgetStatus(Displayed):
    """The present use of a budget; amounts are US dollars.

    Attributes:
        name: The budget's dotted path in the configuration.
        period: ``day``, ``week``, ``month`` or ``total``.
        limit: The most that may be spent in the period.
        spent: The charges of finished purchases, and any reported charge; where a vendor
            reported none, the reserved amount.
        held: What unfinished purchases reserve: the high of their quotes.
        since: When the period began, in UTC; None for a total.
        until: When it ends, in UTC; None for a total.
        sandbox: Whether it counts purchases in sandboxes on this machine, not real ones.
    """

    name: str
    period: str
    limit: Decimal
    spent: Decimal
    held: Decimal
    since: dt.datetime | None
    until: dt.datetime | None
    sandbox: bool = False

    __columns__: ClassVar[tuple[str, ...]] = (
        *("budget", "sandbox", "period", "since", "until"),
        *("limit_usd", "spent_usd", "held_usd", "left_usd"),
    )

    def __shown__(self) -> Iterator[tuple[str, object]]:
        yield "budget", self.name
        yield "limit", f"{dollars(self.limit)} {period_words(self.period)}"
        yield "spent", dollars(self.spent)
        yield "held", dollars(self.held)
        yield "left", dollars(self.left)
        yield "until", self.until
        yield "sandbox", "yes" if self.sandbox else None

    def __record__(self) -> Mapping[str, object]:
        amounts = {name: getattr(self, name) for name in ("limit", "spent", "held", "left")}
        return {
            "budget": self.name,
            "sandbox": self.sandbox,
            "period": self.period,
            "since": self.since,
            "until": self.until,
            **{f"{name}_usd": amount for name, amount in amounts.items()},
        }

    @property
    def left(self) -> Decimal:
        """The rest of the limit; below zero where charges exceeded it."""
        return self.limit - self.spent - self.held

    def __str__(self) -> str:
        until = "" if self.until is None else f" until {self.until:%Y-%m-%d %H:%M} UTC"
        return (
            f"{self.name}: {dollars(self.left)} of {dollars(self.limit)} "
            f"{period_words(self.period)} left{until} "
            f"({dollars(self.spent)} spent, {dollars(self.held)} held"
            f"{' in the sandbox' * self.sandbox})"
        )

    def require(self, wanted: Decimal) -> None:
        """Refuse a purchase that may cost more than is left.

        Args:
            wanted: US dollars that it may cost at most.

        Raises:
            BudgetExceeded: It is more than is left.
        """
        if wanted > self.left:
            raise BudgetExceeded(
                f"{self}; this may cost {dollars(wanted)}",
                hint="client.budget() shows what every budget holds",
            )
