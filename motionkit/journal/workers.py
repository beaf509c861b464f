"""Heartbeats: which processes that use a journal are running, on whatever machine.

A process that submits writes its id into its attempts. Whoever finds an attempt unfinished asks
whether that process is still running. On one machine its process id tells; of another machine's
process only the heartbeat does, so every process with a shared journal beats.
"""

from __future__ import annotations

import functools
import logging
import os
import threading
import uuid
import weakref
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import attrs

from motionkit._support import process, system
from motionkit.errors import JournalError
from motionkit.journal.store import AHEAD, Connection, Store

LEASE = 10.0
"""Seconds without a beat after which a process counts as dead."""
_BEATS = 5
"""Beats in a lease: some may be late or lost."""
_UNBROKEN = 0.5
"""Share of a lease up to which a pause between two own beats is no break."""
_KEPT = 24 * 3600.0
"""Seconds after which the row of a process that ended without removing it is removed."""

_COLUMNS = "id, host, pid, machine, version, started, seen"

_OWN: dict[str, int] = {}
"""The ids of this process, and its process id: a forked child has none of its parent's."""

log = logging.getLogger("motionkit")


@attrs.frozen(eq=False, repr=False)
class WorkerRecord:
    """A process that uses the journal.

    Attributes:
        id: Its id, a UUID that no other process ever had.
        host: The name of its machine, for people.
        pid: Its process id there.
        machine: Equal for processes that see each other's process ids.
        version: Its version of motionkit.
        started: When it began to beat, in epoch seconds on the journal's clock.
        seen: Its last beat, on the same clock.
    """

    id: str
    host: str
    pid: int
    machine: str
    version: str
    started: float
    seen: float


