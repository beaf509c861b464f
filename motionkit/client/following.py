"""What a front end needs of polling: follow jobs by callbacks, and show polling schedules."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from motionkit.client import arguments
from motionkit.client.client import Client
from motionkit.model.job import Job
from motionkit.polling import Plan, Seconds, Waiter, Watcher
from motionkit.provider import Offer


def follow(
    client: Client,
    job: Job,
    *,
    timeout: Seconds | None,
    notify: Callable[[Waiter], None],
    watch: Watcher | None = None,
) -> Callable[[], None]:
    """Follow a job until it ends or the time is over, and return what stops following it.

    Args:
        client: The client.
        job: The job.
        timeout: As in `Client.wait`.
        notify: Called once, in a thread of the client, with the outcome; it must not take long.
        watch: Called likewise with job and status at every poll.
    """
    arguments.of(Job, "job", job)
    waiter = client._engine.follow(job, client._limit(timeout), notify, watch)
    return partial(client._engine.leave, waiter)


def plan(client: Client, fingerprint: str, offer: Offer, *, floor: float = 0.0) -> Plan:
    """Return when the jobs of an offer are polled, after what the journal knows of their durations.

    Args:
        client: The client.
        fingerprint: Of the account.
        offer: The offer.
        floor: Least seconds between two polls that the vendor asks for.
    """
    kind = fingerprint, offer.operation, offer.model
    return client._durations.plan(kind, offer.expected_seconds, floor=floor)
