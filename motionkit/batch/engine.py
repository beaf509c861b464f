"""Deliver items to workers: the only module that knows DBOS, whose tables may be dropped any time.

The journal has what was bought, and the items say what is left. DBOS only hands each item to one
worker, and gives it to another one when that worker died. Its queue is kept short: workers put the
next items into it and take finished ones out, so that a batch of a million needs no million rows
here, and a batch that is cancelled or retried needs nothing done to the queue.
"""

from __future__ import annotations

import contextlib
import enum
import functools
import importlib.util
import logging
import os
import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import attrs

from motionkit._support import system
from motionkit._support.addresses import DatabaseAddress
from motionkit._support.redaction import redact
from motionkit.errors import ConfigError, JournalError

if TYPE_CHECKING:
    from dbos import DBOSClient

log = logging.getLogger("motionkit")

APPLICATION = "motionkit"
VERSION = "1"
"""Of the workflow's meaning. Fixed: a hash of our source would orphan a batch at an upgrade."""
QUEUE = "motionkit"
ORPHANS = "motionkit-orphans"
"""The queue of what dead workers had: it has places of its own in each worker, because those of the
other queue may all be taken by items that wait for hours."""
WORKFLOW = "motionkit.item"
POLL = 0.5
"""Seconds between two times that a worker takes items."""
THREADS = 16
"""Of DBOS's executor, which has no limit of its own."""
POOL = 4
"""Connections to the queue's tables."""
IDLE = 10
"""Seconds that a transaction may wait for a lock, or for its worker."""
EMBEDDED = "embedded"
"""The one executor of a batch.db: a worker that starts takes up what the last one left."""
CHUNK = 500
"""Runs in one statement."""
_EPOCH = 1_735_689_600
"""2025-01-01 in epoch seconds: priorities are 31 bits."""

Body = Callable[[str, int], Awaitable[None]]
"""Does one item, named by batch and number."""


class Where(enum.Enum):
    """Where an item is in the queue."""

    WAITING = "waiting"
    TAKEN = "taken"
    OVER = "over"
    """Its run ended; the item may be put into the queue again."""


@attrs.frozen
class Delivery:
    """What DBOS knows of an item.

    Attributes:
        where: Where the item is.
        executor: Who took it; None before that.
    """

    where: Where
    executor: str | None


_WHERE: Mapping[str, Where] = {
    "ENQUEUED": Where.WAITING,
    "DELAYED": Where.WAITING,
    "PENDING": Where.TAKEN,
}
_OVER = ["SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"]


