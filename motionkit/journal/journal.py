"""The journal of purchases: what was intended, sent and accepted, and what it cost.

One row per purchase (its key), one row per attempt (its paid call). Rows are on the disk before the
paid call leaves, so that a crash at any instruction leaves a trace. The journal contains no API key
and no signed URL, except one that a row of a batch names as its input: its worker needs it whole.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import sys
import time
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import attrs

from motionkit._support import process
from motionkit._support.process import Moment
from motionkit.errors import InvalidRequest, JobCancelled, JournalError, MotionKitError
from motionkit.journal import budget as budgets
from motionkit.journal import listing, outcomes, pending, rows
from motionkit.journal.caches import Caches
from motionkit.journal.calls import AccountCalls, CallsFile
from motionkit.journal.databases import located, open_store
from motionkit.journal.entries import (
    CHECK,
    SUBMIT_LEASE,
    Alike,
    Attempt,
    NewPurchase,
    OnCorrupt,
    PurchaseExists,
    PurchaseRecord,
    no_slot,
    retried,
    stalled_after,
)
from motionkit.journal.listing import ALL, PAGE, UNFINISHED, Filter
from motionkit.journal.rows import STATES
from motionkit.journal.store import AHEAD, Connection, Lock, Row, Store, Where
from motionkit.journal.workers import Workers
from motionkit.model import codec
from motionkit.model.budget import Budget, BudgetStatus
from motionkit.model.job import Job, KeyState, State, Status
from motionkit.model.money import Cost, CostBasis, recorded
from motionkit.model.submission import Submission

if TYPE_CHECKING:
    from motionkit.journal.pruning import Prunable
    from motionkit.model.rating import Means, Rated, Rating
    from motionkit.model.spending import Spend, SpendBy

log = logging.getLogger("motionkit")

_NEW_KEY = (
    "INSERT INTO purchases (key, request, via, description, state, quote, out, created, updated,"
    " route, reserved, reserved_at, sandbox, batch, item, labels, take, counted, media) VALUES"
    " (:key, :request, :via, :description, :intended, :quote, :out, :now, :now, :route, :reserved,"
    " :now, :sandbox, :batch, :item, :labels, :take, :counted, :media) ON CONFLICT (key) DO "
)
_REFUSED_KEY = (
    f"{_NEW_KEY}UPDATE SET state=:intended, error=NULL, updated=:now, quote=:quote,"
    " reserved=:reserved, reserved_at=:now, route=:route, sandbox=:sandbox, batch=:batch,"
    " item=:item, take=:take, labels=COALESCE(:labels,purchases.labels),"
    " out=COALESCE(:out,purchases.out), media=COALESCE(:media,purchases.media)"
    " WHERE purchases.state=:refused AND purchases.ambiguous=0"
)
_NEW_ATTEMPT = (
    "INSERT INTO attempts (id, key, account, fingerprint, submission, state, created, owner,"
    " worker, masked, slot_until) VALUES (:id, :key, :account, :fingerprint, :submission, :state,"
    " :now, :owner, :worker, :masked, :slot_until)"
)
_LOCKED = "UPDATE purchases SET updated=updated WHERE key=:key RETURNING updated, error"
"""A purchase as it is now, and stays until the transaction ends."""
_OWN_INTENTION = "SELECT id FROM attempts WHERE id=:id AND sends=0 AND state=:intended"
# `sends=:sends` lets one of two processes through that read the same number of sends.
_SENDING = (
    "UPDATE attempts SET sends=sends+1, first_sent=COALESCE(first_sent,:first_sent),"
    " uptime=CASE WHEN first_sent IS NULL THEN :uptime ELSE uptime END,"
    " boot=CASE WHEN first_sent IS NULL THEN :boot ELSE boot END,"
    " wall=CASE WHEN first_sent IS NULL THEN CAST(:wall AS REAL) ELSE wall END"
    " WHERE id=:id AND sends=:sends AND state IN (:intended,:uncertain)"
)
_OWN_SENDING = (
    "SELECT id FROM attempts"
    " WHERE id=:id AND sends=1 AND state=:intended AND uptime=:uptime AND boot=:boot"
)
"""The first send as this process has written it: no other one reads its clock at that instant."""
_OWNER = "(SELECT key FROM attempts WHERE fingerprint=:fingerprint AND vendor_id=:job)"
_SURROGATES = (0xD800, 0xE000)
"""The first code point that UTF-8 does not have, and the next one that it has."""
_ALIKE = (
    "SELECT 1 AS found WHERE"  # noqa: S608 - constants
    " EXISTS (SELECT 1 FROM purchases WHERE request IN (SELECT value FROM json_each(:requests))"
    f" AND {UNFINISHED})"
    " OR EXISTS (SELECT 1 FROM purchases WHERE request IN (SELECT value FROM json_each(:requests))"
    " AND state='succeeded' AND delivered IS NOT NULL AND :remembers<>0)"
)
_ALIKE_ONE = _ALIKE.replace("IN (SELECT value FROM json_each(:requests))", "=:request")
_TAKEN = "SELECT count(*) AS taken FROM attempts WHERE fingerprint=:fingerprint AND slot_until>:now"
_MATCHES = 1000
"""Keys that a reference can begin before they are no longer counted."""
_NAMED_CANDIDATES = 5
"""Keys that the error of an ambiguous reference names at most."""


@contextmanager
def optional(purpose: str) -> Iterator[None]:
    """Log a journal that cannot be read, and continue: it must not end the wait for a paid job.

    Args:
        purpose: What the block reads it for.
    """
    try:
        yield
    except JournalError as error:
        log.info("%s; continuing without %s", error.message, purpose)


class Journal:
    """The journal in one database, safe to share between threads and processes.

    Args:
        where: A SQLite file, created with mode 0600 if need be; or a PostgreSQL database,
            ``postgresql://...``, which processes on many machines can share. None keeps the journal
            in memory: nothing survives the process, and a crash can lose a paid job.

    Raises:
        JournalError: It cannot be opened, is corrupt, or a newer motionkit wrote it.
        ConfigError: The address cannot be read, or the extra for PostgreSQL is not installed.
    """

    def __init__(self, where: Where | str) -> None:
        where = located(where)
        self.path = path = where if isinstance(where, Path) else None
        self._store = open_store(where, pending.adopt)
        self.caches = Caches(self._store)
        self.workers = Workers(self._store)
        self._calls = None if path is None else CallsFile(path)

    def calls(
        self, fingerprint: str, window: float, clock: Callable[[], float]
    ) -> AccountCalls | None:
        """Return an account's calls of the last seconds, by all processes with this journal.

        Args:
            fingerprint: The account's.
            window: Seconds over which its vendor counts.
            clock: Monotonic seconds, the same in every process of a machine.

        Returns:
            None for a journal in memory.
        """
        if self._store.shared:
            # A simulated clock does not move the database's; a wait for that would never end.
            now = self._store.now if clock is time.monotonic else clock
            return AccountCalls(self._store, fingerprint, window, now)
        if self._calls is None:
            return None
        return AccountCalls(self._calls, fingerprint, window, clock)

    @property
    def store(self) -> Store:
        """The database, for the tables that another room keeps in it."""
        return self._store

    def close(self) -> None:
        """Close the database."""
        self.workers.stop()
        if self._calls is not None:
            self._calls.close()
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def now(self) -> float:
        """Return the present on the clock that all processes with this journal share.

        Returns:
            Epoch seconds by the clock of the PostgreSQL server, or of this machine.
        """
        return self._store.now()

    def moment(self) -> Moment:
        """Return the present on the clocks that a first send is written with."""
        shared = self._store.clock() if self._store.shared else None
        at = process.moment()
        return at if shared is None else attrs.evolve(at, shared=shared)

    # What a submission writes, in the order of its life.

    def intend(
        self,
        purchase: NewPurchase,
        attempt_id: str,
        submission: Submission,
        fingerprint: str,
        *,
        after_refusal: bool = False,
        slots: int | None = None,
        lease: float = SUBMIT_LEASE,
    ) -> Attempt:
        """Write a purchase and an attempt ahead of the call; `sending` precedes its first byte.

        Args:
            purchase: The purchase.
            attempt_id: The attempt id that goes on the wire.
            submission: The exact call.
            fingerprint: Of the account.
            after_refusal: Take a key whose earlier attempts were all refused, too.
            slots: How many jobs the account may run at once; None without a limit.
            lease: Seconds for which the attempt takes a slot, unless its outcome is written before.

        Raises:
            BudgetExceeded: A budget does not hold it; nothing was written.
            Busy: All slots are taken; nothing was written.
            PurchaseExists: The key exists, or an identical request is unfinished and `again` is not
                set; it carries that record. Nothing was written.
            JournalError: Nothing may be sent.
        """
        worker = None
        if self._store.shared:
            self.workers.start()
            worker = self.workers.id
        attempt = Attempt(
            attempt_id,
            purchase.key,
            submission.account,
            fingerprint,
            submission,
            KeyState.INTENDED.value,
            owner=process.identity(),
            worker=worker,
        )
        locks: list[Lock] = [("account", fingerprint)]
        if not purchase.again:
            locks += [("request", one) for one in purchase.alike.requests]
        locks += [("route", budgets.counted_by(one)) for one in purchase.budgets]
        limits: dict[str, Any] = {"after_refusal": after_refusal, "slots": slots, "lease": lease}
        whole = False
        try:
            with self._store.writing(AHEAD, locks=locks) as db:
                self._intend(db, purchase, attempt, **limits)
                whole = True
        except JournalError as error:
            if not (whole and self._store.shared and self._store.is_passing(error.__cause__)):
                raise
            # The connection was lost in the commit. Under the same locks it is certain how that
            # ended; given up here, what was written would hold its slot and its budget.
            with self._store.writing(AHEAD, locks=locks) as db:
                own = {**STATES, "id": attempt.id}
                if not db.execute(_OWN_INTENTION, own).fetchall():
                    self._intend(db, purchase, attempt, **limits)
        return attempt

    def _intend(
        self,
        db: Connection,
        purchase: NewPurchase,
        attempt: Attempt,
        *,
        after_refusal: bool,
        slots: int | None,
        lease: float,
    ) -> None:
        """Do what `intend` does, inside its transaction."""
        # Checked here, under the transaction's locks: another process may have submitted the same
        # request, used up the budget, or taken the last slot while this one was waiting. An error
        # rolls back.
        now = self._store.now()
        if not purchase.again:
            self._refuse_repetition(db, purchase)
        if after_refusal:
            self._refuse_cancelled(db, purchase)
        columns = {**STATES, **rows.purchase_columns(purchase), "now": now}
        adds: str | None = budgets.NOTHING
        counting: Sequence[tuple[str, Mapping[str, Any]]] = ()
        if not after_refusal:  # a known key may have other accounts
            row = {**columns, "state": attempt.state, "reserved_at": now, "cost": None}
            adds, counting = budgets.counting(row, attempt.account)
        statement = _REFUSED_KEY if after_refusal else f"{_NEW_KEY}NOTHING"
        if not db.execute(statement, {**columns, "counted": adds}).rowcount:
            raise PurchaseExists(self.entry(purchase.key))
        if slots is not None and _taken(db, attempt.fingerprint, now) >= slots:
            raise no_slot(attempt.account, slots)
        if purchase.budgets:
            budgets.require(self._store, purchase, now, known=after_refusal, db=db)
        columns = {**rows.attempt_columns(attempt), "now": now, "slot_until": now + lease}
        db.send(_NEW_ATTEMPT, columns)
        for counter, values in counting:
            db.send(counter, values)
        if after_refusal:
            budgets.recount(db, purchase.key)

    def _refuse_repetition(self, db: Connection, purchase: NewPurchase) -> None:
        """Refuse what an identical request continues instead."""
        if db.execute(*_asked(purchase.alike)).fetchall():
            same = self._alike(purchase.alike)
            if same is not None and same.key != purchase.key:
                raise PurchaseExists(same)

    def _refuse_cancelled(self, db: Connection, purchase: NewPurchase) -> None:
        """Refuse a purchase that was cancelled while its submit waited to be made again."""
        for row in db.execute(_LOCKED, {"key": purchase.key}).fetchall():
            may_be = JobCancelled.__name__ in (row["error"] or "")
            if may_be and row["updated"] != purchase.renews:
                record = self.entry(purchase.key)
                if record.cancelled:
                    raise PurchaseExists(record)

    def check_budgets(self, purchase: NewPurchase, besides: Decimal = Decimal(0)) -> None:
        """Refuse what no budget holds, before anything is uploaded; nothing is reserved.

        Args:
            purchase: With its quote and its budgets.
            besides: US dollars that the same command is going to spend elsewhere.

        Raises:
            BudgetExceeded: A budget does not hold the quote's high, or it is unknown.
        """
        if purchase.budgets:
            budgets.require(self._store, purchase, self._store.now(), besides)

    def budget(self, budget: Budget, *, sandbox: bool = False) -> BudgetStatus:
        """Return how much of a budget is used now.

        Args:
            budget: The limit.
            sandbox: Count the purchases in sandboxes on this machine; the real ones otherwise.
        """
        return budgets.statuses(self._store, [budget], self._store.now(), sandbox=sandbox)[0]

    def sending(self, attempt: Attempt, now: Callable[[], Moment] | None = None) -> Attempt:
        """Write that an intended attempt is handed to the network now, ahead of its first byte.

        Args:
            attempt: The attempt, with the sends that the caller knows of.
            now: Returns the present; `moment` when None.

        Raises:
            PurchaseExists: Another process has settled or sent it meanwhile; it may not be sent.
            JournalError: It may not be sent.
        """
        present: dict[str, Any] = {}
        values: dict[str, Any] = {**STATES, "id": attempt.id, "sends": attempt.sends}

        def dated() -> dict[str, Any]:
            at = self.moment() if now is None else now()
            present.update(
                first_sent=at.wall if at.shared is None else at.shared,
                uptime=at.uptime,
                boot=at.boot,
                wall=None if at.shared is None else at.wall,
            )
            values.update(present)
            return values

        try:
            allowed = self._store.execute(_SENDING, dated, AHEAD)
        except JournalError as error:
            passing = self._store.shared and self._store.is_passing(error.__cause__)
            if not present or attempt.sends or not passing:
                raise
            # The connection was lost, perhaps in the commit. Given up here, a call that never left
            # would look like one that may have arrived.
            allowed = (
                len(self._store.query(_OWN_SENDING, values))
                or self._store.execute(_SENDING, values, AHEAD)
                # The server may have finished the lost transaction only now.
                or len(self._store.query(_OWN_SENDING, values))
            )
        if not allowed:
            raise PurchaseExists(self.entry(attempt.key))
        first = present if attempt.sends == 0 else {}
        return attrs.evolve(attempt, sends=attempt.sends + 1, **first)

    def not_sent(self, attempt: Attempt) -> Attempt:
        """Take back the last send, of which no byte left.

        Where the journal cannot be written now, the send counts: that is one re-send less, and no
        harm.
        """
        try:
            self._store.execute(
                "UPDATE attempts SET sends=sends-1"
                " WHERE id=:attempt AND sends>1 AND vendor_id IS NULL",
                {"attempt": attempt.id},
            )
        except JournalError as error:
            log.warning(
                "%s; a re-send of %s that never left is counted", error.message, attempt.key
            )
            return attempt
        return attrs.evolve(attempt, sends=attempt.sends - 1)

    def refused(self, attempt: Attempt, error: MotionKitError) -> None:
        """Write that an attempt was refused: nothing was charged."""
        self._settle(attempt, KeyState.REFUSED, error)

    def unsent(self, attempt: Attempt, error: MotionKitError) -> bool:
        """Write that an attempt was refused, if it was never handed to the network.

        Returns:
            False when it has been handed over or settled meanwhile; nothing was written then.
        """
        with self._store.writing() as db:
            # Written at once, not read first: another process may be about to write `sending`.
            unsent = db.execute(
                "UPDATE attempts SET state=:refused"
                " WHERE id=:attempt AND state=:intended AND sends=0",
                {**STATES, "attempt": attempt.id},
            ).rowcount
            record = _without_job(attempt, KeyState.REFUSED, error)
            return unsent > 0 and outcomes.apply(db, {**record, "at": self._store.now()})

    def cancelled(self, record: PurchaseRecord, error: MotionKitError) -> bool:
        """Write that a purchase was cancelled whose submits were all refused.

        A command that waits to submit it again reads this, and gives up.

        Returns:
            False when it was submitted again meanwhile; nothing was written then.
        """
        written = self._store.execute(
            "UPDATE purchases SET error=:error, updated=:now WHERE key=:key AND state=:refused"
            " AND ambiguous=0 AND :attempt="
            "(SELECT id FROM attempts WHERE key=purchases.key ORDER BY rowid DESC LIMIT 1)",
            {
                **STATES,
                "error": codec.dumps(error.to_dict()),
                "now": self._store.now(),
                "key": record.key,
                "attempt": record.attempts[-1].id,
            },
        )
        return bool(written)

    def uncertain(self, attempt: Attempt, error: MotionKitError) -> None:
        """Write that an attempt may have arrived; only a job clears that."""
        self._settle(attempt, KeyState.UNCERTAIN, error)

    def _settle(self, attempt: Attempt, state: KeyState, error: MotionKitError) -> None:
        about = f"the attempt {attempt.id} of {attempt.key}"
        pending.persist(self._store, about=about, **_without_job(attempt, state, error))

    def accepted(self, attempt: Attempt, job: Job) -> bool:
        """Write the job of an attempt.

        Returns:
            False when another purchase owns that vendor id already, or this attempt another job;
            nothing was written then.
        """
        return pending.persist(
            self._store,
            outcomes.ACCEPTED,
            f"job {job.id} of {attempt.key}",
            attempt=attempt.id,
            key=attempt.key,
            job=job.to_json(),
            vendor_id=job.id,
            cost=None if job.cost is None else rows.packed(job.cost),
            lease=stalled_after(job),
        )

    # What polling, downloads and the user add.

    def observed(
        self, job: Job, status: Status, cost: Cost | None = None, *, unseen: float = 0.0
    ) -> bool:
        """Write an observation, if it is new.

        A terminal state is final, unless a result turns up later: a history may answer after the
        vendor forgot the job, and a vendor may deliver what it called failed.

        Args:
            job: The job.
            status: What the vendor answered.
            cost: What the job cost.
            unseen: Seconds since the previous poll; a job that ended did so in the middle of them.

        Returns:
            Whether the job was observed to end, for the first time.
        """
        ended, now = status.state.terminal, self._store.now()
        failed = ended and status.state is not State.SUCCEEDED
        record = {
            "fingerprint": job.fingerprint,
            "job": job.id,
            "state": status.state.value,
            "word": status.word,
            "cost": rows.packed(recorded(cost)),
            "error": codec.dumps(status.error(job).to_dict()) if failed else None,
            "ended": now - unseen / 2 if ended else None,
            "timed": _timed(job, now - job.submitted_at.timestamp(), unseen) if ended else None,
            "result": status.result is not None,
            "refunded": cost is not None and cost.basis is CostBasis.REFUNDED,
        }
        if ended or cost is not None:
            first = pending.persist(
                self._store, outcomes.OBSERVED, f"the end of job {job.id}", **record
            )
            if ended:  # after the write: who sees it reads the end as well
                self._store.count_end()
            return first and ended
        try:
            if not self._is_known(job, status):
                with self._store.writing(patience=pending.FIRST_TRY, durable=False) as db:
                    outcomes.apply(db, {"kind": outcomes.OBSERVED, **record, "at": now})
        except JournalError as error:  # the next poll writes it again
            passing = self._store.is_passing(error.__cause__)
            level = logging.INFO if passing else logging.WARNING
            log.log(level, "%s; job %s is %s", error.message, job.id, status.state.value)
        return False

    def _is_known(self, job: Job, status: Status) -> bool:
        """Return whether the last observation was the same: a read is cheap, a write is not."""
        known = self._store.query(
            f"SELECT 1 FROM purchases WHERE key={_OWNER}"  # noqa: S608 - a constant
            " AND state=:state AND word=:word AND error IS NULL",
            {
                "fingerprint": job.fingerprint,
                "job": job.id,
                "state": status.state.value,
                "word": status.word,
            },
        )
        return bool(known)

    def assumed(self, record: PurchaseRecord, error: MotionKitError, cost: Cost | None) -> None:
        """Write how the user resolved an uncertain purchase, unless that has ended meanwhile.

        Args:
            record: The purchase as the user saw it.
            error: What was assumed, for the record.
            cost: What was charged; None when nothing was.
        """
        seen = json.dumps([attempt.id for attempt in record.attempts])
        with self._store.writing() as db:
            # Attempts first, as everywhere: two transactions that lock rows in different orders
            # can wait for each other.
            db.execute(
                "UPDATE attempts SET state=:refused, slot_until=NULL"
                " WHERE key=:key AND vendor_id IS NULL"
                " AND id IN (SELECT value FROM json_each(:seen))",
                {**STATES, "key": record.key, "seen": seen},
            )
            outcomes.lock(db, record.key)
            db.execute(
                "UPDATE purchases SET state=:state, ambiguous=0, cost=:cost, error=:error,"
                " updated=:now WHERE key=:key AND state IN (:intended,:uncertain)"
                # Resolved and submitted again meanwhile: the outcome of that is unknown.
                " AND NOT EXISTS (SELECT 1 FROM attempts WHERE key=purchases.key"
                " AND id NOT IN (SELECT value FROM json_each(:seen)))",
                {
                    **STATES,
                    "state": KeyState.REFUSED.value if cost is None else State.GONE.value,
                    "cost": rows.packed(cost),
                    "error": codec.dumps(error.to_dict()),
                    "now": self._store.now(),
                    "key": record.key,
                    "seen": seen,
                },
            )
            budgets.recount(db, record.key)

    def delivered(self, job: Job, path: Path | str, sha256: str) -> None:
        """Write that a job's file is on disk, or behind a URL."""
        pending.persist(
            self._store,
            outcomes.DELIVERED,
            f"the file of job {job.id}",
            fingerprint=job.fingerprint,
            job=job.id,
            path=rows.stored_path(str(path)),
            sha256=sha256,
        )

    def decided(self, key: str, decision: Sequence[Mapping[str, Any]]) -> None:
        """Write which target was chosen, and why; nothing depends on it."""
        try:
            self._store.execute(
                "UPDATE purchases SET decision=:decision WHERE key=:key",
                {"decision": rows.masked(list(decision)), "key": key},
                durable=False,
            )
        except JournalError as error:  # it follows a paid call, and must not look like a failure
            log.warning("%s; the reasons for the target of %s are not recorded", error.message, key)

    # Queries.

    def get(self, key: str) -> PurchaseRecord | None:
        """Return one purchase, None when there is no such key."""
        found = self._select("WHERE key=:key", {"key": key})
        return found[0] if found else None

    def entry(self, key: str) -> PurchaseRecord:
        """Return one purchase.

        Raises:
            InvalidRequest: There is no such key.
        """
        record = self.get(key)
        if record is None:
            raise InvalidRequest(f"the journal has no key {key!r}", field="key", value=key)
        return record

    def entries(
        self,
        which: Filter = ALL,
        *,
        newest: int | None = None,
        on_corrupt: OnCorrupt | None = None,
    ) -> list[PurchaseRecord]:
        """Return purchases, oldest first; `each` does not hold them all in memory.

        Args:
            which: Which of them.
            newest: Only that many of them, the newest.
            on_corrupt: See `listed`.
        """
        if newest is None:
            return list(self.each(which, on_corrupt))
        return self.listed(listing.newest(self._store, which, newest), on_corrupt)

    def each(
        self, which: Filter = ALL, on_corrupt: OnCorrupt | None = None
    ) -> Iterator[PurchaseRecord]:
        """Yield purchases, oldest first, read in pages.

        Args:
            which: Which of them.
            on_corrupt: See `listed`.
        """
        for page in listing.pages(self._store, which):
            yield from self.listed(page, on_corrupt)

    def count(self, which: Filter = ALL) -> int:
        """Return how many purchases there are."""
        return listing.count(self._store, which)

    def spend(
        self, by: SpendBy, *, since: float | None = None, label: str | None = None
    ) -> list[Spend]:
        """Return the cost of purchases; see `motionkit.journal.spending`."""
        from motionkit.journal import spending  # noqa: PLC0415 - not for purchases

        return spending.spend(self._store, by, since=since, label=label)

    def pruned(self) -> int:
        """Return how many purchases were pruned."""
        from motionkit.journal import spending  # noqa: PLC0415 - not for purchases

        return spending.pruned(self._store)

    def prunable(self, before: float) -> Prunable:
        """Return what `prune` would take out; `before` is in epoch seconds."""
        from motionkit.journal import pruning  # noqa: PLC0415 - not for purchases

        return pruning.prunable(self._store, before)

    def prune(self, before: float) -> Prunable:
        """Take finished purchases out that did not change since a moment, in epoch seconds."""
        from motionkit.journal import pruning  # noqa: PLC0415 - not for purchases

        return pruning.prune(self._store, before)

    def pruned_on(self, key: str) -> dt.date | None:
        """Return the UTC day on which a purchase was pruned; None for one that was not."""
        found = self._store.query("SELECT pruned FROM pruned WHERE key=:key", {"key": key})
        return dt.datetime.fromtimestamp(found[0]["pruned"], dt.UTC).date() if found else None

    def forget(self, record: PurchaseRecord) -> bool:
        """Give up the file of a succeeded purchase; False where it was downloaded meanwhile."""
        from motionkit.journal import pruning  # noqa: PLC0415 - not for purchases

        return pruning.forget(self._store, record)

    def rate(self, rated: Iterable[tuple[Rating, PurchaseRecord]]) -> Rated:
        """Write ratings, each with its purchase; see `motionkit.journal.ratings`."""
        from motionkit.journal import ratings  # noqa: PLC0415 - not for purchases

        return ratings.put(self._store, rated)

    def ratings(self, which: Filter = ALL) -> list[Rating]:
        """Return the ratings of purchases, the newest rating last."""
        from motionkit.journal import ratings  # noqa: PLC0415 - not for purchases

        return ratings.every(self._store, which)

    def ratings_of(self, keys: Iterable[str]) -> Mapping[str, Rating]:
        """Return the ratings of those of some purchases that have one, by key."""
        from motionkit.journal import ratings  # noqa: PLC0415 - not for purchases

        return ratings.of(self._store, keys)

    def mean_ratings(self, operation: str) -> Means:
        """Return the mean rating of each account, model and world for an operation."""
        from motionkit.journal import ratings  # noqa: PLC0415 - not for purchases

        return ratings.means(self._store, operation)

    def listed(
        self, keys: Sequence[str], on_corrupt: OnCorrupt | None = None
    ) -> list[PurchaseRecord]:
        """Return those of the purchases with these keys that there are, in that order.

        Args:
            keys: Whole keys.
            on_corrupt: Called with the error of each purchase that is corrupt, and left out. None
                raises it.
        """
        where = "WHERE key IN (SELECT value FROM json_each(:keys))"
        selected = self._select(where, {"keys": json.dumps(list(keys))}, on_corrupt)
        found = {one.key: one for one in selected}
        return [found[key] for key in keys if key in found]

    def ambiguous(self, beginnings: Sequence[str]) -> set[str]:
        """Return those texts with which more than one key begins."""
        found = self._store.query(
            "SELECT value FROM json_each(:beginnings) WHERE (SELECT COUNT(*) FROM (SELECT 1"
            " FROM purchases WHERE key>=value AND key<value||:last LIMIT 2) begun)>1",
            {"beginnings": json.dumps(list(beginnings)), "last": chr(sys.maxunicode)},
        )
        return {row["value"] for row in found}

    def bought(self, job: Job) -> PurchaseRecord | None:
        """Return the purchase that owns a job, None when this journal has none."""
        found = self._select(f"WHERE key={_OWNER}", {"fingerprint": job.fingerprint, "job": job.id})
        return found[0] if found else None

    def running(self, fingerprint: str) -> list[PurchaseRecord]:
        """Return an account's purchases whose jobs take a slot; a poll may show that one ended."""
        return self._select(
            "WHERE key IN (SELECT key FROM attempts WHERE fingerprint=:fingerprint"
            " AND slot_until>:now AND vendor_id IS NOT NULL)",
            {"fingerprint": fingerprint, "now": self._store.now()},
        )

    def taken(self, fingerprint: str) -> int:
        """Return how many of an account's slots are taken, by all processes.

        A submit takes one from its intention on until it is refused or its job has ended. Where
        the end is not observed, the slot becomes free after a while: that of a submit after the
        time that it may take, that of a job when it counts as stalled.
        """
        values = {"fingerprint": fingerprint, "now": self._store.now()}
        return int(self._store.query(_TAKEN, values)[0]["taken"])

    def alive(self, attempt: Attempt) -> bool:
        """Return whether another process may still work on an attempt; this one does not count.

        A process on another machine is known by its heartbeat, if the journal is shared.
        """
        if attempt.worker is None or not self._store.shared:
            return process.alive(attempt.owner)
        self.workers.start()  # only who beats may judge
        return self.workers.alive(attempt.worker)

    def retries(self, key: str) -> list[PurchaseRecord]:
        """Return the purchases that were submitted because that key's job failed, oldest first."""
        later = self._select(
            "WHERE key>=:first AND key<:end ORDER BY rowid",
            {"first": f"{key}~0", "end": f"{key}~:"},
        )
        return [record for record in later if retried(record.key) == key]

    def same(self, alike: Alike) -> PurchaseRecord | None:
        """Return the purchase that an identical request continues: unfinished ones first."""
        return self._alike(alike) if self._store.query(*_asked(alike)) else None

    def _alike(self, alike: Alike) -> PurchaseRecord | None:
        """Return what `same` does, where there are candidates."""
        now = self._store.now()

        def holds(record: PurchaseRecord) -> bool:
            return alike.holds(record, now)

        # Each question ends at the first that holds, however often a request was made.
        open_ones = [
            next(filter(holds, self._newest_open(request)), None) for request in alike.requests
        ]
        held = [record for record in open_ones if record is not None]
        if not held and alike.remember:
            for request in alike.requests:
                delivered = self._select(
                    "WHERE request=:request AND state='succeeded' AND delivered IS NOT NULL"
                    " AND updated>=:since ORDER BY updated DESC LIMIT :limit",
                    {"request": request, "since": now - alike.remember, "limit": PAGE},
                )
                held += filter(holds, delivered)
        return max(held, key=lambda record: record.created, default=None)

    def _newest_open(self, request: str) -> Iterator[PurchaseRecord]:
        """Yield the open purchases with a request's fingerprint, the newest first."""
        before, size = None, 2  # most requests have one
        while True:
            until = "AND (created,key)<(:created,:key)" if before else ""
            page = self._select(
                f"WHERE request=:request AND {UNFINISHED} {until}"
                " ORDER BY created DESC, key DESC LIMIT :limit",
                {**(before or {}), "request": request, "limit": size},
            )
            yield from page
            if len(page) < size:
                return
            before, size = {"created": page[-1].created, "key": page[-1].key}, PAGE

    def find(self, reference: str) -> PurchaseRecord:
        """Return the purchase that a key, a job id, or an unambiguous beginning of a key names.

        A whole key goes before a job id, and both before the beginning of another key.

        Raises:
            InvalidRequest: Nothing matches, or several do.
        """
        whole = self.get(reference)
        if whole is not None:
            return whole
        named = self._named(reference)
        if len(named) == 1:
            return self.entry(named[0])
        what = f"no job matches {reference!r}"
        if named:
            listed = ", ".join(named[:_NAMED_CANDIDATES])
            rest = len(named) - _NAMED_CANDIDATES
            many = "more than " if len(named) > _MATCHES else ""
            more = f" and {rest} more" if rest > 0 and not many else ""
            count = min(len(named), _MATCHES)
            what = f"{many}{count} jobs match {reference!r}: {listed}{', ...' if many else more}"
        elif (on := self.pruned_on(reference)) is not None:
            what = f"{reference!r} was pruned from the journal on {on}"
        raise InvalidRequest(what, field="job", value=reference)

    def candidates(self, reference: str, limit: int) -> list[PurchaseRecord]:
        """Return the purchases that a reference may mean, at most so many of them."""
        return self.listed(self._named(reference)[:limit])

    def _named(self, reference: str) -> list[str]:
        """Return the keys that a job id or the beginning of a key names."""
        by_id = self._store.query(
            "SELECT DISTINCT key FROM attempts WHERE vendor_id=:job", {"job": reference}
        )
        return sorted({row["key"] for row in by_id} or self._begun(reference))

    def _begun(self, beginning: str) -> set[str]:
        """Return the keys that begin so, except retries of them; of very many, only some."""
        if not beginning:
            return set()
        end = _after(beginning)
        found = self._store.query(
            "SELECT key FROM purchases WHERE key>=:beginning"  # noqa: S608 - constants
            f"{'' if end is None else ' AND key<:end'} ORDER BY key LIMIT :limit",
            {"beginning": beginning, "end": end, "limit": _MATCHES + 1},
        )
        keys = {row["key"] for row in found}
        # The beginning of a key also begins the keys of its retries: it names the key itself.
        return {key for key in keys if retried(key) not in keys}

    def readable(self, keys: Sequence[str]) -> list[PurchaseRecord]:
        """Return the purchases with these keys, in that order; corrupt ones are left out."""
        return self.listed(keys, _leave_out)

    def _select(
        self, where: str, values: Mapping[str, Any], on_corrupt: OnCorrupt | None = None
    ) -> list[PurchaseRecord]:
        """Return purchases with their attempts, in two queries however many there are."""
        query = f"SELECT * FROM purchases {where}"  # noqa: S608 - the clauses above
        found = self._store.query(query, values)
        if not found:
            return []
        attempts = self.attempts_of(self._store, [row["key"] for row in found])
        records = []
        for row in found:
            try:
                records.append(rows.purchase_of(row, attempts[row["key"]]))
            except (ValueError, TypeError, InvalidRequest) as error:
                corrupt = JournalError(
                    f"cannot read the journal {self._store.place}: the purchase "
                    f"{row['key']!r} is corrupt: {error}",
                    hint=CHECK,
                )
                if on_corrupt is None:
                    raise corrupt from error
                on_corrupt(corrupt)
        return records

    @staticmethod
    def attempts_of(store: Store, keys: Sequence[str]) -> dict[str, list[Row]]:
        """Return the rows of the attempts of purchases, oldest first."""
        attempts: dict[str, list[Row]] = {key: [] for key in keys}
        for row in store.query(
            "SELECT * FROM attempts WHERE key IN (SELECT value FROM json_each(:keys))"
            " ORDER BY rowid",  # the order of writing; clocks may be set back
            {"keys": json.dumps(list(attempts))},
        ):
            attempts[row["key"]].append(row)
        return attempts

    def durations(self, limit: int) -> list[tuple[tuple[str, str, str], float, float]]:
        """Return the newest successes, oldest first.

        Returns:
            Fingerprint, operation and model; seconds from the submit to the end; the end in epoch
            seconds.
        """
        found = self._store.query(
            "SELECT p.finished, a.job FROM purchases p JOIN attempts a ON a.key=p.key"
            " WHERE p.state='succeeded' AND p.finished IS NOT NULL AND a.job IS NOT NULL"
            " AND COALESCE(p.timed,1)<>0 ORDER BY p.finished DESC LIMIT :limit",
            {"limit": limit},
        )
        readable = (rows.duration(row["job"], row["finished"]) for row in reversed(found))
        return [duration for duration in readable if duration is not None]

    def succeeded(self, limit: int, since: float | None = None) -> list[tuple[str, float]]:
        """Return key and end of the newest purchases that gave a result, the newest first.

        Args:
            limit: How many at most.
            since: Epoch seconds; only those that ended later.
        """
        later = "" if since is None else " AND finished>:since"
        found = self._store.query(
            "SELECT key, finished FROM purchases"  # noqa: S608 - constants
            " WHERE state='succeeded' AND finished IS NOT NULL"
            f"{later} ORDER BY finished DESC LIMIT :limit",
            {"limit": limit, "since": since},
        )
        return [(row["key"], row["finished"]) for row in found]

    def has_succeeded(self, count: int, since: float | None) -> bool:
        """Return whether so many purchases gave a result; `since` is as in `succeeded`."""
        later = "" if since is None else " AND finished>:since"
        found = self._store.query(
            "SELECT 1 FROM purchases"  # noqa: S608 - constants
            f" WHERE state='succeeded' AND finished IS NOT NULL{later}"
            " ORDER BY finished DESC LIMIT 1 OFFSET :rest",
            {"rest": count - 1, "since": since},
        )
        return bool(found)

    @property
    def endings(self) -> Hashable:
        """A token that changes whenever a job may have ended, here or in another process."""
        return self._store.changes()

    def ended(self, jobs: Sequence[Job]) -> list[Job]:
        """Return those of the jobs that a poll or a webhook reported as ended."""
        # Two lists, not one of pairs: a pair would need the JSON functions of one database.
        asked = (
            "a.fingerprint IN (SELECT value FROM json_each(:fingerprints))"
            " AND a.vendor_id IN (SELECT value FROM json_each(:ids))"
        )
        found = self._store.query(
            "SELECT a.fingerprint, a.vendor_id FROM attempts a"  # noqa: S608 - a constant
            " JOIN purchases p ON p.key=a.key"
            f" WHERE {asked} AND p.state IN (SELECT value FROM json_each(:terminal))"
            f" UNION SELECT a.fingerprint, a.vendor_id FROM notices a WHERE {asked}",
            {
                "fingerprints": json.dumps(list({job.fingerprint for job in jobs})),
                "ids": json.dumps(list({job.id for job in jobs})),
                "terminal": json.dumps([state.value for state in State if state.terminal]),
            },
        )
        ended = {(row["fingerprint"], row["vendor_id"]) for row in found}
        return [job for job in jobs if (job.fingerprint, job.id) in ended]

    def job(self, fingerprint: str, vendor_id: str) -> Job | None:
        """Return the job that an account's vendor calls by that id, None when it is not ours."""
        found = self._store.query(
            "SELECT job FROM attempts WHERE fingerprint=:fingerprint AND vendor_id=:job",
            {"fingerprint": fingerprint, "job": vendor_id},
        )
        return Job.from_json(found[0]["job"]) if found else None


