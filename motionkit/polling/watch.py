"""Track one job until it ends: interpret each poll, schedule the next.

A job is polled once for all who wait for it. A failed poll never ends the tracking; only a terminal
status, a refusal such as a wrong key, or a doubt that lasts longer than its grace does.
"""

from __future__ import annotations

import datetime as dt
import logging
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol

import attrs

from motionkit._support import backoff
from motionkit.errors import Billed, MotionKitError, WaitTimeout
from motionkit.http import CALL_TIMEOUT, TRANSIENT, Untrusted, at_most
from motionkit.model.job import DOUBT_ERRORS, Job, Result, State, Status, UnknownReason
from motionkit.polling import schedule

log = logging.getLogger("motionkit")

DOUBT_GRACE: Mapping[UnknownReason, float] = {
    UnknownReason.NOT_FOUND: 120.0,
    UnknownReason.NO_OUTPUT: 60.0,
}
"""Seconds for which a doubt must last to end a wait; the journal keeps the job unfinished.

A doubt without a row ends no wait: a status word that is not in the vendor's table may mean that
the job runs.
"""

REFUSALS = 3
"""Refusals in a row without the vendor's own code that end a wait."""

Seconds = float | dt.timedelta
Watcher = Callable[[Job, Status], None]
Outcome = Result | BaseException
"""How a job ended; anything but a `Result` or `MotionKitError` is a bug, raised in the waiter."""


class Observer(Protocol):
    """How the engine polls jobs."""

    def reserve(self, job: Job) -> float:
        """Reserve calls for a poll, or return how many seconds to wait."""

    def release(self, job: Job) -> None:
        """Give back the reserved calls that the poll did not make."""

    def poll(self, job: Job, since_last: float | None) -> Status:
        """Poll a job once and record its status; `since_last` is None at the first poll."""

    def result(self, job: Job, status: Status) -> Result:
        """Return the result of a job that has just succeeded."""

    def hears(self, accounts: Collection[str]) -> bool:
        """Return whether a webhook may report the end of a job of one of the accounts."""

    def ended(self, jobs: Sequence[Job]) -> Sequence[Job]:
        """Return those of the jobs that the journal has seen end since this was last asked."""

    def gap(self, job: Job, age: float, among: int) -> float:
        """Return the seconds to the next poll of a job, one of `among` of its account."""

    def age(self, job: Job) -> float:
        """Return the seconds since a job was accepted."""


@attrs.define(eq=False)
class Waiter:
    """A caller who waits for a job up to `deadline` on the engine's clock, for `limit` seconds."""

    job: Job
    limit: float
    deadline: float
    notify: Callable[[Waiter], None]
    watch: Watcher | None = None
    outcome: Outcome | None = None

    def end(self, outcome: Outcome) -> None:
        """Set the outcome and notify the waiter."""
        self.outcome = outcome
        self.notify(self)


