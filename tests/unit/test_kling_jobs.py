"""Kling's tasks: what a submit, a poll, a search and the account say, answer by answer."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import scripted
from scripted import NoUploads

from motionkit.errors import (
    AuthenticationError,
    Billed,
    Busy,
    ContentBlocked,
    InsufficientCredits,
    InvalidRequest,
    MotionKitError,
    PermissionDenied,
    ProtocolError,
    ProviderUnavailable,
    RateLimited,
    Unsupported,
)
from motionkit.model.job import Job, State, UnknownReason
from motionkit.model.money import Cost, CostBasis, Unit
from motionkit.model.submission import Call, Found, NotSeen, Submission
from motionkit_kling.adapter import Kling, Settings

ID, OTHER = "893605946402811985", "893605946402811986"
ATTEMPT = "5f0c2d5e-0000-4000-8000-000000000001"
FILM = "https://v16-kling-fdl.klingai.com/out.mp4"
NEW, LEGACY = "/motion-control/kling-3.0", "/v1/videos/motion-control"
HOST = "https://api-singapore.klingai.com"


class Vendor(scripted.Vendor):
    """Answers in Kling's envelope."""

    @property
    def bodies(self) -> list[Any]:
        return [call.json for call in self.sent]

    def says(self, data: Any, **more: Any) -> None:
        self.will(200, {"code": 0, "message": "SUCCEED", "request_id": "r", "data": data, **more})

    def refuses(self, status: int, code: Any, message: str = "no", **more: Any) -> None:
        self.will(status, {"code": code, "message": message, "request_id": "r", **more})


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch) -> Vendor:
    return scripted.scripted(Vendor(), monkeypatch)


@pytest.fixture
def kling() -> Iterator[Kling]:
    made = Kling("studio", Settings(api_key="planted-key"), NoUploads())
    yield made
    made.close()


def order(path: str = NEW, token: str | None = None) -> Submission:
    paid = Call("POST", path, json={"settings": {"resolution": "720p"}}, paid=True)
    return Submission("kling", "studio", "mimic", "kling-3.0", paid, token=token)


def job(path: str = NEW) -> Job:
    return order(path).job(ID, fingerprint="f", attempt_id=ATTEMPT, data={"path": path})


def task(status: str = "submitted", **more: Any) -> dict[str, Any]:
    return {"id": ID, "status": status, "message": "", "external_id": ATTEMPT, **more}


def film(**more: Any) -> dict[str, Any]:
    return {"type": "video", "id": "7", "url": FILM, "duration": "5.1", **more}


def submit_error(kling: Kling, path: str = NEW) -> MotionKitError:
    with pytest.raises(MotionKitError) as caught:
        kling.submit(order(path), ATTEMPT)
    return caught.value


# Submit.


def test_a_submit_carries_the_attempts_id_and_gives_its_task(vendor: Vendor, kling: Kling) -> None:
    vendor.says(task())
    made = kling.submit(order(), ATTEMPT)
    assert (made.id, made.attempt_id, made.data["path"]) == (ID, ATTEMPT, NEW)
    assert vendor.calls == [f"POST {HOST}{NEW}"]
    assert vendor.bodies == [
        {"settings": {"resolution": "720p"}, "options": {"external_task_id": ATTEMPT}}
    ]


def test_a_legacy_submit_carries_it_beside_the_other_fields(vendor: Vendor, kling: Kling) -> None:
    vendor.says({"task_id": ID, "task_status": "submitted"})
    assert kling.submit(order(LEGACY), ATTEMPT).id == ID
    assert vendor.bodies[0]["external_task_id"] == ATTEMPT
    assert "options" not in vendor.bodies[0]


def test_an_id_that_comes_as_a_number_keeps_its_digits(vendor: Vendor, kling: Kling) -> None:
    vendor.will(200, f'{{"code": 0, "data": {{"id": {ID}, "status": "submitted"}}}}'.encode())
    assert kling.submit(order(), ATTEMPT).id == ID


