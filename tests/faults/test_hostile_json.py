"""Whatever a vendor answers, only our errors come out, and nothing ends that was not ended."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from matrix import ALL, FAL, PIXVERSE, REFUSALS, SEGMIND
from matrix_fal import REFUSALS as FAL_REFUSALS

from motionkit.errors import Billed, JobFailed, JobGone, MotionKitError
from motionkit.http.response import Response
from motionkit.http.session import Session
from motionkit.model.job import Job, Result, State, Status
from motionkit.model.money import Balance
from motionkit.model.submission import Call, Found, NotSeen, Submission
from motionkit.provider import Provider, SearchesHistory
from motionkit_fal.adapter import Fal
from motionkit_pixverse.adapter import PixVerse
from motionkit_segmind.adapter import Segmind

T = TypeVar("T")
MINUTE_AGO, DAYS_AGO = dt.timedelta(minutes=1), dt.timedelta(days=2)
FILM = "https://media.invalid/film.mp4"

# What a vendor's answers are made of: its own words in its own places, and anything else.
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-10, 10),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.sampled_from([1, 5, 6, 7, 8, "1", "7", "", FILM, "-0", "1e400", "٣", "0x1"]),
    st.sampled_from(["QUEUED", "PROCESSING", "COMPLETED", "FAILED", "PENDING", "completed"]),
    st.sampled_from([0, "0", 500044, 500063, 500064, 500008, 99999, 500100, 400017, 123456]),
    st.sampled_from(["record not found", "content policy violation", "[[", '{"a":1}', "AAAA" * 40]),
)
names = st.sampled_from(
    [
        "ErrCode",
        "ErrMsg",
        "Resp",
        "err_code",
        "err_msg",
        "resp",
        "status",
        "url",
        "id",
        "video_id",
        "credit",
        "credits",
        "request_id",
        "output",
        "video",
        "error",
        "metrics",
        "cost",
        "detail",
        "message",
        "data",
        "images",
        "outputWidth",
        "size",
        "free-credits",
        "credit_monthly",
        "credit_package",
        "request_body",
        "model_status",
        "generation_url",
        "model_created",
    ]
)
anything = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(names, st.text(max_size=4)), inner, max_size=6),
    ),
    max_leaves=12,
)
_inside = st.fixed_dictionaries(
    {},
    optional={
        "status": scalars,
        "url": anything,
        "id": scalars,
        "video_id": anything,
        "credit": anything,
        "credits": anything,
        "credit_monthly": anything,
        "credit_package": anything,
        "outputWidth": anything,
        "size": anything,
    },
)
pixverse_like = st.fixed_dictionaries(
    {"ErrCode": st.one_of(st.just(0), scalars), "Resp": st.one_of(_inside, anything)},
    optional={"ErrMsg": st.one_of(st.just("invalid param"), anything)},
)
segmind_like = st.fixed_dictionaries(
    {},
    optional={
        "status": scalars,
        "request_id": anything,
        "output": anything,
        "video": anything,
        "images": anything,
        "metrics": st.one_of(st.fixed_dictionaries({"cost": anything}), anything),
        "error": anything,
        "credits": anything,
        "free-credits": anything,
        "data": st.lists(
            st.fixed_dictionaries(
                {},
                optional={
                    "request_id": anything,
                    "request_body": anything,
                    "model_status": scalars,
                    "generation_url": anything,
                    "model_created": anything,
                    "credits_deduction": anything,
                },
            ),
            max_size=3,
        ),
        "model_status": scalars,
        "generation_url": anything,
        "credits_deduction": anything,
    },
)
bodies = st.one_of(
    st.binary(max_size=40),
    anything.map(json.dumps).map(str.encode),
    pixverse_like.map(json.dumps).map(str.encode),
    segmind_like.map(json.dumps).map(str.encode),
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


@pytest.fixture(params=ALL)
def target(request: pytest.FixtureRequest) -> Iterator[Target]:
    adapter: type[Any] = {PIXVERSE: PixVerse, SEGMIND: Segmind, FAL: Fal}[request.param]
    provider = adapter("hostile", adapter.settings(api_key="hostile-key-0123456789"), _NoUploads())
    with pytest.MonkeyPatch.context() as patch:
        yield Target(provider, patch)
    provider.close()


def _data(answer: Response) -> Any:
    """Read an answer with the standard library alone; None when it is no JSON."""
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError):
        return None


def _number(value: Any) -> int | None:
    if type(value) is int:
        return value
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 20:
        return int(value)
    return None


def _envelope(answer: Response) -> Mapping[str, Any]:
    data = _data(answer)
    if not isinstance(data, Mapping):
        return {}
    return {str(name).replace("_", "").casefold(): value for name, value in data.items()}


def _is_refusal(provider: str, answer: Response) -> bool:
    """Tell whether the vendor's own pages call this answer a refusal of a paid call."""
    if provider == SEGMIND:
        return answer.status in REFUSALS[SEGMIND]
    if provider == FAL:  # a gateway's 429 has no body
        said = isinstance(_data(answer), Mapping) and _data(answer) != {}
        return answer.status in FAL_REFUSALS and (said or answer.status != 429)
    code = _number(_envelope(answer).get("errcode"))
    if code is None:
        return answer.status in {401, 403, 429}
    return code in REFUSALS[PIXVERSE]


def _may_end(provider: str, told: tuple[Response, ...], age: dt.timedelta) -> set[State]:
    """Return the terminal states that these answers may mean."""
    ends: set[State] = set()
    for answer in told:
        if provider == PIXVERSE:
            envelope = _envelope(answer)
            code, content = _number(envelope.get("errcode")), envelope.get("resp")
            ends |= {State.GONE} if code == 500064 else set()
            if code == 0 and isinstance(content, Mapping):
                word = _number(content.get("status"))
                url = content.get("url")
                ends |= {7: {State.BLOCKED}, 8: {State.FAILED}, 6: {State.GONE}}.get(
                    word if word is not None else 0, set()
                )
                if word == 1 and isinstance(url, str) and url.startswith(("http://", "https://")):
                    ends.add(State.SUCCEEDED)
            continue
        data = _data(answer)
        if provider == FAL:  # what the result says is checked row by row elsewhere
            done = isinstance(data, Mapping) and data.get("status") == "COMPLETED"
            ends |= {State.SUCCEEDED, State.FAILED, State.BLOCKED} if done else set()
            continue
        if answer.status == 404 and age > dt.timedelta(hours=1):
            ends.add(State.GONE)
        row = data.get("data") if isinstance(data, Mapping) else None
        for found in (data, row):
            if not isinstance(found, Mapping):
                continue
            words = _words(found.get("status"), found.get("model_status"))
            ends |= {State.FAILED, State.BLOCKED} if "FAILED" in words else set()
            ends |= {State.SUCCEEDED} if "COMPLETED" in words else set()
    return ends


_WORDS = {"FAILED", "COMPLETED"}


def _words(*values: Any) -> set[str]:
    return {value for value in values if isinstance(value, str)} & _WORDS


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
        assert _is_refusal(target.provider.name, answer), error


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
