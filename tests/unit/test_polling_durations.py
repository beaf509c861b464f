"""What is believed of durations follows what is learnt."""

from __future__ import annotations

import pytest
from support import job

from motionkit.journal.journal import Journal
from motionkit.polling.durations import Timing, kind_of


def test_a_belief_still_follows_when_more_was_learnt_than_is_remembered() -> None:
    with Journal(None) as journal:
        timing = Timing(journal, 8.0, now=lambda: 1e9)
        one = job()
        kind = kind_of(one)
        timing.belief(kind, 60.0)
        for _ in range(2000):
            timing.learn(one, 60.0)
            timing.belief(kind, 60.0)
        assert timing.belief(kind, 60.0).median == pytest.approx(60.0, rel=0.05)
        for _ in range(2000):
            timing.learn(one, 300.0)
            timing.belief(kind, 60.0)
        assert timing.belief(kind, 60.0).median > 200.0
