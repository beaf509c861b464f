"""Replicate's jobs: what a submit, a poll, a cancel and the list say, answer by answer."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import attrs
import pytest
from scripted import NoUploads, Vendor, scripted

from motionkit.errors import (
    AuthenticationError,
    Billed,
    ConfigError,
    InsufficientCredits,
    InvalidRequest,
    JobGone,
    MotionKitError,
    RateLimited,
    Unsupported,
)
from motionkit.model.job import Job, State, Status, UnknownReason, utcnow
from motionkit.model.money import CostBasis
from motionkit.model.submission import Call, Found, NotSeen, Submission
from motionkit_replicate.adapter import Replicate, Settings

MODEL = "kwaivgi/kling-v3-motion-control"
API = "https://api.replicate.com/v1"
ID = "gm3qorzdhgbfurvjtvhg6dckhu"
TOKEN = f"{API}/files/pjxieroan2beeg36hlr903z9v6"
INPUT = {"image": TOKEN, "video": "https://h.example/dance.mp4", "mode": "pro"}
FILM = "https://replicate.delivery/xezq/out.mp4"
NOW = utcnow()


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch) -> Vendor:
    return scripted(Vendor(), monkeypatch)


def adapter(**settings: Any) -> Replicate:
    return Replicate("studio", Settings(api_key="r8_secret", **settings), NoUploads())


@pytest.fixture
def replicate() -> Iterator[Replicate]:
    made = adapter()
    yield made
    made.close()


def order(token: str | None = TOKEN, model: str = MODEL, **sent: Any) -> Submission:
    body = {"input": INPUT | sent}
    paid = Call("POST", f"/v1/models/{model}/predictions", json=body, paid=True)
    return Submission("replicate", "studio", "mimic", model, paid, token=token)


def job(model: str = MODEL) -> Job:
    return order(model=model).job(ID, fingerprint="f", attempt_id="a")


def prediction(**fields: Any) -> dict[str, Any]:
    return {
        "id": ID,
        "model": MODEL,
        "version": "hidden",
        "input": INPUT,
        "logs": "",
        "output": None,
        "error": None,
        "status": "starting",
        "data_removed": False,
        "source": "api",
        "created_at": NOW.isoformat(),
        "urls": {"get": f"{API}/predictions/{ID}", "cancel": f"{API}/predictions/{ID}/cancel"},
    } | fields


# Submit.


@pytest.mark.parametrize("status", [200, 201, 202])
@pytest.mark.parametrize("word", ["starting", "processing", "succeeded", "failed", "paused"])
def test_an_accepted_submit_is_a_job_whatever_its_word(
    status: int, word: str, vendor: Vendor, replicate: Replicate
) -> None:
    vendor.will(status, prediction(status=word))
    assert replicate.submit(order(), "a").id == ID
    assert vendor.calls == [f"POST {API}/models/{MODEL}/predictions"]


UNSURE: list[tuple[int, Any]] = [
    (201, b'{"id": "gm3qorz'),
    (201, b"OK"),
    (201, {"status": "starting"}),
    (201, prediction(id=None, urls={})),
    (500, {"detail": "Internal server error"}),
    (502, b"<html>Bad Gateway</html>"),
    (408, {"detail": "late"}),
    (307, b""),
    (418, {"detail": "teapot"}),
    (429, b""),
    (402, b'{"id": "gm3qorz'),
    (422, {"detail": "odd", "status": "starting"}),
]


@pytest.mark.parametrize(("status", "body"), UNSURE)
def test_an_answer_that_may_have_made_a_job_is_never_a_refusal(
    status: int, body: Any, vendor: Vendor, replicate: Replicate
) -> None:
    vendor.will(status, body)
    with pytest.raises(MotionKitError) as caught:
        replicate.submit(order(), "a")
    assert caught.value.billed is Billed.UNKNOWN
    assert len(vendor.calls) == 1


@pytest.mark.parametrize("status", [402, 422, 500, 502])
def test_an_error_that_names_a_job_is_that_job(
    status: int, vendor: Vendor, replicate: Replicate
) -> None:
    vendor.will(status, prediction(detail="odd"))
    assert replicate.submit(order(), "a").id == ID


def test_without_credit_nothing_is_bought_and_the_page_of_billing_is_named(
    vendor: Vendor, replicate: Replicate
) -> None:
    for title in ("Insufficient credit", "Billing required"):
        vendor.will(402, {"title": title, "detail": "You have none.", "status": 402})
        with pytest.raises(InsufficientCredits) as caught:
            replicate.submit(order(), "a")
        assert caught.value.billed is Billed.NO
        assert title in caught.value.message
        assert "replicate.com/account/billing" in str(caught.value)


REDUCED = (
    "Request was throttled. Your rate limit for creating predictions is reduced to 6 requests per "
    "minute with a burst of 1 requests while you have less than $5.0 in credit. Your rate limit "
    "resets in ~7s."
)


def test_a_limit_names_its_pause_in_the_body_in_the_head_or_in_its_text(
    vendor: Vendor, replicate: Replicate
) -> None:
    plain = "Request was throttled. Your rate limit resets in ~30s."
    for body, headers, pause, poor in (
        ({"detail": REDUCED, "status": 429, "retry_after": 9}, {}, 9, True),
        ({"detail": REDUCED, "status": 429}, {}, 7, True),
        ({"detail": plain}, {}, 30, False),
        ({"detail": plain}, {"retry_after": "3"}, 3, False),
        ({"detail": "Request was throttled."}, {}, None, False),
    ):
        vendor.will(429, body, **headers)
        with pytest.raises(RateLimited) as caught:
            replicate.submit(order(), "a")
        assert caught.value.billed is Billed.NO
        assert caught.value.retry_after == pause
        assert ("more credit" in str(caught.value)) is poor


def invalid(field: str, kind: str, text: str) -> dict[str, Any]:
    return {
        "title": "Input validation failed",
        "detail": f"- {field}: {text}\n",
        "status": 422,
        "invalid_fields": [{"type": kind, "field": field, "description": text}],
    }


@pytest.mark.parametrize(
    ("field", "named", "value"),
    [
        ("input.mode", "quality", "pro"),
        ("input.image", "image", TOKEN),
        ("input.character_orientation", "orientation", None),
        ("input.strength", "strength", None),
        ("input", "input", None),
    ],
)
def test_a_refused_field_is_named_as_the_request_has_it(
    *, field: str, named: str, value: str | None, vendor: Vendor, replicate: Replicate
) -> None:
    vendor.will(422, invalid(field, "enum", "it must be one of the following: ..."))
    with pytest.raises(InvalidRequest) as caught:
        replicate.submit(order(), "a")
    assert caught.value.billed is Billed.NO
    assert (caught.value.field, caught.value.value) == (named, value)
    assert caught.value.limit == "it must be one of the following: ..."
    assert field in caught.value.message


@pytest.mark.parametrize("many", [False, True])
def test_a_refused_picture_is_not_repeated_in_the_error(
    *, many: bool, vendor: Vendor, replicate: Replicate
) -> None:
    picture = f"data:image/png;base64,{'iVBORw0KGgo' * 100}"
    vendor.will(422, invalid("input.image", "format", "it is no picture"))
    with pytest.raises(InvalidRequest) as caught:
        replicate.submit(order(None, image=[picture] if many else picture), "a")
    assert "iVBOR" not in f"{caught.value.to_dict()}"
    assert "data:image/png;base64,..." in str(caught.value.value)


@pytest.mark.parametrize("rows", [None, [], [7], [{}], [{"field": 7}], "x"])
def test_a_list_of_invalid_fields_of_another_form_names_none(
    rows: Any, vendor: Vendor, replicate: Replicate
) -> None:
    vendor.will(422, {"detail": "no", "status": 422, "invalid_fields": rows})
    with pytest.raises(InvalidRequest) as caught:
        replicate.submit(order(), "a")
    assert caught.value.field is None


# Poll.


def polled(vendor: Vendor, replicate: Replicate, model: str = MODEL, **fields: Any) -> Status:
    vendor.will(200, prediction(**fields))
    return replicate.poll(job(model))


WORDS: list[tuple[str, State, Billed]] = [
    ("starting", State.QUEUED, Billed.UNKNOWN),
    ("processing", State.RUNNING, Billed.UNKNOWN),
    ("failed", State.FAILED, Billed.UNKNOWN),
    ("aborted", State.FAILED, Billed.NO),
    ("cancelled", State.UNKNOWN, Billed.UNKNOWN),
    ("SUCCEEDED", State.UNKNOWN, Billed.UNKNOWN),
    ("", State.UNKNOWN, Billed.UNKNOWN),
]


@pytest.mark.parametrize(("word", "state", "billed"), WORDS)
def test_a_word_has_its_state_and_a_strange_one_is_unknown(
    *, word: str, state: State, billed: Billed, vendor: Vendor, replicate: Replicate
) -> None:
    status = polled(vendor, replicate, status=word)
    assert (status.state, status.billed, status.word) == (state, billed, word)
    strange = UnknownReason.STRANGE_WORD if state is State.UNKNOWN else None
    assert status.doubt is strange
    assert not status.cancelled
    assert vendor.calls == [f"GET {API}/predictions/{ID}"]


@pytest.mark.parametrize("word", [None, 7, ["succeeded"], {"status": "failed"}])
def test_a_word_that_is_no_text_is_unknown(word: Any, vendor: Vendor, replicate: Replicate) -> None:
    assert polled(vendor, replicate, status=word).state is State.UNKNOWN


SHAPES: list[tuple[Any, list[str]]] = [
    (FILM, [FILM]),
    ([FILM, f"{FILM}?2"], [FILM, f"{FILM}?2"]),
    ({"video": FILM, "frames": 7}, [FILM]),
    ({"url": FILM}, [FILM]),
    ([{"url": FILM}, FILM], [FILM]),
]


@pytest.mark.parametrize(("output", "urls"), SHAPES)
def test_outputs_are_found_in_every_shape(
    output: Any, urls: list[str], vendor: Vendor, replicate: Replicate
) -> None:
    status = polled(vendor, replicate, status="succeeded", output=output)
    assert status.result is not None
    assert [one.url for one in status.result.outputs] == urls
    assert (status.state, status.billed) == (State.SUCCEEDED, Billed.YES)


@pytest.mark.parametrize("output", [None, "", [], {}, "text", 7])
def test_a_success_without_an_output_is_unknown_and_not_a_failure(
    output: Any, vendor: Vendor, replicate: Replicate
) -> None:
    status = polled(vendor, replicate, status="succeeded", output=output)
    assert (status.state, status.doubt) == (State.UNKNOWN, UnknownReason.NO_OUTPUT)


def test_a_success_whose_data_were_removed_is_gone_and_was_paid(
    vendor: Vendor, replicate: Replicate
) -> None:
    fields: dict[str, Any] = {"status": "succeeded", "data_removed": True, "input": {}}
    status = polled(vendor, replicate, **fields)
    assert (status.state, status.billed) == (State.GONE, Billed.YES)
    vendor.will(200, prediction(**fields))
    with pytest.raises(JobGone) as caught:
        replicate.result(job())
    assert caught.value.billed is Billed.YES
    assert "deleted an hour after the job; the run was charged" in str(caught.value)
    late = polled(vendor, replicate, **fields | {"output": FILM})
    assert late.state is State.SUCCEEDED, "what is still there is a result"


TEXTS: list[tuple[str, State, str | None]] = [
    (
        "The input or output was flagged as sensitive. Try different inputs. (E005) (abcdefghij)",
        State.BLOCKED,
        "E005",
    ),
    ("The output was flagged as sensitive.", State.BLOCKED, "E005"),
    ("Director: unexpected error handling prediction (E9828)", State.FAILED, "E9828"),
    ("E1001: CUDA out of memory", State.FAILED, "E1001"),
    ("something new (E4321)", State.FAILED, "E4321"),
    ("Prediction interrupted; please retry (code: PA)", State.FAILED, "PA"),
    ("ValueError: no person in the clip", State.FAILED, None),
    ("", State.FAILED, None),
]


@pytest.mark.parametrize(("text", "state", "code"), TEXTS)
def test_a_failure_has_its_code_in_its_text_and_no_known_charge(
    *, text: str, state: State, code: str | None, vendor: Vendor, replicate: Replicate
) -> None:
    status = polled(vendor, replicate, status="failed", error=text)
    assert (status.state, status.code, status.billed) == (state, code, Billed.UNKNOWN)
    assert (status.message or "").startswith(text)


def test_a_failure_without_a_text_is_a_failure(vendor: Vendor, replicate: Replicate) -> None:
    for error in (None, 7, {"message": "no"}):
        assert polled(vendor, replicate, status="failed", error=error).state is State.FAILED


def test_a_cancelled_job_is_charged_if_it_ran(vendor: Vendor, replicate: Replicate) -> None:
    ran = polled(vendor, replicate, status="canceled", started_at=NOW.isoformat())
    assert (ran.state, ran.billed, ran.cancelled) == (State.FAILED, Billed.YES, True)
    timed = polled(vendor, replicate, status="canceled", metrics={"predict_time": 3.5})
    assert timed.billed is Billed.YES
    waited = polled(vendor, replicate, status="canceled", metrics={"predict_time": 0})
    assert (waited.billed, waited.cancelled) == (Billed.UNKNOWN, True)


def test_a_cancelled_run_costs_what_its_time_costs(vendor: Vendor, replicate: Replicate) -> None:
    model = "wan-video/wan-2.2-animate-animation"
    fields = {"status": "canceled", "metrics": {"predict_time": 30.0}}
    cost = polled(vendor, replicate, model, **fields).cost
    assert cost is not None
    assert (cost.amount, cost.basis) == (Decimal("0.090"), CostBasis.ASSUMED)
    assert polled(vendor, replicate, **fields).cost is None, "by its output, of which there is none"


def test_a_deadline_is_no_cancel_of_ours(vendor: Vendor, replicate: Replicate) -> None:
    fields = {
        "status": "canceled",
        "started_at": NOW.isoformat(),
        "deadline": NOW.isoformat(),
        "completed_at": (NOW + dt.timedelta(seconds=1)).isoformat(),
    }
    status = polled(vendor, replicate, **fields)
    assert (status.billed, status.cancelled) == (Billed.YES, False)
    assert status.message == "the deadline passed while it ran"
    assert not polled(vendor, replicate, **fields | {"completed_at": NOW.isoformat()}).cancelled
    before = {"completed_at": (NOW - dt.timedelta(seconds=9)).isoformat()}
    assert polled(vendor, replicate, **fields | before).cancelled
    aborted = polled(vendor, replicate, status="aborted", deadline=NOW.isoformat())
    assert (aborted.billed, aborted.cancelled) == (Billed.NO, False)
    assert aborted.message == "the deadline passed before it started"


def test_a_job_that_is_not_found_is_unknown_however_old_it_is(
    vendor: Vendor, replicate: Replicate
) -> None:
    old = attrs.evolve(job(), submitted_at=NOW - dt.timedelta(days=40))
    for one in (job(), old):
        vendor.will(404, {"detail": "Not found"})
        status = replicate.poll(one)
        assert (status.state, status.doubt) == (State.UNKNOWN, UnknownReason.NOT_FOUND)


@pytest.mark.parametrize("status", [401, 429, 500, 503])
def test_a_failing_poll_is_never_free(status: int, vendor: Vendor, replicate: Replicate) -> None:
    vendor.will(status, {"detail": "no"})
    with pytest.raises(MotionKitError) as caught:
        replicate.poll(job())
    assert caught.value.billed is Billed.UNKNOWN


# Cost.


def cost_of(
    vendor: Vendor, replicate: Replicate, model: str = MODEL, **fields: Any
) -> Decimal | None:
    status = polled(vendor, replicate, model, status="succeeded", output=FILM, **fields)
    assert status.result is not None
    cost = status.result.cost
    assert cost is None or cost.basis is CostBasis.ASSUMED
    return None if cost is None else cost.amount


def test_a_cost_is_the_reported_seconds_times_the_price_of_what_was_sent(
    vendor: Vendor, replicate: Replicate
) -> None:
    metrics = {"video_output_duration_seconds": 4.5, "predict_time": 120.0}
    assert cost_of(vendor, replicate, metrics=metrics) == Decimal("0.540")
    low = INPUT | {"mode": "std", "prompt": "jump", "seed": 7}
    assert cost_of(vendor, replicate, input=low, metrics=metrics) == Decimal("0.315")


def test_a_delivered_quality_counts_more_than_the_one_that_was_sent(
    vendor: Vendor, replicate: Replicate
) -> None:
    model = "wan-video/wan-2.2-animate-replace"
    sent = {"resolution": "720"}
    metrics: dict[str, Any] = {"video_output_duration_seconds": 10}
    for target, amount in (("720", "0.50"), ("720p", "0.50"), ("480", "0.20"), ("999", None)):
        told = metrics | {"resolution_target": target}
        found = cost_of(vendor, replicate, model, input=sent, metrics=told)
        assert found == (None if amount is None else Decimal(amount))


def test_a_run_is_charged_by_its_time_where_the_model_is_priced_so(
    vendor: Vendor, replicate: Replicate
) -> None:
    model = "wan-video/wan-2.2-animate-animation"
    metrics = {"predict_time": 120.0, "total_time": 500, "video_output_duration_seconds": 9}
    assert cost_of(vendor, replicate, model, metrics=metrics) == Decimal("0.360")


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"metrics": None},
        {"metrics": {"predict_time": 9.0}},
        {"metrics": {"video_output_duration_seconds": "many"}},
        {"metrics": {"video_output_duration_seconds": -4}},
        {"metrics": {"video_output_duration_seconds": 4}, "input": {}},
        {"metrics": {"video_output_duration_seconds": 4}, "input": None},
        {"metrics": {"video_output_duration_seconds": 4}, "input": INPUT | {"mode": "ultra"}},
        {"metrics": {"video_output_duration_seconds": 4}, "input": INPUT | {"turbo": True}},
    ],
)
def test_without_a_quantity_or_a_price_there_is_no_cost_and_the_quote_remains(
    fields: dict[str, Any], vendor: Vendor, replicate: Replicate
) -> None:
    assert cost_of(vendor, replicate, **fields) is None


def test_sound_and_a_price_by_the_video_count_too(vendor: Vendor, replicate: Replicate) -> None:
    def cost(operation: str, model: str, sent: Any, metrics: Any) -> Decimal | None:
        vendor.will(200, prediction(status="succeeded", output=FILM, input=sent, metrics=metrics))
        status = replicate.poll(attrs.evolve(job(model), operation=operation))
        assert status.result is not None
        return None if status.result.cost is None else status.result.cost.amount

    v6 = {"quality": "720p", "duration": 5, "generate_audio_switch": False}
    seconds = {"video_output_duration_seconds": 5}
    model = "pixverse/pixverse-v6"
    assert cost("image_to_video", model, v6, seconds) == Decimal("0.45")
    assert cost("image_to_video", model, v6, seconds | {"with_audio": True}) == Decimal("0.60")
    fast = "wan-video/wan-2.2-i2v-fast"
    assert cost(
        "image_to_video", fast, {"resolution": "720p"}, {"video_output_count": 1}
    ) == Decimal("0.11")
    assert cost("image_to_video", "some/model", v6, seconds) is None


# The list.


def row(**fields: Any) -> dict[str, Any]:
    return prediction(**{"status": "processing"} | fields)


def find(
    vendor: Vendor,
    replicate: Replicate,
    *rows: Any,
    submission: Submission | None = None,
    following: Any = None,
) -> Found | NotSeen:
    vendor.will(200, {"next": following, "previous": None, "results": list(rows)})
    return replicate.find(submission or order(), NOW.timestamp() - 30)


def test_the_only_job_with_our_input_is_ours(vendor: Vendor, replicate: Replicate) -> None:
    found = find(vendor, replicate, row(id="other", input=INPUT | {"image": "https://h/x"}), row())
    assert isinstance(found, Found)
    assert found.job.id == ID
    (call,) = vendor.calls
    assert call.startswith(f"GET {API}/predictions?created_after=")
    assert "Z" in call


def test_defaults_that_the_vendor_adds_to_the_input_do_not_matter(
    vendor: Vendor, replicate: Replicate
) -> None:
    assert isinstance(find(vendor, replicate, row(input=INPUT | {"prompt": ""})), Found)


def test_two_jobs_with_our_input_are_candidates(vendor: Vendor, replicate: Replicate) -> None:
    found = find(vendor, replicate, row(), row(id="another"))
    assert isinstance(found, NotSeen)
    assert [one.id for one in found.candidates] == [ID, "another"]


def test_without_an_upload_of_its_own_a_match_is_a_candidate(
    vendor: Vendor, replicate: Replicate
) -> None:
    found = find(vendor, replicate, row(), submission=order(token=None))
    assert isinstance(found, NotSeen)
    assert [one.id for one in found.candidates] == [ID]


NOT_OURS: list[Any] = [
    row(input=INPUT | {"mode": "std"}),
    row(input={}),
    row(input=None),
    row(source="web"),
    row(source=["api"]),
    row(source={}),
    row(model="kwaivgi/kling-v2.6-motion-control"),
    row(created_at=(NOW - dt.timedelta(hours=1)).isoformat()),
    row(id="../x"),
    row(id=7),
    7,
]


@pytest.mark.parametrize("other", NOT_OURS)
def test_rows_that_are_not_ours_are_passed_over(
    other: Any, vendor: Vendor, replicate: Replicate
) -> None:
    assert find(vendor, replicate, other) == NotSeen()


def test_a_job_of_the_model_whose_input_is_deleted_is_doubtful_and_never_ours(
    vendor: Vendor, replicate: Replicate
) -> None:
    emptied = row(id="emptied", input={}, data_removed=True)
    found = find(vendor, replicate, emptied)
    assert isinstance(found, NotSeen)
    assert found.candidates == ()
    assert [one.id for one in found.doubtful] == ["emptied"]
    assert isinstance(find(vendor, replicate, emptied, row()), Found)
    other = row(id="emptied", input={}, data_removed=True, model="some/other")
    assert find(vendor, replicate, other) == NotSeen()


def test_every_page_is_read_at_our_own_host_only(vendor: Vendor, replicate: Replicate) -> None:
    vendor.will(
        200,
        {
            "next": "https://evil.example/v1/predictions?cursor=cD0y&created_after=x",
            "results": [row(id="first")],
        },
    )
    found = find(vendor, replicate, row())
    assert isinstance(found, NotSeen)
    assert len(found.candidates) == 2
    assert vendor.calls[1] == f"GET {API}/predictions?cursor=cD0y&created_after=x"


@pytest.mark.parametrize("following", [7, {"cursor": "x"}, "https://[broken"])
def test_a_list_that_was_not_read_to_its_end_proves_nothing(
    following: Any, vendor: Vendor, replicate: Replicate
) -> None:
    vendor.will(200, {"next": following, "results": [row()]})
    vendor.will(200, {"next": following, "results": "none"})
    found = replicate.find(order(), NOW.timestamp() - 30)
    assert isinstance(found, NotSeen)
    assert [one.id for one in found.candidates] == [ID]


def test_a_data_url_is_not_compared_because_the_list_may_not_repeat_it(
    vendor: Vendor, replicate: Replicate
) -> None:
    for sent in ("data:image/png;base64,AAAA", ["data:image/png;base64,AAAA"]):
        mine = order(image=sent, video=TOKEN)
        listed = INPUT | {"image": None, "video": TOKEN}
        assert isinstance(find(vendor, replicate, row(input=listed), submission=mine), Found)


def test_a_version_is_listed_under_its_models_name(vendor: Vendor, replicate: Replicate) -> None:
    for model, listed in (
        ("some/model:" + "0" * 64, "some/model"),
        ("0" * 64, "some/model"),
        ("deployments/me/mine", "some/model"),
    ):
        submission = order(model=model)
        found = find(vendor, replicate, row(model=listed), submission=submission)
        assert isinstance(found, Found), model


def test_with_history_off_nothing_is_asked(vendor: Vendor) -> None:
    replicate = adapter(history=False)
    assert replicate.find(order(), 0) == NotSeen()
    assert vendor.calls == []
    replicate.close()


# Cancel, balance, settings.


def test_the_answer_to_a_cancel_is_the_job_as_it_is_then(
    vendor: Vendor, replicate: Replicate
) -> None:
    for fields, state, cancelled in (
        ({"status": "canceled"}, State.FAILED, True),
        ({"status": "processing"}, State.RUNNING, False),
        ({"status": "succeeded", "output": FILM}, State.SUCCEEDED, False),
    ):
        vendor.will(200, prediction(**fields))
        said = replicate.cancel(job())
        assert (said.state, said.cancelled) == (state, cancelled)
    assert set(vendor.calls) == {f"POST {API}/predictions/{ID}/cancel"}


def test_a_cancel_of_an_unknown_job_is_an_error(vendor: Vendor, replicate: Replicate) -> None:
    vendor.will(404, {"detail": "Not found"})
    with pytest.raises(MotionKitError):
        replicate.cancel(job())


def test_a_right_key_shows_no_balance_and_a_wrong_one_is_told(
    vendor: Vendor, replicate: Replicate
) -> None:
    vendor.will(200, {"type": "user", "username": "me"})
    with pytest.raises(Unsupported) as caught:
        replicate.balance()
    assert caught.value.billed is Billed.NO
    assert "https://replicate.com/account/billing" in str(caught.value)
    vendor.will(401, {"title": "Unauthenticated", "detail": "no", "status": 401})
    with pytest.raises(AuthenticationError):
        replicate.balance()


@pytest.mark.parametrize(
    ("base", "url"),
    [
        (None, API),
        ("http://127.0.0.1:9", "http://127.0.0.1:9/v1"),
        ("http://127.0.0.1:9/v1", "http://127.0.0.1:9/v1"),
        ("http://127.0.0.1:9/v1/", "http://127.0.0.1:9/v1"),
    ],
)
def test_a_base_url_is_right_with_the_version_or_without(base: str | None, url: str) -> None:
    replicate = adapter(base_url=base)
    assert replicate.url(Call("GET", "/v1/account")) == f"{url}/account"
    replicate.close()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"cancel_after": 4.9}, "cancel_after is 4.9; give at least 5 seconds"),
        ({"cancel_after": float("nan")}, "cancel_after is nan"),
        ({"cancel_after": float("inf")}, "cancel_after is inf"),
        ({"data_urls": 256_001}, "data_urls is 256,001; give 0 to 256,000 bytes"),
        ({"data_urls": -1}, "data_urls is -1"),
        ({"webhook": "http://h.example/hook"}, "webhook is 'http://h.example/hook'"),
        ({"webhook_secret": " "}, "webhook_secret is empty"),
    ],
)
def test_a_wrong_setting_is_refused_by_its_name(settings: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)):
        Settings(api_key="r8_secret", **settings)


UNLISTED: dict[str, str | None] = {
    "some/model": "/v1/models/some/model/predictions",
    "some/model:" + "0" * 64: "/v1/predictions",
    "0" * 64: "/v1/predictions",
    "deployments/me/mine": "/v1/deployments/me/mine/predictions",
    "some/model:latest": None,
    "some": None,
    "some/model/other": None,
    "../model": None,
    "some/model?x=1": None,
    MODEL: None,
}


@pytest.mark.parametrize(("model", "path"), UNLISTED.items())
def test_an_unlisted_model_is_reached_by_its_name_version_or_deployment(
    model: str, path: str | None, replicate: Replicate
) -> None:
    offer = replicate.unlisted("mimic", model)
    assert (None if offer is None else offer.path) == path
    if offer is not None:
        assert {name: slot.field for name, slot in offer.media.items()} == {
            "image": "image",
            "video": "video",
        }
        assert (offer.evidence, offer.price) == ("inferred", None)
