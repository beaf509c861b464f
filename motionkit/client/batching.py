"""What the workers of batches need of a client besides its verbs."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import ParamSpec, TypeVar

import attrs

from motionkit.client import arguments
from motionkit.client.aio import AsyncClient
from motionkit.client.expecting import preferred
from motionkit.errors import MotionKitError
from motionkit.http import Downloaded
from motionkit.journal import PurchaseRecord
from motionkit.model.budget import Budget
from motionkit.model.job import Job, Result
from motionkit.model.request import Request
from motionkit.polling import Waiter, unwrap
from motionkit.purchase import Choose, Order
from motionkit.storage import literal

__all__ = [
    "Order",
    "fetch",
    "in_thread",
    "order",
    "order_again",
    "poll_with",
    "resume",
    "wait",
]

P = ParamSpec("P")
T = TypeVar("T")


async def wait(client: AsyncClient, job: Job, seconds: float) -> Result:
    """Wait for a job as `Client.wait` does, in a third of the memory of `AsyncClient.wait`.

    Raises:
        MotionKitError: How it ended without a result, or that the time is over.
    """
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[None] = loop.create_future()

    def heard(_: Waiter) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: no coroutine waits
            loop.call_soon_threadsafe(_conclude, ended)

    engine = client._client._engine
    waiter = engine.follow(job, seconds, heard)
    try:
        await ended
    finally:
        engine.leave(waiter)
    outcome = unwrap(waiter.outcome)
    if isinstance(outcome, MotionKitError):
        raise outcome
    return outcome


def _conclude(ended: asyncio.Future[None]) -> None:
    if not ended.done():
        ended.set_result(None)


def poll_with(client: AsyncClient, threads: int) -> None:
    """Let a client poll with so many threads at most, for jobs without a `watch`."""
    client._client._engine.threads = threads


async def order(
    client: AsyncClient,
    request: Request,
    *,
    via: str | None,
    key: str | None,
    out: Path | None,
    batch: str,
    item: int | None = None,
    max_usd: Decimal | None = None,
    budgets: tuple[Budget, ...] = (),
    labels: Mapping[str, str] | None = None,
    choose: Choose | None = None,
) -> Order:
    """Submit an item as `Client.submit` does, without a wait for a slot; return the order.

    A batch is in no hurry: a busy account's turn is waited for at the gate, at the price that was
    confirmed, unless its route says ``on_busy = "next"``.

    `batch`, `item` and `budgets`, those of the batch, and `labels` are as in `BuyOptions`;
    `choose` counts for routes.
    """
    options = arguments.options(
        request,
        via,
        key=key,
        out=None if out is None else literal(str(out)),
        max_usd=max_usd,
        wait_for_slot=0.0,
        waits_itself=True,
        batch=batch,
        item=item,
        budgets=budgets,
        labels=labels,
        choose=preferred(client._client, via, choose),
    )
    return await client._buy(client._client._order, request, options)


async def resume(client: AsyncClient, entry: PurchaseRecord) -> Order:
    """Return the order of a purchase that was made, without a look at its request's media.

    An interrupted submit is resolved; nothing new is submitted.

    Raises:
        SubmitUncertain: It is unknown whether it was bought.
        MotionKitError: ``billed=NO``: it turned out that nothing was bought.
    """
    last = await in_thread(client, client.jobs.paid_last, entry)
    return Order(await client._buy(client.jobs.resume, last))


async def order_again(client: AsyncClient, order: Order, job: Job, error: MotionKitError) -> Job:
    """Submit again after a job that failed, where the order's route pays for it.

    It waits for a slot in a thread: paid retries are rare, and the job has just left a slot.

    Raises:
        MotionKitError: `error` where it does not; another one where nothing was bought.
    """
    buyer = order.buyer
    if buyer is not None:
        patience = client.config.defaults.wait_for_slot
        buyer.route = attrs.evolve(buyer.route, wait_for_slot=patience)
    return await client._buy(client._client._order_again, order, job, error)


async def in_thread(
    client: AsyncClient, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs
) -> T:
    """Run what blocks for a moment in one of the client's threads for reading."""
    return await client._in(client._reading, call, *args, **kwargs)


def fetch(client: AsyncClient, result: Result, path: Path) -> Downloaded:
    """Save a result's main file as `Client.download` does, without telling the journal."""
    return client._client._fetch(result, path, overwrite=True)
