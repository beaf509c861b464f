"""Vendors in memory that can cancel a job, each in the manner of one that exists."""

from __future__ import annotations

from typing import ClassVar

import attrs

from motionkit.errors import Billed, ProviderUnavailable
from motionkit.model.job import Job, State, Status, utcnow
from motionkit.provider import CancelTerms
from motionkit.testing.memory import Memory, MemoryStage


class Cancelling(Memory):
    """It answers with the job, cancelled: free while it is queued, charged while it runs."""

    cancel_terms: ClassVar[CancelTerms] = CancelTerms(
        {State.QUEUED: Billed.NO, State.RUNNING: Billed.YES}, "tests", "Time that ran is charged."
    )
    asked: ClassVar[list[str]] = []
    cancelled: ClassVar[set[str]] = set()
    queued: ClassVar[bool] = False

    def poll(self, job: Job) -> Status:
        """Poll a job; a cancelled one has failed."""
        if job.id in self.cancelled:
            return self._end()
        status = super().poll(job)
        if self.queued and status.state is State.RUNNING:
            return Status(State.QUEUED, "queued", utcnow())
        return status

    def cancel(self, job: Job) -> Status:
        """Cancel at once."""
        self.asked.append(job.id)
        self.cancelled.add(job.id)
        return self._end()

    def _end(self) -> Status:
        billed = Billed.NO if self.queued else Billed.YES
        return Status(State.FAILED, "canceled", utcnow(), billed=billed, cancelled=True)


class Asynchronous(Cancelling):
    """It takes the request, and a later poll shows the end."""

    def cancel(self, job: Job) -> Status:
        """Take the request."""
        super().cancel(job)
        return Status(State.UNKNOWN, "202", utcnow())


class Deaf(Cancelling):
    """It takes the request, and the job runs on to its end."""

    def cancel(self, job: Job) -> Status:
        """Take the request, and do nothing."""
        self.asked.append(job.id)
        return Status(State.UNKNOWN, "202", utcnow())


class Broken(Cancelling):
    """It does not answer a request to cancel."""

    def cancel(self, job: Job) -> Status:
        """Break the connection."""
        self.asked.append(job.id)
        raise ProviderUnavailable("the connection was reset", billed=Billed.NO)


@attrs.define
class CancellingStage(MemoryStage):
    """A stage whose vendor cancels."""

    provider_class: type[Memory] = Cancelling

    def __attrs_post_init__(self) -> None:
        self.provider_class = type(
            "Fresh", (self.provider_class,), {"asked": [], "cancelled": set(), "queued": False}
        )
