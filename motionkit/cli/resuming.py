"""Many unfinished purchases at once: resolve, wait and download, each as it comes.

The main thread alone writes to the screen and is told what happens through one queue. Waiting is
the engine's; resolving and downloading have a few threads of their own each, so that one that hangs
holds up no other. The threads are daemons: Ctrl-C does not wait for a vendor. To end one is to kill
it, which the journal is made for.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue

import attrs

from motionkit.cli import delivery, exit_codes
from motionkit.cli.format import charged, request_line, short, standing
from motionkit.cli.screen import Screen
from motionkit.client import Client, Waiter
from motionkit.errors import Billed, DownloadFailed, MotionKitError, SubmitUncertain, WaitTimeout
from motionkit.journal import PurchaseRecord
from motionkit.model.job import Job, KeyState, Result, Status

MOST_RESOLVED = 8
"""Interrupted submits that are resolved at once; each may wait for minutes."""
MOST_DOWNLOADS = 4
"""Purchases whose files are downloaded at once."""
PARTING = 5.0
"""Seconds that Ctrl-C gives to a re-send that is on its way."""


DOWNLOADING = "downloading"


class _Crew:
    """A few threads that work off a queue; made when there is work.

    Args:
        most: How many.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._work: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._threads: list[threading.Thread] = []

    def give(self, work: Callable[[], None]) -> None:
        """Queue some work, which raises nothing."""
        self._work.put(work)
        if len(self._threads) < self._most:
            thread = threading.Thread(target=self._run, name="motionkit-resume", daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self, seconds: float) -> None:
        """Begin nothing new, and wait so long for what has begun."""
        try:
            while True:
                self._work.get_nowait()
        except Empty:
            pass
        for _ in self._threads:
            self._work.put(_ended)
        share = seconds / max(1, len(self._threads))
        for thread in self._threads:
            thread.join(share)

    def _run(self) -> None:
        while (work := self._work.get()) is not _ended:
            work()


def _ended() -> None:
    """End a crew's thread."""


@attrs.frozen
class _Event:
    """What happened to a purchase.

    Attributes:
        entry: The purchase.
        value: Its job, an observation, its result, its result with the files, or what went wrong.
    """

    entry: PurchaseRecord
    value: Job | Status | Result | tuple[Result, tuple[Path, ...]] | BaseException


