"""A worker: takes items of batches and does them, beats, and takes over from workers that died."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import functools
import logging
import signal
import threading
import time
from collections.abc import Awaitable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from math import inf
from pathlib import Path
from typing import Any

import attrs

from motionkit._support import process, system
from motionkit.batch import engine as queue
from motionkit.batch.cells import request_of
from motionkit.batch.engine import Delivery, Engine, Where
from motionkit.batch.gate import Gate, Slots
from motionkit.batch.item import Items
from motionkit.batch.tables import LEFT, Batches, BatchRecord, BatchState, Item, ItemState
from motionkit.client import AsyncClient, in_thread, journal_of, poll_with
from motionkit.config import Config, load
from motionkit.errors import ConfigError, InvalidRequest, JournalError, MotionKitError
from motionkit.journal import WORKER_LEASE, Journal
from motionkit.storage import Place

log = logging.getLogger("motionkit")

STEP = 1.0
"""Seconds between two rounds of a worker: dead workers, the queue, the end."""
RESCAN = 15.0
"""Seconds between two passes over all that is left of a batch: retried and forgotten items."""
LEAST_AHEAD, MOST_AHEAD = 20, 500
"""Items that wait in the queue at least, where there are so many, and at most."""
PLANNING = 60.0
"""Seconds without a new item after which the rest of a batch that is planned is not waited for."""
FORGET_EVERY = 10
"""Rounds after which the queue is cleared of runs that are over."""
MOST_CONCURRENCY = 200
"""Items at once where no number is given, whatever the accounts' slots."""
_SPARE = 1.25
"""Items for each slot: while some are submitted or fetched, others run."""
_THREADS = 4
_ARENA_MAX, _HEAPS = -8, 2
"""glibc's ``M_ARENA_MAX``, and its value."""
_POLLERS = 8
"""Threads that poll: enough for 10,000 jobs that are asked for once in some minutes."""
_CHUNKS = 10
"""Pages of a batch that one round reads at most: a round also looks for dead workers."""


@attrs.frozen
class Ended:
    """How a run of a worker ended.

    Attributes:
        counts: How many items of the batch are in each state; empty without a batch.
        stopped: Whether it was asked to stop.
        halts: Why nothing more was bought at some targets or routes, by their name.
    """

    counts: Mapping[ItemState, int] = attrs.field(factory=dict)
    stopped: bool = False
    halts: Mapping[str, MotionKitError] = attrs.field(factory=dict)

    @property
    def left(self) -> int:
        """How many items are left to do."""
        return sum(self.counts.get(state, 0) for state in LEFT)


def _loaded(config: Config | Path | str | None) -> Config:
    return config if isinstance(config, Config) else load(Path(config) if config else None)


def concurrency_of(config: Config) -> int:
    """Return how many items a worker does at once where no number is given."""
    slots = 0.0
    for account in config.accounts.values():
        most = account.slots
        slots += inf if most is None else most
    return int(min(max(1.0, slots * _SPARE), MOST_CONCURRENCY))


class Worker:
    """Does items of batches until it is stopped.

    On a journal on PostgreSQL any number of workers share the items, on any machines; on SQLite
    one process works at a time.

    Args:
        config: A configuration, a file's path, or None to find one.
        concurrency: Items at once, and as many besides that a dead worker had begun; the slots of
            the accounts and a quarter more, at most 200, when None. On PostgreSQL the number that
            was named last holds for every worker.
        batch: Do only this batch, and return when nothing of it is left to do here.

    Raises:
        ConfigError: The configuration is wrong, a package is missing, or the journal is off.
        InvalidRequest: `concurrency` is no number from 1, or there is no such batch.

    Examples:
        >>> mk.Worker("motionkit.toml", concurrency=50).run()
    """

    def __init__(
        self,
        config: Config | Path | str | None = None,
        *,
        concurrency: int | None = None,
        batch: str | None = None,
    ) -> None:
        queue.require()
        self.config = _loaded(config)
        if self.config.journal is None:
            raise ConfigError(
                "batches need a journal, and it is off", hint="name a file or a database as journal"
            )
        if concurrency is not None and (type(concurrency) is not int or concurrency < 1):
            raise InvalidRequest.expected("concurrency", concurrency, "a whole number, at least 1")
        self._named = concurrency
        self._batch = batch

    def run(self, stop: threading.Event | None = None) -> Ended:
        """Work until stopped, or until nothing is left of the batch.

        Ctrl-C and SIGTERM stop it in the main thread, as `stop` does anywhere: nothing new begins,
        submits under way end, and what was bought is left to the next worker. A second Ctrl-C ends
        the process at once; the journal has what was bought.

        Args:
            stop: Stops the worker when it is set.

        Returns:
            How it ended.

        Raises:
            ConfigError: An account has another key than when the batch was planned, another process
                works on a journal on SQLite, or an account keeps results on one machine only while
                the journal is shared.
            JournalError: The journal cannot be opened.
        """
        return asyncio.run(_Run(self.config, self._named, self._batch).main(stop))


