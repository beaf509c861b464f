"""One SQLite file: opened safely, migrated, shared between threads and processes.

SQLite with ``synchronous=FULL``: a finished transaction is on the disk. `motionkit.journal.files`
says why nothing but SQLite opens the file.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from motionkit._support import process
from motionkit.errors import JournalError
from motionkit.journal import files
from motionkit.journal.files import Inode
from motionkit.journal.schema import MIGRATIONS, SCHEMA_VERSION, newer_schema
from motionkit.journal.store import AHEAD, BUSY_TIMEOUT, NO_VALUES, Adopt, Lock, Store, Values
from motionkit.model.money import decimal_add

_SLICE = 0.25
"""Seconds for which SQLite itself waits; between two of them other threads may work."""

log = logging.getLogger("motionkit")


class FileConnection(sqlite3.Connection):
    """A connection to a file, which runs every statement at once."""

    send = sqlite3.Connection.execute

    def insert(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], /) -> None:
        """Insert many rows."""
        places = ",".join("?" * len(columns))
        self.executemany(
            f"INSERT INTO {table} ({','.join(columns)}) VALUES ({places})",  # noqa: S608 - its names
            rows,
        )


class SQLiteStore(Store):
    """One client's handle on a SQLite file, safe to share between threads and processes.

    All stores of a process on one file share one connection, which is closed with the last of them.

    Args:
        path: The file; made with mode 0600 if need be. None keeps everything in memory.
        adopt: See `Adopt`.

    Attributes:
        path: The file, absolute; None in memory.
        file: The connection that this process has to it.

    Raises:
        JournalError: It cannot be opened, is corrupt, or a newer motionkit wrote it.
    """

    shared = False
    unbindable = (sqlite3.InterfaceError, sqlite3.ProgrammingError)
    contradictions = (sqlite3.IntegrityError,)

    def __init__(self, path: Path | None, adopt: Adopt | None = None) -> None:
        self.path = None if path is None else path.absolute()
        self.place = "in memory" if path is None else str(self.path)
        try:
            self.file = acquire(self.path)
        except (sqlite3.Error, OSError) as error:
            raise _failed("open", self.path, error) from error
        # A client that is dropped without `close`, as in a notebook, releases the file too.
        self._let_go = weakref.finalize(self, _release, self.file, wait=False)
        self._let_go.atexit = False
        self.pending = None if path is None else files.pending(path)
        self._adopt = adopt
        self._take_pending(0.0)

    @property
    def db(self) -> FileConnection:
        """The connection.

        Raises:
            JournalError: The store is closed, or it was kept in memory and this is a forked child.
        """
        self._check_open()
        return self.file.db

    def _check_open(self) -> None:
        if not self._let_go.alive:
            raise JournalError("the journal is closed; make another client")

    def check(self, db: FileConnection) -> None:
        """Check in a transaction that this store may write.

        Raises:
            JournalError: It is closed, a newer motionkit has changed the file, or the file is
                not the one that was opened.
        """
        self._check_open()
        self.file.check()
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            raise newer_schema(self.place, version, running=True)

    def query(self, statement: str, values: Values = NO_VALUES) -> list[sqlite3.Row]:
        """Return the rows that a statement selects, inside or outside a transaction.

        Raises:
            JournalError: The file cannot be read, or is no longer the one that was opened.
        """
        self._take_pending(0.0)
        deadline = 0.0
        while True:
            try:
                with self.file.lock:
                    db = self.db
                    if not db.in_transaction:  # else `writing` checks before and after
                        self.file.check()
                    return db.execute(statement, values).fetchall()
            except (sqlite3.Error, OSError) as error:
                deadline = deadline or time.monotonic() + BUSY_TIMEOUT
                if not is_busy(error) or time.monotonic() >= deadline:
                    raise _failed("read", self.path, error) from error

    def writing(
        self,
        doing: str = "write to",
        *,
        patience: float | None = None,
        adopt: bool = True,
        locks: Sequence[Lock] = (),  # noqa: ARG002 - the file has one writer
        durable: bool = True,  # noqa: ARG002 - all is on the disk
        reserved: bool = False,  # noqa: ARG002 - there is one connection
    ) -> _Transaction:
        """Give the connection inside a transaction that is on the disk when the block ends.

        Args:
            doing: What to call it in an error.
            patience: Seconds to wait for others who write; `BUSY_TIMEOUT` when None.
            adopt: Take the pending records first.
            locks: See `Store.writing`.
            durable: See `Store.writing`.
            reserved: See `Store.writing`.

        Raises:
            JournalError: Nothing was written, or not to the file that others see: it was deleted or
                replaced.
        """
        if adopt:
            self._take_pending(patience)
        return _Transaction(self, doing, BUSY_TIMEOUT if patience is None else patience)

    def execute(
        self,
        statement: str,
        values: Values | Callable[[], Values] = NO_VALUES,
        doing: str = "write to",
        *,
        durable: bool = True,  # noqa: ARG002 - all is on the disk
    ) -> int:
        """Run one statement in a transaction of its own; see `Store.execute`."""
        self._take_pending(None)
        with _Transaction(self, doing, BUSY_TIMEOUT) as db:
            return db.execute(statement, values() if callable(values) else values).rowcount

    def _take_pending(self, patience: float | None) -> None:
        if self._adopt is None or self.pending is None:
            return
        if not os.path.isdir(self.pending):  # noqa: PTH112 - unlike `Path.is_dir`, never raises
            return
        with self.file.lock:
            connection = self.file.connection
            if connection is not None and connection.in_transaction:
                return  # this thread's own: it holds the lock
        self._adopt(self, patience)

    def now(self) -> float:
        """Return this machine's clock, which all processes on the file share."""
        return time.time()

    def clock(self) -> float | None:
        """Return None: there is no other clock than this machine's."""
        return None

    def changes(self) -> Hashable:
        """Return a token that changes whenever another process may have written."""
        # `data_version` changes when another connection commits.
        return self.query("PRAGMA data_version")[0][0], self.file.endings

    def count_end(self) -> None:
        """Make `changes` another one: this process has seen a job end."""
        self.file.endings += 1

    def rescued(
        self, statements: Mapping[str, str], values: Values
    ) -> dict[str, Mapping[str, Any]]:
        """Return rows without checking the path: this process still has a deleted file open."""
        found: dict[str, Mapping[str, Any]] = {}
        try:
            with self.file.lock:
                for name, statement in statements.items():
                    for row in self.db.execute(statement, values):
                        found[name] = dict(row)
        except (sqlite3.Error, JournalError) as error:
            log.info("the journal cannot be read: %s", error)
        return found

    def integrity(self) -> list[str]:
        """Return what SQLite finds wrong with the file."""
        found = [str(row[0]) for row in self.query("PRAGMA integrity_check")]
        return [] if found == ["ok"] else [f"SQLite finds: {text}" for text in found]

    def is_passing(self, error: BaseException | None) -> bool:
        """Return whether another thread or process holds the file."""
        return is_busy(error)

    def close(self) -> None:
        """Release the file; the last store on it closes it."""
        if self._let_go.detach() is not None:
            _release(self.file)


