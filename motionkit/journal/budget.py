"""What counts against a budget: a counter for each day, kept in the transaction of each change.

A refused purchase counts nothing; one with a reported cost counts that; any other one counts what
it reserved: the high of its quote. It counts on the UTC day on which that was last reserved.

Each purchase stores in `counted` what it adds to the table ``spent``. Whoever changes a purchase
calls `recount` in the same transaction: it writes the difference. A purchase with ``counted`` NULL
is not in the counters yet (an older version or another journal wrote it): it is counted before a
budget is read. No budget depends on how many purchases there are.
"""

from __future__ import annotations

import datetime as dt
import functools
import itertools
import json
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from motionkit.errors import BudgetExceeded, InvalidRequest, JournalError
from motionkit.journal.entries import NewPurchase
from motionkit.journal.rows import unpacked
from motionkit.journal.store import Connection, Row, Store
from motionkit.model import codec
from motionkit.model.budget import Budget, BudgetStatus, unknown_price
from motionkit.model.job import KeyState, State
from motionkit.model.money import EXACT, Cost, CostBasis, dollars, possible

_FINAL = frozenset(state.value for state in State if state.terminal)
_PAGE = 1000
"""Purchases that are counted in one transaction."""
_ALIKE = 1024
"""Texts that are read once: purchases of one day, route and price are alike in all that counts."""
_AT_ONCE = 100
"""Counters that one statement changes."""
_COLUMNS = ("kind", "name", "sandbox", "span", "first", "spent", "held")
NOTHING = ""
"""What ``counted`` holds of a purchase that adds nothing."""

Counter = tuple[str, str, int, str, int]
"""A row of ``spent``: kind (route, accounts, batch), name, sandbox, span, first day."""
Amounts = tuple[Decimal, Decimal]
"""US dollars: what is spent, and what is held."""
_Parts = tuple[tuple[str, str], ...]
"""Kinds and names of counters."""
_Query = Callable[[str, Mapping[str, Any]], Sequence[Row]]

_UNCOUNTED = (
    "SELECT created, key FROM purchases WHERE counted IS NULL AND (created,key)>(:created,:key)"
    " ORDER BY created, key LIMIT :limit"
)
COUNTED = "key, cost, reserved, reserved_at, state, sandbox, route, batch, counted"
"""The columns that decide what a purchase adds."""
_PURCHASES = f"SELECT {COUNTED} FROM purchases WHERE key{{}} ORDER BY key"  # noqa: S608 - constants
_MISSING = (
    "SELECT kind, name, span, first, spent, held FROM (SELECT 'missing' AS kind, key AS name,"
    " '' AS span, 0 AS first, '' AS spent, '' AS held FROM purchases WHERE counted IS NULL"
    " ORDER BY created, key LIMIT 1) AS uncounted"
)
_OWN = "SELECT 'own', COALESCE(counted,''), '', 0, '', '' FROM purchases WHERE key=:key"
_ACCOUNTS = "SELECT DISTINCT key, account FROM attempts WHERE key{}"
_ONE, _SOME = "=:keys", " IN (SELECT value FROM json_each(:keys))"
_COUNT = (
    "UPDATE purchases SET counted=:counted"
    " WHERE key=:key AND COALESCE(counted,'null')=COALESCE(CAST(:before AS TEXT),'null')"
)
_COUNT_MANY = (
    "UPDATE purchases SET counted=each.column3 FROM (VALUES {}) AS each"
    " WHERE purchases.key=each.column1"
    " AND COALESCE(purchases.counted,'null')=COALESCE(each.column2,'null')"
    " RETURNING purchases.key AS key"
)
_ADD = f"INSERT INTO spent ({', '.join(_COLUMNS)}) VALUES "  # noqa: S608 - a constant
_ADDED = (
    " ON CONFLICT (kind, name, sandbox, span, first) DO UPDATE SET"
    " spent=decimal_add(spent.spent,excluded.spent), held=decimal_add(spent.held,excluded.held)"
)
_ALL = (
    "SELECT counted, COUNT(*) AS n, NULL AS kind, NULL AS name, NULL AS sandbox, NULL AS span,"
    " NULL AS first, NULL AS spent, NULL AS held FROM purchases GROUP BY counted"
    " UNION ALL SELECT NULL, 0, kind, name, sandbox, span, first, spent, held FROM spent"
    " UNION ALL SELECT adds, COUNT(*), NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM pruned"
    " GROUP BY adds"
)
"""Purchases, pruned ones and counters in one statement: all as they are at one moment."""

