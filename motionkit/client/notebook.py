"""The progress of a wait in a notebook: one display that is updated in place.

Its numbers are those of the terminal's bar. A wait does not depend on it: a display that fails is a
warning, and the wait continues without.
"""

from __future__ import annotations

import contextvars
import importlib
import logging
import sys
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from motionkit._support import html
from motionkit._support.text import duration, many
from motionkit.client.progress import Shown, usually
from motionkit.errors import MotionKitError
from motionkit.model.job import STATE_ERRORS, Job, Result, State, Status
from motionkit.polling import JobObserver

log = logging.getLogger("motionkit")

EVERY = 1.0
"""Seconds between two updates: polls are further apart."""
MOST_ROWS = 20
"""Jobs of a table at most; those that still run go first."""

THREAD = "motionkit-notebook"
"""The name of the thread that updates a display."""

_KERNEL = "ZMQInteractiveShell"
"""The class of IPython's shell in the kernel of a notebook, and the base of others."""
_BAR = "width:12em;max-width:40vw;vertical-align:middle"


def is_kernel() -> bool:
    """Return whether this process is a notebook's kernel; does not import IPython."""
    get = getattr(sys.modules.get("IPython"), "get_ipython", None)
    shell = None if get is None else get()
    return any(kind.__name__ == _KERNEL for kind in type(shell).__mro__)


@contextmanager
def displayed(observer: JobObserver, jobs: Sequence[Job]) -> Iterator[Board | None]:
    """Display the progress of jobs during the block; yield None where there is no notebook.

    Args:
        observer: Polls them, and knows how long such jobs take.
        jobs: The jobs that are waited for.
    """
    if not jobs or not is_kernel():
        yield None
        return
    board = Board(observer, jobs)
    board.begin()
    try:
        yield board
    finally:
        board.end()


