"""The journal's file: opened safely, migrated, shared between threads and processes.

SQLite with ``synchronous=FULL``: what was written is on the disk when the call returns. The file
has mode 0600.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from motionkit import forks
from motionkit.errors import JournalError

BUSY_TIMEOUT = 20.0
"""Seconds to wait for another process before giving up."""

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
-- the process that made it
ALTER TABLE attempts ADD COLUMN owner TEXT;
""",
    """
-- whose budget it counts against
ALTER TABLE purchases ADD COLUMN route TEXT;
-- US dollars held until the cost is known
ALTER TABLE purchases ADD COLUMN reserved TEXT;
-- JSON: why which target was taken
ALTER TABLE purchases ADD COLUMN decision TEXT;
ALTER TABLE purchases ADD COLUMN finished REAL;
CREATE INDEX purchases_route ON purchases (route, created);
CREATE TABLE cooldowns (      -- a cache
  account TEXT NOT NULL, cause TEXT NOT NULL, state TEXT NOT NULL,
  PRIMARY KEY (account, cause)
);
""",
    """
CREATE TABLE notices (        -- a cache
  fingerprint TEXT NOT NULL, vendor_id TEXT NOT NULL,
  state TEXT NOT NULL, content TEXT NOT NULL,
  PRIMARY KEY (fingerprint, vendor_id)
);
""",
)
"""What leads from each schema version to the next; `PRAGMA user_version` says where a file is."""
SCHEMA_VERSION = len(_MIGRATIONS)

MOUNTS = Path("/proc/self/mounts")
NETWORK_FILE_SYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre", "sshfs"}
)
"""Kinds of mounts on which SQLite's locks are not to be relied on."""

log = logging.getLogger("motionkit")


class Store:
    """One SQLite file, safe to share between threads and processes.

    No connection is carried over a fork: SQLite counts a process's locks on a file by itself, and
    in a child would count the parent's. It is closed before, and opened again by whoever needs it.

    Args:
        path: The file; made with mode 0600 if need be. None keeps everything in memory.

    Raises:
        JournalError: It cannot be opened, is corrupt, or a newer motionkit wrote it.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = None if path is None else path.absolute()
        self._lock = threading.RLock()
        self._db: sqlite3.Connection | None = None
        self._closed = self._left_behind = False
        with self._guarded("open"):
            self._open()
        forks.tell(self)

    @property
    def db(self) -> sqlite3.Connection:
        """The connection.

        Raises:
            JournalError: It was kept in memory, and this is a forked child.
        """
        if self._left_behind:
            raise JournalError(
                "a journal in memory stays with the process that made it; this is a forked child",
                hint="name a file as the journal, or make the client in the child",
            )
        return self._db or self._open()

    def _open(self) -> sqlite3.Connection:
        self._db = db = self._connect(self.path)
        try:
            self._prepare()
        except BaseException:
            self._db = None
            db.close()
            raise
        return db

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
                self.db.execute("PRAGMA journal_mode=WAL")
                break
            except sqlite3.OperationalError as error:  # SQLite's own time-out is not for this
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
        self.db.execute("PRAGMA synchronous=FULL")
        self.db.execute("PRAGMA foreign_keys=ON")
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
            self.db.execute("BEGIN IMMEDIATE")
            try:
                yield self.db
                self.db.execute("COMMIT")
            except BaseException:
                if self.db.in_transaction:  # SQLite ends it by itself on a full disk
                    self.db.execute("ROLLBACK")
                raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Give the connection for queries.

        Raises:
            JournalError: The file cannot be read.
        """
        with self._guarded("read"), self._lock:
            yield self.db

    @contextmanager
    def writing(self, doing: str = "write to") -> Iterator[sqlite3.Connection]:
        """Give the connection inside a transaction that is on the disk when the block ends.

        Args:
            doing: What to call it in an error.

        Raises:
            JournalError: Nothing was written.
        """
        with self._guarded(doing), self._transaction() as db:
            yield db

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._closed = True
            if self._db is not None and not self._left_behind:
                self._db.close()

    def before_fork(self) -> None:
        """Let a transaction end, and close the connection."""
        self._lock.acquire()
        if self.path is not None and self._db is not None and not self._closed:
            self._db.close()
            self._db = None

    def after_fork(self, *, child: bool) -> None:
        """Go on; the next who needs the connection opens it."""
        self._left_behind = self._left_behind or (child and self.path is None)
        self._lock.release()


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
