"""Add up what counts against a budget, inside the transaction that reserves a price.

A refused purchase counts nothing; one with a reported cost counts that; any other one counts what
it reserved: the high of its quote.
"""

from __future__ import annotations

import sqlite3
from decimal import Decimal

from motionkit.errors import BudgetExceeded, InvalidRequest
from motionkit.journal.database import Store
from motionkit.journal.entries import NewPurchase
from motionkit.journal.rows import unpacked
from motionkit.model import codec
from motionkit.model.budget import Budget, BudgetStatus, unknown_price
from motionkit.model.job import KeyState, State
from motionkit.model.money import Cost, CostBasis, possible

_FINAL = frozenset(state.value for state in State if state.terminal)

OF_ALL = (
    "SELECT cost, reserved, state FROM purchases p"
    " WHERE reserved_at>=:since AND state<>:refused AND key<>:key"
    " AND COALESCE(sandbox,0)=:sandbox"
)
"""Every purchase since the period began.

Sandbox purchases count against no real budget, nor real ones against a sandbox's. Older versions
did not record which it was: their purchases count as real.
"""
OF_ROUTE = (
    f"{OF_ALL} AND (route=:route"  # noqa: S608 - a constant
    " OR (route IS NULL AND EXISTS (SELECT 1 FROM attempts a WHERE a.key=p.key"
    " AND a.account IN (SELECT value FROM json_each(:accounts)))))"
)
"""The purchases of one route, and direct ones at its accounts."""
OF_BATCH = f"{OF_ALL} AND batch=:batch"
"""The purchases of one batch, through any route and direct."""


def status(
    store: Store, budget: Budget, now: float, *, sandbox: bool, apart_from: str = ""
) -> BudgetStatus:
    """Return how much of a budget is used."""
    of_some = OF_ALL if budget.route is None else OF_ROUTE
    rows = store.query(
        of_some if budget.batch is None else OF_BATCH,
        {
            "since": budget.since(now),
            "refused": KeyState.REFUSED.value,
            "key": apart_from,
            "sandbox": sandbox,
            "route": budget.route,
            "accounts": codec.dumps(list(budget.accounts)),
            "batch": budget.batch,
        },
    )
    spent = held = Decimal(0)
    for row in rows:
        amount, final = _counted(row)
        spent, held = (spent + amount, held) if final else (spent, held + amount)
    return budget.status(now, spent, held, sandbox=sandbox)


def require(store: Store, purchase: NewPurchase, now: float, besides: Decimal = Decimal(0)) -> None:
    """Refuse a purchase whose quote's high does not fit into every one of its budgets.

    Two processes cannot both take the last dollar: the caller writes the purchase in the same
    transaction.

    Raises:
        BudgetExceeded: It does not fit, or its price is unknown.
    """
    wanted = None if purchase.quote is None else purchase.quote.usd_high
    if wanted is None:
        names = ", ".join(dict.fromkeys(budget.name for budget in purchase.budgets))
        raise BudgetExceeded(
            unknown_price(purchase.quote, names),
            hint="remove the budget, or choose a target with a known price",
        )
    for budget in purchase.budgets:
        used = status(store, budget, now, sandbox=purchase.sandbox, apart_from=purchase.key)
        used.require(wanted + besides)


def _counted(row: sqlite3.Row) -> tuple[Decimal, bool]:
    """Return the US dollars of a purchase that count against budgets, and whether that is final."""
    try:
        cost = unpacked(row["cost"], Cost)
    except (ValueError, TypeError, ArithmeticError, InvalidRequest):
        cost = None  # an unreadable cost must not free money: the reservation counts
    if (
        cost is not None
        and cost.usd is not None
        and cost.basis is not CostBasis.ASSUMED
        and possible(cost)
    ):
        return Decimal(cost.usd), True
    return Decimal(row["reserved"] or 0), row["state"] in _FINAL
