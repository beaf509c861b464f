"""Purchases at Runway, from the submit to the file: what ends after a day, and who decides."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sandbox_runway_support import CLIP, PICTURE, account

import motionkit as mk
from motionkit.client import Client
from motionkit.errors import Billed, JobFailed, MediaRejected, RateLimited, SubmitUncertain
from motionkit.sandbox import Sandbox
from motionkit.testing.sandboxed import sandbox_stage
from motionkit.testing.stage import ACCOUNT, client_for
from motionkit_runway.adapter import Runway
from motionkit_runway.sandbox import RunwaySandbox

DAY = 86400.0
SECONDS = 100.0
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


@pytest.mark.parametrize(("assume", "jobs"), [("lost", 2), ("charged", 1)])
def test_a_person_decides_what_became_of_a_lost_submit(
    opens: Opens, assume: Any, jobs: int
) -> None:
    with opens() as (sandbox, client):
        sandbox.fault("accept_then_reset:submit")
        with pytest.raises(SubmitUncertain):
            client.submit(REQUEST, via=ACCOUNT, key="k")
        client.jobs.reconcile(client.jobs.get("k"), assume=assume)
        if assume == "lost":
            client.submit(REQUEST, via=ACCOUNT, key="k")
        else:
            with pytest.raises(SubmitUncertain):
                client.submit(REQUEST, via=ACCOUNT, key="k")
        assert len(account(sandbox)["jobs"]) == jobs


def test_fractions_of_credits_are_compared_too(opens: Opens) -> None:
    with opens() as (sandbox, client):
        for held in ("1000.5", "975.5"):
            body = f'{{"creditBalance": {held}, "usage": {{"models": {{}}}}}}'
            sandbox.fault(f"http:balance:status=200:body={body}")
            if held == "1000.5":
                sandbox.fault("accept_then_reset:submit")
                with pytest.raises(SubmitUncertain):
                    client.submit(REQUEST, via=ACCOUNT, key="k")
        told = client.jobs.reconcile(client.jobs.get("k"))
        assert "since before the submit: creditBalance 1000.5 to 975.5" in told.notes
