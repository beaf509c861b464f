"""With ``rpm`` configured, no minute has more calls of any kind, and ends are noticed in time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from motionkit._support.redaction import Secret
from motionkit.client.client import Client
from motionkit.http.session import Session
from motionkit.model.job import Result
from motionkit.sandbox import Sandbox
from motionkit.testing.sandboxed import SandboxStage, sandbox_stage
from motionkit.testing.stage import ACCOUNT, Stage, client_for, sample_request
from motionkit_pixverse.adapter import PixVerse
from motionkit_segmind.adapter import Segmind

RPM = 5
SECONDS = 132.0
KEY = "few-calls-0123456789"


@pytest.fixture(params=[PixVerse, Segmind], ids=lambda adapter: adapter.name)
def stage(request: pytest.FixtureRequest) -> Iterator[SandboxStage]:
    with Sandbox(job_seconds=SECONDS) as sandbox:
        made = sandbox_stage(request.param, {}, sandbox)
        sandbox.add_account(request.param.name, KEY, label="few calls", rpm=RPM, balance="1000")
        settings = attrs.evolve(made.settings, api_key=Secret(KEY), rpm=RPM)
        yield attrs.evolve(made, settings=settings)


@pytest.fixture
def client(stage: Stage, tmp_path: Path) -> Iterator[Client]:
    with client_for(stage, tmp_path) as made:
        yield made


@pytest.fixture
def calls(client: Client, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """The moment of every HTTP call, on the client's clock; the vendor minds none of them."""
    moments: list[float] = []
    answers: list[int] = []
    real = Session._sent

    def sent(self: Session, *args: Any, **options: Any) -> Any:
        moments.append(client._engine._clock())
        answer = real(self, *args, **options)
        answers.append(answer.status)
        return answer

    monkeypatch.setattr(Session, "_sent", sent)
    yield moments
    assert len(answers) == len(moments) > 0
    assert set(answers) == {200}


def most_in_a_minute(calls: list[float]) -> int:
    return max(sum(start <= call < start + 60.0 - 1e-6 for call in calls) for start in calls)


def test_one_job_is_noticed_within_fifteen_seconds(client: Client, calls: list[float]) -> None:
    job = client.submit(sample_request(), via=ACCOUNT)
    submitted = client._engine._clock()
    assert isinstance(client.wait(job), Result)
    assert client._engine._clock() - (submitted + SECONDS) <= 15.0 + 1e-3
    assert most_in_a_minute(calls) <= RPM


def test_uploads_submits_and_looks_of_five_jobs_share_the_calls(
    client: Client, calls: list[float]
) -> None:
    jobs = [client.submit(sample_request(), via=ACCOUNT, key=str(n)) for n in range(5)]
    assert all(isinstance(one, Result) for one in client.wait_all(jobs, timeout=7200))
    assert most_in_a_minute(calls) <= RPM


def test_few_calls_are_told_before_paying(stage: SandboxStage, tmp_path: Path) -> None:
    settings = attrs.evolve(stage.settings, rpm=2)
    with client_for(stage, tmp_path, settings) as client:
        told = client.explain(sample_request(), via=ACCOUNT).warnings
    assert any("rpm = 2" in text for text in told)


def test_an_account_that_falls_behind_says_so_once(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    jobs = [client.submit(sample_request(), via=ACCOUNT, key=str(n)) for n in range(3)]
    client.wait_all(jobs, timeout=7200)
    told = [text for text in caplog.messages if "ends are noticed late" in text]
    assert len(told) == 1