log = logging.getLogger("motionkit")


def statuses(
    store: Store,
    limits: Sequence[Budget],
    now: float,
    *,
    sandbox: bool,
    apart_from: str | None = None,
    db: Connection | None = None,
) -> list[BudgetStatus]:
    """Return how much of each budget is used; purchases that are not counted yet are counted.

    Args:
        store: The journal's database.
        limits: The budgets.
        now: Epoch seconds.
        sandbox: Count the purchases in sandboxes, which count against no real budget; the real
            ones otherwise. Older versions did not record which it was: those count as real.
        apart_from: A key that does not count.
        db: The connection inside a transaction, if there is one.

    Raises:
        JournalError: What a purchase reserved cannot be read, so that no budget is known.
    """
    wanted = _wanted(limits, now)
    ask: _Query = store.query if db is None else lambda text, of: db.execute(text, of).fetchall()
    counters, own, missing = _read(ask, wanted, apart_from, sandbox=sandbox)
    if missing:
        count_missing(store, db)
        counters, own, _ = _read(ask, wanted, apart_from, sandbox=sandbox)
    for counter, amounts in _parts(own):
        if counter in counters:
            _add(counters, counter, amounts, -1)
    found = []
    for budget in limits:
        span, first = _since(budget, now)
        spent = held = Decimal(0)
        for (kind, name, _, its_span, day), amounts in counters.items():
            if its_span == span and day >= first and _counts(budget, kind, name):
                spent, held = EXACT.add(spent, amounts[0]), EXACT.add(held, amounts[1])
        # What was added and taken away again is "0.00": nothing is shown as 0.
        spent, held = spent or Decimal(0), held or Decimal(0)
        found.append(budget.status(now, spent, held, sandbox=sandbox))
    return found


def _since(budget: Budget, now: float) -> tuple[str, int]:
    """Return the span of the counters that add up to a budget's period, and its first day."""
    since = dt.datetime.fromtimestamp(budget.since(now), dt.UTC)
    return ("month" if since.day == 1 else "day"), _days(since)


_Part = tuple[str, str | None, str]
"""Counters that are read: kind, name (None for all), and span."""


def _wanted(limits: Iterable[Budget], now: float) -> Mapping[_Part, int]:
    """Return the counters that budgets are made of, and the first day from which each is read.

    Most budgets share them: the counters of a week contain those of a day.
    """
    parts: dict[_Part, int] = {}
    for budget in limits:
        span, first = _since(budget, now)
        kind, name = ("route", budget.route) if budget.batch is None else ("batch", budget.batch)
        asked = [(kind, name, span)]
        if budget.batch is None and (budget.route is None or budget.accounts):
            asked.append(("accounts", None, span))
        for part in asked:
            parts[part] = min(first, parts.get(part, first))
    for kind, name, span in list(parts):
        everything = parts.get((kind, None, span))
        if name is not None and everything is not None:
            parts[kind, None, span] = min(everything, parts.pop((kind, name, span)))
    return parts


