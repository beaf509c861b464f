"""The client as coroutines: the same verbs, the same journal, the same engine.

Waiting costs no thread, however many coroutines wait. What blocks (an upload, a paid call, a
download, a wait for a slot) runs in a bounded number of threads. To cancel a coroutine that buys
keeps it from submitting; once the submit is written ahead it is not stopped, and the journal has
what it bought.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any, ParamSpec, Self, TypeVar

from motionkit.client.client import Client
from motionkit.config import Config
from motionkit.errors import Billed, MotionKitError
from motionkit.journal import PurchaseRecord
from motionkit.model.budget import BudgetStatus
from motionkit.model.job import STATE_ERRORS, Job, Result, Status
from motionkit.model.money import Balance, Quote
from motionkit.model.probe import Facts
from motionkit.model.request import Request
from motionkit.polling import Delivery, Seconds, Waiter, Watcher, unwrap
from motionkit.provider import Provider
from motionkit.purchase import Announce, Cancellation, Circuit, Explanation, Jobs, Row

P = ParamSpec("P")
T = TypeVar("T")

BUYERS, READERS = 16, 16
"""Threads for what may wait long for a slot, and for what only reads; made when needed."""


class AsyncClient:
    """`motionkit.Client` for coroutines; it belongs to one event loop.

    Args:
        config: As `Client` takes it.
        **options: As `Client` takes them.

    Raises:
        ConfigError: The configuration is wrong.
        JournalError: The ledger cannot be opened.
    """

    def __init__(self, config: Config | Path | str | None = None, **options: Any) -> None:
        self._client = Client(config, **options)
        self._buying = ThreadPoolExecutor(BUYERS, "motionkit-buying")
        self._reading = ThreadPoolExecutor(READERS, "motionkit-reading")
        self._closed = False

    @property
    def config(self) -> Config:
        """The configuration."""
        return self._client.config

    @property
    def jobs(self) -> Jobs:
        """What the journal holds. Listing is quick; to resume or reconcile asks the vendor."""
        return self._client.jobs

    def account(self, name: str) -> Provider:
        """Return an account's adapter; its methods block."""
        return self._client.account(name)

    # Before paying; see `Client`.

    async def explain(
        self,
        request: Request,
        *,
        via: str | None = None,
        max_usd: Decimal | str | None = None,
        besides: Decimal | str | None = None,
        limited: bool = True,
        facts: Mapping[str, Facts] | None = None,
    ) -> Explanation:
        """Return the exact HTTP requests of a submit, and the quote. Nothing is sent."""
        return await self._read(
            self._client.explain,
            request,
            via=via,
            max_usd=max_usd,
            besides=besides,
            limited=limited,
            facts=facts,
        )

    async def quote(self, request: Request, *, via: str | None = None) -> Quote | None:
        """Return what a request is expected to cost; None when no price is known."""
        return await self._read(self._client.quote, request, via=via)

    async def compare(
        self, request: Request, *, via: str | None = None, balances: bool = True
    ) -> list[Row]:
        """Say what each target would cost, take and deliver, cheapest first."""
        return await self._read(self._client.compare, request, via=via, balances=balances)

    async def bought_before(
        self,
        request: Request,
        *,
        via: str | None = None,
        key: str | None = None,
        facts: Mapping[str, Facts] | None = None,
    ) -> PurchaseRecord | None:
        """Return the purchase that the same `submit` would go on with, if any."""
        return await self._read(self._client.bought_before, request, via=via, key=key, facts=facts)

    async def balance(self, name: str) -> Balance:
        """Return what an account holds."""
        return await self._read(self._client.balance, name)

    async def circuits(self) -> list[Circuit]:
        """Return the accounts that routes skip for a while, and why."""
        return await self._read(self._client.circuits)

    async def reset_circuits(self, account: str) -> int:
        """Let routes try an account again at once, and return how many circuits were closed."""
        return await self._read(self._client.reset_circuits, account)

    async def budget(self) -> list[BudgetStatus]:
        """Return how much of every configured budget is spent, held and left."""
        return await self._read(self._client.budget)

    # Paying, and after.

    async def submit(
        self,
        request: Request,
        *,
        via: str | None = None,
        key: str | None = None,
        again: bool | None = None,
        max_usd: Decimal | str | None = None,
        out: Path | str | None = None,
        wait_for_slot: Seconds | None = None,
        announce: Announce | None = None,
        facts: Mapping[str, Facts] | None = None,
    ) -> Job:
        """Upload, pay, and return the job. The same request or key never buys twice.

        To cancel it buys nothing, unless the submit has been written ahead already; then the
        journal has its job. `announce` is called in the thread that submits.
        """
        return await self._buy(
            self._client.submit,
            request,
            via=via,
            key=key,
            again=again,
            max_usd=max_usd,
            out=out,
            wait_for_slot=wait_for_slot,
            announce=announce,
            facts=facts,
        )

    async def poll(self, job: Job) -> Status:
        """Observe a job once."""
        return await self._read(self._client.poll, job)

    async def result(self, job: Job) -> Result:
        """Return what a finished job gave."""
        return await self._read(self._client.result, job)

    async def wait(
        self, job: Job, *, timeout: Seconds | None = None, watch: Watcher | None = None
    ) -> Result:
        """Wait until a job ends, without a thread. To cancel loses no job.

        Args:
            job: The job.
            timeout: Seconds, or a timedelta; the configured default when None.
            watch: Called in the event loop with every observation.
        """
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[Waiter] = loop.create_future()

        def tell(waiter: Waiter) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
                loop.call_soon_threadsafe(_settle, ended, waiter)

        def show(job: Job, status: Status) -> None:
            if watch is not None:
                with contextlib.suppress(RuntimeError):
                    loop.call_soon_threadsafe(watch, job, status)

        engine = self._client.engine
        waiter = engine.follow(job, self._client.limit(timeout), tell, show if watch else None)
        try:
            ending = unwrap((await ended).outcome)
        finally:
            engine.leave(waiter)
        if isinstance(ending, MotionKitError):
            raise ending
        return ending

    async def wait_all(
        self, jobs: Iterable[Job], *, timeout: Seconds | None = None
    ) -> list[Result | MotionKitError]:
        """Wait for many jobs; return in their order what each gave, or its error."""
        given = list(jobs)
        found = {number: ending async for number, ending in self._endings(given, timeout)}
        return [found[number] for number in range(len(given))]

    async def as_completed(
        self, jobs: Iterable[Job], *, timeout: Seconds | None = None
    ) -> AsyncIterator[tuple[Job, Result | MotionKitError]]:
        """Wait for many jobs and give each as it ends, with what it gave or its error."""
        given = list(jobs)
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
        """Choose, submit and wait; behind a route, fall back where nothing was bought."""
        self._client.limit(timeout)  # refused, if it has to be, before anything is bought
        order = await self._buy(self._client.order, request, via=via, key=key, max_usd=max_usd)
        job = order.job
        while True:
            try:
                return await self.wait(job, timeout=timeout, watch=watch)
            except tuple(STATE_ERRORS.values()) as error:
                job = await self._buy(self._client.order_again, order, job, error)

    async def download(
        self, result: Result, path: Path | str, *, overwrite: bool = False, output: int = 0
    ) -> Path:
        """Fetch a result's main file, or another one; an expired address is asked for anew."""
        return await self._read(
            self._client.download, result, path, overwrite=overwrite, output=output
        )

    async def parse_webhook(
        self, account: str, headers: Mapping[str, str], body: bytes
    ) -> Delivery:
        """Check a delivery and write what it says: waiting for that job asks the vendor no more."""
        return await self._read(self._client.parse_webhook, account, headers, body)

    async def look_up(self, name: str, wanted: str, **options: Any) -> Sequence[Any]:
        """Return the records of one of an account's lists; free."""
        return await self._read(self._client.look_up, name, wanted, **options)

    async def close(self) -> None:
        """End every wait with `WaitTimeout`, and close connections and the journal.

        What is being submitted or fetched comes to its end first; what still waits for a slot does
        not. That, and what had not begun by then, raises `MotionKitError`: nothing was sent for it,
        and where it is not about a job that is bought already, its ``billed`` is `Billed.NO`.
        """
        self._closed = True
        self._client.cancellations.end_waits("the client was closed")
        await asyncio.to_thread(self._client.engine.close)
        for pool in (self._buying, self._reading):
            await asyncio.to_thread(pool.shutdown)
        self._client.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    # Inside.

    async def _endings(
        self, jobs: list[Job], timeout: Seconds | None
    ) -> AsyncGenerator[tuple[int, Result | MotionKitError], None]:
        loop = asyncio.get_running_loop()
        ended: asyncio.Queue[Waiter] = asyncio.Queue()

        def tell(waiter: Waiter) -> None:
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(ended.put_nowait, waiter)

        engine = self._client.engine
        waiters = engine.follow_all(jobs, self._client.limit(timeout), tell)
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
        def begin() -> T:
            if self._closed:
                raise _never_began(args)
            return call(*args, **kwargs)

        if self._closed:
            raise _never_began(args)
        return await asyncio.get_running_loop().run_in_executor(pool, begin)


def _never_began(args: Iterable[object]) -> MotionKitError:
    about = next((one for one in args if isinstance(one, Job | Result)), None)
    job = about.job if isinstance(about, Result) else about
    return MotionKitError(
        "the client was closed before this began: nothing was sent",
        billed=Billed.UNKNOWN if job else Billed.NO,
        provider=job.provider if job else None,
        account=job.account if job else None,
        job=job,
    )


def _settle(ended: asyncio.Future[Waiter], waiter: Waiter) -> None:
    if not ended.done():  # it is when the coroutine was cancelled
        ended.set_result(waiter)
