"""Cancelling: the vendor's word decides, what has not left costs nothing, and nothing is hidden."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import attrs
import pytest
from cancelling import Asynchronous, Broken, Cancelling, CancellingStage, Deaf
from patience import PATIENCE

import motionkit as mk
from motionkit.client import CancelPlan, plan_cancel
from motionkit.config import Account, Config, Defaults
from motionkit.errors import (
    Busy,
    InvalidRequest,
    JobCancelled,
    JobFailed,
    MotionKitError,
    ProviderUnavailable,
    SubmitUncertain,
    Unsupported,
    WaitTimeout,
)
from motionkit.journal import Journal
from motionkit.model.job import KeyState, State
from motionkit.routing import Route
from motionkit.testing.contract import ProviderContract
from motionkit.testing.memory import MemoryStage
from motionkit.testing.stage import (
    ACCOUNT,
    JOB_SECONDS,
    Situation,
    client_for,
    options_for,
    sample_request,
)


def bought(client: mk.Client, **options: Any) -> mk.Job:
    return client.submit(sample_request(), via=ACCOUNT, key="k", **options)


def test_a_job_that_its_vendor_cancels_ends_as_cancelled(tmp_path: Path) -> None:
    stage = CancellingStage()
    with client_for(stage, tmp_path) as client:
        job = bought(client)
        ended = client.cancel(job)
        entry = client.jobs.get("k")
        with pytest.raises(JobCancelled) as caught:
            client.wait(job)
    assert ended.outcome is mk.CancelOutcome.CANCELLED
    assert (ended.state, ended.billed) == (State.FAILED, mk.Billed.YES)
    assert entry.cancelled
    assert not entry.open
    assert "was cancelled (vendor status canceled)" in caught.value.message
    assert isinstance(caught.value, JobFailed)


def test_a_request_that_the_vendor_only_took_is_confirmed_by_a_poll(tmp_path: Path) -> None:
    stage = CancellingStage(provider_class=Asynchronous)
    with client_for(stage, tmp_path) as client:
        ended = client.cancel(bought(client))
        assert client.jobs.get("k").cancelled
    assert ended.outcome is mk.CancelOutcome.CANCELLED


def test_a_request_that_is_not_confirmed_cancels_nothing_and_the_job_is_polled_on(
    tmp_path: Path,
) -> None:
    stage = CancellingStage(provider_class=Deaf)
    with client_for(stage, tmp_path) as client:
        job = bought(client)
        asked = client.cancel(job, timeout=5)
        entry = client.jobs.get("k")
        assert asked.outcome is mk.CancelOutcome.REQUESTED
        assert asked.billed is mk.Billed.UNKNOWN
        assert entry.open
        assert not entry.cancelled
        assert client.wait(job, timeout=JOB_SECONDS * 2).url
        assert client.jobs.get("k").state is State.SUCCEEDED


def test_a_job_that_finished_while_it_was_cancelled_is_a_success(tmp_path: Path) -> None:
    stage = CancellingStage(provider_class=Deaf)
    with client_for(stage, tmp_path) as client:
        ended = client.cancel(bought(client), timeout=JOB_SECONDS * 2)
        assert client.jobs.get("k").state is State.SUCCEEDED
    assert ended.outcome is mk.CancelOutcome.TOO_LATE
    assert (ended.state, ended.billed) == (State.SUCCEEDED, mk.Billed.YES)
    assert str(ended.cost) == "0.20 USD (reported)"


def test_a_finished_job_is_too_late_and_its_vendor_is_not_asked_to_cancel_it(
    tmp_path: Path,
) -> None:
    """At some vendors the same call deletes a finished job, with its file."""
    stage = CancellingStage()
    with client_for(stage, tmp_path) as client:
        job = bought(client)
        stage.pass_time(JOB_SECONDS)
        ended = client.cancel(job)
        assert client.result(job).url
    assert ended.outcome is mk.CancelOutcome.TOO_LATE
    assert not stage.provider_class.asked


def test_a_vendor_that_does_not_answer_leaves_the_job_unfinished(tmp_path: Path) -> None:
    stage = CancellingStage(provider_class=Broken)
    with client_for(stage, tmp_path) as client:
        job = bought(client)
        with pytest.raises(ProviderUnavailable) as caught:
            client.cancel(job)
        assert client.jobs.get("k").open
    assert caught.value.job == job
    assert caught.value.billed is mk.Billed.UNKNOWN
    assert len(stage.provider_class.asked) == 1


@pytest.mark.parametrize(
    ("queued", "billed"), [(True, mk.Billed.NO), (False, mk.Billed.YES)], ids=["queued", "running"]
)
def test_the_plan_says_what_it_costs_to_cancel_in_the_jobs_state(
    tmp_path: Path, queued: bool, billed: mk.Billed
) -> None:
    stage = CancellingStage()
    stage.provider_class.queued = queued
    with client_for(stage, tmp_path) as client:
        job = bought(client)
        plan = plan_cancel(client, job)
        assert isinstance(plan, CancelPlan)
        assert plan.billed is billed
        assert plan.cost == "for 0.20 USD as quoted"
        ended = client.cancel(job)
    assert ended.billed is billed
    assert (ended.cost is not None and ended.cost.amount == 0) is queued


def test_a_state_that_the_terms_do_not_name_may_be_charged(tmp_path: Path) -> None:
    stage = CancellingStage()
    stage.arrange(Situation.STRANGE_WORD)
    with client_for(stage, tmp_path) as client:
        plan = plan_cancel(client, bought(client))
    assert isinstance(plan, CancelPlan)
    assert plan.billed is mk.Billed.UNKNOWN


def test_a_vendor_without_it_says_that_the_job_goes_on_and_what_it_costs(tmp_path: Path) -> None:
    stage = MemoryStage()
    with client_for(stage, tmp_path) as client:
        job = bought(client)
        with pytest.raises(Unsupported) as caught:
            client.cancel(job)
        assert client.jobs.get("k").open
        stage.pass_time(JOB_SECONDS)
        assert client.cancel(job).outcome is mk.CancelOutcome.TOO_LATE
    error = caught.value
    assert error.message == (
        f"memory cannot cancel a job: job {job.id} at {ACCOUNT} is running and continues, for 0.20 "
        "USD as quoted"
    )
    assert error.billed is mk.Billed.UNKNOWN
    assert error.job == job
    assert "Ctrl-C" in (error.hint or "")


def test_a_cancelled_job_is_not_paid_for_again(tmp_path: Path) -> None:
    """A route with paid retries takes a failed job's next target; somebody wanted this one gone."""
    stage = CancellingStage()
    options = options_for(stage, tmp_path)
    account = options["config"].accounts[ACCOUNT]
    two = attrs.evolve(account, name="second")
    options["config"] = attrs.evolve(
        options["config"],
        accounts={ACCOUNT: account, "second": two},
        routes={"both": Route(name="both", targets=(ACCOUNT, "second"), paid_retries=1)},
    )

    def cancel(event: mk.Event) -> None:
        if isinstance(event, mk.Submitted):  # before the first poll
            client.account(ACCOUNT).cancel(event.job)  # type: ignore[attr-defined]  # another process

    with mk.Client(**options) as client:
        with pytest.raises(JobCancelled):
            client.run(sample_request(), via="both", key="k", watch=cancel)
        rows = client.jobs.get("k").decision
    assert stage.bought() == 1
    assert "stop_cancelled" in {row["reason"] for row in rows}


