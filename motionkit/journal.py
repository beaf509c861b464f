"""The local ledger of purchases: what was intended, sent, accepted, and what it did cost.

One row a purchase (its key), one row an attempt (its paid call). Rows are written ahead of the paid
call with ``synchronous=FULL``, so that a crash at any instruction leaves a trace. The file has mode
0600 and holds no key and no signed URL. Caches live in tables of their own and may be thrown away.
"""

from __future__ import annotations

import json
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import attrs

from motionkit import codec, process
from motionkit.errors import InvalidRequest, JournalError, MotionKitError
from motionkit.ledger import Attempt, Entry, KeyTaken, Purchase
from motionkit.model import Job, KeyState, State, Status, Submission
from motionkit.money import Cost, Quote
from motionkit.redaction import redact_data

BUSY_TIMEOUT = 20.0
"""Seconds to wait for another process before giving up."""
UPLOAD_LIFETIME = 6 * 3600.0
"""Seconds: vendors do not say how long they keep uploads; this is short enough for all we know."""

_MIGRATIONS = (
    """
CREATE TABLE purchases (
  key TEXT PRIMARY KEY,
  request TEXT NOT NULL,      -- fingerprint: two identical requests share it
  via TEXT NOT NULL,          -- target or route as the user named it
  description TEXT NOT NULL,  -- JSON, for people
  state TEXT NOT NULL,        -- KeyState or State
  ambiguous INTEGER NOT NULL DEFAULT 0,  -- something may have arrived; only evidence clears it
  quote TEXT, cost TEXT, error TEXT,     -- JSON
  word TEXT,                  -- the vendor's last word
  out TEXT,                   -- where the user wants the file
  delivered TEXT, sha256 TEXT,
  created REAL NOT NULL, updated REAL NOT NULL
);
CREATE INDEX purchases_request ON purchases (request);
CREATE TABLE attempts (
  id TEXT PRIMARY KEY,
  key TEXT NOT NULL REFERENCES purchases (key),
  account TEXT NOT NULL, fingerprint TEXT NOT NULL,
  submission TEXT NOT NULL,   -- JSON, the exact paid call
  state TEXT NOT NULL,        -- KeyState, or 'accepted'
  sends INTEGER NOT NULL DEFAULT 0, first_sent REAL,
  vendor_id TEXT, job TEXT,   -- JSON
  error TEXT,
  created REAL NOT NULL
);
CREATE UNIQUE INDEX attempts_owner ON attempts (fingerprint, vendor_id) WHERE vendor_id IS NOT NULL;
CREATE INDEX attempts_key ON attempts (key);
CREATE TABLE uploads (        -- a cache
  fingerprint TEXT NOT NULL, slot TEXT NOT NULL, sha256 TEXT NOT NULL,
  token TEXT NOT NULL, at REAL NOT NULL,
  PRIMARY KEY (fingerprint, slot, sha256)
);
""",
    """
ALTER TABLE attempts ADD COLUMN owner TEXT;  -- the process that made it
""",
)
"""What leads from each schema version to the next; `PRAGMA user_version` says where a file is."""
SCHEMA_VERSION = len(_MIGRATIONS)

ACCEPTED = "accepted"
MOUNTS = Path("/proc/self/mounts")
NETWORK_FILE_SYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre", "sshfs"}
)
"""Kinds of mounts on which SQLite's locks are not to be relied on."""

