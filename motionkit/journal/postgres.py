"""A PostgreSQL database as the journal: many processes on many machines share it.

Every use is one transaction, and behind a pooler nothing is kept in a session between two of them:
one such as pgbouncer may hand each transaction to another server process. Connections are kept here
rather than by psycopg_pool: one that cannot be made names its cause at once, a forked child
inherits none, and no thread runs beside the caller's.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import re
import threading
import time
import uuid
import weakref
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

from motionkit._support import process, system
from motionkit._support.addresses import DatabaseAddress
from motionkit.errors import ConfigError, JournalError
from motionkit.journal import calls
from motionkit.journal.schema import MIGRATIONS, SCHEMA_VERSION, newer_schema
from motionkit.journal.store import (
    AHEAD,
    BUSY_TIMEOUT,
    NO_VALUES,
    Adopt,
    Connection,
    Lock,
    Store,
    Values,
)

try:
    import psycopg
    from psycopg import errors
    from psycopg.abc import RV, PQGen
    from psycopg.conninfo import conninfo_to_dict
    from psycopg.pq import TransactionStatus
except ImportError as error:
    raise ConfigError(
        f"the journal is a PostgreSQL database, and its driver cannot be imported: {error}",
        hint="install it: pip install 'motionkit[postgres]'; or name a file as the journal",
    ) from error

MOST_CONNECTIONS = 16
"""Connections that one store has open at once; further threads wait, the heartbeat has another."""
KEPT_CONNECTIONS = 4
"""Idle connections that it keeps open."""
IDLE_IN_TRANSACTION = 10.0
"""Seconds after which the server ends a transaction whose process does nothing: it may have been
stopped, and holds locks."""
CLOCK_READ = 1.0
"""Seconds for which `PostgresStore.changes` answers from its last reading."""
CLOCK_KEPT = 10.0
"""Seconds for which a reading of the database's clock serves: clocks differ by less than a
millisecond after them."""
CLOCK_DELAY = 0.5
"""Seconds that a reading may have taken to serve."""
OLDEST_SERVER = 130_000
"""PostgreSQL 13, for ``pg_current_snapshot``."""
_IDLE = int(IDLE_IN_TRANSACTION * 1000)
PREPARED_AFTER = 3
"""Uses after which a connection keeps a statement's plan, which takes longer to make than to run.
Only a connection to the server itself does: a pooler would give the plan to another client."""
PAUSE = 0.2
"""Seconds between two tries to connect."""
SILENCE_VARIABLE = "MOTIONKIT_JOURNAL_TIMEOUT"
"""The environment variable with the seconds of `SILENCE`."""
SILENCE = 60.0
"""Seconds that the server may leave a statement without an answer. One that hangs, or is stopped,
acknowledges what it is sent, and keepalives notice nothing."""
MIGRATION_SILENCE = 3600.0
"""The same while the schema changes: an index over millions of rows takes a while."""

_CONNECTION: Mapping[str, tuple[str | None, Any]] = {
    "application_name": ("PGAPPNAME", "motionkit"),
    "connect_timeout": ("PGCONNECT_TIMEOUT", 10),
    "keepalives_idle": (None, 5),
    "keepalives_interval": (None, 2),
    "keepalives_count": (None, 3),
    "tcp_user_timeout": (None, 15_000),
}
"""What a connection has where the address does not say: libpq's variable for it, and the value.