def _read(
    ask: _Query, wanted: Mapping[_Part, int], key: str | None, *, sandbox: bool
) -> tuple[dict[Counter, Amounts], str, bool]:
    """Read counters, in one statement: a budget is read in every purchase.

    Returns:
        The counters; what the key adds to them; whether they lack purchases.
    """
    statements = [_MISSING]
    values: dict[str, Any] = {"sandbox": sandbox}
    if key is not None:
        statements.append(_OWN)
        values["key"] = key
    for number, ((kind, name, span), first) in enumerate(wanted.items()):
        own: dict[str, Any] = {"kind": kind, "span": span, "first": first}
        named = ""
        if name is not None:
            own["name"], named = name, f" AND name=:name{number}"
        values |= {f"{column}{number}": value for column, value in own.items()}
        statements.append(
            "SELECT kind, name, span, first, spent, held FROM spent"  # noqa: S608 - constants
            f" WHERE kind=:kind{number}{named} AND sandbox=:sandbox AND span=:span{number}"
            f" AND first>=:first{number}"
        )
    counters: dict[Counter, Amounts] = {}
    adds, missing = NOTHING, False
    for row in ask(" UNION ALL ".join(statements), values):
        if row["kind"] == "missing":
            missing = True
        elif row["kind"] == "own":
            adds = row["name"]
        else:
            counter = (row["kind"], row["name"], int(sandbox), row["span"], row["first"])
            counters[counter] = Decimal(row["spent"]), Decimal(row["held"])
    return counters, adds, missing


def _counts(budget: Budget, kind: str, name: str) -> bool:
    """Return whether a counter belongs to a budget."""
    if budget.batch is not None:
        return kind == "batch" and name == budget.batch
    if budget.route is None or kind == "batch":
        return kind != "batch"
    if kind == "route":
        return name == budget.route
    return not set(budget.accounts).isdisjoint(json.loads(name))


def counted_by(budget: Budget) -> str:
    """Return a name for what counts against a budget: a purchase under it locks that."""
    if budget.batch is not None:
        return f"batch {budget.batch}"
    return "all" if budget.route is None else f"route {budget.route}"


