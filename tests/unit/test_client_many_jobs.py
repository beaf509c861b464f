"""`wait_all`, `as_completed` and the coroutines: many jobs, one engine, endings as values."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest
from patience import PATIENCE, until

from motionkit.client import aio
from motionkit.client.aio import AsyncClient
from motionkit.client.client import Client
from motionkit.errors import (
    Billed,
    ConfigError,
    InvalidRequest,
    JobFailed,
    MotionKitError,
    WaitTimeout,
)
from motionkit.model.job import Job, Result, State, Status
from motionkit.testing.memory import MemoryStage, Vendor
from motionkit.testing.stage import (
    ACCOUNT,
    Situation,
    options_for,
    sample_request,
)


def submitted(client: Client, number: int) -> list[Job]:
    return [client.submit(sample_request(), via=ACCOUNT, key=f"k-{n}") for n in range(number)]


def spread_out(vendor: Vendor, jobs: list[Job], step: float = 20.0) -> None:
    """Let the jobs end one after the other, the last one first."""
    for number, one in enumerate(reversed(jobs)):
        vendor.jobs[one.id] = (vendor.now + step * (number + 1), vendor.jobs[one.id][1])


# Functions.


def test_wait_all_answers_in_the_order_of_the_jobs(client: Client, stage: MemoryStage) -> None:
    jobs = submitted(client, 5)
    spread_out(stage.vendor, jobs)
    found = client.wait_all(jobs)
    assert [one.job if isinstance(one, Result) else one for one in found] == jobs


def test_as_completed_answers_in_the_order_of_the_ends(client: Client, stage: MemoryStage) -> None:
    jobs = submitted(client, 4)
    spread_out(stage.vendor, jobs, step=40.0)
    assert [one for one, _ in client.as_completed(jobs)] == jobs[::-1]


def test_a_failed_job_is_a_value_among_the_results(client: Client, stage: MemoryStage) -> None:
    good = submitted(client, 2)
    stage.arrange(Situation.JOB_FAILS)
    bad = client.submit(sample_request(), via=ACCOUNT, key="bad")
    foreign = attrs.evolve(good[0], id="1", fingerprint="another-key")
    found = client.wait_all([good[0], bad, good[1], foreign])
    assert [type(one) for one in found] == [Result, JobFailed, Result, ConfigError]


def test_a_job_that_is_named_twice_is_answered_twice(client: Client) -> None:
    (one,) = submitted(client, 1)
    first, second = client.wait_all([one, one])
    assert first == second


def test_no_jobs_are_no_work(client: Client) -> None:
    assert client.wait_all([]) == []
    assert list(client.as_completed([])) == []


def test_a_deadline_is_a_value_too(client: Client) -> None:
    found = client.wait_all(submitted(client, 3), timeout=5)
    assert [type(one) for one in found] == [WaitTimeout] * 3
    assert len(client.jobs.list(open_only=True)) == 3


def test_who_stops_listening_leaves_nothing_behind(client: Client, stage: MemoryStage) -> None:
    jobs = submitted(client, 3)
    spread_out(stage.vendor, jobs)
    endings = client.as_completed(jobs)
    next(endings)
    endings.close()  # type: ignore[attr-defined]  # a generator's
    until(lambda: not any(one.waiters for one in client._engine._watched.values()))
    assert all(entry.open for entry in client.jobs.list())


def test_the_journal_is_written_only_when_something_changed(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    (one,) = submitted(client, 1)
    client.poll(one)
    writes: list[Any] = []
    real = client._journal.store.writing
    monkeypatch.setattr(
        client._journal.store,
        "writing",
        lambda *args, **named: writes.append(args) or real(*args, **named),
    )
    for _ in range(5):
        assert client.poll(one).state is State.RUNNING
    assert writes == []
    client.wait(one)
    assert len(writes) == 1


def test_what_ended_between_two_looks_did_so_in_the_middle(client: Client) -> None:
    (one,) = submitted(client, 1)
    client.poll(one)
    entry = client.jobs.get(one.key)
    status = attrs.evolve(client.poll(one), state=State.SUCCEEDED)
    assert client._journal.observed(one, status, unseen=0.0)
    assert not client._journal.observed(one, status, unseen=0.0)
    finished = client.jobs.get(one.key).finished
    assert finished is not None
    assert finished >= entry.created
    ((kind, seconds, ended),) = client._journal.durations(10)
    assert kind == (one.fingerprint, "mimic", "memory")
    assert (seconds, ended) == (
        pytest.approx(finished - one.submitted_at.timestamp()),
        finished,
    )


def test_the_estimate_rests_on_the_journals_past_jobs_and_on_new_ones(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    (one,) = submitted(client, 1)
    kind = (one.fingerprint, "mimic", "memory")
    past = [(kind, 30.0, 1000.0 + n) for n in range(20)]
    monkeypatch.setattr(type(client._journal), "durations", lambda *_: past)
    assert client._durations.estimate(kind, 120.0).n == 20
    assert client._durations.estimate(kind, 120.0).median == pytest.approx(36.0, rel=0.05)
    for _ in range(5):
        client._durations.learn(one, 30.0)
    assert client._durations.estimate(kind, 120.0).n == 25


# Coroutines.


def test_thousands_of_coroutines_wait_without_a_thread_each(
    stage: MemoryStage, tmp_path: Path
) -> None:
    async def main() -> tuple[int, int]:
        async with AsyncClient(**options_for(stage, tmp_path)) as client:
            one = await client.submit(sample_request(), via=ACCOUNT)
            jobs = [attrs.evolve(one, id=str(n)) for n in range(2_000)]
            for job in jobs:
                stage.vendor.jobs[job.id] = (stage.vendor.now + 30.0, set())
            before = threading.active_count()
            async with asyncio.TaskGroup() as group:
                waits = [group.create_task(client.wait(job)) for job in jobs]
                await waits[0]
                most = threading.active_count() - before
            return most, sum(
                wait.result().job.id == job.id for wait, job in zip(waits, jobs, strict=True)
            )

    most, good = asyncio.run(main())
    assert most <= 1
    assert good == 2_000


def test_a_cancelled_coroutine_loses_no_job(stage: MemoryStage, tmp_path: Path) -> None:
    async def main() -> Result:
        async with AsyncClient(**options_for(stage, tmp_path)) as client:
            job = await client.submit(sample_request(), via=ACCOUNT)
            with client._client._engine._lock:  # no time passes
                waiting = asyncio.create_task(client.wait(job))
                await asyncio.sleep(0)
                waiting.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await waiting
            until(lambda: not client._client._engine._watched)
            assert client.jobs.get(job.key).open
            return await client.wait(job)

    assert asyncio.run(main()).url


def test_closing_ends_waiting_coroutines(
    stage: MemoryStage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("motionkit.polling.engine.LAST_CALLS", 0.05)

    async def main() -> None:
        client = AsyncClient(**options_for(stage, tmp_path))
        job = await client.submit(sample_request(), via=ACCOUNT)
        with client._client._engine._lock:
            waiting = asyncio.create_task(client.wait(job))
            await asyncio.sleep(0)
            client._client._engine.close()
        await client.close()
        with pytest.raises(WaitTimeout, match="closed"):
            await waiting

    asyncio.run(main())


def test_what_had_not_begun_when_the_client_was_closed_says_that_nothing_was_sent(
    stage: MemoryStage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aio, "BUYERS", 1)
    monkeypatch.setattr(aio, "READERS", 1)
    begun, release = threading.Semaphore(0), threading.Event()

    def hold(call: Callable[..., Any]) -> Callable[..., Any]:
        def held(*args: Any, **options: Any) -> Any:
            begun.release()
            release.wait(PATIENCE)
            return call(*args, **options)

        return held

    async def main() -> tuple[Job, list[Any]]:
        client = AsyncClient(**options_for(stage, tmp_path))
        job = await client.submit(sample_request(), via=ACCOUNT, key="old")
        for name in ("submit", "poll"):
            monkeypatch.setattr(client._client, name, hold(getattr(client._client, name)))
        coroutines = [
            *(client.submit(sample_request(), via=ACCOUNT, key=key) for key in ("one", "two")),
            *(client.poll(job) for _ in range(2)),
            client.quote(sample_request(), via=ACCOUNT),
        ]
        tasks = [asyncio.create_task(one) for one in coroutines]
        for _ in range(2):
            assert await asyncio.to_thread(begun.acquire, timeout=PATIENCE)
        closing = asyncio.create_task(client.close())
        await asyncio.sleep(0)  # it has begun
        release.set()
        await closing
        with pytest.raises(MotionKitError, match="closed before this began"):
            await client.quote(sample_request(), via=ACCOUNT)
        return job, await asyncio.gather(*tasks, return_exceptions=True)

    job, (bought, unbought, looked, unlooked, unquoted) = asyncio.run(main())
    assert bought.key == "one"
    assert isinstance(looked, Status)
    for error in (unbought, unlooked, unquoted):
        assert type(error) is MotionKitError, error
    assert (unbought.billed, unbought.job) == (Billed.NO, None)
    assert (unlooked.billed, unlooked.job) == (Billed.UNKNOWN, job)
    assert unquoted.billed is Billed.NO


def test_without_a_thread_a_wait_ends_with_an_error_that_says_how_to_resume(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    (one,) = submitted(client, 1)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", _no_thread)
        with pytest.raises(WaitTimeout) as caught:
            client.wait(one)
        assert [type(ended) for ended in client.wait_all([one])] == [WaitTimeout]
    assert "the job continues at the vendor" in caught.value.message
    assert caught.value.hint == "the job still runs; client.wait(job) picks it up"
    assert caught.value.job == one
    assert client.wait(one).url


def test_a_coroutine_that_gets_no_thread_sends_nothing_then_or_later(
    stage: MemoryStage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        async with AsyncClient(**options_for(stage, tmp_path)) as client:
            with monkeypatch.context() as patch:
                patch.setattr(threading.Thread, "start", _no_thread)
                with pytest.raises(MotionKitError, match="can start no thread") as caught:
                    await client.submit(sample_request(), via=ACCOUNT, key="lost")
                assert (caught.value.billed, caught.value.job) == (Billed.NO, None)
            job = await client.submit(sample_request(), via=ACCOUNT, key="sent")
            with monkeypatch.context() as patch:
                patch.setattr(threading.Thread, "start", _no_thread)
                with pytest.raises(MotionKitError, match="can start no thread") as caught:
                    await client.poll(job=job)
                assert (caught.value.billed, caught.value.job) == (Billed.UNKNOWN, job)
                with pytest.raises(WaitTimeout, match="continues at the vendor"):
                    await client.wait(job)
            await client.wait(job)

    asyncio.run(main())
    assert stage.bought() == 1


def _no_thread(_: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


def test_coroutines_watch_in_the_event_loop(stage: MemoryStage, tmp_path: Path) -> None:
    async def main() -> tuple[list[State], set[int]]:
        seen: list[State] = []
        threads: set[int] = set()

        def watch(_: Job, status: Status) -> None:
            seen.append(status.state)
            threads.add(threading.get_ident())

        async with AsyncClient(**options_for(stage, tmp_path)) as client:
            await client.run(sample_request(), via=ACCOUNT, watch=watch)
        return seen, threads

    seen, threads = asyncio.run(main())
    assert seen[0] is State.RUNNING
    assert seen[-1] is State.SUCCEEDED
    assert threads == {threading.get_ident()}


def test_many_answer_as_coroutines_as_they_do_as_functions(
    stage: MemoryStage, tmp_path: Path
) -> None:
    async def main() -> tuple[list[Job], list[Result | MotionKitError], list[Job]]:
        async with AsyncClient(**options_for(stage, tmp_path)) as client:
            jobs = [
                await client.submit(sample_request(), via=ACCOUNT, key=str(n)) for n in range(4)
            ]
            spread_out(stage.vendor, jobs, step=40.0)
            ended = [job async for job, _ in client.as_completed(jobs)]
            return jobs, await client.wait_all(jobs), ended

    jobs, found, ended = asyncio.run(main())
    assert [one.job if isinstance(one, Result) else one for one in found] == jobs
    assert ended == jobs[::-1]


def test_a_coroutine_buys_nothing_that_it_could_not_wait_for(
    stage: MemoryStage, tmp_path: Path
) -> None:
    async def main() -> None:
        async with AsyncClient(**options_for(stage, tmp_path)) as client:
            await client.run(sample_request(), via=ACCOUNT, timeout=-1)

    with pytest.raises(InvalidRequest, match="for timeout: -1;"):
        asyncio.run(main())
    assert stage.bought() == 0


def test_an_invalid_request_comes_out_of_a_coroutine(stage: MemoryStage, tmp_path: Path) -> None:
    async def main() -> None:
        async with AsyncClient(**options_for(stage, tmp_path)) as client:
            await client.quote(sample_request(quality="nonsense"), via=ACCOUNT)

    with pytest.raises(InvalidRequest):
        asyncio.run(main())
