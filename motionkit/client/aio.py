"""The client as coroutines: the same verbs, the same journal, the same engine.

Waiting costs no thread, however many coroutines wait. What blocks (an upload, a paid call, a
download, a wait for a slot) runs in a bounded number of threads.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Self, TypeVar, overload

from motionkit.client import arguments
from motionkit.client.client import AdapterT, Client
from motionkit.client.takes import TakesRun
from motionkit.config import AccountsGiven, Config, DefaultsGiven, JournalGiven, RoutesGiven
from motionkit.errors import Billed, MotionKitError
from motionkit.model.job import STATE_ERRORS, Job, Result
from motionkit.model.listing import Listing
from motionkit.model.request import Request
from motionkit.polling import Notifier, Seconds, Waiter, Watch, Watcher, unwrap
from motionkit.provider import Provider
from motionkit.purchase import Cancellation, Choose, ShootoutCell

P = ParamSpec("P")
T = TypeVar("T")

BUYERS, READERS = 16, 16
"""Threads for calls that may wait long for a slot, and for those that only read."""


def _coroutine(
    verb: Callable[Concatenate[Client, P], T], *, buys: bool = False
) -> Callable[Concatenate[AsyncClient, P], Coroutine[Any, Any, T]]:
    """Return a client's verb as a coroutine with the same parameters and docstring."""

    @functools.wraps(verb)
    async def call(self: AsyncClient, /, *args: P.args, **kwargs: P.kwargs) -> T:
        bound: Callable[P, T] = getattr(self._client, verb.__name__)
        if buys:
            return await self._buy(bound, *args, **kwargs)
        return await self._in(self._reading, bound, *args, **kwargs)

    return call


