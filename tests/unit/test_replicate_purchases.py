"""Purchases at Replicate from end to end: long lists, deadlines, cancels, webhooks, lost films."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import pytest
import requests
from patience import PATIENCE
from sandbox_replicate_support import KEY, Received, receiving

import motionkit as mk
from motionkit.client.client import Client
from motionkit.errors import (
    Billed,
    JobCancelled,
    JobFailed,
    JobGone,
    SignatureError,
    SubmitUncertain,
)
from motionkit.model.job import State
from motionkit.sandbox import Sandbox
from motionkit.testing.sandboxed import sandbox_stage
from motionkit.testing.stage import ACCOUNT, client_for, sample_request
from motionkit_replicate.adapter import Replicate
from motionkit_replicate.sandbox import ReplicateSandbox

MODEL = "wan-video/wan-2.2-animate-replace"
VIA = f"{ACCOUNT}/{MODEL}"
LASTS = 100.0
PAGE = 2
"""Rows in a page of the list."""
LOST = "accept_then_reset:submit"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(
        apps=[lambda world: ReplicateSandbox(world, page=PAGE)], job_seconds=LASTS
    ) as running:
        yield running


def client_of(sandbox: Sandbox, folder: Path, **settings: Any) -> Client:
    """Return a client whose pauses move the vendor's clock."""
    stage = sandbox_stage(Replicate, {}, sandbox)
    given = attrs.evolve(stage.settings, **settings)
    return client_for(stage, folder, given)


@pytest.fixture
def client(sandbox: Sandbox, tmp_path: Path) -> Iterator[Client]:
    with client_of(sandbox, tmp_path) as one:
        yield one


def books(sandbox: Sandbox) -> Any:
    return sandbox.ledger()["vendors"]["replicate"]["accounts"]["default"]


def by_others(sandbox: Sandbox, count: int) -> None:
    """Buy as another program with the same key does."""
    body = {"input": {"image": "https://h.example/i.png", "video": "https://h.example/v.mp4"}}
    for _ in range(count):
        answer = requests.post(
            f"{sandbox.url}/v1/models/kwaivgi/kling-v3-motion-control/predictions",
            json=body,
            headers={"Authorization": f"Bearer {KEY}"},
            timeout=PATIENCE,
        )
        assert answer.status_code == 201


# Lists of several pages


@pytest.mark.parametrize("others", [PAGE - 1, PAGE, 3 * PAGE])
def test_a_lost_submit_is_found_behind_the_jobs_of_others(
    client: Client, sandbox: Sandbox, others: int
) -> None:
    """Nothing of ours in the first pages: the list is read to its end."""
    real = Replicate.find

    def find(adapter: Any, *args: Any) -> Any:
        by_others(sandbox, others if not books(sandbox)["calls"].get("history") else 0)
        return real(adapter, *args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Replicate, "find", find)
        sandbox.fault(LOST)
        result = client.run(sample_request(), via=VIA)
    assert result.job.id == books(sandbox)["jobs"][0]["id"]
    assert len(books(sandbox)["jobs"]) == others + 1
    assert books(sandbox)["calls"]["history"] == others // PAGE + 1


def test_a_list_that_breaks_off_leaves_it_uncertain_until_it_can_be_read(
    client: Client, sandbox: Sandbox
) -> None:
    sandbox.fault(LOST)
    sandbox.fault("http:history:status=503:times=0")
    with pytest.raises(SubmitUncertain):
        client.run(sample_request(), via=VIA, key="order-1")
    sandbox.clear_faults()
    by_others(sandbox, 2 * PAGE)
    # The first page answers, the second one never does: what was not seen proves nothing.
    sandbox.fault("http:history:status=503:after=1:times=0")
    with pytest.raises(SubmitUncertain):
        client.run(sample_request(), via=VIA, key="order-1")
    sandbox.clear_faults()
    result = client.run(sample_request(), via=VIA, key="order-1")
    assert result.job.id == books(sandbox)["jobs"][0]["id"]
    assert books(sandbox)["submits"] == 2 * PAGE + 1


def test_two_identical_purchases_are_told_apart_by_their_uploads(
    client: Client, sandbox: Sandbox
) -> None:
    sandbox.fault(f"{LOST}:times=2")
    jobs = [client.submit(sample_request(), via=VIA, key=key) for key in ("order-1", "order-2")]
    assert [job.id for job in jobs] == [job["id"] for job in books(sandbox)["jobs"]]
    assert books(sandbox)["submits"] == 2


def test_two_identical_purchases_by_address_stay_uncertain_with_both_shown(
    client: Client, sandbox: Sandbox
) -> None:
    request = mk.Mimic("https://h.example/i.png", "https://h.example/v.mp4", quality="720p")
    sandbox.fault(f"{LOST}:times=2")
    for key in ("order-1", "order-2"):
        with pytest.raises(SubmitUncertain):
            client.submit(request, via=VIA, key=key)
    ids = {job["id"] for job in books(sandbox)["jobs"]}
    assert len(ids) == 2
    for key in ("order-1", "order-2"):
        shown = client.jobs.reconcile(client.jobs.get(key))
        assert {job.id for job in shown.candidates} == ids
        assert shown.entry.job is None


