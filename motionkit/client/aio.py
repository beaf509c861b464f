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
from motionkit.config import Config
from motionkit.errors import Billed, MotionKitError
from motionkit.model.job import STATE_ERRORS, Job, Result
from motionkit.model.request import Request
from motionkit.polling import Seconds, Waiter, Watcher, unwrap
from motionkit.provider import Provider
from motionkit.purchase import Cancellation, Jobs

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
        return await (self._buy if buys else self._read)(bound, *args, **kwargs)

    return call


class AsyncClient:
    """`Client` for coroutines, with the same verbs, arguments and errors.

    It belongs to one event loop. Cancelling a coroutine that waits loses no job. Cancelling one
    that submits buys nothing, unless the journal has the submit already; then it has the job too.

    Args:
        config: As in `Client`.
        provider_classes: As in `Client`.
        sleep: As in `Client`.
        clock: As in `Client`.
        spread: As in `Client`.

    Raises:
        ConfigError: The configuration is wrong.
        JournalError: The journal cannot be opened.
    """

    def __init__(
        self,
        config: Config | Path | str | None = None,
        *,
        provider_classes: Mapping[str, type[Provider]] | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        spread: Callable[[], float] = random.random,
    ) -> None:
        self._client = Client(
            config, provider_classes=provider_classes, sleep=sleep, clock=clock, spread=spread
        )
        self._buying = ThreadPoolExecutor(BUYERS, "motionkit-buying")
        self._reading = ThreadPoolExecutor(READERS, "motionkit-reading")
        self._closed = False

    @property
    def config(self) -> Config:
        """The configuration."""
        return self._client.config

    @property
    def jobs(self) -> Jobs:
        """The purchases in the journal. Its methods block; resume and reconcile ask the vendor."""
        return self._client.jobs

    @overload
    def account(self, name: str) -> Provider: ...

    @overload
    def account(self, name: str, kind: type[AdapterT]) -> AdapterT: ...

    def account(self, name: str, kind: type[Provider] | None = None) -> Provider:
        """Return an account's adapter, as `Client.account` does; its methods block."""
        return self._client.account(name) if kind is None else self._client.account(name, kind)

    explain = _coroutine(Client.explain)
    """`Client.explain` as a coroutine."""
    quote = _coroutine(Client.quote)
    """`Client.quote` as a coroutine."""
    compare = _coroutine(Client.compare)
    """`Client.compare` as a coroutine."""
    bought_before = _coroutine(Client.bought_before)
    """`Client.bought_before` as a coroutine."""
    balance = _coroutine(Client.balance)
    """`Client.balance` as a coroutine."""
    circuits = _coroutine(Client.circuits)
    """`Client.circuits` as a coroutine."""
    reset_circuits = _coroutine(Client.reset_circuits)
    """`Client.reset_circuits` as a coroutine."""
    budget = _coroutine(Client.budget)
    """`Client.budget` as a coroutine."""
    submit = _coroutine(Client.submit, buys=True)
    """`Client.submit` as a coroutine; `announce` is called in the thread that submits."""
    poll = _coroutine(Client.poll)
    """`Client.poll` as a coroutine."""
    result = _coroutine(Client.result)
    """`Client.result` as a coroutine."""
    download = _coroutine(Client.download)
    """`Client.download` as a coroutine."""
    parse_webhook = _coroutine(Client.parse_webhook)
    """`Client.parse_webhook` as a coroutine."""
    look_up = _coroutine(Client.look_up)
    """`Client.look_up` as a coroutine."""

    async def wait(
        self, job: Job, *, timeout: Seconds | None = None, watch: Watcher | None = None
    ) -> Result:
        """Wait for a job without a thread, as `Client.wait` does; `watch` runs in the event loop.

        Args:
            job: As in `Client.wait`.
            timeout: As in `Client.wait`.
            watch: As in `Client.wait`.
        """
        endings = self._endings([arguments.of(Job, "job", job)], timeout, watch)
        async with contextlib.aclosing(endings):
            _, ending = await anext(endings)
        if isinstance(ending, MotionKitError):
            raise ending
        return ending

    async def wait_all(
        self, jobs: Iterable[Job], *, timeout: Seconds | None = None
    ) -> list[Result | MotionKitError]:
        """Wait for many jobs at once, as `Client.wait_all` does.

        Args:
            jobs: As in `Client.wait_all`.
            timeout: As in `Client.wait_all`.
        """
        given = arguments.jobs(jobs)
        found = {number: ending async for number, ending in self._endings(given, timeout)}
        return [found[number] for number in range(len(given))]

    async def as_completed(
        self, jobs: Iterable[Job], *, timeout: Seconds | None = None
    ) -> AsyncIterator[tuple[Job, Result | MotionKitError]]:
        """Wait for many jobs at once and yield each as it ends, as `Client.as_completed` does.

        Args:
            jobs: As in `Client.as_completed`.
            timeout: As in `Client.as_completed`.
        """
        given = arguments.jobs(jobs)
        async with contextlib.aclosing(self._endings(given, timeout)) as endings:
            async for number, ending in endings:
                yield given[number], ending

    async def run(
        self,
        request: Request,
        *,
        via: str | None = None,
        key: str | None = None,
        max_usd: Decimal | str | None = None,
        timeout: Seconds | None = None,
        watch: Watcher | None = None,
    ) -> Result:
        """Submit and wait, as `Client.run` does; `watch` runs in the event loop.

        Args:
            request: As in `Client.run`.
            via: As in `Client.run`.
            key: As in `Client.run`.
            max_usd: As in `Client.run`.
            timeout: As in `Client.run`.
            watch: As in `Client.run`.
        """
        self._client._limit(timeout)  # refused, if it has to be, before anything is bought
        order = await self._buy(self._client._order, request, via=via, key=key, max_usd=max_usd)
        job = order.job
        while True:
            try:
                return await self.wait(job, timeout=timeout, watch=watch)
            except tuple(STATE_ERRORS.values()) as error:
                job = await self._buy(self._client._order_again, order, job, error)

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

    async def _read(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._in(self._reading, call, *args, **kwargs)

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
