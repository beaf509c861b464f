"""Do one item: submit, wait, fetch its file, write how it ended.

All of it may be done again, by any worker: the item's key names its purchase in the journal, so
that doing it again continues it. Whatever passes is waited out here, because the queue takes what
an item raises for its end.
"""

from __future__ import annotations

import asyncio
import enum
import logging
import math
import os
import random
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import ParamSpec, TypeVar

import attrs

from motionkit.batch.gate import Gate
from motionkit.batch.plan import budgets_of
from motionkit.batch.tables import LEFT, Batches, BatchRecord, BatchState, Item, ItemState
from motionkit.client import (
    AsyncClient,
    Order,
    fetch_result,
    in_thread,
    journal_of,
    order_again,
    order_item,
    resume_order,
    wait_for,
)
from motionkit.errors import (
    AuthenticationError,
    Billed,
    BudgetExceeded,
    Busy,
    ConfigError,
    ContentBlocked,
    DownloadFailed,
    InsufficientCredits,
    InvalidRequest,
    JobCancelled,
    JobFailed,
    JobGone,
    JobNotFound,
    JournalError,
    MediaRejected,
    MotionKitError,
    NoTargetLeft,
    PermissionDenied,
    ProtocolError,
    ProviderUnavailable,
    SubmitUncertain,
    WaitTimeout,
)
from motionkit.journal import Journal, PurchaseRecord
from motionkit.model import events
from motionkit.model.job import Job, KeyState, Result
from motionkit.model.media import File
from motionkit.model.request import Request
from motionkit.storage import Place

P = ParamSpec("P")
T = TypeVar("T")

log = logging.getLogger("motionkit")

WAIT = 7 * 86_400.0
"""Seconds of one wait for a job; it waits again after it."""
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds before what failed for a passing cause is done again; doubled up to the longest."""
IN_USE_PAUSE = 2.0
"""Seconds before another look at a file that another worker writes."""
DOWNLOADS = 12
"""Failed downloads, about ten minutes in all, after which a later run fetches an item's file."""
DOUBTS = 5
"""Waits in a row that end in doubt about a job, after which the item is uncertain."""
READS = 8
"""Questions to the journal at once: each takes a thread, which then stays."""
REST = 600.0
"""Seconds for which this process skips an item that it cannot continue."""

Key = tuple[str, int]
"""Batch and number of an item."""


class Verdict(enum.Enum):
    """What follows from a submit that gave no job."""

    BUSY = "busy"
    """The account takes it later; nothing was bought."""
    AGAIN = "again"
    """Something is broken for now; doing the item again continues it."""
    HALT = "halt"
    """No item of that target can be bought until somebody acts; nothing was bought."""
    REFUSED = "refused"
    BLOCKED = "blocked"
    UNCERTAIN = "uncertain"


_ENDS: Mapping[Verdict, ItemState] = {
    Verdict.REFUSED: ItemState.REFUSED,
    Verdict.BLOCKED: ItemState.BLOCKED,
    Verdict.UNCERTAIN: ItemState.UNCERTAIN,
}
_ROUTE_WAITS = frozenset({"cooling_down", "busy_passed_over", "busy_tried_again"})
_ROUTE_HALTS = frozenset({"budget_spent", "no_credits"})
"""Reasons against a target of a route that pass, and those that somebody has to remove."""


_VERDICTS: tuple[tuple[type[MotionKitError] | tuple[type[MotionKitError], ...], Verdict], ...] = (
    (
        JournalError,
        Verdict.AGAIN,
    ),  # also after a purchase: the journal, or its pending file, has it
    (ContentBlocked, Verdict.BLOCKED),
    (SubmitUncertain, Verdict.UNCERTAIN),
    (ProviderUnavailable, Verdict.BUSY),
    ((BudgetExceeded, InsufficientCredits, AuthenticationError, ConfigError), Verdict.HALT),
    (
        (InvalidRequest, JobCancelled, MediaRejected, PermissionDenied, NoTargetLeft),
        Verdict.REFUSED,
    ),
)
"""The verdict on each class; the first that fits."""