class AsyncClient:
    """`Client` for coroutines, with the same verbs, arguments and errors.

    It belongs to one event loop. Cancelling a coroutine that waits loses no job. Cancelling one
    that submits buys nothing, unless the journal has the submit already; then it has the job too.
    `announce` is called in the thread that submits, `watch` in the event loop. The methods of
    `jobs` and of adapters block.
    """

    def __init__(
        self,
        config: Config | Path | str | None = None,
        *,
        accounts: AccountsGiven | None = None,
        routes: RoutesGiven | None = None,
        defaults: DefaultsGiven | None = None,
        journal: JournalGiven | None = None,
        provider_classes: Mapping[str, type[Provider]] | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        spread: Callable[[], float] = random.random,
    ) -> None:
        self._client = Client(
            config,
            accounts=accounts,
            routes=routes,
            defaults=defaults,
            journal=journal,
            provider_classes=provider_classes,
            sleep=sleep,
            clock=clock,
            spread=spread,
        )
        self.config, self.jobs = self._client.config, self._client.jobs
        self._buying = ThreadPoolExecutor(BUYERS, "motionkit-buying")
        self._reading = ThreadPoolExecutor(READERS, "motionkit-reading")
        self._closed = False

    @overload
    def account(self, name: str) -> Provider: ...

    @overload
    def account(self, name: str, kind: type[AdapterT]) -> AdapterT: ...

    def account(self, name: str, kind: type[Provider] | None = None) -> Provider:
        """Return an account's adapter, as `Client.account` does."""
        return self._client.account(name) if kind is None else self._client.account(name, kind)

    explain = _coroutine(Client.explain)
    quote = _coroutine(Client.quote)
    compare = _coroutine(Client.compare)
    bought_before = _coroutine(Client.bought_before)
    balance = _coroutine(Client.balance)
    circuits = _coroutine(Client.circuits)
    reset_circuits = _coroutine(Client.reset_circuits)
    budget = _coroutine(Client.budget)
    spend = _coroutine(Client.spend)
    submit = _coroutine(Client.submit, buys=True)
    plan_takes = _coroutine(Client.plan_takes)
    submit_takes = _coroutine(Client.submit_takes, buys=True)
    plan_shootout = _coroutine(Client.plan_shootout)
    submit_shootout = _coroutine(Client.submit_shootout, buys=True)
    poll = _coroutine(Client.poll)
    cancel = _coroutine(Client.cancel)
    result = _coroutine(Client.result)
    download = _coroutine(Client.download)
    deliver = _coroutine(Client.deliver)
    parse_webhook = _coroutine(Client.parse_webhook)
    look_up = _coroutine(Client.look_up)

    async def wait(
        self, job: Job, *, timeout: Seconds | None = None, watch: Watch | None = None
    ) -> Result:
        """Wait for a job without a thread, as `Client.wait` does."""
        arguments.of(Job, "job", job)
        return await self._followed(job, timeout, self._client._notifier(watch))

    async def _followed(self, job: Job, timeout: Seconds | None, notify: Notifier | None) -> Result:
        with self._client._displayed([job] if notify is None else []) as board:
            endings = self._endings([job], timeout, board.watch if board else notify)
            async with contextlib.aclosing(endings):
                _, ending = await anext(endings)
            if board is not None:
                board.ended(0, ending)
        if isinstance(ending, MotionKitError):
            if notify is not None:
                notify.failed(job, ending)
            raise ending
        return ending

    async def wait_all(
        self, jobs: Iterable[Job], *, timeout: Seconds | None = None
    ) -> Listing[Result | MotionKitError]:
        """Wait for many jobs at once, as `Client.wait_all` does."""
        given = arguments.jobs(jobs)
        found = {number: ending async for number, ending in self._outcomes(given, timeout)}
        return Listing((found[number] for number in range(len(given))), title="results")

    async def as_completed(
        self, jobs: Iterable[Job], *, timeout: Seconds | None = None
    ) -> AsyncIterator[tuple[Job, Result | MotionKitError]]:
        """Wait for many jobs at once and yield each as it ends, as `Client.as_completed` does."""
        given = arguments.jobs(jobs)
        async with contextlib.aclosing(self._endings(given, timeout)) as endings:
            async for number, ending in endings:
                yield given[number], ending

    async def run(
        self,
        request: Request,
        *,
        via: str | None = None,
        choose: Choose | None = None,
        key: str | None = None,
        max_usd: Decimal | str | None = None,
        timeout: Seconds | None = None,
        watch: Watch | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> Result:
        """Submit and wait, as `Client.run` does."""
        self._client._limit(timeout)  # refused, if it has to be, before anything is bought
        notify = self._client._notifier(watch)
        options = arguments.options(
            request, via, choose=choose, key=key, max_usd=max_usd, labels=labels
        )
        order = await self._buy(self._client._order, request, options)
        job = order.job
        while True:
            try:
                if notify is not None:
                    notify.submitted(job)
                return await self._followed(job, timeout, notify)
            except tuple(STATE_ERRORS.values()) as error:
                job = await self._buy(self._client._order_again, order, job, error)

    async def run_takes(
        self,
        request: Request,
        takes: int,
        *,
        via: str | None = None,
        key: str | None = None,
        max_usd: Decimal | str | None = None,
        timeout: Seconds | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> Listing[Result | MotionKitError]:
        """Submit takes and wait for all of them at once, as `Client.run_takes` does."""
        self._client._limit(timeout)  # refused, if it has to be, before anything is bought
        options = arguments.options(request, via, key=key, max_usd=max_usd, labels=labels)
        orders = await self._buy(self._client._order_takes, request, takes, options)
        taken = TakesRun(orders)
        while taken.jobs:
            async for number, ending in self._outcomes(list(taken.jobs), timeout):
                taken.ended(number, ending)
            for order, job, error in taken.failed():
                try:
                    bought = await self._buy(self._client._order_again, order, job, error)
                    taken.bought_again(order, bought)
                except MotionKitError as refused:
                    taken.over(order, refused)
        return Listing(taken.results(), title="takes")

    async def shootout(
        self,
        requests: Request | Iterable[Request],
        via: str | Iterable[str],
        *,
        key: str | None = None,
        max_usd: Decimal | str | None = None,
        timeout: Seconds | None = None,
        labels: Mapping[str, str] | None = None,
        skip_unfit: bool = False,
    ) -> Listing[tuple[ShootoutCell, Result | MotionKitError]]:
        """Buy requests at several targets and wait for all, as `Client.shootout` does."""
        self._client._limit(timeout)  # refused, if it has to be, before anything is bought
        plan = await self.plan_shootout(
            requests, via, key=key, max_usd=max_usd, labels=labels, skip_unfit=skip_unfit
        )
        bought = await self.submit_shootout(plan)
        jobs = [one for one in bought if isinstance(one, Job)]
        ended = plan.ended(bought, await self.wait_all(jobs, timeout=timeout))
        return Listing(ended, title="cells")

    async def close(self) -> None:
        """End every wait with `WaitTimeout`, and close connections and the journal.

        Submits and downloads that have begun complete first, except submits that wait for a slot.
        Those, and calls that have not begun, raise `MotionKitError`: nothing was sent for them, and
        its ``billed`` is `Billed.NO` where it is not about a job that is bought already.
        """
        self._closed = True
        self._client._cancellations.end_waits("the client was closed")
        await asyncio.to_thread(self._client._engine.close)
        for pool in (self._buying, self._reading):
            await asyncio.to_thread(pool.shutdown)
        self._client.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    # Inside.

    async def _outcomes(
        self, jobs: list[Job], timeout: Seconds | None
    ) -> AsyncGenerator[tuple[int, Result | MotionKitError], None]:
        """Wait for jobs; a notebook displays them meanwhile."""
        with self._client._displayed(jobs) as board:
            watch = board.watch if board else None
            async with contextlib.aclosing(self._endings(jobs, timeout, watch)) as endings:
                async for number, ending in endings:
                    if board is not None:
                        board.ended(number, ending)
                    yield number, ending

    async def _endings(
        self, jobs: list[Job], timeout: Seconds | None, watch: Watcher | None = None
    ) -> AsyncGenerator[tuple[int, Result | MotionKitError], None]:
        loop = asyncio.get_running_loop()
        ended: asyncio.Queue[Waiter] = asyncio.Queue()

        def in_loop(call: Callable[..., object], *args: object) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: no coroutine waits
                loop.call_soon_threadsafe(call, *args)

        engine = self._client._engine
        waiters = engine.follow_all(
            jobs,
            self._client._limit(timeout),
            lambda waiter: in_loop(ended.put_nowait, waiter),
            functools.partial(in_loop, watch) if watch else None,
        )
        numbers = {waiter: number for number, waiter in enumerate(waiters)}
        try:
            for _ in jobs:
                waiter = await ended.get()
                ending, waiter.outcome = waiter.outcome, None  # it is the caller's to keep
                yield numbers[waiter], unwrap(ending)
        finally:
            for waiter in waiters:
                engine.leave(waiter)

    async def _buy(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        def begin(*args: P.args, **kwargs: P.kwargs) -> T:
            with one.active():
                return call(*args, **kwargs)

        one = Cancellation()
        try:
            return await self._in(self._buying, begin, *args, **kwargs)
        except asyncio.CancelledError:
            one.cancel("the coroutine was cancelled")
            raise

    async def _in(
        self, pool: ThreadPoolExecutor, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        def check_open() -> None:
            if self._closed:
                raise _never_began("the client was closed", values)

        def begin() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                check_open()
                future.set_result(call(*args, **kwargs))
            except BaseException as error:  # noqa: BLE001 - raised where the coroutine waits
                future.set_exception(error)

        values, future = [*args, *kwargs.values()], Future[T]()
        check_open()
        try:
            pool.submit(begin)
        except RuntimeError as error:
            # The pool keeps the call for a thread that becomes free; it must not run then.
            if future.cancel():
                raise _never_began("this process can start no thread", values) from error
        return await asyncio.wrap_future(future)


def _never_began(reason: str, values: Iterable[object]) -> MotionKitError:
    about = next((one for one in values if isinstance(one, Job | Result)), None)
    job = about.job if isinstance(about, Result) else about
    return MotionKitError(
        f"{reason} before this began: nothing was sent",
        billed=Billed.UNKNOWN if job else Billed.NO,
        provider=job.provider if job else None,
        account=job.account if job else None,
        job=job,
    )