A peer that vanished, as in a failover, is noticed within 15 s and not after two hours.
"""
_CLASSES: Mapping[str, int] = {
    "schema": 0x6D6B_0000,
    "request": 0x6D6B_0001,
    "route": 0x6D6B_0002,
    "account": 0x6D6B_0003,
    "calls": 0x6D6B_0004,
    "pending": 0x6D6B_0005,
    "prune": 0x6D6B_0006,
}
"""Classes of advisory locks, in the order in which they are taken; "mk" and a number."""
_SCHEMA = _CLASSES["schema"]
_CLOCK = "SELECT EXTRACT(EPOCH FROM clock_timestamp())::float8"
_BEGUN = f"{_CLOCK}, pg_backend_pid(), (SELECT version FROM schema)"  # noqa: S608 - constants
_LOST = (errors.OperationalError, errors.InterfaceError)
_ONE_BY_ONE = contextlib.nullcontext()
"""What a client library older than PostgreSQL 14 has in the place of a pipeline."""

log = logging.getLogger("motionkit")

_TOKENS = re.compile(
    r"""
    '(?:[^']|'')*' | "(?:[^"]|"")*"          # literals and names
    | --[^\n]* | /\*.*?\*/                   # comments
    | ::                                     # a cast
    | (?P<real>\bAS\s+REAL\b)
    | decimal_add\((?P<one>[^(),]+),(?P<other>[^(),]+)\)
    | \bNOT\s+IN\s*\(SELECT\ value\ FROM\ json_each\(:(?P<apart>\w+)\)\)
    | \bIN\s*\(SELECT\ value\ FROM\ json_each\(:(?P<among>\w+)\)\)
    | json_each\(:(?P<list>\w+)\)
    | (?<![\w:]):(?P<name>[A-Za-z_]\w*)
    | \b(?P<rowid>rowid)\b
    | %
    """,
    re.VERBOSE | re.DOTALL,
)

_WORDS: Mapping[str, str] = {
    "real": "AS DOUBLE PRECISION",
    "one": "CAST(CAST({one} AS NUMERIC)+CAST({other} AS NUMERIC) AS TEXT)",
    # As an array, a short list never becomes a join that reads the whole table.
    "apart": "<>ALL(ARRAY(SELECT json_array_elements_text(CAST(%({apart})s AS json))))",
    "among": "=ANY(ARRAY(SELECT json_array_elements_text(CAST(%({among})s AS json))))",
    "list": "json_array_elements_text(CAST(%({list})s AS json)) AS each(value)",
    "name": "%({name})s",
    "rowid": "n",
}
"""What a token becomes, by its group."""


@lru_cache(maxsize=512)
def translated(statement: str) -> tuple[str, bool]:
    """Return a statement as psycopg takes it, and whether it has parameters."""
    named = False

    def one(found: re.Match[str]) -> str:
        nonlocal named
        for group, word in _WORDS.items():
            if found[group] is not None:
                named = named or "%(" in word
                return word.format(**found.groupdict())
        return found[0].replace("%", "%%")

    text = _TOKENS.sub(one, statement)
    return (text, True) if named else (text.replace("%%", "%"), False)


_TYPES: Sequence[tuple[str, str]] = (
    (r"(?m)--.*$", ""),
    # A crash of the server may empty it: a minute's count is all that it holds.
    (r"CREATE TABLE (IF NOT EXISTS calls)\b", r"CREATE UNLOGGED TABLE \1"),
    (
        r"\bINTEGER PRIMARY KEY(?: AUTOINCREMENT)?\b",
        "BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY",
    ),
    (r"\bINTEGER\b", "BIGINT"),
    (r"\bREAL\b", "DOUBLE PRECISION"),
    # SQLite compares code points; a database's own collation depends on its machine.
    (r"\bTEXT\b", 'TEXT COLLATE "C"'),
    # SQLite's rowid.
    (
        r"(CREATE TABLE (?:purchases|attempts) \()",
        r"\1 n BIGINT GENERATED BY DEFAULT AS IDENTITY,",
    ),
)
"""How the words of a migration differ."""


def migration(step: str) -> list[str]:
    """Return the statements of a step of `MIGRATIONS` for PostgreSQL."""
    made = []
    for statement in step.split(";\n"):
        text = statement
        for pattern, replacement in _TYPES:
            text = re.sub(pattern, replacement, text)
        if text.strip():
            made.append(text.strip())
    return made


class Row:
    """A row: columns by name or number, like that of `sqlite3`."""

    __slots__ = ("_columns", "_values")

    def __init__(self, columns: Mapping[str, int], values: Sequence[Any]) -> None:
        self._columns = columns
        self._values = values

    def __getitem__(self, column: str | int) -> Any:
        return self._values[self._columns[column] if isinstance(column, str) else column]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(self._columns)})"  # values may be long

    def keys(self) -> list[str]:
        """Return the names of the columns."""
        return list(self._columns)


def _rows(cursor: psycopg.Cursor[Any]) -> Callable[[Sequence[Any]], Row]:
    columns = {one.name: place for place, one in enumerate(cursor.description or ())}
    return lambda values: Row(columns, values)


class _Bounded(psycopg.Connection[Any]):
    """A connection that is lost when the server has been silent for too long.

    The server's own limits, such as ``statement_timeout``, hold only while it runs.

    Attributes:
        silence: Seconds of silence that are allowed.
    """

    silence = SILENCE

    def wait(self, gen: PQGen[RV], *args: Any, **kwargs: Any) -> RV:
        """Drive an operation; close the connection if the server stays silent."""
        try:
            return super().wait(self._heard(gen), *args, **kwargs)
        except _Silence:
            self.close()
            raise errors.OperationalError(
                f"the server has not answered for {round(self.silence, 1):g} s"
            ) from None

    def _heard(self, gen: PQGen[RV]) -> PQGen[RV]:
        """Relay an operation's steps; the driver resumes it a few times a second."""
        try:
            wanted = next(gen)
            heard = time.monotonic()
            while True:
                ready = yield wanted
                now = time.monotonic()
                if ready:
                    heard = now
                elif now - heard > self.silence:
                    raise _Silence
                wanted = gen.send(ready)
        except StopIteration as end:
            return cast("RV", end.value)

    @contextmanager
    def allowed(self, seconds: float) -> Iterator[None]:
        """Allow more silence in the block."""
        before, self.silence = self.silence, max(self.silence, seconds)
        try:
            yield
        finally:
            self.silence = before


