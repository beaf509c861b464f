"""Take old purchases out of the journal, and give up files that are no longer wanted.

Of a pruned purchase its key stays, which must not be bought again, and what it came to: `spend` and
budgets say the same before and after.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs

from motionkit.journal import budget, spending
from motionkit.journal.entries import PurchaseRecord
from motionkit.journal.store import Connection, Lock, Store
from motionkit.model import codec
from motionkit.model.spending import Spend, Sums, totals

_PAGE = 200
_LOCKS: Sequence[Lock] = (("prune", ""),)

_OVER = (
    "{0}updated<:before AND {0}ambiguous=0"
    " AND ({0}state IN ('refused','failed','blocked','gone') OR ({0}state='succeeded'"
    " AND ({0}delivered IS NOT NULL OR {0}forgotten IS NOT NULL)))"
    # The results of a batch are read from its purchases.
    " AND NOT EXISTS (SELECT 1 FROM batches WHERE batches.id={0}batch)"
    " AND NOT EXISTS (SELECT 1 FROM items WHERE items.key={0}key)"
    # A submit that may have arrived takes its slot for a while.
    " AND NOT EXISTS (SELECT 1 FROM attempts s WHERE s.key={0}key AND s.slot_until>:now)"
)
"""What may be pruned: finished and delivered, without a result, or given up."""
_KEYS = "key IN (SELECT value FROM json_each(:keys))"
_INSERT = (
    "INSERT INTO pruned (key, state, created, reserved_at, pruned, account, model, route, labels,"
    " sandbox, paid, adds) VALUES (:key, :state, :created, :reserved_at, :now, :account, :model,"
    " :route, :labels, :sandbox, :paid, :adds)"
)


@attrs.frozen(kw_only=True)
class Prunable:
    """Purchases that `prune` takes out of the journal.

    Attributes:
        before: They did not change since then; epoch seconds.
        jobs: How many there are.
        states: How many of each stored state.
        spend: What they came to, for each unit of money; sandboxes apart.
    """

    before: float
    jobs: int
    states: Mapping[str, int]
    spend: tuple[Spend, ...]


def prunable(store: Store, before: float) -> Prunable:
    """Return what `prune` would take out.

    Raises:
        JournalError: It cannot be read, or a purchase is corrupt.
    """
    states: Counter[str] = Counter()
    sums = Sums("day")
    for page in _pages(store, before):
        _add(states, sums, page)
    return _found(before, states, sums)


def prune(store: Store, before: float) -> Prunable:
    """Take finished purchases out of the journal that did not change since a moment.

    Args:
        store: The journal's database.
        before: Epoch seconds.

    Returns:
        What was taken out. Interrupted, it leaves a journal without some of them; run again, it
        takes the rest.

    Raises:
        JournalError: It cannot be read or written, or a purchase is corrupt.
    """
    budget.count_missing(store)
    states: Counter[str] = Counter()
    sums = Sums("day")
    for page in _pages(store, before):
        keys = json.dumps([row["key"] for row in page])
        with store.writing("prune", locks=_LOCKS) as db:
            _add(states, sums, _prune(db, {"keys": keys, "before": before, "now": store.now()}))
    return _found(before, states, sums)


def _found(before: float, states: Counter[str], sums: Sums) -> Prunable:
    spent = tuple(totals(sums.rows()))
    listed = dict(sorted(states.items()))
    return Prunable(before=before, jobs=states.total(), states=listed, spend=spent)


def _add(states: Counter[str], sums: Sums, rows: Sequence[Any]) -> None:
    states.update(row["state"] for row in rows)
    for row in rows:
        paid = spending.paid_for(row)
        if paid is not None:
            sums.add(None, paid, sandbox=bool(row["sandbox"]))


def _pages(store: Store, before: float) -> Iterator[Sequence[Any]]:
    after = ""
    while True:
        found = store.query(
            f"SELECT {spending.COLUMNS} FROM {spending.JOINED} WHERE p.key>:after"  # noqa: S608
            f" AND {_OVER.format('p.')} ORDER BY p.key LIMIT :page",
            {"after": after, "before": before, "now": store.now(), "page": _PAGE},
        )
        if found:
            yield found
        if len(found) < _PAGE:
            return
        after = found[-1]["key"]


def _prune(db: Connection, values: Mapping[str, Any]) -> Sequence[Any]:
    """Take some purchases out, those that are still finished; return them."""
    # Attempts first, as everywhere: two transactions that lock rows in different orders can wait
    # for each other. Another process may have submitted a refused key again meanwhile.
    db.execute(f"UPDATE attempts SET state=state WHERE {_KEYS}", values)  # noqa: S608 - constants
    locked = db.execute(
        f"UPDATE purchases SET updated=updated WHERE {_KEYS}"  # noqa: S608 - constants
        f" AND counted IS NOT NULL AND {_OVER.format('purchases.')} RETURNING key",
        values,
    ).fetchall()
    values = {**values, "keys": json.dumps([row["key"] for row in locked])}
    found = db.execute(
        f"SELECT {spending.COLUMNS} FROM {spending.JOINED} WHERE p.{_KEYS}",  # noqa: S608
        values,
    ).fetchall()
    for row in found:
        paid = spending.paid_for(row)
        if paid is None:
            continue  # a refused key was not charged: it may be used again
        kept = {name: row[name] for name in ("key", "state", "created", "route", "labels")}
        db.execute(
            _INSERT,
            {
                **kept,
                "now": values["now"],
                "reserved_at": spending.day_of(row),
                "account": row["account"],
                "model": spending.model_of(row),
                "sandbox": row["sandbox"],
                "paid": codec.pack(paid),
                "adds": row["counted"],
            },
        )
    db.execute(f"DELETE FROM ratings WHERE {_KEYS}", values)  # noqa: S608 - constants
    db.execute(f"DELETE FROM attempts WHERE {_KEYS}", values)  # noqa: S608 - constants
    db.execute(f"DELETE FROM purchases WHERE {_KEYS}", values)  # noqa: S608 - constants
    return found


def forget(store: Store, record: PurchaseRecord) -> bool:
    """Give up the file of a succeeded purchase that was never downloaded.

    Returns:
        False where it was downloaded or given up meanwhile; nothing was written then.
    """
    changed = store.execute(
        "UPDATE purchases SET forgotten=:now, updated=:now"
        " WHERE key=:key AND state='succeeded' AND delivered IS NULL AND forgotten IS NULL",
        {"key": record.key, "now": store.now()},
    )
    return changed > 0