@attrs.define
class Resuming:
    """Purchases that are resumed at once.

    Attributes:
        screen: Where it is told; by the main thread alone.
        client: The client.
        timeout: Seconds that each may take.
    """

    screen: Screen
    client: Client
    timeout: float | None
    _left: dict[str, PurchaseRecord] = attrs.field(factory=dict)
    _jobs: dict[str, Job] = attrs.field(factory=dict)
    _words: dict[str, str] = attrs.field(factory=dict)
    _codes: list[int] = attrs.field(factory=lambda: [exit_codes.DONE])
    _targets: set[Path] = attrs.field(factory=set)
    _waiters: list[Waiter] = attrs.field(factory=list)
    _events: SimpleQueue[_Event] = attrs.field(factory=SimpleQueue)
    _resolvers: _Crew = attrs.field(factory=lambda: _Crew(MOST_RESOLVED))
    _loaders: _Crew = attrs.field(factory=lambda: _Crew(MOST_DOWNLOADS))

    def run(self, entries: Sequence[PurchaseRecord]) -> int:
        """Resume the purchases; return the highest of their exit codes.

        Ctrl-C ends it: it says what still runs, and the exit code counts those, too.
        """
        self._left = {entry.key: entry for entry in entries}
        try:
            with self.screen.busy(self._summary()) as change:
                for entry in entries:
                    self._begin(entry)
                while self._left:
                    event = self._events.get()
                    self._take(event)
                    change(self._summary())
        except KeyboardInterrupt:
            self._resolvers.stop(PARTING)
            self._loaders.stop(0.0)
            self._interrupted()
        finally:
            for waiter in self._waiters:
                self.client.engine.leave(waiter)
        return max(self._codes)

    def _begin(self, entry: PurchaseRecord) -> None:
        self.screen.fact(
            "resume", f"{entry.key}: {request_line(entry.description)}, {standing(entry)}"
        )
        if entry.job is not None:
            self._follow(entry, entry.job)
        else:
            self._words[entry.key] = "being resolved"
            self._resolvers.give(lambda: self._put(entry, lambda: self.client.jobs.resume(entry)))

    def _put(
        self, entry: PurchaseRecord, work: Callable[[], Job | tuple[Result, tuple[Path, ...]]]
    ) -> None:
        """Do some work in a thread of a crew and report what it gave, or raised."""
        try:
            self._events.put(_Event(entry, work()))
        except BaseException as error:  # noqa: BLE001 - it is told by the main thread
            self._events.put(_Event(entry, error))

    def _follow(self, entry: PurchaseRecord, job: Job) -> None:
        self._jobs[entry.key] = job
        self._words[entry.key] = "waited for"
        self._waiters.append(
            self.client.engine.follow(
                job,
                self.client.limit(self.timeout),
                lambda waiter: self._events.put(_Event(entry, _ending(waiter))),
                lambda _, status: self._events.put(_Event(entry, status)),
            )
        )

    def _take(self, event: _Event) -> None:
        entry, value = event.entry, event.value
        if entry.key not in self._left:
            return
        try:
            if isinstance(value, BaseException):
                self._failed(entry, value)
            elif isinstance(value, Status):
                self._words[entry.key] = value.state.value
            elif isinstance(value, Job):
                self._follow(entry, value)
            elif isinstance(value, Result):
                self._deliver(entry, value)
            else:
                self._delivered(entry, *value)
        except (MotionKitError, OSError) as error:
            self._failed(entry, error)

    def _failed(self, entry: PurchaseRecord, error: BaseException) -> None:
        """Report what went wrong with one purchase; the others are not to suffer."""
        if isinstance(error, WaitTimeout) and error.job is not None:
            error.hint = delivery.go_on(error.job, kept=True)
        if isinstance(error, MotionKitError):
            self._over(entry, self.screen.error(error))
        elif isinstance(error, Exception):
            self._over(entry, self.screen.unexpected(error))
        else:
            raise error

    def _deliver(self, entry: PurchaseRecord, done: Result) -> None:
        """Download a finished job's files, unless they are here."""
        if entry.delivered and Path(entry.delivered).is_file():
            alone = attrs.evolve(done, outputs=done.outputs[:1])  # where the others went is unknown
            self._delivered(entry, alone, (Path(entry.delivered),))
            return
        self._words[entry.key] = DOWNLOADING
        target = delivery.owed_target(entry, done, taken=self._targets)
        self._targets.add(target)
        quiet = attrs.evolve(self.screen, quiet=True)
        self._loaders.give(
            lambda: self._put(
                entry, lambda: (done, delivery.fetch(quiet, self.client, done, target))
            )
        )

    def _delivered(self, entry: PurchaseRecord, done: Result, files: tuple[Path, ...]) -> None:
        self.screen.fact("done", f"{entry.key}: cost {charged(done.cost)}")
        self._over(entry, exit_codes.DONE)
        delivery.hand_over(self.screen, done, files)

    def _over(self, entry: PurchaseRecord, code: int) -> None:
        self._left.pop(entry.key, None)
        self._words.pop(entry.key, None)
        self._codes.append(code)

    def _summary(self) -> str:
        counted = Counter(self._words.values())
        told = ", ".join(f"{count} {word}" for word, count in sorted(counted.items()))
        many = "1 purchase" if len(self._left) == 1 else f"{len(self._left)} purchases"
        return f"{many} left: {told}" if told else f"{many} left"

    def _interrupted(self) -> None:
        """Say of everything that is unfinished how it is, and how to go on."""
        for key in list(self._left):
            entry = self.client.jobs.get(key)
            job = entry.job or self._jobs.get(key)
            if job is not None and self._words.get(key) == DOWNLOADING:
                error: MotionKitError = DownloadFailed(
                    f"interrupted while the file of {key} was downloaded",
                    billed=Billed.YES,
                    job=job,
                )
                self._codes.append(self.screen.error(error))
            elif job is not None:
                self._codes.append(self.screen.error(delivery.interrupted(job, kept=True)))
            elif entry.state is not KeyState.REFUSED:
                error = SubmitUncertain(
                    f"interrupted while {key} was resolved; it may have been bought",
                    key=key,
                    hint=f"'motionkit resume {short(key)}' resolves it",
                )
                self._codes.append(self.screen.error(error))


def _ending(waiter: Waiter) -> Result | BaseException:
    ending = waiter.outcome
    return RuntimeError("a waiter was told of no ending") if ending is None else ending