def test_a_code_that_comes_as_text_is_read(vendor: Vendor, kling: Kling) -> None:
    vendor.says(task(), code="0")
    assert kling.submit(order(), ATTEMPT).id == ID
    vendor.refuses(400, "1301")
    assert isinstance(submit_error(kling), ContentBlocked)


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (401, 1002, AuthenticationError),
        (429, 1100, PermissionDenied),
        (429, 1101, InsufficientCredits),
        (429, 1102, InsufficientCredits),
        (403, 1103, PermissionDenied),
        (400, 1201, InvalidRequest),
        (404, 1203, InvalidRequest),
        (400, 1300, ContentBlocked),
        (400, 1301, ContentBlocked),
        (429, 1302, RateLimited),
        (429, 1303, Busy),
        (429, 1304, PermissionDenied),
        (200, 1102, InsufficientCredits),
    ],
)
def test_a_refusal_is_known_by_its_code_under_any_status(
    status: int, code: int, kind: type[Any], vendor: Vendor, kling: Kling
) -> None:
    vendor.refuses(status, code, "the vendor's words")
    error = submit_error(kling)
    assert type(error) is kind
    assert (error.billed, error.code) == (Billed.NO, str(code))
    assert error.passing is (code in {1302, 1303}), "money, an account or an address never pass"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, {"code": 5000, "message": "Internal server error"}),
        (503, {"code": 5001, "message": "maintenance"}),
        (504, {"code": 5002, "message": "timeout"}),
        (502, b"<html>Bad Gateway</html>"),
        (429, b"slow down"),
        (429, {"message": "no code"}),
        (200, b"<html>hello</html>"),
        (200, {"code": 0, "data": None}),
        (200, {"code": 0, "data": {"status": "submitted"}}),
        (200, {"code": 7777, "message": "new"}),
        (418, {"code": 7777, "message": "new"}),
        (500, {"code": 1301, "message": "a refusal under 5xx"}),
        (302, b""),
        # A status that refuses, and a code that does not say so: the code is the truth.
        (401, {"code": 0, "message": "SUCCEED"}),
        (401, {"code": 9999}),
        (403, {"code": -1}),
        (403, {"code": 0, "data": {}}),
    ],
)
def test_an_answer_that_does_not_plainly_refuse_may_have_bought(
    status: int, body: Any, vendor: Vendor, kling: Kling
) -> None:
    vendor.will(status, body)
    error = submit_error(kling)
    assert error.billed is Billed.UNKNOWN
    assert isinstance(error, ProviderUnavailable | ProtocolError | RateLimited | ContentBlocked)


def test_a_refusal_that_names_a_task_is_a_job(vendor: Vendor, kling: Kling) -> None:
    vendor.refuses(200, 5000, data=task())
    assert kling.submit(order(), ATTEMPT).id == ID


def test_a_refusal_that_names_two_tasks_is_none_and_no_refusal(
    vendor: Vendor, kling: Kling
) -> None:
    vendor.refuses(400, 1201, data=[task(), task(id=OTHER)])
    assert submit_error(kling).billed is Billed.UNKNOWN


def test_the_attempts_own_id_in_a_refusal_is_no_task(vendor: Vendor, kling: Kling) -> None:
    vendor.refuses(400, 1201, "bad value", data={"id": ATTEMPT})
    assert submit_error(kling).billed is Billed.NO


# An id that exists already.


@pytest.mark.parametrize("path", [NEW, LEGACY])
def test_an_id_that_exists_already_means_that_its_task_is_the_job(
    path: str, vendor: Vendor, kling: Kling
) -> None:
    vendor.refuses(400, 1201, f"External_task_id {ATTEMPT} already exists")
    vendor.says([task("processing")])
    assert kling.submit(order(path), ATTEMPT).id == ID
    assert vendor.calls[1:] == [f"GET {HOST}/tasks?external_task_ids={ATTEMPT}"]


@pytest.mark.parametrize(
    "seen",
    [[], [{"id": OTHER, "status": "processing", "external_id": "another"}], [{"id": OTHER}], None],
    ids=["none yet", "another's", "nobody's", "no list"],
)
def test_an_id_that_exists_and_is_not_listed_is_uncertain_never_refused(
    seen: Any, vendor: Vendor, kling: Kling
) -> None:
    vendor.refuses(400, 1201, f"External_task_id {ATTEMPT} already exists")
    vendor.says(seen)
    error = submit_error(kling)
    assert error.billed is Billed.UNKNOWN
    assert "not listed yet" in error.message


def test_a_search_that_fails_leaves_the_submit_uncertain(vendor: Vendor, kling: Kling) -> None:
    vendor.refuses(400, 1201, "External_task_id x already exists")
    vendor.refuses(503, 5001)
    assert submit_error(kling).billed is Billed.UNKNOWN


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("mode value 'x' is invalid", InvalidRequest),
        ("Element not found by id: 7", InvalidRequest),
        ("task_ids cannot exceed 20 in total", ProtocolError),
    ],
)
def test_the_other_meanings_of_that_code_are_refusals(
    message: str, kind: type[Any], vendor: Vendor, kling: Kling
) -> None:
    vendor.refuses(400, 1201, message)
    error = submit_error(kling)
    assert (type(error), error.billed) == (kind, Billed.NO)
    assert len(vendor.calls) == 1


# Poll.


