"""Segmind's words and statuses, restated as literals: a row that goes missing fails here."""

from __future__ import annotations

import base64
import datetime as dt
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import attrs
import pytest

from motionkit.errors import (
    AuthenticationError,
    Billed,
    InsufficientCredits,
    InvalidRequest,
    MotionKitError,
    PermissionDenied,
    ProtocolError,
    ProviderUnavailable,
    RateLimited,
    Unsupported,
)
from motionkit.http import Response
from motionkit.model.job import Job, State, UnknownReason, utcnow
from motionkit.model.submission import Call, Found, NotSeen, Submission
from motionkit_segmind import _tables
from motionkit_segmind import adapter as segmind_adapter
from motionkit_segmind._wire import seconds_until
from motionkit_segmind.adapter import Segmind, Settings

NO, UNKNOWN, YES = Billed.NO, Billed.UNKNOWN, Billed.YES

STATES: dict[str, tuple[State, Billed]] = {
    "QUEUED": (State.QUEUED, UNKNOWN),
    "PROCESSING": (State.RUNNING, UNKNOWN),
    "COMPLETED": (State.SUCCEEDED, YES),
    "FAILED": (State.FAILED, NO),
}

HISTORY_STATES = {
    "PENDING": State.RUNNING,
    "COMPLETED": State.SUCCEEDED,
    "FAILED": State.FAILED,
}

STATUSES: dict[int, tuple[type[MotionKitError], Billed]] = {
    400: (InvalidRequest, NO),
    401: (AuthenticationError, NO),
    403: (PermissionDenied, NO),
    404: (InvalidRequest, NO),
    405: (ProtocolError, NO),
    406: (InsufficientCredits, NO),
    410: (Unsupported, NO),
    422: (InvalidRequest, NO),
    429: (RateLimited, NO),
    500: (ProviderUnavailable, UNKNOWN),
    502: (ProviderUnavailable, UNKNOWN),
    503: (ProviderUnavailable, UNKNOWN),
    504: (ProviderUnavailable, UNKNOWN),
}
"""HTTP status to what a submit raises and whether it may have been billed."""

NOT_ACCEPTABLE: dict[str, type[MotionKitError]] = {
    "": InsufficientCredits,
    "Insufficient Credits": InsufficientCredits,
    "Not enough credits to process request": InsufficientCredits,
    "Insufficient credits: 0.01 available, 0.50 needed": InsufficientCredits,
    "insufficient balance": InsufficientCredits,
    "Top up to continue": InsufficientCredits,
    "Your wallet is empty; 5 more are needed for a 10 s video": InsufficientCredits,
    "Team spend limit reached": InsufficientCredits,
    "Invalid content type": ProtocolError,
    "quality must be one of 360p, 540p, 720p": InvalidRequest,
    "Invalid value: 4K": InvalidRequest,
    "Invalid parameter: image": InvalidRequest,
    "seed is required": InvalidRequest,
    "4K is not allowed": InvalidRequest,
    "4K is not supported": InvalidRequest,
    "Wrong quality": InvalidRequest,
    "540p? No": InvalidRequest,
}
"""The message of an HTTP 406 to what a submit raises."""

CAUSES: dict[str, type[MotionKitError]] = {
    "content type": ProtocolError,
    "spend limit": InsufficientCredits,
    "credit": InsufficientCredits,
    "balance": InsufficientCredits,
    "fund": InsufficientCredits,
    "payment": InsufficientCredits,
    "wallet": InsufficientCredits,
    "top up": InsufficientCredits,
    "parameter": InvalidRequest,
    "invalid value": InvalidRequest,
    "must be": InvalidRequest,
    "should be": InvalidRequest,
    "required": InvalidRequest,
    "allowed": InvalidRequest,
    "not supported": InvalidRequest,
}

MODERATION_WORDS = {
    "content_policy",
    "content policy",
    "policy violation",
    "moderation",
    "nsfw",
    "safety",
}

URL = "https://images.segmind.com/generations/a.mp4"


class Once:
    """Uploads that are simply sent."""

    limiter = None

    def put(self, account: str, slot: str, sha256: str | None, send: Callable[[], str]) -> str:
        return send()