def test_an_hour_later_a_lost_job_is_shown_and_only_a_user_can_take_it(
    client: Client, sandbox: Sandbox
) -> None:
    sandbox.fault(LOST)
    sandbox.fault("refuse:history:status=403:times=0")
    with pytest.raises(SubmitUncertain):
        client.run(sample_request(), via=VIA, key="order-1")
    sandbox.clear_faults()
    sandbox.advance(2 * 3600)
    with pytest.raises(SubmitUncertain):
        client.run(sample_request(), via=VIA, key="order-1")
    (candidate,) = client.jobs.reconcile(client.jobs.get("order-1")).candidates
    assert candidate.id == books(sandbox)["jobs"][0]["id"]
    taken = client.jobs.reconcile(client.jobs.get("order-1"), adopt=candidate.id)
    assert taken.entry.job is not None
    with pytest.raises(JobGone) as caught:
        client.run(sample_request(), via=VIA, key="order-1")
    assert caught.value.billed is Billed.YES
    assert books(sandbox)["submits"] == 1


# Deadlines and cancels


def test_a_running_job_is_cancelled_once_and_was_charged(client: Client, sandbox: Sandbox) -> None:
    job = client.submit(sample_request(), via=VIA)
    sandbox.advance(10)
    assert client.poll(job).state is State.RUNNING
    client.cancel(job)
    with pytest.raises(JobCancelled) as caught:
        client.wait(job)
    assert caught.value.billed is Billed.YES
    assert books(sandbox)["charged"] == "0.1"


def test_a_job_that_has_not_started_is_cancelled_for_nothing(
    client: Client, sandbox: Sandbox
) -> None:
    sandbox.fault("shape:submit:shape=cold")
    job = client.submit(sample_request(), via=VIA)
    client.cancel(job)
    with pytest.raises(JobCancelled) as caught:
        client.wait(job)
    assert caught.value.billed is Billed.UNKNOWN  # no page says that it is free
    assert books(sandbox)["charged"] == "0"


@pytest.mark.parametrize(
    ("shape", "billed", "charged"),
    [("cold", Billed.NO, "0"), ("no_urls", Billed.YES, "0.1")],
)
def test_a_deadline_of_the_settings_ends_a_job(
    sandbox: Sandbox, tmp_path: Path, shape: str, billed: Billed, charged: str
) -> None:
    sandbox.fault(f"shape:submit:shape={shape}")
    with client_of(sandbox, tmp_path, cancel_after=30.0) as client:
        with pytest.raises(JobFailed) as caught:
            client.run(sample_request(), via=VIA)
        assert type(caught.value) is JobFailed
    assert caught.value.billed is billed
    assert "deadline" in caught.value.message
    assert books(sandbox)["charged"] == charged


# Webhooks


def deliver(client: Client, received: Received, number: int) -> Any:
    headers, body = received.seen[number]
    return client.parse_webhook(ACCOUNT, headers, body)


def test_a_webhook_ends_a_job_before_its_first_poll(sandbox: Sandbox, tmp_path: Path) -> None:
    with receiving() as received, client_of(sandbox, tmp_path, webhook=received.url) as client:
        job = client.submit(sample_request(), via=VIA)
        sandbox.advance(LASTS)
        told = deliver(client, received, 0)
        assert told.job is not None
        assert (told.job.id, told.status.state) == (job.id, State.SUCCEEDED)
        repeated = deliver(client, received, 0)
        assert repeated.job is not None
        result = client.wait(job)
    assert books(sandbox)["polls"] <= 1
    assert len(received.seen) == 1
    assert result.cost is not None
    assert result.cost.amount == Decimal("0.10")
    assert books(sandbox)["charged"] == "0.1"


def test_a_webhook_arrives_before_a_lost_submit_is_found(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.fault(LOST)
    sandbox.fault("refuse:history:status=403:times=0")
    with receiving() as received, client_of(sandbox, tmp_path, webhook=received.url) as client:
        with pytest.raises(SubmitUncertain):
            client.run(sample_request(), via=VIA, key="order-1")
        sandbox.advance(LASTS)
        told = deliver(client, received, 0)
        assert told.job is None  # kept: the journal has no such job yet
        sandbox.clear_faults()
        result = client.run(sample_request(), via=VIA, key="order-1")
        assert client.download(result, tmp_path / "film.mp4").exists()
    assert books(sandbox)["submits"] == 1
    assert result.job.id == books(sandbox)["jobs"][0]["id"]


def test_a_webhook_of_another_secret_changes_nothing(sandbox: Sandbox, tmp_path: Path) -> None:
    with receiving() as received, client_of(sandbox, tmp_path, webhook=received.url) as client:
        job = client.submit(sample_request(), via=VIA)
        sandbox.advance(LASTS)
        headers, body = received.seen[0]
        with pytest.raises(SignatureError):
            client.parse_webhook(ACCOUNT, headers, body.replace(b"succeeded", b"failed"))
        assert client.jobs.get(job.key).state is not State.FAILED


# A film that was lost


def test_a_film_that_is_gone_before_the_first_look_was_paid_and_nothing_new_is_bought(
    client: Client, sandbox: Sandbox
) -> None:
    job = client.submit(sample_request(), via=VIA, key="order-1")
    sandbox.advance(2 * 3600)
    for _ in range(2):
        with pytest.raises(JobGone) as caught:
            client.run(sample_request(), via=VIA, key="order-1")
        assert caught.value.billed is Billed.YES
        assert "charged" in caught.value.message
    entry = client.jobs.get("order-1")
    assert (entry.state, entry.job and entry.job.id) == (State.GONE, job.id)
    assert books(sandbox)["submits"] == 1
