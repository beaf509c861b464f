"""Several purchases of one call, which caps and budgets hold together or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

import attrs

from motionkit.errors import BudgetExceeded
from motionkit.journal import NewPurchase, PurchaseRecord
from motionkit.model.budget import over_cap
from motionkit.model.money import Quote, dollars, possible
from motionkit.purchase.orders import Checkout


def high_of(quote: Quote | None) -> Decimal | None:
    """Return what a purchase costs at most, in US dollars; None where that is unknown."""
    return None if quote is None else quote.usd_high


def together(quotes: Iterable[Quote | None]) -> Decimal | None:
    """Return what purchases cost at most together; None where that of one is unknown."""
    highs = [high_of(quote) for quote in quotes]
    known = [high for high in highs if high is not None]
    return sum(known, Decimal(0)) if len(known) == len(highs) else None


def spent(entry: PurchaseRecord) -> Decimal:
    """Return what a purchase cost in US dollars, else what it may cost at most; 0 if unknown."""
    if entry.cost is not None and entry.cost.usd is not None and possible(entry.cost):
        return entry.cost.usd
    return high_of(entry.quote) or Decimal(0)


def left_of(cap: Decimal | None, bought: Iterable[PurchaseRecord]) -> Decimal | None:
    """Return what a cap leaves besides what was bought before; None without a cap."""
    if cap is None:
        return None
    return max(cap - sum(map(spent, bought), Decimal(0)), Decimal(0))


def over_cap_together(
    quotes: Sequence[Quote | None], cap: Decimal, bought: Iterable[PurchaseRecord], noun: str
) -> BudgetExceeded | None:
    """Return the error of a cap that does not hold all that is missing.

    Args:
        quotes: Of the purchases that are missing.
        cap: US dollars for all purchases of the call.
        bought: Those that were made before.
        noun: What one of them is called.
    """
    unknown = [quote for quote in quotes if high_of(quote) is None]
    if unknown and (over := over_cap(unknown[0], cap)):
        return BudgetExceeded(over)
    high, before = together(quotes) or Decimal(0), sum(map(spent, bought), Decimal(0))
    if high <= max(cap - before, Decimal(0)):
        return None
    besides = f", besides {dollars(before)} for those that were bought" if before else ""
    count = len(quotes)
    several = f"{noun} costs" if count == 1 else f"{noun}s together cost"
    return BudgetExceeded(
        f"{count} {several} up to {dollars(high)}{besides}; max_usd is {dollars(cap)} for all "
        f"{noun}s"
    )


def over_budget_together(
    checkout: Checkout, purchases: Sequence[NewPurchase]
) -> BudgetExceeded | None:
    """Return the error of a budget that does not hold all purchases that count against it.

    Those of other accounts may have other budgets, and those in a sandbox count apart.
    """
    for budget, sandbox in dict.fromkeys((b, p.sandbox) for p in purchases for b in p.budgets):
        counted = [p for p in purchases if budget in p.budgets and p.sandbox == sandbox]
        # One of an unknown price is refused as such; the others do not change that.
        one = min(counted, key=lambda p: high_of(p.quote) is not None)
        others = [high_of(p.quote) or Decimal(0) for p in counted if p is not one]
        try:
            checkout.check_budgets(attrs.evolve(one, budgets=(budget,)), sum(others, Decimal(0)))
        except BudgetExceeded as error:
            return error
    return None
