"""What Runway's tasks cost, as the journal books it, and the evidence of a lost submit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import attrs
import pytest
from sandbox_runway_support import CLIP, PICTURE, account

import motionkit as mk
from motionkit.client import Client
from motionkit.errors import Billed, ContentBlocked, JobFailed, SubmitUncertain
from motionkit.model.job import State
from motionkit.model.money import CostBasis
from motionkit.sandbox import Sandbox
from motionkit.testing.sandboxed import sandbox_stage
from motionkit.testing.stage import ACCOUNT, client_for
from motionkit_runway.adapter import Runway
from motionkit_runway.sandbox import RunwaySandbox

REQUEST = mk.Mimic(PICTURE, CLIP)
HELD = Decimal(20)
"""Credits for a clip of 3.5 seconds, which counts as four."""


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(apps=[RunwaySandbox], job_seconds=100) as running:
        yield running


@pytest.fixture
def client(sandbox: Sandbox, tmp_path: Path) -> Iterator[Client]:
    with client_for(sandbox_stage(Runway, {}, sandbox), tmp_path) as made:
        yield made


def booked(client: Client, key: str = "k") -> tuple[Decimal, CostBasis]:
    cost = client.jobs.get(key).cost
    assert cost is not None
    return cost.amount, cost.basis


def ended(client: Client, sandbox: Sandbox, *faults: str) -> Exception | None:
    for fault in faults:
        sandbox.fault(fault)
    job = client.submit(REQUEST, via=ACCOUNT, key="k")
    assert booked(client) == (HELD, CostBasis.REPORTED)
    sandbox.advance(200)
    try:
        client.wait(job)
    except (JobFailed, ContentBlocked) as error:
        return error
    return None


def spent(sandbox: Sandbox) -> Decimal:
    """Return what the sandbox has kept."""
    found = account(sandbox)
    return Decimal(found["charged"]) - Decimal(found["refunded"])


def test_a_film_that_costs_less_than_the_estimate_is_booked_as_what_it_cost(
    client: Client, sandbox: Sandbox
) -> None:
    assert ended(client, sandbox, "shape:submit:shape=partial") is None
    assert booked(client) == (spent(sandbox), CostBasis.REPORTED)
    assert 0 < spent(sandbox) < HELD


@pytest.mark.parametrize(
    ("shape", "state", "kept", "billed"),
    [
        ("internal", State.FAILED, 0, Billed.NO),
        ("internal_kept", State.FAILED, 20, Billed.YES),
        ("safety_input_text", State.BLOCKED, 20, Billed.YES),
        ("safety_output", State.BLOCKED, 0, Billed.NO),
        ("cancelled_kept", State.FAILED, 20, Billed.YES),
    ],
)
def test_a_failure_is_booked_as_what_the_task_says_that_it_cost(
    client: Client,
    sandbox: Sandbox,
    shape: str,
    state: State,
    *,
    kept: int,
    billed: Billed,
) -> None:
    error = ended(client, sandbox, f"shape:submit:shape={shape}")
    assert isinstance(error, mk.MotionKitError)
    assert error.billed is billed
    assert client.jobs.get("k").state is state
    assert booked(client)[0] == kept == spent(sandbox)


def test_a_failure_that_was_charged_in_part_is_booked_as_that_part(
    client: Client, sandbox: Sandbox
) -> None:
    job = client.submit(REQUEST, via=ACCOUNT, key="k")
    body = '{"id": "x", "status": "FAILED", "failureCode": "INTERNAL", "cost": {"credits": 7}}'
    sandbox.fault(f"http:poll:status=200:body={body}")
    with pytest.raises(JobFailed) as caught:
        client.wait(job)
    assert caught.value.billed is Billed.YES
    assert caught.value.job.cost.amount == 7, "the error says it, too"
    assert booked(client) == (Decimal(7), CostBasis.REPORTED)
    (row,) = client.spend("account")
    assert row.amounts.charged == 7


def test_a_lost_submit_is_uncertain_at_once_and_never_sent_again(
    client: Client, sandbox: Sandbox
) -> None:
    sandbox.fault("accept_then_reset:submit")
    with pytest.raises(SubmitUncertain) as caught:
        client.submit(REQUEST, via=ACCOUNT, key="k")
    assert caught.value.billed is Billed.UNKNOWN
    assert account(sandbox)["calls"]["submit"] == 1


@pytest.mark.parametrize("fault", ["accept_then_reset:submit", "reset:submit"])
def test_the_numbers_before_and_after_a_lost_submit_tell_a_person_whether_it_arrived(
    client: Client, sandbox: Sandbox, fault: str
) -> None:
    sandbox.fault(fault)
    with pytest.raises(SubmitUncertain):
        client.submit(REQUEST, via=ACCOUNT, key="k")
    shown = client.jobs.reconcile(client.jobs.get("k"))
    before, now, *days = shown.usage
    arrived = fault.startswith("accept")
    assert (before["when"], now["when"]) == ("before the submit", "now")
    assert before["creditBalance"] - now["creditBalance"] == (20 if arrived else 0)
    assert before["dailyGenerations"] == {}
    assert now["dailyGenerations"] == ({"act_two": 1} if arrived else {})
    assert len(days) == (1 if arrived else 0)
    assert shown.job is None
    assert shown.notes[-1] == "since before the submit: " + (
        "creditBalance 10000 to 9980, dailyGenerations.act_two 0 to 1"
        if arrived
        else "no number of the account has changed"
    )


def test_the_numbers_of_before_are_in_the_journal_when_the_process_ends(
    client: Client, sandbox: Sandbox, tmp_path: Path
) -> None:
    sandbox.fault("accept_then_reset:submit")
    with pytest.raises(SubmitUncertain):
        client.submit(REQUEST, via=ACCOUNT, key="k")
    with client_for(sandbox_stage(Runway, {}, sandbox), tmp_path) as other:
        shown = other.jobs.reconcile(other.jobs.get("k"))
    assert shown.usage[0]["creditBalance"] == 10_000


def test_what_cannot_be_read_now_leaves_the_numbers_of_before(
    client: Client, sandbox: Sandbox
) -> None:
    sandbox.fault("accept_then_reset:submit")
    with pytest.raises(SubmitUncertain):
        client.submit(REQUEST, via=ACCOUNT, key="k")
    sandbox.fault("refuse:balance:status=403:times=0")
    shown = client.jobs.reconcile(client.jobs.get("k"))
    assert [row["when"] for row in shown.usage] == ["before the submit"]
    assert any("could not be read" in note for note in shown.notes)


def test_a_film_is_downloaded_after_its_address_has_expired(
    client: Client, sandbox: Sandbox, tmp_path: Path
) -> None:
    job = client.submit(REQUEST, via=ACCOUNT, key="k")
    sandbox.advance(200)
    result = client.wait(job)
    sandbox.advance(3 * 24 * 3600)
    polls = account(sandbox)["calls"]["poll"]
    saved = client.download(result, tmp_path / "film.mp4")
    assert saved.stat().st_size > 1000
    assert account(sandbox)["calls"]["poll"] == polls + 1


def test_the_vendors_five_seconds_between_polls_are_its_own_in_a_sandbox_that_is_faster(
    client: Client,
) -> None:
    job = client.submit(REQUEST, via=ACCOUNT, key="k")
    fast = attrs.evolve(client._observer, sandbox_speed=1000.0)
    assert fast.gap(job, 0.1, 1) < 5.0


@pytest.mark.parametrize("given", ["1e999999", -1, True, "NaN", [7], None])
def test_a_cost_that_is_none_is_unknown_and_ends_the_task_all_the_same(
    client: Client, sandbox: Sandbox, given: object
) -> None:
    job = client.submit(REQUEST, via=ACCOUNT, key="k")
    body = json.dumps({"status": "FAILED", "cost": {"credits": given}})
    sandbox.fault({"name": "http", "phase": "poll", "status": 200, "body": body, "times": 0})
    status = client.poll(job)
    assert (status.state, status.billed) == (State.FAILED, Billed.UNKNOWN)
    assert booked(client) == (HELD, CostBasis.ASSUMED), "the estimate is no charge"


def test_an_estimate_that_the_end_does_not_confirm_is_no_reported_charge(
    client: Client, sandbox: Sandbox
) -> None:
    job = client.submit(REQUEST, via=ACCOUNT, key="k")
    body = '{"id": "x", "status": "FAILED", "failureCode": "SAFETY.INPUT.TEXT"}'
    sandbox.fault(f"http:poll:status=200:body={body}")
    with pytest.raises(ContentBlocked) as caught:
        client.wait(job)
    assert caught.value.billed is Billed.UNKNOWN
    assert booked(client) == (HELD, CostBasis.ASSUMED)


def test_a_cancelled_task_shows_its_estimate_as_assumed(client: Client) -> None:
    job = client.submit(REQUEST, via=ACCOUNT, key="k")
    client.cancel(job)
    assert booked(client) == (HELD, CostBasis.ASSUMED)
