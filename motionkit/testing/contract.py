"""The contract of every provider, as tests.

A provider's test subclasses `ProviderContract` and supplies the ``stage`` fixture. The tests can
neither be removed nor replaced; `xfails` names those that a vendor cannot pass, with a reason.
"""

from __future__ import annotations

import logging
import pickle
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import pytest

import motionkit as mk
from motionkit.client import Client, inspect_media
from motionkit.errors import (
    Billed,
    ConfigError,
    InvalidRequest,
    JobFailed,
    JobGone,
    JobNotFound,
    MotionKitError,
    NotReady,
    SubmitUncertain,
    Unsupported,
    WaitTimeout,
)
from motionkit.model.job import Job, State, Status, UnknownReason
from motionkit.model.money import Unit
from motionkit.model.submission import Submission
from motionkit.provider import Cancels, Provider, fit_at, pick_offer
from motionkit.testing.stage import (
    ACCOUNT,
    AMBIGUOUS,
    HICCUPS,
    JOB_SECONDS,
    REFUSALS,
    WRONG_KEY_ERROR,
    Situation,
    Stage,
    client_for,
    sample_request,
)

LONG_ENOUGH = JOB_SECONDS + 5


class ProviderContract:
    """Subclass it as ``Test...``, with a ``stage`` fixture.

    Attributes:
        xfails: The reason why this vendor cannot pass a test, by test name; it names the
            vendor's page.
        unsupported: A neutral value that the vendor's default offer cannot express.
        refused_quality: A quality that it does not offer.
    """

    xfails: ClassVar[Mapping[str, str]] = {}
    unsupported: ClassVar[Mapping[str, Any]] = {"seed": 7}
    refused_quality: ClassVar[str] = "1080p"

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if cls.__module__ == __name__:
            return
        for name in vars(cls):
            if name.startswith("test_") and hasattr(ProviderContract, name):
                raise TypeError(f"{cls.__name__}.{name}: a contract test cannot be replaced")
        for name, reason in cls.xfails.items():
            if not hasattr(ProviderContract, name.partition("[")[0]) or not reason.strip():
                raise TypeError(f"{cls.__name__}.xfails: {name!r} needs a test and a reason")

    @pytest.fixture
    def stage(self) -> Iterator[Stage]:
        """Return a fresh stage; every subclass supplies its own."""
        raise NotImplementedError

    @pytest.fixture
    def client(self, stage: Stage, tmp_path: Path) -> Iterator[Client]:
        """Return a client with the stage's account."""
        with client_for(stage, tmp_path) as made:
            yield made

    @pytest.fixture
    def provider(self, client: Client) -> Provider:
        """Return the adapter under test."""
        return client.account(ACCOUNT)

    def request_for(self, **values: Any) -> mk.Request:
        """Return a valid request."""
        return sample_request(**values)

    def prepared(self, provider: Provider, **options: Any) -> Submission:
        """Return the submission of a valid request."""
        request = self.request_for()
        offer = pick_offer(provider.offers, request.operation, None, target=ACCOUNT)
        return provider.prepare(fit_at(provider, request, offer, inspect_media(request)), **options)

    def submitted(self, client: Client) -> Job:
        """Submit a valid request."""
        return client.submit(self.request_for(), via=ACCOUNT)

    # prepare

    def test_a_dry_preparation_names_every_call_and_the_paid_one_last(
        self, provider: Provider
    ) -> None:
        submission = self.prepared(provider, dry=True)
        assert [call.paid for call in submission.calls].count(True) == 1
        assert submission.calls[-1].paid
        assert submission.call.method == "POST"

    def test_preparing_twice_gives_the_same_kind_of_call(self, provider: Provider) -> None:
        first, second = self.prepared(provider), self.prepared(provider)
        assert first.call.path == second.call.path
        assert set(first.call.json) == set(second.call.json)

    def test_a_field_that_the_target_cannot_express_is_refused_by_name(
        self, client: Client
    ) -> None:
        with pytest.raises(Unsupported) as caught:
            client.submit(self.request_for(**self.unsupported), via=ACCOUNT)
        assert caught.value.field in self.unsupported
        assert caught.value.billed is Billed.NO

    def test_a_quality_that_is_not_offered_is_refused_with_what_is(self, client: Client) -> None:
        with pytest.raises(InvalidRequest) as caught:
            client.submit(self.request_for(quality=self.refused_quality), via=ACCOUNT)
        assert caught.value.field == "quality"
        assert caught.value.value == self.refused_quality
        assert caught.value.limit

    # quote and balance

    def test_a_quote_says_low_likely_high_with_source_and_date(self, client: Client) -> None:
        quote = client.quote(self.request_for(), via=ACCOUNT)
        assert quote is not None
        assert isinstance(quote.likely, Decimal)
        assert quote.low is not None
        assert quote.high is not None
        assert quote.low <= quote.likely <= quote.high
        assert quote.usd_likely is not None
        assert quote.source
        assert quote.as_of is not None

    def test_the_balance_is_a_decimal_with_a_unit(self, client: Client) -> None:
        balance = client.balance(ACCOUNT)
        assert isinstance(balance.amount, Decimal)
        assert isinstance(balance.unit, Unit)
        if balance.pools:
            assert sum(balance.pools.values()) == balance.amount

    # submit, poll, result

    def test_a_submit_gives_a_job_of_this_account(
        self, client: Client, provider: Provider, stage: Stage
    ) -> None:
        job = self.submitted(client)
        assert job.id
        assert job.provider == provider.name
        assert job.account == ACCOUNT
        assert job.fingerprint == provider.fingerprint
        assert job.attempt_id
        assert job.key
        assert stage.bought() in {1, None}

    def test_a_fresh_job_is_not_terminal(self, client: Client) -> None:
        status = client.poll(self.submitted(client))
        assert status.state in {State.QUEUED, State.RUNNING}
        assert status.word

    def test_an_unfinished_result_is_not_ready(self, client: Client) -> None:
        job = self.submitted(client)
        with pytest.raises(NotReady) as caught:
            client.result(job)
        assert caught.value.job == job
        assert caught.value.billed is not Billed.NO

    def test_a_finished_job_gives_an_address_and_a_cost(self, client: Client, stage: Stage) -> None:
        job = self.submitted(client)
        stage.pass_time(LONG_ENOUGH)
        assert client.poll(job).state is State.SUCCEEDED
        result = client.result(job)
        assert result.url.startswith(("https://", "http://127.0.0.1"))
        assert result.cost is not None
        assert result.cost.amount > 0
        assert isinstance(result.cost.amount, Decimal)

    def test_waiting_ends_with_the_result(self, client: Client) -> None:
        seen: list[Status] = []
        job = self.submitted(client)
        result = client.wait(job, timeout=600, watch=lambda _, status: seen.append(status))
        assert result.job.id == job.id
        assert seen[-1].state is State.SUCCEEDED
        assert not any(status.state.terminal for status in seen[:-1])

    def test_waiting_too_short_leaves_the_job_running(self, client: Client) -> None:
        job = self.submitted(client)
        with pytest.raises(WaitTimeout) as caught:
            client.wait(job, timeout=10)
        assert caught.value.job == job
        assert caught.value.billed is not Billed.NO
        assert client.jobs.get(job.key).open

    # terminal failures

    def test_a_failed_job_ends_as_failed(self, client: Client, stage: Stage) -> None:
        job = self._ended(client, stage, Situation.JOB_FAILS, State.FAILED)
        with pytest.raises(JobFailed):
            client.result(job)

    def test_a_moderated_job_ends_as_blocked(self, client: Client, stage: Stage) -> None:
        self._ended(client, stage, Situation.JOB_BLOCKED, State.BLOCKED)

    def test_a_dropped_job_is_never_called_failed(self, client: Client, stage: Stage) -> None:
        stage.arrange(Situation.JOB_GONE)
        job = self.submitted(client)
        stage.pass_time(LONG_ENOUGH)
        with pytest.raises((JobGone, JobNotFound)) as caught:
            client.wait(job, timeout=100_000)
        assert caught.value.billed is not Billed.NO  # a vendor may still know that it was charged

    def _ended(self, client: Client, stage: Stage, situation: Situation, state: State) -> Job:
        stage.arrange(situation)
        job = self.submitted(client)
        stage.pass_time(LONG_ENOUGH)
        status = client.poll(job)
        assert status.state is state
        with pytest.raises(MotionKitError) as caught:
            client.wait(job)
        assert caught.value.job == job
        assert caught.value.provider == job.provider
        assert client.jobs.get(job.key).state is state
        return job

    # cancelling

    def test_a_job_is_cancelled_by_the_vendors_word_or_goes_on(
        self, client: Client, provider: Provider
    ) -> None:
        job = self.submitted(client)
        if not isinstance(provider, Cancels):
            with pytest.raises(Unsupported) as caught:
                client.cancel(job)
            assert caught.value.job == job
            assert caught.value.billed is not Billed.NO
            assert client.jobs.get(job.key).open
            return
        assert provider.cancel_terms.source
        ended = client.cancel(job, timeout=LONG_ENOUGH)
        entry = client.jobs.get(job.key)
        assert ended.outcome is not mk.CancelOutcome.NOT_SENT
        assert entry.cancelled is (ended.outcome is mk.CancelOutcome.CANCELLED)
        assert client.cancel(job).outcome is mk.CancelOutcome.TOO_LATE

    # unknown states

    def test_a_strange_word_is_unknown_and_ends_nothing(self, client: Client, stage: Stage) -> None:
        job = self.submitted(client)
        stage.arrange(Situation.STRANGE_WORD)
        self._unknown(client, job, UnknownReason.STRANGE_WORD)

    def test_not_found_is_unknown_and_ends_nothing_at_once(
        self, client: Client, stage: Stage
    ) -> None:
        job = self.submitted(client)
        stage.arrange(Situation.NOT_FOUND)
        self._unknown(client, job, UnknownReason.NOT_FOUND)

    def test_done_without_output_is_unknown_until_there_is_one(
        self, client: Client, stage: Stage
    ) -> None:
        job = self.submitted(client)
        stage.pass_time(LONG_ENOUGH)
        stage.arrange(Situation.NO_OUTPUT)
        self._unknown(client, job, UnknownReason.NO_OUTPUT)

    def _unknown(self, client: Client, job: Job, reason: UnknownReason) -> None:
        """Check that a poll says unknown, and that waiting goes on to the result."""
        status = client.poll(job)
        assert status.state is State.UNKNOWN
        assert status.doubt is reason
        assert client.wait(job, timeout=600).url

    # errors

    @pytest.mark.parametrize("situation", REFUSALS, ids=lambda situation: situation.name)
    def test_a_refused_submit_bought_nothing(
        self, provider: Provider, stage: Stage, situation: Situation
    ) -> None:
        submission = self.prepared(provider)
        stage.arrange(situation)
        with pytest.raises(REFUSALS[situation]) as caught:
            provider.submit(submission, "5f0c2d5e-0000-4000-8000-000000000001")
        assert caught.value.billed is Billed.NO
        assert caught.value.account == ACCOUNT
        assert stage.bought() in {0, None}

    @pytest.mark.parametrize("situation", AMBIGUOUS, ids=lambda situation: situation.name)
    def test_an_unreadable_submit_may_have_bought(
        self, provider: Provider, stage: Stage, situation: Situation
    ) -> None:
        submission = self.prepared(provider)
        stage.arrange(situation)
        with pytest.raises(MotionKitError) as caught:
            provider.submit(submission, "5f0c2d5e-0000-4000-8000-000000000002")
        assert caught.value.billed is Billed.UNKNOWN
        assert stage.bought() in {0, 1, None}

    def test_an_unreadable_submit_ends_in_its_job_or_uncertain(
        self, client: Client, stage: Stage
    ) -> None:
        stage.arrange(Situation.SUBMIT_5XX)
        try:
            job = self.submitted(client)
        except SubmitUncertain as error:
            assert error.billed is Billed.UNKNOWN  # noqa: PT017 - either end is right
        else:
            assert client.wait(job, timeout=600).url
        assert stage.bought() in {0, 1, None}

    @pytest.mark.parametrize("situation", HICCUPS, ids=lambda situation: situation.name)
    def test_a_failing_observation_says_nothing_of_the_job(
        self, client: Client, provider: Provider, stage: Stage, situation: Situation
    ) -> None:
        job = self.submitted(client)
        stage.arrange(situation)
        with pytest.raises(HICCUPS[situation]) as caught:
            provider.poll(job)
        assert caught.value.billed is not Billed.NO
        stage.arrange(situation)
        assert client.wait(job, timeout=600).url

    def test_a_wrong_key_is_told_by_a_free_call(self, stage: Stage, tmp_path: Path) -> None:
        with client_for(stage, tmp_path, stage.wrong_key()) as client:
            with pytest.raises(WRONG_KEY_ERROR) as caught:
                client.balance(ACCOUNT)
            assert caught.value.billed is Billed.NO

    # jobs as values

    def test_a_job_goes_on_from_its_json(
        self, client: Client, stage: Stage, tmp_path: Path
    ) -> None:
        job = Job.from_json(self.submitted(client).to_json())
        stage.pass_time(LONG_ENOUGH)
        elsewhere = tmp_path / "elsewhere"
        with client_for(stage, elsewhere) as other:
            assert other.poll(job).state is State.SUCCEEDED

    def test_a_job_of_another_key_is_not_polled(
        self, client: Client, stage: Stage, tmp_path: Path
    ) -> None:
        job = self.submitted(client)
        with client_for(stage, tmp_path / "other", stage.wrong_key()) as other:
            assert other.account(ACCOUNT).fingerprint != job.fingerprint
            with pytest.raises(ConfigError) as caught:
                other.poll(job)
            assert caught.value.billed is not Billed.NO

    def test_the_same_request_twice_is_one_job(self, client: Client) -> None:
        assert self.submitted(client) == self.submitted(client)

    # secrets

    def test_no_key_shows_anywhere(
        self,
        client: Client,
        provider: Provider,
        stage: Stage,
        tmp_path: Path,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        key = stage.settings.api_key.encode().decode()
        caplog.set_level(logging.DEBUG)
        job = self.submitted(client)
        with pytest.raises(NotReady) as caught:
            client.result(job)
        shown = [
            job.to_json(),
            repr(job),
            repr(self.prepared(provider)),
            repr(client.explain(self.request_for(), via=ACCOUNT)),
            repr(stage.settings),
            str(caught.value),
            repr(caught.value),
            caplog.text,
        ]
        assert not any(key in text for text in shown)
        assert key.encode() not in pickle.dumps(caught.value)
        for path in tmp_path.rglob("*"):
            assert not path.is_file() or key.encode() not in path.read_bytes()