@pytest.mark.parametrize(
    ("word", "state"), [("submitted", State.QUEUED), ("processing", State.RUNNING)]
)
def test_a_poll_reads_the_task_of_its_id_among_others(
    word: str, state: State, vendor: Vendor, kling: Kling
) -> None:
    vendor.says([task("failed", id=OTHER), task(word)])
    assert kling.poll(job()).state is state
    assert vendor.calls == [f"GET {HOST}/tasks?task_ids={ID}"]


def test_a_legacy_job_is_polled_under_its_own_path(vendor: Vendor, kling: Kling) -> None:
    videos = [{"id": "7", "url": FILM, "duration": "5.1"}]
    vendor.says(
        {
            "task_id": ID,
            "task_status": "succeed",
            "task_result": {"videos": videos},
            "final_unit_deduction": "4.5",
        }
    )
    result = kling.result(job(LEGACY))
    assert vendor.calls == [f"GET {HOST}{LEGACY}/{ID}"]
    assert (result.url, result.outputs[0].id) == (FILM, "7")
    assert result.cost == Cost(Decimal("4.5"), Unit.CREDIT, Decimal("0.630"), CostBasis.REPORTED)


def test_a_task_that_is_not_shown_is_unknown_in_both_apis(vendor: Vendor, kling: Kling) -> None:
    vendor.says([])
    vendor.refuses(400, 1201, f"Task not found by id/external id: {ID}")
    for path in (NEW, LEGACY):
        status = kling.poll(job(path))
        assert (status.state, status.doubt) == (State.UNKNOWN, UnknownReason.NOT_FOUND)


@pytest.mark.parametrize("word", ["cancelled", "succeeded!", "", None, 3])
def test_a_strange_word_is_unknown(word: Any, vendor: Vendor, kling: Kling) -> None:
    vendor.says([task(word, outputs=[film()])])
    status = kling.poll(job())
    assert (status.state, status.doubt) == (State.UNKNOWN, UnknownReason.STRANGE_WORD)


@pytest.mark.parametrize(
    "outputs", [None, [], [film(url="")], [{"type": "element", "id": "7"}], "text", [7]]
)
def test_a_success_without_a_file_is_unknown(outputs: Any, vendor: Vendor, kling: Kling) -> None:
    vendor.says([task("succeeded", outputs=outputs)])
    status = kling.poll(job())
    assert (status.state, status.doubt) == (State.UNKNOWN, UnknownReason.NO_OUTPUT)


def test_the_video_is_the_main_output_wherever_it_is_listed(vendor: Vendor, kling: Kling) -> None:
    still = {"type": "image", "url": "https://h.example/still.png"}
    sound = {"type": "audio", "mp3_url": "https://h.example/sound.mp3"}
    vendor.says([task("succeeded", outputs=[still, sound, film()])])
    outputs = kling.result(job()).outputs
    assert [(one.kind, one.url) for one in outputs] == [
        ("video", FILM),
        ("image", still["url"]),
        ("audio", sound["mp3_url"]),
    ]


@pytest.mark.parametrize(
    ("message", "state"),
    [
        ("Failure to pass the risk control system", State.BLOCKED),
        ("triggering the content Risk Control of the platform", State.BLOCKED),
        ("The resolution or aspect ratio of the input image is invalid.", State.FAILED),
        ("", State.FAILED),
    ],
)
def test_a_failed_task_is_blocked_by_its_words(
    message: str, state: State, vendor: Vendor, kling: Kling
) -> None:
    vendor.says([task("failed", message=message)])
    status = kling.poll(job())
    assert (status.state, status.message) == (state, message or None)
    assert status.billed is Billed.UNKNOWN, "no page says whether failures are charged"


UNITS = {"charge_type": "unit", "package_type": "video", "amount": "4.5"}
DOLLARS = {"charge_type": "cash", "cash_type": "balance", "amount": "0.63", "currency": "USD"}


def reported(amount: str, unit: Unit, usd: str) -> Cost:
    return Cost(Decimal(amount), unit, Decimal(usd), CostBasis.REPORTED)


@pytest.mark.parametrize(
    ("billing", "cost"),
    [
        ([UNITS], reported("4.5", Unit.CREDIT, "0.630")),
        ([UNITS, UNITS], reported("9.0", Unit.CREDIT, "1.260")),
        ([DOLLARS], reported("0.63", Unit.USD, "0.63")),
        ([UNITS, DOLLARS], reported("1.260", Unit.USD, "1.260")),
        ([{**DOLLARS, "currency": "CNY"}], None),
        ([UNITS, {**DOLLARS, "currency": "CNY"}], None),
        ([{**UNITS, "amount": "-4"}], None),
        ([{**UNITS, "amount": "much"}], None),
        ([UNITS, 7], None),
        ([], None),
        (None, None),
    ],
)
def test_the_cost_is_what_the_vendor_billed_or_unknown(
    billing: Any, cost: Cost | None, vendor: Vendor, kling: Kling
) -> None:
    vendor.says([task("succeeded", outputs=[film()], billing=billing)])
    assert kling.result(job()).cost == cost


