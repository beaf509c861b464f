"""Responses are read by the vendor's tables, and by rules that protect money."""

from __future__ import annotations

import datetime as dt
import json
import logging
from collections.abc import Mapping
from typing import Any

import attrs
import pytest
from support import job

from motionkit.errors import (
    Billed,
    Busy,
    InsufficientCredits,
    InvalidRequest,
    JobNotFound,
    MotionKitError,
    ProtocolError,
    ProviderUnavailable,
    RateLimited,
)
from motionkit.model.submission import Call
from motionkit.provider import (
    ErrorRow,
    Fault,
    Phase,
    Response,
    Responses,
    accepted_at,
    age_of,
    content_of,
    path_id,
)

PAID = Call("POST", "/runs", json={"image": "img-1", "task": "old-task"}, paid=True)
STATUSES = {
    400: ErrorRow(InvalidRequest, "the request is malformed"),
    404: ErrorRow(JobNotFound, "no such task", without_job=InvalidRequest),
    409: ErrorRow(ProviderUnavailable, "a conflict", refuses=False),
    429: ErrorRow(RateLimited, "too many requests"),
    503: ErrorRow(ProviderUnavailable, "overloaded"),
}
CODES = {"no-money": ErrorRow(InsufficientCredits, "no money"), "full": ErrorRow(Busy, "full")}


def read_fault(answer: Response, data: Mapping[str, Any], call: Call) -> Fault:
    code = data.get("code")
    pause = answer.headers.get("x-reset")
    return Fault(
        code if isinstance(code, str) else None,
        data.get("message"),
        CODES.get(str(code)),
        float(pause) if pause else None,
    )


RESPONSES = Responses(
    {"provider": "toy", "account": "studio"},
    STATUSES,
    job_id="task",
    job_names={"task", "task_url"},
    fault=read_fault,
    words={"waiting", "working"},
)


def answer(content: Any, status: int = 200, **headers: str) -> Response:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return Response(status, headers, body)


def refused(
    content: Any, status: int = 200, phase: Phase = Phase.SUBMIT, **headers: str
) -> MotionKitError:
    with pytest.raises(MotionKitError) as caught:
        RESPONSES.unwrap(answer(content, status, **headers), phase, PAID)
    return caught.value


def test_a_success_is_its_json_object() -> None:
    assert RESPONSES.unwrap(answer({"task": "t-1"}), Phase.SUBMIT, PAID) == {"task": "t-1"}


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'"t-1"', b'{"task": "t-1"'])
def test_a_success_without_a_json_object_may_have_been_billed(body: bytes) -> None:
    error = refused(body)
    assert isinstance(error, ProtocolError)
    assert error.billed is Billed.UNKNOWN
    assert str(error).startswith("studio: the response is not ")


@pytest.mark.parametrize(
    ("status", "kind"), [(400, InvalidRequest), (404, InvalidRequest), (429, RateLimited)]
)
def test_a_status_of_the_table_refuses(status: int, kind: type[MotionKitError]) -> None:
    error = refused({"code": "odd", "message": "no"}, status)
    assert type(error) is kind
    assert error.billed is Billed.NO
    assert (error.code, error.http_status, error.provider) == ("odd", status, "toy")
    assert "the vendor says 'no'" in str(error)


def test_a_code_of_the_vendor_comes_before_the_status() -> None:
    assert type(refused({"code": "full"}, 400)) is Busy
    assert type(refused({"code": "no-money"}, 403)) is InsufficientCredits


@pytest.mark.parametrize("status", [302, 402, 409, 418])
def test_a_status_that_no_table_calls_a_refusal_refuses_nothing(status: int) -> None:
    assert refused({"message": "no"}, status).billed is Billed.UNKNOWN


@pytest.mark.parametrize("status", [500, 502, 503, 504, 529])
@pytest.mark.parametrize("content", [{}, {"code": "no-money"}, b"<html>"])
def test_a_server_error_never_refuses_whatever_the_tables_say(status: int, content: Any) -> None:
    assert refused(content, status).billed is Billed.UNKNOWN


@pytest.mark.parametrize("body", [b"", b"<html>too many</html>", b"{}"])
def test_429_without_a_json_object_refuses_only_if_the_vendor_says_so(body: bytes) -> None:
    error = refused(body, 429)
    assert type(error) is RateLimited
    assert error.billed is Billed.UNKNOWN
    own = attrs.evolve(RESPONSES, fault=lambda answer, *_: Fault(row=STATUSES[answer.status]))
    with pytest.raises(RateLimited) as caught:
        own.unwrap(answer(body, 429), Phase.SUBMIT, PAID)
    assert caught.value.billed is Billed.NO


@pytest.mark.parametrize(
    "content",
    [
        {"task": "t-1"},
        {"error": {"Task": "t-1"}},
        {"errors": [{"task_url": "https://toy.invalid/t-1"}]},
        {"status": "waiting"},
        b'{"task": ',
        b'{"task": "t-1", "task": "t-2"}',
        b'{"cost": NaN}',
    ],
)
def test_a_body_that_may_name_a_job_is_no_refusal(content: Any) -> None:
    error = refused(content, 400)
    assert error.billed is Billed.UNKNOWN
    assert "the same response contradicts that" in str(error)


