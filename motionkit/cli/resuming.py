"""Resume many unfinished purchases at once: resolve, wait and download each one.

Only the main thread writes to the screen; it reads events from one queue. The engine waits for
jobs. Resolving and downloading have a few threads each, so that one that hangs does not block the
others. The threads are daemons, so that Ctrl-C does not wait for a vendor: the journal covers a
process that is killed at any point.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Container, Mapping, Sequence
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue

import attrs

from motionkit._support.text import many
from motionkit.cli import delivery, exit_codes, hook
from motionkit.cli.format import charged, request_line, short, state_of, target
from motionkit.cli.screen import Screen
from motionkit.client import Client, Shown, follow, usual
from motionkit.errors import Billed, DownloadFailed, MotionKitError, SubmitUncertain, WaitTimeout
from motionkit.journal import PurchaseRecord
from motionkit.model.events import Event, StateChanged
from motionkit.model.job import Job, KeyState, Result, State, utcnow
from motionkit.storage import Out

MOST_RESOLVED = 8
"""Interrupted submits that are resolved concurrently; each may wait for minutes."""
MOST_DOWNLOADS = 4
"""Purchases whose files are downloaded concurrently."""
GRACE = 5.0
"""Seconds that Ctrl-C gives to a re-send that is in progress."""

DOWNLOADING = "downloading"


_LOST = RuntimeError("a waiter ended without an outcome")


class _Pool:
    """A pool of at most `most` daemon threads, started on demand."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []

    def put(self, work: Callable[[], None]) -> None:
        """Queue work, which must not raise."""
        self._work.put(work)
        if len(self._threads) < self._most:
            thread = threading.Thread(target=self._run, name="motionkit-resume", daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self, seconds: float) -> None:
        """Start nothing new, and give running work the seconds to end."""
        try:
            while True:
                self._work.get_nowait()
        except Empty:
            pass
        for _ in self._threads:
            self._work.put(None)
        share = seconds / max(1, len(self._threads))
        for thread in self._threads:
            thread.join(share)

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            work()


_Step = Job | Event | Result | tuple[Result, tuple[Path | str, ...]] | BaseException
"""A step of one purchase: its job, an event, its result, result with files, or error."""