@pytest.mark.parametrize(
    ("quota", "cost"), [("0", reported("0", Unit.CREDIT, "0")), ("0.63", None)]
)
def test_a_legacy_task_that_cost_money_of_an_unknown_currency_is_not_called_free(
    quota: str, cost: Cost | None, vendor: Vendor, kling: Kling
) -> None:
    videos = {"videos": [{"url": FILM}]}
    charge = {"final_unit_deduction": "0", "final_balance_deduction": {"quota": quota}}
    vendor.says({"task_id": ID, "task_status": "succeed", "task_result": videos, **charge})
    assert kling.result(job(LEGACY)).cost == cost


@pytest.mark.parametrize(
    ("amount", "billed", "cost"),
    [("0", Billed.NO, None), ("4.5", Billed.YES, reported("4.5", Unit.CREDIT, "0.630"))],
)
def test_a_failed_task_says_itself_whether_it_was_charged(
    amount: str, billed: Billed, cost: Cost | None, vendor: Vendor, kling: Kling
) -> None:
    vendor.says([task("failed", billing=[{**UNITS, "amount": amount}])])
    status = kling.poll(job())
    assert (status.billed, status.cost) == (billed, cost)


# Find.


def test_a_lost_submit_is_found_by_its_attempts_id(vendor: Vendor, kling: Kling) -> None:
    vendor.says([task("processing")])
    found = kling.find(order(token=ATTEMPT), 0.0)
    assert isinstance(found, Found)
    assert (found.job.id, found.job.attempt_id, found.job.data["path"]) == (ID, ATTEMPT, NEW)
    assert vendor.calls == [f"GET {HOST}/tasks?external_task_ids={ATTEMPT}"]


@pytest.mark.parametrize("rows", [[], [{"id": OTHER, "external_id": "b"}], [{"id": OTHER}], None])
def test_other_tasks_are_never_taken_for_it(rows: Any, vendor: Vendor, kling: Kling) -> None:
    vendor.says(rows)
    assert kling.find(order(token=ATTEMPT), 0.0) == NotSeen()


def test_nothing_is_asked_without_an_id(vendor: Vendor, kling: Kling) -> None:
    assert kling.find(order(), 0.0) == NotSeen()
    assert vendor.calls == []


# Balance.


def pack(name: str = "Video-5Con", left: Any = 118.5, status: str = "online") -> dict[str, Any]:
    return {"resource_pack_name": name, "remaining_quantity": left, "status": status}


def test_the_balance_is_what_is_left_for_videos_in_the_packs_in_use(
    vendor: Vendor, kling: Kling
) -> None:
    packs = [
        pack(),
        pack(left=1.5),
        pack("Image-5Con", 20),
        pack("Old", 50, "expired"),
        pack("Next", 60, "toBeOnline"),
        pack("Empty", 0, "runOut"),
    ]
    vendor.says({"code": 0, "msg": "success", "resource_pack_subscribe_infos": packs})
    balance = kling.balance()
    assert (balance.amount, balance.unit, balance.usd) == (120, Unit.CREDIT, Decimal("16.800"))
    assert balance.pools == {"Video-5Con, up to 12 h ago": 120}


@pytest.mark.parametrize(
    "packs",
    [[], [pack(status="expired"), pack(left=0, status="runOut")], [pack("Image-5Con", 20)]],
    ids=["none", "none in use", "for images"],
)
def test_an_account_without_a_pack_in_use_may_pay_in_money_and_has_no_balance_of_zero(
    packs: Any, vendor: Vendor, kling: Kling
) -> None:
    vendor.says({"code": 0, "msg": "success", "resource_pack_subscribe_infos": packs})
    with pytest.raises(Unsupported, match="no resource pack") as caught:
        kling.balance()
    assert caught.value.billed is Billed.NO


@pytest.mark.parametrize(
    "data", [None, [], {"code": 7}, {"code": 7, "resource_pack_subscribe_infos": []}]
)
def test_an_account_without_a_list_of_packs_is_no_balance_of_zero(
    data: Any, vendor: Vendor, kling: Kling
) -> None:
    vendor.says(data)
    with pytest.raises(ProtocolError):
        kling.balance()


def test_a_typo_in_a_key_is_not_reported_as_a_fault_of_a_token(
    vendor: Vendor, kling: Kling
) -> None:
    vendor.refuses(401, 1002, "The token was expected to have 3 parts, but got 0.")
    with pytest.raises(AuthenticationError, match="the API key is wrong") as caught:
        kling.balance()
    assert "copy the whole key again" in (caught.value.hint or "")