def answer(body: Any, status: int = 200, **headers: str) -> Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Response(status, {k.replace("_", "-"): v for k, v in headers.items()}, content)


def adapter(monkeypatch: pytest.MonkeyPatch, *answers: Response, **settings: Any) -> Segmind:
    """Return an adapter that is given these answers, whatever it asks."""
    made = Segmind("acme", Settings(api_key="key-0123456789", **settings), Once())
    waiting = list(answers)
    monkeypatch.setattr(made._http, "send", lambda *_, **__: waiting.pop(0))
    return made


PAID = Call(
    "POST",
    "/v2/pixverse-mimic",
    json={
        "image_url": "https://a.example/1.png",
        "video_url": "https://a.example/1.mp4",
        "quality": "540p",
        "duration": 10,
    },
    paid=True,
)
SUBMISSION = Submission(
    "segmind", "acme", "mimic", "pixverse-mimic", PAID, token="https://a.example/1.png"
)


def job(made: Segmind, age: float = 0.0) -> Job:
    bought = SUBMISSION.job("r-1", fingerprint=made.fingerprint, attempt_id="a")
    return attrs.evolve(bought, key="k", submitted_at=utcnow() - dt.timedelta(seconds=age))


def test_no_word_is_in_the_adapter_that_is_not_stated_here() -> None:
    assert set(_tables.STATES) == set(STATES)
    assert set(_tables.HISTORY_STATES) == set(HISTORY_STATES)
    assert set(_tables.STATUSES) == set(STATUSES)
    assert set(_tables.MODERATION_WORDS) == MODERATION_WORDS
    causes = [(word, cause.error) for word, cause in _tables.NOT_ACCEPTABLE]
    assert causes == list(CAUSES.items())


@pytest.mark.parametrize("key", ["error", "detail", "message"])
@pytest.mark.parametrize("status", STATUSES)
def test_every_http_status_means_its_error_with_the_message_under_any_name(
    monkeypatch: pytest.MonkeyPatch, status: int, key: str
) -> None:
    kind, billed = STATUSES[status]
    with pytest.raises(MotionKitError) as caught:
        adapter(monkeypatch, answer({key: "told why"}, status)).submit(SUBMISSION, "t")
    assert type(caught.value) is kind
    assert caught.value.billed is billed
    assert caught.value.http_status == status
    assert "told why" in caught.value.message