class _Silence(Exception):
    """The server is silent."""


class Session:
    """A connection of a `Pool` while one thread uses it.

    Attributes:
        connection: The connection.
        reading: The database's clock and `Moment.uptime` at the beginning of the transaction.
    """

    def __init__(self, connection: _Bounded) -> None:
        self.connection = connection
        self.reading: tuple[float, float] | None = None
        self._unsent: list[tuple[str, Values]] = []

    def execute(self, statement: str, values: Values = NO_VALUES, /) -> psycopg.Cursor[Row]:
        """Run one statement, and those before it that were not sent, in one round trip."""
        if not self._unsent:
            return self._run(statement, values)
        unsent, self._unsent = self._unsent, []
        # The first error is raised; the server skips what follows it, a COMMIT too.
        with self.connection.pipeline() if psycopg.Pipeline.is_supported() else _ONE_BY_ONE:
            for earlier in unsent:
                self._run(*earlier)
            return self._run(statement, values)

    def send(self, statement: str, values: Values = NO_VALUES, /) -> None:
        """Run one statement with the next one, or with the commit."""
        self._unsent.append((statement, values))

    def insert(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], /) -> None:
        """Insert many rows as one stream, after what was not sent."""
        unsent, self._unsent = self._unsent, []
        for earlier in unsent:
            self._run(*earlier)
        with (
            self.connection.cursor() as cursor,
            cursor.copy(f"COPY {table} ({','.join(columns)}) FROM STDIN") as stream,
        ):
            for row in rows:
                stream.write_row(row)

    def _run(self, statement: str, values: Values) -> psycopg.Cursor[Row]:
        """Run one statement; truth is bound as 0 or 1."""
        text, named = translated(statement)
        if not named:
            return self.connection.execute(text)
        bound = {
            name: int(value) if isinstance(value, bool) else value for name, value in values.items()
        }
        return self.connection.execute(text, bound)

    def begin(
        self, locks: Sequence[Lock], patience: float, *, durable: bool, migrated: bool = True
    ) -> int:
        """Begin a transaction in one round trip; its settings end with it.

        Args:
            locks: What to reserve.
            patience: Seconds to wait for each of them.
            durable: Whether its commit waits for the disk.
            migrated: Whether the tables are there; no other process changes them until it ends.

        Returns:
            The version of the schema.
        """
        asked = sorted({(_CLASSES[kind], _hashed(name)) for kind, name in locks})
        # A weaker setting than ours is raised; a stronger one, as for replicas, stays.
        on_disk = (
            "SELECT set_config('synchronous_commit','on',true)"
            " WHERE current_setting('synchronous_commit')='off'"
        )
        cursor = self._answered(
            patience * (len(asked) + migrated),
            "; ".join(
                (
                    "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",
                    f"SET LOCAL lock_timeout={max(1, int(patience * 1000))}",
                    f"SET LOCAL idle_in_transaction_session_timeout={_IDLE}",
                    on_disk if durable else "SET LOCAL synchronous_commit=off",
                    *((f"SELECT pg_advisory_xact_lock_shared({_SCHEMA},0)",) * migrated),
                    *(f"SELECT pg_advisory_xact_lock({kind},{name})" for kind, name in asked),
                    _BEGUN if migrated else f"{_CLOCK}, pg_backend_pid(), 0",
                )
            ),
        )
        while cursor.nextset():
            pass
        at, process_id, version = cursor.fetchall()[0]
        self.reading = at, process.moment().uptime
        if process_id == self.connection.info.backend_pid:  # a pooler gives a number of its own
            self.connection.prepare_threshold = PREPARED_AFTER
        return int(version)

    def _answered(self, waits: float, statements: str) -> psycopg.Cursor[Row]:
        """Run statements that wait so many seconds for others before they answer."""
        with self.connection.allowed(self.connection.silence + waits):
            return self.connection.execute(statements)

    def clock(self) -> float:
        """Return the database's clock."""
        if self.reading is None:
            return cast("float", self.execute(_CLOCK).fetchall()[0][0])
        at, read = self.reading
        return at + (process.moment().uptime - read)

    def commit(self) -> None:
        """End the transaction."""
        ended = self.execute("COMMIT").statusmessage
        self.reading = None
        if ended != "COMMIT":
            # After an error that was caught, the server answers ROLLBACK, and no error.
            raise errors.InFailedSqlTransaction("the transaction was undone after an error in it")

    def roll_back(self) -> None:
        """Undo the transaction; where the connection is lost, the server does."""
        self.reading, self._unsent = None, []
        try:
            self.connection.execute("ROLLBACK")
        except psycopg.Error:
            self.connection.close()