class Board:
    """The display of some jobs."""

    def __init__(self, observer: JobObserver, jobs: Sequence[Job]) -> None:
        self._observer, self._jobs = observer, jobs
        self._shown: list[Shown] = []
        self._of: defaultdict[tuple[str, str], list[Shown]] = defaultdict(list)
        """The same, by account and job: one may be waited for twice."""
        self._running: set[tuple[str, str]] = set()
        """Jobs that a poll saw before their end."""
        self._ended: dict[int, str] = {}
        """How each job ended, by its number."""
        self._update: Callable[[dict[str, str]], object] | None = None
        """Replaces what is displayed; None before it is, and after it has failed."""
        self._last: dict[str, str] = {}
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    # What the wait calls: nothing of it may end the wait.

    def begin(self) -> None:
        """Display the jobs, and update them from then on."""
        with self._forgiving():
            for job in self._jobs:
                usual = self._observer.usual(job)
                target = f"{job.account}/{job.model}"
                started = self._observer.accepted(job)
                shown = Shown(job.key, "waiting", target, *usual, self._observer.clock, started)
                self._shown.append(shown)
                self._of[job.fingerprint, job.id].append(shown)
            self._last = self._drawn()
            self._update = _display(self._last)
            # A kernel tells by the context which cell an output belongs to.
            run = contextvars.copy_context().run
            self._thread = threading.Thread(
                target=run, args=(self._keep_drawing,), name=THREAD, daemon=True
            )
            self._thread.start()

    def watch(self, job: Job, status: Status) -> None:
        """Note what a poll observed; in any thread."""
        with self._forgiving():
            for shown in self._of[job.fingerprint, job.id]:
                shown.state = status.state.value
            if not status.state.terminal:
                self._running.add((job.fingerprint, job.id))

    def ended(self, number: int, outcome: Result | MotionKitError) -> None:
        """Note how the wait for a job ended, by its number among the jobs."""
        with self._forgiving():
            shown = self._shown[number]
            states = (state for state, kind in STATE_ERRORS.items() if isinstance(outcome, kind))
            failed = next(states, None)
            job = self._jobs[number]
            # An end that the first poll finds may be long past: the job's age is not its time.
            aged = (job.fingerprint, job.id) in self._running
            after = [f"after {duration(shown.age)}"] if aged else []
            if isinstance(outcome, Result):
                shown.state = State.SUCCEEDED.value
                cost = [] if outcome.cost is None else [str(outcome.cost)]
                self._ended[number] = ", ".join([*after, *cost])
            elif failed is not None:
                shown.state = failed.value
                self._ended[number] = ": ".join([*after, outcome.message])
            else:  # the job may still run
                self._ended[number] = outcome.message

    def end(self) -> None:
        """Display how it ended, and update it no more."""
        self._over.set()
        if self._thread is not None:
            self._thread.join(EVERY)
        with self._forgiving():
            for number in range(len(self._shown)):
                self._ended.setdefault(number, "the wait was interrupted; the job continues")
            self._draw()

    # Inside.

    @contextmanager
    def _forgiving(self) -> Iterator[None]:
        """Make a warning of a failure, and display nothing more."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - whatever a front end raises: the job is paid
            self._update = None
            self._over.set()
            log.warning(
                "the progress is not displayed, the wait continues: %s: %s",
                type(error).__name__,
                error,
            )

    def _keep_drawing(self) -> None:
        while not self._over.wait(EVERY):
            with self._forgiving():
                self._draw()

    def _draw(self) -> None:
        with self._lock:
            drawn = self._drawn()
            if self._update is not None and drawn != self._last:
                self._last = drawn
                self._update(drawn)

    def _drawn(self) -> dict[str, str]:
        """Return the jobs as HTML, and as text for a front end without."""
        rows = sorted(range(len(self._shown)), key=lambda number: number in self._ended)
        if len(rows) == 1:
            shown, time, usual = self._row(0)
            page = (
                f"<div><strong>{html.safe(shown.state)}</strong> {self._bar(0)} {html.safe(time)}"
                f"{f'<br><small>{html.safe(usual)}</small>' if usual else ''}</div>"
            )
            return {"text/html": page, "text/plain": f"{shown.state} {time}"}
        counts = Counter(shown.state for shown in self._shown)
        states = ", ".join(f"{count:,} {state}" for state, count in counts.items())
        title = f"{many(len(rows), 'job')}: {states}"
        cells = []
        for number in rows[:MOST_ROWS]:
            shown, time, usual = self._row(number)
            cells.append(
                {
                    "key": shown.name,
                    "state": shown.state,
                    "progress": html.Markup(self._bar(number)),
                    "time": time,
                    "expected": usual,
                    "target": shown.target,
                }
            )
        rest = len(rows) - len(cells)
        more = f"<p>{many(rest, 'job')} not drawn</p>" if rest else ""
        return {"text/html": html.grid(cells, title) + more, "text/plain": title}

    def _row(self, number: int) -> tuple[Shown, str, str]:
        """Return a job, its time in words, and how long such jobs take while it runs."""
        shown = self._shown[number]
        if number in self._ended:
            return shown, self._ended[number], ""
        if shown.expected is None or shown.longest is None:
            return shown, shown.time(), ""
        return shown, shown.time(), usually(shown.expected, shown.longest)

    def _bar(self, number: int) -> str:
        """Return a job's bar: full when nine of ten such jobs have ended, without a value then."""
        shown = self._shown[number]
        label = f'aria-label="progress of {html.safe(shown.name)}" style="{_BAR}"'
        if number in self._ended:
            full = f'<progress {label} value="1" max="1"></progress>'
            return full if shown.state == State.SUCCEEDED.value else ""
        if shown.longest is None or shown.age >= shown.longest:
            return f"<progress {label}></progress>"
        return f'<progress {label} value="{shown.age:.1f}" max="{shown.longest:.1f}"></progress>'


def _display(drawn: dict[str, str]) -> Callable[[dict[str, str]], object]:
    """Display something new, and return the function that replaces it."""
    display = importlib.import_module("IPython.display")  # a kernel has it
    handle = display.display(drawn, raw=True, display_id=True)
    return lambda now: handle.update(now, raw=True)