def _leave_out(error: JournalError) -> None:
    log.warning("%s; it is left out", error.message)


def _taken(db: Connection, fingerprint: str, now: float) -> int:
    """Return what `Journal.taken` does, inside a transaction."""
    return int(db.execute(_TAKEN, {"fingerprint": fingerprint, "now": now}).fetchone()["taken"])


def _asked(alike: Alike) -> tuple[str, dict[str, Any]]:
    """Return the statement that asks whether there are candidates, and its parameters."""
    remembers = int(alike.remember > 0)
    if len(alike.requests) == 1:  # nearly always: no list is read, and planned, for one
        return _ALIKE_ONE, {"request": alike.requests[0], "remembers": remembers}
    return _ALIKE, {"requests": json.dumps(alike.requests), "remembers": remembers}


def _after(beginning: str) -> str | None:
    """Return the first text after all that begin so, in the order of code points; None: the end.

    A range of keys uses an index; a comparison of their beginnings does not.
    """
    last = sys.maxunicode
    kept = beginning.rstrip(chr(last))
    if not kept:
        return None
    following = ord(kept[-1]) + 1
    if following == _SURROGATES[0]:  # no text in UTF-8 contains one
        following = _SURROGATES[1]
    return kept[:-1] + chr(following)


def _without_job(attempt: Attempt, state: KeyState, error: MotionKitError) -> dict[str, str]:
    """Return the record of an attempt that has no job, without its time."""
    return {
        "kind": state.value,
        "attempt": attempt.id,
        "key": attempt.key,
        "error": codec.dumps(error.to_dict()),
    }


def _timed(job: Job, seconds: float, unseen: float) -> bool:
    from motionkit.journal.statistics import timed  # noqa: PLC0415 - only where a job has ended

    return timed(job, seconds, unseen)