@attrs.define(eq=False)
class WatchedJob:
    """A job, its waiters, and when it is polled next; times are on the engine's clock.

    Attributes:
        began: When it was first followed, at `age` seconds.
        ticket: Its valid entry in the queue; entries with another ticket are skipped.
        polling: Whether a thread polls it now.
        taken: When that thread took it, on the engine's clock.
        ended: Whether the journal saw it end before a poll of this wait did.
        ended_meanwhile: Whether it did so during the poll that runs now.
    """

    job: Job
    began: float
    age: float
    due: float
    waiters: list[Waiter] = attrs.field(factory=list)
    ticket: int = 0
    polling: bool = False
    taken: float = 0.0
    ended: bool = False
    ended_meanwhile: bool = False
    _running_at: float | None = None
    _failures: int = 0
    _refusals: int = 0
    _cause: MotionKitError | None = None
    _doubt: UnknownReason | None = None
    _doubted_at: float = 0.0
    _strange: Status | None = None

    def poll(
        self,
        observer: Observer,
        clock: Callable[[], float],
        among: int,
        spread: Callable[[], float],
        patience: float = CALL_TIMEOUT,
    ) -> Outcome | None:
        """Poll once, and return the outcome, or None and set `due`.

        `among` is how many jobs of the account are followed; `spread` is from 0 to 1, at random;
        `patience` is the seconds that a call may take, doubled for each unanswered poll before.
        """
        job, began = self.job, clock()
        since_last = None if self._running_at is None else began - self._running_at
        try:
            with at_most(min(patience * 2**self._failures, CALL_TIMEOUT)):
                status = observer.poll(job, since_last)
            for waiter in self.waiters:
                if waiter.watch is not None:
                    waiter.watch(job, status)
            if status.state is State.SUCCEEDED:
                return observer.result(job, status)
        except MotionKitError as error:
            if self._ends_the_wait(error):
                raise
            self._repeat(error, clock(), spread())
            return None
        self._refusals = 0
        self._failures = 0
        if status.state.terminal:
            return status.error(job)
        self._strange = status if status.doubt is UnknownReason.STRANGE_WORD else None
        now = clock()
        # The poll's start, not its end: the job may have ended while the response was on its way.
        self._running_at = began
        if status.doubt is not self._doubt:
            self._doubt, self._doubted_at = status.doubt, now
        # A new job may not be listed yet, and an output may lag behind its status: one such
        # response proves nothing, only the same one for minutes does.
        if self._doubt is not None and now - self._doubted_at > DOUBT_GRACE.get(
            self._doubt, math.inf
        ):
            return _doubtful(job, self._doubt, status)
        if status.hint is not None:  # the vendor knows best when its job will be done
            self.due = now + backoff.wished(status.hint)
        else:
            gap = observer.gap(job, self.age + now - self.began, among)
            apart = 2 * spread() - 1 if among > 1 else 0.0  # a single job needs no spreading
            self.due = now + gap * (1 + schedule.JITTER * apart)
        return None

    def _ends_the_wait(self, error: MotionKitError) -> bool:
        """Return whether a failed poll ends the wait; a transient failure says nothing of the job.

        Neither does a gateway's page, which lacks the vendor's own code, until it comes again.
        """
        if isinstance(error, TRANSIENT):
            return False
        self._refusals += 1
        if self._refusals >= REFUSALS:
            return True
        # The certificate of a captive portal is no more the vendor's than its page.
        return not isinstance(error, Untrusted) and (error.http_status is None or bool(error.code))

    def _repeat(self, error: MotionKitError, now: float, spread: float) -> None:
        """Poll again later: the job is paid and runs on, whatever a network says about it."""
        log.info("poll of %s failed and is repeated: %s", self.job.id, error)
        self._failures, self._cause = self._failures + 1, error
        self.due = now + backoff.after_failure(
            self._failures, hint=error.retry_after, spread=spread
        )

    @property
    def answered(self) -> bool:
        """Whether the last poll was answered."""
        return self._failures == 0

    def expire(self, now: float) -> None:
        """End the waits whose deadline has passed; the job itself runs on."""
        expired = [waiter for waiter in self.waiters if waiter.deadline <= now]
        self.waiters = [waiter for waiter in self.waiters if waiter.deadline > now]
        for waiter in expired:
            text, hint = f"did not end within {waiter.limit:g} s", None
            if self._strange is not None:
                text, hint = f"{text}; {_last_word(self._strange)}", _STRANGE_HINT
            waiter.end(still_running(waiter.job, text, self._cause, hint))

    def next(self) -> float:
        """Return when to poll next: the last poll of a wait comes at its deadline."""
        return min([self.due, *(waiter.deadline for waiter in self.waiters)])


def seconds(value: Seconds) -> float:
    """Return a duration in seconds."""
    return value.total_seconds() if isinstance(value, dt.timedelta) else float(value)


def unwrap(outcome: Outcome | None) -> Result | MotionKitError:
    """Return an outcome as a value; a bug is raised."""
    if isinstance(outcome, Result | MotionKitError):
        return outcome
    raise outcome or RuntimeError("a waiter was notified without an outcome")


def still_running(
    job: Job, text: str, cause: BaseException | None = None, hint: str | None = None
) -> WaitTimeout:
    """Return the error of a wait that ends before its job; `cause` kept failing meanwhile."""
    error = WaitTimeout(
        f"job {job.id} at {job.account} {text}", billed=Billed.UNKNOWN, hint=hint, job=job
    )
    error.__cause__ = cause
    return error.fill(provider=job.provider, account=job.account)


_STRANGE_HINT = "look the job up in the vendor's console; client.wait(job) asks again"


def _last_word(status: Status) -> str:
    """Return what the last poll reported, a status that motionkit does not know."""
    said = f" ({status.message})" if status.message else ""
    return f"its status {status.word!r}{said} is not known, so it may have ended"


def _doubtful(job: Job, doubt: UnknownReason, status: Status) -> MotionKitError:
    kind, billed = DOUBT_ERRORS[doubt]
    return kind(
        f"job {job.id} at {job.account}: for {DOUBT_GRACE[doubt]:g} s the vendor reported nothing "
        f"but {status.word!r} ({doubt.value.replace('_', ' ')})"
        + (f": {status.message}" if status.message else ""),
        provider=job.provider,
        account=job.account,
        code=status.word,
        billed=billed,
        hint="the journal keeps the job; client.wait(job) asks again",
        job=job,
        raw=status.raw,
    )
