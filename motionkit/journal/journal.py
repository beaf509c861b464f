"""The local ledger of purchases: what was intended, sent, accepted, and what it did cost.

One row a purchase (its key), one row an attempt (its paid call). Rows are written ahead of the paid
call and on the disk before it leaves, so that a crash at any instruction leaves a trace. The file
holds no key and no signed URL.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import math
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

import attrs

from motionkit._support import process
from motionkit._support.process import Moment
from motionkit._support.redaction import is_sensitive, redact_data
from motionkit.errors import BudgetExceeded, InvalidRequest, JournalError, MotionKitError
from motionkit.journal import pending
from motionkit.journal.caches import Caches
from motionkit.journal.database import AHEAD, Store
from motionkit.journal.entries import (
    Alike,
    Attempt,
    NewPurchase,
    PurchaseExists,
    PurchaseRecord,
    retried,
)
from motionkit.journal.pending import Pending
from motionkit.model import codec
from motionkit.model.budget import Budget, BudgetStatus
from motionkit.model.job import Job, KeyState, State, Status, Submission
from motionkit.model.money import Cost, CostBasis, Quote, possible, recorded

log = logging.getLogger("motionkit")

ACCEPTED = "accepted"
_TERMINAL = frozenset(state.value for state in State if state.terminal)

_OF_ALL = (
    "SELECT cost, reserved, state FROM purchases"
    " WHERE reserved_at>=:since AND state<>:refused AND key<>:key"
    " AND COALESCE(sandbox,0)=:sandbox"
)
_OF_ROUTE = (
    "SELECT cost, reserved, state FROM purchases p"
    " WHERE reserved_at>=:since AND state<>:refused AND key<>:key"
    " AND COALESCE(sandbox,0)=:sandbox AND (route=:route"
    " OR (route IS NULL AND EXISTS (SELECT 1 FROM attempts a WHERE a.key=p.key"
    " AND a.account IN (SELECT value FROM json_each(:accounts)))))"
)
"""Everything, or one route's purchases and those bought directly at its accounts.