class _Run:
    """One run of a worker, in one event loop."""

    def __init__(self, config: Config, named: int | None, batch: str | None) -> None:
        self.config, self.named = config, named
        self.concurrency = concurrency_of(config) if named is None else named
        self.ahead = min(max(self.concurrency, LEAST_AHEAD), MOST_AHEAD)
        self.reference = batch
        self.stop = asyncio.Event()
        self.gates: dict[str | None, Gate] = {}
        self.cursors: dict[str, int] = {}
        self.scanned: dict[str, float] = {}
        self.busy: dict[str, bool] = {}
        """Whether the pass over a batch found an item that somebody does, or is to do."""
        self.idle: set[str] = set()
        """Batches of whose items the last whole pass found none to do here."""
        self.unwritten: set[str] = set()
        """Runs of items that were taken here and that no task does."""
        self.planned: dict[str, tuple[int, float]] = {}
        """How many items each batch had, and since when."""
        self.refused: set[str] = set()
        self.tasks: set[asyncio.Task[Any]] = set()
        self.rounds = 0

    async def main(self, stop: threading.Event | None) -> Ended:
        loop = asyncio.get_running_loop()
        _share_heaps()
        # DBOS writes how runs ended in it; in an outage of the database it waits there.
        loop.set_default_executor(ThreadPoolExecutor(_THREADS, "motionkit-queue"))
        self.rounds_in = ThreadPoolExecutor(1, "motionkit-rounds")
        async with AsyncClient(self.config) as self.client:
            poll_with(self.client, _POLLERS)
            self.journal = journal_of(self.client)
            self.store = self.journal.store
            self.batches = Batches(self.store)
            self.batch = None if self.reference is None else self.batches.get(self.reference).id
            self._check()
            self.workers = self.journal.workers
            self.items = Items(
                self.client,
                self.batches,
                self._gate,
                request_of,
                self._news,
                shared=self.store.shared,
            )
            with contextlib.closing(self._engine()) as self.engine:
                self.workers.start()
                with _signals(loop, self.stop, stop):
                    try:
                        self.engine.work(self._do, self.concurrency, keep=self.named is None)
                        await self._work(stop)
                    finally:
                        await self._rest()
                        self.workers.stop()
            return self._ended()

    def _engine(self) -> Engine:
        where = self.config.journal
        if where is None:  # refused before
            raise TypeError("no journal")
        place = queue.embedded(where) if isinstance(where, Path) else where
        return Engine(place, self.workers.id)

    # What a worker refuses.

    def _check(self) -> None:
        for name, account in self.config.accounts.items():
            local = account.settings.local_results
            if self.store.shared and local is not None:
                raise ConfigError(
                    f"account {name!r}: {local} keeps results on this machine, and the journal is "
                    "shared by workers on others",
                    hint="change it for a shared journal",
                    account=name,
                )
        for record in self._open():
            if (why := self._foreign(record)) is not None:
                raise why

    def _foreign(self, record: BatchRecord) -> ConfigError | None:
        """Return why this worker must not do a batch's items."""
        try:
            Place(record.out).check()
        except ConfigError as error:
            return ConfigError(f"batch {record.id}: {error.message}", hint=error.hint)
        for name, fingerprint in record.accounts.items():
            try:
                found = self.client.account(name).fingerprint
            except ConfigError as error:
                return ConfigError(f"batch {record.id}: {error.message}", account=name)
            if found != fingerprint:
                return ConfigError(
                    f"account {name!r} has another key or base URL than batch {record.id} was "
                    "planned with",
                    hint="work with the key that planned it: only that can see its jobs",
                    account=name,
                )
        return None

    def _open(self) -> list[BatchRecord]:
        """Return the batches that this worker puts into the queue, the oldest first."""
        if self.batch is not None:
            return [self.batches.get(self.batch)]
        ended = {BatchState.DONE}
        return [one for one in reversed(self.batches.listed()) if one.state not in ended]

    # The rounds.

    async def _work(self, stop: threading.Event | None) -> None:
        ill = False
        while not self.stop.is_set() and not (stop is not None and stop.is_set()):
            try:
                await asyncio.get_running_loop().run_in_executor(self.rounds_in, self._round)
                ill = False
            except JournalError as error:
                level = logging.INFO if ill else logging.WARNING
                log.log(level, "%s; trying again", error.message)
                ill = True
            self.tasks = {task for task in self.tasks if not task.done()}
            if self.batch is not None and self.batch in self.idle and not self._active(self.batch):
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.stop.wait(), STEP)

    def _round(self) -> None:
        for dead in self.workers.dead():
            if self.workers.claim(dead.id):
                taken = self.engine.take_over(dead.id)
                log.info("worker %s is gone; %d of its items go to others", dead.id, taken)
        room = self.ahead - self.engine.waiting(self.ahead)
        for record in self._open():
            if record.id in self.refused:
                continue
            if (why := self._foreign(record)) is not None:
                log.error("%s; its items are left to other workers", why)
                self.refused.add(record.id)
                continue
            room -= self._feed(record, max(room, 0))
        if self.rounds % FORGET_EVERY == 0:
            self.engine.forget()
        self.rounds += 1

    def _feed(self, record: BatchRecord, room: int) -> int:
        """Put the next items of a batch into the queue; return how many."""
        batch, fed = record.id, 0
        # Near its end, so that it is seen; not where nothing can be done for now.
        near = not self._active(batch) and (batch == self.batch or batch not in self.idle)
        rescan = STEP / 2 if near else RESCAN
        for _ in range(_CHUNKS):
            after = self.cursors.get(batch, 0)
            early = time.monotonic() - self.scanned.get(batch, -inf) < rescan
            if fed >= room or (after == 0 and early):
                return fed
            found = self.batches.left(batch, after, queue.CHUNK)
            chunk = found[: room - fed] if len(found) > room - fed else found
            fed += self._put(record, chunk)
            self.cursors[batch] = chunk[-1].n if chunk else after
            if len(found) < queue.CHUNK and len(chunk) == len(found):
                self._passed(record)
                return fed
        return fed

    def _passed(self, record: BatchRecord) -> None:
        """Note that a pass over a batch has come to its end."""
        batch = record.id
        self.cursors[batch], self.scanned[batch] = 0, time.monotonic()
        if self.busy.pop(batch, False) or self._grows(record):
            self.idle.discard(batch)
        else:
            self.idle.add(batch)
            self.batches.finish(batch)

    def _grows(self, record: BatchRecord) -> bool:
        """Return whether a planner still adds items; one that was killed adds none."""
        planned, since = self.planned.get(record.id, (-1, 0.0))
        now = time.monotonic()
        if planned != record.planned:
            self.planned[record.id] = record.planned, now
            since = now
        return record.planned < record.total and now - since < PLANNING

    def _put(self, record: BatchRecord, items: list[Item]) -> int:
        """Put those items into the queue that no worker does; return how many."""
        here = {(item.batch, item.n) for item in items} & self.items.active
        mine = [item for item in items if not self.items.rests(item, record.via)]
        if mine:
            self.busy[record.id] = True
        asked = {
            queue.identity(item.batch, item.n, item.tries): item
            for item in mine
            if (item.batch, item.n) not in here
        }
        known = self.engine.find(list(asked))
        idle = {
            one
            for one, delivery in known.items()
            if delivery == Delivery(Where.TAKEN, self.engine.executor)
        }
        # Taken here, and not done here: how its run ended could not be written in an outage. Not at
        # the first sight: the queue may have taken it just now.
        lost = idle & self.unwritten
        self.unwritten = (self.unwritten - asked.keys()) | idle
        over = [
            one for one, delivery in known.items() if delivery.where is Where.OVER or one in lost
        ]
        self.engine.forget(over)
        for executor in {
            delivery.executor
            for delivery in known.values()
            if delivery.where is Where.TAKEN and delivery.executor is not None
        }:
            self._look_after(executor)
        wanted = [item for one, item in asked.items() if one not in known or one in over]
        self.engine.plan([(item.batch, item.n, item.tries) for item in wanted], self.store.now())
        return len(wanted)

    def _look_after(self, executor: str) -> None:
        """Take over from a worker that died while it took over, or whose row is gone."""
        if executor in {self.engine.executor, queue.EMBEDDED} or self.workers.alive(executor):
            return
        if all(one.id != executor for one in self.workers.listed()):
            self.engine.take_over(executor)

    # An item.

    def _do(self, batch: str, n: int) -> Awaitable[None]:
        task = asyncio.current_task()
        if task is not None:
            self.tasks.add(task)  # without a callback, which would hold a context
        if batch in self.refused:
            return _nothing()
        if self.batch in {None, batch} or self.store.shared:
            return self.items.do(batch, n)  # no coroutine between: ten thousand may wait
        return self._do_if_begun(batch, n)

    async def _do_if_begun(self, batch: str, n: int) -> None:
        """Do an item of another batch, left here by another run, if it was or may be bought."""
        try:
            item = await in_thread(self.client, self.batches.item, batch, n)
        except MotionKitError:
            return
        if item.state is ItemState.RUNNING:
            await self.items.do(batch, n)

    def _active(self, batch: str) -> bool:
        return any(one == batch for one, _ in self.items.active)

    def _gate(self, via: str | None) -> Gate:
        if via not in self.gates:
            names = self._accounts(via)
            self.gates[via] = Gate(lambda: in_thread(self.client, self._slots, names))
        return self.gates[via]

    def _news(self, account: str) -> None:
        for via, gate in self.gates.items():
            if account in self._accounts(via):
                gate.ended()

    @functools.lru_cache(maxsize=1000)  # noqa: B019 - as long as the run
    def _accounts(self, via: str | None) -> tuple[str, ...]:
        """Return the accounts that a target or route may use."""
        try:
            route = self.config.route(via or "default")
        except ConfigError:
            route = None
        targets = (via or "",) if route is None else route.targets
        return tuple(dict.fromkeys(one.partition("/")[0] for one in targets))

    def _slots(self, accounts: tuple[str, ...]) -> Slots:
        """Return the slots of accounts together, as the journal has them."""
        limit, taken = 0.0, 0
        for name in accounts:
            try:
                provider = self.client.account(name)
                most = self.config.accounts[name].slots
            except (ConfigError, KeyError):
                return Slots(0, inf)  # the submit says what is wrong
            used = self.journal.taken(provider.fingerprint)
            limit += inf if most is None else max(most, used)  # a full one takes none of another's
            taken += used
        return Slots(taken, limit if accounts else inf)

    # The end.

    async def _rest(self) -> None:
        """Let submits end, cancel what waits, and give what was taken to the next worker."""
        self.items.stopping = True
        await self.items.quiet()
        for task in list(self.tasks):
            task.cancel()
        if self.tasks:
            await asyncio.wait(list(self.tasks))
        await asyncio.to_thread(self.engine.rest)
        try:
            await asyncio.to_thread(self.engine.take_over, self.engine.executor)
        except JournalError as error:  # others find them by this worker's silence
            log.warning("%s; the items of this worker are given on later", error.message)

    def _ended(self) -> Ended:
        halts = {via or "": why for (_, via), (why, _) in self.items.halted.items()}
        counts = {} if self.batch is None else self.batches.counts(self.batch)
        stopped = self.batch is None or self.batch not in self.idle
        return Ended(counts, stopped=stopped, halts=halts)


