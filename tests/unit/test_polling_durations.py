"""Estimates follow the jobs that end."""

from __future__ import annotations

import pytest
from support import job

from motionkit.journal.journal import Journal
from motionkit.polling.durations import Durations, kind_of


def test_an_estimate_still_follows_when_more_jobs_ended_than_are_kept() -> None:
    with Journal(None) as journal:
        durations = Durations(journal, 8.0, now=lambda: 1e9)
        one = job()
        kind = kind_of(one)
        durations.estimate(kind, 60.0)
        for _ in range(2000):
            durations.learn(one, 60.0)
            durations.estimate(kind, 60.0)
        assert durations.estimate(kind, 60.0).median == pytest.approx(60.0, rel=0.05)
        for _ in range(2000):
            durations.learn(one, 300.0)
            durations.estimate(kind, 60.0)
        assert durations.estimate(kind, 60.0).median > 200.0
