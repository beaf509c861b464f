"""The verb `cancel`: cancel a job where its vendor can."""

from __future__ import annotations

from typing import Annotated

import motionkit as mk
from motionkit.cli import exit_codes
from motionkit.cli.format import charged, short
from motionkit.cli.options import ConfigFile, Json, Reference
from motionkit.cli.parameters import Option
from motionkit.cli.screen import Screen
from motionkit.cli.wait import job_of
from motionkit.client import CANCEL_TIMEOUT, CancelOutcome, CancelPlan, CancelResult, plan_cancel
from motionkit.errors import Billed, InvalidRequest, WaitTimeout
from motionkit.journal import PurchaseRecord
from motionkit.model import codec
from motionkit.model.job import Job, State

_CHARGED = {
    Billed.YES: "it is charged all the same",
    Billed.UNKNOWN: "it may be charged all the same",
}
_MONEY = {
    Billed.NO: "nothing is charged",
    Billed.YES: "it was charged, or will be",
    Billed.UNKNOWN: "it may have been charged",
}


def cancel(
    ref: Reference,
    *,
    yes: Annotated[
        bool, Option("--yes", "-y", help="Do not ask, although the job may be charged.")
    ] = False,
    timeout: Annotated[
        float,
        Option(
            min=0, metavar="SECONDS", help="Maximum time to wait for the vendor's confirmation."
        ),
    ] = CANCEL_TIMEOUT,
    json: Json = False,
    config: ConfigFile = None,
) -> int:
    """Cancel a job, where its vendor can; else say that it still runs, and at which cost.

    A job is cancelled only when its vendor says so. What has not been sent is cancelled free of
    charge. The items of a batch: 'motionkit batch cancel'. Exit codes: 0 cancelled; 2 the vendor
    cannot cancel, or the job had ended before; 9 not confirmed, the job may still run; 10 it has no
    job yet and may have been submitted.
    """
    screen = Screen(json=json)
    with mk.Client(config) as client:
        found = _named(client, ref)
        job = found if isinstance(found, Job) else found.job
        if job is not None:
            plan = plan_cancel(client, job)
            if isinstance(plan, CancelResult):
                return _tell(screen, plan)
            _confirm(screen, plan, yes=yes)
            try:
                with screen.busy(f"cancelling job {job.id}"):
                    return _tell(screen, client.cancel(job, timeout=timeout))
            except KeyboardInterrupt:
                raise _interrupted(job) from None
        return _tell(screen, client.cancel(found))


_WAITING = (
    "a submit that waits for a slot is in the journal only once it has one: press Ctrl-C where it "
    "runs, or end that process ('kill -INT PID'); nothing is charged"
)
"""What to do where a key has no purchase: another process may be waiting to make it."""


def _named(client: mk.Client, reference: str) -> Job | PurchaseRecord:
    """Return the purchase that a reference names, or a job as JSON that the journal lacks."""
    job = job_of(reference, file=False)
    if job is not None:
        return job
    try:
        return client.jobs.get(reference)
    except InvalidRequest as error:
        job = job_of(reference, file=True)
        if job is None:
            if not client.jobs.candidates(reference):
                error.hint = _WAITING
            raise
        return job


def _confirm(screen: Screen, plan: CancelPlan, *, yes: bool) -> None:
    """Ask for confirmation where the money may be lost.

    Raises:
        Abort: The user declined.
        InvalidRequest: The run is non-interactive.
    """
    if plan.terms.note:
        screen.fact("note", plan.terms.note)
    if yes or plan.billed is Billed.NO:
        return
    job, state = plan.job, plan.status.state.value
    what = f"job {job.id} at {job.account} is {state}, {plan.cost}: {_CHARGED[plan.billed]}"
    if screen.asks:
        screen.confirm(f"{what}. Cancel it?")
        return
    raise InvalidRequest(
        f"{what}; confirmation required; pass --yes", field="yes", limit="--yes", job=job
    )


def _interrupted(job: Job) -> WaitTimeout:
    """Return the error for Ctrl-C during the vendor's call."""
    return WaitTimeout(
        f"interrupted; the vendor may have been asked to cancel job {job.id}, which may still run",
        provider=job.provider,
        account=job.account,
        billed=Billed.UNKNOWN,
        job=job,
        hint=f"'motionkit poll {short(job.key)}' shows its state",
    )


def _tell(screen: Screen, result: CancelResult) -> int:
    """Print the outcome, and return the exit code."""
    name = short(result.key) if result.key else result.job.id if result.job else ""
    data = {
        "key": result.key,
        "job": None if result.job is None else result.job.id,
        "account": None if result.job is None else result.job.account,
        "outcome": result.outcome.value,
        "state": None if result.state is None else result.state.value,
        "billed": result.billed.value,
        "cost": codec.unstructure(result.cost),
    }
    screen.answer(data, result.outcome.value.replace("_", " "))
    if result.outcome is CancelOutcome.NOT_SENT:
        screen.note(f"{name} was cancelled before anything was sent; nothing was charged")
        return exit_codes.DONE
    money = _MONEY[result.billed]
    money = money if result.cost is None else f"{money}: {charged(result.cost)}"
    if result.outcome is CancelOutcome.CANCELLED:
        screen.note(f"{name} is cancelled; {money}")
        return exit_codes.DONE
    if result.outcome is CancelOutcome.TOO_LATE:
        state = "ended" if result.state is None else f"ended as {result.state.value}"
        screen.note(f"too late: {name} had {state}; {money}")
        if result.state is State.SUCCEEDED:
            screen.fact("hint:", f"'motionkit wait {name} --out FILE' downloads it")
        return exit_codes.USAGE
    screen.note(
        f"the vendor has not confirmed it: {name} may still run, and may be charged; 'motionkit "
        f"poll {name}' shows its state"
    )
    return exit_codes.STILL_RUNNING
