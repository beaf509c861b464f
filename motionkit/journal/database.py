"""The journal's file: opened safely, migrated, shared between threads and processes.

SQLite with ``synchronous=FULL``: what was written is on the disk when the call returns. The file
has mode 0600.

Nothing but SQLite may open the file. POSIX drops every lock that a process holds on a file as soon
as the process closes any descriptor of it (https://www.sqlite.org/howtocorrupt.html, section 2.2):
other processes would then delete the write-ahead log under a live connection. The file is made with
``mknod``, examined with ``stat`` and protected with ``chmod``, all of which open nothing.
"""

from __future__ import annotations

import errno
import logging
import os
import re
import sqlite3
import stat
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from motionkit._support import forks
from motionkit.errors import JournalError

AHEAD = "write ahead to"
"""What a write is called after which something is paid."""
BUSY_TIMEOUT = 20.0
"""Seconds to wait for another process before giving up."""
_SLICE = 0.25
"""Seconds for which SQLite itself waits to write; between two of them other threads may work."""
EMPTY_GRACE = 1.0
"""Seconds for another process to fill the file that it has just made."""

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
    """
-- when the budget last reserved its price: a refused key may be submitted again on another day
ALTER TABLE purchases ADD COLUMN reserved_at REAL;
UPDATE purchases SET reserved_at=created;
CREATE INDEX purchases_reserved ON purchases (route, reserved_at);
DROP INDEX purchases_route;
""",
    """
-- the first send on a clock that nobody sets, and the boot that it counts from
ALTER TABLE attempts ADD COLUMN uptime REAL;
ALTER TABLE attempts ADD COLUMN boot TEXT;
-- whether something in the submission was masked on its way in
ALTER TABLE attempts ADD COLUMN masked INTEGER;
""",
    """
DROP TABLE cooldowns;
CREATE TABLE cooldowns (      -- a cache
  account TEXT NOT NULL, fingerprint TEXT NOT NULL, cause TEXT NOT NULL, state TEXT NOT NULL,
  PRIMARY KEY (account, fingerprint, cause)
);
""",
    """
-- 0 when nobody observed the job around its end: `finished` tells no duration
ALTER TABLE purchases ADD COLUMN timed INTEGER;
""",
    """
-- whether the last attempt went to a sandbox on this machine; NULL where an older version wrote it
ALTER TABLE purchases ADD COLUMN sandbox INTEGER;
""",
)
"""What leads from each schema version to the next; `PRAGMA user_version` says where a file is."""
SCHEMA_VERSION = len(_MIGRATIONS)

MOUNTS = Path("/proc/self/mounts")
NETWORK_FILE_SYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre", "sshfs"}
)
"""Kinds of mounts on which SQLite's locks are not to be relied on."""

_PARTS = ("", "-wal", "-shm")
"""What SQLite needs beside one another: the file, its write-ahead log, and its locks."""
_Inode = tuple[int, int]

_HINT_PLACE = (
    "name a file in a local folder that you can write: journal = ... in the configuration, or "
    "MOTIONKIT_JOURNAL"
)

log = logging.getLogger("motionkit")