A sandbox's purchases count against no real budget, nor the other way round. What an older version
wrote does not say where it was bought: it counts as real.
"""


@contextmanager
def optional(purpose: str) -> Iterator[None]:
    """Keep a journal that cannot be read from ending the wait for a job that is paid.

    Args:
        purpose: What the block reads it for.
    """
    try:
        yield
    except JournalError as error:
        log.info("%s; it is not asked for %s", error.message, purpose)


class Journal:
    """The ledger in one SQLite file, safe to share between threads and processes.

    Args:
        path: The file; made with mode 0600 if need be. None keeps the ledger in memory: nothing
            survives the process, and a crash can lose a paid job.

    Raises:
        JournalError: It cannot be opened, is corrupt, or a newer motionkit wrote it.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._store = Store(path)
        self.caches = Caches(self._store)
        self._pending = Pending.of(self._store.path)
        self._adopt(0.0)

    def close(self) -> None:
        """Close the file."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        self._adopt(0.0)
        with self._store.reading() as db:
            yield db

    @contextmanager
    def _writing(
        self, doing: str = "write to", *, patience: float | None = None
    ) -> Iterator[sqlite3.Connection]:
        self._adopt(patience)
        with self._store.writing(doing, patience=patience) as db:
            yield db

    def _adopt(self, patience: float | None) -> None:
        """Write what a process had to keep beside the journal, once the journal can take it.

        Nothing is lost where it cannot yet: the files stay.

        Args:
            patience: Seconds to wait for others who write.
        """
        kept = self._pending
        if kept is None or not kept.paths() or self._store.in_transaction:
            return
        written = []
        try:
            with self._store.writing(patience=patience) as db:
                for path, record in kept.records():  # what is left after who was faster
                    if _take(db, kept, path, record):
                        written.append(path)
        except JournalError as error:
            log.info("%s: %d records wait beside it", error.message, len(kept.paths()))
            return
        for path in written:
            log.info("%s is in the journal now", path)
            kept.remove(path)

    def _persist(self, kind: str, about: str, **content: Any) -> bool:
        """Write what followed a payment; it is kept beside a journal that cannot take it.

        Raises:
            JournalError: Neither was possible, for minutes.
        """
        record = {"kind": kind, "about": about, "at": time.time(), **content}

        def write(patience: float | None) -> bool:
            with self._writing(patience=patience) as db:
                return _APPLY[kind](db, record)

        return pending.persist(write, self._pending, record)

    # What a submission writes, in the order of its life.

    def intend(
        self, purchase: NewPurchase, attempt_id: str, submission: Submission, fingerprint: str
    ) -> Attempt:
        """Write a purchase and its first attempt ahead of the paid call.

        Raises:
            KeyTaken: The key exists, or an identical request is open and `again` is not set; it
                carries that entry. Nothing was written.
            JournalError: Nothing may be sent.
        """
        now = time.time()
        with self._writing(AHEAD) as db:
            self._need_new(purchase)
            if self.get(purchase.key) is not None:
                raise PurchaseExists(self.entry(purchase.key))
            self._reserve(db, purchase)
            db.execute(
                "INSERT INTO purchases (key, request, via, description, state, quote, out,"
                " created, updated, route, reserved, reserved_at, sandbox)"
                " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)",
                (
                    purchase.key,
                    purchase.request,
                    purchase.via,
                    _masked(purchase.description),
                    KeyState.INTENDED.value,
                    _packed(purchase.quote),
                    purchase.out,
                    now,
                    now,
                    purchase.route,
                    _reservation(purchase),
                    now,
                    purchase.sandbox,
                ),
            )
            return self._add_attempt(db, purchase.key, attempt_id, submission, fingerprint, now)

    def _need_new(self, purchase: NewPurchase) -> None:
        """Check that no other purchase stands for an identical request.

        Raises:
            KeyTaken: One does, and `again` is not set.
        """
        same = None if purchase.again else self.same(purchase.alike)
        if same is not None and same.key != purchase.key:
            raise PurchaseExists(same)

    def _reserve(
        self, db: sqlite3.Connection, purchase: NewPurchase, besides: Decimal = Decimal(0)
    ) -> None:
        """Check the quote's high against every budget, in the transaction that writes it.

        What was refused holds nothing; what has a reported cost holds that; anything else holds
        what it reserved.
        """
        if not purchase.budgets:
            return
        wanted = None if purchase.quote is None else purchase.quote.usd_high
        if wanted is None:
            names = ", ".join(dict.fromkeys(budget.name for budget in purchase.budgets))
            raise BudgetExceeded(
                f"the price is unknown, and {names} limits what may be spent",
                hint="take the budget away, or name a target with a known price",
            )
        for budget in purchase.budgets:
            status = self._budget(db, budget, sandbox=purchase.sandbox, apart_from=purchase.key)
            status.require(wanted + besides)

    def check_budgets(self, purchase: NewPurchase, besides: Decimal = Decimal(0)) -> None:
        """Refuse what no budget holds, before anything is uploaded; nothing is reserved.

        Args:
            purchase: With its quote and its budgets.
            besides: US dollars that the same command is going to spend elsewhere.

        Raises:
            BudgetExceeded: A budget does not hold the quote's high, or it is unknown.
        """
        with self._reading() as db:
            self._reserve(db, purchase, besides)

    def budget(self, budget: Budget, *, sandbox: bool = False) -> BudgetStatus:
        """Return how much of a budget is used now.

        Args:
            budget: The limit.
            sandbox: Count the purchases in sandboxes on this machine; the real ones otherwise.
        """
        with self._reading() as db:
            return self._budget(db, budget, sandbox=sandbox)

    def _budget(
        self, db: sqlite3.Connection, budget: Budget, *, sandbox: bool, apart_from: str = ""
    ) -> BudgetStatus:
        now = time.time()
        rows = db.execute(
            _OF_ALL if budget.route is None else _OF_ROUTE,
            {
                "since": budget.since(now),
                "refused": KeyState.REFUSED.value,
                "key": apart_from,
                "sandbox": sandbox,
                "route": budget.route,
                "accounts": codec.dumps(list(budget.accounts)),
            },
        )
        spent = held = Decimal(0)
        for row in rows:
            amount, final = _counted(row)
            spent, held = (spent + amount, held) if final else (spent, held + amount)
        return budget.status(now, spent, held, sandbox=sandbox)

    def running(self, fingerprint: str) -> list[PurchaseRecord]:
        """Return the purchases of an account whose jobs are under way, as far as we know."""
        with self._reading() as db:
            rows = db.execute(
                "SELECT DISTINCT p.* FROM purchases p JOIN attempts a ON a.key=p.key"
                " WHERE a.fingerprint=? AND a.vendor_id IS NOT NULL AND p.state IN (?,?,?)",
                (fingerprint, State.QUEUED.value, State.RUNNING.value, State.UNKNOWN.value),
            ).fetchall()
            return [self._entry(row) for row in rows]

    def intend_again(
        self, purchase: NewPurchase, attempt_id: str, submission: Submission, fingerprint: str
    ) -> Attempt:
        """Write a further attempt of a key whose earlier ones were all refused.

        Raises:
            BudgetExceeded: The route's budget does not hold it; nothing was written.
            KeyTaken: The key stands elsewhere by now, or an identical request is open; nothing
                was written.
            JournalError: Nothing may be sent.
        """
        now, key = time.time(), purchase.key
        with self._writing(AHEAD) as db:
            self._need_new(purchase)  # it may have been bought while this one waited
            self._reserve(db, purchase)
            changed = db.execute(
                "UPDATE purchases SET state=?, error=NULL, updated=?, quote=?, reserved=?,"
                " reserved_at=?, route=?, sandbox=?, out=COALESCE(?,out)"
                " WHERE key=? AND state=? AND ambiguous=0",
                (
                    KeyState.INTENDED.value,
                    now,
                    _packed(purchase.quote),
                    _reservation(purchase),
                    now,
                    purchase.route,
                    purchase.sandbox,
                    purchase.out,
                    key,
                    KeyState.REFUSED.value,
                ),
            ).rowcount
            if not changed:
                raise PurchaseExists(self.entry(key))
            return self._add_attempt(db, key, attempt_id, submission, fingerprint, now)

    def _add_attempt(  # noqa: PLR0917 - the columns of one row, in their order
        self,
        db: sqlite3.Connection,
        key: str,
        attempt_id: str,
        submission: Submission,
        fingerprint: str,
        now: float,
    ) -> Attempt:
        account = submission.account
        written = codec.unstructure(submission)
        text = _masked(written)
        db.execute(
            "INSERT INTO attempts"
            " (id, key, account, fingerprint, submission, state, created, owner, masked)"
            " VALUES (?,?,?,?,?,?,?,?,?)",
            (
                attempt_id,
                key,
                account,
                fingerprint,
                text,
                KeyState.INTENDED.value,
                now,
                process.identity(),
                int(text != codec.dumps(written)),
            ),
        )
        intended = KeyState.INTENDED.value
        return Attempt(attempt_id, key, account, fingerprint, submission, intended, masked=False)

    def sending(self, attempt: Attempt, at: Moment | None = None) -> Attempt:
        """Write that the attempt is handed to the network now, ahead of its first byte.

        Args:
            attempt: The attempt, with the sends that the caller knows of.
            at: The present; `process.moment` when None.

        Raises:
            KeyTaken: Another process has settled or sent it meanwhile; it may not be sent now.
            JournalError: It may not be sent.
        """
        at = at or process.moment()
        first = attempt.sends == 0
        with self._writing(AHEAD) as db:
            allowed = db.execute(
                "UPDATE attempts SET sends=sends+1, first_sent=COALESCE(first_sent,?),"
                " uptime=CASE WHEN first_sent IS NULL THEN ? ELSE uptime END,"
                " boot=CASE WHEN first_sent IS NULL THEN ? ELSE boot END"
                " WHERE id=? AND sends=? AND state IN (?,?)",
                (
                    at.wall,
                    at.uptime,
                    at.boot,
                    attempt.id,
                    attempt.sends,
                    KeyState.INTENDED.value,
                    KeyState.UNCERTAIN.value,
                ),
            ).rowcount
            if not allowed:
                raise PurchaseExists(self.entry(attempt.key))
        if first:
            attempt = attrs.evolve(attempt, first_sent=at.wall, uptime=at.uptime, boot=at.boot)
        return attrs.evolve(attempt, sends=attempt.sends + 1)

    def not_sent(self, attempt: Attempt) -> Attempt:
        """Write that nothing of the last send left after all: it does not count.

        Where the journal cannot be written now, it counts: one re-send less, and no harm.
        """
        try:
            with self._writing() as db:
                db.execute(
                    "UPDATE attempts SET sends=sends-1"
                    " WHERE id=? AND sends>1 AND vendor_id IS NULL",
                    (attempt.id,),
                )
        except JournalError as error:
            log.warning("%s; a send of %s that did not leave counts", error.message, attempt.key)
            return attempt
        return attrs.evolve(attempt, sends=attempt.sends - 1)

    def refused(self, attempt: Attempt, error: MotionKitError) -> None:
        """Write that nothing was bought."""
        self._settle(attempt, KeyState.REFUSED, error)

    def unsent(self, attempt: Attempt, error: MotionKitError) -> bool:
        """Write that nothing was bought, if the attempt was never handed to the network.

        Returns:
            False when it has been handed over or settled meanwhile; nothing was written then.
        """
        with self._writing() as db:
            unsent = db.execute(
                "SELECT 1 FROM attempts WHERE id=? AND state=? AND sends=0",
                (attempt.id, KeyState.INTENDED.value),
            ).fetchone()
            record = {"kind": KeyState.REFUSED.value, "at": time.time(), **_outcome(attempt, error)}
            return unsent is not None and _settled(db, record)

    def uncertain(self, attempt: Attempt, error: MotionKitError) -> None:
        """Write that it may have arrived; only a job clears that."""
        self._settle(attempt, KeyState.UNCERTAIN, error)

    def _settle(self, attempt: Attempt, state: KeyState, error: MotionKitError) -> None:
        """Write what became of an attempt without a job.

        A job that another process has written meanwhile stays, and so does an ambiguity.
        """
        about = f"the attempt {attempt.id} of {attempt.key}"
        self._persist(state.value, about, **_outcome(attempt, error), rows=self._rows(attempt))

    def accepted(self, attempt: Attempt, job: Job) -> bool:
        """Write the job that an attempt bought.

        Returns:
            False when another purchase owns that vendor id already, or this attempt another job;
            nothing was written then.
        """
        return self._persist(
            ACCEPTED,
            f"job {job.id} of {attempt.key}",
            attempt=attempt.id,
            key=attempt.key,
            job=job.to_json(),
            rows=self._rows(attempt),
        )

    def _rows(self, attempt: Attempt) -> Mapping[str, Any]:
        """Return what the journal has of an attempt, should its file be lost; read as it is.

        Nothing is waited for, and a deleted file is read too: this process still has it open.
        """
        if self._pending is None:
            return {}
        try:
            with self._store.file.lock:
                db = self._store.db
                bought = db.execute("SELECT * FROM purchases WHERE key=?", (attempt.key,))
                sent = db.execute("SELECT * FROM attempts WHERE id=?", (attempt.id,))
                rows = {"purchases": bought.fetchone(), "attempts": sent.fetchone()}
                return {table: dict(row) for table, row in rows.items() if row is not None}
        except (sqlite3.Error, JournalError) as error:
            log.info("the journal cannot be read: %s", error)
            return {}

    # What is learnt of a job.

    def observed(
        self, job: Job, status: Status, cost: Cost | None = None, *, unseen: float = 0.0
    ) -> bool:
        """Write an observation, if it says anything new.

        A terminal state is never taken back, but for a result that turns up after all: a history
        may answer later than the vendor forgot, and a vendor may deliver what it called failed.

        Args:
            job: The job.
            status: What was seen.
            cost: What it did cost.
            unseen: Seconds for which nobody had looked; what ended did so in the middle of them.

        Returns:
            Whether the job was seen to end, and had not been before.
        """
        ended, now = status.state.terminal, time.time()
        failed = ended and status.state is not State.SUCCEEDED
        record = {
            "fingerprint": job.fingerprint,
            "job": job.id,
            "state": status.state.value,
            "word": status.word,
            "cost": _packed(recorded(cost)),
            "error": codec.dumps(status.error(job).to_dict()) if failed else None,
            "ended": now - unseen / 2 if ended else None,
            "timed": timed(job, now - job.submitted_at.timestamp(), unseen) if ended else None,
            "result": status.result is not None,
            "refunded": cost is not None and cost.basis is CostBasis.REFUNDED,
        }
        if ended or cost is not None:
            self._store.file.endings += ended
            return self._persist("observed", f"the end of job {job.id}", **record) and ended
        try:
            if not self._known(job, status):
                with self._writing(patience=pending.FIRST_TRY) as db:
                    _observed(db, {**record, "at": now})
        except JournalError as error:  # the next observation says it again; a wait goes on
            log.warning("%s; job %s is %s", error.message, job.id, status.state.value)
        return False

    def _known(self, job: Job, status: Status) -> bool:
        """Tell whether the last observation was the same; to read is cheap, to write is not."""
        with self._reading() as db:
            row = db.execute(
                "SELECT 1 FROM purchases WHERE key=? AND state=? AND word=? AND error IS NULL",
                (_owner(db, job.fingerprint, job.id), status.state.value, status.word),
            ).fetchone()
        return row is not None

    def durations(self, limit: int) -> list[tuple[tuple[str, str, str], float, float]]:
        """Return the newest successes, oldest first.

        Returns:
            Fingerprint, operation and model; seconds from the submit to the end; the end in epoch
            seconds.
        """
        with self._reading() as db:
            rows = db.execute(
                "SELECT p.finished, a.job FROM purchases p JOIN attempts a ON a.key=p.key"
                " WHERE p.state=? AND p.finished IS NOT NULL AND a.job IS NOT NULL"
                " AND COALESCE(p.timed,1) ORDER BY p.finished DESC LIMIT ?",
                (State.SUCCEEDED.value, limit),
            ).fetchall()
        found = (_duration(row["job"], row["finished"]) for row in reversed(rows))
        return [duration for duration in found if duration is not None]

    def assumed(self, entry: PurchaseRecord, error: MotionKitError, cost: Cost | None) -> None:
        """Write the user's word on a purchase that nobody could settle.

        Args:
            entry: The purchase.
            error: What was assumed, for the record.
            cost: What was charged; None when nothing was.
        """
        state = KeyState.REFUSED.value if cost is None else State.GONE.value
        with self._writing() as db:
            db.execute(
                "UPDATE purchases SET state=?, ambiguous=0, cost=?, error=?, updated=?"
                " WHERE key=? AND state IN (?,?)",
                (
                    state,
                    _packed(cost),
                    codec.dumps(error.to_dict()),
                    time.time(),
                    entry.key,
                    KeyState.INTENDED.value,
                    KeyState.UNCERTAIN.value,
                ),
            )
            db.execute(
                "UPDATE attempts SET state=? WHERE key=? AND vendor_id IS NULL",
                (KeyState.REFUSED.value, entry.key),
            )

    def delivered(self, job: Job, path: Path, sha256: str) -> None:
        """Write that a job's file is on disk."""
        self._persist(
            "delivered",
            f"the file of job {job.id}",
            fingerprint=job.fingerprint,
            job=job.id,
            path=str(path),
            sha256=sha256,
        )

    # What is asked of it.

    def get(self, key: str) -> PurchaseRecord | None:
        """Return one purchase, None when there is no such key."""
        with self._reading() as db:
            row = db.execute("SELECT * FROM purchases WHERE key=?", (key,)).fetchone()
            return None if row is None else self._entry(row)

    def bought(self, job: Job) -> PurchaseRecord | None:
        """Return the purchase that bought a job, None when this journal has none."""
        with self._reading() as db:
            key = _owner(db, job.fingerprint, job.id)
            return None if key is None else self.get(key)

    def retries(self, key: str) -> list[PurchaseRecord]:
        """Return the purchases that were paid because that key's job failed, oldest first."""
        with self._reading() as db:
            rows = db.execute(
                "SELECT * FROM purchases WHERE key>=?1||'~0' AND key<?1||'~:' ORDER BY rowid",
                (key,),
            ).fetchall()
            return [self._entry(row) for row in rows if retried(row["key"]) == key]

    def entry(self, key: str) -> PurchaseRecord:
        """Return one purchase.

        Raises:
            InvalidRequest: There is no such key.
        """
        found = self.get(key)
        if found is None:
            raise InvalidRequest(f"the journal has no key {key!r}", field="key", value=key)
        return found

    def entries(self, *, request: str | None = None) -> list[PurchaseRecord]:
        """Return the purchases, oldest first; with `request`, those of identical requests."""
        query = "SELECT * FROM purchases"
        values: tuple[str, ...] = ()
        if request is not None:
            query, values = f"{query} WHERE request=?", (request,)
        with self._reading() as db:
            rows = db.execute(f"{query} ORDER BY created, key", values).fetchall()
            return [self._entry(row) for row in rows]

    def same(self, alike: Alike) -> PurchaseRecord | None:
        """Return the purchase that an identical request goes on with: an open one, the newest."""
        with self._reading() as db:
            rows = db.execute(
                "SELECT * FROM purchases WHERE request IN (SELECT value FROM json_each(?))"
                " ORDER BY created, key",
                (json.dumps(alike.requests),),
            ).fetchall()
            held = [entry for entry in map(self._entry, rows) if alike.holds(entry)]
        return max(held, key=lambda entry: (entry.open, entry.created), default=None)

    def find(self, reference: str) -> PurchaseRecord:
        """Return the purchase that a key, an unambiguous beginning of one, or a job id names.

        Raises:
            InvalidRequest: Nothing matches, or several do.
        """
        with self._reading() as db:
            rows = db.execute(
                "SELECT DISTINCT p.* FROM purchases p LEFT JOIN attempts a ON a.key=p.key"
                " WHERE p.key=?1 OR a.vendor_id=?1 OR substr(p.key,1,length(?1))=?1",
                (reference,),
            ).fetchall()
            keys = {row["key"] for row in rows}
            exact = [row for row in rows if row["key"] == reference]
            exact = exact or [row for row in rows if retried(row["key"]) not in keys]
            if len(exact) != 1:
                what = "nothing" if not exact else f"{len(exact)} purchases"
                raise InvalidRequest(
                    f"the journal has {what} under {reference!r}", field="job", value=reference
                )
            return self._entry(exact[0])

    def _entry(self, row: sqlite3.Row) -> PurchaseRecord:
        attempts = self._store.db.execute(
            "SELECT * FROM attempts WHERE key=? ORDER BY rowid",
            (row["key"],),  # no clock tells it
        ).fetchall()
        try:
            return _entry(row, attempts)
        except (ValueError, TypeError, InvalidRequest) as error:
            raise JournalError(
                f"cannot read the journal {self.path or 'in memory'}: the purchase {row['key']!r} "
                f"makes no sense: {error}"
            ) from error

    @property
    def learnt(self) -> tuple[int, int]:
        """What differs when jobs may have ended, here or in another process, since it was read."""
        with self._reading() as db:  # the version counts what others commit
            return db.execute("PRAGMA data_version").fetchone()[0], self._store.file.endings

    def succeeded(self, limit: int) -> list[tuple[str, float]]:
        """Return key and last change of the newest purchases that gave a result."""
        with self._reading() as db:
            rows = db.execute(
                "SELECT key, updated FROM purchases WHERE state=? AND finished IS NOT NULL"
                " ORDER BY finished DESC LIMIT ?",
                (State.SUCCEEDED.value, limit),
            ).fetchall()
        return [(row["key"], row["updated"]) for row in rows]

    def decided(self, key: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write why which target was taken; nothing depends on it."""
        try:
            with self._writing() as db:
                db.execute(
                    "UPDATE purchases SET decision=? WHERE key=?", (_masked(list(rows)), key)
                )
        except JournalError as error:  # it comes after a payment, and must not end like a failure
            log.warning("%s; why the target of %s was taken is not kept", error.message, key)

    def owns(self, fingerprint: str, vendor_id: str) -> bool:
        """Tell whether a purchase here owns that vendor's job."""
        return self.job(fingerprint, vendor_id) is not None

    def job(self, fingerprint: str, vendor_id: str) -> Job | None:
        """Return the job that an account's vendor calls by that id, None when it is not ours."""
        with self._reading() as db:
            row = db.execute(
                "SELECT job FROM attempts WHERE fingerprint=? AND vendor_id=?",
                (fingerprint, vendor_id),
            ).fetchone()
        return None if row is None else Job.from_json(row["job"])


def _owner(db: sqlite3.Connection, fingerprint: str, vendor_id: str) -> str | None:
    """Return the key of the purchase that bought a job.

    The job's own key does not tell: it may come from another journal, where it names another one.
    """
    row = db.execute(
        "SELECT key FROM attempts WHERE fingerprint=? AND vendor_id=?", (fingerprint, vendor_id)
    ).fetchone()
    return None if row is None else row["key"]


# What follows a payment, as records: each may be written later, by another process, and twice.


def _outcome(attempt: Attempt, error: MotionKitError) -> dict[str, Any]:
    """Return what is written of an attempt without a job."""
    told = codec.dumps(error.to_dict())
    return {"attempt": attempt.id, "key": attempt.key, "error": told}


def _settled(db: sqlite3.Connection, record: Mapping[str, Any]) -> bool:
    """Write what became of an attempt without a job.

    A job that another process has written meanwhile stays, and so does an ambiguity. Once a key has
    a further attempt, a record that comes late says nothing of the purchase.
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
            *(state.value for state in KeyState),
            record["attempt"],
        ),
    )
    return True


def _accepted(db: sqlite3.Connection, record: Mapping[str, Any]) -> bool:
    """Write the job that an attempt bought; False when it or the attempt is another's already."""
    job = Job.from_json(record["job"])
    try:
        owned = db.execute(
            "UPDATE attempts SET state=?1, vendor_id=?2, job=?3, error=NULL"
            " WHERE id=?4 AND (vendor_id IS NULL OR vendor_id=?2)",
            (ACCEPTED, job.id, record["job"], record["attempt"]),
        ).rowcount
    except sqlite3.IntegrityError:
        return False
    if not owned:
        return False
    db.execute(
        "UPDATE purchases SET state=?, ambiguous=0, cost=?, error=NULL, updated=?"
        " WHERE key=? AND state IN (?,?,?)",
        (
            State.QUEUED.value,
            _packed(job.cost),
            record["at"],
            record["key"],
            *(state.value for state in KeyState),
        ),
    )
    return True


def _observed(db: sqlite3.Connection, record: Mapping[str, Any]) -> bool:
    """Write what was seen of a job; tell whether that changed anything."""
    succeeded = record["state"] == State.SUCCEEDED.value
    key = _owner(db, record["fingerprint"], record["job"])
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
    if not changed and record.get("refunded"):  # a refund may be listed after the failure
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


def _delivered(db: sqlite3.Connection, record: Mapping[str, Any]) -> bool:
    """Write that a job's file is on disk."""
    db.execute(
        "UPDATE purchases SET delivered=?, sha256=?, updated=? WHERE key=?",
        (
            record["path"],
            record["sha256"],
            record["at"],
            _owner(db, record["fingerprint"], record["job"]),
        ),
    )
    return True


_APPLY: Mapping[str, Callable[[sqlite3.Connection, Mapping[str, Any]], bool]] = {
    KeyState.REFUSED.value: _settled,
    KeyState.UNCERTAIN.value: _settled,
    ACCEPTED: _accepted,
    "observed": _observed,
    "delivered": _delivered,
}


_SENSELESS = (LookupError, TypeError, ValueError, ArithmeticError, AttributeError, InvalidRequest)
"""What comes of a record with values that no version of this has written."""


def _take(db: sqlite3.Connection, folder: Pending, path: Path, record: Mapping[str, Any]) -> bool:
    """Apply a record that was kept beside the journal; tell whether its file is needed no more.

    A record brings its purchase along, should this be another journal than that which it was meant
    for: without the doubt about an attempt, its key would be submitted again there.
    """
    why = "the job or the attempt belongs to another one already"
    db.execute("SAVEPOINT record")
    try:
        _bring(db, record.get("rows", {}))
        good = _APPLY[record["kind"]](db, record) or record["kind"] != ACCEPTED
    except (*_SENSELESS, sqlite3.InterfaceError, sqlite3.ProgrammingError) as error:
        good, why = False, f"it makes no sense ({error})"
    except sqlite3.IntegrityError as error:
        good, why = False, f"it contradicts the journal ({error})"
    if not good:
        db.execute("ROLLBACK TO record")
        folder.set_aside(path, why)
    db.execute("RELEASE record")
    return good


def _bring(db: sqlite3.Connection, rows: Mapping[str, Mapping[str, Any]]) -> None:
    """Write the rows of a purchase and an attempt that this journal does not have."""
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


def _duration(text: str, ended: float) -> tuple[tuple[str, str, str], float, float] | None:
    """Return kind, seconds and end of a job; None where its row cannot be read."""
    try:
        job = json.loads(text)
        kind = (str(job["fingerprint"]), str(job["operation"]), str(job["model"]))
        seconds = float(ended) - dt.datetime.fromisoformat(job["submitted_at"]).timestamp()
    except (ValueError, TypeError, KeyError, OverflowError):
        return None
    return (kind, seconds, ended) if math.isfinite(seconds) and seconds >= 0 else None


UNSEEN_SHARE = 0.5
"""Of a job's duration: unobserved for longer, its end is too uncertain to count."""


def timed(job: Job, age: float, unseen: float) -> bool:
    """Tell whether a job's duration counts in statistics: it was observed around its end.

    Args:
        job: The job.
        age: Seconds from its submit to the observation that saw it ended.
        unseen: Seconds before that observation for which nobody had looked.
    """
    usual = max(age - unseen / 2, job.expected_seconds or UNTOLD_SECONDS)
    return unseen <= UNSEEN_SHARE * usual


UNTOLD_SECONDS = 120.0
"""The usual duration of a job where its offer gives none."""


def _reservation(purchase: NewPurchase) -> str | None:
    quote = purchase.quote
    return None if quote is None or quote.usd_high is None else str(quote.usd_high)


def _counted(row: sqlite3.Row) -> tuple[Decimal, bool]:
    """Return the US dollars of a purchase that count against budgets, and whether that is final."""
    try:
        cost = _unpacked(row["cost"], Cost)
    except (ValueError, TypeError, ArithmeticError, InvalidRequest):
        cost = None  # an unreadable cost holds the reservation
    if (
        cost is not None
        and cost.usd is not None
        and cost.basis is not CostBasis.ASSUMED
        and possible(cost)
    ):
        return Decimal(cost.usd), True
    return Decimal(row["reserved"] or 0), row["state"] in _TERMINAL


def _masked(data: Any) -> str:
    """Return JSON that holds no known secret and no URL's query."""
    text = codec.dumps(data)
    plain = "\\" not in text and not is_sensitive(text)  # an escape may hide either
    return text if plain else codec.dumps(redact_data(data))


def _packed(value: Any) -> str | None:
    return None if value is None else codec.dumps(codec.unstructure(value))


def _unpacked(text: str | None, kind: type[Any]) -> Any:
    return None if text is None else codec.structure(json.loads(text), kind)


def _state(word: str) -> State | KeyState:
    return KeyState(word) if word in {state.value for state in KeyState} else State(word)


def _entry(row: sqlite3.Row, attempts: list[sqlite3.Row]) -> PurchaseRecord:
    return PurchaseRecord(
        key=row["key"],
        request=row["request"],
        via=row["via"],
        description=json.loads(row["description"]),
        state=_state(row["state"]),
        ambiguous=bool(row["ambiguous"]),
        quote=_unpacked(row["quote"], Quote),
        cost=_unpacked(row["cost"], Cost),
        error=json.loads(row["error"]) if row["error"] else None,
        word=row["word"],
        out=row["out"],
        delivered=row["delivered"],
        sha256=row["sha256"],
        created=row["created"],
        updated=row["updated"],
        attempts=tuple(_attempt(attempt) for attempt in attempts),
        finished=row["finished"],
        timed=row["timed"] != 0,
        decision=tuple(json.loads(row["decision"] or "[]")),
        sandbox=None if row["sandbox"] is None else bool(row["sandbox"]),
    )


def _attempt(row: sqlite3.Row) -> Attempt:
    return Attempt(
        id=row["id"],
        key=row["key"],
        account=row["account"],
        fingerprint=row["fingerprint"],
        submission=_unpacked(row["submission"], Submission),
        state=row["state"],
        sends=row["sends"],
        first_sent=row["first_sent"],
        job=Job.from_json(row["job"]) if row["job"] else None,
        error=json.loads(row["error"]) if row["error"] else None,
        owner=row["owner"],
        uptime=row["uptime"],
        boot=row["boot"],
        masked=None if row["masked"] is None else bool(row["masked"]),
    )
