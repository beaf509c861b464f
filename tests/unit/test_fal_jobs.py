"""fal's jobs: what a submit, a poll, a cancel and the history say, answer by answer."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import attrs
import pytest
from scripted import NoUploads, Vendor, scripted

from motionkit.errors import (
    Billed,
    InsufficientCredits,
    MotionKitError,
    PermissionDenied,
    ProviderUnavailable,
    Unsupported,
)
from motionkit.model.job import Job, State, UnknownReason, utcnow
from motionkit.model.money import CostBasis
from motionkit.model.submission import Call, Found, NotSeen, Submission
from motionkit_fal.adapter import Fal, Settings

MODEL = "fal-ai/kling-video/v3/pro/motion-control"
ID = "0d9a1a9e-0000-4000-8000-000000000001"
APP = "https://queue.fal.run/fal-ai/kling-video"
TOKEN = "https://v3b.fal.media/files/b/0a/hero.png"
BODY = {"image_url": TOKEN, "video_url": "https://h.example/dance.mp4"}
FILM = "https://v3b.fal.media/files/b/0a/out.mp4"
DONE = {"status": "COMPLETED", "request_id": ID}


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch) -> Vendor:
    return scripted(Vendor(), monkeypatch)


def adapter(**settings: Any) -> Fal:
    return Fal("studio", Settings(api_key="id:secret", **settings), NoUploads())


@pytest.fixture
def fal() -> Iterator[Fal]:
    made = adapter()
    yield made
    made.close()


def order(token: str | None = TOKEN) -> Submission:
    paid = Call("POST", f"/{MODEL}", json=BODY, paid=True)
    return Submission("fal", "studio", "mimic", MODEL, paid, token=token)


def job(age: float = 60.0, **data: str) -> Job:
    made = order().job(ID, fingerprint="f", attempt_id="a", data=data)
    return attrs.evolve(made, submitted_at=utcnow() - dt.timedelta(seconds=age))


# Submit.


def test_the_path_of_a_job_is_taken_from_the_responses_url(vendor: Vendor, fal: Fal) -> None:
    full = f"https://queue.fal.run/{MODEL}/requests/{ID}"
    vendor.will(200, {"request_id": ID, "status_url": f"{full}/status"})
    made = fal.submit(order(), "a")
    vendor.will(202, {"status": "IN_QUEUE"})
    fal.poll(made)
    assert vendor.calls[-1] == f"GET {full}/status"


@pytest.mark.parametrize(
    "url",
    [
        f"https://evil.example/x/y/requests/{ID}/status",
        f"https://queue.fal.run.evil.example/x/y/requests/{ID}/status",
        f"https://user@queue.fal.run/x/y/requests/{ID}/status",
        f"https://queue.fal.run/x/../requests/{ID}/status",
        "https://queue.fal.run/x/y/requests/other/status",
        f"/x/y/requests/{ID}/status",
        "https://[broken",
        7,
        None,
    ],
)
def test_a_url_of_another_host_or_form_is_ignored(url: Any, vendor: Vendor, fal: Fal) -> None:
    vendor.will(200, {"request_id": ID, "status_url": url})
    made = fal.submit(order(), "a")
    vendor.will(202, {"status": "IN_PROGRESS"})
    assert fal.poll(made).state is State.RUNNING
    assert vendor.calls[-1] == f"GET {APP}/requests/{ID}/status"


def test_the_backup_host_is_pinned_too_but_the_key_stays_at_the_first(
    vendor: Vendor, fal: Fal
) -> None:
    vendor.will(
        200,
        {"request_id": ID, "status_url": f"https://queue.falrun.com/a/b/requests/{ID}/status"},
    )
    made = fal.submit(order(), "a")
    assert made.data["app"] == "a/b"
    vendor.will(202, {"status": "IN_PROGRESS"})
    fal.poll(made)
    assert vendor.calls[-1].startswith("GET https://queue.fal.run/a/b/requests/")


def test_a_429_with_a_body_is_refused_and_one_without_is_not(vendor: Vendor, fal: Fal) -> None:
    for body, billed in ((b"", Billed.UNKNOWN), ({"detail": "too many"}, Billed.NO)):
        vendor.will(429, body)
        with pytest.raises(MotionKitError) as caught:
            fal.submit(order(), "a")
        assert caught.value.billed is billed


LOCKS: dict[str, type[MotionKitError]] = {
    "Exhausted balance. Top up your balance at fal.ai/dashboard/billing.": InsufficientCredits,
    "User budget exceeded": InsufficientCredits,
    "Add a payment method": InsufficientCredits,
    "Admin lock": PermissionDenied,
    "archived": PermissionDenied,
}


@pytest.mark.parametrize("reason", LOCKS)
def test_a_locked_account_is_no_wrong_key_and_nothing_was_bought(
    reason: str, vendor: Vendor, fal: Fal
) -> None:
    vendor.will(403, {"detail": f"User is locked. Reason: {reason}"})
    with pytest.raises(MotionKitError) as caught:
        fal.submit(order(), "a")
    assert type(caught.value) is LOCKS[reason]
    assert caught.value.billed is Billed.NO
    assert reason.split(".", maxsplit=1)[0] in str(caught.value)


@pytest.mark.parametrize("status", [401, 404, 422])
def test_the_same_words_under_another_status_are_not_about_money(
    status: int, vendor: Vendor, fal: Fal
) -> None:
    vendor.will(status, {"detail": "Exhausted balance"})
    with pytest.raises(MotionKitError) as caught:
        fal.submit(order(), "a")
    assert not isinstance(caught.value, InsufficientCredits)


def test_a_refusal_that_names_a_request_is_a_job(vendor: Vendor, fal: Fal) -> None:
    vendor.will(403, {"detail": "User is locked", "request_id": ID})
    assert fal.submit(order(), "a").id == ID


# Poll.


def finished(vendor: Vendor, fal: Fal, status: int, body: Any, /, **headers: str) -> Any:
    vendor.will(200, DONE)
    vendor.will(status, body, **headers)
    return fal.poll(job())


def test_a_cost_is_the_billable_units_times_the_accounts_unit_price(
    vendor: Vendor, fal: Fal
) -> None:
    price = {"endpoint_id": MODEL, "unit_price": 0.03, "unit": "seconds", "currency": "USD"}
    vendor.will(200, DONE)
    vendor.will(200, {"video": {"url": FILM}}, x_fal_billable_units="3.008")
    vendor.will(200, {"prices": [price]})
    status = fal.poll(job())
    assert status.state is State.SUCCEEDED
    assert status.result is not None
    assert status.result.url == FILM
    cost = status.result.cost
    assert cost is not None
    assert (cost.amount, cost.basis) == (Decimal("0.09024"), CostBasis.REPORTED)
    again = finished(vendor, fal, 200, {"video": {"url": FILM}}, x_fal_billable_units="2")
    assert again.result.cost.amount == Decimal("0.06"), "the price list is read once"
    assert vendor.answers == []


@pytest.mark.parametrize(
    "price",
    [
        {"endpoint_id": MODEL, "unit_price": 0.03, "unit": "seconds", "currency": "EUR"},
        {"endpoint_id": "another", "unit_price": 0.03, "unit": "seconds", "currency": "USD"},
        {"endpoint_id": MODEL, "unit_price": "dear", "unit": "seconds", "currency": "USD"},
        None,
    ],
)
def test_a_price_that_does_not_fit_makes_no_cost(price: Any, vendor: Vendor, fal: Fal) -> None:
    vendor.will(200, DONE)
    vendor.will(200, {"video": {"url": FILM}}, x_fal_billable_units="3")
    vendor.will(200, {"prices": [price]})
    status = fal.poll(job())
    assert status.result is not None
    assert status.result.cost is None


def test_a_price_list_that_fails_keeps_no_film_from_its_owner(vendor: Vendor, fal: Fal) -> None:
    vendor.will(200, DONE)
    vendor.will(200, {"video": {"url": FILM}}, x_fal_billable_units="3")
    vendor.will(500, {"error": {"type": "server_error", "message": "no"}})
    status = fal.poll(job())
    assert status.state is State.SUCCEEDED
    assert status.result is not None
    assert status.result.cost is None


def test_without_prices_the_platform_is_not_asked(vendor: Vendor) -> None:
    fal = adapter(prices=False)
    status = finished(vendor, fal, 200, {"video": {"url": FILM}}, x_fal_billable_units="3")
    assert status.result.cost is None
    assert len(vendor.calls) == 2
    fal.close()


SHAPES = [
    ({"video": {"url": FILM, "file_size": None, "content_type": None}}, [FILM]),
    ({"video": {"url": FILM, "file_size": 12}, "prompt": "x", "seed": 7}, [FILM]),
    ({"videos": [{"url": FILM}, {"url": f"{FILM}2"}]}, [FILM, f"{FILM}2"]),
    ({"video": FILM}, [FILM]),
    ({"images": [{"url": FILM}]}, [FILM]),
]


@pytest.mark.parametrize(("body", "urls"), SHAPES)
def test_outputs_are_found_in_every_shape(
    body: Any, urls: list[str], vendor: Vendor, fal: Fal
) -> None:
    status = finished(vendor, fal, 200, body)
    assert [one.url for one in status.result.outputs] == urls


VALUE = {"loc": ["body", "video_url"], "msg": "too long", "type": "video_duration_too_long"}
BLOCKED = {"loc": ["body"], "msg": "flagged", "type": "content_policy_violation"}
ENDED: list[tuple[int, Any, dict[str, str], State, Billed, str | None]] = [
    (422, {"detail": [VALUE]}, {}, State.FAILED, Billed.UNKNOWN, "video_duration_too_long"),
    (422, {"detail": [BLOCKED]}, {}, State.BLOCKED, Billed.UNKNOWN, "content_policy_violation"),
    (422, {"detail": "plain text"}, {}, State.FAILED, Billed.UNKNOWN, None),
    (
        422,
        {"detail": [VALUE]},
        {"x_fal_billable_units": "2"},
        State.FAILED,
        Billed.YES,
        "video_duration_too_long",
    ),
    (
        422,
        {"detail": [VALUE]},
        {"x_fal_billable_units": "0"},
        State.FAILED,
        Billed.NO,
        "video_duration_too_long",
    ),
    (
        504,
        {"detail": "late", "error_type": "request_timeout"},
        {},
        State.FAILED,
        Billed.NO,
        "request_timeout",
    ),
    (
        503,
        {"detail": "gone"},
        {"x_fal_error_type": "runner_disconnected"},
        State.FAILED,
        Billed.NO,
        "runner_disconnected",
    ),
]


@pytest.mark.parametrize(
    ("status", "body", "headers", "state", "billed", "code"),
    ENDED,
    ids=[f"{row[0]}-{row[5]}-{index}" for index, row in enumerate(ENDED)],
)
def test_the_result_decides_how_a_finished_job_ended(
    *,
    status: int,
    body: Any,
    headers: Mapping[str, str],
    state: State,
    billed: Billed,
    code: str | None,
    vendor: Vendor,
    fal: Fal,
) -> None:
    ended = finished(vendor, fal, status, body, **headers)
    assert (ended.state, ended.billed, ended.code) == (state, billed, code)
    assert not ended.cancelled


def test_an_error_in_the_status_with_an_empty_result_is_a_failure_and_not_a_success(
    vendor: Vendor, fal: Fal
) -> None:
    vendor.will(200, {**DONE, "error": "Runner disconnected", "error_type": "runner_disconnected"})
    vendor.will(200, {})
    ended = fal.poll(job())
    assert (ended.state, ended.billed) == (State.FAILED, Billed.NO)
    assert ended.message == "Runner disconnected"


def test_a_cancelled_job_says_so_and_its_charge_is_unknown(vendor: Vendor, fal: Fal) -> None:
    vendor.will(200, {**DONE, "error": "cancelled", "error_type": "client_cancelled"})
    vendor.will(499, {"detail": "cancelled", "error_type": "client_cancelled"})
    ended = fal.poll(job())
    assert (ended.state, ended.cancelled, ended.billed) == (State.FAILED, True, Billed.UNKNOWN)


GATEWAY: list[tuple[int, Any]] = [
    (502, b"<html>502 Bad Gateway nginx</html>"),
    (503, {"detail": "no healthy upstream"}),
    (500, {"detail": "Internal error", "error_type": "internal_error"}),
    (401, {"detail": "no"}),
    (422, b""),
]


@pytest.mark.parametrize(("status", "body"), GATEWAY)
def test_a_gateways_answer_to_the_result_ends_no_job(
    status: int, body: Any, vendor: Vendor, fal: Fal
) -> None:
    with pytest.raises(MotionKitError) as caught:
        finished(vendor, fal, status, body)
    assert caught.value.billed is not Billed.NO
    assert isinstance(caught.value, ProviderUnavailable) or status in {401, 422}


def test_a_result_that_is_asked_for_too_early_is_a_running_job(vendor: Vendor, fal: Fal) -> None:
    ended = finished(vendor, fal, 400, {"detail": "Request is still in progress"})
    assert ended.state is State.RUNNING


def test_done_without_a_file_is_unknown(vendor: Vendor, fal: Fal) -> None:
    ended = finished(vendor, fal, 200, {"video": None})
    assert (ended.state, ended.doubt) == (State.UNKNOWN, UnknownReason.NO_OUTPUT)


# The history.


def row(**fields: Any) -> dict[str, Any]:
    found = {"request_id": ID, "sent_at": utcnow().isoformat(), "json_input": BODY}
    return found | fields


def test_an_old_job_that_the_queue_forgot_is_read_from_the_history(
    vendor: Vendor, fal: Fal
) -> None:
    vendor.will(404, {"detail": "Request not found"})
    vendor.will(200, {"items": [row(status_code=200, json_output={"video": {"url": FILM}})]})
    status = fal.poll(job(age=7200))
    assert status.state is State.SUCCEEDED
    vendor.will(404, {"detail": "Request not found"})
    vendor.will(200, {"items": [row(status_code=422, json_output={"detail": [BLOCKED]})]})
    assert fal.poll(job(age=7200)).state is State.BLOCKED


def test_a_young_job_that_is_not_found_is_unknown_without_a_search(
    vendor: Vendor, fal: Fal
) -> None:
    vendor.will(404, {"detail": "Request not found"})
    status = fal.poll(job(age=10))
    assert (status.state, status.doubt) == (State.UNKNOWN, UnknownReason.NOT_FOUND)
    assert len(vendor.calls) == 1


def find(vendor: Vendor, fal: Fal, *rows: Any, token: str | None = TOKEN, **page: Any) -> Any:
    vendor.will(200, {"items": list(rows), "next_cursor": None, "has_more": False} | page)
    return fal.find(order(token), utcnow().timestamp() - 5)


def test_a_single_match_with_this_submissions_upload_is_found(vendor: Vendor, fal: Fal) -> None:
    found = find(vendor, fal, row(), row(request_id="other", json_input={"image_url": "x"}))
    assert isinstance(found, Found)
    assert found.job.id == ID
    assert "expand=payloads" in vendor.calls[-1]


def test_what_is_not_unique_is_a_candidate_only(vendor: Vendor, fal: Fal) -> None:
    two = find(vendor, fal, row(), row(request_id="another"))
    assert isinstance(two, NotSeen)
    assert len(two.candidates) == 2
    without = find(vendor, fal, row(), token=None)
    assert isinstance(without, NotSeen)
    assert [one.id for one in without.candidates] == [ID]


NOT_OURS = [
    row(json_input=None),
    row(json_input={**BODY, "video_url": "https://h.example/other.mp4"}),
    row(sent_at="2020-01-01T00:00:00Z"),
    row(request_id="../x"),
    row(request_id=7),
    7,
]


@pytest.mark.parametrize("other", NOT_OURS)
def test_rows_that_are_not_ours_are_passed_over(other: Any, vendor: Vendor, fal: Fal) -> None:
    assert find(vendor, fal, other) == NotSeen()


def test_every_page_is_read_and_an_incomplete_history_proves_nothing(
    vendor: Vendor, fal: Fal
) -> None:
    vendor.will(200, {"items": [row()], "next_cursor": "2", "has_more": True})
    found = find(vendor, fal, row(request_id="another"))
    assert isinstance(found, NotSeen)
    assert len(found.candidates) == 2
    cut = find(vendor, fal, row(), has_more=True)
    assert isinstance(cut, NotSeen)
    assert [one.id for one in cut.candidates] == [ID]


def test_with_history_off_nothing_is_asked(vendor: Vendor) -> None:
    fal = adapter(history=False)
    assert fal.find(order(), 0) == NotSeen()
    vendor.will(404, {"detail": "Request not found"})
    assert fal.poll(job(age=40 * 86400)).state is State.UNKNOWN
    assert len(vendor.calls) == 1
    fal.close()


# Cancel, balance, charges.


@pytest.mark.parametrize(
    ("status", "body", "word"),
    [
        (202, {"status": "CANCELLATION_REQUESTED"}, "CANCELLATION_REQUESTED"),
        (200, {"status": "OK"}, "OK"),
        (200, {"success": True}, "200"),
        (400, {"status": "ALREADY_COMPLETED"}, "ALREADY_COMPLETED"),
    ],
)
def test_an_answer_to_a_cancel_proves_nothing_and_the_next_poll_decides(
    status: int, body: Any, word: str, vendor: Vendor, fal: Fal
) -> None:
    vendor.will(status, body)
    said = fal.cancel(job())
    assert (said.state, said.word) == (State.UNKNOWN, word)
    assert vendor.calls == [f"PUT {APP}/requests/{ID}/cancel"]


def test_a_cancel_of_an_unknown_job_is_an_error(vendor: Vendor, fal: Fal) -> None:
    vendor.will(404, {"status": "NOT_FOUND"})
    with pytest.raises(MotionKitError):
        fal.cancel(job())


def test_a_key_without_the_scope_may_not_read_the_balance_and_is_not_called_wrong(
    vendor: Vendor, fal: Fal
) -> None:
    vendor.will(403, {"error": {"type": "authorization_error", "message": "needs ADMIN"}})
    with pytest.raises(Unsupported) as caught:
        fal.balance()
    assert caught.value.billed is Billed.NO
    assert "ADMIN" in str(caught.value)


def test_charges_are_the_platforms_rows(vendor: Vendor, fal: Fal) -> None:
    vendor.will(200, {"billing_events": [{"request_id": ID, "cost_total": 0.5}]})
    (charge,) = fal.usage(utcnow().timestamp() - 60)
    assert charge["request_id"] == ID