def judge(error: MotionKitError) -> Verdict:
    """Return what follows from a submit's error."""
    found = next((verdict for kinds, verdict in _VERDICTS if isinstance(error, kinds)), None)
    if found in {Verdict.AGAIN, Verdict.BLOCKED, Verdict.UNCERTAIN}:
        return found
    if error.billed is not Billed.NO:
        return Verdict.UNCERTAIN
    if error.decision and isinstance(error, NoTargetLeft | BudgetExceeded):
        return _judge_route(error)
    return Verdict.BUSY if error.passing else found or Verdict.AGAIN


def _judge_route(error: MotionKitError) -> Verdict:
    """Judge a route that found no target: one that may be free later is waited for."""
    reasons = {str(row["reason"]) for row in error.decision}
    verdicts = {judge(one) for one in getattr(error, "attempts", ())}
    if reasons & _ROUTE_WAITS or Verdict.BUSY in verdicts:
        return Verdict.BUSY
    if reasons & _ROUTE_HALTS or Verdict.HALT in verdicts:
        return Verdict.HALT
    return Verdict.REFUSED


class _LaterError(Exception):
    """The item is done again after a pause."""

    def __init__(self, why: MotionKitError, pause: float | None = None) -> None:
        super().__init__(why.message)
        self.why, self.pause = why, pause