@pytest.mark.parametrize("status", STATUSES)
def test_a_status_means_the_same_without_json(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    kind, billed = STATUSES[status]
    with pytest.raises(MotionKitError) as caught:
        adapter(monkeypatch, answer(b"<html>405</html>", status)).submit(SUBMISSION, "t")
    assert type(caught.value) is kind
    assert caught.value.billed is billed


@pytest.mark.parametrize("text", NOT_ACCEPTABLE)
def test_406_means_too_few_credits_unless_its_text_names_something_else(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    with pytest.raises(MotionKitError) as caught:
        adapter(monkeypatch, answer({"error": text}, 406)).submit(SUBMISSION, "t")
    assert type(caught.value) is NOT_ACCEPTABLE[text]
    assert caught.value.billed is NO


@pytest.mark.parametrize("status", [302, 402, 409, 418, 507, 599])
def test_an_unknown_status_is_never_a_refusal(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    with pytest.raises(MotionKitError) as caught:
        adapter(monkeypatch, answer({"error": "?"}, status)).submit(SUBMISSION, "t")
    assert caught.value.billed is UNKNOWN


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", {}, {"request_id": 5}, {"request_id": ""}, {"request_id": None}]
)
def test_a_submit_without_a_readable_id_may_have_bought(
    monkeypatch: pytest.MonkeyPatch, body: Any
) -> None:
    with pytest.raises(ProtocolError) as caught:
        adapter(monkeypatch, answer(body)).submit(SUBMISSION, "t")
    assert caught.value.billed is UNKNOWN


REQUEST = "0f9a5f0e-1f7a-4a76-9a63-1f0b1a6b7d11"


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize(
    "body",
    [
        {"error": "too many calls", "request_id": REQUEST},
        {"status": "FAILED", "error": "?", "request_id": REQUEST},
        {"detail": {"request_id": REQUEST}},
        {"data": [{"requestId": REQUEST}]},
    ],
)
def test_a_request_that_a_refusal_names_is_taken(
    monkeypatch: pytest.MonkeyPatch, status: int, body: Any
) -> None:
    made = adapter(monkeypatch, answer(body, status)).submit(SUBMISSION, "an-attempt")
    assert (made.id, made.attempt_id) == (REQUEST, "an-attempt")


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize(
    "body",
    [
        {"error": "?", "request_id": "../x"},
        {"error": "?", "request_id": 5},
        {"error": "?", "a": {"request_id": "r-1"}, "b": {"request_id": "r-2"}},
        {"error": "?", "status_url": "https://api.segmind.com/v2/requests/r-1/status"},
        {"error": "?", "status": "QUEUED"},
        b'{"request_id": "r-',
    ],
)
def test_a_refusal_that_contradicts_itself_refuses_nothing(
    monkeypatch: pytest.MonkeyPatch, status: int, body: Any
) -> None:
    with pytest.raises(MotionKitError) as caught:
        adapter(monkeypatch, answer(body, status)).submit(SUBMISSION, "an-attempt")
    assert caught.value.billed is UNKNOWN


@pytest.mark.parametrize("body", [{"status": "FAILED", "error": "?"}, {"request_id": None}])
def test_a_refusal_that_names_no_request_refuses(
    monkeypatch: pytest.MonkeyPatch, body: Any
) -> None:
    with pytest.raises(MotionKitError) as caught:
        adapter(monkeypatch, answer(body, 422)).submit(SUBMISSION, "an-attempt")
    assert caught.value.billed is NO


def test_only_too_many_calls_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    passing = set()
    for status in STATUSES:
        with pytest.raises(MotionKitError) as caught:
            adapter(monkeypatch, answer({"error": "?"}, status)).submit(SUBMISSION, "t")
        if caught.value.passing and caught.value.billed is NO:
            passing.add(status)
    assert passing == {429}


def test_an_id_is_opaque_and_the_only_thing_read_of_a_submit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    body = {"request_id": "0123456789abcdef0123456789abcdef", "status_url": "https://evil.example"}
    made = adapter(monkeypatch, answer(body, 202))
    bought = made.submit(SUBMISSION, "t")
    assert bought.id == "0123456789abcdef0123456789abcdef"
    assert "evil.example" not in bought.to_json()


def test_a_job_is_looked_up_by_its_id_wherever_an_answer_points(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = adapter(monkeypatch)
    asked: list[str] = []

    def send(call: Call, **_: object) -> Response:
        asked.append(made._http.url(call))
        away = {"status_url": "https://evil.example", "response_url": "https://evil.example"}
        return answer({"request_id": "r-7", "status": "COMPLETED", "output": URL, **away})

    monkeypatch.setattr(made._http, "send", send)
    bought = made.submit(SUBMISSION, "t")
    made.poll(bought)
    made.poll(bought)
    looks = ["https://api.segmind.com/v2/requests/r-7" + end for end in ("/status", "")]
    assert asked == ["https://api.segmind.com/v2/pixverse-mimic", *looks, *looks]


@pytest.mark.parametrize("word", ["QUEUED", "PROCESSING", "FAILED"])
def test_every_word_means_its_state(monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    state, billed = STATES[word]
    made = adapter(monkeypatch, answer({"status": word}, 422 if word == "FAILED" else 200))
    status = made.poll(job(made))
    assert (status.state, status.billed, status.word) == (state, billed, word)


def test_completed_counts_when_the_result_says_so_too(monkeypatch: pytest.MonkeyPatch) -> None:
    done = answer({"status": "COMPLETED", "metrics": {"inference_time": 13.06}})
    result = answer({"status": "COMPLETED", "output": URL, "metrics": {"cost": 0.5}})
    made = adapter(monkeypatch, done, result)
    status = made.poll(job(made))
    assert (status.state, status.billed) == STATES["COMPLETED"]
    assert status.result is not None
    assert status.result.url == URL
    assert status.result.cost is not None
    assert status.result.cost.amount == Decimal("0.5")


@pytest.mark.parametrize(
    ("result", "http_status", "state"),
    [
        ({"status": "PROCESSING"}, 200, State.RUNNING),
        ({"status": "FAILED", "error": "broke"}, 422, State.FAILED),
    ],
)
def test_the_result_has_the_last_word(
    monkeypatch: pytest.MonkeyPatch, result: Any, http_status: int, state: State
) -> None:
    made = adapter(monkeypatch, answer({"status": "COMPLETED"}), answer(result, http_status))
    assert made.poll(job(made)).state is state


def test_completed_under_http_500_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    made = adapter(monkeypatch, answer({"status": "COMPLETED"}, 500))
    with pytest.raises(ProviderUnavailable):
        made.poll(job(made))


@pytest.mark.parametrize("word", ["completed", "CANCELLED", "", None, 5, ["FAILED"]])
def test_any_other_word_is_unknown(monkeypatch: pytest.MonkeyPatch, word: Any) -> None:
    made = adapter(monkeypatch, answer({"status": word}))
    status = made.poll(job(made))
    assert (status.state, status.doubt) == (State.UNKNOWN, UnknownReason.STRANGE_WORD)


@pytest.mark.parametrize("word", sorted(MODERATION_WORDS))
def test_a_failure_that_speaks_of_moderation_is_blocked(
    monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    made = adapter(monkeypatch, answer({"status": "FAILED", "error": f"x {word.upper()} y"}, 422))
    status = made.poll(job(made))
    assert (status.state, status.billed) == (State.BLOCKED, NO)


MP4 = base64.b64encode(b"\x00\x00\x00\x20ftypisom" + bytes(64)).decode()


@pytest.mark.parametrize(
    ("content", "url"),
    [
        ({"output": URL}, URL),
        ({"video": {"url": URL, "file_size": "12", "content_type": "video/mp4"}}, URL),
        ({"output": URL, "video": {"url": URL}}, URL),
        ({"output": [URL]}, URL),
        ({"output": [{"url": URL}]}, URL),
        ({"output": json.dumps([{"keyname": "video", "value": URL}])}, URL),
        ({"images": [{"url": URL}]}, URL),
        ({"output": MP4}, f"data:video/mp4;base64,{MP4}"),
        ({"output": f"data:video/mp4;base64,{MP4}"}, f"data:video/mp4;base64,{MP4}"),
    ],
)
def test_every_shape_of_an_output_is_read(
    monkeypatch: pytest.MonkeyPatch, content: dict[str, Any], url: str
) -> None:
    result = answer({"status": "COMPLETED", **content})
    made = adapter(monkeypatch, answer({"status": "COMPLETED"}), result)
    assert [output.url for output in made.result(job(made)).outputs] == [url]


UNNEEDED = [
    b'"seed": NaN',
    b'"timings": {"gpu": Infinity}',
    b'"partial": 1e400',
    b'"video": {"url": "%s", "file_size": %s}' % (URL.encode(), b"9" * 5000),
    b'"video": {"url": "%s", "file_size": "%s"}' % (URL.encode(), b"9" * 5000),
    b'"prompt": "a", "prompt": "b"',
    b'"reasoning": "%s"' % (b"[" * 100_000),
    b'"images": "%s"' % (b"[" * 100_000),
    b'"logs": %s%s' % (b"[" * 50_000, b"]" * 50_000),
    b'"metrics": {"cost": NaN}',
    b'"metrics": {"cost": 1, "cost": 2}',
]


@pytest.mark.parametrize("field", UNNEEDED, ids=lambda field: field[:30].decode())
def test_a_field_that_nobody_needs_never_hides_a_finished_job(
    monkeypatch: pytest.MonkeyPatch, field: bytes
) -> None:
    body = b'{"status": "COMPLETED", "output": "%s", %s}' % (URL.encode(), field)
    made = adapter(monkeypatch, answer(body), answer(body))
    status = made.poll(job(made))
    assert status.state is State.SUCCEEDED
    assert status.result is not None
    assert {output.url for output in status.result.outputs} == {URL}
    assert status.result.cost is None  # no amount is better than a wrong one
    assert all(output.size is None for output in status.result.outputs)


@pytest.mark.parametrize(
    "body", [b'{"status": "COMPLETED", "status": "FAILED"}', b'{"status": NaN}']
)
def test_a_needed_field_that_cannot_be_read_is_a_doubt(
    monkeypatch: pytest.MonkeyPatch, body: bytes
) -> None:
    made = adapter(monkeypatch, answer(body))
    status = made.poll(job(made))
    assert (status.state, status.doubt) == (State.UNKNOWN, UnknownReason.STRANGE_WORD)


@pytest.mark.parametrize("status", [200, 400, 429])
def test_the_answer_to_a_paid_call_is_read_strictly(
    monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    body = b'{"request_id": "a", "request_id": "b", "error": "?"}'
    with pytest.raises(MotionKitError) as caught:
        adapter(monkeypatch, answer(body, status)).submit(SUBMISSION, "t")
    assert caught.value.billed is UNKNOWN


def test_done_without_output_says_what_the_vendor_says(monkeypatch: pytest.MonkeyPatch) -> None:
    result = answer({"status": "COMPLETED", "error": "the file was lost"})
    made = adapter(monkeypatch, answer({"status": "COMPLETED"}), result)
    status = made.poll(job(made))
    assert (status.doubt, status.message) == (UnknownReason.NO_OUTPUT, "the file was lost")


@pytest.mark.parametrize(
    "content", [{}, {"output": ""}, {"output": None}, {"output": "file:///x"}, {"output": "[["}]
)
def test_no_output_is_a_doubt_and_keeps_the_answer(
    monkeypatch: pytest.MonkeyPatch, content: dict[str, Any]
) -> None:
    result = answer({"status": "COMPLETED", **content})
    made = adapter(monkeypatch, answer({"status": "COMPLETED"}), result)
    status = made.poll(job(made))
    assert (status.state, status.doubt) == (State.UNKNOWN, UnknownReason.NO_OUTPUT)
    assert status.raw == {"status": "COMPLETED", **content}


@pytest.mark.parametrize("status", [400, 401, 403, 410])
@pytest.mark.parametrize("body", [b"<html>denied</html>", b"", b"{}", b'{"page": 1}'])
def test_a_gateways_page_has_no_code_of_the_vendors(
    monkeypatch: pytest.MonkeyPatch, status: int, body: bytes
) -> None:
    made = adapter(monkeypatch, answer(body, status))
    with pytest.raises(MotionKitError) as caught:
        made.poll(job(made))
    assert (caught.value.code, caught.value.http_status) == (None, status)
    told = adapter(monkeypatch, answer({"error": "no"}, status))
    with pytest.raises(MotionKitError) as caught:
        told.poll(job(told))
    assert caught.value.code == str(status)


def test_not_found_within_the_hour_is_a_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    made = adapter(monkeypatch, answer({"error": "Request r-1 not found"}, 404))
    status = made.poll(job(made, age=3500))
    assert (status.state, status.doubt) == (State.UNKNOWN, UnknownReason.NOT_FOUND)


HISTORY_ROW = {
    "request_id": "r-1",
    "model_status": "COMPLETED",
    "credits_deduction": 0.75,
    "generation_url": URL,
}


@pytest.mark.parametrize("word", HISTORY_STATES)
def test_after_the_hour_the_history_is_asked(monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    row = HISTORY_ROW | {"model_status": word}
    made = adapter(monkeypatch, answer({"error": "not found"}, 404), answer(row))
    status = made.poll(job(made, age=3700))
    assert status.state is HISTORY_STATES[word]
    if word == "COMPLETED":
        assert status.result is not None
        assert status.result.url == URL
        assert status.result.cost is not None
        assert status.result.cost.usd == Decimal("0.75")


SUBMITTED = "Fri, 27 Nov 2026 10:00:00 GMT"
WITHIN = "Fri, 27 Nov 2026 10:59:59 GMT"
AFTER = "Fri, 27 Nov 2026 11:00:00 GMT"


def accepted(monkeypatch: pytest.MonkeyPatch, *answers: Response, **settings: Any) -> Any:
    """Return an adapter that has just submitted, and the job, both as the vendor's clock has it."""
    bought = answer({"request_id": "r-1"}, date=SUBMITTED)
    made = adapter(monkeypatch, bought, *answers, **settings)
    return made, attrs.evolve(made.submit(SUBMISSION, "a"), key="k")


def unknown(date: str | None) -> Response:
    headers = {} if date is None else {"date": date}
    return answer({"error": "not found"}, 404, **headers)


@pytest.mark.parametrize("behind", [0, 7200, -7200])
@pytest.mark.parametrize(
    ("date", "history", "state"),
    [
        (WITHIN, True, State.UNKNOWN),
        (AFTER, True, State.GONE),
        (AFTER, False, State.UNKNOWN),  # gone takes two to say it
    ],
)
def test_a_job_is_gone_by_the_vendors_clock_whatever_this_machines_says(
    monkeypatch: pytest.MonkeyPatch,
    behind: float,
    date: str,
    history: bool,
    state: State,
) -> None:
    left = [unknown(date), unknown(date)]
    made, bought = accepted(monkeypatch, *left, history=history)
    early = attrs.evolve(bought, submitted_at=utcnow() - dt.timedelta(seconds=behind))
    status = made.poll(early)
    assert (status.state, status.billed) == (state, UNKNOWN)
    assert status.doubt is (None if state is State.GONE else UnknownReason.NOT_FOUND)


@pytest.mark.parametrize("dates", [(None, AFTER), (SUBMITTED, None), ("soon", "later")])
def test_without_the_vendors_time_a_job_is_gone_an_hour_after_it_was_first_not_found(
    monkeypatch: pytest.MonkeyPatch, dates: tuple[str | None, str | None]
) -> None:
    now = 500.0
    monkeypatch.setattr(segmind_adapter.time, "monotonic", lambda: now)
    first = answer({"request_id": "r-1"}, **({"date": dates[0]} if dates[0] else {}))
    made = adapter(monkeypatch, first, *[unknown(dates[1])] * 6)
    bought = attrs.evolve(
        made.submit(SUBMISSION, "a"), key="k", submitted_at=utcnow() - dt.timedelta(hours=2)
    )
    assert made.poll(bought).doubt is UnknownReason.NOT_FOUND
    now += 3599.0
    assert made.poll(bought).doubt is UnknownReason.NOT_FOUND
    now += 1.0
    assert made.poll(bought).state is State.GONE


def test_a_job_that_is_seen_again_is_not_found_from_then_on_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 500.0
    monkeypatch.setattr(segmind_adapter.time, "monotonic", lambda: now)
    seen = answer({"status": "PROCESSING"})
    made = adapter(monkeypatch, unknown(None), unknown(None), seen, *[unknown(None)] * 4)
    bought = job(made, age=7200)
    assert made.poll(bought).doubt is UnknownReason.NOT_FOUND
    now += 3000.0
    assert made.poll(bought).state is State.RUNNING
    now += 3000.0
    assert made.poll(bought).doubt is UnknownReason.NOT_FOUND
    now += 3000.0
    assert made.poll(bought).doubt is UnknownReason.NOT_FOUND


def test_a_limit_that_is_over_at_a_moment_is_waited_for_by_the_vendors_clock(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for headers in (
        {"retry_after": "Fri, 27 Nov 2026 10:00:20 GMT"},
        {"x_rate_limit_reset_at_utc": "2026-11-27T10:00:20Z"},
    ):
        refused = answer({"error": "slow down"}, 429, date=SUBMITTED, **headers)
        with pytest.raises(RateLimited) as caught:
            adapter(monkeypatch, refused).balance()
        assert caught.value.retry_after == 20.0


def row(name: str, **others: Any) -> dict[str, Any]:
    return {"request_id": name, "request_body": dict(PAID.json), **others}


@pytest.mark.parametrize("outline", ["data", "requests", "items", "results"])
def test_the_history_is_searched_for_the_pictures_own_address(
    monkeypatch: pytest.MonkeyPatch, outline: str
) -> None:
    foreign = row("r-3") | {"request_body": {"image_url": "https://a.example/other.png"}}
    rows = [row("r-2"), row("r-2"), foreign, {"request_id": 5}, "junk"]
    made = adapter(monkeypatch, answer({outline: rows}))
    found = made.find(SUBMISSION, utcnow().timestamp())
    assert isinstance(found, Found)
    assert found.job.id == "r-2"


def test_twins_are_named_and_none_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    made = adapter(monkeypatch, answer({"data": [row("r-2"), row("r-4")]}))
    found = made.find(SUBMISSION, utcnow().timestamp())
    assert isinstance(found, NotSeen)
    assert {candidate.id for candidate in found.candidates} == {"r-2", "r-4"}


def test_without_an_address_of_our_own_there_are_candidates_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = adapter(monkeypatch, answer({"data": [row("r-2")]}))
    found = made.find(attrs.evolve(SUBMISSION, token=None), utcnow().timestamp())
    assert isinstance(found, NotSeen)
    assert [candidate.id for candidate in found.candidates] == ["r-2"]


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [("2000-01-01T00:00:00", 0, 0), ("junk", None, None), ("", None, None), (None, None, None)],
)
def test_the_reset_moment_becomes_seconds(
    text: str | None, low: float | None, high: float | None
) -> None:
    assert seconds_until(text) == low == high


def test_a_rate_limit_says_when_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    reset = (utcnow() + dt.timedelta(seconds=30)).isoformat()
    refusal = answer({"error": "slow down"}, 429, x_rate_limit_reset_at_utc=reset)
    with pytest.raises(RateLimited) as caught:
        adapter(monkeypatch, refusal).balance()
    assert caught.value.retry_after is not None
    assert 28 < caught.value.retry_after <= 30


def test_both_tables_of_calls_a_minute_are_told_to_who_makes_too_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert dict(_tables.RATE_LIMITS) == {
        "https://docs.segmind.com/api-reference/rate-limits": {"Free": 5, "Pro": 50},
        "the pricing page": {"Flexible": 60, "Pro": 120, "Business": 500, "Scale": 1000},
    }
    with pytest.raises(RateLimited) as caught:
        adapter(monkeypatch, answer({"error": "slow down"}, 429)).balance()
    for told in ("rpm", "Free 5", "Pro 50", "Flexible 60", "Pro 120", "Business 500", "Scale 1000"):
        assert told in str(caught.value.hint)


def test_the_balance_is_the_sum_of_paid_and_free_credits(monkeypatch: pytest.MonkeyPatch) -> None:
    made = adapter(monkeypatch, answer(b'{"credits": 10.5, "free-credits": 0.0184921035}'))
    balance = made.balance()
    assert balance.amount == Decimal("10.5184921035")
    assert balance.pools["free-credits"] == Decimal("0.0184921035")


def test_every_origin_can_be_moved_and_base_url_stands_for_all() -> None:
    made = Segmind("a", Settings(api_key="key-0123456789"), Once())
    assert made.url(Call("GET", "/v1/x")) == "https://api.segmind.com/v1/x"
    assert made.url(Call("GET", "/x", origin="upload")) == "https://workflows-api.segmind.com/x"
    assert made.url(Call("GET", "/x", origin="history")) == "https://api.spotprod.segmind.com/x"
    base = Settings(api_key="key-0123456789", base_url="https://gate.example/segmind")
    assert Segmind("a", base, Once()).url(Call("GET", "/x", origin="history")) == (
        "https://gate.example/segmind/x"
    )
    moved = attrs.evolve(base, upload_url="https://up.example")
    assert Segmind("a", moved, Once()).url(Call("GET", "/x", origin="upload")) == (
        "https://up.example/x"
    )


def test_no_other_extra_leaves_the_price_as_it_is() -> None:
    source = ("https://www.segmind.com/llms.txt", dt.date(2026, 8, 22))
    names = "prompt negative_prompt seed base64"
    assert dict.fromkeys(names.split(), source) == _tables.UNPRICED
    assert set(segmind_adapter.Segmind.unpriced) == set(_tables.UNPRICED)


def test_an_upload_is_named_by_its_url_in_every_field() -> None:
    slots = [slot for offer in Segmind.offers for slot in offer.media.values()]
    assert len(slots) > 20
    assert all(slot.urls for slot in slots)
