"""Whatever a vendor answers, only our errors come out, and nothing ends that was not ended."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from vendors import VENDORS
from vendors.answers import anything

from motionkit.errors import Billed, JobFailed, JobGone, MotionKitError
from motionkit.http.response import Response
from motionkit.http.session import Session
from motionkit.model.job import Job, Result, State, Status
from motionkit.model.money import Balance
from motionkit.model.submission import Call, Found, NotSeen, Submission
from motionkit.provider import Provider, SearchesHistory

T = TypeVar("T")
MINUTE_AGO, DAYS_AGO = dt.timedelta(minutes=1), dt.timedelta(days=2)

bodies = st.one_of(
    st.binary(max_size=40),
    anything.map(json.dumps).map(str.encode),
    *(
        vendor.answers.map(json.dumps).map(str.encode)
        for vendor in VENDORS.values()
        if vendor.answers is not None
    ),
    st.sampled_from([b"", b"null", b"[" * 5000, b"NaN", b'{"status": 1e999999999}', b"\xff\xfe"]),
)
statuses = st.one_of(
    st.just(200),
    st.sampled_from([200, 201, 204, 301, 400, 401, 403, 404, 406, 410, 422, 429, 500, 502, 504]),
    st.integers(100, 599),
)
headers = st.dictionaries(
    st.sampled_from(["retry-after", "x-rate-limit-reset-at-utc", "content-type"]),
    st.one_of(st.sampled_from(["1", "٣", "9" * 400, "soon", "2026-01-01"]), st.text(max_size=12)),
    max_size=2,
)
answers = st.builds(Response, statuses, headers, bodies)
hostile = settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
hostile_for_long = settings(hostile, max_examples=5000)


@attrs.frozen
class _NoUploads:
    limiter = None

    def put(self, account: str, slot: str, sha256: str | None, send: Any) -> str:
        raise NotImplementedError


@attrs.define
class Target:
    """One adapter and what its vendor answers next."""

    provider: Provider
    patch: pytest.MonkeyPatch

    def answers(self, *told: Response) -> None:
        """Answer with these in turn, and with the last one for ever."""
        left = list(told)

        def send(_session: Session, call: Call, **_: object) -> Response:
            return left.pop(0) if len(left) > 1 else left[0]

        self.patch.setattr(Session, "send", send)

    def job(self, age: dt.timedelta = MINUTE_AGO) -> Job:
        """Return a job of this account."""
        made = self.submission().job(
            "400000000000000017", fingerprint=self.provider.fingerprint, attempt_id="a-1"
        )
        return attrs.evolve(made, submitted_at=dt.datetime.now(dt.UTC) - age)

    def submission(self) -> Submission:
        """Return a paid call."""
        return Submission(
            provider=self.provider.name,
            account="hostile",
            operation="mimic",
            model="mimic",
            call=Call("POST", "/paid", json={"quality": "540p"}, paid=True),
            calls=(),
        )


@pytest.fixture(params=VENDORS)
def target(request: pytest.FixtureRequest) -> Iterator[Target]:
    vendor = VENDORS[request.param]
    settings = vendor.account(api_key="hostile-key-0123456789")
    provider: Provider = vendor.adapter("hostile", settings, _NoUploads())
    with pytest.MonkeyPatch.context() as patch:
        yield Target(provider, patch)
    provider.close()


def _may_end(provider: str, told: tuple[Response, ...], age: dt.timedelta) -> set[State]:
    """Return the terminal states that these answers may mean."""
    ends = VENDORS[provider].ends
    return {state for answer in told for state in ends(answer, age)}


def _ours(call: Callable[[], T]) -> tuple[T | None, MotionKitError | None]:
    """Return what a call gives, or the error of ours; any other one is the test's failure."""
    try:
        return call(), None
    except MotionKitError as error:
        return None, error


def _submits(target: Target, answer: Response) -> None:
    target.answers(answer)
    job, error = _ours(lambda: target.provider.submit(target.submission(), "a-1"))
    if job is not None:
        assert job.id.strip()
        assert Job.from_json(job.to_json()) == job
    elif error is not None and error.billed is Billed.NO:
        assert VENDORS[target.provider.name].is_refusal(answer), error


def _polls(target: Target, told: tuple[Response, ...], age: dt.timedelta) -> None:
    target.answers(*told)
    job = target.job(age)
    allowed = _may_end(target.provider.name, told, age)
    status, error = _ours(lambda: target.provider.poll(job))
    if status is not None:
        assert isinstance(status, Status)
        assert not status.state.terminal or status.state in allowed, status
        assert (status.state is State.SUCCEEDED) == (status.result is not None)
    elif error is not None:
        assert error.billed is not Billed.NO
        if isinstance(error, JobFailed | JobGone):  # a failed job is told under HTTP 422 alone
            assert any(answer.status == 422 for answer in told)
    result, error = _ours(lambda: target.provider.result(job))
    if result is not None:
        assert isinstance(result, Result)
        assert result.outputs
    elif error is not None and error.billed is Billed.NO:
        assert allowed & {State.FAILED, State.BLOCKED}


def _asks_balance(target: Target, answer: Response) -> None:
    target.answers(answer)
    balance, error = _ours(target.provider.balance)
    if balance is not None:
        assert isinstance(balance, Balance)
        assert balance.amount.is_finite()
    elif error is not None:
        assert error.billed is Billed.NO


def _finds(target: Target, answer: Response) -> None:
    provider = target.provider
    if not isinstance(provider, SearchesHistory):
        return
    target.answers(answer)
    found, error = _ours(lambda: provider.find(target.submission(), 1_700_000_000.0))
    if found is not None:
        assert isinstance(found, Found | NotSeen)
    elif error is not None:
        assert error.billed is not Billed.NO


@hostile
@given(answer=answers)
def test_a_submit_is_refused_only_where_the_vendor_says_so(
    target: Target, answer: Response
) -> None:
    _submits(target, answer)


@hostile
@given(told=st.tuples(answers, answers), age=st.sampled_from([MINUTE_AGO, DAYS_AGO]))
def test_a_poll_ends_a_job_only_with_a_word_that_the_vendor_documents(
    target: Target, told: tuple[Response, ...], age: dt.timedelta
) -> None:
    _polls(target, told, age)


@hostile
@given(answer=answers)
def test_a_balance_is_a_number_or_an_error_of_ours(target: Target, answer: Response) -> None:
    _asks_balance(target, answer)


@hostile
@given(answer=answers)
def test_a_history_finds_a_job_or_says_that_it_saw_none(target: Target, answer: Response) -> None:
    _finds(target, answer)


@pytest.mark.soak
@hostile_for_long
@given(told=st.tuples(answers, answers), age=st.sampled_from([MINUTE_AGO, DAYS_AGO]))
def test_thousands_of_answers_bring_out_nothing_else(
    target: Target, told: tuple[Response, ...], age: dt.timedelta
) -> None:
    _submits(target, told[0])
    _polls(target, told, age)
    _asks_balance(target, told[0])
    _finds(target, told[0])
