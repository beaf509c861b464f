"""What purchases came to, for people: read from the purchases and from what was pruned.

Budgets have counters of their own (`motionkit.journal.budget`), which are upper bounds.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from motionkit.errors import InvalidRequest, JournalError
from motionkit.journal.entries import CHECK, PurchaseRecord
from motionkit.journal.rows import unpacked
from motionkit.journal.store import Row, Store
from motionkit.model import codec
from motionkit.model.job import KeyState, State
from motionkit.model.labels import shown_labels
from motionkit.model.money import Cost, CostBasis, Quote, Unit, possible
from motionkit.model.spending import Amounts, Paid, Spend, SpendBy, Sums

_PAGE = 2000
_DAY = 86_400
_EPOCH = dt.date(1970, 1, 1).toordinal()
_FINAL = frozenset(state.value for state in State if state.terminal)

COLUMNS = (
    "p.key, p.request, p.created, p.reserved_at, p.state, p.ambiguous, p.quote, p.cost, p.sandbox,"
    " p.route, p.labels, p.counted, a.account, a.job,"
    " CASE WHEN a.job IS NULL THEN a.submission END AS submission"
)
JOINED = (
    "purchases p LEFT JOIN attempts a ON a.id="
    "(SELECT id FROM attempts b WHERE b.key=p.key ORDER BY rowid DESC LIMIT 1)"
)
_LIVE = (
    f"SELECT {COLUMNS} FROM {JOINED} WHERE (p.created,p.key)>(:created,:key)"  # noqa: S608
    " AND COALESCE(p.reserved_at,p.created)>=:since ORDER BY p.created, p.key LIMIT :limit"
)
_PRUNED = (
    "SELECT key, created, reserved_at, sandbox, route, labels, account, model, paid FROM pruned"
    " WHERE key>:key AND reserved_at>=:since ORDER BY key LIMIT :limit"
)
_PRUNINGS = "SELECT COUNT(*) AS n FROM pruned"


def spend(
    store: Store, by: SpendBy, *, since: float | None = None, label: str | None = None
) -> list[Spend]:
    """Return what purchases came to.

    Args:
        store: The journal's database.
        by: What they are added up by.
        since: Epoch seconds; the whole UTC day counts. Everything when None.
        label: The label whose values are added up one by one; all labels together when None.

    Raises:
        JournalError: It cannot be read, or a purchase in it is corrupt.
    """
    begin = -1e300 if since is None else since // _DAY * _DAY
    name_of = _names(by, label)
    while True:
        before = store.query(_PRUNINGS)[0]["n"]
        sums = Sums(by)
        for row in _pages(store, _LIVE, {"created": -1e300, "key": "", "since": begin}):
            paid = paid_for(row)
            if paid is not None:
                sums.add(name_of(row), paid, sandbox=bool(row["sandbox"]))
        for row in _pages(store, _PRUNED, {"key": "", "since": begin}):
            paid = _pruned(row["paid"])
            name = row["model"] if by == "model" else name_of(row)
            sums.add(name, paid, sandbox=bool(row["sandbox"]))
        if store.query(_PRUNINGS)[0]["n"] == before:  # otherwise some were read twice, or never
            return sums.rows()


def pruned(store: Store) -> int:
    """Return how many purchases were pruned from the journal."""
    return int(store.query(_PRUNINGS)[0]["n"])


def _pages(store: Store, statement: str, first: Mapping[str, Any]) -> Iterator[Any]:
    values = {**first, "limit": _PAGE}
    while True:
        found = store.query(statement, values)
        yield from found
        if len(found) < _PAGE:
            return
        values |= {name: found[-1][name] for name in ("created", "key") if name in first}


def model_of(row: Row) -> str | None:
    """Return the model that a purchase of `COLUMNS` used.

    Raises:
        JournalError: It is corrupt.
    """
    try:
        model: str | None = json.loads(row["job"] or row["submission"] or "{}").get("model")
    except (ValueError, AttributeError) as error:
        raise _corrupt(row, error) from error
    return model


def day_of(row: Row) -> float:
    """Return the moment whose UTC day a purchase of `COLUMNS` belongs to, in epoch seconds."""
    at: float = row["created"] if row["reserved_at"] is None else row["reserved_at"]
    return at


def _names(by: SpendBy, label: str | None) -> Callable[[Any], str | None]:
    """Return what names the group of a purchase."""
    if by == "day":
        return lambda row: _day(int(day_of(row) // _DAY))
    if by == "model":
        return model_of
    if by != "label":
        return lambda row: row[by]
    if label is None:
        return lambda row: shown_labels(_labels(row["labels"])) or None
    return lambda row: _labels(row["labels"]).get(label)


@lru_cache(maxsize=1024)
def _day(days: int) -> str:
    return dt.date.fromordinal(_EPOCH + days).isoformat()


@lru_cache(maxsize=1024)
def _labels(text: str | None) -> Mapping[str, str]:
    found: Mapping[str, str] = {} if text is None else json.loads(text)
    return found


def paid_for(row: Row) -> Paid | None:
    """Return what a purchase of `COLUMNS` came to; None for one that was refused.

    Raises:
        JournalError: It is corrupt.
    """
    try:
        refunded = '"refunded"' in (row["cost"] or "")
        charge = json.loads(row["job"] or "{}").get("cost") if refunded else None
        return _paid_for(
            row["state"],
            bool(row["ambiguous"]),
            row["quote"],
            row["cost"],
            None if charge is None else codec.dumps(charge),
        )
    except (*_UNREADABLE, InvalidRequest) as error:
        raise _corrupt(row, error) from error


_UNREADABLE = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError)


def _corrupt(row: Row, error: Exception) -> JournalError:
    return JournalError(
        f"the purchase {row['key']!r} is corrupt: {error}",
        hint=CHECK,
    )


def paid_of(record: PurchaseRecord) -> Paid | None:
    """Return what a purchase came to; None for one that was refused."""
    charge = None if record.job is None else record.job.cost
    return _came_to(
        record.state.value,
        record.ambiguous,
        record.quote,
        _possible(record.cost),
        _possible(charge),
    )


@lru_cache(maxsize=4096)
def _paid_for(
    state: str, ambiguous: bool, quoted: str | None, costs: str | None, charge: str | None
) -> Paid | None:
    """Return what a purchase came to; quote, cost and charge are JSON."""
    cost, before = _possible(unpacked(costs, Cost)), _possible(unpacked(charge, Cost))
    return _came_to(state, ambiguous, unpacked(quoted, Quote), cost, before)


def _came_to(
    state: str, ambiguous: bool, quote: Quote | None, cost: Cost | None, before: Cost | None
) -> Paid | None:
    """Return what a purchase came to.

    Args:
        state: Its state.
        ambiguous: Whether an attempt may have arrived.
        quote: Its quote.
        cost: Its cost.
        before: What a refunded job cost at its submit; None where that was not reported.
    """
    if cost is not None and cost.basis is not CostBasis.ASSUMED:
        if cost.basis is CostBasis.REPORTED:
            return _paid("charged", cost)
        # Where nothing was reported as charged, nothing was given back.
        return _nothing(cost.unit) if before is None else _paid("refunded", before)
    if state == KeyState.REFUSED.value and not ambiguous:
        return None
    if state in _FINAL and not ambiguous:
        return _quoted("charged", quote, assumed=True) if cost is None else _paid("charged", cost)
    doubtful = ambiguous or state == KeyState.UNCERTAIN.value
    return _quoted("uncertain" if doubtful else "held", quote, high=True)


def _nothing(unit: Unit, *, priced: bool = True) -> Paid:
    return Paid(unit=unit, amounts=Amounts(), usd=Amounts(), priced=priced)


def _possible(cost: Cost | None) -> Cost | None:
    return cost if cost is None or possible(cost) else None


@lru_cache(maxsize=4096)
def _pruned(text: str) -> Paid:
    paid: Paid = unpacked(text, Paid)
    return paid


def _quoted(kind: str, quote: Quote | None, *, high: bool = False, assumed: bool = False) -> Paid:
    """Return the amount of a quote; one without an amount counts 0."""
    if quote is not None and high and quote.high is not None:
        return _paid(kind, Cost(quote.high, quote.unit, quote.usd_high, CostBasis.REPORTED))
    basis = CostBasis.ASSUMED if assumed else CostBasis.REPORTED
    if quote is not None and quote.likely is not None:
        return _paid(kind, Cost(quote.likely, quote.unit, quote.usd_likely, basis))
    return _nothing(Unit.USD if quote is None else quote.unit, priced=False)


def _paid(kind: str, cost: Cost) -> Paid:
    """Return an amount as one of a kind; an assumed charge is both charged and assumed."""
    kinds = (kind, "assumed") if cost.basis is CostBasis.ASSUMED else (kind,)
    dollars = cost.amount if cost.usd is None and cost.unit is Unit.USD else cost.usd
    return Paid(
        unit=cost.unit,
        amounts=Amounts(**dict.fromkeys(kinds, cost.amount)),
        usd=None if dollars is None else Amounts(**dict.fromkeys(kinds, dollars)),
    )
