"""What a caller gives is checked before anything is bought, waited for or fetched."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from support import job

import motionkit as mk
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


CALLS: dict[str, tuple[Callable[[Client, Any], object], tuple[Any, ...]]] = {
    "max_usd": (
        lambda client, value: client.submit(sample_request(), max_usd=value),
        ("abc", "nan", "Infinity", "-1", [], "sNaN"),
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
        (2, 5, -1, "0"),
    ),
}


@pytest.mark.parametrize(
    ("field", "value"), [(field, value) for field, (_, values) in CALLS.items() for value in values]
)
def test_a_wrong_argument_is_an_invalid_request_and_nothing_is_bought(
    client: Client, sandbox: Sandbox, field: str, value: Any
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        CALLS[field][0](client, value)
    assert (caught.value.field, caught.value.value) == (field, str(value))
    assert caught.value.limit
    assert caught.value.limit in caught.value.message
    assert sandbox.ledger()["vendors"]["pixverse"]["accounts"]["default"]["submits"] == 0


def test_every_wait_refuses_a_timeout_that_is_none(client: Client) -> None:
    waits: list[Callable[[], object]] = [
        lambda: client.wait(RESULT.job, timeout=-1),
        lambda: client.wait_all([RESULT.job], timeout=-1),
        lambda: list(client.as_completed([RESULT.job], timeout=-1)),
        lambda: client.run(sample_request(), max_usd="abc"),
    ]
    for wait in waits:
        with pytest.raises(InvalidRequest):
            wait()


def test_one_file_is_told_as_the_only_one(client: Client) -> None:
    with pytest.raises(InvalidRequest, match="output=1 cannot be taken; it takes 0, the only one"):
        client.download(RESULT, "out.mp4", output=1)