class _Transaction:
    """A transaction of a store; no generator, which takes longer than a statement."""

    def __init__(self, store: SQLiteStore, doing: str, patience: float) -> None:
        self._store = store
        self._doing = doing
        self._patience = patience

    def __enter__(self) -> FileConnection:
        store = self._store
        try:
            db = store.file.begin(self._patience)
            try:
                store.check(db)
            except BaseException:
                store.file.end(db, commit=False)
                raise
        except (sqlite3.Error, OSError) as error:
            raise _failed(self._doing, store.path, error) from error
        self._db = db
        return db

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        file = self._store.file
        try:
            file.end(self._db, commit=error is None)
            if error is None:
                file.check()  # a file deleted meanwhile took what was written with it
        except (sqlite3.Error, OSError) as failure:
            raise _failed(self._doing, self._store.path, failure) from failure
        if isinstance(error, sqlite3.Error | OSError):
            raise _failed(self._doing, self._store.path, error) from error


class SharedFile:
    """The one connection that this process has to a file.

    No connection is carried over a fork: SQLite counts a process's locks on a file, and in a
    child would count the parent's. It is closed before, and opened again when it is needed.

    Attributes:
        lock: Held while the connection is used.
        users: How many stores hold it.
        closed: Whether the last of them has released it.
        endings: Jobs that were seen to end, as written through this connection.
    """

    def __init__(self, path: Path | None, inode: Inode | None) -> None:
        self.path = path
        self.lock = threading.RLock()
        self.users = 0
        self.closed = self._left_behind = False
        self.endings = 0
        self.connection: FileConnection | None = None
        self._watch({} if path is None or inode is None else {path: inode})
        self._size = 0
        process.notify_of_forks(self)

    @property
    def db(self) -> FileConnection:
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

    def _open(self) -> FileConnection:
        self._watch(dict(list(self._opened.items())[:1]))
        self.check()  # after a fork: SQLite would make a new file in the place of a deleted one
        self.connection = db = sqlite3.connect(
            self.path or ":memory:",
            timeout=_SLICE,
            isolation_level=None,
            check_same_thread=False,
            factory=FileConnection,
        )
        try:
            db.row_factory = sqlite3.Row
            db.create_function("decimal_add", 2, decimal_add, deterministic=True)
            self._prepare(db)
            if self.path is not None:
                self._watch({**self._opened, **files.inodes(files.beside(self.path))})
        except BaseException:
            self.connection = None
            db.close()
            raise
        return db

    def _watch(self, opened: dict[Path, Inode]) -> None:
        """Set the files that are open; the first of them is the journal itself."""
        self._opened = opened
        self._known = [(str(path), *inode) for path, inode in opened.items()]

    def _unharmed(self) -> bool:
        """Return whether all is well: every statement asks, and text is quicker than a `Path`."""
        size, first = self._size, True
        for name, device, number in self._known:
            try:
                found = os.stat(name)  # noqa: PTH116
            except OSError:
                return False
            if found.st_ino != number or found.st_dev != device:
                return False
            if first:
                if found.st_size < size:
                    return False
                self._size, first = found.st_size, False
        return True

    def check(self) -> None:
        """Check that the path still leads to the file that is open, without opening it.

        Raises:
            JournalError: It was deleted, replaced or overwritten. No other process sees what is
                written now: one could submit the same key.
        """
        if self._unharmed():
            return
        for path, inode in self._opened.items():
            what = self._harm(path, inode)
            if what is not None:
                raise JournalError(
                    f"the journal {self.path} is not the one that this process opened: "
                    f"{path.name} was {what} meanwhile",
                    hint="put the file back, or restart with the journal that is to be used; "
                    "nothing is submitted until then",
                )

    def _harm(self, path: Path, inode: Inode) -> str | None:
        """Return what happened to one of the open files; None where nothing did."""
        size = self._size  # read first: another thread may see the file grow meanwhile
        try:
            found = os.stat(path)  # noqa: PTH116 - half as long as `Path.stat`
        except (FileNotFoundError, NotADirectoryError):
            return "deleted"
        if (found.st_dev, found.st_ino) != inode:
            return "replaced"
        if path is self.path:
            # SQLite never shortens the file: an older copy was written over it.
            if found.st_size < size:
                return "overwritten by an older copy"
            self._size = found.st_size
        return None

    def _prepare(self, db: FileConnection) -> None:
        write_ahead(db, BUSY_TIMEOUT)
        db.execute("PRAGMA synchronous=FULL")
        db.execute("PRAGMA foreign_keys=ON")
        self._migrate()

    def _migrate(self) -> None:
        with self.transaction(BUSY_TIMEOUT) as db:
            version = db.execute("PRAGMA user_version").fetchone()[0]
            if version > SCHEMA_VERSION:
                raise newer_schema(str(self.path), version)
            for step in MIGRATIONS[version:]:
                for statement in step.split(";\n"):
                    db.execute(statement)
            if version < SCHEMA_VERSION:
                db.execute(f"PRAGMA user_version={SCHEMA_VERSION}")

    @contextmanager
    def transaction(self, patience: float) -> Iterator[FileConnection]:
        """Hold the lock and a transaction that may write."""
        db = self.begin(patience)
        try:
            yield db
        except BaseException:
            self.end(db, commit=False)
            raise
        self.end(db, commit=True)

    def end(self, db: FileConnection, *, commit: bool) -> None:
        """End the transaction that `begin` began, and release the lock."""
        try:
            if commit:
                db.execute("COMMIT")
        finally:
            try:
                if db.in_transaction:  # SQLite ends it automatically on a full disk
                    db.execute("ROLLBACK")
            finally:
                self.lock.release()

    def begin(self, patience: float) -> FileConnection:
        """Take the lock and begin; waiting for another process keeps no thread from reading."""
        deadline = time.monotonic() + patience
        # The threads of this process pass the lock on within moments, but in no order: where dozens
        # write, one may get it seconds later. The file may be free all the while.
        turn = deadline if patience <= 0.0 else max(deadline, time.monotonic() + BUSY_TIMEOUT)
        while True:
            if not self.lock.acquire(timeout=max(0.0, turn - time.monotonic())):
                busy = sqlite3.OperationalError("database is locked by another thread")
                busy.sqlite_errorcode = sqlite3.SQLITE_BUSY
                raise busy
            try:
                left = max(0.0, deadline - time.monotonic())
                db = self.db
                if left >= _SLICE:
                    db.execute("BEGIN IMMEDIATE")
                else:
                    db.execute(f"PRAGMA busy_timeout={int(left * 1000)}")
                    try:
                        db.execute("BEGIN IMMEDIATE")
                    finally:
                        db.execute(f"PRAGMA busy_timeout={int(_SLICE * 1000)}")
            except BaseException as error:
                self.lock.release()
                if not is_busy(error) or time.monotonic() >= deadline:
                    raise
            else:
                return db
            time.sleep(0.002)  # lets another thread take the lock

    def close(self, *, wait: bool = True) -> None:
        """Close the connection; the file's last user calls it.

        Args:
            wait: Wait for a thread that uses it. The collector must not: it may run in a thread
                that holds another file's lock, while a fork holds this one's and waits for that.
        """
        if not self.lock.acquire(blocking=wait):
            return  # a fork holds it, and closes the connection itself
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
        """Continue; the connection is opened when it is needed."""
        self._left_behind = self._left_behind or (child and self.path is None)
        self.lock.release()