log = logging.getLogger("motionkit")


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
        self._lock = threading.RLock()
        with self._guarded("open"):
            self._db = self._connect(path)
            try:
                self._prepare()
            except BaseException:
                self._db.close()
                raise

    def _connect(self, path: Path | None) -> sqlite3.Connection:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                os.fchmod(descriptor, 0o600)  # an older file may be open to others
            finally:
                os.close(descriptor)
            if (kind := _network_file_system(path)) is not None:
                log.warning(
                    "the journal %s lies on a network file system (%s), where locks may not hold; "
                    "name a local file in the configuration",
                    path,
                    kind,
                )
        db = sqlite3.connect(
            path or ":memory:",
            timeout=BUSY_TIMEOUT,
            isolation_level=None,
            check_same_thread=False,
        )
        db.row_factory = sqlite3.Row
        return db

    def _prepare(self) -> None:
        deadline = time.monotonic() + BUSY_TIMEOUT
        while True:
            try:
                self._db.execute("PRAGMA journal_mode=WAL")
                break
            except sqlite3.OperationalError as error:  # SQLite's own time-out is not for this
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.execute("PRAGMA foreign_keys=ON")
        self._migrate()

    def _migrate(self) -> None:
        with self._transaction() as db:
            version = db.execute("PRAGMA user_version").fetchone()[0]
            if version > SCHEMA_VERSION:
                raise JournalError(
                    f"the journal {self.path} has schema {version}; this motionkit knows "
                    f"{SCHEMA_VERSION}",
                    hint="upgrade motionkit, or name another journal in the configuration",
                )
            for step in _MIGRATIONS[version:]:
                for statement in step.split(";\n"):
                    db.execute(statement)
            if version < SCHEMA_VERSION:
                db.execute(f"PRAGMA user_version={SCHEMA_VERSION}")

    @contextmanager
    def _guarded(self, doing: str) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise JournalError(
                f"cannot {doing} the journal {self.path or 'in memory'}: {error}",
                hint="nothing was sent; free the disk or name another journal and try again"
                if doing == "write ahead to"
                else None,
            ) from error

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:  # SQLite ends it by itself on a full disk
                    self._db.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # What a submission writes, in the order of its life.

    def intend(
        self, purchase: Purchase, attempt_id: str, submission: Submission, fingerprint: str
    ) -> Attempt:
        """Write a purchase and its first attempt ahead of the paid call.

        Raises:
            KeyTaken: The key exists, or an identical request is open and `again` is not set; it
                carries that entry. Nothing was written.
            JournalError: Nothing may be sent.
        """
        now = time.time()
        with self._guarded("write ahead to"), self._transaction() as db:
            same = None if purchase.again else self.same(purchase.request)
            if same is not None:
                raise KeyTaken(same)
            try:
                db.execute(
                    "INSERT INTO purchases (key, request, via, description, state, quote, out,"
                    " created, updated) VALUES (?,?,?,?,?,?,?,?,?)",
                    (
                        purchase.key,
                        purchase.request,
                        purchase.via,
                        codec.dumps(redact_data(purchase.description)),
                        KeyState.INTENDED.value,
                        _packed(purchase.quote),
                        purchase.out,
                        now,
                        now,
                    ),
                )
            except sqlite3.IntegrityError:
                raise KeyTaken(self.entry(purchase.key)) from None
            return self._add_attempt(db, purchase.key, attempt_id, submission, fingerprint, now)

    def intend_again(
        self, key: str, attempt_id: str, submission: Submission, fingerprint: str
    ) -> Attempt:
        """Write a further attempt of a key whose earlier ones were all refused.

        Raises:
            KeyTaken: The key stands elsewhere by now; nothing was written.
            JournalError: Nothing may be sent.
        """
        now = time.time()
        with self._guarded("write ahead to"), self._transaction() as db:
            changed = db.execute(
                "UPDATE purchases SET state=?, error=NULL, updated=?"
                " WHERE key=? AND state=? AND ambiguous=0",
                (KeyState.INTENDED.value, now, key, KeyState.REFUSED.value),
            ).rowcount
            if not changed:
                raise KeyTaken(self.entry(key))
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
        db.execute(
            "INSERT INTO attempts"
            " (id, key, account, fingerprint, submission, state, created, owner)"
            " VALUES (?,?,?,?,?,?,?,?)",
            (
                attempt_id,
                key,
                account,
                fingerprint,
                codec.dumps(redact_data(codec.unstructure(submission))),
                KeyState.INTENDED.value,
                now,
                process.identity(),
            ),
        )
        return Attempt(attempt_id, key, account, fingerprint, submission, KeyState.INTENDED.value)

    def sending(self, attempt: Attempt) -> Attempt:
        """Write that the attempt is handed to the network now, ahead of its first byte.

        Raises:
            KeyTaken: Another process has settled it meanwhile; it may not be sent.
            JournalError: It may not be sent.
        """
        now = time.time()
        with self._guarded("write ahead to"), self._transaction() as db:
            allowed = db.execute(
                "UPDATE attempts SET sends=sends+1, first_sent=COALESCE(first_sent,?)"
                " WHERE id=? AND state IN (?,?)",
                (now, attempt.id, KeyState.INTENDED.value, KeyState.UNCERTAIN.value),
            ).rowcount
            if not allowed:
                raise KeyTaken(self.entry(attempt.key))
        return attrs.evolve(attempt, sends=attempt.sends + 1, first_sent=attempt.first_sent or now)

    def refused(self, attempt: Attempt, error: MotionKitError) -> None:
        """Write that nothing was bought."""
        self._settle(attempt, KeyState.REFUSED, error)

    def uncertain(self, attempt: Attempt, error: MotionKitError) -> None:
        """Write that it may have arrived; only a job clears that."""
        self._settle(attempt, KeyState.UNCERTAIN, error)

    def _settle(self, attempt: Attempt, state: KeyState, error: MotionKitError) -> None:
        """Write what became of an attempt without a job.

        A job that another process has written meanwhile stays, and so does an ambiguity.
        """
        told = codec.dumps(error.to_dict())
        unsure = int(state is KeyState.UNCERTAIN)
        with self._guarded("write to"), self._transaction() as db:
            db.execute(
                "UPDATE attempts SET state=?, error=? WHERE id=? AND vendor_id IS NULL",
                (state.value, told, attempt.id),
            )
            db.execute(
                "UPDATE purchases SET state=CASE WHEN ambiguous THEN ? ELSE ? END,"
                " ambiguous=MAX(ambiguous,?), error=?, updated=? WHERE key=? AND state IN (?,?,?)",
                (
                    KeyState.UNCERTAIN.value,
                    state.value,
                    unsure,
                    told,
                    time.time(),
                    attempt.key,
                    *(state.value for state in KeyState),
                ),
            )

    def accepted(self, attempt: Attempt, job: Job) -> bool:
        """Write the job that an attempt bought.

        Returns:
            False when another purchase owns that vendor id already, or this attempt another job;
            nothing was written then.
        """
        with self._guarded("write to"), self._transaction() as db:
            try:
                owned = db.execute(
                    "UPDATE attempts SET state=?1, vendor_id=?2, job=?3, error=NULL"
                    " WHERE id=?4 AND (vendor_id IS NULL OR vendor_id=?2)",
                    (ACCEPTED, job.id, job.to_json(), attempt.id),
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
                    time.time(),
                    attempt.key,
                    *(state.value for state in KeyState),
                ),
            )
        return True

    # What is learnt of a job.

    def observed(self, job: Job, status: Status, cost: Cost | None = None) -> None:
        """Write an observation.

        What is terminal is never taken back, but for a result that turns up after all: a history
        may answer later than the vendor forgot.
        """
        with self._guarded("write to"), self._transaction() as db:
            db.execute(
                "UPDATE purchases SET state=?, word=?, cost=COALESCE(?,cost), error=?, updated=?"
                " WHERE key=? AND state NOT IN (?,?,?) AND (state<>? OR ?)",
                (
                    status.state.value,
                    status.word,
                    _packed(cost),
                    codec.dumps(status.error(job).to_dict())
                    if status.state.terminal and status.state is not State.SUCCEEDED
                    else None,
                    time.time(),
                    job.key,
                    State.SUCCEEDED.value,
                    State.FAILED.value,
                    State.BLOCKED.value,
                    State.GONE.value,
                    status.state is State.SUCCEEDED,
                ),
            )

    def assumed(self, entry: Entry, error: MotionKitError, cost: Cost | None) -> None:
        """Write the user's word on a purchase that nobody could settle.

        Args:
            entry: The purchase.
            error: What was assumed, for the record.
            cost: What was charged; None when nothing was.
        """
        state = KeyState.REFUSED.value if cost is None else State.GONE.value
        with self._guarded("write to"), self._transaction() as db:
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

    def delivered(self, key: str, path: Path, sha256: str) -> None:
        """Write that the file is on disk."""
        with self._guarded("write to"), self._transaction() as db:
            db.execute(
                "UPDATE purchases SET delivered=?, sha256=?, updated=? WHERE key=?",
                (str(path), sha256, time.time(), key),
            )

    # What is asked of it.

    def get(self, key: str) -> Entry | None:
        """Return one purchase, None when there is no such key."""
        with self._guarded("read"), self._lock:
            row = self._db.execute("SELECT * FROM purchases WHERE key=?", (key,)).fetchone()
            return None if row is None else self._entry(row)

    def entry(self, key: str) -> Entry:
        """Return one purchase.

        Raises:
            InvalidRequest: There is no such key.
        """
        found = self.get(key)
        if found is None:
            raise InvalidRequest(f"the journal has no key {key!r}", field="key", value=key)
        return found

    def entries(self, *, request: str | None = None) -> list[Entry]:
        """Return the purchases, oldest first; with `request`, those of identical requests."""
        query = "SELECT * FROM purchases"
        values: tuple[str, ...] = ()
        if request is not None:
            query, values = f"{query} WHERE request=?", (request,)
        with self._guarded("read"), self._lock:
            rows = self._db.execute(f"{query} ORDER BY created, key", values).fetchall()
            return [self._entry(row) for row in rows]

    def same(self, request: str) -> Entry | None:
        """Return the newest purchase of an identical request of which something is still owed."""
        still_open = [entry for entry in self.entries(request=request) if entry.open]
        return still_open[-1] if still_open else None

    def find(self, reference: str) -> Entry:
        """Return the purchase that a key, an unambiguous beginning of one, or a job id names.

        Raises:
            InvalidRequest: Nothing matches, or several do.
        """
        with self._guarded("read"), self._lock:
            rows = self._db.execute(
                "SELECT DISTINCT p.* FROM purchases p LEFT JOIN attempts a ON a.key=p.key"
                " WHERE p.key=?1 OR a.vendor_id=?1 OR substr(p.key,1,length(?1))=?1",
                (reference,),
            ).fetchall()
            exact = [row for row in rows if row["key"] == reference] or rows
            if len(exact) != 1:
                what = "nothing" if not exact else f"{len(exact)} purchases"
                raise InvalidRequest(
                    f"the journal has {what} under {reference!r}", field="job", value=reference
                )
            return self._entry(exact[0])

    def _entry(self, row: sqlite3.Row) -> Entry:
        attempts = self._db.execute(
            "SELECT * FROM attempts WHERE key=? ORDER BY created, rowid", (row["key"],)
        ).fetchall()
        try:
            return _entry(row, attempts)
        except (ValueError, TypeError, InvalidRequest) as error:
            raise JournalError(
                f"cannot read the journal {self.path or 'in memory'}: the purchase {row['key']!r} "
                f"makes no sense: {error}"
            ) from error

    def owns(self, fingerprint: str, vendor_id: str) -> bool:
        """Tell whether a purchase here owns that vendor's job."""
        with self._guarded("read"), self._lock:
            row = self._db.execute(
                "SELECT 1 FROM attempts WHERE fingerprint=? AND vendor_id=?",
                (fingerprint, vendor_id),
            ).fetchone()
        return row is not None

    # The disposable caches.

    def get_upload(self, fingerprint: str, slot: str, sha256: str) -> str | None:
        """Return what the vendor holds of that content, None when unknown or too old."""
        with self._guarded("read"), self._lock:
            row = self._db.execute(
                "SELECT token FROM uploads WHERE fingerprint=? AND slot=? AND sha256=? AND at>?",
                (fingerprint, slot, sha256, time.time() - UPLOAD_LIFETIME),
            ).fetchone()
        return row["token"] if row else None

    def forget_uploads(self, fingerprint: str, tokens: Iterable[str]) -> None:
        """Forget what the vendor no longer holds."""
        with self._guarded("write to"), self._transaction() as db:
            db.executemany(
                "DELETE FROM uploads WHERE fingerprint=? AND token=?",
                [(fingerprint, token) for token in tokens],
            )

    def put_upload(self, fingerprint: str, slot: str, sha256: str, token: str) -> None:
        """Remember what the vendor holds."""
        with self._guarded("write to"), self._transaction() as db:
            db.execute(
                "INSERT OR REPLACE INTO uploads VALUES (?,?,?,?,?)",
                (fingerprint, slot, sha256, token, time.time()),
            )


def _network_file_system(path: Path) -> str | None:
    """Return the kind of network file system that a path lies on, None when it is local."""
    try:
        mounts = MOUNTS.read_text("utf-8").splitlines()
    except OSError:
        return None  # not Linux: nobody to ask
    best, kind = "", ""
    where = str(path.resolve())
    for line in mounts:
        _, point, name, *_ = line.split(" ")
        point = point.replace("\\040", " ")
        inside = where == point or where.startswith(point.rstrip("/") + "/")
        if inside and len(point) > len(best):
            best, kind = point, name
    return kind if kind.removeprefix("fuse.") in NETWORK_FILE_SYSTEMS else None


def _packed(value: Any) -> str | None:
    return None if value is None else codec.dumps(codec.unstructure(value))


def _unpacked(text: str | None, kind: type[Any]) -> Any:
    return None if text is None else codec.structure(json.loads(text), kind)


def _state(word: str) -> State | KeyState:
    return KeyState(word) if word in {state.value for state in KeyState} else State(word)


def _entry(row: sqlite3.Row, attempts: list[sqlite3.Row]) -> Entry:
    return Entry(
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
    )
