"""What follows a paid call, as records that can be written late, twice, and by another process.

A record that the journal cannot take is kept in a file beside it (`motionkit.journal.pending`).
Every function here therefore leaves alone what a newer record has written, and writes the same when
it is called again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from motionkit.errors import InvalidRequest, MotionKitError
from motionkit.journal.entries import Attempt
from motionkit.journal.pending import Pending
from motionkit.journal.rows import packed
from motionkit.model import codec
from motionkit.model.job import Job, KeyState, State

ACCEPTED, OBSERVED, DELIVERED = "accepted", "observed", "delivered"
"""Kinds of records, beside the values of `KeyState`. An attempt with a job is ACCEPTED too."""

Record = Mapping[str, Any]

_WITHOUT_JOB = tuple(state.value for state in KeyState)


def owner(db: sqlite3.Connection, fingerprint: str, vendor_id: str) -> str | None:
    """Return the key of the purchase that owns a job.

    The key that the job itself names does not count: a job from another journal names one there.
    """
    row = db.execute(
        "SELECT key FROM attempts WHERE fingerprint=? AND vendor_id=?", (fingerprint, vendor_id)
    ).fetchone()
    return None if row is None else row["key"]


def without_job(attempt: Attempt, error: MotionKitError) -> dict[str, Any]:
    """Return the content of a record about an attempt that has no job."""
    return {
        "attempt": attempt.id,
        "key": attempt.key,
        "error": codec.dumps(error.to_dict()),
    }


def apply(db: sqlite3.Connection, record: Record) -> bool:
    """Write a record; return whether it changed anything, or for ACCEPTED, whether it may."""
    return _APPLY[record["kind"]](db, record)


def _settled(db: sqlite3.Connection, record: Record) -> bool:
    """Write the outcome of an attempt that has no job.

    A job that another process has written meanwhile stays, and so does an ambiguity. Once a key has
    a further attempt, a late record about an earlier one does not change the purchase.
    """
    state = KeyState(record["kind"])
    db.execute(
        "UPDATE attempts SET state=?, error=? WHERE id=? AND vendor_id IS NULL",
        (state.value, record["error"], record["attempt"]),
    )
    db.execute(
        "UPDATE purchases SET state=CASE WHEN ambiguous THEN ? ELSE ? END,"
        " ambiguous=MAX(ambiguous,?), error=?, updated=? WHERE key=? AND state IN (?,?,?)"
        " AND ?=(SELECT id FROM attempts WHERE key=purchases.key ORDER BY rowid DESC LIMIT 1)",
        (
            KeyState.UNCERTAIN.value,
            state.value,
            int(state is KeyState.UNCERTAIN),
            record["error"],
            record["at"],
            record["key"],
            *_WITHOUT_JOB,
            record["attempt"],
        ),
    )
    return True


def _accepted(db: sqlite3.Connection, record: Record) -> bool:
    """Write the job of an attempt; False when the job or the attempt belongs to another one."""
    job = Job.from_json(record["job"])
    try:
        owned = db.execute(
            "UPDATE attempts SET state=?1, vendor_id=?2, job=?3, error=NULL"
            " WHERE id=?4 AND (vendor_id IS NULL OR vendor_id=?2)",
            (ACCEPTED, job.id, record["job"], record["attempt"]),
        ).rowcount
    except sqlite3.IntegrityError:  # a unique index gives each vendor id one owner
        return False
    if not owned:
        return False
    db.execute(
        "UPDATE purchases SET state=?, ambiguous=0, cost=?, error=NULL, updated=?"
        " WHERE key=? AND state IN (?,?,?)",
        (
            State.QUEUED.value,
            packed(job.cost),
            record["at"],
            record["key"],
            *_WITHOUT_JOB,
        ),
    )
    return True


def _observed(db: sqlite3.Connection, record: Record) -> bool:
    """Write an observation of a job; return whether it changed anything."""
    succeeded = record["state"] == State.SUCCEEDED.value
    key = owner(db, record["fingerprint"], record["job"])
    changed = db.execute(
        "UPDATE purchases SET state=?, word=?, cost=COALESCE(?,cost), error=?, updated=?,"
        " finished=COALESCE(finished,MAX(?,created)), timed=COALESCE(timed,?)"
        " WHERE key=? AND state<>? AND (state<>? OR ?) AND (state NOT IN (?,?) OR ?)",
        (
            record["state"],
            record["word"],
            record["cost"],
            record["error"],
            record["at"],
            record["ended"],
            record.get("timed"),
            key,
            State.SUCCEEDED.value,
            State.GONE.value,
            succeeded,
            State.FAILED.value,
            State.BLOCKED.value,
            succeeded and record["result"],
        ),
    ).rowcount
    if not changed and record.get("refunded"):  # vendors list a refund later than the failure
        db.execute(
            "UPDATE purchases SET cost=?, error=?, updated=? WHERE key=? AND state=? AND state=?",
            (
                record["cost"],
                record["error"],
                record["at"],
                key,
                record["state"],
                State.FAILED.value,
            ),
        )
    return changed > 0


def _delivered(db: sqlite3.Connection, record: Record) -> bool:
    """Write that a job's file is on disk."""
    db.execute(
        "UPDATE purchases SET delivered=?, sha256=?, updated=? WHERE key=?",
        (
            record["path"],
            record["sha256"],
            record["at"],
            owner(db, record["fingerprint"], record["job"]),
        ),
    )
    return True


_APPLY: Mapping[str, Callable[[sqlite3.Connection, Record], bool]] = {
    KeyState.REFUSED.value: _settled,
    KeyState.UNCERTAIN.value: _settled,
    ACCEPTED: _accepted,
    OBSERVED: _observed,
    DELIVERED: _delivered,
}

_UNREADABLE = (LookupError, TypeError, ValueError, ArithmeticError, AttributeError, InvalidRequest)
"""What a record raises that no version of motionkit has written."""


def take(db: sqlite3.Connection, folder: Pending, path: Path, record: Record) -> bool:
    """Write a record that was kept beside the journal.

    The record contains the rows of its purchase and attempt, in case this is not the journal that
    it was meant for. Without them an uncertain attempt would be unknown here, and its key would be
    submitted again.

    Returns:
        Whether its file is no longer needed; otherwise it was set aside.
    """
    reason = "the job or the attempt belongs to another one already"
    db.execute("SAVEPOINT record")
    try:
        _insert_missing(db, record.get("rows", {}))
        good = apply(db, record) or record["kind"] != ACCEPTED
    except (*_UNREADABLE, sqlite3.InterfaceError, sqlite3.ProgrammingError) as error:
        good, reason = False, f"it makes no sense ({error})"
    except sqlite3.IntegrityError as error:
        good, reason = False, f"it contradicts the journal ({error})"
    if not good:
        db.execute("ROLLBACK TO record")
        folder.set_aside(path, reason)
    db.execute("RELEASE record")
    return good


def _insert_missing(db: sqlite3.Connection, rows: Mapping[str, Mapping[str, Any]]) -> None:
    """Insert the rows of a purchase and an attempt that this journal does not have."""
    for table in ("purchases", "attempts"):
        row = rows.get(table) or {}
        known = [column["name"] for column in db.execute(f"PRAGMA table_info({table})")]
        columns = [name for name in known if name in row]
        if columns:
            db.execute(
                f"INSERT OR IGNORE INTO {table} ({','.join(columns)})"  # noqa: S608 - its own names
                f" VALUES ({','.join('?' * len(columns))})",
                [row[name] for name in columns],
            )
