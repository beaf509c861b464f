"""Events: what a callback and a log handler hear of a purchase, and that neither can change it."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

import motionkit as mk
from motionkit.errors import InvalidRequest, JobFailed, WaitTimeout
from motionkit.model.events import as_data
from motionkit.polling.notify import takes_events
from motionkit.testing.memory import MemoryStage
from motionkit.testing.stage import (
    ACCOUNT,
    Situation,
    client_for,
    options_for,
    sample_request,
)


def names(events: list[Any]) -> list[str]:
    return [one.name for one in events]


def test_run_tells_of_the_submit_of_each_state_and_of_the_polls_between(tmp_path: Path) -> None:
    told: list[mk.Event] = []
    with client_for(MemoryStage(), tmp_path) as client:
        result = client.run(sample_request(), via=ACCOUNT, key="k", watch=told.append)
    heard = names(told)
    assert heard[:2] == ["submitted", "state"]
    assert set(heard[2:-1]) == {"progress"}
    assert heard[-1] == "state"
    last = told[-1]
    assert isinstance(last, mk.StateChanged)
    assert last.state is mk.State.SUCCEEDED
    assert str(last.cost) == "0.20 USD (reported)"
    assert {one.key for one in told} == {"k"}
    assert all(one.time.tzinfo is not None for one in told)
    assert result.job == last.job


def test_progress_knows_when_half_and_when_nine_of_ten_jobs_end(tmp_path: Path) -> None:
    told: list[mk.Event] = []
    with client_for(MemoryStage(), tmp_path) as client:
        client.run(sample_request(), via=ACCOUNT, watch=told.append)
    progress = [one for one in told if isinstance(one, mk.Progressed)]
    assert progress[0].expected_seconds == pytest.approx(120.0)  # the offer's, before any job
    assert progress[0].longest_seconds == pytest.approx(120 * 2.718281828 ** (1.2816 * 0.4))
    shares = [one.share or 0.0 for one in progress]
    assert shares == sorted(shares)
    assert 0 < shares[-1] < 1


def test_a_function_of_two_arguments_gets_job_and_status_at_every_poll(tmp_path: Path) -> None:
    told: list[tuple[mk.Job, mk.Status]] = []
    with client_for(MemoryStage(), tmp_path) as client:
        job = client.submit(sample_request(), via=ACCOUNT)
        client.wait(job, watch=lambda job, status: told.append((job, status)))
    assert {one for one, _ in told} == {job}
    assert [status.state for _, status in told][-1] is mk.State.SUCCEEDED


@pytest.mark.parametrize(
    ("watch", "events"),
    [
        (lambda event: event, True),
        (lambda event, more=None: (event, more), True),
        ([].append, True),
        (lambda job, status: (job, status), False),
        (lambda *given: given, False),
        (lambda job, status, more=None: (job, status, more), False),
        (mock.Mock(), False),
        (dict, False),
        (print, False),
    ],
)
def test_the_number_of_its_arguments_says_what_a_callback_takes(watch: Any, events: bool) -> None:
    assert takes_events(watch) is events


@pytest.mark.parametrize("arguments", [1, 2])
def test_a_callback_that_raises_changes_nothing_and_is_not_called_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, arguments: int
) -> None:
    called = []

    def one(event: mk.Event) -> None:
        called.append(event)
        raise RuntimeError("a bug of the caller's")

    def two(job: mk.Job, status: mk.Status) -> None:
        called.append((job, status))
        raise RuntimeError("a bug of the caller's")

    with client_for(MemoryStage(), tmp_path) as client:
        result = client.run(
            sample_request(), via=ACCOUNT, key="k", watch=one if arguments == 1 else two
        )
        assert client.jobs.get("k").state is mk.State.SUCCEEDED
    assert result.url
    assert len(called) == 1
    assert "watch raised RuntimeError and is not called any more" in caplog.text


def test_ctrl_c_in_a_callback_still_ends_the_wait(tmp_path: Path) -> None:
    def stop(event: mk.Event) -> None:
        raise KeyboardInterrupt

    with client_for(MemoryStage(), tmp_path) as client:
        job = client.submit(sample_request(), via=ACCOUNT, key="k")
        with pytest.raises(KeyboardInterrupt):
            client.wait(job, watch=stop)
        assert client.jobs.get("k").open


def test_a_wait_that_ends_without_a_result_says_so_before_it_raises(tmp_path: Path) -> None:
    told: list[mk.Event] = []
    stage = MemoryStage()
    stage.arrange(Situation.JOB_FAILS)
    with client_for(stage, tmp_path) as client:
        job = client.submit(sample_request(), via=ACCOUNT)
        with pytest.raises(WaitTimeout):
            client.wait(job, timeout=1, watch=told.append)
        with pytest.raises(JobFailed):
            client.wait(job, watch=told.append)
    errors = [one.error for one in told if isinstance(one, mk.Failed)]
    assert [type(error) for error in errors] == [WaitTimeout, JobFailed]


def test_coroutines_hear_the_same_events_in_their_loop(tmp_path: Path) -> None:
    told: list[mk.Event] = []

    async def main() -> None:
        async with mk.AsyncClient(**options_for(MemoryStage(), tmp_path)) as client:
            await client.run(sample_request(), via=ACCOUNT, watch=told.append)

    asyncio.run(main())
    assert names(told)[:2] == ["submitted", "state"]


def test_a_callback_that_cannot_be_called_is_refused_before_anything_is_bought(
    tmp_path: Path,
) -> None:
    stage = MemoryStage()
    with client_for(stage, tmp_path) as client, pytest.raises(InvalidRequest) as caught:
        client.run(sample_request(), via=ACCOUNT, watch="print")  # type: ignore[arg-type]
    assert caught.value.field == "watch"
    assert stage.bought() == 0


# The log.


def records(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [one for one in caplog.records if one.name == "motionkit.events"]


def test_the_log_has_a_record_with_fields_for_each_event(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "motionkit.events")
    with client_for(MemoryStage(), tmp_path) as client:
        client.run(sample_request(), via=ACCOUNT, key="k")
    found = records(caplog)
    assert [one.__dict__["event"] for one in found] == ["submitted", "state", "state"]
    last = found[-1].__dict__
    assert last["key"] == "k"
    assert last["state"] == "succeeded"
    assert last["account"] == ACCOUNT
    assert last["cost"] == {"amount": "0.20", "unit": "usd", "usd": "0.20", "basis": "reported"}
    assert "memory-key" not in json.dumps([one.__dict__ for one in found], default=str)


def test_polls_without_news_are_logged_for_debugging_only(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "motionkit.events")
    with client_for(MemoryStage(), tmp_path) as client:
        client.run(sample_request(), via=ACCOUNT)
    assert "progress" in {one.__dict__["event"] for one in records(caplog)}


def test_a_refused_and_an_uncertain_submit_are_events(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "motionkit.events")
    stage = MemoryStage()
    with client_for(stage, tmp_path) as client:
        for situation in (Situation.NO_CREDITS, Situation.SUBMIT_5XX):
            stage.arrange(situation)
            with pytest.raises(mk.MotionKitError):
                client.submit(sample_request(), via=ACCOUNT, key=situation.name)
    found = [(one.__dict__["error"], one.__dict__["billed"]) for one in records(caplog)]
    assert found == [("InsufficientCredits", "no"), ("SubmitUncertain", "unknown")]


def test_the_end_of_a_job_is_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "motionkit.events")
    with client_for(MemoryStage(), tmp_path) as client:
        result = client.run(sample_request(), via=ACCOUNT)
        client.wait(result.job)
        client.poll(result.job)
    states = [one.__dict__.get("state") for one in records(caplog)]
    assert states.count("succeeded") == 1


def test_a_log_filter_that_raises_changes_nothing(tmp_path: Path) -> None:
    filtered: list[logging.LogRecord] = []

    class Broken(logging.Filter):
        def filter(self, record: logging.LogRecord) -> bool:
            filtered.append(record)
            raise RuntimeError(record.name)

    logger, broken = logging.getLogger("motionkit.events"), Broken()
    logger.addFilter(broken)
    logger.setLevel(logging.INFO)
    try:
        with client_for(MemoryStage(), tmp_path) as client:
            assert client.run(sample_request(), via=ACCOUNT).url
    finally:
        logger.removeFilter(broken)
        logger.setLevel(logging.NOTSET)
    assert filtered


def test_an_event_as_data_is_json_with_money_as_text(tmp_path: Path) -> None:
    told: list[mk.Event] = []
    with client_for(MemoryStage(), tmp_path) as client:
        client.run(sample_request(), via=ACCOUNT, key="k", watch=told.append)
    data = as_data(told[-1])
    assert data["event"] == "state"
    assert json.loads(json.dumps(data, default=str))["cost"]["amount"] == "0.20"
    assert "raw" not in data
