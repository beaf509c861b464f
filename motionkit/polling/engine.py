"""Follow many jobs at once with one queue and a few threads, not a thread per job.

A thread is started when a poll is due and no thread is free, and ends when it has been idle for a
while. One idle thread waits for the next due poll, the others wait to be needed.

A client has one engine. Closing it ends every wait with `WaitTimeout`; the jobs still run, and are
in the journal. A forked child starts with an empty engine; waits that it inherits end likewise.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from queue import SimpleQueue

from motionkit._support import process, telemetry
from motionkit.errors import MotionKitError
from motionkit.model.job import Job, Result, Status
from motionkit.polling.queue import PollQueue
from motionkit.polling.watch import (
    Observer,
    Outcome,
    Waiter,
    WatchedJob,
    Watcher,
    still_running,
    unwrap,
)

MOST_THREADS = 112
"""Threads of one engine."""
REST = 10.0
"""Seconds after which an idle thread ends."""
NEWS_EVERY = 1.0
"""Seconds between two queries of the journal for followed jobs that ended elsewhere."""
LAST_CALLS = 2.0
"""Seconds that closing leaves to polls that are on their way."""

NO_THREAD = "is not polled: this process can start no thread; the job continues at the vendor"
REAL_SLEEP = time.sleep
"""The real `time.sleep`: any other one that is injected moves a simulated clock."""


class Engine:
    """Polls jobs when they are due, for all who wait for them.

    `clock` is monotonic, `spread` random from 0 to 1; a `sleep` that is not `time.sleep` moves a
    simulated clock.

    Attributes:
        threads: How many it may have at once.
    """

    def __init__(
        self,
        observer: Observer,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        spread: Callable[[], float] = random.random,
    ) -> None:
        self._observer = observer
        self._clock = clock
        self._sleep = sleep
        self._spread = spread
        self.threads = MOST_THREADS
        self._reset()
        process.notify_of_forks(self)

    def _reset(self) -> None:
        self._lock = threading.RLock()
        self._due = threading.Condition(self._lock)
        """Where one idle thread waits for the next due poll."""
        self._needed = threading.Condition(self._lock)
        """Where the other idle threads wait."""
        self._queue = PollQueue()
        self._watched: dict[tuple[str, str], WatchedJob] = {}
        self._threads: set[threading.Thread] = set()
        self._news_due = self._clock() + NEWS_EVERY
        self._until: float | None = None
        """The due moment that a thread waits for; None while none does."""
        self._idle = 0
        self._closed = False

    # For those who wait.

    def follow(
        self, job: Job, limit: float, notify: Callable[[Waiter], None], watch: Watcher | None = None
    ) -> Waiter:
        """Follow a job until it ends or `limit` seconds are over.

        A job that is followed already is not polled more often. `notify` gets the waiter once,
        maybe before this returns, and `watch` gets every status; neither may take long.
        """
        waiter = Waiter(job, limit, self._clock() + limit, notify, watch)
        try:
            self._begin(waiter)
        except BaseException:
            self.leave(waiter)
            raise
        return waiter

    def follow_all(
        self,
        jobs: Iterable[Job],
        limit: float,
        notify: Callable[[Waiter], None],
        watch: Watcher | None = None,
    ) -> list[Waiter]:
        """Follow jobs from one moment on; see `follow`."""
        waiters: list[Waiter] = []
        try:
            with self._lock:
                waiters.extend(self.follow(job, limit, notify, watch) for job in jobs)
        except BaseException:
            for waiter in waiters:
                self.leave(waiter)
            raise
        return waiters

    def outcomes(
        self, jobs: Sequence[Job], limit: float, watch: Watcher | None = None
    ) -> Iterator[tuple[int, Result | MotionKitError]]:
        """Follow jobs for `limit` seconds, and yield their indexes and outcomes as they end.

        `watch` gets every status, in a thread of the engine.
        """
        ended: SimpleQueue[Waiter] = SimpleQueue()
        waiters = self.follow_all(jobs, limit, ended.put, watch)
        indexes = {waiter: index for index, waiter in enumerate(waiters)}
        try:
            for _ in jobs:
                waiter = ended.get()
                outcome, waiter.outcome = waiter.outcome, None  # the caller alone keeps it
                yield indexes[waiter], unwrap(outcome)
        finally:
            for waiter in waiters:
                self.leave(waiter)

    def leave(self, waiter: Waiter) -> None:
        """Stop waiting. The job runs on, and others who wait for it still do."""
        with self._lock:
            watched = self._watched.get(_key(waiter.job))
            if watched is None or waiter not in watched.waiters:
                return
            watched.waiters = [other for other in watched.waiters if other is not waiter]
            if not watched.waiters and not watched.polling:  # else the poll that runs forgets it
                self._forget(watched)

    def wait(self, job: Job, limit: float, watch: Watcher | None = None) -> Result:
        """Wait `limit` seconds for a job; `watch` gets every status, in the caller's thread.

        Raises:
            MotionKitError: How it ended.
        """
        heard: SimpleQueue[Status | None] = SimpleQueue()
        waiter = Waiter(job, limit, self._clock() + limit, lambda _: heard.put(None))
        if watch is not None:
            waiter.watch = lambda _, status: heard.put(status)
        try:
            self._begin(waiter)
            while (status := heard.get()) is not None:  # Ctrl-C ends it at once
                if watch is not None:
                    watch(job, status)
        finally:
            self.leave(waiter)
        outcome = unwrap(waiter.outcome)
        if isinstance(outcome, MotionKitError):
            raise outcome
        return outcome

    def close(self) -> None:
        """End every wait; the jobs run on. Polls on their way get a moment to come back."""
        with self._lock:
            self._closed = True
            self._end_all(_closed)
            self._due.notify_all()
            self._needed.notify_all()
            threads = self._threads - {threading.current_thread()}
        until = time.monotonic() + LAST_CALLS
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))

    # Inside; what follows holds the lock unless it says otherwise.

    def _begin(self, waiter: Waiter) -> None:
        """Add a waiter to its job, and queue the job unless it is being polled."""
        with self._lock:
            if self._closed:
                waiter.end(_closed(waiter.job))
                return
            job = waiter.job
            watched = self._watched.get(_key(job))
            if watched is None:
                now = self._clock()
                watched = WatchedJob(job, now, self._observer.age(job), now)
                self._watched[_key(job)] = watched
                self._queue.account(job.account).jobs += 1
                telemetry.measure("motionkit.queue.depth", 1, motionkit__account=job.account)
            watched.waiters.append(waiter)
            if watched.polling:
                return  # it is queued when the poll ends
            try:
                self._put(watched)
            except RuntimeError as error:
                waiter.end(still_running(job, NO_THREAD, error))
                self.leave(waiter)

    def _forget(self, watched: WatchedJob) -> None:
        self._queue.drop(watched)
        self._queue.account(watched.job.account).jobs -= 1
        del self._watched[_key(watched.job)]
        telemetry.measure("motionkit.queue.depth", -1, motionkit__account=watched.job.account)

    def _put(self, watched: WatchedJob) -> None:
        self._queue.put(watched)
        self._attend()

    def _attend(self) -> None:
        """Make sure that a thread is waiting for the next due poll.

        A thread that neither polls, waits nor idles is on its way to the queue, and sees it there.
        """
        first = self._queue.first
        if first is None:
            return
        if self._until is not None:
            if first < self._until:
                self._due.notify()
        elif self._idle:
            self._needed.notify()
        elif len(self._threads) <= self._queue.running and len(self._threads) < self._most:
            thread = threading.Thread(target=self._work, name="motionkit", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # the system has no more: those that there are do the work
                if not self._threads:
                    raise
            else:
                self._threads.add(thread)

    @property
    def _simulated(self) -> bool:
        return self._sleep is not REAL_SLEEP

    @property
    def _most(self) -> int:
        return 1 if self._simulated else self.threads  # simulated time moves for all at once

    def _poll(self, watched: WatchedJob) -> None:
        """Poll once and act on it, without the lock during the poll."""
        outcome: Outcome | None = None
        took: float | None = None
        try:
            outcome, took = self._polled(watched)
        except BaseException as error:  # noqa: BLE001 - raised in the waiter
            outcome = error
        with self._lock:
            self._queue.account(watched.job.account).done(self._clock(), took, watched.taken)
            try:
                self._conclude(watched, outcome)
            finally:
                watched.polling = False

    def _polled(self, watched: WatchedJob) -> tuple[Outcome | None, float | None]:
        """Return the outcome, if there is one, and the seconds that an answered poll took."""
        job = watched.job
        try:
            # Calls are reserved before the poll: a thread that waited for the rate limit inside of
            # it would keep a thread from the other accounts.
            if pause := self._observer.reserve(job):
                watched.due = self._clock() + pause
                return None, None
            with self._lock:
                account = self._queue.account(job.account)
                among, patience = account.jobs, account.patience
            began = self._clock()
            outcome = watched.poll(self._observer, self._clock, among, self._spread, patience)
            return outcome, self._clock() - began if watched.answered else None
        finally:
            self._observer.release(job)

    def _conclude(self, watched: WatchedJob, outcome: Outcome | None) -> None:
        if outcome is None:
            # Only now: after a suspended machine each job is polled once before its wait expires.
            watched.expire(self._clock())
            if watched.ended_meanwhile:
                watched.due, watched.ended_meanwhile = self._clock(), False
            if watched.waiters:
                self._put(watched)
        else:
            for waiter in watched.waiters:
                waiter.end(outcome)
            watched.waiters = []
        if not watched.waiters:
            self._forget(watched)

    def _end_all(self, outcome: Callable[[Job], Outcome]) -> None:
        for watched in list(self._watched.values()):
            for waiter in watched.waiters:
                waiter.end(outcome(waiter.job))
            watched.waiters = []
            if not watched.polling:
                self._forget(watched)

    # Threads.

    def _work(self) -> None:
        try:
            while (watched := self._next()) is not None:
                self._poll(watched)
        finally:  # whatever ends it: a thread that is gone must not keep another from starting
            with self._lock:
                self._threads.discard(threading.current_thread())

    def _next(self) -> WatchedJob | None:
        """Return a job that is due; None when the thread is to end."""
        with self._lock:
            while not self._closed:
                self._hear()
                watched = self._queue.take(self._clock())
                if watched is not None:
                    watched.polling = True
                    self._attend()  # another one may be due while this thread polls
                    return watched
                if not self._pause():
                    break
            self._threads.discard(threading.current_thread())
            return None

    def _hear(self) -> None:
        """Make the jobs due that a webhook or another process saw end; lets go of the lock.

        A simulated clock hears nothing: its time passes in one step up to the next poll.
        """
        if self._simulated or self._clock() < self._news_due:
            return
        self._news_due = self._clock() + NEWS_EVERY
        jobs = [watched.job for watched in self._watched.values() if not watched.ended]
        self._lock.release()
        try:
            ended = self._observer.ended(jobs)
        finally:
            self._lock.acquire()
        for job in ended:
            watched = self._watched.get(_key(job))
            if watched is None or watched.ended:
                continue
            watched.ended = True  # once: the vendor may contradict it
            watched.ended_meanwhile = watched.polling
            if not watched.polling:
                watched.due = self._clock()
                self._queue.put(watched)

    def _pause(self) -> bool:
        """Wait for the next due poll, or idle where another thread does; False to end the thread.

        One thread alone waits for the clock: if all did, each due poll would wake them all.
        """
        first = self._queue.first
        if first is not None and self._until is None:
            self._until = first
            try:
                now = self._clock()
                hears = not self._simulated and self._observer.hears(self._queue.followed)
                until = min(first, max(self._news_due, now)) if hears else first
                self._pass(until - now)
            finally:
                self._until = None
            return True
        self._idle += 1
        woken = self._needed.wait(REST)
        self._idle -= 1
        return woken or (self._until is None and self._queue.first is not None)

    def _pass(self, seconds: float) -> None:
        """Let time pass, until it is over or something is due earlier."""
        if not self._simulated:
            self._due.wait(max(0.0, seconds))
            return
        self._lock.release()
        failure: BaseException | None = None
        try:
            self._sleep(max(0.0, seconds))
        except BaseException as error:  # noqa: BLE001 - raised in the waiter
            failure = error
        finally:
            self._lock.acquire()
        if failure is not None:
            self._end_all(lambda _: failure)

    # Forks.

    def before_fork(self) -> None:
        """Let no other thread be in the middle of something."""
        self._lock.acquire()

    def after_fork(self, *, child: bool) -> None:
        """Continue; in the child, without the parent's waits and threads."""
        if not child:
            self._lock.release()
            return
        closed = self._closed
        self._end_all(_closed)
        self._reset()
        self._closed = closed


def _key(job: Job) -> tuple[str, str]:
    return job.fingerprint, job.id


def _closed(job: Job) -> MotionKitError:
    return still_running(job, "still runs; the client was closed or forked")