# Before anything has left.


def test_a_submit_that_is_about_to_leave_is_stopped_free_of_charge(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The intention is in the journal; another process cancels it before the first byte."""
    stage = CancellingStage()
    sending = Journal.sending
    with client_for(stage, tmp_path) as client, client_for(stage, tmp_path) as other:

        def cancelled_first(self: Journal, *args: Any) -> Any:
            ended = other.cancel(other.jobs.get("k"))
            assert ended.outcome is mk.CancelOutcome.NOT_SENT
            assert ended.billed is mk.Billed.NO
            return sending(self, *args)

        monkeypatch.setattr(Journal, "sending", cancelled_first)
        with pytest.raises(JobCancelled) as caught:
            bought(client)
        assert caught.value.billed is mk.Billed.NO
        assert stage.bought() == 0
        assert client.jobs.get("k").cancelled
        monkeypatch.setattr(Journal, "sending", sending)
        assert bought(client).id  # the key can be used again
    assert stage.bought() == 1


def test_a_route_does_not_fall_back_from_a_submit_that_was_cancelled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = CancellingStage()
    options = options_for(stage, tmp_path)
    account = options["config"].accounts[ACCOUNT]
    options["config"] = attrs.evolve(
        options["config"],
        accounts={ACCOUNT: account, "second": attrs.evolve(account, name="second")},
        routes={"both": Route(name="both", targets=(ACCOUNT, "second"), paid_retries=3)},
    )
    sending = Journal.sending
    with mk.Client(**options) as client:

        def cancelled_first(self: Journal, *args: Any) -> Any:
            client.jobs.cancel_unsent(client.jobs.get("k"))
            return sending(self, *args)

        monkeypatch.setattr(Journal, "sending", cancelled_first)
        with pytest.raises(JobCancelled):
            client.run(sample_request(), via="both", key="k")
    assert stage.bought() == 0


def test_a_submit_that_waits_after_a_refusal_gives_up_when_its_purchase_is_cancelled(
    tmp_path: Path,
) -> None:
    stage = CancellingStage()
    stage.arrange(Situation.BUSY)
    options = options_for(stage, tmp_path)
    with client_for(stage, tmp_path) as other:
        waits = []

        def sleep(seconds: float) -> None:
            waits.append(other.cancel("k"))
            options["clock"].now += seconds

        with (
            mk.Client(**{**options, "sleep": sleep}) as client,
            pytest.raises(JobCancelled) as caught,
        ):
            bought(client, wait_for_slot=600)
    assert [one.outcome for one in waits] == [mk.CancelOutcome.NOT_SENT]
    assert caught.value.billed is mk.Billed.NO
    assert stage.bought() == 0


@pytest.mark.parametrize("again", [False, True], ids=["refused", "cancelled before"])
@pytest.mark.parametrize("via", [ACCOUNT, "both"])
def test_a_submit_that_is_made_again_stops_where_its_purchase_was_cancelled_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, via: str, again: bool
) -> None:
    """It waits for a slot or the rate limit; another process cancels the refused purchase."""
    stage = CancellingStage()
    options = options_for(stage, tmp_path)
    account = options["config"].accounts[ACCOUNT]
    options["config"] = attrs.evolve(
        options["config"],
        accounts={ACCOUNT: account, "second": attrs.evolve(account, name="second")},
        routes={"both": Route(name="both", targets=(ACCOUNT, "second"))},
    )
    stage.arrange(Situation.BUSY)
    intend = Journal.intend
    ended = []
    with mk.Client(**options) as client, client_for(stage, tmp_path) as other:
        with pytest.raises(Busy):
            client.submit(sample_request(), via=ACCOUNT, key="k", wait_for_slot=0)
        if again:
            other.cancel("k")

        def cancelled_first(self: Journal, *args: Any, **how: Any) -> Any:
            assert how["after_refusal"]
            ended.append(other.cancel("k").outcome)
            return intend(self, *args, **how)

        monkeypatch.setattr(Journal, "intend", cancelled_first)
        with pytest.raises(JobCancelled) as caught:
            client.submit(sample_request(), via=via, key="k")
        assert caught.value.billed is mk.Billed.NO
        assert client.jobs.get("k").cancelled
    assert ended == [mk.CancelOutcome.NOT_SENT]
    assert stage.bought() == 0


def test_a_submit_of_another_thread_that_waits_for_a_slot_ends_and_buys_nothing(
    tmp_path: Path,
) -> None:
    stage = CancellingStage()
    settings = attrs.evolve(stage.settings, max_concurrent=1)
    account = Account(ACCOUNT, "memory", settings)
    config = Config(
        accounts={ACCOUNT: account}, defaults=Defaults(), journal=tmp_path / "journal.db"
    )
    ends: list[BaseException] = []
    begun = threading.Event()
    with mk.Client(config, provider_classes={"memory": stage.provider_class}) as client:
        client.submit(sample_request(), via=ACCOUNT, key="first")

        def second() -> None:
            try:
                client.submit(
                    sample_request(quality="720p"),
                    via=ACCOUNT,
                    key="second",
                    announce=lambda _: begun.set(),
                )
            except MotionKitError as error:
                ends.append(error)

        thread = threading.Thread(target=second)
        thread.start()
        assert begun.wait(PATIENCE)
        ended = client.cancel("second")
        thread.join(PATIENCE)
    assert ended.outcome is mk.CancelOutcome.NOT_SENT
    assert ended.key == "second"
    (error,) = ends
    assert isinstance(error, MotionKitError)
    assert error.billed is mk.Billed.NO
    assert stage.bought() == 1


def test_what_may_have_been_submitted_is_not_cancelled_here(tmp_path: Path) -> None:
    stage = CancellingStage()
    stage.arrange(Situation.SUBMIT_5XX)
    with client_for(stage, tmp_path) as client:
        with pytest.raises(SubmitUncertain):
            bought(client)
        with pytest.raises(SubmitUncertain, match="may have arrived"):
            client.cancel("k")
        assert client.jobs.get("k").state is KeyState.UNCERTAIN


@pytest.mark.parametrize("value", ["nothing of the kind", 7, None])
def test_what_names_no_purchase_is_refused(tmp_path: Path, value: Any) -> None:
    with (
        client_for(CancellingStage(), tmp_path) as client,
        pytest.raises(InvalidRequest) as caught,
    ):
        client.cancel(value)
    assert caught.value.field == "job"


def test_coroutines_cancel_too(tmp_path: Path) -> None:
    async def main() -> mk.CancelResult:
        async with mk.AsyncClient(**options_for(CancellingStage(), tmp_path)) as client:
            return await client.cancel(await client.submit(sample_request(), via=ACCOUNT))

    assert asyncio.run(main()).outcome is mk.CancelOutcome.CANCELLED


def test_a_wait_elsewhere_ends_when_the_job_is_cancelled(tmp_path: Path) -> None:
    stage = CancellingStage()
    with client_for(stage, tmp_path) as client:
        job = bought(client)
        with pytest.raises(WaitTimeout):
            client.wait(job, timeout=1)
        stage.provider_class.cancelled.add(job.id)
        with pytest.raises(JobCancelled):
            client.wait(job)


@pytest.mark.parametrize("kind", [Cancelling, Asynchronous])
class TestCancelling(ProviderContract):
    """A vendor that cancels keeps the contract of all."""

    @pytest.fixture
    def stage(self, kind: type[Cancelling]) -> CancellingStage:
        return CancellingStage(provider_class=kind)


def test_a_job_that_ended_before_is_too_late_though_its_vendor_forgot_it(tmp_path: Path) -> None:
    stage = MemoryStage()
    with client_for(stage, tmp_path) as client:
        job = bought(client)
        stage.pass_time(JOB_SECONDS)
        client.wait(job)
        stage.arrange(Situation.STRANGE_WORD)
        ended = client.cancel(job)
    assert ended.outcome is mk.CancelOutcome.TOO_LATE
    assert (ended.state, ended.billed) == (State.SUCCEEDED, mk.Billed.YES)
    assert str(ended.cost) == "0.20 USD (reported)"
