"""The HTTP calls of the last minute, counted for all processes that share a journal.

Every call to a rate-limited vendor writes here, and nothing is lost with it but a minute's count.
On SQLite the table is therefore in a file of its own, which is never synced to the disk: the
journal's own file would sync twice for each call.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

import attrs

from motionkit._support import process
from motionkit.errors import JournalError
from motionkit.journal import files
from motionkit.journal.database import code, write_ahead
from motionkit.journal.files import Inode

DOING = "count calls in"
"""What errors call a write."""
BUSY_TIMEOUT = 10.0
"""Seconds to wait for another process; each of them writes for less than a millisecond."""
SET_BACK = 1.0
"""Seconds: a call further in the future was counted before the clock was set back."""

SCHEMA = """
-- ids are never used twice: a call that ends late must not change another one's row
CREATE TABLE IF NOT EXISTS calls (
  id INTEGER PRIMARY KEY AUTOINCREMENT, fingerprint TEXT NOT NULL, at REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS calls_at ON calls (fingerprint, at)
"""
_HARMED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class CallTable(Protocol):
    """A database with the table ``calls``."""

    def writing(
        self,
        doing: str = ...,
        *,
        patience: float | None = ...,
        adopt: bool = ...,
        locks: Sequence[tuple[str, str]] = ...,
        durable: bool = ...,
    ) -> AbstractContextManager[Any]:
        """Give a connection inside a transaction; see `motionkit.journal.store`."""


@attrs.frozen(eq=False, repr=False)
class AccountCalls:
    """The calls of one account, by all processes.

    Attributes:
        table: Where they are.
        fingerprint: The account's.
        window: Seconds over which the vendor counts.
        now: Seconds on a clock that all processes share.

    Every method raises `JournalError` where the table cannot be used.
    """

    table: CallTable
    fingerprint: str
    window: float
    now: Callable[[], float]

    def take(self, calls: int, limit: int) -> tuple[float, list[int]]:
        """Count calls that start now, if the window has room for all of them.

        Returns:
            0 and the ids of the calls; else the seconds until there may be room, and no ids.
        """
        with self._writing() as db:
            now = self.now()
            values = {"fingerprint": self.fingerprint, "now": now, "over": now - self.window}
            db.execute("DELETE FROM calls WHERE fingerprint=:fingerprint AND at<=:over", values)
            found = db.execute(
                "SELECT count(*) AS number, MAX(at) AS newest FROM calls"
                " WHERE fingerprint=:fingerprint",
                values,
            ).fetchone()
            if found["newest"] is not None and found["newest"] > now + SET_BACK:
                # The clock was set back, or counts from another boot: when these calls were made
                # is not known, so their minute begins now.
                db.execute(
                    "UPDATE calls SET at=:now WHERE fingerprint=:fingerprint AND at>:now", values
                )
            short = found["number"] + calls - limit
            if short > 0:
                first = db.execute(
                    "SELECT at FROM calls WHERE fingerprint=:fingerprint"
                    " ORDER BY at LIMIT 1 OFFSET :skipped",
                    {**values, "skipped": short - 1},
                ).fetchone()
                return first["at"] + self.window - now, []
            return 0.0, [self._insert(db, now) for _ in range(calls)]

    def give_back(self, ids: Sequence[int]) -> None:
        """Do not count calls that were taken and not made."""
        with self._writing() as db:
            for one in ids:
                db.execute("DELETE FROM calls WHERE id=:id", {"id": one})

    def begin(self, call: int) -> bool:
        """Count a call that was taken earlier from now on; False when its minute is over."""
        with self._writing() as db:
            now = self.now()
            return bool(
                db.execute(
                    "UPDATE calls SET at=:now WHERE id=:id AND at>:over",
                    {"id": call, "now": now, "over": now - self.window},
                ).rowcount
            )

    def end(self, call: int | None) -> None:
        """Count a call from now on: its response has arrived; None where it was never counted."""
        with self._writing() as db:
            now = self.now()
            values = {"id": call, "now": now}
            if (
                call is None
                or not db.execute("UPDATE calls SET at=:now WHERE id=:id", values).rowcount
            ):
                self._insert(db, now)

    def _insert(self, db: Any, now: float) -> int:
        return int(
            db.execute(
                "INSERT INTO calls (fingerprint, at) VALUES (:fingerprint, :now) RETURNING id",
                {"fingerprint": self.fingerprint, "now": now},
            ).fetchone()["id"]
        )

    def _writing(self) -> AbstractContextManager[Any]:
        return self.table.writing(
            DOING,
            patience=BUSY_TIMEOUT,
            adopt=False,
            locks=(("calls", self.fingerprint),),
            durable=False,
        )


class CallsFile:
    """The table in a SQLite file that is never synced, opened when it is first used.

    A file that was deleted or damaged is replaced by an empty one: at worst the calls of one minute
    are not counted.
    """

    def __init__(self, journal: Path) -> None:
        real = files.resolved(journal)
        self.path = real.with_name(f"{real.name}-calls")
        self._lock = threading.RLock()
        self._db: sqlite3.Connection | None = None
        self._inode: Inode | None = None
        process.notify_of_forks(self)

    @contextmanager
    def writing(
        self,
        doing: str = DOING,
        **_: object,
    ) -> Iterator[sqlite3.Connection]:
        """Give the connection inside a transaction; the file has one writer at a time.

        Raises:
            JournalError: The file cannot be used.
        """
        try:
            with self._lock:
                db = self._begin()
                try:
                    yield db
                    db.execute("COMMIT")
                except BaseException:
                    if db.in_transaction:
                        db.execute("ROLLBACK")
                    raise
        except (sqlite3.Error, OSError) as error:
            raise JournalError(f"cannot {doing} {self.path}: {error}") from error

    def _begin(self) -> sqlite3.Connection:
        try:
            db = self._opened()
            db.execute("BEGIN IMMEDIATE")
        except sqlite3.DatabaseError as error:
            if code(error) not in _HARMED:
                raise
            # A power cut damages what is never synced.
            self.close()
            for path in (self.path, *files.beside(self.path)):
                path.unlink(missing_ok=True)
            db = self._opened()
            db.execute("BEGIN IMMEDIATE")
        return db

    def _opened(self) -> sqlite3.Connection:
        if self._db is not None:
            with contextlib.suppress(FileNotFoundError):
                found = os.stat(self.path)  # noqa: PTH116 - half as long as `Path.stat`
                if (found.st_dev, found.st_ino) == self._inode:
                    return self._db
            self.close()  # other processes do not see what is written here
        inode = files.create(self.path)
        db = sqlite3.connect(
            self.path, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False
        )
        try:
            db.row_factory = sqlite3.Row
            self._prepare(db)
        except BaseException:
            db.close()
            raise
        self._db, self._inode = db, inode
        return db

    @staticmethod
    def _prepare(db: sqlite3.Connection) -> None:
        write_ahead(db, BUSY_TIMEOUT)
        db.execute("PRAGMA synchronous=OFF")
        for statement in SCHEMA.split(";\n"):
            db.execute(statement)

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        with self._lock:
            db, self._db = self._db, None
            if db is not None:
                db.close()

    def before_fork(self) -> None:
        """Let a transaction end, and close the file: SQLite's locks do not survive a fork."""
        self._lock.acquire()
        self.close()

    def after_fork(self, *, child: bool) -> None:  # noqa: ARG002
        """Continue; the file is opened when it is needed."""
        self._lock.release()