class Workers:
    """The heartbeat of this process, and those of others.

    Only a process that has itself beaten for a whole lease without a break may judge by heartbeats:
    after an outage of the database every beat is old, and after a suspension of this process others
    only seem to be.

    Args:
        store: The journal's database.
        lease: Seconds without a beat after which a process counts as dead.
        now: Returns the present in epoch seconds; the database's clock when None.
    """

    def __init__(
        self, store: Store, lease: float = LEASE, now: Callable[[], float] | None = None
    ) -> None:
        self.store = store
        self.lease = lease
        self._now = store.now if now is None else now
        self._lock = process.Lock()
        self._reset()
        process.notify_of_forks(self)

    def _reset(self) -> None:
        self.id = str(uuid.uuid4())
        _OWN[self.id] = os.getpid()
        self._heart: threading.Thread | None = None
        self._stopped = threading.Event()
        self._since: float | None = None
        """The first of an unbroken series of beats."""
        self._last: float | None = None
        self._ill = False

    @property
    def running(self) -> bool:
        """Whether this process beats."""
        return self._heart is not None

    def start(self) -> None:
        """Beat now, and from now on in a thread; do nothing if it does already.

        Raises:
            JournalError: The first beat cannot be written.
        """
        if self._heart is not None:
            return
        with self._lock:
            if self._heart is not None:
                return
            self._beat(first=True)
            self._stopped = threading.Event()
            # The thread must not keep alive a client that its user dropped without closing it.
            heart = threading.Thread(
                target=self._beat_on,
                args=(weakref.ref(self), self._stopped, self.lease / _BEATS),
                name="motionkit-heartbeat",
                daemon=True,
            )
            try:
                heart.start()
            except RuntimeError as error:
                raise JournalError(
                    f"this process can start no thread to beat in: {error}"
                ) from error
            self._heart = heart

    def stop(self) -> None:
        """Stop beating, and remove this process from the list."""
        with self._lock:
            self._stopped.set()
            heart, self._heart = self._heart, None
            self._since = self._last = None
            if heart is None:
                return
            try:
                with self._brief("leave") as db:
                    db.execute("DELETE FROM workers WHERE id=:id", {"id": self.id})
            except JournalError as error:
                log.info("%s; worker %s is listed until its lease ends", error.message, self.id)

    def beat(self) -> None:
        """Write a heartbeat.

        Raises:
            JournalError: It cannot be written.
        """
        with self._lock:
            self._beat()

    def _beat(self, *, first: bool = False) -> None:
        # The first beat precedes a purchase: nothing was sent where it cannot be written.
        with self._brief(AHEAD if first else "beat in") as db:
            now = self._now()
            if first:
                db.execute("DELETE FROM workers WHERE seen<:old", {"old": now - _KEPT})
            # A process that was taken for dead, and only slept, is listed again.
            db.execute(
                f"INSERT INTO workers ({_COLUMNS}) VALUES"  # noqa: S608 - a constant
                " (:id, :host, :pid, :machine, :version, :now, :now)"
                " ON CONFLICT (id) DO UPDATE SET seen=excluded.seen",
                {
                    "id": self.id,
                    "host": process.host(),
                    "pid": os.getpid(),
                    "machine": process.machine(),
                    "version": _version(),
                    "now": now,
                },
            )
        if self._last is None or not 0 <= now - self._last <= self.lease * _UNBROKEN:
            self._since = now
        self._last = now

    @staticmethod
    def _beat_on(reference: weakref.ref[Workers], stopped: threading.Event, period: float) -> None:
        while not stopped.wait(period):
            workers = reference()
            if workers is None:
                return
            workers._beat_safely(stopped)  # noqa: SLF001 - its own
            del workers

    def _beat_safely(self, stopped: threading.Event) -> None:
        """Beat, whatever happens: without beats, others take over running jobs."""
        try:
            with self._lock:
                if not stopped.is_set():
                    self._beat()
                    self._ill = False
        except Exception as error:  # noqa: BLE001 - logged, and tried again
            level = logging.INFO if self._ill else logging.WARNING
            self._ill = True
            log.log(level, "%s; this process may be taken for dead meanwhile", error)

    def _brief(self, doing: str) -> AbstractContextManager[Connection]:
        """Give a transaction that waits no longer than a beat takes, and not for the disk."""
        patience = self.lease / _BEATS
        return self.store.writing(
            doing, patience=patience, adopt=False, durable=False, reserved=True
        )

    def may_judge(self, now: float) -> bool:
        """Return whether this process has beaten for a whole lease without a break."""
        since, last = self._since, self._last
        if since is None or last is None:
            return False
        return now - since >= self.lease and abs(now - last) <= self.lease * _UNBROKEN

    def alive(self, worker: str) -> bool:
        """Return whether another process may still be running; this process does not count.

        Args:
            worker: Its id. A process that is not listed is dead, if this one may judge.

        Raises:
            JournalError: The journal cannot be read.
        """
        if _is_own(worker):
            return False
        found = self._select("WHERE id=:id", {"id": worker})
        return self._lives(found[0] if found else None)

    def _lives(self, worker: WorkerRecord | None) -> bool:
        if worker is not None and _is_gone(worker):
            return False
        now = self._now()  # after the beat was read, which is no younger than it seems then
        if not self.may_judge(now):
            return True
        # A beat far in the future is from before the clock was set back: those who live have
        # beaten since.
        return worker is not None and abs(now - worker.seen) <= self.lease

    def listed(self) -> list[WorkerRecord]:
        """Return all processes with a heartbeat, oldest first; the last may be dead.

        Raises:
            JournalError: The journal cannot be read.
        """
        return self._select("ORDER BY started, id", {})

    def dead(self) -> list[WorkerRecord]:
        """Return the other processes that are known to be dead; `claim` one to take over its work.

        Raises:
            JournalError: The journal cannot be read.
        """
        return [one for one in self.listed() if not _is_own(one.id) and not self._lives(one)]

    def claim(self, worker: str) -> bool:
        """Remove a dead process from the list.

        Returns:
            True for one caller only, who takes over what that process did; False when it is alive
            or another process has claimed it.

        Raises:
            JournalError: The journal cannot be written.
        """
        if _is_own(worker):
            return False
        found = self._select("WHERE id=:id", {"id": worker})
        if not found or self._lives(found[0]):
            return False
        with self.store.writing("claim a worker in") as db:
            # A beat since it was read saves it.
            claimed = db.execute(
                "DELETE FROM workers WHERE id=:id AND seen=:seen RETURNING id",
                {"id": worker, "seen": found[0].seen},
            ).fetchall()
        return bool(claimed)

    def _select(self, where: str, values: dict[str, Any]) -> list[WorkerRecord]:
        query = f"SELECT {_COLUMNS} FROM workers {where}"  # noqa: S608 - the clauses above
        return [WorkerRecord(*row) for row in self.store.query(query, values)]

    # Forks.

    def before_fork(self) -> None:
        """Do nothing: the database waits for a beat that is being written."""

    def after_fork(self, *, child: bool) -> None:
        """Give a child an id of its own; it beats when it begins to."""
        if child:
            self._reset()


def _is_own(worker: str) -> bool:
    return _OWN.get(worker) == os.getpid()


def _is_gone(worker: WorkerRecord) -> bool:
    """Return whether a process of this machine has ended."""
    return worker.machine == process.machine() and not system.exists(worker.pid)


@functools.cache
def _version() -> str:
    from importlib.metadata import version  # noqa: PLC0415 - most processes never beat

    return version("motionkit")
