"""Runway's tasks: bodies, and what a submit, a poll and a cancel say, answer by answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import pytest
import scripted
from scripted import NoUploads

import motionkit as mk
from motionkit.client import inspect_media
from motionkit.errors import (
    AuthenticationError,
    Billed,
    InsufficientCredits,
    InvalidRequest,
    MediaRejected,
    MotionKitError,
    PermissionDenied,
    ProtocolError,
    ProviderUnavailable,
    RateLimited,
    Unsupported,
)
from motionkit.model.job import Job, State, UnknownReason
from motionkit.model.money import Cost, CostBasis, Unit
from motionkit.model.probe import Facts
from motionkit.model.submission import Call, Submission
from motionkit.provider import fit_at, pick_offer, quote_fit
from motionkit.sandbox import sample_clip
from motionkit.sandbox.drawing import png, scene
from motionkit_runway.adapter import Runway, Settings

ID = "1d9a1a9e-0000-4000-8000-000000000001"
UPLOAD = "runway://0a0a0a0a"
BODY = {
    "model": "act_two",
    "character": {"type": "image", "uri": "https://h.example/hero.png"},
    "reference": {"type": "video", "uri": UPLOAD},
}
FILM = "https://cdn.example/out.mp4?_jwt=a"
QUOTE = {"id": ID, "estimatedCost": {"credits": 25}}
VERSION = "2024-11-06"


class Vendor(scripted.Vendor):
    """Notes the version that each call names."""

    @property
    def versions(self) -> list[str | None]:
        return [call.headers.get("X-Runway-Version") for call in self.sent]


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch) -> Vendor:
    return scripted.scripted(Vendor(), monkeypatch)


def adapter(**settings: Any) -> Runway:
    return Runway("studio", Settings(api_key="key_0123", **settings), NoUploads())


@pytest.fixture
def runway() -> Iterator[Runway]:
    made = adapter()
    yield made
    made.close()


def order(body: Mapping[str, Any] = BODY) -> Submission:
    headers = {"X-Runway-Version": VERSION}
    paid = Call("POST", "/v1/character_performance", headers=headers, json=body, paid=True)
    return Submission("runway", "studio", "mimic", "act_two", paid)


def job() -> Job:
    return order().job(ID, fingerprint="f", attempt_id="a")


def task(word: str, **fields: Any) -> dict[str, Any]:
    return {"id": ID, "status": word, "createdAt": "2026-11-28T01:00:00Z", **fields}


def refused(vendor: Vendor, runway: Runway, status: int, body: Any) -> MotionKitError:
    vendor.will(status, body)
    with pytest.raises(MotionKitError) as caught:
        runway.submit(order(), "a")
    return caught.value


# Submit.


def test_a_submit_reports_the_most_that_the_task_may_cost(vendor: Vendor, runway: Runway) -> None:
    vendor.will(200, QUOTE)
    made = runway.submit(order(), "attempt")
    assert (made.id, made.attempt_id) == (ID, "attempt")
    assert made.cost == Cost(Decimal(25), Unit.CREDIT, Decimal("0.25"), CostBasis.REPORTED)
    assert vendor.calls == ["POST https://api.dev.runwayml.com/v1/character_performance"]
    assert vendor.versions == [VERSION]


def test_a_price_of_credits_of_ones_own_counts(vendor: Vendor) -> None:
    vendor.will(200, {"id": ID, "estimatedCost": {"credits": 12.5}})
    made = adapter(usd_per_credit="0.008").submit(order(), "a")
    assert made.cost is not None
    assert (made.cost.amount, made.cost.usd) == (Decimal("12.5"), Decimal("0.1000"))


@pytest.mark.parametrize("body", [{"id": ID}, {"id": ID, "estimatedCost": None}])
def test_the_older_answer_without_an_estimate_is_a_job(
    body: Any, vendor: Vendor, runway: Runway
) -> None:
    vendor.will(200, body)
    assert runway.submit(order(), "a").cost is None


@pytest.mark.parametrize("number", [1, 2, 3])
def test_not_enough_credits_is_told_from_other_bad_requests_by_its_words(
    number: int, vendor: Vendor, runway: Runway
) -> None:
    text = {
        1: "You do not have enough credits to run this task.",
        2: "Not Enough Credits",
        3: "This organization has not enough credits.",
    }[number]
    error = refused(vendor, runway, 400, {"error": text, "docUrl": "https://docs.example"})
    assert isinstance(error, InsufficientCredits)
    assert error.billed is Billed.NO
    assert error.hint == "https://dev.runwayml.com"


def test_the_issues_of_a_bad_body_are_named(vendor: Vendor, runway: Runway) -> None:
    issue = {"code": "too_big", "path": ["expressionIntensity"], "message": "at most 5"}
    error = refused(
        vendor, runway, 400, {"error": "Validation of body failed", "issues": [issue, 7]}
    )
    assert type(error) is InvalidRequest
    assert "expressionIntensity: at most 5" in error.message
    assert (error.code, error.billed) == ("too_big", Billed.NO)


@pytest.mark.parametrize(
    ("path", "kind", "stale"),
    [
        (["reference", "uri"], MediaRejected, True),
        (["character", "uri"], MediaRejected, False),
        (["character", "type"], InvalidRequest, False),
        (["character", 0], InvalidRequest, False),
        (["ratio"], InvalidRequest, False),
        ("reference.uri", InvalidRequest, False),
        (None, InvalidRequest, False),
    ],
)
def test_an_issue_with_an_uploads_address_lets_it_be_uploaded_again(
    path: Any, kind: type[MotionKitError], stale: bool, vendor: Vendor, runway: Runway
) -> None:
    issue = {"code": "custom", "path": path, "message": "it has expired"}
    error = refused(vendor, runway, 400, {"error": "Validation of body failed", "issues": [issue]})
    assert (type(error), error.stale, error.billed) == (kind, stale, Billed.NO)


def test_an_issue_in_a_list_of_frames_is_found(vendor: Vendor, runway: Runway) -> None:
    issue = {"path": ["promptImage", 1, "uri"], "message": "it has expired"}
    vendor.will(400, {"error": "Validation of body failed", "issues": [issue]})
    frames = [{"uri": "https://h.example/a.png"}, {"uri": UPLOAD}]
    with pytest.raises(MediaRejected) as caught:
        runway.submit(order({"promptImage": frames}), "a")
    assert caught.value.stale


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, AuthenticationError), (402, InsufficientCredits), (403, PermissionDenied),
     (404, InvalidRequest), (405, ProtocolError), (429, RateLimited)],
)  # fmt: skip
def test_statuses_that_refuse(
    status: int, kind: type[MotionKitError], vendor: Vendor, runway: Runway
) -> None:
    error = refused(vendor, runway, status, {"error": "no"})
    assert (type(error), error.billed) == (kind, Billed.NO)


@pytest.mark.parametrize("status", [302, 307, 408, 409, 418, 422, 500, 502, 503, 504, 529])
def test_statuses_that_refuse_nothing(status: int, vendor: Vendor, runway: Runway) -> None:
    assert refused(vendor, runway, status, {"error": "no"}).billed is Billed.UNKNOWN


@pytest.mark.parametrize(
    "body", [b"<html>busy</html>", b"", b"[]", {}, {"id": None}, {"id": "../organization"}]
)
def test_an_answer_without_a_whole_id_may_have_bought(
    body: Any, vendor: Vendor, runway: Runway
) -> None:
    error = refused(vendor, runway, 200, body)
    assert (type(error), error.billed) == (ProtocolError, Billed.UNKNOWN)


def test_a_bare_429_comes_from_a_gateway(vendor: Vendor, runway: Runway) -> None:
    assert refused(vendor, runway, 429, b"slow down").billed is Billed.UNKNOWN


def test_an_error_that_names_a_task_is_that_job(vendor: Vendor, runway: Runway) -> None:
    vendor.will(503, {"error": "overloaded", "task": {"id": ID}})
    assert runway.submit(order(), "a").id == ID


def test_a_refusal_with_a_tasks_word_is_none(vendor: Vendor, runway: Runway) -> None:
    error = refused(vendor, runway, 400, {"error": "no", "status": "PENDING"})
    assert error.billed is Billed.UNKNOWN


# Poll.


@pytest.mark.parametrize(
    ("word", "state"),
    [("PENDING", State.QUEUED), ("THROTTLED", State.QUEUED), ("RUNNING", State.RUNNING)],
)
def test_a_task_above_the_tiers_limit_waits_like_any_other(
    word: str, state: State, vendor: Vendor, runway: Runway
) -> None:
    vendor.will(200, task(word, estimatedCost={"credits": 25}))
    status = runway.poll(job())
    assert (status.state, status.word, status.result) == (state, word, None)
    assert vendor.calls == [f"GET https://api.dev.runwayml.com/v1/tasks/{ID}"]
    assert vendor.versions == [VERSION]


def test_a_finished_task_has_its_film_and_its_true_cost(vendor: Vendor, runway: Runway) -> None:
    vendor.will(200, task("SUCCEEDED", output=[FILM], cost={"credits": 20}))
    result = runway.poll(job()).need_result(job())
    assert result.url == FILM
    assert result.cost == Cost(Decimal(20), Unit.CREDIT, Decimal("0.20"), CostBasis.REPORTED)


def test_each_poll_renews_the_address_of_the_film(vendor: Vendor, runway: Runway) -> None:
    for address in (FILM, f"{FILM}b"):
        vendor.will(200, task("SUCCEEDED", output=[address], cost={"credits": 20}))
        assert runway.result(job()).url == address


@pytest.mark.parametrize("output", [[], None, [""], [7], {}])
def test_success_without_a_film_is_a_doubt(output: Any, vendor: Vendor, runway: Runway) -> None:
    vendor.will(200, task("SUCCEEDED", output=output, cost={"credits": 20}))
    status = runway.poll(job())
    assert (status.state, status.doubt) == (State.UNKNOWN, UnknownReason.NO_OUTPUT)


FAILURES: list[tuple[Any, State, int | None, Billed]] = [
    ("SAFETY.INPUT.IMAGE", State.BLOCKED, 25, Billed.YES),
    ("SAFETY.INPUT.TEXT", State.BLOCKED, 0, Billed.NO),
    ("SAFETY.OUTPUT.VIDEO", State.BLOCKED, None, Billed.UNKNOWN),
    ("SAFETY.WEATHER", State.BLOCKED, None, Billed.UNKNOWN),
    ("INPUT_PREPROCESSING.SAFETY.TEXT", State.BLOCKED, None, Billed.UNKNOWN),
    ("INPUT_PREPROCESSING.INTERNAL", State.FAILED, None, Billed.NO),
    ("INTERNAL.BAD_OUTPUT.CODE01", State.FAILED, 0, Billed.NO),
    ("INTERNAL.BAD_OUTPUT.01", State.FAILED, 12, Billed.YES),
    ("INTERNAL", State.FAILED, None, Billed.NO),
    ("ASSET.INVALID", State.FAILED, 0, Billed.NO),
    ("THIRD_PARTY.UNAVAILABLE", State.FAILED, None, Billed.NO),
    ("THIRD_PARTY.UNAVAILABLE.LUMA", State.FAILED, None, Billed.NO),
    ("INTERNAL.FLOOD", State.FAILED, None, Billed.UNKNOWN),
    ("ASSET.EXPIRED", State.FAILED, None, Billed.UNKNOWN),
    ("THIRD_PARTY.CLOUDY", State.FAILED, None, Billed.UNKNOWN),
    ("INPUT_PREPROCESSING", State.FAILED, None, Billed.UNKNOWN),
    ("SAFETY", State.BLOCKED, None, Billed.UNKNOWN),
    ("SAFETYNET", State.FAILED, None, Billed.UNKNOWN),
    ("INTERNALS.X", State.FAILED, None, Billed.UNKNOWN),
    ("WEATHER.CLOUDY", State.FAILED, 25, Billed.YES),
    (None, State.FAILED, 0, Billed.NO),
    (None, State.FAILED, None, Billed.UNKNOWN),
    (7, State.FAILED, None, Billed.UNKNOWN),
]
"""Code, state, the cost that the task states, and whether it was charged."""


@pytest.mark.parametrize("row", FAILURES, ids=lambda row: f"{row[0]}-{row[2]}")
def test_a_failures_code_gives_its_state_and_the_task_itself_its_charge(
    row: tuple[Any, State, int | None, Billed], vendor: Vendor, runway: Runway
) -> None:
    code, state, cost, billed = row
    fields = {} if cost is None else {"cost": {"credits": cost}}
    vendor.will(200, task("FAILED", failure="It did not work.", failureCode=code, **fields))
    status = runway.poll(job())
    assert (status.state, status.billed) == (state, billed)
    assert status.message == "It did not work."
    assert status.code == (code if isinstance(code, str) else None)
    charged = status.cost.amount if status.cost else None
    assert charged == (Decimal(cost) if cost else None)


def test_a_failure_without_code_and_prose_is_a_failure(vendor: Vendor, runway: Runway) -> None:
    vendor.will(200, task("FAILED", cost={"credits": 0}))
    status = runway.poll(job())
    assert (status.state, status.code, status.message) == (State.FAILED, None, None)


@pytest.mark.parametrize("word", ["CANCELLED", "CANCELED"])
def test_both_spellings_of_cancelled_end_a_job(word: str, vendor: Vendor, runway: Runway) -> None:
    vendor.will(200, task(word, cost={"credits": 0}))
    status = runway.poll(job())
    assert (status.state, status.cancelled, status.billed) == (State.FAILED, True, Billed.NO)


@pytest.mark.parametrize("word", ["PAUSED", "succeeded", "", None, 7, ["FAILED"]])
def test_an_unknown_word_ends_nothing(word: Any, vendor: Vendor, runway: Runway) -> None:
    vendor.will(200, task("", cost={"credits": 0}) | {"status": word})
    status = runway.poll(job())
    assert (status.state, status.doubt) == (State.UNKNOWN, UnknownReason.STRANGE_WORD)


@pytest.mark.parametrize("body", [{"error": "Task not found"}, b"<html>", {}])
def test_a_task_that_is_not_found_is_not_failed(body: Any, vendor: Vendor, runway: Runway) -> None:
    vendor.will(404, body)
    status = runway.poll(job())
    assert (status.state, status.doubt) == (State.UNKNOWN, UnknownReason.NOT_FOUND)


# Cancel: the call that cancels a task deletes a finished one with its film.


@pytest.mark.parametrize(
    "answer",
    [
        task("SUCCEEDED", output=[FILM], cost={"credits": 25}),
        task("FAILED", cost={"credits": 0}),
        task("CANCELLED", cost={"credits": 0}),
    ],
    ids=lambda answer: str(answer["status"]),
)
def test_a_task_that_has_ended_is_never_deleted(
    answer: Any, vendor: Vendor, runway: Runway
) -> None:
    vendor.will(200, answer)
    assert runway.cancel(job()).word == answer["status"]
    assert [call.split()[0] for call in vendor.calls] == ["GET"]


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, task("RUNNING"), Unsupported),
        (200, task("SUCCEEDED", output=[], cost={"credits": 25}), ProviderUnavailable),
        (200, task("COMPLETED"), ProviderUnavailable),
        (200, {}, ProviderUnavailable),
        (404, {"error": "Task not found"}, ProviderUnavailable),
        (503, {"error": "overloaded"}, ProviderUnavailable),
    ],
)
def test_a_task_that_may_end_or_may_have_ended_is_never_deleted(
    status: int, body: Any, kind: type[MotionKitError], vendor: Vendor, runway: Runway
) -> None:
    vendor.will(status, body)
    with pytest.raises(kind):
        runway.cancel(job())
    assert [call.split()[0] for call in vendor.calls] == ["GET"]


@pytest.mark.parametrize("word", ["PENDING", "THROTTLED"])
def test_a_task_that_waits_is_cancelled(word: str, vendor: Vendor, runway: Runway) -> None:
    vendor.will(200, task(word))
    vendor.will(204, b"")
    status = runway.cancel(job())
    assert (status.state, status.cancelled) == (State.FAILED, True)
    assert status.billed is Billed.UNKNOWN
    assert vendor.calls[-1] == f"DELETE https://api.dev.runwayml.com/v1/tasks/{ID}"
    assert vendor.versions == [VERSION, VERSION]


def test_a_task_that_is_gone_when_it_is_cancelled_is_not_found(
    vendor: Vendor, runway: Runway
) -> None:
    vendor.will(200, task("PENDING"))
    vendor.will(404, {"error": "Task not found"})
    assert runway.cancel(job()).doubt is UnknownReason.NOT_FOUND


def test_a_cancel_without_an_answer_proves_nothing(vendor: Vendor, runway: Runway) -> None:
    vendor.will(200, task("PENDING"))
    vendor.will(502, b"")
    with pytest.raises(ProviderUnavailable) as caught:
        runway.cancel(job())
    assert caught.value.billed is not Billed.NO


# The organization: balance, and what can be looked at when a submit is lost.

ORGANIZATION = {
    "creditBalance": 975,
    "usage": {"models": {"act_two": {"dailyGenerations": 4}, "gen4.5": {"dailyGenerations": 0}}},
}


def test_the_balance_is_that_of_the_organization(vendor: Vendor, runway: Runway) -> None:
    vendor.will(200, ORGANIZATION)
    balance = runway.balance()
    assert (balance.amount, balance.unit) == (Decimal(975), Unit.CREDIT)
    assert balance.usd == Decimal("9.75")
    vendor.will(200, {"creditBalance": None})
    with pytest.raises(ProtocolError):
        runway.balance()


def test_usage_shows_the_numbers_now_and_the_days_with_credits(
    vendor: Vendor, runway: Runway
) -> None:
    spent = {"date": "2026-11-27", "usedCredits": [{"model": "act_two", "amount": 25}]}
    back = {"date": "2026-11-28", "usedCredits": [{"model": "act_two", "amount": -25}]}
    vendor.will(200, ORGANIZATION)
    vendor.will(200, {"results": [spent, {"date": "2026-11-26", "usedCredits": []}, 7, back]})
    now, *days = runway.usage(1_796_000_000.0)
    assert (now["when"], now["creditBalance"]) == ("now", 975)
    assert now["dailyGenerations"] == {"act_two": 4}
    assert days == [spent, back]
    assert vendor.calls[-1] == "POST https://api.dev.runwayml.com/v1/organization/usage"


CLIP = sample_clip(3.0, height=64)
TALL = png(scene(90, 160))


def prepared(runway: Runway, request: mk.Request, *, dry: bool = True) -> Submission:
    offer = pick_offer(runway.offers, request.operation, None, target="studio")
    return runway.prepare(fit_at(runway, request, offer, inspect_media(request)), dry=dry)


def test_a_purchase_notes_the_numbers_before_it(vendor: Vendor, runway: Runway) -> None:
    vendor.will(200, ORGANIZATION)
    made = prepared(runway, mk.TextToVideo("a hill"), dry=False)
    assert made.before["when"] == "before the submit"
    assert (made.before["creditBalance"], made.before["dailyGenerations"]) == (975, {"act_two": 4})
    assert [call.path for call in made.calls] == ["/v1/organization", "/v1/text_to_video"]


def test_numbers_that_cannot_be_read_stop_no_purchase(vendor: Vendor, runway: Runway) -> None:
    vendor.will(500, b"")
    made = prepared(runway, mk.TextToVideo("a hill"), dry=False)
    assert (made.before, made.call.path) == ({}, "/v1/text_to_video")
    assert vendor.calls == ["GET https://api.dev.runwayml.com/v1/organization"]


def test_a_dry_preparation_asks_nothing(vendor: Vendor, runway: Runway) -> None:
    assert prepared(runway, mk.TextToVideo("a hill")).before == {}
    assert vendor.calls == []


# Bodies.

HERO, DANCE, LAST = (
    "https://h.example/hero.png",
    "https://h.example/d.mp4",
    "https://h.example/l.png",
)
HILL: dict[str, Any] = {"promptText": "a hill", "duration": 5}
BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("mimic", "act_two"): {
        "character": {"type": "image", "uri": HERO},
        "reference": {"type": "video", "uri": DANCE},
        "ratio": "1280:720",
    },
    ("image_to_video", "gen4.5"): {**HILL, "promptImage": HERO, "ratio": "1280:720"},
    ("image_to_video", "gen4_turbo"): {**HILL, "promptImage": HERO, "ratio": "1280:720"},
    ("image_to_video", "veo3.1"): {
        **HILL, "duration": 4, "audio": False, "promptImage": HERO, "ratio": "1280:720",
    },
    ("image_to_video", "veo3.1_fast"): {
        **HILL, "duration": 4, "audio": False, "promptImage": HERO, "ratio": "1280:720",
    },
    **{
        ("image_to_video", model): {
            **HILL, "promptImage": [{"position": "first", "uri": HERO}], "ratio": "1280:720",
        }
        for model in ("seedance2", "seedance2_fast", "seedance2_mini")
    },
    ("image_to_video", "hailuo3"): {
        **HILL, "promptImage": [{"position": "first", "uri": HERO}], "resolution": "768p",
    },
    ("image_to_video", "happyhorse_1_0"): {**HILL, "promptImage": HERO, "resolution": "720p"},
    ("image_to_video", "gemini_omni_flash"): {**HILL, "promptImage": HERO, "ratio": "1280:720"},
    ("text_to_video", "gen4.5"): {**HILL, "ratio": "1280:720"},
    ("text_to_video", "veo3.1"): {**HILL, "duration": 4, "audio": False, "ratio": "1280:720"},
    ("text_to_video", "veo3.1_fast"): {**HILL, "duration": 4, "audio": False, "ratio": "1280:720"},
    ("text_to_video", "seedance2"): {**HILL, "ratio": "1280:720"},
    ("text_to_video", "seedance2_fast"): {**HILL, "ratio": "1280:720"},
    ("text_to_video", "seedance2_mini"): {**HILL, "ratio": "1280:720"},
    ("text_to_video", "hailuo3"): {**HILL, "ratio": "16:9", "resolution": "768p"},
    ("text_to_video", "happyhorse_1_0"): {**HILL, "ratio": "1280:720"},
    ("text_to_video", "gemini_omni_flash"): {**HILL, "ratio": "1280:720"},
    **{
        ("transition", model): {
            "promptText": "a hill",
            **more,
            "ratio": "1280:720",
            "promptImage": [{"position": "first", "uri": HERO}, {"position": "last", "uri": LAST}],
        }
        for model, more in (
            ("veo3.1_fast", {"duration": 4, "audio": False}),
            ("veo3.1", {"duration": 4, "audio": False}),
            ("seedance2", {"duration": 5}),
        )
    },
    ("modify", "aleph2"): {"promptText": "a hill", "videoUri": DANCE},
    ("modify", "gemini_omni_flash"): {"promptText": "a hill", "videoUri": DANCE},
    ("restyle", "aleph2"): {"promptText": "a hill", "videoUri": DANCE},
    ("upscale", "magnific_video_upscaler_creative"): {"videoUri": DANCE, "resolution": "2k"},
}  # fmt: skip
"""What the media and the prompt alone become, by operation and model."""
REQUESTS: dict[str, mk.Request] = {
    "mimic": mk.Mimic(HERO, DANCE),
    "image_to_video": mk.ImageToVideo(HERO, "a hill"),
    "text_to_video": mk.TextToVideo("a hill"),
    "transition": mk.Transition(HERO, LAST, "a hill"),
    "modify": mk.Modify(DANCE, "a hill"),
    "restyle": mk.Restyle(DANCE, prompt="a hill"),
    "upscale": mk.Upscale(DANCE),
}


def of(runway: Runway, request: mk.Request, model: str) -> Submission:
    offer = pick_offer(runway.offers, request.operation, model, target="studio")
    return runway.prepare(fit_at(runway, request, offer, inspect_media(request)), dry=True)


@pytest.mark.parametrize("row", BODIES, ids="-".join)
def test_the_body_of_every_row_is_literal(row: tuple[str, str], runway: Runway) -> None:
    operation, model = row
    made = of(runway, REQUESTS[operation], model)
    assert made.call.json == {"model": model, **BODIES[row]}
    assert made.call.headers == {"X-Runway-Version": VERSION}
    assert made.call.paid


def test_there_is_a_body_of_every_row(runway: Runway) -> None:
    assert set(BODIES) == {(offer.operation, offer.model) for offer in runway.offers}


@pytest.mark.parametrize(
    ("request_", "model", "expected"),
    [
        (
            mk.Mimic(HERO, DANCE, quality="540p", seed=7,
                     extra={"runway": {"bodyControl": True, "expressionIntensity": 5}}),
            "act_two",
            {**BODIES["mimic", "act_two"], "seed": 7, "bodyControl": True,
             "expressionIntensity": 5},
        ),
        (
            mk.ImageToVideo(HERO, "a hill", aspect_ratio="21:9", duration=10, seed=1),
            "gen4_turbo",
            {**BODIES["image_to_video", "gen4_turbo"], "ratio": "1584:672", "duration": 10,
             "seed": 1},
        ),
        (
            mk.TextToVideo("a hill", quality="1080p", aspect_ratio="9:16", audio=True,
                           negative_prompt="rain", duration=8),
            "veo3.1",
            {**HILL, "duration": 8, "audio": True, "ratio": "1080:1920", "negativePrompt": "rain"},
        ),
        (
            mk.TextToVideo("a hill", quality="4k", aspect_ratio="1:1"),
            "seedance2",
            {**HILL, "ratio": "3840:3840"},
        ),
        (
            mk.TextToVideo("a hill", quality="2k", aspect_ratio="3:4"),
            "hailuo3",
            {**HILL, "ratio": "3:4", "resolution": "2k"},
        ),
        (
            mk.ImageToVideo(HERO, "a hill", quality="1080p"),
            "happyhorse_1_0",
            {**BODIES["image_to_video", "happyhorse_1_0"], "resolution": "1080p"},
        ),
        (
            mk.Modify(DANCE, "a hill", images=[HERO, LAST]),
            "gemini_omni_flash",
            {**BODIES["modify", "gemini_omni_flash"], "references": [{"uri": HERO}, {"uri": LAST}]},
        ),
        (
            mk.Mimic(HERO, DANCE, extra={"runway": {"ratio": "720:1280"}}),
            "act_two",
            {**BODIES["mimic", "act_two"], "ratio": "720:1280"},
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_further_fields_are_sent_under_the_vendors_names(
    request_: mk.Request, model: str, expected: dict[str, Any], runway: Runway
) -> None:
    assert of(runway, request_, model).call.json == {"model": model, **expected}


@pytest.mark.parametrize(
    ("size", "ratio"),
    [((160, 90), "1280:720"), ((90, 160), "720:1280"), ((64, 64), "960:960"),
     ((80, 60), "1104:832"), ((60, 80), "832:1104"), ((210, 90), "1584:672"),
     ((70, 64), "960:960")],
)  # fmt: skip
def test_the_film_has_the_ratio_that_is_nearest_to_the_pictures(
    size: tuple[int, int], ratio: str, runway: Runway
) -> None:
    picture = png(scene(*size))
    assert of(runway, mk.Mimic(picture, CLIP), "act_two").call.json["ratio"] == ratio


def test_a_ratio_that_is_guessed_is_warned_of(runway: Runway) -> None:
    guessed = of(runway, mk.Mimic(HERO, CLIP), "act_two")
    assert any("1280:720" in warning for warning in guessed.warnings)
    for known in (
        mk.Mimic(TALL, CLIP),
        mk.Mimic(HERO, CLIP, extra={"runway": {"ratio": "960:960"}}),
    ):
        assert of(runway, known, "act_two").warnings == ()


def test_an_extra_ratio_of_another_quality_is_refused_because_its_price_is_another(
    runway: Runway,
) -> None:
    request = mk.TextToVideo("a hill", extra={"runway": {"ratio": "3840:2160"}})
    with pytest.raises(InvalidRequest) as caught:
        of(runway, request, "seedance2")
    assert (caught.value.field, caught.value.value) == ("ratio", "3840:2160")
    assert "1280:720" in str(caught.value.limit)


# Checks before anything is uploaded or paid.


def test_a_prompts_length_is_counted_in_utf16(runway: Runway) -> None:
    assert of(runway, mk.TextToVideo("\N{GRINNING FACE}" * 500), "gen4.5")
    with pytest.raises(InvalidRequest) as caught:
        of(runway, mk.TextToVideo("\N{GRINNING FACE}" * 501), "gen4.5")
    assert caught.value.field == "prompt"
    assert "1,002" in str(caught.value.limit)


@pytest.mark.parametrize(
    "url",
    ["http://h.example/a.png", "https://203.0.113.7/a.png", "https://203.0.113.7:443/a.png",
     "https://[2001:db8::1]/a.png", f"https://h.example/{'a' * 2040}.png"],
)  # fmt: skip
def test_a_url_that_the_vendor_does_not_fetch_is_refused(url: str, runway: Runway) -> None:
    with pytest.raises(InvalidRequest) as caught:
        of(runway, mk.Mimic(url, CLIP), "act_two")
    assert caught.value.field == "image"


@pytest.mark.parametrize(("width", "height"), [(49, 100), (237, 100)])
def test_a_picture_of_another_shape_is_refused(width: int, height: int, runway: Runway) -> None:
    with pytest.raises(InvalidRequest) as caught:
        of(runway, mk.Mimic(png(scene(width, height)), CLIP), "act_two")
    assert (caught.value.field, caught.value.limit) == ("image", "0.5 to 2.358")
    assert caught.value.value == f"{width} x {height}"


@pytest.mark.parametrize("seconds", [2.9, 30.1])
def test_a_clip_of_another_length_is_refused(seconds: float, runway: Runway) -> None:
    offer = pick_offer(runway.offers, "mimic", None, target="studio")
    request = mk.Mimic(TALL, DANCE)
    facts = inspect_media(request)
    facts["video"] = Facts("d.mp4", "video", "mp4", seconds=seconds)
    with pytest.raises(InvalidRequest) as caught:
        fit_at(runway, request, offer, facts)
    assert caught.value.field == "video"


@pytest.mark.parametrize(
    ("field", "value"),
    [("prompt", "dance"), ("orientation", "image"), ("keep_audio", True)],
)
def test_what_act_two_does_not_have_is_refused_by_name(
    field: str, value: Any, runway: Runway
) -> None:
    with pytest.raises(Unsupported) as caught:
        of(runway, mk.Mimic(TALL, CLIP, **{field: value}), "act_two")
    assert caught.value.field == field


# Prices.


def quoted(runway: Runway, request: mk.Request, model: str | None = None) -> Any:
    offer = pick_offer(runway.offers, request.operation, model, target="studio")
    found = quote_fit(fit_at(runway, request, offer, inspect_media(request)), runway.rates)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("request_", "model", "credits_"),
    [
        (mk.ImageToVideo(HERO, "x"), "gen4_turbo", "25"),
        (mk.TextToVideo("x", duration=10), "gen4.5", "120"),
        (mk.TextToVideo("x", audio=True), "veo3.1", "160"),
        (mk.TextToVideo("x"), "veo3.1_fast", "40"),
        (mk.TextToVideo("x", quality="4k"), "seedance2", "750"),
        (mk.TextToVideo("x", duration=4), "seedance2_mini", "64"),
        (mk.ImageToVideo(HERO, "x"), "gemini_omni_flash", "51"),
        (mk.ImageToVideo(HERO, "x", quality="2k"), "hailuo3", "77"),
        (mk.ImageToVideo(HERO, "x", quality="1080p", duration=3), "happyhorse_1_0", "90"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_quotes_by_the_second(
    request_: mk.Request, model: str, credits_: str, runway: Runway
) -> None:
    found = quoted(runway, request_, model)
    assert (found.likely, found.unit) == (Decimal(credits_), Unit.CREDIT)
    assert found.usd_likely == Decimal(credits_) / 100


def test_a_motion_transfer_is_quoted_by_the_clips_seconds(runway: Runway) -> None:
    found = quoted(runway, mk.Mimic(TALL, CLIP))
    assert (found.low, found.likely, found.high) == (15, 15, 15)
    assert "3 s" not in str(found.notes)


def test_options_of_a_known_price_leave_the_quote_and_others_make_it_unknown(
    runway: Runway,
) -> None:
    free = {"bodyControl": True, "expressionIntensity": 5, "ratio": "960:960"}
    assert quoted(runway, mk.Mimic(TALL, CLIP, extra={"runway": free})).likely == 15
    dear = mk.TextToVideo("x", extra={"runway": {"outputFormat": "prores"}})
    assert quoted(runway, dear).likely is None


# Models that no row names.


def test_a_model_without_a_row_is_reached_by_its_name(runway: Runway) -> None:
    offer = runway.unlisted("image_to_video", "kling3.0_pro")
    assert offer is not None
    assert (offer.path, offer.price, offer.evidence) == ("/v1/image_to_video", None, "inferred")
    request = mk.ImageToVideo(
        HERO, "a hill", allow_undocumented=True, extra={"runway": {"ratio": "1920:1080"}}
    )
    made = runway.prepare(fit_at(runway, request, offer, inspect_media(request)), dry=True)
    assert made.call.json == {
        "model": "kling3.0_pro",
        "promptText": "a hill",
        "promptImage": HERO,
        "ratio": "1920:1080",
    }


@pytest.mark.parametrize(
    ("operation", "model"),
    [("text_to_video", "act_two"), ("lip_sync", "x"), ("swap", "x"), ("mimic", "../organization")],
)
def test_a_listed_model_or_an_operation_without_a_path_has_no_other_offer(
    operation: str, model: str, runway: Runway
) -> None:
    assert runway.unlisted(operation, model) is None
