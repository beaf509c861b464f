"""Follow many jobs at once: one agenda, a few threads, and no thread for a job.

Threads are made when a look is due and nobody is free, as many as the agenda has room for, and end
when they have had nothing to do for a while. One of them watches the clock, the others rest.

A client has one engine. Closed, it ends every wait with `WaitTimeout`: the jobs still run, and the
journal has them. A forked child starts with an empty one; waits that it inherits end the same way.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from queue import Empty, SimpleQueue

from motionkit._support import process
from motionkit.errors import MotionKitError
from motionkit.model.job import Job, Result, Status
from motionkit.polling.queue import AccountQueue, PollQueue
from motionkit.polling.watch import (
    Observer,
    Outcome,
    Waiter,
    WatchedJob,
    Watcher,
    still_running,
    told,
)

MOST_THREADS = 112
"""Threads of one engine."""
REST = 10.0
"""Seconds after which a thread without work ends."""
LAST_CALLS = 2.0
"""Seconds that closing gives to looks that are on their way."""

REAL_SLEEP = time.sleep
"""As it is before any test replaces it."""

Turn = Callable[[Job], float]
"""Take what a look needs of the calls a minute, or return the seconds after which to ask again."""


class Engine:
    """Looks at jobs when they are due, for everybody who waits for them.

    Args:
        eyes: How jobs are looked at.
        turn: Whose turn it is, where calls are counted.
        turned: Called by the same thread when the look is over.
        clock: Monotonic seconds.
        sleep: `time.sleep`; any other moves a simulated clock, and whoever waits sleeps with it.
        spread: From 0 to 1, at random.
    """

    def __init__(
        self,
        eyes: Observer,
        *,
        turn: Turn = lambda _: 0.0,
        turned: Callable[[Job], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        spread: Callable[[], float] = random.random,
    ) -> None:
        self._eyes = eyes
        self._turn = turn
        self._turned = turned
        self._clock = clock
        self._sleep = sleep
        self._spread = spread
        self._reset()
        process.notify_of_forks(self)

    def _reset(self) -> None:
        self._lock = threading.RLock()
        self._watch = threading.Condition(self._lock)
        self._rest = threading.Condition(self._lock)
        self._agenda = PollQueue()
        self._pursuits: dict[tuple[str, str], WatchedJob] = {}
        self._threads: set[threading.Thread] = set()
        self._until: float | None = None
        self._resting = 0
        self._closed = False

    # For those who wait.

    def follow(
        self,
        job: Job,
        limit: float,
        tell: Callable[[Waiter], None],
        watch: Watcher | None = None,
    ) -> Waiter:
        """Follow a job until it ends or the time is over.

        Args:
            job: The job; one that is followed already is not looked at more often.
            limit: Seconds.
            tell: Called once with the waiter when it has an ending, maybe before this returns. It
                must not take long.
            watch: Called with every observation; neither must it.
        """
        waiter = Waiter(job, limit, self._clock() + limit, tell, watch)
        with self._lock:
            if self._closed:
                waiter.end(_closed(job))
                return waiter
            try:
                self._hand_on(self._join(waiter))
            except BaseException:
                self.leave(waiter)
                raise
        return waiter

    def follow_all(
        self, jobs: Iterable[Job], limit: float, tell: Callable[[Waiter], None]
    ) -> list[Waiter]:
        """Follow jobs from one moment on; see `follow`."""
        waiters: list[Waiter] = []
        try:
            with self._lock:
                waiters.extend(self.follow(job, limit, tell) for job in jobs)
        except BaseException:
            for waiter in waiters:
                self.leave(waiter)
            raise
        return waiters

    def endings(
        self, jobs: Sequence[Job], limit: float
    ) -> Iterator[tuple[int, Result | MotionKitError]]:
        """Follow jobs, and give each one's number and how it ended, as they end.

        Args:
            jobs: The jobs.
            limit: Seconds for each.
        """
        ended: SimpleQueue[Waiter] = SimpleQueue()
        waiters = self.follow_all(jobs, limit, ended.put)
        numbers = {waiter: number for number, waiter in enumerate(waiters)}
        try:
            for _ in jobs:
                waiter = ended.get()
                ending, waiter.ending = waiter.ending, None  # it is the caller's to keep
                yield numbers[waiter], told(ending)
        finally:
            for waiter in waiters:
                self.leave(waiter)

    def leave(self, waiter: Waiter) -> None:
        """Wait no longer. The job goes on, and so do others who wait for it."""
        with self._lock:
            pursuit = self._pursuits.get(_name(waiter.job))
            if pursuit is None or waiter not in pursuit.waiters:
                return
            pursuit.waiters = [other for other in pursuit.waiters if other is not waiter]
            if not pursuit.waiters and not pursuit.looking:
                self._forget(pursuit)

    def wait(self, job: Job, limit: float, watch: Watcher | None = None) -> Result:
        """Follow a job in the caller's own thread; if it is followed already, wait along.

        Args:
            job: The job.
            limit: Seconds.
            watch: Called with every observation, in the caller's thread.

        Raises:
            MotionKitError: How it ended.
        """
        heard: SimpleQueue[Status | None] = SimpleQueue()
        waiter = Waiter(job, limit, self._clock() + limit, lambda _: heard.put(None))
        waiter.watch = lambda _, status: heard.put(status)
        try:
            with self._lock:
                if self._closed:
                    raise _closed(job)
                pursuit = self._join(waiter)
                pursuit.lent = pursuit.waiters == [waiter] and not pursuit.looking
                if not pursuit.lent:
                    self._hand_on(pursuit)
            while True:
                try:
                    status = self._hear(heard, pursuit)
                except Empty:
                    if self._claim(pursuit):
                        self._look(pursuit)
                    continue
                if status is None:
                    return _returned(waiter)
                if watch is not None:
                    watch(job, status)
        finally:
            self._part(waiter)

    def close(self) -> None:
        """End every wait; the jobs run on. Looks on their way get a moment to come back."""
        with self._lock:
            self._closed = True
            self._abandon()
            self._watch.notify_all()
            self._rest.notify_all()
            threads = self._threads - {threading.current_thread()}
        until = time.monotonic() + LAST_CALLS
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))

    def _hear(self, heard: SimpleQueue[Status | None], pursuit: WatchedJob) -> Status | None:
        """Wait in the caller's own thread for what it is told; `Empty` when a look is due."""
        if not pursuit.lent:
            return heard.get()
        pause = max(0.0, pursuit.next() - self._clock())
        if not self._simulated:
            return heard.get(timeout=pause)
        if heard.empty() and pause:
            self._sleep(pause)
        return heard.get_nowait()

    def _claim(self, pursuit: WatchedJob) -> bool:
        """Begin a look in the caller's own thread; False when the agenda has the job by now."""
        with self._lock:
            if pursuit.lent:
                pursuit.looking = threading.get_ident()
            return pursuit.lent

    def _part(self, waiter: Waiter) -> None:
        """Leave a job; where the caller's own look was interrupted, let it go on for the others."""
        with self._lock:
            self.leave(waiter)
            pursuit = self._pursuits.get(_name(waiter.job))
            if pursuit is not None and pursuit.looking == threading.get_ident():
                pursuit.looking, pursuit.lent = 0, False
                try:
                    self._conclude(pursuit, None)
                except RuntimeError as error:  # there is no thread for it
                    self._conclude(pursuit, error)

    # Inside; what follows holds the lock unless it says otherwise.

    def _join(self, waiter: Waiter) -> WatchedJob:
        """Return the job's pursuit with the waiter in it."""
        job = waiter.job
        pursuit = self._pursuits.get(_name(job))
        if pursuit is None:
            now = self._clock()
            pursuit = self._pursuits[_name(job)] = WatchedJob(job, now, self._eyes.age(job), now)
            self._agenda.line(job.account).jobs += 1
        pursuit.waiters.append(waiter)
        return pursuit

    def _forget(self, pursuit: WatchedJob) -> None:
        self._agenda.drop(pursuit)
        self._agenda.line(pursuit.job.account).jobs -= 1
        del self._pursuits[_name(pursuit.job)]

    def _hand_on(self, pursuit: WatchedJob) -> None:
        """Let the engine's threads follow a job: a caller's own may be busy with what it heard."""
        if pursuit.looking:
            pursuit.lent = False  # it is put where the look ends
        else:
            self._put(pursuit)

    def _put(self, pursuit: WatchedJob) -> None:
        self._agenda.put(pursuit)
        try:
            self._attend()
        except BaseException:
            self._agenda.drop(pursuit)
            raise
        pursuit.lent = False

    def _attend(self) -> None:
        """See to it that a thread has an eye on what is due next.

        One that neither looks, watches nor rests is on its way here, and sees for itself.
        """
        first = self._agenda.first
        if first is None:
            return
        if self._until is not None:
            if first < self._until:
                self._watch.notify()
        elif self._resting:
            self._rest.notify()
        elif len(self._threads) <= self._agenda.running and len(self._threads) < self._most:
            thread = threading.Thread(target=self._work, name="motionkit", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # the system has no more
                if not self._threads:
                    raise
            else:
                self._threads.add(thread)

    @property
    def _simulated(self) -> bool:
        return self._sleep is not REAL_SLEEP

    @property
    def _most(self) -> int:
        return 1 if self._simulated else MOST_THREADS  # simulated time moves for all at once

    def _look(self, pursuit: WatchedJob, line: AccountQueue | None = None) -> None:
        """Look once and draw the consequences. Does not hold the lock while it looks.

        Args:
            pursuit: The job.
            line: Its account's line, when it was taken from there.
        """
        ending, took = None, None
        try:
            ending, took = self._looked(pursuit)
        except Exception as error:  # noqa: BLE001 - it comes out where somebody waits
            ending = error
        finally:
            with self._lock:
                if line is not None:
                    line.done(self._clock(), took)
                if not self._closed:
                    self._conclude(pursuit, ending)
                pursuit.looking = 0  # the last thing: until then nobody else takes it up

    def _looked(self, pursuit: WatchedJob) -> tuple[Outcome | None, float | None]:
        """Return the ending, if there is one, and the seconds that an answered look took."""
        job = pursuit.job
        try:
            if pause := self._turn(job):
                pursuit.due = self._clock() + pause
                return None, None
            with self._lock:
                among = self._agenda.line(job.account).jobs
            began = self._clock()
            ending = pursuit.look(self._eyes, self._clock, among, self._spread)
            return ending, self._clock() - began if pursuit.answered else None
        finally:
            self._turned(job)

    def _conclude(self, pursuit: WatchedJob, ending: Outcome | None) -> None:
        if ending is None:
            for waiter in pursuit.expired(self._clock()):
                pursuit.call_it_off(waiter)
            if pursuit.waiters and not pursuit.lent:
                self._put(pursuit)
        else:
            for waiter in pursuit.waiters:
                waiter.end(ending)
            pursuit.waiters = []
        if not pursuit.waiters:
            self._forget(pursuit)

    def _abandon(self) -> None:
        for pursuit in self._pursuits.values():
            for waiter in pursuit.waiters:
                waiter.end(_closed(waiter.job))
            pursuit.waiters = []
        self._pursuits.clear()

    # Threads.

    def _work(self) -> None:
        while (pursuit := self._next()) is not None:
            self._look(pursuit, self._agenda.line(pursuit.job.account))

    def _next(self) -> WatchedJob | None:
        """Return a job that is due; None when the thread is to end."""
        with self._lock:
            while not self._closed:
                pursuit = self._agenda.take(self._clock())
                if pursuit is not None:
                    pursuit.looking = threading.get_ident()
                    self._attend()
                    return pursuit
                if not self._idle():
                    break
            self._threads.discard(threading.current_thread())
            return None

    def _idle(self) -> bool:
        """Watch the clock, or rest where another thread does; False after a rest without end."""
        first = self._agenda.first
        if first is not None and self._until is None:
            self._until = first
            try:
                self._pass(first - self._clock())
            finally:
                self._until = None
            return True
        self._resting += 1
        woken = self._rest.wait(REST)
        self._resting -= 1
        return woken or (self._until is None and self._agenda.first is not None)

    def _pass(self, seconds: float) -> None:
        """Let time pass, until it is over or something is due earlier."""
        if not self._simulated:
            self._watch.wait(max(0.0, seconds))
            return
        self._lock.release()
        try:
            self._sleep(max(0.0, seconds))
        finally:
            self._lock.acquire()

    # Forks.

    def before_fork(self) -> None:
        """Let no other thread be in the middle of something."""
        self._lock.acquire()

    def after_fork(self, *, child: bool) -> None:
        """Go on; in the child, without the parent's waits and threads."""
        if not child:
            self._lock.release()
            return
        closed = self._closed
        self._abandon()
        self._reset()
        self._closed = closed


def _name(job: Job) -> tuple[str, str]:
    return job.fingerprint, job.id


def _closed(job: Job) -> MotionKitError:
    return still_running(
        job, f"the client was closed or forked while job {job.id} at {job.account} still runs"
    )


def _returned(waiter: Waiter) -> Result:
    ending = told(waiter.ending)
    if isinstance(ending, MotionKitError):
        raise ending
    return ending
