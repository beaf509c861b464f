"""Estimates follow the jobs that end."""

from __future__ import annotations

import itertools

import attrs
import pytest
from support import job

import motionkit as mk
from motionkit.errors import ConfigError
from motionkit.journal.journal import Journal
from motionkit.polling.durations import Durations, kind_of
from motionkit.sandbox import Sandbox
from motionkit.testing.stage import sample_request


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


def test_a_sandboxes_jobs_are_expected_to_end_sooner_by_its_speed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Sandbox(speed=20) as sandbox:
        for name, value in sandbox.environment.items():
            monkeypatch.setenv(name, value)
        with mk.Client() as client:
            observer = client._observer
            for account, expected in itertools.product(client.config.accounts, (132.6, None)):
                one = attrs.evolve(job(), account=account, expected_seconds=expected)
                ages = [0.0]
                while ages[-1] < 20:
                    ages.append(ages[-1] + observer.gap(one, ages[-1], 1))
                gaps = [later - age for age, later in itertools.pairwise(ages)]
                assert max(gaps) <= 5.0
                assert max(g for g, age in zip(gaps, ages, strict=False) if age > 3) <= 3.0


@pytest.mark.parametrize("speed", ["0", "-1", "fast", "nan", "inf"])
def test_a_sandboxes_speed_is_a_number_above_0(speed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOTIONKIT_SANDBOX_SPEED", speed)
    with pytest.raises(ConfigError, match=f"MOTIONKIT_SANDBOX_SPEED is '{speed}'; give a number"):
        mk.Client()


def test_a_sandboxes_speed_leaves_other_accounts_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIXVERSE_API_KEY", "a-key")
    one = attrs.evolve(job(), account="pixverse", expected_seconds=132.6)
    gaps = []
    for speed in ("1", "20"):
        monkeypatch.setenv("MOTIONKIT_SANDBOX_SPEED", speed)
        with mk.Client() as client:
            gaps.append(client._observer.gap(one, 6.0, 1))
    assert gaps[0] == gaps[1]


@pytest.mark.parametrize(
    ("url", "share"), [("http://127.0.0.1:9", 20.0), ("https://vendor.test", 1.0)]
)
def test_the_usual_duration_is_shorter_in_a_faster_sandbox_and_nowhere_else(
    url: str, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIXVERSE_API_KEY", "a-key")
    monkeypatch.setenv("PIXVERSE_BASE_URL", url)
    usual = []
    for speed in ("1", "20"):
        monkeypatch.setenv("MOTIONKIT_SANDBOX_SPEED", speed)
        with mk.Client() as client:
            (row,) = client.compare(sample_request(), via="pixverse", balances=False)
            assert row.seconds is not None
            usual.append(row.seconds)
    assert usual[0] == pytest.approx(usual[1] * share)