def require() -> None:
    """Refuse to work where the packages of the extra are missing.

    Raises:
        ConfigError: With what installs them.
    """
    missing = [name for name in ("dbos", "fsspec") if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigError(
            f"batches need {' and '.join(missing)}",
            hint="install motionkit with the extra 'batch': pip install 'motionkit[batch]'",
        )


def identity(batch: str, n: int, tries: int) -> str:
    """Return the id of an item's run: a retried item is a new one."""
    return f"{batch}/{n}/{tries}"


def embedded(journal: Path) -> Path:
    """Return the file of the queue beside a journal on SQLite: ``batch.db`` by ``journal.db``."""
    name = "batch.db" if journal.stem == "journal" else f"{journal.stem}-batch.db"
    return journal.with_name(name)


class Engine:
    """The queue of items in a database, and this process's part in working on it.

    Args:
        place: ``batch.db`` of a journal on SQLite, or the journal's database on PostgreSQL.
        executor: The worker's id, new for each process.

    Raises:
        ConfigError: Another process works on the same ``batch.db``.
    """

    def __init__(self, place: Path | DatabaseAddress, executor: str) -> None:
        require()
        _quieten()
        self._place, self.executor = place, executor
        self._lock: IO[str] | None = None
        self._client: DBOSClient | None = None
        self._shared: Any = None
        self._launched = False
        if isinstance(place, Path):
            self.executor = EMBEDDED
            self._lock = _locked(place)

    # The queue.

    def plan(self, items: Iterable[tuple[str, int, int]], now: float) -> None:
        """Put items into the queue, unless they are there.

        The first that came is the first to go, whatever its batch: what a dead worker left came
        earlier than all that still waits.

        Args:
            items: Batch, number and tries of each.
            now: The database's epoch seconds.
        """
        from dbos import EnqueueOptions  # noqa: PLC0415 - a heavy import, for workers only

        priority = max(1, int(now) - _EPOCH)
        for batch, n, tries in items:
            options = EnqueueOptions(
                workflow_name=WORKFLOW,
                queue_name=QUEUE,
                workflow_id=identity(batch, n, tries),
                app_version=VERSION,
                application_name=APPLICATION,
                priority=priority,
            )
            self._call("enqueue", options, batch, n)

    def waiting(self, most: int) -> int:
        """Return how many items wait in the queue, counting up to `most`."""
        found = self._call(
            "list_queued_workflows",
            queue_name=QUEUE,
            status="ENQUEUED",
            limit=most,
            load_input=False,
        )
        return len(found)

    def find(self, ids: Sequence[str]) -> dict[str, Delivery]:
        """Return where items are, by the id of their run; without those that are not there."""
        found: dict[str, Delivery] = {}
        for part in _parts(ids):
            rows = self._listed(workflow_ids=part)
            for row in rows:
                where = _WHERE.get(row.status, Where.OVER)
                found[row.workflow_id] = Delivery(where, row.executor_id)
        return found

    def take_over(self, executor: str) -> int:
        """Put what a dead worker had taken into the queue of orphans, and return how many items.

        Only one may do it: a second time, it would take items from whom they were given to. What
        the dead worker writes after all, because it was only stopped, has no effect then.
        """
        taken = 0
        while True:
            rows = self._listed(status="PENDING", executor_id=executor, limit=CHUNK)
            ids = [row.workflow_id for row in rows]
            if not ids:
                return taken
            self._call("resume_workflows", ids, queue_name=ORPHANS)
            taken += len(ids)

    def forget(self, ids: Sequence[str] | None = None) -> None:
        """Delete runs: those with an id, or all that are over when None."""
        if ids is not None:
            for part in _parts(ids):
                self._call("delete_workflows", part)
            return
        while True:
            rows = self._listed(status=_OVER, limit=CHUNK)
            if rows:
                self.forget([row.workflow_id for row in rows])
            if len(rows) < CHUNK:
                return

    # This process.

    def work(self, body: Body, concurrency: int, *, keep: bool) -> None:
        """Take items from the queue from now on, each in a task of the running event loop.

        Args:
            body: Does an item. It never raises but to be cancelled: then the item stays taken.
            concurrency: How many items this process has at once, and how many orphans besides.
            keep: Keep the concurrency that another worker has set for all.

        Raises:
            ConfigError: This process runs DBOS for something else.
        """
        from dbos import DBOS, DBOSConfig  # noqa: PLC0415 - a heavy import, for workers only

        conflict = "never_update" if keep else "always_update"
        register = functools.partial(
            self._registered, concurrency=max(1, concurrency), conflict=conflict
        )
        known = True
        try:  # before the launch: DBOS takes items at once, by what its table of queues says
            register()
        except JournalError:
            known = False  # the launch makes the tables, or says what is wrong
        config: DBOSConfig = {
            "name": APPLICATION,
            "application_version": VERSION,
            "executor_id": self.executor,
            "max_executor_threads": THREADS,
            "use_listen_notify": False,  # sessions do not pass a pooler of transactions
            "log_level": "WARNING",
            "enable_otlp": False,
        }
        engine = self._database()
        if engine is None:
            config["system_database_url"] = self._url
            config["sys_db_pool_size"] = POOL
        else:
            config["system_database_engine"] = engine

        async def item(batch: str, n: int) -> None:
            await body(batch, n)

        _refuse_guest()
        with _explained():
            DBOS(config=config)
            DBOS.workflow(name=WORKFLOW, max_recovery_attempts=None)(item)
            self._launched = True
            DBOS.launch()
        if not known:
            register()

    def rest(self) -> None:
        """Take no more items; the tasks of those that were taken must have ended."""
        if self._launched:
            from dbos import DBOS  # noqa: PLC0415 - imported by `work` already

            DBOS.destroy(destroy_registry=True)
            self._launched = False

    def close(self) -> None:
        """Rest, and let go of the database."""
        self.rest()
        if self._client is not None:
            self._client.destroy()
            self._client = None
        if self._shared is not None:
            self._shared.dispose()
            self._shared = None
        if self._lock is not None:  # last: closing it before would drop SQLite's own locks
            self._lock.close()
            self._lock = None

    # Inside.

    def _registered(self, concurrency: int, conflict: Any) -> None:
        for name in (QUEUE, ORPHANS):
            self._call(
                "register_queue",
                name,
                worker_concurrency=concurrency,
                polling_interval_sec=POLL,
                on_conflict=conflict,
            )

    def _listed(self, **which: Any) -> list[Any]:
        """Return DBOS's records of the runs of items."""
        found: list[Any] = self._call(
            "list_workflows", name=WORKFLOW, load_input=False, load_output=False, **which
        )
        return found

    def _call(self, name: str, /, *args: Any, **kwargs: Any) -> Any:
        """Call a method of DBOS's client."""
        if self._client is None:
            from dbos import DBOSClient  # noqa: PLC0415 - a heavy import, for workers only

            engine = self._database()
            self._client = DBOSClient(
                system_database_url=None if engine else self._url,
                system_database_engine=engine,
                system_database_pool_size=2,
                application_name=APPLICATION,
                lazy=True,
                retry_connection_errors=False,  # a worker tries again each round
            )
        with _explained():
            return getattr(self._client, name)(*args, **kwargs)

    @property
    def _url(self) -> str:
        from sqlalchemy import URL  # noqa: PLC0415 - a heavy import, for workers only

        return URL.create("sqlite", database=str(self._place)).render_as_string()

    def _database(self) -> Any:
        """Return SQLAlchemy's engine on PostgreSQL; None on SQLite, where DBOS makes its own."""
        if isinstance(self._place, Path) or self._shared is not None:
            return self._shared
        from sqlalchemy import create_engine, event  # noqa: PLC0415 - heavy, for workers only

        from motionkit.journal import connect_postgres  # noqa: PLC0415 - an extra

        # By a function that connects: then the password is in no URL that could be shown.
        self._shared = engine = create_engine(
            "postgresql+psycopg://",
            creator=functools.partial(connect_postgres, self._place),
            pool_size=POOL,
            max_overflow=0,
            pool_pre_ping=True,
        )

        @event.listens_for(engine, "begin")
        def limited(connection: Any) -> None:
            # A worker that is stopped in a transaction must not keep its rows from the others.
            connection.exec_driver_sql(
                f"SET LOCAL idle_in_transaction_session_timeout={IDLE * 1000};"
                f" SET LOCAL lock_timeout={IDLE * 1000}"
            )

        return engine


def _refuse_guest() -> None:
    """Refuse to work in a process that uses DBOS itself: there is one in a process.

    Raises:
        ConfigError: It does.
    """
    from dbos import DBOS, error  # noqa: PLC0415 - a heavy import, for workers only

    try:
        DBOS.list_application_versions()
    except error.DBOSException as failure:
        if "No DBOS was created" in str(failure):
            return
    raise ConfigError(
        "this process runs DBOS for something else, which allows only one",
        hint="run the worker in a process of its own: motionkit worker",
    )


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    """Raise what the database and DBOS raise as `JournalError`."""
    from dbos import error  # noqa: PLC0415 - a heavy import, for workers only
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415

    try:
        yield
    except (SQLAlchemyError, error.DBOSException) as failure:
        reason = str(getattr(failure, "orig", None) or failure).partition("\n")[0]
        raise JournalError(f"the queue of items cannot be used: {reason}") from failure


def _parts(ids: Sequence[str]) -> Iterable[list[str]]:
    return (list(ids[begin : begin + CHUNK]) for begin in range(0, len(ids), CHUNK))


def _locked(place: Path) -> IO[str]:
    """Return the lock of a ``batch.db``, which only one process may work on."""
    path = place.with_name(f"{place.name}.lock")
    try:
        flags = os.O_RDWR | os.O_CREAT | system.PRIVATE | system.NO_LINK
        descriptor, made = os.open(path, flags, 0o600), os.open(place, flags, 0o600)
    except OSError as error:
        raise JournalError(f"cannot open {place}: {error.strerror}") from error
    os.close(made)  # before SQLite opens it: for the mode of the file alone
    stream = os.fdopen(descriptor, "r+")
    try:
        system.lock(stream)
    except BlockingIOError:
        other = stream.read(20).strip()
        stream.close()
        raise ConfigError(
            f"another process{f' ({other})' * bool(other)} works on the batches of this journal",
            hint="wait until it ends; several workers at once need a journal on PostgreSQL",
            passing=True,
        ) from None
    stream.truncate()
    stream.write(f"pid {os.getpid()}\n")
    stream.flush()
    with contextlib.closing(sqlite3.connect(place)) as database:
        database.execute("PRAGMA journal_mode=WAL")  # the file keeps it: a fifth of the syncs
    return stream


class _Quiet(logging.Handler):
    """Hands DBOS's messages to our logger, for those who look for them.

    Nothing is lost with them: an item never raises, what cannot be opened is raised, and how a run
    ended is DBOS's own concern.
    """

    def emit(self, record: logging.LogRecord) -> None:
        level = logging.INFO if record.levelno >= logging.ERROR else logging.DEBUG
        said, error = record.getMessage(), record.exc_info[1] if record.exc_info else None
        if error is not None:
            said = f"{said} {type(error).__name__}: {str(error).partition(chr(10))[0]}"
        log.log(level, "the queue of items: %s", redact(said))


def _quieten() -> None:
    # With a handler there, DBOS adds none of its own, which would write to the terminal.
    logger = logging.getLogger("dbos")
    if not any(isinstance(one, _Quiet) for one in logger.handlers):
        logger.handlers[:] = [_Quiet()]
    logger.propagate = False
