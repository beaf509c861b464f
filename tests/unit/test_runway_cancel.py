"""A cancel at Runway: only of what waits; a finished film is never deleted."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sandbox_runway_support import CLIP, PICTURE, account

import motionkit as mk
from motionkit.client import Client
from motionkit.errors import Billed, JobNotFound, ProviderUnavailable, Unsupported
from motionkit.http import session
from motionkit.model.job import Job, State, Status, utcnow
from motionkit.model.submission import Call
from motionkit.sandbox import Sandbox
from motionkit.testing.sandboxed import sandbox_stage
from motionkit.testing.stage import ACCOUNT, client_for
from motionkit_runway import adapter
from motionkit_runway.adapter import Runway
from motionkit_runway.sandbox import RunwaySandbox

SECONDS = 100.0
REQUEST = mk.Mimic(image=PICTURE, video=CLIP, quality="720p")


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(apps=[RunwaySandbox], job_seconds=SECONDS) as running:
        yield running


@pytest.fixture
def client(sandbox: Sandbox, tmp_path: Path) -> Iterator[Client]:
    with client_for(sandbox_stage(Runway, {}, sandbox), tmp_path) as made:
        yield made


def submitted(client: Client) -> Job:
    return client.submit(REQUEST, via=ACCOUNT, key="k")


def delivered(client: Client, job: Job, sandbox: Sandbox, folder: Path) -> bool:
    """Tell whether the film can still be fetched."""
    sandbox.advance(2 * SECONDS)
    return client.download(client.wait(job), folder / "film.mp4").stat().st_size > 1000


def test_a_task_that_waits_is_cancelled_and_its_credits_go_back(
    sandbox: Sandbox, client: Client
) -> None:
    job = submitted(client)
    ended = client.cancel(job)
    assert ended.outcome is mk.CancelOutcome.CANCELLED
    assert ended.billed is Billed.UNKNOWN  # it may have started before the call arrived
    assert client.jobs.get("k").cancelled
    assert account(sandbox)["refunded"] == account(sandbox)["charged"] != "0"


def test_a_throttled_task_is_cancelled(sandbox: Sandbox, client: Client) -> None:
    for number in range(5):
        client.submit(REQUEST, via=ACCOUNT, key=f"before-{number}")
    job = submitted(client)
    assert client.poll(job).word == "THROTTLED"
    assert client.cancel(job).outcome is mk.CancelOutcome.CANCELLED
    states = [job["state"] for job in account(sandbox)["jobs"]]
    assert states == ["queued"] * 5 + ["gone"]


def test_a_running_task_is_not_cancelled_and_its_film_is_delivered(
    sandbox: Sandbox, client: Client, tmp_path: Path
) -> None:
    job = submitted(client)
    sandbox.advance(SECONDS / 2)
    with pytest.raises(Unsupported, match="is running and was not cancelled") as caught:
        client.cancel(job)
    assert caught.value.job == job
    assert caught.value.billed is Billed.UNKNOWN
    assert client.jobs.get("k").open
    assert account(sandbox)["calls"].get("cancel", 0) == 0
    assert delivered(client, job, sandbox, tmp_path)


@pytest.mark.parametrize("moment", [1, 2, 3])
def test_a_task_that_ends_while_it_is_cancelled_keeps_its_film(
    sandbox: Sandbox,
    client: Client,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    moment: int,
) -> None:
    """Before the core's poll, before the adapter's, or after it."""
    job = submitted(client)
    sandbox.advance(SECONDS / 10)
    real = session.Session.send
    calls: list[Call] = []

    def send(self: session.Session, call: Call, **options: Any) -> Any:
        calls.append(call)
        if len(calls) == moment:
            sandbox.advance(SECONDS)
        answer = real(self, call, **options)
        if moment == 3 and len(calls) == 2:
            sandbox.advance(SECONDS)
        return answer

    monkeypatch.setattr(session.Session, "send", send)
    if moment == 3:
        with pytest.raises(Unsupported):
            client.cancel(job)
    else:
        assert client.cancel(job).outcome is mk.CancelOutcome.TOO_LATE
    assert [call.method for call in calls] == ["GET"] * min(moment, 2)
    assert delivered(client, job, sandbox, tmp_path)


def test_a_poll_that_took_long_proves_nothing(
    sandbox: Sandbox, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machine may have slept, or the answer may have been under way for long."""
    job = submitted(client)
    real, late = Runway.poll, dt.timedelta()

    def poll(self: Runway, job: Job) -> Status:
        nonlocal late
        status = real(self, job)
        late += dt.timedelta(seconds=6)
        return status

    monkeypatch.setattr(Runway, "poll", poll)
    monkeypatch.setattr(adapter, "utcnow", lambda: utcnow() + late)
    with pytest.raises(ProviderUnavailable, match="not certain that it still waits") as caught:
        client.cancel(job)
    assert caught.value.billed is Billed.UNKNOWN
    monkeypatch.undo()
    assert account(sandbox)["calls"].get("cancel", 0) == 0
    assert delivered(client, job, sandbox, tmp_path)


def test_a_finished_task_is_too_late_to_cancel_and_stays(
    sandbox: Sandbox, client: Client, tmp_path: Path
) -> None:
    job = submitted(client)
    sandbox.advance(2 * SECONDS)
    assert client.cancel(job).outcome is mk.CancelOutcome.TOO_LATE
    assert account(sandbox)["calls"].get("cancel", 0) == 0
    assert delivered(client, job, sandbox, tmp_path)


@pytest.mark.parametrize("fault", ["unknown_word:poll:word=HELD:times=0", "empty_url:poll:times=0"])
def test_a_task_whose_state_is_not_understood_is_not_deleted(
    sandbox: Sandbox, client: Client, tmp_path: Path, fault: str
) -> None:
    job = submitted(client)
    sandbox.advance(2 * SECONDS)
    sandbox.fault(fault)
    with pytest.raises(ProviderUnavailable, match="not certain that it still waits"):
        client.cancel(job)
    assert account(sandbox)["calls"].get("cancel", 0) == 0
    sandbox.clear_faults()
    assert delivered(client, job, sandbox, tmp_path)


def test_a_lost_answer_to_a_cancel_is_never_taken_for_the_end(
    sandbox: Sandbox, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = submitted(client)
    real = session.Session.send

    def send(self: session.Session, call: Call, **options: Any) -> Any:
        answer = real(self, call, **options)
        if call.method == "DELETE":
            raise ProviderUnavailable("the connection was reset", billed=Billed.UNKNOWN)
        return answer

    monkeypatch.setattr(session.Session, "send", send)
    with pytest.raises(ProviderUnavailable) as caught:
        client.cancel(job)
    assert caught.value.job == job
    monkeypatch.undo()
    assert account(sandbox)["calls"]["cancel"] == 1
    assert client.poll(job).state is State.UNKNOWN
    with pytest.raises(JobNotFound) as missing:
        client.wait(job, timeout=100_000)
    assert missing.value.billed is Billed.UNKNOWN
    assert client.jobs.get("k").open