def _hashed(name: str) -> int:
    """Return a name as the number of an advisory lock."""
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:4], "big", signed=True)


def connect(address: DatabaseAddress, **options: Any) -> _Bounded:
    """Open a connection, for the journal or for a library with its own tables beside it.

    Args:
        address: The database.
        options: Further arguments of `psycopg.connect`.
    """
    limit = silence()
    made = _Bounded.connect(
        address.secret.reveal(),
        prepare_threshold=None,  # a prepared statement belongs to a session: see `PREPARED_AFTER`
        **_parameters(address),
        **options,
    )
    made.silence = limit
    return made


def silence() -> float:
    """Return how long the server may be silent, in seconds.

    Raises:
        ConfigError: The environment gives another thing than a number of seconds.
    """
    given = os.environ.get(SILENCE_VARIABLE)
    if not given:
        return SILENCE
    try:
        found = float(given)
    except ValueError:
        found = 0.0
    if not 1 <= found <= MIGRATION_SILENCE:
        raise ConfigError(
            f"{SILENCE_VARIABLE}: {given!r} is not from 1 to {MIGRATION_SILENCE:g} seconds"
        )
    return found


class Pool:
    """The connections of one store. A forked child has none of its parent's.

    Attributes:
        closed: Whether the store is closed.
    """

    def __init__(self, address: DatabaseAddress) -> None:
        self._address = address
        self.closed = False
        self._opened = False
        self._reset()
        process.notify_of_forks(self)

    def _reset(self) -> None:
        # The collector may close a store in the middle of a fork, in the thread that holds this.
        self._lock = threading.RLock()
        self._free = threading.BoundedSemaphore(MOST_CONNECTIONS)
        self._reserved = threading.BoundedSemaphore(1)
        self._idle: list[_Bounded] = []
        self._used: set[_Bounded] = set()
        self._own = threading.local()

    @property
    def own(self) -> Session | None:
        """The session of this thread's transaction."""
        return getattr(self._own, "session", None)

    @own.setter
    def own(self, session: Session | None) -> None:
        self._own.session = session

    @contextmanager
    def session(self, deadline: float, *, reserved: bool = False) -> Iterator[Session]:
        """Give a connection, made if need be.

        Args:
            deadline: By the monotonic clock: until then it waits for a connection that another
                thread uses, and for a server that cannot be reached now but could before.
            reserved: Use the connection for heartbeats, not one of `MOST_CONNECTIONS`.
        """
        if self.closed:
            raise JournalError("the journal is closed; make another client")
        free = self._reserved if reserved else self._free  # a fork replaces both
        if not free.acquire(timeout=max(0.0, deadline - time.monotonic())):
            raise errors.OperationalError(
                f"all {MOST_CONNECTIONS} connections are used by other threads"
            )
        try:
            session = self._taken(deadline)
            try:
                yield session
            finally:
                self._put_back(session.connection)
        finally:
            free.release()

    def _taken(self, deadline: float) -> Session:
        with self._lock:
            connection = self._idle.pop() if self._idle else None
            if connection is not None:
                self._used.add(connection)
                return Session(connection)
        while True:
            try:
                connection = connect(self._address, autocommit=True, row_factory=_rows)
            except _LOST:
                if not self._opened or time.monotonic() + PAUSE > deadline:
                    raise
                time.sleep(PAUSE)
            else:
                break
        self._opened = True
        with self._lock:
            self._used.add(connection)
        return Session(connection)

    def _put_back(self, connection: _Bounded) -> None:
        with self._lock:
            self._used.discard(connection)
            if (
                not self.closed
                and connection.info.transaction_status is TransactionStatus.IDLE
                and len(self._idle) < KEPT_CONNECTIONS
            ):
                self._idle.append(connection)
                return
        connection.close()

    def drop_idle(self) -> None:
        """Close the idle connections: the server may have ended them all."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def close(self) -> None:
        """Close every connection, those in use when they are put back."""
        self.closed = True
        self.drop_idle()

    def before_fork(self) -> None:
        """Close the idle connections, so that the child inherits no socket of theirs."""
        self.drop_idle()
        self._lock.acquire()

    def after_fork(self, *, child: bool) -> None:
        """Continue; in the child, forget the connections that other threads were using."""
        if not child:
            self._lock.release()
            return
        # Closing one properly would end the parent's session. Its descriptor alone is closed, or
        # the server would not notice the parent's death.
        for connection in self._used:
            with contextlib.suppress(OSError, psycopg.Error):
                os.close(connection.fileno())
        _INHERITED.extend(self._used)
        self._reset()


_INHERITED: list[_Bounded] = []
"""What a forked child must not even collect."""


def _parameters(address: DatabaseAddress) -> dict[str, Any]:
    try:
        parameters = conninfo_to_dict(address.secret.reveal())
    except psycopg.Error:
        # libpq's own message may repeat a part of the password.
        raise ConfigError(
            f"the address of the journal {address.place} cannot be read: a parameter in it is "
            "unknown, or a character is not percent-encoded"
        ) from None
    return {
        "client_encoding": "utf8",
        **{
            name: value
            for name, (variable, value) in _CONNECTION.items()
            if name not in parameters and not (variable and os.environ.get(variable))
        },
    }


class PostgresStore(Store):
    """One client's handle on a PostgreSQL database.

    Args:
        address: The database.
        adopt: See `Adopt`.

    Raises:
        JournalError: It cannot be used, or a newer motionkit wrote it.
        ConfigError: The address cannot be read.
    """

    shared = True
    unbindable = (psycopg.ProgrammingError, psycopg.DataError, psycopg.NotSupportedError)
    contradictions = (psycopg.IntegrityError,)

    def __init__(self, address: DatabaseAddress, adopt: Adopt | None = None) -> None:
        self.place = address.place
        self.pool = Pool(address)
        # A client that is dropped without `close`, as in a notebook, releases its connections too.
        self._let_go = weakref.finalize(self, self.pool.close)
        self._let_go.atexit = False
        self._ends = 0
        self._ahead = 0.0  # of the database's clock over this machine's
        self._reading: tuple[float, float] | None = None
        """The database's clock, and `Moment.uptime` when it was read."""
        self._changes: tuple[float, str] | None = None
        self.pending: Path | None = None
        self._adopt = adopt
        try:
            with self._guarded("open"):
                name = self._migrate()
        except BaseException:
            self.close()
            raise
        with contextlib.suppress(ValueError):  # no home: nothing can be kept on this machine
            self.pending = system.state_folder() / f"journal-{name}-pending"
        self._take_pending(0.0)

    # Statements.

    def query(self, statement: str, values: Values = NO_VALUES) -> list[Row]:
        """Return the rows that a statement selects; see `Store.query`."""
        own = self.pool.own
        if own is not None:
            with self._guarded("read"):
                return own.execute(statement, values).fetchall()
        self._take_pending(0.0)
        with self._guarded("read"):
            return self._asked(statement, values, time.monotonic() + BUSY_TIMEOUT)

    def _asked(self, statement: str, values: Values, deadline: float) -> list[Row]:
        """Ask outside a transaction; again where the connection is lost."""
        while True:
            with self.pool.session(deadline) as session:
                try:
                    return session.execute(statement, values).fetchall()
                except errors.FeatureNotSupported:
                    # A newer motionkit has added a column: the plan that was kept no longer fits.
                    if session.connection.prepare_threshold is None:
                        raise
                    session.connection.close()
                except _LOST:
                    if not session.connection.closed or time.monotonic() > deadline:
                        raise
            self._forget()

    @contextmanager
    def writing(
        self,
        doing: str = "write to",
        *,
        patience: float | None = None,
        adopt: bool = True,
        locks: Sequence[Lock] = (),
        durable: bool = True,
        reserved: bool = False,
    ) -> Iterator[Connection]:
        """Give a connection inside a transaction; see `Store.writing`."""
        if self.pool.own is not None:
            raise JournalError(f"cannot {doing} the journal {self.place} inside a transaction")
        if adopt:
            self._take_pending(patience)
        waits = BUSY_TIMEOUT if patience is None else patience
        with (
            self._guarded(doing),
            self._begun(waits, locks, durable=durable, reserved=reserved) as session,
        ):
            self.pool.own = session
            try:
                yield session
                session.commit()
            except BaseException:
                session.roll_back()
                raise
            finally:
                self.pool.own = None

    @contextmanager
    def _begun(
        self,
        patience: float,
        locks: Sequence[Lock],
        *,
        durable: bool,
        migrated: bool = True,
        reserved: bool = False,
    ) -> Iterator[Session]:
        """Give a session whose transaction has begun; a connection lost before that is replaced."""
        deadline = time.monotonic() + patience
        while True:
            with self.pool.session(deadline, reserved=reserved) as session:
                left = max(0.0, deadline - time.monotonic())
                asked = process.moment().uptime
                try:
                    version = session.begin(locks, left, durable=durable, migrated=migrated)
                except _LOST:
                    again = session.connection.closed and time.monotonic() <= deadline
                    session.roll_back()
                    if not again:
                        raise
                else:
                    if version > SCHEMA_VERSION:
                        session.roll_back()
                        raise newer_schema(self.place, version, running=True)
                    # Not where the answer took long: process or machine may have been suspended.
                    if session.reading is not None and session.reading[1] - asked < CLOCK_DELAY:
                        self._keep(*session.reading)
                    yield session
                    return
            self._forget()

    def _forget(self) -> None:
        """Forget the connections and the clock of a server that may have been replaced."""
        self._reading = None
        self.pool.drop_idle()

    # The clock, and what others did.

    def now(self) -> float:
        """Return the database's clock; see `Store.now`."""
        at = self.clock()
        return time.time() + self._ahead if at is None else at

    def clock(self) -> float | None:
        """Return the database's clock; see `Store.clock`."""
        own = self.pool.own
        if own is not None:
            return own.clock()
        read, asked = self._reading, process.moment().uptime
        if read is not None and 0 <= asked - read[1] < CLOCK_KEPT:
            return read[0] + (asked - read[1])
        try:
            at = cast("float", self._asked(_CLOCK, {}, time.monotonic())[0][0])
            uptime = process.moment().uptime
        except (psycopg.Error, JournalError) as error:
            log.info("the clock of the journal %s cannot be read: %s", self.place, _brief(error))
            return None
        self._ahead = at - time.time()
        if uptime - asked < CLOCK_DELAY:
            self._keep(at, uptime)
        return at

    def _keep(self, at: float, uptime: float) -> None:
        self._reading = at, uptime
        self._ahead = at - time.time()

    def changes(self) -> Hashable:
        """Return a token that changes with each commit on the server, at most once a second."""
        last, now = self._changes, time.monotonic()
        if last is None or now - last[0] >= CLOCK_READ:
            seen = self.query("SELECT CAST(pg_current_snapshot() AS TEXT) AS seen")[0]["seen"]
            self._changes = last = (now, seen)
        return last[1], self._ends

    def count_end(self) -> None:
        """Make `changes` another one: this process has seen a job end."""
        self._ends += 1

    def rescued(
        self, statements: Mapping[str, str], values: Values
    ) -> dict[str, Mapping[str, Any]]:
        """Return the rows that can be read at once; see `Store.rescued`."""
        found: dict[str, Mapping[str, Any]] = {}
        try:
            for name, statement in statements.items():
                for row in self._asked(statement, values, time.monotonic()):
                    found[name] = {column: row[column] for column in row.keys()}  # noqa: SIM118
        except (psycopg.Error, JournalError) as error:
            log.info("the journal %s cannot be read: %s", self.place, _brief(error))
        return found

    def integrity(self) -> list[str]:
        """Return nothing: the server checks its own files."""
        return []

    def is_passing(self, error: BaseException | None) -> bool:
        """Return whether a lock, a lost connection or a failover caused an error."""
        return isinstance(error, (*_LOST, errors.ReadOnlySqlTransaction))

    def close(self) -> None:
        """Close the connections."""
        self._let_go.detach()
        self.pool.close()

    # Opening.

    def _migrate(self) -> str:
        """Bring the schema up to date; return the journal's short name."""
        deadline = time.monotonic() + BUSY_TIMEOUT
        with self.pool.session(deadline) as session:
            server = session.connection.info.server_version
            encoding = session.execute("SELECT current_setting('server_encoding')").fetchall()[0][0]
            found = _version(session)
        if server < OLDEST_SERVER:
            raise JournalError(
                f"the journal {self.place} is on PostgreSQL {server // 10_000}; motionkit needs "
                f"{OLDEST_SERVER // 10_000} or newer"
            )
        if encoding != "UTF8":
            raise JournalError(
                f"the journal {self.place} has the encoding {encoding}; motionkit needs UTF8",
                hint="make the database with: CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE "
                "template0",
            )
        if found is None or found[0] != SCHEMA_VERSION:
            with self._begun(BUSY_TIMEOUT, [], durable=True, migrated=False) as session:
                try:
                    with session.connection.allowed(MIGRATION_SILENCE):
                        found = self._upgrade(session)
                        session.commit()
                except BaseException:
                    session.roll_back()
                    raise
        return found[1][:12]

    def _upgrade(self, session: Session) -> tuple[int, str]:
        session.execute(f"SELECT pg_advisory_xact_lock({_SCHEMA},0)")
        found = _version(session)  # another process may have been faster
        version, name = found or (0, uuid.uuid4().hex)
        if version > SCHEMA_VERSION:
            raise newer_schema(self.place, version)
        if found is None:
            self._warn_of_others(session)
            session.execute("CREATE TABLE schema (version BIGINT NOT NULL, journal TEXT NOT NULL)")
            session.execute("INSERT INTO schema VALUES (0, :name)", {"name": name})
        for step in MIGRATIONS[version:]:
            for statement in migration(step):
                session.execute(statement)
        for statement in migration(calls.SCHEMA):
            session.execute(statement)
        session.execute("UPDATE schema SET version=:version", {"version": SCHEMA_VERSION})
        return SCHEMA_VERSION, name

    def _warn_of_others(self, session: Session) -> None:
        """Warn of another journal in the database: a role finds the one of its ``search_path``."""
        others = session.execute(
            "SELECT CAST(a.attrelid AS regclass) AS name FROM pg_catalog.pg_attribute a"
            " JOIN pg_catalog.pg_class c ON c.oid=a.attrelid"
            " WHERE c.relname='schema' AND a.attname='journal' AND c.relkind='r'"
        ).fetchall()
        if others:
            log.warning(
                "a new journal begins in %s, which has another one already (%s): processes that "
                "are to share one need the same search_path",
                self.place,
                ", ".join(str(row["name"]) for row in others),
            )

    def _take_pending(self, patience: float | None) -> None:
        if self._adopt is None or self.pending is None or self.pool.own is not None:
            return
        if os.path.isdir(self.pending):  # noqa: PTH112 - unlike `Path.is_dir`, never raises
            self._adopt(self, patience)

    @contextmanager
    def _guarded(self, doing: str) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            hint = None
            if isinstance(error, errors.InsufficientPrivilege):
                hint = "the database's role lacks a permission: see the page about the journal"
            elif doing == AHEAD:
                hint = "nothing was sent; try again when the database can be reached"
            elif doing == "open":
                hint = "check the address and the server, or name another journal"
            raise JournalError(
                f"cannot {doing} the journal {self.place}: {_brief(error)}", hint=hint
            ) from error


def _version(session: Session) -> tuple[int, str] | None:
    """Return schema version and name of the journal; None where there is none yet."""
    # Not `to_regclass`: it may answer from before the lock, when another process made the table.
    made = session.execute(
        "SELECT quote_ident(s.nspname) AS name FROM pg_catalog.pg_class c"
        " JOIN pg_catalog.pg_namespace s ON s.oid=c.relnamespace"
        " WHERE c.relname='schema' AND pg_catalog.pg_table_is_visible(c.oid)"
    ).fetchall()
    if not made:
        return None
    own = f"SELECT version, journal FROM {made[0]['name']}.schema"  # noqa: S608 - quoted
    row = session.execute(own).fetchall()[0]
    return row["version"], row["journal"]


def _brief(error: BaseException) -> str:
    """Return the first line of an error: the others repeat the statement and its values."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