@attrs.define
class Items:
    """The items that this process does.

    Attributes:
        client: Submits, waits and downloads.
        batches: The items.
        gate_of: Returns the gate of a target or route.
        request_of: Reads an item's request.
        shared: Whether workers on other machines do items too.
        active: What is done here now.
        resting: Until when, by the monotonic clock, an item is skipped here.
        halted: Why a batch buys nothing at a target or route at present, and until when.
        news: Called with the account where a job ended.
        stopping: Whether nothing new begins.
        sleep: How to wait; tests give their own.
    """

    client: AsyncClient
    batches: Batches
    gate_of: Callable[[str | None], Gate]
    request_of: Callable[[str], Request]
    news: Callable[[str], None]
    shared: bool = False
    active: set[Key] = attrs.field(factory=set)
    resting: dict[Key, float] = attrs.field(factory=dict)
    halted: dict[tuple[str, str | None], tuple[MotionKitError, float]] = attrs.field(factory=dict)
    stopping: bool = False
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    _submitting: int = attrs.field(default=0, init=False)
    _reads: asyncio.Semaphore = attrs.field(init=False, repr=False)
    _quiet: asyncio.Event = attrs.field(factory=asyncio.Event, init=False, repr=False)
    _journal: Journal = attrs.field(init=False, repr=False)

    @_reads.default
    def _few(self) -> asyncio.Semaphore:
        return asyncio.Semaphore(READS)

    @_journal.default
    def _of_the_client(self) -> Journal:
        return journal_of(self.client)

    async def do(self, batch: str, n: int) -> None:
        """Do an item to its end, or leave it as it is where this process cannot go on.

        Raises:
            asyncio.CancelledError: The worker stops; the item is to be given to another one.
        """
        key = (batch, n)
        if self.stopping:
            await self._forever()
        if key in self.active:
            return  # it was given out again while it is done here
        self.active.add(key)
        failures = 0
        try:
            while True:
                try:  # ten thousand may wait here: as few coroutines as can be, and little in each
                    order = await self._ordered(key)
                    result = None if order is None else await self._wait(key, order)
                    if result is not None:
                        await self._save(key, result)
                    break
                except (_LaterError, JournalError) as error:
                    failures += 1
                    pause = _pause(key, error, failures)
                await self.sleep(pause)
        except Exception as error:
            # A fault of ours must not look like an end of the item, nor take the worker with it.
            log.exception("item %d of batch %s cannot be done here", n, batch, exc_info=error)
            self._skip(key)
        finally:
            self.active.discard(key)

    async def quiet(self) -> None:
        """Wait until no submit is under way."""
        while self._submitting:
            self._quiet.clear()
            await self._quiet.wait()

    @contextmanager
    def _submits(self) -> Iterator[None]:
        self._submitting += 1
        try:
            yield
        finally:
            self._submitting -= 1
            self._quiet.set()

    async def _ordered(self, key: Key) -> Order | None:
        """Buy an item, unless it was bought; None where it ended, or is left as it is."""
        begun = await self._begun(key)
        if begun is None:
            return None
        via, order = begun  # ten thousand may wait at a gate: what can be read again is not kept
        return await self._buy(key, via) if order is None else order

    async def _begun(self, key: Key) -> tuple[str | None, Order | None] | None:
        """Return an item's target or route, and its order if it has one; None where it ended."""
        record = await self._read(self.batches.get, key[0])
        item = await self._read(self.batches.item, *key)
        if item.state not in LEFT:
            return None
        via = item.via or record.via
        try:
            request = self.request_of(item.request)
        except InvalidRequest as error:
            await self._put(key, ItemState.REFUSED, error)
            return None
        entry = await self._read(self._journal.get, item.key)
        ours = entry is not None and (entry.batch, entry.item) == key
        if entry is None or not ours or entry.state is KeyState.REFUSED:
            return (via, None) if await self._may_begin(key, request, via) else None
        # Something may have been bought: it needs no slot, and nothing may stop it.
        order = await self._bought(key, entry)
        return None if order is None else (via, order)

    # Until it is bought.

    async def _buy(self, key: Key, via: str | None) -> Order | None:
        """Submit at the account's gate; None where the item ended, or is left as it is."""
        gate, first = self.gate_of(via), False
        while True:
            async with gate.entered(first=first):
                if self.stopping:
                    await self._forever()
                order, busy = await self._bought_inside(key, via, gate)
            if not busy:
                return order
            first = True

    async def _bought_inside(
        self, key: Key, via: str | None, gate: Gate
    ) -> tuple[Order | None, bool]:
        """Submit inside the gate; return the order, if any, and whether the account was busy."""
        record = await self._read(self.batches.get, key[0])
        item = await self._read(self.batches.item, *key)
        request = self.request_of(item.request)
        if not await self._may_begin(key, request, via):
            return None, False
        if not await self._read(self.batches.put, *key, ItemState.RUNNING):
            return None, False  # cancelled, or done by another worker
        try:
            order = await self._order(record, item, request)
        except MotionKitError as error:
            verdict = judge(error)
            if verdict is not Verdict.BUSY:
                await self._not_bought(key, via, verdict, error)
                return None, False
            if isinstance(error, Busy) and (error.code, error.http_status) == (None, None):
                gate.missed()  # by the journal; the vendor was not asked
            else:
                await gate.refused(error)
                log.info("item %d of batch %s: %s", key[1], key[0], error.message)
            return None, True
        gate.taken()
        return order, False

    async def _may_begin(self, key: Key, request: Request, via: str | None) -> bool:
        """Return whether something may be bought for an item; else write why not."""
        record = await self._read(self.batches.get, key[0])
        if record.state is BatchState.CANCELLED:
            await self._read(self.batches.put, *key, ItemState.CANCELLED)
            return False
        halt = self.halt(key[0], via)
        if halt is not None:
            await self._put(key, ItemState.PLANNED, halt)
            return False
        if self.shared and (missing := await self._read(_missing, request)) is not None:
            # Another worker may have the folder, so the item is not refused.
            log.warning("item %d of batch %s: %s", key[1], key[0], missing.message)
            await self._put(key, ItemState.PLANNED, missing)
            self._skip(key)
            return False
        return True

    async def _bought(self, key: Key, entry: PurchaseRecord) -> Order | None:
        """Return the order of an item that was bought, or maybe was."""
        await self._read(self.batches.put, *key, ItemState.RUNNING)
        try:
            with self._submits():
                return await resume_order(self.client, entry)
        except ConfigError as error:  # not from here: the account is gone, or has another key
            await self._put(key, ItemState.RUNNING, error)
            self._skip(key)
        except MotionKitError as error:
            if error.billed is Billed.NO or judge(error) is Verdict.AGAIN:
                # Where nothing was bought after all, the next run finds it refused, and buys.
                raise _LaterError(error) from error
            await self._put(key, ItemState.UNCERTAIN, error)
        return None

    async def _order(self, record: BatchRecord, item: Item, request: Request) -> Order:
        with self._submits():
            return await order_item(
                self.client,
                request,
                via=item.via or record.via,
                key=item.key,
                out=self._target(record.out, item),
                batch=item.batch,
                item=item.n,
                budgets=budgets_of(record),
                labels=item.labels,
                choose=record.options.get("choose"),
            )

    async def _not_bought(
        self, key: Key, via: str | None, verdict: Verdict, error: MotionKitError
    ) -> None:
        if verdict is Verdict.AGAIN:
            raise _LaterError(error) from error
        if verdict is Verdict.HALT:
            if self.halt(key[0], via) is None:
                at = f" at {via}" if via else ""
                log.warning("batch %s buys nothing more%s: %s", key[0], at, error)
            self.halted[key[0], via] = error, time.monotonic() + REST
            await self._put(key, ItemState.PLANNED, error)
            return
        await self._put(key, _ENDS[verdict], error)

    # From then on. Nothing that happens here changes what was bought.

    async def _wait(self, key: Key, order: Order) -> Result | None:
        """Wait for the job; None where the item ended without a result, or is left as it is."""
        job, troubles = order.job, 0
        while True:
            try:
                result = await wait_for(self.client, job, WAIT)
            except (JobFailed, ContentBlocked, JobGone) as error:
                self.news(job.account)
                again = await self._again(key, order, job, error)
                if again is None:
                    return None
                job = again
            except MotionKitError as error:
                troubles += 1
                if not await self._waits_again(key, error, troubles):
                    return None
            else:
                self.news(job.account)
                return result

    async def _waits_again(self, key: Key, error: MotionKitError, troubles: int) -> bool:
        """Return whether a wait that was broken off is taken up again, after a pause."""
        if self.stopping:
            await self._forever()
        if isinstance(error, ConfigError):  # the account has another key: not from here
            await self._put(key, ItemState.RUNNING, error)
            self._skip(key)
            return False
        if isinstance(error, JobNotFound | ProtocolError) and troubles >= DOUBTS:
            await self._put(key, ItemState.UNCERTAIN, error)
            return False
        if troubles == 1 and not isinstance(error, WaitTimeout):
            log.warning("item %d of batch %s: %s", key[1], key[0], error)
        await self.sleep(min(FIRST_PAUSE * 2 ** min(troubles, 10), LONGEST_PAUSE))
        return True

    async def _again(self, key: Key, order: Order, job: Job, error: MotionKitError) -> Job | None:
        """Return the job of a paid retry; None where the item ended with its failed job."""
        try:
            with self._submits():
                return await order_again(self.client, order, job, error)
        except JournalError as other:
            # It may have been bought: doing the item again finds it, or its failed job.
            raise _LaterError(other) from other
        except MotionKitError as other:
            ended = isinstance(other, JobFailed | JobGone | ContentBlocked)
            if judge(other) is Verdict.UNCERTAIN and not ended:
                await self._put(key, ItemState.UNCERTAIN, other)
            else:
                blocked = isinstance(error, ContentBlocked)
                await self._put(key, ItemState.BLOCKED if blocked else ItemState.FAILED, error)
        return None

    async def _save(self, key: Key, result: Result) -> None:
        failures = 0
        out = (await self._read(self.batches.get, key[0])).out
        item = await self._read(self.batches.item, *key)
        while True:
            try:
                await self._saved(out, item, result)
            except InvalidRequest as error:
                await self._not_saved(key, error)
                return
            except DownloadFailed as error:
                if isinstance(error.__cause__, BlockingIOError):  # another writes it
                    raise _LaterError(error, IN_USE_PAUSE) from error
                failures += 1
                log.info("item %d of batch %s: %s", key[1], key[0], error.message)
                if failures >= DOWNLOADS:
                    await self._not_saved(key, error)
                    return
                await self.sleep(min(FIRST_PAUSE * 2 ** min(failures - 1, 10), LONGEST_PAUSE))
            except JournalError as error:
                raise _LaterError(error) from error
            else:
                await self._put(key, ItemState.DONE)
                return

    async def _not_saved(self, key: Key, error: MotionKitError) -> None:
        """Leave an item whose job succeeded to a later run: it is paid for, and has not failed."""
        log.warning("item %d of batch %s is paid for and not saved: %s", key[1], key[0], error)
        await self._put(key, ItemState.RUNNING, error)
        self._skip(key)

    async def _saved(self, out: str, item: Item, result: Result) -> None:
        """Fetch the file, unless an earlier run of the item did."""
        place, name = Place(out), item.file
        entry = await self._read(self._journal.bought, result.job)
        delivered = None if entry is None else entry.delivered
        if delivered is not None and await self._read(place.holds, delivered):
            return
        target = self._target(out, item)
        if target is not None:
            await self.client.download(result, target, overwrite=True)
            return
        await self._read(self._copied, result, place, name)

    def _copied(self, result: Result, place: Place, name: str) -> None:
        with tempfile.TemporaryDirectory(prefix="motionkit-") as folder:
            fetched = fetch_result(self.client, result, Path(folder) / Path(name).name)
            inside = Path(name).with_name(fetched.path.name)
            address = place.put(fetched.path, inside.as_posix())
            self._journal.delivered(result.job, address, fetched.sha256)
            events.delivered(result.job, address, result.cost)

    # Small things.

    def _target(self, out: str, item: Item) -> Path | None:
        """Return the local file of an item; None where it goes to a URL."""
        place = Place(out)
        address = place.address(item.file)
        return None if place.folder is None else Path(address)

    def _skip(self, key: Key) -> None:
        self.resting[key] = time.monotonic() + REST

    def rests(self, item: Item, via: str | None) -> bool:
        """Return whether an item is skipped here for now; `via` is its batch's."""
        if item.state is ItemState.PLANNED and self.halt(item.batch, item.via or via):
            return True
        key = (item.batch, item.n)
        if self.resting.get(key, math.inf) <= time.monotonic():
            del self.resting[key]
        return key in self.resting

    def halt(self, batch: str, via: str | None) -> MotionKitError | None:
        """Return why a batch buys nothing at a target or route at present."""
        why, until = self.halted.get((batch, via), (None, 0.0))
        return why if until > time.monotonic() else None

    async def _put(self, key: Key, state: ItemState, error: MotionKitError | None = None) -> None:
        await self._read(self.batches.put, *key, state, error=error)

    async def _read(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        async with self._reads:
            return await in_thread(self.client, call, *args, **kwargs)

    @staticmethod
    async def _forever() -> None:
        """Wait until the worker cancels the task: then the item stays taken, and is given on."""
        await asyncio.get_running_loop().create_future()


def _pause(key: Key, error: _LaterError | JournalError, failures: int) -> float:
    """Return the seconds after which an item is done again, and log why."""
    why, pause = (error.why, error.pause) if isinstance(error, _LaterError) else (error, None)
    if pause is None:
        pause = min(FIRST_PAUSE * 2 ** min(failures - 1, 10), LONGEST_PAUSE)
        pause *= 0.5 + random.random() / 2  # noqa: S311 - spreads what failed together
    level = logging.WARNING if failures == 1 and pause > IN_USE_PAUSE else logging.INFO
    log.log(level, "item %d of batch %s: %s; again in %.0f s", key[1], key[0], why, pause)
    return pause


def _missing(request: Request) -> InvalidRequest | None:
    """Return the error of a local file that this machine cannot read; None where all are there."""
    for field, medium in request.media().items():
        if isinstance(medium, File) and not os.access(medium.path, os.R_OK):
            return InvalidRequest(
                f"{field}: {str(medium.path)!r} is not readable on this machine",
                field=field,
                value=str(medium.path),
                limit="a file that every worker can read",
            )
    return None
