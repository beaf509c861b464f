"""What a front end needs of polling: follow jobs by callbacks, and show polling schedules."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from motionkit import polling
from motionkit.client import arguments
from motionkit.client.client import Client
from motionkit.model.job import Job
from motionkit.polling import CancelPlan, CancelResult, Plan, Seconds, Waiter, Watch
from motionkit.provider import Offer


def follow(
    client: Client,
    job: Job,
    *,
    timeout: Seconds | None,
    notify: Callable[[Waiter], None],
    watch: Watch | None = None,
) -> Callable[[], None]:
    """Follow a job until it ends or the time is over, and return a function that stops it.

    `notify` is called once with the outcome, `watch` as in `Client.wait`; both in a thread of the
    client, so they must not take long. `timeout` is as in `Client.wait`, too.
    """
    arguments.of(Job, "job", job)
    waiter = client._engine.follow(job, client._limit(timeout), notify, client._notifier(watch))
    return partial(client._engine.leave, waiter)


def usual(client: Client, job: Job) -> tuple[float, float]:
    """Return the ages in seconds by which half and nine of ten jobs of this kind have ended."""
    return client._observer.usual(job)


def plan_cancel(client: Client, job: Job) -> CancelPlan | CancelResult:
    """Poll a job, and return what it means to cancel it now. Cancels nothing.

    Returns:
        A `CancelResult` where the job has ended: it is too late.

    Raises:
        Unsupported: The vendor cannot cancel a job.
        MotionKitError: The job cannot be polled.
    """
    return polling.plan_cancel(client._observer, job)


def plan(client: Client, fingerprint: str, offer: Offer, *, floor: float = 0.0) -> Plan:
    """Return the polling schedule of an offer's jobs at the account with a fingerprint.

    It follows the durations in the journal; `floor` is the vendor's least seconds between polls.
    """
    kind = fingerprint, offer.operation, offer.model
    return client._durations.plan(kind, offer.expected_seconds, floor=floor)
