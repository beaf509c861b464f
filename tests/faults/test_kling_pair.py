"""Kling with a pair of keys: signed calls of the legacy API, by a clock that may be wrong.

The vendor's time is the sandbox's; this machine's is set beside it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import pytest
import time_machine

import motionkit as mk
from motionkit.client import Client
from motionkit.errors import (
    AuthenticationError,
    Billed,
    Busy,
    InsufficientCredits,
    MotionKitError,
    SubmitUncertain,
)
from motionkit.http.response import Response
from motionkit.provider import Secret
from motionkit.sandbox import Sandbox
from motionkit.testing.sandboxed import sandbox_stage
from motionkit.testing.stage import ACCOUNT, client_for
from motionkit_kling.adapter import Kling
from motionkit_kling.sandbox import KlingSandbox, access_key, secret_key

KEY = "order-17"
VIA = f"{ACCOUNT}/kling-v3"
REQUEST = mk.Mimic(
    "https://media.invalid/face.png", "https://media.invalid/dance.mp4", quality="720p"
)
MINUTES, HOUR = 60.0, 3600.0
CLOCKS = [0.0, 10 * MINUTES, -10 * MINUTES, 26 * HOUR, -26 * HOUR]
JOB_SECONDS = 100.0


@attrs.define
class Studio:
    """One account with a pair of keys, at a sandbox of its own."""

    sandbox: Sandbox
    client: Client
    folder: Path

    def buy(self) -> mk.Job:
        return self.client.submit(REQUEST, via=VIA, key=KEY, wait_for_slot=0)

    def deliver(self, job: mk.Job) -> mk.Result:
        result = self.client.wait(job, timeout=900)
        film = self.client.download(result, self.folder / "out.mp4")
        assert film.read_bytes()[4:8] == b"ftyp"
        return result

    def uncertain(self) -> SubmitUncertain:
        with pytest.raises(SubmitUncertain) as caught:
            self.buy()
        return caught.value

    @property
    def account(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.sandbox.ledger()["vendors"]["kling"]["accounts"]["default"]
        return found

    def check(self, submits: int, jobs: int = 1) -> None:
        """Compare the ledger with the journal: one id, one task, so many paid calls."""
        (entry,) = self.client.jobs.list()
        ids = {attempt.id for attempt in entry.attempts}
        assert self.account["submits"] == submits
        assert [job["trace_id"] for job in self.account["jobs"]] == [*ids][:jobs]
        assert set(self.account["trace_ids"]) <= ids
        assert len(ids) == 1


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    with Sandbox(apps=[KlingSandbox], job_seconds=JOB_SECONDS) as sandbox:
        stage = sandbox_stage(Kling, {}, sandbox)
        key = sandbox.environment["KLING_API_KEY"]
        pair = {"access_key": Secret(access_key(key)), "api_key": Secret(secret_key(key))}
        stage = attrs.evolve(stage, settings=attrs.evolve(stage.settings, **pair))
        with client_for(stage, tmp_path) as client:
            yield Studio(sandbox, client, tmp_path)


@pytest.mark.parametrize("off", CLOCKS, ids=lambda off: f"{off:+.0f} s")
def test_a_purchase_is_delivered_whatever_this_machines_clock_shows(
    off: float, studio: Studio
) -> None:
    with time_machine.travel(time.time() + off, tick=True):
        result = studio.deliver(studio.buy())
    assert result.cost is not None
    assert str(result.cost.amount) == "4.5"
    studio.check(submits=1)


@pytest.mark.parametrize("off", CLOCKS[:3], ids=lambda off: f"{off:+.0f} s")
@pytest.mark.parametrize(
    ("fault", "submits"),
    [
        ("accept_then_reset:submit", 1),
        ("accept_then_http:submit:status=504", 1),
        ("truncate:submit", 1),
        ("shape:submit:shape=coded", 1),
        ("reset:submit", 2),
        ("refuse:submit:code=5002", 2),
        ("html:submit", 2),
    ],
)
def test_a_lost_submit_is_found_or_sent_once_more_under_its_id(
    off: float, fault: str, submits: int, studio: Studio
) -> None:
    studio.sandbox.fault(fault)
    with time_machine.travel(time.time() + off, tick=True):
        studio.deliver(studio.buy())
    studio.check(submits)


def test_an_id_that_exists_already_leads_to_its_task(studio: Studio) -> None:
    for fault in ("accept_then_reset:submit", "history_lag:history:seconds=140"):
        studio.sandbox.fault(fault)
    studio.deliver(studio.buy())
    studio.check(submits=2)


def test_what_is_never_shown_stays_uncertain_and_is_found_later(studio: Studio) -> None:
    for fault in ("accept_then_reset:submit", "history_lag:history:seconds=100000"):
        studio.sandbox.fault(fault)
    assert studio.uncertain().billed is Billed.UNKNOWN
    studio.check(submits=2)
    studio.sandbox.clear_faults()
    studio.deliver(studio.buy())
    studio.check(submits=2)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        *((1000, AuthenticationError), (1002, AuthenticationError), (1101, InsufficientCredits)),
        *((1102, InsufficientCredits), (1303, Busy)),
    ],
)
def test_a_refused_submit_bought_nothing(
    code: int, error: type[MotionKitError], studio: Studio
) -> None:
    studio.sandbox.fault(f"refuse:submit:code={code}")
    with pytest.raises(error) as caught:
        studio.buy()
    assert caught.value.billed is Billed.NO
    assert studio.account["jobs"] == []
    studio.deliver(studio.buy())
    assert len(studio.account["jobs"]) == 1


def test_a_wait_outlives_every_token(studio: Studio) -> None:
    studio.sandbox.fault("stuck:submit")
    job = studio.buy()
    for _ in range(3):
        studio.sandbox.advance(HOUR)  # a token is valid for half an hour of it
        assert studio.client.poll(job).word == "processing"


def test_a_clock_that_is_set_while_a_job_runs_is_measured_again(studio: Studio) -> None:
    job = studio.buy()
    for off in (10 * MINUTES, -10 * MINUTES, 26 * HOUR):
        with time_machine.travel(time.time() + off, tick=True):
            assert studio.client.poll(job).state.name in {"QUEUED", "RUNNING"}
    studio.deliver(job)
    studio.check(submits=1)


def test_a_fast_clock_without_the_vendors_time_is_named_and_nothing_is_bought(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Response, "date", property(lambda _: None))
    with (
        time_machine.travel(time.time() + 10 * MINUTES, tick=True),
        pytest.raises(AuthenticationError) as caught,
    ):
        studio.buy()
    assert caught.value.billed is Billed.NO
    assert "clock" in str(caught.value)
    assert studio.account["jobs"] == []


def test_a_model_of_the_new_api_is_refused_before_anything_is_sent(studio: Studio) -> None:
    with pytest.raises(MotionKitError, match="API keys only"):
        studio.client.submit(REQUEST, via=f"{ACCOUNT}/kling-3.0", key=KEY)
    assert studio.account["calls"] == {}


def test_the_balance_is_read_with_a_token_and_says_how_old_it_is(studio: Studio) -> None:
    balance = studio.client.balance(ACCOUNT)
    assert balance.amount > 0
    assert all("12 h" in name for name in balance.pools)