def _share_heaps() -> None:
    """Let all threads share a few of glibc's heaps, where one each would keep 1 to 2 MB."""
    with contextlib.suppress(AttributeError, OSError):  # another C library has no such option
        ctypes.CDLL(None).mallopt(_ARENA_MAX, _HEAPS)


async def _nothing() -> None:
    """Do nothing: the item is another worker's."""


@contextlib.contextmanager
def _signals(
    loop: asyncio.AbstractEventLoop, stop: asyncio.Event, asked: threading.Event | None
) -> Iterator[None]:
    """Stop at Ctrl-C and SIGTERM; end the process at the second one."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def received(number: int) -> None:
        if stop.is_set():
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
            return
        log.warning(
            "stopping: nothing new begins, and submits under way end; the next run continues"
        )
        stop.set()
        if asked is not None:
            asked.set()

    undo = system.on_signals(loop, (signal.SIGINT, signal.SIGTERM), received)
    try:
        yield
    finally:
        undo()


def run_batch(
    config: Config | Path | str | None,
    batch: str,
    *,
    concurrency: int | None = None,
    stop: threading.Event | None = None,
) -> Ended:
    """Do a batch's items in this process until nothing of it is left to do here.

    Args:
        config: As in `Worker`.
        batch: The batch's id, or its unambiguous beginning.
        concurrency: As in `Worker`.
        stop: Stops it when it is set.

    Returns:
        How it ended.

    Raises:
        MotionKitError: As from `Worker`.
    """
    return Worker(config, concurrency=concurrency, batch=batch).run(stop)


def healthy(config: Config | Path | str | None = None) -> bool:
    """Return whether a worker of this machine beats, for a container's health check.

    Raises:
        ConfigError: The configuration is wrong, or the journal is off.
        JournalError: The journal cannot be read.
    """
    known = _loaded(config)
    if known.journal is None:
        raise ConfigError("a worker needs a journal, and it is off")
    with Journal(known.journal) as journal:
        now = journal.store.now()
        return any(
            one.machine == process.machine()
            and system.exists(one.pid)
            and abs(now - one.seen) <= WORKER_LEASE
            for one in journal.workers.listed()
        )