@attrs.define
class Resuming:
    """Purchases that are resumed concurrently.

    Attributes:
        screen: The screen; used by the main thread only.
        client: The client.
        timeout: Maximum seconds to wait for each job.
        outs: The files of purchases, by key, where they are not to be those of their submits.
        overwrite: Replace such a file.
        done: What to run when a job has ended.
        unnamed: Whether a file is saved whose submit named none; else its URL is printed.
        announced: Keys of purchases that were just shown as submitted.
    """

    screen: Screen
    client: Client
    timeout: float | None
    outs: Mapping[str, Path | Out] = attrs.field(factory=dict)
    overwrite: bool = False
    done: hook.Hook | None = attrs.field(default=None, kw_only=True)
    unnamed: bool = attrs.field(default=True, kw_only=True)
    announced: Container[str] = attrs.field(default=(), kw_only=True)
    _left: dict[str, PurchaseRecord] = attrs.field(factory=dict)
    _jobs: dict[str, Job] = attrs.field(factory=dict)
    _shown: dict[str, Shown] = attrs.field(factory=dict)
    _codes: list[int] = attrs.field(factory=lambda: [exit_codes.DONE])
    _targets: set[Path] = attrs.field(factory=set)
    _choosing: threading.Lock = attrs.field(factory=threading.Lock)
    _followed: list[Callable[[], None]] = attrs.field(factory=list)
    _events: SimpleQueue[tuple[PurchaseRecord, _Step]] = attrs.field(factory=SimpleQueue)
    _resolvers: _Pool = attrs.field(factory=lambda: _Pool(MOST_RESOLVED))
    _loaders: _Pool = attrs.field(factory=lambda: _Pool(MOST_DOWNLOADS))

    def run(self, entries: Sequence[PurchaseRecord]) -> int:
        """Resume the purchases; return the highest of their exit codes.

        Ctrl-C stops: it lists the jobs that keep running and counts them in the exit code.
        """
        self._left = {entry.key: entry for entry in entries}
        try:
            with self.screen.board(self._shown, self._summary) as change:
                for entry in entries:
                    self._begin(entry)
                while self._left:
                    self._take(*self._events.get())
                    change()
        except KeyboardInterrupt:
            self._resolvers.stop(GRACE)
            self._loaders.stop(0.0)
            self._interrupted()
        finally:
            for stop in self._followed:
                stop()
        return max(self._codes)

    def _begin(self, entry: PurchaseRecord) -> None:
        if entry.key not in self.announced:
            self.screen.fact(
                "resume" if self.unnamed else "wait",
                f"{entry.key}: {request_line(entry.description)}, {state_of(entry)}",
            )
        if entry.job is not None:
            self._follow(entry, entry.job)
        else:
            self._shown[entry.key] = Shown(short(entry.key), "resolving", target(entry))
            self._resolvers.put(lambda: self._put(entry, lambda: self.client.jobs.resume(entry)))

    def _put(
        self, entry: PurchaseRecord, work: Callable[[], Job | tuple[Result, tuple[Path | str, ...]]]
    ) -> None:
        """Run work in a thread of a pool and queue its result or error."""
        try:
            self._events.put((entry, work()))
        except BaseException as error:  # noqa: BLE001 - the main thread reports it
            self._events.put((entry, error))

    def _follow(self, entry: PurchaseRecord, job: Job) -> None:
        self._jobs[entry.key] = job
        shown = Shown(
            short(entry.key), "waiting", f"{job.account}/{job.model}", *usual(self.client, job)
        )
        shown.aged(max(0.0, (utcnow() - job.submitted_at).total_seconds()))
        self._shown[entry.key] = shown
        self._followed.append(
            follow(
                self.client,
                job,
                timeout=self.timeout,
                notify=lambda waiter: self._events.put((entry, waiter.outcome or _LOST)),
                watch=lambda event: self._events.put((entry, event)),
            )
        )

    def _take(self, entry: PurchaseRecord, value: _Step) -> None:
        if entry.key not in self._left:
            return
        try:
            if isinstance(value, BaseException):
                self._failed(entry, value)
            elif isinstance(value, StateChanged):
                self.screen.event(value)
                shown = self._shown[entry.key]
                shown.state = value.state.value
                shown.aged(value.seconds)
            elif isinstance(value, Job):
                self._follow(entry, value)
            elif isinstance(value, Result):
                self._deliver(entry, value)
            elif isinstance(value, tuple):
                self._delivered(entry, *value)
        except (MotionKitError, OSError) as error:
            self._failed(entry, error)

    def _failed(self, entry: PurchaseRecord, error: BaseException) -> None:
        """Report the error of one purchase and continue with the others."""
        if isinstance(error, WaitTimeout) and error.job is not None:
            error.hint = delivery.how_to_resume(error.job, kept=True)
        if isinstance(error, MotionKitError):
            self._over(entry, self.screen.error(error))
            hook.failed(self.done, self.screen, error)
        elif isinstance(error, Exception):
            self._over(entry, self.screen.unexpected(error))
        else:
            raise error

    def _deliver(self, entry: PurchaseRecord, done: Result) -> None:
        """Download a finished job's files, unless they were delivered.

        The purchase is read again: the command that submitted it may have delivered it meanwhile.
        """
        entry = self.client.jobs.get(entry.key)
        first = delivery.delivered(entry, done)
        if first is not None:
            self._delivered(entry, *first)
            return
        if entry.out is None and not self.unnamed:
            self._delivered(entry, done, ())
            return
        self._shown[entry.key].state = DOWNLOADING
        named = self.outs.get(entry.key)
        path = named or partial(self._place, done)
        again = named is not None and self.overwrite
        quiet = attrs.evolve(self.screen, quiet=True)
        self._loaders.put(
            lambda: self._put(
                entry, lambda: delivery.fetch(quiet, self.client, done, path, overwrite=again)
            )
        )

    def _place(self, done: Result, entry: PurchaseRecord) -> Path | Out:
        """Return a place that no other download of this command has."""
        with self._choosing:
            path = delivery.output_of(entry, done, taken=self._targets)
            if isinstance(path, Path):
                self._targets.add(path)
            return path

    def _delivered(
        self, entry: PurchaseRecord, done: Result, files: tuple[Path | str, ...]
    ) -> None:
        self.screen.fact("done", f"{entry.key}: cost {charged(done.cost)}")
        self._over(entry, exit_codes.DONE)
        delivery.hand_over(self.screen, done, files)
        hook.delivered(self.done, self.screen, done, files)

    def _over(self, entry: PurchaseRecord, code: int) -> None:
        self._left.pop(entry.key, None)
        self._shown.pop(entry.key, None)
        self._codes.append(code)

    def _summary(self) -> str:
        counted = Counter(shown.state for shown in self._shown.values())
        states = ", ".join(f"{count} {state}" for state, count in sorted(counted.items()))
        left = many(len(self._left), "job")
        return f"{left} left: {states}" if states else f"{left} left"

    def _interrupted(self) -> None:
        """Report the state of each unfinished purchase and how to resume it."""
        for key in list(self._left):
            entry = self.client.jobs.get(key)
            job = entry.job or self._jobs.get(key)
            shown = self._shown.get(key)
            if job is not None and shown is not None and shown.state == DOWNLOADING:
                error: MotionKitError = DownloadFailed(
                    f"interrupted while downloading the file of {key}", billed=Billed.YES, job=job
                )
            elif job is not None:
                error = delivery.interrupted(job, kept=True)
            elif entry.state is not KeyState.REFUSED:
                error = SubmitUncertain(
                    f"interrupted while resolving {key}; it may have been charged",
                    key=key,
                    hint=f"'motionkit resume {short(key)}' resolves it",
                )
            else:
                continue
            self._codes.append(self.screen.error(error))


def collect(
    screen: Screen,
    client: Client,
    entries: Sequence[PurchaseRecord],
    *,
    outs: Mapping[str, Path | Out],
    overwrite: bool,
    timeout: float | None,
    done: hook.Hook | None,
    announced: Container[str],
) -> int:
    """Wait for purchases of one command, and save their files; return the highest exit code.

    Args:
        screen: The screen.
        client: The client.
        entries: Purchases with a job. Those that were delivered change nothing if their file still
            exists.
        outs: As in `Resuming`, by the keys of the purchases.
        overwrite: As in `Resuming`.
        timeout: As in `Resuming`.
        done: As in `Resuming`.
        announced: As in `Resuming`.
    """
    codes, left = [exit_codes.DONE], []
    for entry in entries:
        out = outs.get(entry.key)
        if not (entry.state is State.SUCCEEDED and entry.delivered):
            left.append(entry)
            continue
        try:
            found = delivery.again(screen, client, entry, out, overwrite=overwrite)
        except MotionKitError as error:
            codes.append(screen.error(error))
        else:
            delivery.hand_over(screen, *found)
    if left:
        waiting = Resuming(
            screen,
            client,
            timeout,
            outs=outs,
            overwrite=overwrite,
            done=done,
            announced=announced,
        )
        codes.append(waiting.run(left))
    return max(codes)
