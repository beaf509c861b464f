"""Read everything that is in a journal, and say what is wrong with it. Repairs nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import attrs

from motionkit.errors import InvalidRequest, JournalError, MotionKitError
from motionkit.journal import budget, rows
from motionkit.journal.databases import open_store
from motionkit.journal.journal import Journal
from motionkit.journal.pending import Pending
from motionkit.journal.schema import SCHEMA_VERSION
from motionkit.journal.store import Store, Where

_PAGE = 500
_NAMED = 20
"""Findings of one kind that are listed one by one."""

_QUESTIONS = (
    (
        "an attempt of a purchase that does not exist",
        (
            "SELECT id AS name FROM attempts a"
            " WHERE NOT EXISTS (SELECT 1 FROM purchases p WHERE p.key=a.key)"
        ),
    ),
    (
        "a purchase that was pruned and is still there",
        ("SELECT key AS name FROM pruned WHERE key IN (SELECT key FROM purchases)"),
    ),
    (
        "a purchase without an attempt",
        (
            "SELECT key AS name FROM purchases p"
            " WHERE NOT EXISTS (SELECT 1 FROM attempts a WHERE a.key=p.key)"
        ),
    ),
    (
        "a purchase whose job is missing",
        (
            "SELECT key AS name FROM purchases p"
            " WHERE state IN ('queued','running','succeeded','failed','blocked','unknown')"
            " AND NOT EXISTS (SELECT 1 FROM attempts a WHERE a.key=p.key AND a.job IS NOT NULL)"
        ),
    ),
    (
        "an accepted attempt without its job",
        ("SELECT id AS name FROM attempts WHERE (vendor_id IS NULL)<>(job IS NULL)"),
    ),
    (
        "a rating of a purchase that does not exist",
        (
            "SELECT key AS name FROM ratings r"
            " WHERE NOT EXISTS (SELECT 1 FROM purchases p WHERE p.key=r.key)"
        ),
    ),
    (
        "a rating that is not from 1 to 5 stars",
        ("SELECT key AS name FROM ratings WHERE stars NOT IN (1,2,3,4,5)"),
    ),
    (
        "an item of a batch that does not exist",
        (
            "SELECT key AS name FROM items i"
            " WHERE NOT EXISTS (SELECT 1 FROM batches b WHERE b.id=i.batch)"
        ),
    ),
    (
        "an item that is done without a purchase",
        (
            "SELECT key AS name FROM items i WHERE state='done'"
            " AND NOT EXISTS (SELECT 1 FROM purchases p WHERE p.key=i.key)"
        ),
    ),
)
"""What is wrong, and the statement that finds where."""


@attrs.frozen
class Checked:
    """What a journal contains, and what is wrong with it.

    Attributes:
        place: The journal, without a password.
        schema: The version of its tables.
        purchases: How many there are.
        attempts: How many there are.
        problems: One sentence each; empty for a sound journal.
        notes: What is no fault, but should be known.
    """

    place: str
    schema: int
    purchases: int
    attempts: int
    problems: tuple[str, ...]
    notes: tuple[str, ...] = ()


def check_journal(where: Where) -> Checked:
    """Read a whole journal, in pages.

    Args:
        where: The journal. Records that wait beside it stay there.

    Raises:
        JournalError: It does not exist or cannot be read.
    """
    if where is None:
        raise JournalError("a journal in memory cannot be checked: it is another one each time")
    if isinstance(where, Path) and not where.exists():
        raise JournalError(f"there is no journal {where}")
    store = open_store(where)
    try:
        counts = {
            table: store.query(f"SELECT COUNT(*) AS n FROM {table}")[0]["n"]  # noqa: S608
            for table in ("purchases", "attempts")
        }
        problems = [
            *store.integrity(),
            *_limited("a corrupt purchase", _corrupt(store)),
            *(text for what, query in _QUESTIONS for text in _limited(what, _names(store, query))),
            *budget.verify(store),
        ]
        waiting, notes = _records(store)
        return Checked(
            store.place,
            SCHEMA_VERSION,
            counts["purchases"],
            counts["attempts"],
            tuple(problems + waiting),
            tuple(notes),
        )
    finally:
        store.close()


def _names(store: Store, query: str) -> Iterator[str]:
    return (row["name"] for row in store.query(f"{query} LIMIT 1000"))


def _limited(what: str, names: Iterator[str]) -> Iterator[str]:
    more = 0
    for number, name in enumerate(names):
        if number < _NAMED:
            yield f"{what}: {name}"
        else:
            more += 1
    if more:
        yield f"{what}: at least {more} more"


def _corrupt(store: Store) -> Iterator[str]:
    """Yield key and fault of each purchase that cannot be read."""
    after = ""
    while True:
        page = store.query(
            "SELECT * FROM purchases WHERE key>:after ORDER BY key LIMIT :page",
            {"after": after, "page": _PAGE},
        )
        attempts = Journal.attempts_of(store, [row["key"] for row in page])
        for row in page:
            try:
                rows.purchase_of(row, attempts[row["key"]])
            except (ValueError, TypeError, LookupError, InvalidRequest) as error:
                why = error.message if isinstance(error, MotionKitError) else str(error)
                yield f"{row['key']}: {why}"
        if len(page) < _PAGE:
            return
        after = page[-1]["key"]


def _records(store: Store) -> tuple[list[str], list[str]]:
    """Return what waits beside the journal, and beside other journals on this machine."""
    if store.pending is None:
        return [], []
    problems, notes = [], []
    waiting = len(Pending(store.pending).paths())
    if waiting:
        wait = "1 record waits" if waiting == 1 else f"{waiting} records wait"
        problems.append(f"{wait} in {store.pending}: the next use of the journal takes them")
    kept = sorted(store.pending.glob("*.kept")) if store.pending.is_dir() else []
    problems += [f"the journal could not take the record {path}" for path in kept]
    if store.shared and store.pending.parent.is_dir():
        others = sorted(store.pending.parent.glob("journal-*-pending"))
        notes += [
            f"{one} has records of another database" for one in others if one != store.pending
        ]
    return problems, notes
