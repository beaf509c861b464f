"""Purchases at Runway, from the submit to the file: what ends after a day, what nobody can tell."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sandbox_runway_support import CLIP, PICTURE, account

import motionkit as mk
from motionkit.client import Client
from motionkit.errors import Billed, JobFailed, MediaRejected, RateLimited, SubmitUncertain
from motionkit.model.job import KeyState
from motionkit.sandbox import Sandbox
from motionkit.testing.sandboxed import sandbox_stage
from motionkit.testing.stage import ACCOUNT, client_for
from motionkit_runway.adapter import Runway
from motionkit_runway.sandbox import RunwaySandbox

DAY = 86400.0
SECONDS = 100.0
PRICE = 18
"""Credits of a clip of 3.5 seconds; 20 are held for it."""
REQUEST = mk.Mimic(image=PICTURE, video=CLIP, quality="720p")
Opens = Callable[..., AbstractContextManager[tuple[Sandbox, Client]]]


@pytest.fixture
def opens(tmp_path: Path) -> Opens:
    """Open a sandbox and a client of it."""

    @contextmanager
    def open_both(**options: Any) -> Iterator[tuple[Sandbox, Client]]:
        app = partial(RunwaySandbox, **options)
        with (
            Sandbox(apps=[app], job_seconds=SECONDS) as sandbox,
            client_for(sandbox_stage(Runway, {}, sandbox), tmp_path) as client,
        ):
            yield sandbox, client

    return open_both


def film(client: Client, job: mk.Job, folder: Path) -> bytes:
    path = folder / f"{job.key}.mp4"
    return client.download(client.wait(job), path).read_bytes()


def test_an_upload_that_the_vendor_no_longer_has_is_sent_again_before_anything_is_bought(
    opens: Opens, tmp_path: Path
) -> None:
    with opens() as (sandbox, client):
        film(client, client.submit(REQUEST, via=ACCOUNT, key="first"), tmp_path)
        sandbox.advance(DAY)
        job = client.submit(REQUEST, via=ACCOUNT, key="second")
        assert film(client, job, tmp_path)[4:8] == b"ftyp"
        told = account(sandbox)
    assert len(told["jobs"]) == 2
    assert told["submits"] == 3
    assert told["uploads"] == 4


def test_an_upload_that_is_refused_twice_buys_nothing_and_the_next_command_does(
    opens: Opens, tmp_path: Path
) -> None:
    with opens() as (sandbox, client):
        sandbox.fault("shape:submit:shape=expired_upload:times=2")
        with pytest.raises(MediaRejected) as caught:
            client.submit(REQUEST, via=ACCOUNT, key="k")
        assert caught.value.billed is Billed.NO
        assert account(sandbox)["jobs"] == []
        job = client.submit(REQUEST, via=ACCOUNT, key="k")
        assert film(client, job, tmp_path)[4:8] == b"ftyp"
        assert len(account(sandbox)["jobs"]) == 1


def test_an_upload_that_fails_the_task_costs_nothing(opens: Opens) -> None:
    with opens(late_assets=True) as (sandbox, client):
        sandbox.fault("shape:submit:shape=expired_upload")
        job = client.submit(REQUEST, via=ACCOUNT, key="k")
        with pytest.raises(JobFailed, match="could not be read") as caught:
            client.wait(job)
        assert caught.value.billed is Billed.NO
        assert account(sandbox)["refunded"] == account(sandbox)["charged"]


def test_an_address_that_has_ended_is_renewed_for_the_download(
    opens: Opens, tmp_path: Path
) -> None:
    with opens() as (sandbox, client):
        job = client.submit(REQUEST, via=ACCOUNT, key="k")
        result = client.wait(job)
        polls = account(sandbox)["polls"]
        sandbox.advance(DAY + 1)
        assert client.download(result, tmp_path / "late.mp4").read_bytes()[4:8] == b"ftyp"
        assert account(sandbox)["polls"] > polls
        assert len(account(sandbox)["jobs"]) == 1


def test_an_address_that_ends_in_the_middle_of_a_download_is_renewed_and_the_rest_is_fetched(
    opens: Opens, tmp_path: Path
) -> None:
    with opens() as (sandbox, client):
        job = client.submit(REQUEST, via=ACCOUNT, key="k")
        result = client.wait(job)
        sandbox.fault("cut:download:bytes=2000")
        sandbox.fault("http:download:status=403:after=1")
        assert client.download(result, tmp_path / "cut.mp4").read_bytes()[4:8] == b"ftyp"
        assert sandbox.ledger()["faults_left"] == []


@pytest.mark.parametrize(
    ("fault", "charged"),
    [("shape:submit:shape=partial", PRICE // 2), ("cost:submit:usd=0.31", 31), (None, PRICE)],
)
def test_what_is_booked_is_what_the_task_says_that_it_cost(
    opens: Opens, fault: str | None, charged: int
) -> None:
    with opens() as (sandbox, client):
        if fault:
            sandbox.fault(fault)
        job = client.submit(REQUEST, via=ACCOUNT, key="k")
        assert job.cost is not None
        assert job.cost.amount == max(20, charged)
        client.wait(job)
        cost = client.jobs.get("k").cost
        assert cost is not None
        assert (cost.amount, cost.usd) == (charged, Decimal(charged) / 100)
        told = account(sandbox)
        assert Decimal(told["charged"]) - Decimal(told["refunded"]) == charged


def test_the_days_cap_buys_nothing_and_passes_with_the_day(opens: Opens) -> None:
    with opens(daily={5: 1}) as (sandbox, client):
        client.submit(REQUEST, via=ACCOUNT, key="first")
        with pytest.raises(RateLimited) as caught:
            client.submit(REQUEST, via=ACCOUNT, key="second", wait_for_slot=0)
        assert caught.value.billed is Billed.NO
        assert len(account(sandbox)["jobs"]) == 1
        sandbox.advance(DAY)
        client.submit(REQUEST, via=ACCOUNT, key="second")
        assert len(account(sandbox)["jobs"]) == 2


def test_tasks_that_wait_at_the_vendor_are_not_sent_again(opens: Opens) -> None:
    with opens() as (sandbox, client):
        jobs = [client.submit(REQUEST, via=ACCOUNT, key=f"k{number}") for number in range(8)]
        words = [client.poll(job).word for job in jobs]
        assert words == ["PENDING"] * 5 + ["THROTTLED"] * 3
        assert len([client.wait(job) for job in jobs]) == 8
        assert account(sandbox)["submits"] == 8


def lost(client: Client, sandbox: Sandbox, fault: str) -> tuple[Mapping[str, Any], ...]:
    """Lose a submit; return the evidence of it."""
    sandbox.fault(fault)
    with pytest.raises(SubmitUncertain) as caught:
        client.submit(REQUEST, via=ACCOUNT, key="k")
    assert caught.value.billed is Billed.UNKNOWN
    found = client.jobs.reconcile(client.jobs.get("k"))
    assert found.entry.state is KeyState.UNCERTAIN
    assert found.candidates == ()
    assert account(sandbox)["submits"] == 1
    return found.usage


def test_the_evidence_of_a_lost_submit_is_one_generation_more_and_its_credits_less(
    opens: Opens,
) -> None:
    with opens() as (sandbox, client):
        before, now, *_ = lost(client, sandbox, "accept_then_reset:submit")
    assert (before["when"], now["when"]) == ("before the submit", "now")
    assert before["dailyGenerations"] == {}
    assert now["dailyGenerations"] == {"act_two": 1}
    assert before["creditBalance"] - now["creditBalance"] == 20


def test_the_evidence_of_a_submit_that_did_not_arrive_is_that_nothing_changed(
    opens: Opens,
) -> None:
    with opens() as (sandbox, client):
        before, now, *_ = lost(client, sandbox, "reset:submit")
    assert before["dailyGenerations"] == now["dailyGenerations"] == {}
    assert before["creditBalance"] == now["creditBalance"]


def test_evidence_that_cannot_be_read_is_said_and_decides_nothing(opens: Opens) -> None:
    with opens() as (sandbox, client):
        sandbox.fault("accept_then_reset:submit")
        with pytest.raises(SubmitUncertain):
            client.submit(REQUEST, via=ACCOUNT, key="k")
        sandbox.fault("http:history:status=500:times=0")
        found = client.jobs.reconcile(client.jobs.get("k"))
        assert any("could not be read" in note for note in found.notes)
        assert found.entry.state is KeyState.UNCERTAIN


@pytest.mark.parametrize(("assume", "jobs"), [("lost", 2), ("charged", 1)])
def test_a_person_decides_what_became_of_a_lost_submit(
    opens: Opens, assume: Any, jobs: int
) -> None:
    with opens() as (sandbox, client):
        lost(client, sandbox, "accept_then_reset:submit")
        client.jobs.reconcile(client.jobs.get("k"), assume=assume)
        if assume == "lost":
            client.submit(REQUEST, via=ACCOUNT, key="k")
        else:
            with pytest.raises(SubmitUncertain):
                client.submit(REQUEST, via=ACCOUNT, key="k")
        assert len(account(sandbox)["jobs"]) == jobs