@pytest.mark.parametrize(
    "content",
    [{"task": None}, {"task": 0}, {"task": ""}, {"task": "old-task"}, {"status": ["waiting"]}],
)
def test_no_id_the_calls_own_or_a_word_out_of_place_is_no_job(content: Any) -> None:
    assert refused(content, 400).billed is Billed.NO


def test_only_a_paid_call_is_read_strictly() -> None:
    assert RESPONSES.unwrap(answer(b'{"cost": NaN}'), Phase.POLL, PAID) == {"cost": None}
    assert isinstance(refused(b'{"cost": NaN}'), ProtocolError)


def test_a_refused_look_says_nothing_of_money() -> None:
    assert refused({}, 400, Phase.POLL).billed is Billed.UNKNOWN
    assert type(refused({}, 404, Phase.POLL)) is JobNotFound


def test_a_pause_is_taken_from_the_standard_header_first() -> None:
    asked = {"retry-after": "7", "x-reset": "9"}
    assert refused({"code": "x"}, 429, **asked).retry_after == 7
    assert refused({"code": "x"}, 429, **{"x-reset": "9"}).retry_after == 9


def test_a_vendor_may_decide_itself_what_a_success_is() -> None:
    coded = attrs.evolve(RESPONSES, succeeds=lambda _, data, phase: data.get("code") == "ok")
    assert coded.unwrap(answer({"code": "ok"}, 422), Phase.POLL, PAID) == {"code": "ok"}
    with pytest.raises(InsufficientCredits) as caught:
        coded.unwrap(answer({"code": "no-money"}), Phase.SUBMIT, PAID)
    assert caught.value.billed is Billed.NO
    with pytest.raises(ProtocolError) as strange:
        coded.unwrap(answer({"code": "new"}), Phase.SUBMIT, PAID)
    assert strange.value.billed is Billed.UNKNOWN


def test_a_submit_is_the_id_and_the_content() -> None:
    assert RESPONSES.submitted(answer({"task": "t-1", "eta": 3}), PAID) == (
        "t-1",
        {"task": "t-1", "eta": 3},
    )


def test_the_id_in_its_place_counts_whatever_else_is_named() -> None:
    content = {"task": "t-1", "parent": {"task": "t-0"}}
    assert RESPONSES.submitted(answer(content), PAID)[0] == "t-1"


@pytest.mark.parametrize("content", [{"data": {"task": "t-1"}}, {"data": [{"TASK": "t-1"}] * 2}])
def test_an_id_elsewhere_in_a_success_is_taken_if_it_is_the_only_one(content: Any) -> None:
    assert RESPONSES.submitted(answer(content), PAID) == ("t-1", content)


@pytest.mark.parametrize("status", [302, 400, 429, 500, 503])
def test_an_error_that_names_one_whole_job_made_it(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert RESPONSES.submitted(answer({"task": "t-1"}, status), PAID) == ("t-1", {})
    assert "the response still names job t-1" in caplog.text


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"task": None},
        {"task": 7},
        {"task": ".."},
        {"task": "a/b"},
        {"task": "t" * 201},
        {"data": [{"task": "t-1"}, {"task": "t-2"}]},
        {"data": [{"task": "7"}, {"task": 7}]},
        b'{"task": "t-1"',
    ],
)
@pytest.mark.parametrize("status", [200, 500])
def test_a_submit_without_one_whole_id_may_have_been_billed(content: Any, status: int) -> None:
    with pytest.raises(MotionKitError) as caught:
        RESPONSES.submitted(answer(content, status), PAID)
    assert caught.value.billed is Billed.UNKNOWN


def test_a_vendor_whose_ids_are_numbers_reads_them_itself() -> None:
    numbers = attrs.evolve(RESPONSES, whole_id=lambda one: str(one) if type(one) is int else None)
    assert numbers.submitted(answer({"task": 2**60}), PAID)[0] == str(2**60)


@pytest.mark.parametrize(
    ("phase", "billed"), [(Phase.SUBMIT, Billed.UNKNOWN), (Phase.BALANCE, Billed.NO)]
)
def test_a_missing_field_is_named(phase: Phase, billed: Billed) -> None:
    error = RESPONSES.missing("balance", {"name": "x"}, phase)
    assert str(error) == "studio: the response has no balance"
    assert (error.billed, error.raw) == (billed, {"name": "x"})


@pytest.mark.parametrize("value", ["a", "0d9a-4000", "a.b:c=+", "x" * 200])
def test_an_id_may_be_a_segment_of_a_path(value: str) -> None:
    assert path_id(value) == value


@pytest.mark.parametrize("value", ["", ".", "..", "a/b", "a?b", "a b", "é", "x" * 201, 7, None])
def test_anything_else_may_not(value: Any) -> None:
    assert path_id(value) is None


@pytest.mark.parametrize("body", [b"", b"<html>", b"[1]"])
def test_the_content_of_a_response_without_an_object_is_empty(body: bytes) -> None:
    assert content_of(answer(body, 500)) == {}


def test_the_age_of_a_job_is_on_the_vendors_clock() -> None:
    first = answer({}, date="Thu, 26 Nov 2026 10:00:00 GMT")
    later = answer({}, date="Thu, 26 Nov 2026 11:30:00 GMT")
    made = attrs.evolve(job("t-1"), data=accepted_at(first))
    assert age_of(made, later) == dt.timedelta(minutes=90)
    assert age_of(made, answer({})) is None
    assert accepted_at(answer({})) == {}
    assert age_of(job("t-1"), later) is None
