"""Cancel a job at its vendor, and report the outcome.

The vendor's word decides. A request to cancel that the vendor accepted, or did not answer, proves
nothing: the job is polled on, and may yet succeed and be paid for.
"""

from __future__ import annotations

import enum
import logging
from typing import Protocol

import attrs

from motionkit._support.displayed import Displayed
from motionkit.errors import Billed, JobCancelled, MotionKitError, Unsupported, WaitTimeout
from motionkit.http import with_retries
from motionkit.journal import PurchaseRecord, optional
from motionkit.model.job import STATE_ERRORS, Job, Result, State, Status
from motionkit.model.money import Cost, CostBasis, amounts
from motionkit.polling.observe import JobObserver, about
from motionkit.polling.watch import Watcher
from motionkit.provider import Cancels, CancelTerms, Provider

log = logging.getLogger("motionkit")

CANCEL_TIMEOUT = 10.0
"""Seconds for which a cancelled job is polled, where the caller names no other time."""


class CancelOutcome(enum.Enum):
    """The outcome of a cancel request."""

    CANCELLED = "cancelled"
    """The vendor confirms that the job is cancelled."""
    NOT_SENT = "not_sent"
    """Nothing had been sent; the purchase was cancelled here, free of charge."""
    TOO_LATE = "too_late"
    """The job had ended before; a finished one can be downloaded."""
    REQUESTED = "requested"
    """The vendor has not confirmed it; the job may still run, and is polled on."""


@attrs.frozen(repr=False)
class CancelResult(Displayed):
    """The outcome of a cancel request, and what the purchase costs.

    Attributes:
        outcome: What became of it.
        key: The purchase.
        job: Its job; None where nothing had been sent.
        state: The job's last state; None without a job.
        billed: Whether it was charged, as far as known.
        cost: What the vendor charged or returned, where known.
    """

    outcome: CancelOutcome
    key: str
    job: Job | None = None
    state: State | None = None
    billed: Billed = Billed.UNKNOWN
    cost: Cost | None = None


@attrs.frozen
class CancelPlan:
    """A running job whose vendor can cancel it.

    Attributes:
        job: The job.
        status: Its status, polled a moment ago.
        terms: What the vendor charges.
        billed: Whether it is charged if it is cancelled in that state.
        cost: Its cost, in words.
    """

    job: Job
    status: Status
    terms: CancelTerms
    billed: Billed
    cost: str


class Waits(Protocol):
    """What waits for a job: the engine."""

    def wait(self, job: Job, limit: float, watch: Watcher | None = None) -> Result:
        """Wait `limit` seconds for a job."""


def plan(observer: JobObserver, job: Job) -> CancelPlan | CancelResult:
    """Poll a job, and return what it means to cancel it now. Cancels nothing.

    Returns:
        A result where the job has ended: it is too late.

    Raises:
        Unsupported: The vendor cannot cancel a job; it runs on.
        MotionKitError: The job cannot be polled.
    """
    provider = observer.provider_of(job)
    known = _record(observer, job)
    if known is not None and isinstance(known.state, State) and known.state.terminal:
        # The vendor may not know the job any more, and a poll would call it unfinished.
        return _ended(observer, job, known.state, _billed(known))
    if not isinstance(provider, Cancels):
        return _without_cancel(observer, provider, job, known)
    status = _polled(observer, job)
    if status.state.terminal:
        return _ended(observer, job, status.state, status.billed)
    billed = provider.cancel_terms.charges.get(status.state, Billed.UNKNOWN)
    return CancelPlan(job, status, provider.cancel_terms, billed, _cost(job, known))


def cancel(observer: JobObserver, waits: Waits, job: Job, limit: float) -> CancelResult:
    """Cancel a job, and poll it for up to `limit` seconds to see its end.

    Raises:
        Unsupported: The vendor cannot cancel a job; it runs on.
        MotionKitError: The vendor refused or did not answer; with the job, never ``billed=NO``.
    """
    found = plan(observer, job)
    if isinstance(found, CancelResult):
        return found
    provider = observer.provider_of(job)
    if not isinstance(provider, Cancels):  # `plan` has raised
        raise TypeError(provider)
    with about(job):
        status = provider.cancel(job)
    state, billed = status.state, status.billed
    if state.terminal:
        observer.record(job, status, since_last=0.0)
        return _ended(observer, job, state, billed, cancelled=status.cancelled)
    log.info("job %s at %s: the vendor took the request to cancel it", job.id, job.account)
    try:
        waits.wait(job, limit)
    except WaitTimeout:
        entry = _record(observer, job)
        last = entry.state if entry is not None and isinstance(entry.state, State) else state
        return CancelResult(CancelOutcome.REQUESTED, job.key, job, last)
    except tuple(STATE_ERRORS.values()) as error:
        cancelled = isinstance(error, JobCancelled)
        ended = next(one for one, kind in STATE_ERRORS.items() if isinstance(error, kind))
        return _ended(observer, job, ended, error.billed, cancelled=cancelled)
    return _ended(observer, job, State.SUCCEEDED, Billed.YES)


def _polled(observer: JobObserver, job: Job) -> Status:
    return observer.observe(job, lambda provider: with_retries(lambda: provider.poll(job)))


def _record(observer: JobObserver, job: Job) -> PurchaseRecord | None:
    with optional("the price of a job that is to be cancelled"):
        return observer.journal.bought(job)
    return None


def _billed(entry: PurchaseRecord) -> Billed:
    """Return whether an ended job was charged, as far as the journal knows."""
    if entry.state is State.SUCCEEDED:
        return Billed.YES
    if entry.cost is None or entry.cost.basis is CostBasis.ASSUMED:
        return Billed.UNKNOWN
    charged = entry.cost.basis is CostBasis.REPORTED and entry.cost.amount
    return Billed.YES if charged else Billed.NO


def _ended(
    observer: JobObserver, job: Job, state: State, billed: Billed, *, cancelled: bool = False
) -> CancelResult:
    entry = _record(observer, job)
    return CancelResult(
        CancelOutcome.CANCELLED if cancelled else CancelOutcome.TOO_LATE,
        job.key,
        job,
        state,
        billed,
        job.cost if entry is None else entry.cost,
    )


def _without_cancel(
    observer: JobObserver, provider: Provider, job: Job, entry: PurchaseRecord | None
) -> CancelResult:
    """Return the outcome for a job that had already ended.

    Raises:
        Unsupported: It runs on, as far as known.
    """
    try:
        status = _polled(observer, job)
        if status.state.terminal:
            return _ended(observer, job, status.state, status.billed)
        state = f"is {status.state.value}"
    except MotionKitError as error:
        log.info("job %s at %s cannot be polled: %s", job.id, job.account, error.message)
        state = "cannot be polled now"
    raise Unsupported(
        f"{provider.name} cannot cancel a job: job {job.id} at {job.account} {state} and "
        f"continues, {_cost(job, entry)}",
        field="job",
        value=job.id,
        hint="end the wait (Ctrl-C) to stop waiting; client.wait(job) picks it up again",
        provider=job.provider,
        account=job.account,
        billed=Billed.UNKNOWN,
        job=job,
    )


def _cost(job: Job, entry: PurchaseRecord | None) -> str:
    """Return what a job costs, as the end of a sentence."""
    cost = job.cost or (entry.cost if entry else None)
    if cost is not None:
        return f"for {cost}"
    if entry is not None and entry.quote is not None:
        return f"for {amounts(entry.quote)} as quoted"
    return "at an unknown price"