def require(
    store: Store,
    purchase: NewPurchase,
    now: float,
    besides: Decimal = Decimal(0),
    *,
    known: bool = True,
    db: Connection | None = None,
) -> None:
    """Refuse a purchase whose quote's high does not fit into every one of its budgets.

    Two processes cannot both take the last dollar: the caller writes the purchase in the same
    transaction, which locks the budgets.

    Args:
        store: The journal's database.
        purchase: With its quote and its budgets.
        now: Epoch seconds.
        besides: US dollars that the same command is going to spend elsewhere.
        known: Whether the counters may have its key already.
        db: The connection inside a transaction, if there is one.

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
    for used in statuses(
        store,
        purchase.budgets,
        now,
        sandbox=purchase.sandbox,
        apart_from=purchase.key if known else None,
        db=db,
    ):
        used.require(wanted + besides)


def count_missing(store: Store, db: Connection | None = None) -> None:
    """Count the purchases that are in no counter yet; there are some once, after an upgrade.

    Args:
        store: The journal's database.
        db: The connection inside a transaction; None makes transactions of its own.

    Raises:
        JournalError: What a purchase reserved cannot be read, so that no budget is known.
    """
    # In the order in which they were written: neighbours are in one page of the file.
    first = {"created": -1e300, "key": ""}
    after, total = first, 0
    while True:
        found = store.query(_UNCOUNTED, {**after, "limit": _PAGE})
        keys = [row["key"] for row in found]
        if not keys:
            break
        if db is not None:
            _recount(db, keys)
        else:
            with store.writing() as own:
                _recount(own, keys)
        after, total = {name: found[-1][name] for name in first}, total + len(keys)
    if not total:
        return
    log.info("counted %d purchases for the budgets", total)
    left = store.query(_UNCOUNTED, {**first, "limit": 1})
    if left:
        raise JournalError(
            f"the purchase {left[0]['key']!r} is corrupt: what it reserved cannot be read, so that "
            "no budget can be checked",
            hint="put a copy of the journal back, or name another file as the journal",
        )


def recount(db: Connection, key: str) -> None:
    """Correct the counters after a change of a purchase or its attempts, in their transaction.

    It is the last that a transaction writes: the rows of ``spent`` are shared by many purchases.
    """
    _recount(db, [key])


def recount_changed(db: Connection, row: Row) -> None:
    """Do what `recount` does after a change that added no attempt.

    Args:
        db: The connection inside the transaction.
        row: The purchase, as the statement that changed it returned its `COUNTED`.
    """
    before = row["counted"]
    if not before:
        recount(db, row["key"])
        return
    now = counted(row, to=_counters_of(before))
    if now != before:
        db.send(_COUNT, {"key": row["key"], "before": before, "counted": now})
        for text, values in _replacing(before, now):
            db.send(text, values)


def _recount(db: Connection, keys: Sequence[str]) -> None:
    changes: dict[Counter, Amounts] = {}
    while keys:
        wanted = {}
        for row, accounts in _rows(lambda text, of: db.execute(text, of).fetchall(), keys):
            before, now = row["counted"], counted(row, accounts)
            if now != before:
                wanted[row["key"]] = before, now
        done = _noted(db, wanted)
        for key in done:
            _replace(changes, *wanted[key])
        keys = [key for key in wanted if key not in done]  # another transaction counted them
    _change(db, changes)


def _noted(db: Connection, wanted: Mapping[str, tuple[str | None, str | None]]) -> frozenset[str]:
    """Note at purchases what they add, where they still have what they had; return those."""
    listed = [(key, before, now) for key, (before, now) in wanted.items()]
    if len(listed) == 1:
        key, before, now = listed[0]
        values = {"key": key, "before": before, "counted": now}
        return frozenset([key] if db.execute(_COUNT, values).rowcount else [])
    done: set[str] = set()
    for begin in range(0, len(listed), _AT_ONCE):
        some = listed[begin : begin + _AT_ONCE]
        names = [[f"{column}{n}" for column in ("key", "before", "now")] for n in range(len(some))]
        rows = ",".join(f"({','.join(f'CAST(:{name} AS TEXT)' for name in row)})" for row in names)
        given = dict(zip(itertools.chain(*names), itertools.chain(*some), strict=True))
        done |= {row["key"] for row in db.execute(_COUNT_MANY.format(rows), given).fetchall()}
    return frozenset(done)


def _replace(changes: dict[Counter, Amounts], before: str | None, now: str | None) -> None:
    for sign, text in ((-1, before), (1, now)):
        for counter, amounts in _parts(text):
            _add(changes, counter, amounts, sign)


def carry(db: Connection, inserted: Iterable[str | None]) -> None:
    """Add purchases that were inserted with these texts as what they add."""
    changes: dict[Counter, Amounts] = {}
    for text in inserted:
        _replace(changes, None, text)
    _change(db, changes)


def counting(
    row: Mapping[str, Any], account: str
) -> tuple[str | None, Sequence[tuple[str, Mapping[str, Any]]]]:
    """Return what a new purchase adds, and the statements that do it after its insertion.

    Args:
        row: Its `COUNTED`.
        account: That of its attempt.
    """
    adds = counted(row, [account])
    return adds, _replacing(None, adds)


@functools.lru_cache(maxsize=_ALIKE)
def _replacing(before: str | None, now: str | None) -> Sequence[tuple[str, Mapping[str, Any]]]:
    """Return the statements that count a purchase as it is now."""
    changes: dict[Counter, Amounts] = {}
    _replace(changes, before, now)
    return _statements(changes)


def _change(db: Connection, changes: Mapping[Counter, Amounts]) -> None:
    """Add to the counters, as the last that a transaction writes."""
    for text, values in _statements(changes):
        db.send(text, values)


def _statements(changes: Mapping[Counter, Amounts]) -> list[tuple[str, Mapping[str, Any]]]:
    """Return the statements that add to the counters."""
    statements: list[tuple[str, Mapping[str, Any]]] = []
    # In one order: two transactions that lock rows in different orders can wait for each other.
    # One statement, and a short one: SQLite allows 999 parameters.
    changed = [
        (*counter, *map(str, amounts))
        for counter, amounts in sorted(changes.items())
        if any(amounts)
    ]
    for begin in range(0, len(changed), _AT_ONCE):
        some = changed[begin : begin + _AT_ONCE]
        text, names = _adding(len(some))
        values = itertools.chain.from_iterable(some)
        statements.append((text, dict(zip(names, values, strict=True))))
    return statements


@functools.lru_cache(maxsize=_AT_ONCE)
def _adding(rows: int) -> tuple[str, Sequence[str]]:
    """Return the statement that adds to so many counters, and the names of its parameters."""
    names = [[f"{column}{number}" for column in _COLUMNS] for number in range(rows)]
    listed = ",".join(f"({','.join(f':{name}' for name in row)})" for row in names)
    return f"{_ADD}{listed}{_ADDED}", list(itertools.chain.from_iterable(names))


def _rows(query: _Query, keys: Sequence[str]) -> Iterator[tuple[Row, Sequence[str]]]:
    """Yield purchases, and the accounts of those without a route."""
    which, given = (_ONE, keys[0]) if len(keys) == 1 else (_SOME, json.dumps(keys))
    found = query(_PURCHASES.format(which), {"keys": given})
    accounts: defaultdict[str, list[str]] = defaultdict(list)
    if any(row["route"] is None for row in found):
        for row in query(_ACCOUNTS.format(which), {"keys": given}):
            accounts[row["key"]].append(row["account"])
    for row in found:
        yield row, sorted(accounts[row["key"]])


def counted(
    row: Mapping[str, Any] | Row,
    accounts: Sequence[str] = (),
    to: _Parts | None = None,
) -> str | None:
    """Return what a purchase adds to the counters; None where its reservation is unreadable.

    Args:
        row: Its `COUNTED`.
        accounts: Those of its attempts.
        to: The kinds and names of its counters, where they are known.
    """
    if row["state"] == KeyState.REFUSED.value or row["reserved_at"] is None:
        return NOTHING
    try:
        amount, final = _amount(row)
        day = int(row["reserved_at"] // _DAY)
    except (ArithmeticError, ValueError, TypeError):
        return None
    if not amount:
        return NOTHING
    if to is None:
        direct = row["route"] is None
        to = (("accounts", codec.dumps(list(accounts))) if direct else ("route", row["route"]),)
        if row["batch"] is not None:
            to += (("batch", row["batch"]),)
    return _text(to, int(bool(row["sandbox"])), day, str(amount), final)


@functools.lru_cache(maxsize=_ALIKE)
def _text(to: _Parts, sandbox: int, day: int, usd: str, final: bool) -> str:
    """Return what a purchase stores in `counted`."""
    adds = {"to": to, "sandbox": sandbox, "day": day, ("spent" if final else "held"): usd}
    return codec.dumps(adds)


@functools.lru_cache(maxsize=_ALIKE)
def _counters_of(counted: str) -> _Parts:
    """Return the kinds and names of the counters that a purchase adds to."""
    return tuple((kind, name) for kind, name in json.loads(counted)["to"])


def _amount(row: Mapping[str, Any] | Row) -> tuple[Decimal, bool]:
    """Return the US dollars of a purchase that count against budgets, and whether that is final.

    Raises:
        ArithmeticError, ValueError: What it reserved is no amount.
    """
    charged = _charged(row["cost"]) if row["cost"] else None
    if charged is not None:
        return charged, True
    reserved = Decimal(row["reserved"] or 0)
    if not reserved.is_finite():
        raise ValueError(f"{reserved} is no amount")
    return reserved, row["state"] in _FINAL


@functools.lru_cache(maxsize=_ALIKE)
def _charged(text: str) -> Decimal | None:
    """Return the US dollars that a cost says were charged; None where it does not."""
    try:
        cost = unpacked(text, Cost)
    except (ValueError, TypeError, ArithmeticError, InvalidRequest):
        return None  # an unreadable cost must not free money: the reservation counts
    if cost is None or cost.usd is None or cost.basis is CostBasis.ASSUMED or not possible(cost):
        return None
    return Decimal(cost.usd)


def _parts(counted: str | None) -> Iterator[tuple[Counter, Amounts]]:
    """Yield the counters that a purchase adds to, and how much."""
    if not counted:
        return
    one = json.loads(counted)
    amounts = Decimal(one.get("spent", 0)), Decimal(one.get("held", 0))
    spans = (("day", one["day"]), ("month", _month_of(one["day"])))
    for kind, name in one["to"]:
        for span, first in spans:
            yield (kind, name, one["sandbox"], span, first), amounts


@functools.lru_cache(maxsize=64)
def _month_of(day: int) -> int:
    """Return the first day of a day's month; both in days since the epoch."""
    return (_EPOCH + dt.timedelta(days=day)).replace(day=1).toordinal() - _EPOCH.toordinal()


