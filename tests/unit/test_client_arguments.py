"""What a caller gives is checked before anything is bought, waited for or fetched."""

from __future__ import annotations

import asyncio
import datetime as dt
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from support import job

import motionkit as mk
from motionkit.client.aio import AsyncClient
from motionkit.client.client import Client
from motionkit.errors import InvalidRequest
from motionkit.sandbox import Sandbox
from motionkit.testing.stage import sample_request

RESULT = mk.Result(job("7"), (mk.Output("https://h.example/a.mp4"),))
TWO = attrs.evolve(RESULT, outputs=RESULT.outputs * 2)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(speed=1000, job_seconds=1) as running:
        yield running


@pytest.fixture
def client(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    monkeypatch.setenv("PIXVERSE_API_KEY", "sandbox-pixverse-key")
    monkeypatch.setenv("PIXVERSE_BASE_URL", sandbox.url)
    monkeypatch.setenv("MOTIONKIT_JOURNAL", str(tmp_path / "journal.db"))
    monkeypatch.chdir(tmp_path)
    with Client() as made:
        yield made


JOB = "a Job, as submit and Job.from_json return it"
RECORD = "a purchase record, as jobs.get and jobs.list return it"

CALLS: dict[str, tuple[Callable[[Client, Any], object], tuple[Any, ...]]] = {
    "max_usd": (
        lambda client, value: client.submit(sample_request(), max_usd=value),
        ("abc", "nan", "Infinity", "-1", [], "sNaN"),
    ),
    "besides": (
        lambda client, value: client.explain(sample_request(), besides=value),
        ("abc", []),
    ),
    "wait_for_slot": (
        lambda client, value: client.submit(sample_request(), wait_for_slot=value),
        ("abc", -1, math.nan),
    ),
    "timeout": (
        lambda client, value: client.run(sample_request(), timeout=value),
        ("abc", -1, math.nan, [], dt.timedelta(seconds=-1), 10**400),
    ),
    "output": (
        lambda client, value: client.download(TWO, "out.mp4", output=value),
        (2, 5, -1, "0", None),
    ),
    "via": (lambda client, value: client.submit(sample_request(), via=value), (3, ["a"])),
    "key": (lambda client, value: client.submit(sample_request(), key=value), (17, b"order")),
    "out": (lambda client, value: client.submit(sample_request(), out=value), (3, "")),
    "path": (lambda client, value: client.download(RESULT, value), (None, 3, "", [])),
    "body": (lambda client, value: client.parse_webhook("pixverse", {}, value), ("{}", None, {})),
    "headers": (
        lambda client, value: client.parse_webhook("pixverse", value, b"{}"),
        (None, "X-Signature: a", [("x", "y")]),
    ),
    "config": (lambda _, value: Client(value), (3, ["motionkit.toml"])),
    "entry": (lambda client, value: client.jobs.resume(value), ("order-17", None)),
}


@pytest.mark.parametrize(
    ("field", "value"), [(field, value) for field, (_, values) in CALLS.items() for value in values]
)
def test_a_wrong_argument_is_an_invalid_request_and_nothing_is_bought(
    client: Client, sandbox: Sandbox, field: str, value: Any
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        CALLS[field][0](client, value)
    assert caught.value.field == field
    assert caught.value.value is not None
    assert caught.value.limit
    assert f"invalid value for {field}: " in caught.value.message
    assert caught.value.message.endswith(f"; expected {caught.value.limit}")
    assert sandbox.ledger()["vendors"]["pixverse"]["accounts"]["default"]["submits"] == 0


REQUESTS: list[Callable[[Any, Any], object]] = [
    lambda client, value: client.explain(value),
    lambda client, value: client.quote(value),
    lambda client, value: client.compare(value),
    lambda client, value: client.bought_before(value),
    lambda client, value: client.submit(value),
    lambda client, value: client.run(value),
]
JOBS: list[Callable[[Any, Any], object]] = [
    lambda client, value: client.poll(value),
    lambda client, value: client.result(value),
    lambda client, value: client.wait(value),
]


@pytest.mark.parametrize(
    ("calls", "field", "expected"),
    [
        (REQUESTS, "request", "a request, such as motionkit.Mimic"),
        (JOBS, "job", JOB),
        ([lambda client, value: client.wait_all([job("1"), value])], "jobs[1]", JOB),
        (
            [lambda client, value: client.download(value, "out.mp4")],
            "result",
            "a Result, as wait and result return it",
        ),
    ],
    ids=["request", "job", "jobs", "result"],
)
@pytest.mark.parametrize(
    "given",
    [("k", "'k'"), (None, "None"), (3, "3"), (object(), "an object")],
    ids=["text", "None", "number", "object"],
)
def test_what_is_no_request_job_or_result_is_named_with_what_is_expected(
    client: Client,
    calls: list[Callable[[Any, Any], object]],
    field: str,
    expected: str,
    given: tuple[object, str],
) -> None:
    value, shown = given
    message = f"invalid value for {field}: {shown}; expected {expected}"
    for call in calls:
        with pytest.raises(InvalidRequest) as caught:
            call(client, value)
        assert (caught.value.field, caught.value.message) == (field, message)

    async def by_coroutine(call: Callable[[Any, Any], Any]) -> None:
        async with AsyncClient(client.config) as coroutines:
            await call(coroutines, value)

    for call in calls:
        with pytest.raises(InvalidRequest) as caught:
            asyncio.run(by_coroutine(call))
        assert caught.value.message == message


def test_many_jobs_come_in_a_list(client: Client) -> None:
    one: Any = RESULT.job
    for call in (client.wait_all, client.as_completed):
        with pytest.raises(InvalidRequest, match="invalid value for jobs: a Job; expected jobs in"):
            call(one)
        with pytest.raises(InvalidRequest, match=r"invalid value for jobs\[0\]: a Result"):
            call([RESULT])  # type: ignore[list-item]  # what is wrong

    async def ended() -> None:
        async with AsyncClient(client.config) as coroutines:
            async for _ in coroutines.as_completed(one):
                pass

    with pytest.raises(InvalidRequest, match="invalid value for jobs: a Job"):
        asyncio.run(ended())


def test_the_journals_verbs_name_what_is_no_record(client: Client) -> None:
    given: Any = "order-17"
    for call in (client.jobs.resume, client.jobs.reconcile):
        with pytest.raises(InvalidRequest) as caught:
            call(given)
        assert caught.value.message == f"invalid value for entry: 'order-17'; expected {RECORD}"
    wrong: Any = 17
    with pytest.raises(InvalidRequest, match="invalid value for reference: 17; expected text"):
        client.jobs.get(wrong)


def test_a_long_value_is_shown_in_part(client: Client) -> None:
    values: list[Any] = ["x" * 10_000, 10**1000, 10**10_000]
    for value in values:
        with pytest.raises(InvalidRequest) as caught:
            client.poll(value)
        assert len(caught.value.message) < 200


def test_every_wait_refuses_an_invalid_timeout(client: Client) -> None:
    waits: list[Callable[[], object]] = [
        lambda: client.wait(RESULT.job, timeout=-1),
        lambda: client.wait_all([RESULT.job], timeout=-1),
        lambda: client.as_completed([RESULT.job], timeout=-1),
        lambda: client.run(sample_request(), max_usd="abc"),
    ]
    for wait in waits:
        with pytest.raises(InvalidRequest):
            wait()


def test_one_file_is_told_as_the_only_one(client: Client) -> None:
    with pytest.raises(InvalidRequest, match="for output: 1; expected 0, the only one"):
        client.download(RESULT, "out.mp4", output=1)
