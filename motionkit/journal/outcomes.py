"""What follows a paid call, as records that can be written late, twice, and by another process.

A record that the journal cannot take is kept in a file beside it (`motionkit.journal.pending`).
Every function here therefore leaves alone what a newer record has written, and writes the same when
it is called again. The statements take a record's own fields and `STATES` as parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from motionkit.journal import budget
from motionkit.journal.entries import stalled_after
from motionkit.journal.rows import STATES, packed
from motionkit.journal.store import Connection
from motionkit.model.job import Job, KeyState

ACCEPTED, OBSERVED, DELIVERED = "accepted", "observed", "delivered"
"""Kinds of records, beside the values of `KeyState`. An attempt with a job is ACCEPTED too."""

Record = Mapping[str, Any]

_QUEUED = (
    "UPDATE purchases SET state=:queued, ambiguous=0, cost=:cost, error=NULL, updated=:at"
    " WHERE key=:key AND state IN (:intended,:uncertain"
)
# The owner of a job. The key that the job itself names does not count: a job from another journal
# names one there.
_OWNED = "key=(SELECT key FROM attempts WHERE fingerprint=:fingerprint AND vendor_id=:job)"


def apply(db: Connection, record: Record) -> bool:
    """Write a record; return whether it changed anything (ACCEPTED: whether the key is its own)."""
    return _APPLY[record["kind"]](db, {**STATES, **record})


def lock(db: Connection, key: str) -> None:
    """Let no other transaction change a purchase or add an attempt to it, until this one ends.

    A statement of PostgreSQL that waits for another transaction's row sees its new content, but of
    other tables what there was before. The statement after this one sees the new attempt, too.
    """
    db.send("UPDATE purchases SET updated=updated WHERE key=:key", {"key": key})


def _change(db: Connection, statement: str, record: Record) -> bool:
    """Change a purchase, and what it adds to the budgets' counters."""
    changed = db.execute(f"{statement} RETURNING {budget.COUNTED}", record).fetchall()
    if changed:
        budget.recount_changed(db, changed[0])
    return bool(changed)


def _settled(db: Connection, record: Record) -> bool:
    """Write the outcome of an attempt that has no job.

    A job that another process has written meanwhile stays, and so does an ambiguity. Once a key has
    a further attempt, a late record about an earlier one does not change the purchase.
    """
    db.send(
        # What may have arrived keeps its slot until its time is over: a lost job may take it.
        "UPDATE attempts SET state=:kind, error=:error,"
        " slot_until=CASE WHEN :kind=:refused THEN NULL ELSE slot_until END"
        " WHERE id=:attempt AND vendor_id IS NULL",
        record,
    )
    lock(db, record["key"])
    _change(
        db,
        "UPDATE purchases SET state=CASE WHEN ambiguous<>0 THEN :uncertain ELSE :kind END,"
        " ambiguous=CASE WHEN :kind=:uncertain THEN 1 ELSE ambiguous END, error=:error,"
        " updated=:at"
        " WHERE key=:key AND state IN (:intended,:uncertain,:refused) AND :attempt="
        "(SELECT id FROM attempts WHERE key=purchases.key ORDER BY rowid DESC LIMIT 1)",
        record,
    )
    return True


def _accepted(db: Connection, record: Record) -> bool:
    """Write the job of an attempt; False when the job or the attempt belongs to another one."""
    if "lease" not in record:  # an older version kept it
        job = Job.from_json(record["job"])
        own = {"vendor_id": job.id, "cost": packed(job.cost), "lease": stalled_after(job)}
        record = {**record, **own}
    values = {**record, "slot_until": record["at"] + record["lease"]}
    # Asked, not left to the unique index: after its error a transaction of PostgreSQL is dead.
    owned = db.execute(
        "UPDATE attempts SET state=:kind, vendor_id=:vendor_id, job=:job, error=NULL,"
        # Once: written again later, it must not take a slot for a job that has ended since.
        " slot_until=CASE WHEN vendor_id IS NULL THEN :slot_until ELSE slot_until END"
        " WHERE id=:attempt AND (vendor_id IS NULL OR vendor_id=:vendor_id)"
        " AND NOT EXISTS (SELECT 1 FROM attempts other WHERE other.vendor_id=:vendor_id"
        " AND other.fingerprint=attempts.fingerprint AND other.id<>attempts.id)",
        values,
    ).rowcount
    # Without a cost, an unfinished purchase continues to count what it reserved.
    counts = record["cost"] is not None or (
        owned and not db.execute(f"{_QUEUED}) AND cost IS NULL", values).rowcount
    )
    if owned and counts:
        _change(db, f"{_QUEUED},:refused)", values)
    return owned > 0


def _observed(db: Connection, record: Record) -> bool:
    """Write an observation of a job; return whether it changed anything."""
    record = {"timed": None, **record}  # older versions did not record it
    if record["ended"] is not None:
        db.send(
            "UPDATE attempts SET slot_until=NULL WHERE fingerprint=:fingerprint AND vendor_id=:job",
            record,
        )
    changed = _change(
        db,
        "UPDATE purchases SET state=:state, word=:word, error=:error,"  # noqa: S608 - a constant
        " cost=COALESCE(:cost,cost), updated=:at, finished=COALESCE(finished,"
        # NULL while the job runs: no database may skip it here
        " CASE WHEN :ended<created THEN created ELSE :ended END),"
        f" timed=COALESCE(timed,:timed) WHERE {_OWNED} AND state<>:succeeded"
        " AND (state<>:gone OR :state=:succeeded)"
        " AND (state NOT IN (:failed,:blocked) OR (:state=:succeeded AND :result<>0))",
        record,
    )
    if not changed and record.get("refunded"):  # vendors list a refund later than the failure
        _change(
            db,
            "UPDATE purchases SET cost=:cost, error=:error, updated=:at"  # noqa: S608 - a constant
            f" WHERE {_OWNED} AND state=:state AND state=:failed",
            record,
        )
    return changed


def _delivered(db: Connection, record: Record) -> bool:
    """Write that a job's file is on disk."""
    db.send(
        f"UPDATE purchases SET delivered=:path, sha256=:sha256, updated=:at WHERE {_OWNED}",  # noqa: S608 - a constant
        record,
    )
    return True


_APPLY: Mapping[str, Callable[[Connection, Record], bool]] = {
    KeyState.REFUSED.value: _settled,
    KeyState.UNCERTAIN.value: _settled,
    ACCEPTED: _accepted,
    OBSERVED: _observed,
    DELIVERED: _delivered,
}
