"""PixVerse's words and codes, restated as literals: a row that goes missing fails here."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from decimal import Decimal
from typing import Any

import attrs
import pytest

from motionkit.errors import (
    AuthenticationError,
    Billed,
    Busy,
    ContentBlocked,
    InsufficientCredits,
    InvalidRequest,
    MediaRejected,
    MotionKitError,
    PermissionDenied,
    ProtocolError,
    ProviderUnavailable,
    RateLimited,
)
from motionkit.http import Response, retry
from motionkit.model.job import Job, State, UnknownReason, utcnow
from motionkit.model.submission import Call, Submission
from motionkit.provider import Phase
from motionkit.sandbox import Sandbox
from motionkit_pixverse import _tables
from motionkit_pixverse._wire import credits_of, unwrap
from motionkit_pixverse.adapter import PixVerse, Settings

NO, UNKNOWN, YES = Billed.NO, Billed.UNKNOWN, Billed.YES

CODES: dict[int, tuple[type[MotionKitError], Billed]] = {
    400011: (InvalidRequest, NO),
    400012: (AuthenticationError, NO),
    400013: (InvalidRequest, NO),
    400017: (InvalidRequest, NO),
    400018: (InvalidRequest, NO),
    400019: (InvalidRequest, NO),
    400032: (InvalidRequest, NO),
    400080: (InvalidRequest, NO),
    500008: (InvalidRequest, NO),
    500020: (PermissionDenied, NO),
    500030: (MediaRejected, NO),
    500031: (MediaRejected, NO),
    500032: (MediaRejected, NO),
    500033: (MediaRejected, NO),
    500041: (ProviderUnavailable, NO),
    500042: (MediaRejected, NO),
    500043: (InsufficientCredits, NO),
    500044: (Busy, NO),
    500045: (InsufficientCredits, NO),
    500052: (ContentBlocked, NO),
    500054: (ContentBlocked, NO),
    500060: (PermissionDenied, NO),
    500063: (ContentBlocked, NO),
    500064: (InvalidRequest, NO),
    500067: (InsufficientCredits, NO),
    500069: (ProviderUnavailable, NO),
    500070: (PermissionDenied, NO),
    500071: (InvalidRequest, NO),
    500090: (InsufficientCredits, NO),
    500100: (ProviderUnavailable, UNKNOWN),
    500323: (InsufficientCredits, NO),
    701002: (MediaRejected, NO),
    701003: (MediaRejected, NO),
    701009: (InvalidRequest, NO),
    701020: (InvalidRequest, NO),
    10001: (AuthenticationError, NO),
    10002: (AuthenticationError, NO),
    10003: (AuthenticationError, NO),
    10004: (AuthenticationError, NO),
    10005: (AuthenticationError, NO),
    99999: (ProviderUnavailable, UNKNOWN),
}
"""Code to what a submit raises and whether it may have been billed."""

STATES: dict[int, tuple[State, Billed]] = {
    1: (State.SUCCEEDED, YES),
    5: (State.RUNNING, UNKNOWN),
    6: (State.GONE, UNKNOWN),
    7: (State.BLOCKED, NO),
    8: (State.FAILED, UNKNOWN),
}

STATUSES: dict[int, type[MotionKitError]] = {
    401: AuthenticationError,
    403: PermissionDenied,
    429: RateLimited,
}

CONTEXT = {"provider": "pixverse", "account": "acme"}


class Once:
    """Uploads that are simply sent."""

    limiter = None

    def put(self, account: str, slot: str, sha256: str | None, send: Callable[[], str]) -> str:
        return send()


def answer(body: Any, status: int = 200) -> Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Response(status, {}, content)


def adapter(monkeypatch: pytest.MonkeyPatch, *answers: Response) -> PixVerse:
    """Return an adapter that is given these answers, whatever it asks."""
    made = PixVerse("acme", Settings(api_key="key-0123456789"), Once())
    waiting = list(answers)
    monkeypatch.setattr(made._http, "send", lambda *_, **__: waiting.pop(0))
    return made


def job(made: PixVerse) -> Job:
    return Job(
        id="627410861853514292",
        provider="pixverse",
        account="acme",
        fingerprint=made.fingerprint,
        operation="mimic",
        model="mimic",
        key="k",
        attempt_id="a",
        submitted_at=utcnow(),
    )


PAID = Call("POST", "/openapi/v2/video/mimic/generate", paid=True)
SUBMISSION = Submission("pixverse", "acme", "mimic", "mimic", PAID)


def test_no_code_is_in_the_adapter_that_is_not_stated_here() -> None:
    assert set(_tables.ERRORS) == set(CODES)
    assert set(_tables.STATES) == set(STATES)
    assert set(_tables.STATUSES) == set(STATUSES)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as made:
        yield made


@pytest.mark.parametrize("http_status", [200, 400, 500])
@pytest.mark.parametrize("code", CODES)
def test_every_code_means_the_same_under_every_http_status(
    sandbox: Sandbox, code: int, http_status: int
) -> None:
    kind, billed = CODES[code]
    told = sandbox.environment
    settings = Settings(api_key=told["PIXVERSE_API_KEY"], base_url=told["PIXVERSE_BASE_URL"])
    sandbox.fault(f"refuse:submit:code={code}:status={http_status}")
    made = PixVerse("acme", settings, Once())
    with closing(made), pytest.raises(MotionKitError) as caught:
        made.submit(SUBMISSION, str(uuid.uuid4()))
    assert type(caught.value) is kind
    assert caught.value.billed is billed
    assert caught.value.code == str(code)
    assert caught.value.http_status == http_status
    assert sandbox.ledger()["vendors"]["pixverse"]["accounts"]["default"]["jobs"] == []


@pytest.mark.parametrize("http_status", [200, 400, 500])
@pytest.mark.parametrize("code", CODES)
def test_every_code_means_the_same_in_an_upload_and_bought_nothing(
    monkeypatch: pytest.MonkeyPatch, code: int, http_status: int
) -> None:
    body = {"err_code": code, "err_msg": "told", "resp": ""}
    with pytest.raises(MotionKitError) as caught:
        unwrap(answer(body, http_status), Phase.UPLOAD, CONTEXT, SUBMISSION.call)
    assert type(caught.value) is CODES[code][0]
    assert caught.value.billed is NO


@pytest.mark.parametrize(
    "body",
    [
        {"ErrCode": 500052, "ErrMsg": "m", "Resp": None},
        {"ErrCode": "500052", "ErrMsg": "m"},
        {"err_code": 500052, "err_msg": "m", "resp": ""},
        {"ErrCode": 500052, "ErrMsg": "m", "Resp": {}},
    ],
)
def test_the_envelope_is_read_in_all_its_spellings(body: Any) -> None:
    with pytest.raises(ContentBlocked) as caught:
        unwrap(answer(body, 500), Phase.UPLOAD, CONTEXT, SUBMISSION.call)
    assert caught.value.code == "500052"
    assert caught.value.billed is NO


@pytest.mark.parametrize("message", ["?", "record not found"])
@pytest.mark.parametrize("code", [123456, 500999, -1, 7])
def test_an_unknown_code_is_never_a_refusal(
    monkeypatch: pytest.MonkeyPatch, code: int, message: str
) -> None:
    with pytest.raises(ProtocolError) as caught:
        adapter(monkeypatch, answer({"ErrCode": code, "ErrMsg": message})).submit(SUBMISSION, "t")
    assert caught.value.billed is UNKNOWN


@pytest.mark.parametrize(
    ("said", "http_status"),
    [
        ({"ErrMsg": "timeout"}, 502),
        ({"ErrMsg": "timeout"}, 503),
        ({"ErrMsg": "timeout"}, 504),
        ({"ErrMsg": "Ai-trace-id already used", "Resp": None}, 200),
        ({"ErrMsg": "x", "Resp": None, "data": {"id": 627410861853514292}}, 200),
        ({"ErrMsg": "x", "Resp": None, "video_ids": [5]}, 200),
    ],
)
def test_an_undocumented_code_leaves_open_what_a_gateway_or_other_content_says(
    monkeypatch: pytest.MonkeyPatch, said: dict[str, Any], http_status: int
) -> None:
    with pytest.raises(ProtocolError) as caught:
        adapter(monkeypatch, answer({"ErrCode": 400099, **said}, http_status)).submit(
            SUBMISSION, "t"
        )
    assert caught.value.billed is UNKNOWN


BARE = [{}, {"Resp": None}, {"Resp": ""}, {"Resp": {}}]


@pytest.mark.parametrize("http_status", [200, 400, 500])
@pytest.mark.parametrize("bare", BARE, ids=["no Resp", "null", "empty text", "empty"])
@pytest.mark.parametrize("code", [400000, 400404, 499999, 701000, 701001, 701099])
def test_an_undocumented_refusal_without_content_bought_nothing_and_is_sent_once(
    monkeypatch: pytest.MonkeyPatch, code: int, bare: dict[str, Any], http_status: int
) -> None:
    said = answer({"ErrCode": code, "ErrMsg": "only your own content", **bare}, http_status)
    with pytest.raises(InvalidRequest) as caught:
        adapter(monkeypatch, said).submit(SUBMISSION, "t")
    assert (caught.value.billed, caught.value.code) == (NO, str(code))
    assert "only your own content" in caught.value.message
    assert not caught.value.stale
    assert not isinstance(caught.value, retry.TRANSIENT)


@pytest.mark.parametrize(
    ("code", "resp"),
    [
        (400404, {"video_id": 0, "credits": 5}),
        (400404, [1]),
        (399999, None),
        (500000, None),
        (500404, None),
        (599999, None),
        (700999, None),
        (701100, None),
        (99998, None),
        (0x7FFFFFFF, None),
    ],
)
def test_what_may_be_an_accident_or_has_content_is_no_refusal(
    monkeypatch: pytest.MonkeyPatch, code: int, resp: Any
) -> None:
    with pytest.raises(ProtocolError) as caught:
        adapter(monkeypatch, answer({"ErrCode": code, "ErrMsg": "?", "Resp": resp})).submit(
            SUBMISSION, "t"
        )
    assert caught.value.billed is UNKNOWN


def test_an_undocumented_refusal_of_a_poll_says_nothing_about_the_job(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = adapter(monkeypatch, answer({"ErrCode": 400404, "ErrMsg": "?"}, 400))
    with pytest.raises(ProtocolError) as caught:
        made.poll(job(made))
    assert isinstance(caught.value, retry.TRANSIENT)
    assert caught.value.billed is UNKNOWN


@pytest.mark.parametrize("http_status", STATUSES)
@pytest.mark.parametrize(
    "body",
    [
        b'{"ErrCode": 0, "Resp": {"video_id": 1e301}}',
        b'\xef\xbb\xbf {"ErrCode": 0',
        b'{"Err\\u0043',
    ],
    ids=["a number without end", "cut short", "cut in a name"],
)
def test_an_object_that_cannot_be_read_refuses_no_paid_call(
    monkeypatch: pytest.MonkeyPatch, http_status: int, body: bytes
) -> None:
    with pytest.raises(ProtocolError) as caught:
        adapter(monkeypatch, answer(body, http_status)).submit(SUBMISSION, "an-attempt")
    assert caught.value.billed is UNKNOWN


@pytest.mark.parametrize("http_status", STATUSES)
def test_http_statuses_without_an_envelope(
    monkeypatch: pytest.MonkeyPatch, http_status: int
) -> None:
    with pytest.raises(MotionKitError) as caught:
        adapter(monkeypatch, answer(b"<html>", http_status)).submit(SUBMISSION, "t")
    assert type(caught.value) is STATUSES[http_status]
    assert caught.value.billed is NO


@pytest.mark.parametrize(
    ("body", "http_status", "kind"),
    [
        (b"<html>bad gateway</html>", 502, ProviderUnavailable),
        (b"<html>ok</html>", 200, ProtocolError),
        (b"", 200, ProtocolError),
        (b"[]", 200, ProtocolError),
        (b'{"ErrCode": 0, "ErrMsg": "Success"}', 200, ProtocolError),
        (b'{"ErrCode": 0, "ErrMsg": "success", "Resp": {"video_id": 0}}', 200, ProtocolError),
        (b'{"ErrCode": 0, "ErrMsg": "success", "Resp": {}}', 200, ProtocolError),
        (b'{"ErrCode": 0, "ErrMsg": "success", "Resp": {"video_id": 6.5e17}}', 200, ProtocolError),
    ],
)
def test_a_submit_without_a_readable_id_may_have_bought(
    monkeypatch: pytest.MonkeyPatch, body: bytes, http_status: int, kind: type[MotionKitError]
) -> None:
    with pytest.raises(kind) as caught:
        adapter(monkeypatch, answer(body, http_status)).submit(SUBMISSION, "t")
    assert caught.value.billed is UNKNOWN


ID = 627410861853514292
CONTRADICTIONS: tuple[tuple[Any, int], ...] = (
    ({"ErrCode": 400017, "ErrMsg": "invalid param", "Resp": {"video_id": ID}}, 400),
    ({"ErrCode": 500044, "ErrMsg": "busy", "Resp": {"video_id": str(ID), "credits": 20}}, 200),
    ({"ErrCode": 500069, "ErrMsg": "high load", "Resp": [{"video_id": ID}]}, 500),
    ({"ErrCode": 10001, "ErrMsg": "key", "Resp": None, "video_id": ID}, 401),
    ({"ErrCode": 0, "err_code": 400017, "Resp": {"video_id": ID}}, 200),
    ({"ErrCode": 0, "ErrMsg": "success", "Resp": {}, "data": {"videoId": ID}}, 200),
    ({"video_id": ID}, 429),
    ({"error": "too many calls", "data": {"VideoID": ID}}, 429),
    ({"ErrCode": 0, "ErrMsg": "success", "Resp": {"video_id": ID}}, 429),
)
"""Answers that refuse, or seem to, and name the job all the same."""


@pytest.mark.parametrize(("body", "http_status"), CONTRADICTIONS)
def test_a_job_that_a_refusal_names_is_taken(
    monkeypatch: pytest.MonkeyPatch, body: Any, http_status: int
) -> None:
    made = adapter(monkeypatch, answer(body, http_status)).submit(SUBMISSION, "an-attempt")
    assert (made.id, made.attempt_id) == (str(ID), "an-attempt")


@pytest.mark.parametrize(
    ("body", "http_status"),
    [
        ({"ErrCode": 400017, "ErrMsg": "invalid param", "Resp": {"video_id": "a-b"}}, 400),
        ({"ErrCode": 400017, "ErrMsg": "invalid param", "Resp": {"video_id": [1]}}, 400),
        ({"ErrCode": 500044, "ErrMsg": "busy", "Resp": [{"video_id": 7}, {"video_id": 8}]}, 200),
        ({"ErrCode": 500044, "ErrMsg": "busy", "Resp": {"image_id": ID}}, 200),
        ({"ErrCode": 0, "err_code": 400017, "ErrMsg": "invalid param"}, 400),
        ({"ErrCode": 500044, "err_code": 500069, "ErrMsg": "busy"}, 200),
        ({"ErrCode": 0, "errcode": 10001, "Resp": None}, 401),
        ({"video_id": "a-b"}, 429),
    ],
)
def test_an_answer_that_contradicts_itself_refuses_nothing(
    monkeypatch: pytest.MonkeyPatch, body: Any, http_status: int
) -> None:
    with pytest.raises(MotionKitError) as caught:
        adapter(monkeypatch, answer(body, http_status)).submit(SUBMISSION, "an-attempt")
    assert caught.value.billed is UNKNOWN
    assert not caught.value.stale


@pytest.mark.parametrize("none", [None, 0, -1, "", "0", " ", [], {}])
def test_a_refusal_with_an_id_that_is_none_refuses(
    monkeypatch: pytest.MonkeyPatch, none: Any
) -> None:
    body = {"ErrCode": 400017, "ErrMsg": "invalid param", "Resp": {"video_id": none, "credits": 0}}
    with pytest.raises(InvalidRequest) as caught:
        adapter(monkeypatch, answer(body, 400)).submit(SUBMISSION, "an-attempt")
    assert caught.value.billed is NO


def test_a_refusal_that_repeats_an_id_of_the_request_names_no_job(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    extending = attrs.evolve(
        SUBMISSION, call=attrs.evolve(SUBMISSION.call, json={"source_video_id": ID})
    )
    body = {"ErrCode": 500008, "ErrMsg": "not found", "Resp": {"video_id": ID}}
    with pytest.raises(InvalidRequest) as caught:
        adapter(monkeypatch, answer(body, 400)).submit(extending, "an-attempt")
    assert caught.value.billed is NO


def test_masks_beside_a_refusal_may_have_been_paid(monkeypatch: pytest.MonkeyPatch) -> None:
    selecting = attrs.evolve(SUBMISSION, operation="mask_selection")
    body = {"ErrCode": 500069, "ErrMsg": "?", "Resp": {"mask_info": [{"mask_id": "1"}]}}
    with pytest.raises(ProviderUnavailable) as caught:
        adapter(monkeypatch, answer(body, 500)).submit(selecting, "an-attempt")
    assert caught.value.billed is UNKNOWN


def test_two_codes_in_the_answer_to_a_read_are_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    made = adapter(monkeypatch, answer({"ErrCode": 0, "err_code": 400017, "Resp": {"status": 1}}))
    with pytest.raises(ProtocolError) as caught:
        made.poll(job(made))
    assert isinstance(caught.value, retry.TRANSIENT)


@pytest.mark.parametrize("code", CODES)
def test_high_load_is_the_one_refusal_that_passes_beside_busy(
    monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    with pytest.raises(MotionKitError) as caught:
        adapter(monkeypatch, answer({"ErrCode": code, "ErrMsg": "?"})).submit(SUBMISSION, "t")
    assert (caught.value.passing and caught.value.billed is NO) == (code in {500044, 500069})


@pytest.mark.parametrize("number", STATES)
def test_every_status_number_means_its_state(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    state, billed = STATES[number]
    content = {"id": 627410861853514292, "status": number, "url": "https://media.example/a.mp4"}
    made = adapter(monkeypatch, answer({"ErrCode": 0, "ErrMsg": "Success", "Resp": content}))
    status = made.poll(job(made))
    assert status.state is state
    assert status.billed is billed
    assert status.word == str(number)
    assert status.doubt is None


def test_a_picture_is_asked_for_where_pictures_are(monkeypatch: pytest.MonkeyPatch) -> None:
    content = {"image_id": 371819823766891, "status": 1, "url": "https://media.example/a.png"}
    made = adapter(monkeypatch)
    paths: list[str] = []

    def send(call: Call, **_: Any) -> Response:
        paths.append(call.path)
        return answer({"ErrCode": 0, "ErrMsg": "Success", "Resp": content | {"credits": 5}})

    monkeypatch.setattr(made._http, "send", send)
    picture = attrs.evolve(job(made), id="371819823766891", operation="image_template")
    result = made.result(picture)
    assert paths == ["/openapi/v2/image/result/371819823766891"]
    assert (result.outputs[0].kind, result.outputs[0].content_type) == ("image", None)
    assert result.cost is not None
    assert result.cost.amount == 5


MASKS = {
    "keyframe_id": 1,
    "keyframe_url": "https://media.example/k.png",
    "credits": 2,
    "mask_info": [
        {"mask_id": "0", "mask_name": "person", "mask_url": "https://media.example/p.png"},
        {"mask_id": "1", "mask_name": "object", "mask_url": "https://media.example/o.png"},
    ],
}


def test_masks_come_with_the_submit_and_are_kept_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    made = adapter(monkeypatch, answer({"ErrCode": 0, "ErrMsg": "success", "Resp": MASKS}))
    bought = made.submit(attrs.evolve(SUBMISSION, operation="mask_selection"), "trace-1")
    assert bought.id == "mask_selection-trace-1"
    assert bought.data == {"answer": MASKS}
    result = made.result(Job.from_json(bought.to_json()))  # which asks nobody
    assert [(one.label, one.id, one.kind) for one in result.outputs] == [
        ("person", "0", "image"),
        ("object", "1", "image"),
        ("keyframe", "1", "image"),
    ]
    assert result.cost is not None
    assert result.cost.amount == 2


@pytest.mark.parametrize(
    "content", [{"credits": 2}, {"credits": 2, "mask_info": 5}, {"mask_info": [{"mask_url": ""}]}]
)
def test_masks_that_cannot_be_read_were_paid_for_and_are_kept(
    monkeypatch: pytest.MonkeyPatch, content: dict[str, Any]
) -> None:
    made = adapter(monkeypatch, answer({"ErrCode": 0, "ErrMsg": "success", "Resp": content}))
    bought = made.submit(attrs.evolve(SUBMISSION, operation="mask_selection"), "trace-1")
    status = made.poll(bought)
    assert (status.state, status.doubt) == (State.UNKNOWN, UnknownReason.NO_OUTPUT)
    assert status.raw == content


@pytest.mark.parametrize("number", [0, 2, 3, 4, 9, 10, 77, None, "done", 1.5])
def test_any_other_status_is_unknown(monkeypatch: pytest.MonkeyPatch, number: Any) -> None:
    content = {"status": number, "url": "https://media.example/a.mp4"}
    made = adapter(monkeypatch, answer({"ErrCode": 0, "ErrMsg": "", "Resp": content}))
    status = made.poll(job(made))
    assert status.state is State.UNKNOWN
    assert status.doubt is UnknownReason.STRANGE_WORD


@pytest.mark.parametrize("url", ["", None, "string", "file:///etc/passwd", 5])
def test_success_without_a_usable_address_is_unknown(
    monkeypatch: pytest.MonkeyPatch, url: Any
) -> None:
    content = {"status": 1, "url": url}
    made = adapter(monkeypatch, answer({"ErrCode": 0, "ErrMsg": "", "Resp": content}))
    status = made.poll(job(made))
    assert status.state is State.UNKNOWN
    assert status.doubt is UnknownReason.NO_OUTPUT


@pytest.mark.parametrize(
    "body",
    [
        {"ErrCode": 500008, "ErrMsg": "Requested data not found"},
        {"ErrCode": 400017, "ErrMsg": "record not found"},
        {"ErrCode": 99999, "ErrMsg": "Record not found"},
    ],
)
def test_not_found_while_polling_is_a_doubt(monkeypatch: pytest.MonkeyPatch, body: Any) -> None:
    made = adapter(monkeypatch, answer(body))
    status = made.poll(job(made))
    assert status.state is State.UNKNOWN
    assert status.doubt is UnknownReason.NOT_FOUND


def test_deleted_content_while_polling_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    made = adapter(monkeypatch, answer({"ErrCode": 500064, "ErrMsg": "deleted"}))
    status = made.poll(job(made))
    assert status.state is State.GONE
    assert status.error(job(made)).message.endswith(
        "is no longer kept by the vendor (vendor status 500064)"
    )


def test_an_error_while_polling_never_says_that_nothing_was_billed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = adapter(monkeypatch, answer({"ErrCode": 400012, "ErrMsg": "invalid account"}))
    with pytest.raises(AuthenticationError) as caught:
        made.poll(job(made))
    assert caught.value.billed is UNKNOWN


@pytest.mark.parametrize(
    ("content", "credits_"),
    [
        ({"credit": 40}, "40"),
        ({"credits": 40}, "40"),
        ({"credit": "40"}, "40"),
        ({"credits": 22.5}, "22.5"),
        ({"credit": "112.50"}, "112.50"),
        ({"credit": -40}, "-40"),
        ({"credits": "many"}, None),
        ({"credits": "NaN"}, None),
        ({"credits": True}, None),
        ({"credits": None}, None),
        ({"credits": "1e99"}, None),
        ({"credits": "٤٠"}, None),
        ({}, None),
    ],
)
def test_the_charge_is_read_under_both_names_or_not_at_all(
    monkeypatch: pytest.MonkeyPatch, content: dict[str, Any], credits_: str | None
) -> None:
    body = {"ErrCode": 0, "ErrMsg": "success", "Resp": {"video_id": 400000000000000001, **content}}
    made = adapter(monkeypatch, answer(body))
    bought = made.submit(SUBMISSION, "t")
    assert bought.id == "400000000000000001"
    assert (str(bought.cost.amount) if bought.cost else None) == credits_


@pytest.mark.parametrize("told", [22.5, "22.5"])
def test_a_fraction_of_a_credit_in_a_result_is_kept(
    monkeypatch: pytest.MonkeyPatch, told: Any
) -> None:
    content = {"id": 1, "status": 1, "url": "https://media.example/a.mp4", "credits": told}
    made = adapter(monkeypatch, answer({"ErrCode": 0, "ErrMsg": "Success", "Resp": content}))
    cost = made.result(job(made)).cost
    assert cost is not None
    assert (str(cost.amount), str(cost.usd)) == ("22.5", "0.225")


def test_regions_have_their_own_hosts() -> None:
    assert (
        PixVerse("a", Settings(api_key="key-0123456789"), Once()).url(
            Call("GET", "/openapi/v2/account/balance")
        )
        == "https://app-api.pixverse.ai/openapi/v2/account/balance"
    )
    assert (
        PixVerse("a", Settings(api_key="key-0123456789", region="cn"), Once()).url(
            Call("GET", "/openapi/v2/account/balance")
        )
        == "https://app-api.pixverseai.cn/openapi/v2/account/balance"
    )


def test_no_other_extra_leaves_the_price_as_it_is() -> None:
    source = ("https://docs.platform.pixverse.ai/pricing-796039m0", dt.date(2026, 8, 13))
    names = "prompt negative_prompt seed style camera_movement aspect_ratio water_mark webhook_id"
    assert dict.fromkeys(names.split(), source) == _tables.UNPRICED
    assert set(PixVerse.unpriced) == set(_tables.UNPRICED)


@pytest.mark.parametrize("text", ["1_000", " 5 ", "1e3", "nan", "\u0665", "0x5", "+5", "", "-"])
def test_text_that_is_no_plain_number_is_no_amount_of_credits(text: str) -> None:
    assert credits_of(text) is None


@pytest.mark.parametrize(
    ("value", "amount"),
    [("5", 5), ("2.5", Decimal("2.5")), ("-5", -5), (7, 7), (Decimal("1E+3"), 1000)],
)
def test_a_plain_number_is_an_amount_of_credits(value: Any, amount: Any) -> None:
    assert credits_of(value) == amount
