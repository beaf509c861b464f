"""How long jobs take: estimated from the journal and from the jobs that end meanwhile."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

from motionkit import journal as journals
from motionkit._support import process
from motionkit.journal import Journal, optional
from motionkit.model.job import Job
from motionkit.polling import schedule
from motionkit.polling.schedule import DurationEstimate, Plan

REFIT = 1.25
"""Factor by which the number of past jobs must grow before an estimate is refitted."""
_MOST = 2000
"""Durations kept: of all kinds together when the journal is read, and of each kind later."""

Kind = tuple[str, str, str]
"""An account's fingerprint, operation and model: jobs of one kind take about as long."""


def kind_of(job: Job) -> Kind:
    """Return the kind of a job."""
    return job.fingerprint, job.operation, job.model


class Durations:
    """The durations of past jobs, and plans for the next ones with a target mean `delay`."""

    def __init__(
        self, journal: Journal, delay: float, now: Callable[[], float] = time.time
    ) -> None:
        self._journal = journal
        self._delay = delay
        self._now = now
        self._lock = process.Lock()
        self._past: dict[Kind, list[tuple[float, float]]] | None = None
        """Seconds and end of past jobs by kind, the oldest first."""
        self._counts: Counter[Kind] = Counter()
        """Jobs of each kind ever recorded: more than are kept."""
        self._estimates: dict[Kind, tuple[int, DurationEstimate]] = {}

    def estimate(self, kind: Kind, expected: float | None) -> DurationEstimate:
        """Return how long jobs of a kind take; the offer states the `expected` seconds, if any."""
        with self._lock:
            past = self._read().get(kind, [])
            count_then, known = self._estimates.get(kind, (0, None))
            count = self._counts[kind]
            if known is None or count >= max(REFIT * count_then, 1):
                known = _estimated(expected, past)
                self._estimates[kind] = count, known
            return known

    def plan(
        self, kind: Kind, expected: float | None, *, floor: float = 0.0, share: float = 0.0
    ) -> Plan:
        """Return when jobs of a kind are polled; see `schedule.plan`."""
        return schedule.plan(self.estimate(kind, expected), self._delay, floor=floor, share=share)

    def learn(self, job: Job, seconds: float) -> None:
        """Record the duration of a job that just succeeded."""
        with self._lock:
            if self._past is None:
                return  # the journal has it already, and is read at the first estimate
            kind = kind_of(job)
            self._counts[kind] += 1
            past = self._past.setdefault(kind, [])
            past.append((seconds, self._now()))
            del past[: max(0, len(past) - _MOST)]

    def _read(self) -> dict[Kind, list[tuple[float, float]]]:
        """Return past durations by kind; the journal is read once."""
        if self._past is None:
            self._past = {}
            recorded: list[tuple[Kind, float, float]] = []
            with optional("how long jobs take"):
                recorded = self._journal.durations(_MOST)
            for kind, seconds, ended in recorded:
                self._counts[kind] += 1
                self._past.setdefault(kind, []).append((seconds, ended))
        return self._past


def _estimated(expected: float | None, past: list[tuple[float, float]]) -> DurationEstimate:
    heavy = journals.weights([ended for _, ended in past])
    return schedule.estimate(
        expected, [(seconds, weight) for (seconds, _), weight in zip(past, heavy, strict=True)]
    )
