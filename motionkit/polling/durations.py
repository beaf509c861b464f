"""What is believed of jobs' durations, from the journal and from what ends while we look."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

from motionkit._support import process
from motionkit.journal import Journal, optional, statistics
from motionkit.model.job import Job
from motionkit.polling import schedule
from motionkit.polling.schedule import DurationEstimate, Plan

REFIT = 1.25
"""How much the number of jobs seen must have grown until a belief is made anew."""
_MOST = 2000
"""Durations that are remembered of all kinds together when the journal is read, and of one kind."""

Kind = tuple[str, str, str]
"""An account's fingerprint, operation and model: jobs of one kind take alike."""


def kind_of(job: Job) -> Kind:
    """Return what a job is compared with."""
    return job.fingerprint, job.operation, job.model


class Timing:
    """When jobs are looked at, by what jobs of their kind took.

    Args:
        journal: Where past durations are.
        lateness: Wished mean seconds between a job's end and our noticing.
        now: Epoch seconds.
    """

    def __init__(
        self, journal: Journal, lateness: float, now: Callable[[], float] = time.time
    ) -> None:
        self._journal = journal
        self._lateness = lateness
        self._now = now
        self._lock = process.Lock()
        self._seen: dict[Kind, list[tuple[float, float]]] | None = None
        self._counts: Counter[Kind] = Counter()
        self._beliefs: dict[Kind, tuple[int, DurationEstimate]] = {}

    def belief(self, kind: Kind, expected: float | None) -> DurationEstimate:
        """Return what is believed of a kind of jobs.

        Args:
            kind: Which.
            expected: What the offer says they take, in seconds.
        """
        with self._lock:
            seen = self._durations().get(kind, [])
            among, known = self._beliefs.get(kind, (0, None))
            count = self._counts[kind]  # more than are remembered
            if known is None or count >= max(REFIT * among, 1):
                known = _fitted(expected, seen)
                self._beliefs[kind] = count, known
            return known

    def plan(
        self, kind: Kind, expected: float | None, *, floor: float = 0.0, share: float = 0.0
    ) -> Plan:
        """Return when jobs of a kind are looked at; see `schedule.plan`."""
        return schedule.plan(
            self.belief(kind, expected),
            self._lateness,
            floor=floor,
            share=share,
        )

    def learn(self, job: Job, seconds: float) -> None:
        """Take note of what a job took whose success was just written."""
        with self._lock:
            if self._seen is None:
                return  # whoever asks first reads it from the journal
            kind = kind_of(job)
            self._counts[kind] += 1
            seen = self._seen.setdefault(kind, [])
            seen.append((seconds, self._now()))
            del seen[: max(0, len(seen) - _MOST)]

    def _durations(self) -> dict[Kind, list[tuple[float, float]]]:
        """Return seconds and end of past jobs by kind, oldest first; the journal is read once."""
        if self._seen is None:
            self._seen = {}
            past: list[tuple[Kind, float, float]] = []
            with optional("how long jobs take"):
                past = self._journal.durations(_MOST)
            for kind, seconds, ended in past:
                self._counts[kind] += 1
                self._seen.setdefault(kind, []).append((seconds, ended))
        return self._seen


def _fitted(expected: float | None, seen: list[tuple[float, float]]) -> DurationEstimate:
    weights = statistics.weights([ended for _, ended in seen])
    return schedule.estimate(
        expected, [(seconds, weight) for (seconds, _), weight in zip(seen, weights, strict=True)]
    )