class Store:
    """One client's hold on a SQLite file, safe to share between threads and processes.

    All stores of a process on one file share one connection, which is closed with the last of them.

    Args:
        path: The file; made with mode 0600 if need be. None keeps everything in memory.

    Raises:
        JournalError: It cannot be opened, is corrupt, or a newer motionkit wrote it.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = None if path is None else path.absolute()
        with _guarded("open", self.path):
            self.file = _acquire(self.path)
        # A client that is dropped without `close`, as in a notebook, lets go of the file too.
        self._let_go = weakref.finalize(self, _release, self.file, wait=False)
        self._let_go.atexit = False

    @property
    def db(self) -> sqlite3.Connection:
        """The connection.

        Raises:
            JournalError: The store is closed, or it was kept in memory and this is a forked child.
        """
        if not self._let_go.alive:
            raise JournalError("the journal is closed; make another client")
        return self.file.db

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Give the connection for queries.

        Raises:
            JournalError: The file cannot be read, or is no longer the one that was opened.
        """
        with _guarded("read", self.path), self.file.lock:
            db = self.db
            self.file.check()
            yield db

    @contextmanager
    def writing(
        self, doing: str = "write to", *, patience: float | None = None
    ) -> Iterator[sqlite3.Connection]:
        """Give the connection inside a transaction that is on the disk when the block ends.

        Args:
            doing: What to call it in an error.
            patience: Seconds to wait for others who write; `BUSY_TIMEOUT` when None.

        Raises:
            JournalError: Nothing was written, or not to the file that others see: it was deleted or
                replaced.
        """
        with _guarded(doing, self.path):
            with self.file.transaction(BUSY_TIMEOUT if patience is None else patience):
                db = self.db
                self.file.check()
                yield db
            self.file.check()  # a file deleted meanwhile took what was written with it

    @property
    def in_transaction(self) -> bool:
        """Whether this thread is inside a `writing` block."""
        with self.file.lock:
            return self.file.connection is not None and self.file.connection.in_transaction

    def close(self) -> None:
        """Let go of the file; the last store on it closes it."""
        if self._let_go.detach() is not None:
            _release(self.file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class SharedFile:
    """The one connection that this process has to a file.

    No connection is carried over a fork: SQLite counts a process's locks on a file by itself, and
    in a child would count the parent's. It is closed before, and opened again by whoever needs it.

    Attributes:
        lock: Held while the connection is used.
        users: How many stores hold it.
        closed: Whether the last of them has let go.
        endings: Jobs that were seen to end, as written through this connection.
    """

    def __init__(self, path: Path | None, inode: _Inode | None) -> None:
        self.path = path
        self.lock = threading.RLock()
        self.users = 0
        self.closed = self._left_behind = False
        self.endings = 0
        self.connection: sqlite3.Connection | None = None
        self._opened: dict[Path, _Inode] = {} if path is None or inode is None else {path: inode}
        forks.tell(self)

    @property
    def db(self) -> sqlite3.Connection:
        """The connection, opened if need be."""
        if self._left_behind:
            raise JournalError(
                "a journal in memory stays with the process that made it; this is a forked child",
                hint="name a file as the journal, or make the client in the child",
            )
        if self.closed:
            raise JournalError("the journal is closed; make another client")
        with self.lock:
            return self.connection or self._open()

    def _open(self) -> sqlite3.Connection:
        self._opened = dict(list(self._opened.items())[:1])
        self.check()  # after a fork: SQLite would make a new file in the place of a deleted one
        self.connection = db = sqlite3.connect(
            self.path or ":memory:",
            timeout=BUSY_TIMEOUT,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            db.row_factory = sqlite3.Row
            self._prepare(db)
            if self.path is not None:
                beside = [_beside(_real(self.path), part) for part in _PARTS[1:]]
                self._opened |= {place: inode for place in beside if (inode := _inode(place))}
        except BaseException:
            self.connection = None
            db.close()
            raise
        return db

    def check(self) -> None:
        """Check that the path still leads to the file that is open, without opening it.

        Raises:
            JournalError: It was deleted or replaced. What is written now reaches nobody else, so
                that another process could submit the same key.
        """
        for place, inode in self._opened.items():
            now = _inode(place)
            if now != inode:
                what = "deleted" if now is None else "replaced"
                raise JournalError(
                    f"the journal {self.path} is not the one that this process opened: "
                    f"{place.name} was {what} meanwhile",
                    hint="put the file back, or start again with the journal that is to be used; "
                    "nothing is submitted until then",
                )

    def _prepare(self, db: sqlite3.Connection) -> None:
        deadline = time.monotonic() + BUSY_TIMEOUT
        while True:
            try:
                db.execute("PRAGMA journal_mode=WAL")
                break
            except sqlite3.OperationalError as error:  # SQLite's own time-out is not for this
                if not _is_busy(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
        db.execute("PRAGMA synchronous=FULL")
        db.execute("PRAGMA foreign_keys=ON")
        self._migrate()

    def _migrate(self) -> None:
        with self.transaction(BUSY_TIMEOUT) as db:
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
    def transaction(self, patience: float) -> Iterator[sqlite3.Connection]:
        """Hold the lock and a transaction that may write.

        Args:
            patience: Seconds to wait for other threads and processes.
        """
        self._begin(patience)
        try:
            db = self.db
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:  # SQLite ends it by itself on a full disk
                    db.execute("ROLLBACK")
                raise
        finally:
            self.lock.release()

    def _begin(self, patience: float) -> None:
        """Take the lock and begin; waiting for another process keeps no thread from reading."""
        deadline = time.monotonic() + patience
        while True:
            if not self.lock.acquire(timeout=max(0.0, deadline - time.monotonic())):
                busy = sqlite3.OperationalError("database is locked by another thread")
                busy.sqlite_errorcode = sqlite3.SQLITE_BUSY
                raise busy
            try:
                left = max(0.0, deadline - time.monotonic())
                db = self.db
                db.execute(f"PRAGMA busy_timeout={int(min(_SLICE, left) * 1000)}")
                try:
                    db.execute("BEGIN IMMEDIATE")
                finally:
                    db.execute(f"PRAGMA busy_timeout={int(BUSY_TIMEOUT * 1000)}")
            except BaseException as error:
                self.lock.release()
                if not _is_busy(error) or time.monotonic() >= deadline:
                    raise
            else:
                return
            time.sleep(0.002)  # so that whoever waits for the lock gets it

    def close(self, *, wait: bool = True) -> None:
        """Close the connection; the file's last user calls it.

        Args:
            wait: Wait for a thread that uses it. The collector must not: it may run in a thread
                that holds another file's lock, while a fork holds this one's and waits for that.
        """
        if not self.lock.acquire(blocking=wait):
            return  # nobody but a fork can hold it then, which closes the connection itself
        try:
            if self.connection is not None and not self._left_behind:
                self.connection.close()
                self.connection = None
        finally:
            self.lock.release()

    def before_fork(self) -> None:
        """Let a transaction end, and close the connection."""
        self.lock.acquire()
        if self.path is not None and self.connection is not None:
            self.connection.close()
            self.connection = None

    def after_fork(self, *, child: bool) -> None:
        """Go on; the next who needs the connection opens it."""
        self._left_behind = self._left_behind or (child and self.path is None)
        self.lock.release()


_OPEN: dict[_Inode, SharedFile] = {}
"""What this process has open, by device and inode: two names of one file are one file."""
_SHARING = forks.Lock()


def _acquire(path: Path | None) -> SharedFile:
    """Return the process's connection to a file, one user more; made if need be."""
    if path is None:
        file = SharedFile(None, None)
        file.users = 1
    else:
        _refuse_orphaned_log(path)
        empty = _is_left_empty(path)
        with _SHARING:
            inode = _make(path)
            while True:
                file = _OPEN.get(inode) or SharedFile(path, inode)
                _OPEN[inode] = file
                file.users += 1
                # The collector may run in between, and let go of the last other user.
                if not file.closed:
                    break
        if empty:
            log.warning(
                "the journal %s was empty (0 bytes): a new one begins in it. If it had purchases, "
                "put a copy back before you submit: their keys are unknown now",
                path,
            )
    try:
        with file.lock:
            if file.connection is None:
                if path is not None:
                    _warn_of_network(path)
                _ = file.db
    except BaseException:
        _release(file)
        raise
    return file


def _release(file: SharedFile, *, wait: bool = True) -> None:
    with _SHARING:
        file.users -= 1
        if file.users > 0 or file.closed:
            return
        file.closed = True
        for inode in [inode for inode, other in _OPEN.items() if other is file]:
            del _OPEN[inode]
    file.close(wait=wait)


def _make(path: Path) -> _Inode:
    """Make the file if there is none, for its owner alone; return its device and inode.

    Raises:
        JournalError: What is there is no regular file.
    """
    real = _real(path)
    real.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    made = True
    try:
        os.mknod(real, stat.S_IFREG | 0o600)
    except FileExistsError:
        made = False
    except OSError as error:
        if error.errno != errno.EPERM:
            raise
        # Only root may use mknod here (macOS). Nothing in this process can have the file open: it
        # does not exist, and whoever wants to open it waits for `_SHARING`.
        try:
            os.close(os.open(real, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            made = False
    found = real.stat()
    if not stat.S_ISREG(found.st_mode):
        what = "a folder" if stat.S_ISDIR(found.st_mode) else "not a regular file"
        raise JournalError(f"cannot open the journal {path}: it is {what}", hint=_HINT_PLACE)
    if made:
        real.chmod(0o600)  # whatever the umask took away
    for part in _PARTS:
        place = _beside(real, part)
        try:
            open_to_others = place.stat().st_mode & 0o077
        except FileNotFoundError:
            continue
        if open_to_others:  # an older file
            place.chmod(0o600)
    return found.st_dev, found.st_ino


def _refuse_orphaned_log(path: Path) -> None:
    """Refuse to begin a new journal over the log of another: SQLite would delete that.

    Raises:
        JournalError: The file is missing or empty, and its log holds purchases.
    """
    real = _real(path)
    if _size(real):
        return
    left = _size(_beside(real, "-wal"))
    if not left or (size := _size(real)):  # asked again: another process may be making it
        return
    state = "missing" if size is None else "empty (0 bytes)"
    raise JournalError(
        f"the journal {path} is {state}, and {real.name}-wal beside it holds {left} bytes of it",
        hint="a program may still use the deleted journal: end it, and put a copy of the journal "
        f"back; to give up what it held, delete {real.name}-wal and {real.name}-shm",
    )


def _is_left_empty(path: Path) -> bool:
    """Tell whether the file is there with nothing in it, and stays so.

    Another process that makes the journal at this moment fills it at once.
    """
    real = _real(path)
    deadline = time.monotonic() + EMPTY_GRACE
    while (empty := _size(real) == 0 and real.is_file()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return empty


def _real(path: Path) -> Path:
    """Return what a path leads to; SQLite lays its log beside that."""
    return Path(os.path.realpath(path))


def _beside(path: Path, part: str) -> Path:
    return path.with_name(path.name + part)


def _inode(path: Path) -> _Inode | None:
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_dev, found.st_ino


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None


def is_locked(error: JournalError) -> bool:
    """Tell whether another thread or process held the file for longer than it was waited for."""
    return error.__cause__ is not None and _is_busy(error.__cause__)


def _is_busy(error: BaseException) -> bool:
    """Tell whether another holds the file; the extended codes say in what."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF == sqlite3.SQLITE_BUSY


@contextmanager
def _guarded(doing: str, path: Path | None) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        why = str(error)
        if isinstance(error, OSError) and error.strerror:
            why = error.strerror + (f" ({error.filename})" if error.filename else "")
        hint = _hint_of(error) if doing == "open" else None
        if doing == AHEAD:
            hint = "nothing was sent; free the disk or name another journal and try again"
        raise JournalError(
            f"cannot {doing} the journal {path or 'in memory'}: {why}", hint=hint
        ) from error


def _hint_of(error: sqlite3.Error | OSError) -> str | None:
    """Return what helps against a journal that cannot be opened."""
    if isinstance(error, OSError):
        return _HINT_PLACE
    code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
    if code in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM}:
        return _HINT_PLACE
    if code in {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}:
        return "put a copy of the journal back, or name another file as the journal"
    return None


def _warn_of_network(path: Path) -> None:
    kind = _network_file_system(path)
    if kind is not None:
        log.warning(
            "the journal %s is on a network file system (%s), where locks may not hold; "
            "name a local file in the configuration",
            path,
            kind,
        )


def _network_file_system(path: Path) -> str | None:
    """Return the kind of network file system that a path lies on, None when it is local."""
    try:
        listed = MOUNTS.read_bytes()
    except OSError:
        return None  # not Linux: nobody to ask
    best, kind = "", ""
    where = str(path.resolve())
    for line in listed.decode("utf-8", "surrogateescape").split("\n"):  # names are bytes
        fields = line.split(" ")
        if len(fields) < 3:  # device, mount point, kind
            continue
        point, name = re.sub(r"\\([0-7]{3})", lambda m: chr(int(m[1], 8)), fields[1]), fields[2]
        inside = where == point or where.startswith(point.rstrip("/") + "/")
        if inside and len(point) > len(best):
            best, kind = point, name
    return kind if kind.removeprefix("fuse.") in NETWORK_FILE_SYSTEMS else None
