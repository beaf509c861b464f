"""Events in the life of a confirmed purchase, for callbacks, logs and metrics.

    Submitted -> StateChanged -> Progressed -> ... -> StateChanged -> Delivered
                                                                   `-> Failed

An event is reported after the journal has it, and no listener can change it: what a callback or a
log handler raises is logged.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import attrs

from motionkit._support import telemetry
from motionkit._support.displayed import Displayed
from motionkit.errors import MotionKitError
from motionkit.model.job import Job, State, Status, utcnow
from motionkit.model.money import Cost, CostBasis

log = logging.getLogger("motionkit")
events = logging.getLogger("motionkit.events")


@attrs.frozen(kw_only=True, repr=False)
class Submitted(Displayed):
    """The vendor has accepted a job.

    Attributes:
        key: The purchase.
        job: Its job.
        cost: What the vendor reported as charged, if it did.
        time: When it was written down, in UTC.
    """

    name: ClassVar[str] = "submitted"
    key: str
    job: Job
    cost: Cost | None = None
    time: dt.datetime = attrs.field(factory=utcnow)


@attrs.frozen(kw_only=True, repr=False)
class StateChanged(Displayed):
    """A poll observed a new state of a job; the first poll always does.

    Attributes:
        key: The purchase.
        job: Its job.
        status: What the poll saw.
        seconds: The job's age.
        expected_seconds: Half of all such jobs have ended by that age; None where unknown.
        longest_seconds: Nine of ten have.
        cost: What it cost, for a job that has ended, where known.
        time: When it was observed, in UTC.
    """

    name: ClassVar[str] = "state"
    key: str
    job: Job
    status: Status
    seconds: float
    expected_seconds: float | None = None
    longest_seconds: float | None = None
    cost: Cost | None = None
    time: dt.datetime = attrs.field(factory=utcnow)

    @property
    def state(self) -> State:
        """The job's state."""
        return self.status.state


@attrs.frozen(kw_only=True, repr=False)
class Progressed(StateChanged):
    """A poll observed an unchanged state; the attributes are those of `StateChanged`."""

    name: ClassVar[str] = "progress"

    @property
    def share(self) -> float | None:
        """The job's age as a share of the age by which nine of ten end, at most 1."""
        return min(self.seconds / self.longest_seconds, 1.0) if self.longest_seconds else None


@attrs.frozen(kw_only=True, repr=False)
class Delivered(Displayed):
    """A job's main file is saved, checked and noted in the journal.

    Attributes:
        key: The purchase.
        job: Its job.
        file: Where the file is.
        cost: What the job cost, where known.
        time: When it was written down, in UTC.
    """

    name: ClassVar[str] = "delivered"
    key: str
    job: Job
    file: Path | str
    cost: Cost | None = None
    time: dt.datetime = attrs.field(factory=utcnow)


@attrs.frozen(kw_only=True, repr=False)
class Failed(Displayed):
    """A submit was refused or is uncertain, or a wait ended without a result.

    Attributes:
        key: The purchase.
        error: What was raised; its ``billed`` says whether money was spent.
        job: Its job, if there is one.
        time: When, in UTC.
    """

    name: ClassVar[str] = "error"
    key: str
    error: MotionKitError
    job: Job | None = None
    time: dt.datetime = attrs.field(factory=utcnow)


Event = Submitted | StateChanged | Progressed | Delivered | Failed
"""Any event."""


def as_data(event: Event) -> dict[str, Any]:
    """Return an event as JSON-able fields, without secrets; what is not known is left out."""
    job = event.job
    data: dict[str, Any] = {"event": event.name, "time": event.time, "key": event.key}
    if job is not None:
        data |= {"job": job.id, "account": job.account, "provider": job.provider}
        data |= {"operation": job.operation, "model": job.model}
    if isinstance(event, StateChanged):
        status = event.status
        data |= {"state": status.state.value, "word": status.word, "detail": status.message}
        data |= {"seconds": round(event.seconds, 1), "code": status.code}
        expected, longest = event.expected_seconds, event.longest_seconds
        data["expected_seconds"] = None if expected is None else round(expected, 1)
        data["longest_seconds"] = None if longest is None else round(longest, 1)
    elif isinstance(event, Delivered):
        data["file"] = str(event.file)
    elif isinstance(event, Failed):
        error = event.error.to_dict()
        data |= {"error": error["error"], "detail": error["message"], "billed": error["billed"]}
    cost = None if isinstance(event, Failed) else event.cost
    if cost is not None:
        data["cost"] = {
            "amount": f"{cost.amount:f}",
            "unit": cost.unit.value,
            "usd": None if cost.usd is None else f"{cost.usd:f}",
            "basis": cost.basis.value,
        }
    return {name: value for name, value in data.items() if value is not None}


_LEVELS: Mapping[type[Any], int] = {Progressed: logging.DEBUG}


def wanted(kind: type[Any]) -> bool:
    """Return whether a log handler would see events of a kind."""
    return events.isEnabledFor(_LEVELS.get(kind, logging.INFO))


def emit(event: Event) -> None:
    """Log an event under ``motionkit.events``, its fields as the record's own."""
    if not wanted(type(event)):
        return
    level, data = _LEVELS.get(type(event), logging.INFO), as_data(event)
    try:
        events.log(level, "%s %s", event.name, event.key, extra=data)
    except Exception as error:  # noqa: BLE001 - a filter's failure is no purchase's
        log.warning("a filter of motionkit.events raised %s", type(error).__name__)


def traits(job: Job) -> dict[str, Any]:
    """Return a job's attributes for a metric: few values each."""
    return {
        "gen_ai__operation__name": "generate_content",
        "gen_ai__provider__name": job.provider,
        "gen_ai__request__model": job.model,
        "motionkit__operation": job.operation,
        "motionkit__account": job.account,
    }


def submitted(job: Job) -> None:
    """Report that a job is in the journal."""
    if wanted(Submitted):
        emit(Submitted(key=job.key, job=job, cost=job.cost))
    telemetry.measure("motionkit.submits", motionkit__outcome="accepted", **traits(job))
    count_charge(job, job.cost)


def delivered(job: Job, file: Path | str, cost: Cost | None) -> None:
    """Report that a job's file is in the journal."""
    emit(Delivered(key=job.key, job=job, file=file, cost=cost))
    telemetry.measure("motionkit.downloads", **traits(job))


def count_charge(job: Job, charged: Cost | None, earlier: Cost | None = None) -> None:
    """Count what a vendor charged, or gave back, since an earlier report about the same job."""
    now = None if charged is None else charged.usd
    before = None if earlier is None else earlier.usd
    if now is None or charged is None:
        return
    more = now - (before or 0)
    if more > 0:
        telemetry.measure(
            "motionkit.cost", float(more), motionkit__basis=charged.basis.value, **traits(job)
        )
    elif more < 0 and charged.basis in {CostBasis.REFUNDED, CostBasis.REPORTED}:
        telemetry.measure("motionkit.refunds", float(-more), **traits(job))
