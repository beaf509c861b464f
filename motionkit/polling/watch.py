"""One job that is followed until it ends: what each look at it means, and when to look again.

However many wait for the job, it is looked at once. A failing look never ends the pursuit; only a
terminal word, a refusal such as a wrong key, or doubt and nothing else for its grace does.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Mapping
from typing import Protocol

import attrs

from motionkit._support import backoff
from motionkit.errors import Billed, MotionKitError, WaitTimeout
from motionkit.http import TRANSIENT
from motionkit.model.job import DOUBT_ERRORS, Job, Result, State, Status, UnknownReason
from motionkit.polling import schedule

log = logging.getLogger("motionkit")

DOUBT_GRACE: Mapping[UnknownReason, float] = {
    UnknownReason.NOT_FOUND: 120.0,
    UnknownReason.NO_OUTPUT: 60.0,
}
"""Seconds of nothing else after which a doubt ends a wait; the journal keeps the job open."""

Seconds = float | dt.timedelta
Watcher = Callable[[Job, Status], None]
Outcome = Result | BaseException
"""How a pursuit ends; anything but a `MotionKitError` is a bug that comes out where one waits."""


class Observer(Protocol):
    """How jobs are looked at."""

    def look(self, job: Job, unseen: float | None) -> Status:
        """Observe a job once and write it down.

        Args:
            job: The job.
            unseen: Seconds since it was last seen running; None when it never was.
        """

    def result(self, job: Job, status: Status) -> Result:
        """Return what a job gave that was just seen to have succeeded."""

    def gap(self, job: Job, age: float, among: int) -> float:
        """Return the seconds until the next look at a job that still runs.

        Args:
            job: The job.
            age: Seconds since it was accepted.
            among: How many jobs of its account are followed.
        """

    def age(self, job: Job) -> float:
        """Return the seconds since a job was accepted."""


@attrs.define(eq=False)
class Waiter:
    """Somebody who waits for a job.

    Attributes:
        job: The job, as the waiter has it.
        limit: Seconds that the wait may take.
        deadline: When it is over, on the engine's clock.
        tell: Called once, when there is an ending.
        watch: Called with every observation.
        ending: None until there is one.
    """

    job: Job
    limit: float
    deadline: float
    tell: Callable[[Waiter], None]
    watch: Watcher | None = None
    ending: Outcome | None = None

    def end(self, ending: Outcome) -> None:
        """Tell the waiter how it ended."""
        self.ending = ending
        self.tell(self)

    def timed_out(self, cause: BaseException | None) -> WaitTimeout:
        """Return the error of a deadline that passed."""
        return still_running(
            self.job,
            f"job {self.job.id} at {self.job.account} did not end within {self.limit:g} s",
            cause,
        )


@attrs.define(eq=False)
class WatchedJob:
    """A job, who waits for it, and when it is looked at next.

    Attributes:
        job: The job.
        began: When it was first followed, on the engine's clock.
        age: Its age then, in seconds.
        due: When it is looked at next, on the engine's clock.
        waiters: Who waits.
        ticket: Its valid place in the agenda; older places are passed over.
        lent: A thread of the caller's own follows it.
        looking: The identity of the thread that looks at it; 0 when none does.
    """

    job: Job
    began: float
    age: float
    due: float
    waiters: list[Waiter] = attrs.field(factory=list)
    ticket: int = 0
    lent: bool = False
    looking: int = 0
    _seen: float | None = None
    _failures: int = 0
    _cause: MotionKitError | None = None
    _doubt: UnknownReason | None = None
    _doubted: float = 0.0

    def look(
        self, eyes: Observer, clock: Callable[[], float], among: int, spread: Callable[[], float]
    ) -> Outcome | None:
        """Look once.

        Args:
            eyes: How.
            clock: The engine's.
            among: How many jobs of the account are followed.
            spread: From 0 to 1, at random.

        Returns:
            The ending; None when there is none yet, and then `due` says when to look again.
        """
        job, began = self.job, clock()
        unseen = None if self._seen is None else began - self._seen
        try:
            status = eyes.look(job, unseen)
            for waiter in self.waiters:
                if waiter.watch is not None:
                    waiter.watch(job, status)
            if status.state is State.SUCCEEDED:
                return eyes.result(job, status)
        except TRANSIENT as error:
            log.info("look at %s failed and is repeated: %s", job.id, error)
            self._failures, self._cause = self._failures + 1, error
            self.due = clock() + backoff.after_failure(
                self._failures, hint=error.retry_after, spread=spread()
            )
            return None
        self._failures = 0
        if status.state.terminal:
            return status.error(job)
        now = clock()
        self._seen = began
        if status.doubt is not self._doubt:
            self._doubt, self._doubted = status.doubt, now
        if self._doubt is not None and now - self._doubted > DOUBT_GRACE.get(self._doubt, now):
            return _doubtful(job, self._doubt, status)
        if status.hint is not None:
            self.due = now + backoff.wished(status.hint)
        else:
            gap = eyes.gap(job, self.age + now - self.began, among)
            apart = 2 * spread() - 1 if among > 1 else 0.0  # one alone has nobody to keep from
            self.due = now + gap * (1 + schedule.JITTER * apart)
        return None

    @property
    def answered(self) -> bool:
        """Whether the last look was."""
        return self._failures == 0

    def expired(self, now: float) -> list[Waiter]:
        """Take out and return the waiters whose deadline has passed."""
        over = [waiter for waiter in self.waiters if waiter.deadline <= now]
        if over:
            self.waiters = [waiter for waiter in self.waiters if waiter.deadline > now]
        return over

    def call_it_off(self, waiter: Waiter) -> None:
        """Tell a waiter that its deadline has passed."""
        waiter.end(waiter.timed_out(self._cause))

    def next(self) -> float:
        """Return when to look next: the last look of a wait comes at its deadline."""
        return min([self.due, *(waiter.deadline for waiter in self.waiters)])


def seconds(value: Seconds) -> float:
    """Return a duration in seconds."""
    return value.total_seconds() if isinstance(value, dt.timedelta) else float(value)


def told(ending: Outcome | None) -> Result | MotionKitError:
    """Return an ending as a value; a bug is raised."""
    if isinstance(ending, Result | MotionKitError):
        return ending
    raise ending or RuntimeError("a waiter was told of no ending")


def still_running(job: Job, text: str, cause: BaseException | None = None) -> WaitTimeout:
    """Return what a wait ends with that did not see the job's end."""
    error = WaitTimeout(
        text, provider=job.provider, account=job.account, billed=Billed.UNKNOWN, job=job
    )
    error.__cause__ = cause
    return error


def _doubtful(job: Job, doubt: UnknownReason, status: Status) -> MotionKitError:
    kind, billed = DOUBT_ERRORS[doubt]
    return kind(
        f"job {job.id} at {job.account}: for {DOUBT_GRACE[doubt]:g} s the vendor said nothing but "
        f"{status.word!r} ({doubt.value.replace('_', ' ')})",
        provider=job.provider,
        account=job.account,
        code=status.word,
        billed=billed,
        hint="the journal keeps the job open; client.wait(job) asks again",
        job=job,
        raw=status.raw,
    )