_EPOCH = dt.date(1970, 1, 1)
_DAY = 86_400


def _days(moment: dt.datetime) -> int:
    return (moment.date() - _EPOCH).days


def _add(sums: dict[Counter, Amounts], counter: Counter, amounts: Amounts, times: int) -> None:
    spent, held = sums.get(counter, (Decimal(0), Decimal(0)))
    sums[counter] = (
        EXACT.fma(amounts[0], times, spent),
        EXACT.fma(amounts[1], times, held),
    )


def verify(store: Store) -> list[str]:
    """Compare the counters with the purchases; return what differs, in words.

    Others may buy meanwhile. It reads every purchase, in pages.
    """
    problems = []
    try:
        count_missing(store)
    except JournalError as error:
        problems.append(error.message)
    problems += [
        f"{key} counts as {before or 'nothing'} against budgets instead of {now or 'nothing'}"
        for key, before, now in _miscounted(store)
    ]
    wanted: dict[Counter, Amounts] = {}
    counters: dict[Counter, Amounts] = {}
    for row in store.query(_ALL):
        if row["kind"] is None:
            for counter, amounts in _parts(row["counted"]):
                _add(wanted, counter, amounts, row["n"])
        else:
            counter = (row["kind"], row["name"], row["sandbox"], row["span"], row["first"])
            counters[counter] = Decimal(row["spent"]), Decimal(row["held"])
    nothing = Decimal(0), Decimal(0)
    for counter in sorted(wanted.keys() | counters.keys()):
        has, should = counters.get(counter, nothing), wanted.get(counter, nothing)
        if has != should:
            kind, name, sandbox, span, first = counter
            begin = _EPOCH + dt.timedelta(days=first)
            problems.append(
                f"the counter of {kind} {name}{' in the sandbox' * sandbox} for the {span} from "
                f"{begin} has {dollars(has[0])} spent and {dollars(has[1])} held; the purchases "
                f"add up to {dollars(should[0])} and {dollars(should[1])}"
            )
    return problems


def _miscounted(store: Store) -> Iterator[tuple[str, str | None, str | None]]:
    """Yield purchases that are counted, but not as they are now."""
    after = ""
    while True:
        found = store.query(
            "SELECT key FROM purchases WHERE key>:after ORDER BY key LIMIT :limit",
            {"after": after, "limit": _PAGE},
        )
        if not found:
            return
        keys = [row["key"] for row in found]
        # Read again: between its two queries, a purchase may have been submitted again.
        doubtful = [key for key, before, now in _compared(store, keys) if before != now]
        for key, before, now in _compared(store, doubtful):
            if before != now:
                yield key, before, now
        after = keys[-1]


def _compared(store: Store, keys: Sequence[str]) -> list[tuple[str, str | None, str | None]]:
    return [
        (row["key"], row["counted"], counted(row, accounts))
        for row, accounts in _rows(store.query, keys)
        if row["counted"] is not None
    ]