_OPEN: dict[Inode, SharedFile] = {}
"""What this process has open, by device and inode: two names of one file are one file."""
_SHARING = process.Lock()


def acquire(path: Path | None) -> SharedFile:
    """Return the process's connection to a file, one user more; made if need be."""
    if path is None:
        file = SharedFile(None, None)
        file.users = 1
    else:
        files.refuse_orphaned_log(path)
        empty = files.is_left_empty(path)
        with _SHARING:
            inode = files.create(path)
            while True:
                file = _OPEN.get(inode) or SharedFile(path, inode)
                _OPEN[inode] = file
                file.users += 1
                # The collector may run in between, and release the last other user.
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
                    files.warn_of_network(path)
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


def write_ahead(db: sqlite3.Connection, patience: float) -> None:
    """Switch a file to a write-ahead log; SQLite's own time-out does not apply to that."""
    deadline = time.monotonic() + patience
    while True:
        try:
            db.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if not is_busy(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def code(error: BaseException | None) -> int:
    """Return SQLite's primary result code; 0 where the error has none."""
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF


def is_busy(error: BaseException | None) -> bool:
    """Return whether another thread or process holds the file."""
    return code(error) == sqlite3.SQLITE_BUSY


_COPY = "put a copy of the journal back, or name another file as the journal"
_HINTS = {
    sqlite3.SQLITE_CANTOPEN: files.HINT,
    sqlite3.SQLITE_READONLY: files.HINT,
    sqlite3.SQLITE_PERM: files.HINT,
    sqlite3.SQLITE_NOTADB: _COPY,
    sqlite3.SQLITE_CORRUPT: _COPY,
}
"""What helps against a journal that cannot be opened."""


def _failed(doing: str, path: Path | None, error: sqlite3.Error | OSError) -> JournalError:
    """Return the error of a file that SQLite or the system refuses."""
    why = str(error)
    if isinstance(error, OSError) and error.strerror:
        why = error.strerror + (f" ({error.filename})" if error.filename else "")
    hint = None
    if doing == "open":
        hint = files.HINT if isinstance(error, OSError) else _HINTS.get(code(error))
    elif doing == AHEAD:
        hint = "nothing was sent; free the disk or name another journal and try again"
    return JournalError(f"cannot {doing} the journal {path or 'in memory'}: {why}", hint=hint)
