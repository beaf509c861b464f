"""Replicate's contract as the sandbox reads it, by hand."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from patience import PATIENCE, until
from sandbox_replicate_support import (
    BODY,
    BY_TIME,
    KEY,
    MODEL,
    TIMED,
    Client,
    account,
    receiving,
    talking,
)

from motionkit.sandbox import Sandbox, sample_clip, sample_picture
from motionkit_replicate.sandbox import ReplicateSandbox
from motionkit_replicate.sandbox.models import MODELS

LASTS = 600.0
QUEUED = 24.0
HOUR = 3600.0
CREATED = 201


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A sandbox whose time passes when a test moves it, and hardly otherwise."""
    with Sandbox(apps=[ReplicateSandbox], speed=0.01, job_seconds=LASTS) as running:
        yield running


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[Client]:
    with talking(sandbox) as one:
        yield one


@pytest.fixture
def other(sandbox: Sandbox) -> Iterator[Callable[..., Client]]:
    """Open further accounts, each with a client of its own."""
    opened: list[Client] = []

    def open_one(**fields: Any) -> Client:
        key = f"r8_{len(opened):016d}"
        sandbox.add_account("replicate", key, **fields)
        opened.append(Client(sandbox, key))
        return opened[-1]

    yield open_one
    for one in opened:
        one.http.close()


def told(answer: requests.Response, status: int) -> dict[str, Any]:
    """Return the body of an answer with this status."""
    assert answer.status_code == status, answer.text
    body: dict[str, Any] = answer.json()
    return body


def moment(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


# The course of a prediction


def test_a_prediction_goes_from_starting_over_processing_to_a_playable_film(
    client: Client, sandbox: Sandbox
) -> None:
    body = told(client.submit(), CREATED)
    assert len(body["id"]) == 26
    assert (body["status"], body["version"], body["source"]) == ("starting", "hidden", "api")
    assert (body["model"], body["input"], body["output"]) == (MODEL, BODY, None)
    assert body["urls"]["get"] == f"{client.base}/predictions/{body['id']}"
    assert not {"started_at", "completed_at", "metrics"} & set(body)
    sandbox.advance(100)
    running = client.prediction(body["id"])
    assert running["status"] == "processing"
    waited = moment(running["started_at"]) - moment(running["created_at"])
    assert waited == dt.timedelta(seconds=QUEUED)
    sandbox.advance(LASTS)
    done = client.prediction(body["id"])
    assert (done["status"], done["error"], done["data_removed"]) == ("succeeded", None, False)
    assert done["metrics"] == {
        "total_time": LASTS,
        "predict_time": LASTS - QUEUED,
        "model_variant": "pro",
        "video_output_count": 1,
        "video_output_duration_seconds": 5.0,
    }
    film = requests.get(done["output"], timeout=PATIENCE)
    assert film.content[4:8] == b"ftyp"
    assert film.headers["Content-Type"] == "video/mp4"


def test_prefer_wait_holds_the_answer_until_the_end(sandbox: Sandbox) -> None:
    with (
        Sandbox(apps=[ReplicateSandbox], speed=10, job_seconds=5) as fast,
        talking(fast) as one,
    ):
        body = told(one.submit(headers={"Prefer": "wait"}), CREATED)
        assert body["status"] == "succeeded"
        assert body["output"]


def test_prefer_wait_gives_up_with_202_and_leaves_the_prediction_running() -> None:
    with (
        Sandbox(apps=[ReplicateSandbox], speed=100, job_seconds=10**6) as fast,
        talking(fast) as one,
    ):
        body = told(one.submit(headers={"Prefer": "wait=2"}), 202)
        assert body["status"] == "starting"
        assert told(one.get(f"/predictions/{body['id']}"), 200)["status"] == "starting"


def test_a_prediction_that_is_held_ends_with_its_cancellation(
    client: Client, sandbox: Sandbox
) -> None:
    answers: list[requests.Response] = []

    def hold() -> None:
        with talking(sandbox) as one:
            answers.append(one.submit(headers={"Prefer": "wait=60"}))

    thread = threading.Thread(target=hold)
    thread.start()
    until(lambda: account(sandbox)["jobs"])
    client.cancel(account(sandbox)["jobs"][0]["id"])
    thread.join(PATIENCE)
    assert told(answers[0], CREATED)["status"] == "canceled"


@pytest.mark.parametrize("value", ["wait=0", "wait=61", "return=minimal"])
def test_another_preference_is_refused(client: Client, value: str) -> None:
    told(client.submit(headers={"Prefer": value}), 422)


@pytest.mark.parametrize(
    ("text", "seconds"), [("5", 5), ("20s", 20), ("2m", 120), ("1m30s", 90), ("1h", 3600)]
)
def test_a_deadline_is_counted_from_the_creation(client: Client, text: str, seconds: int) -> None:
    body = told(client.submit(headers={"Cancel-After": text}), CREATED)
    left = moment(body["deadline"]) - moment(body["created_at"])
    assert left == dt.timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["4", "4s", "soon", "25h", ""])
def test_another_deadline_is_refused(client: Client, sandbox: Sandbox, text: str) -> None:
    told(client.submit(headers={"Cancel-After": text}), 422)
    assert account(sandbox)["jobs"] == []


@pytest.mark.parametrize(
    ("deadline", "word", "charge"),
    [("10s", "aborted", "0"), ("1m", "canceled", "0.6"), ("1h", "succeeded", "0.6")],
)
def test_a_deadline_aborts_for_free_before_the_start_and_cancels_for_money_after_it(
    client: Client, sandbox: Sandbox, deadline: str, word: str, charge: str
) -> None:
    body = told(client.submit(headers={"Cancel-After": deadline}), CREATED)
    sandbox.advance(LASTS)
    done = client.prediction(body["id"])
    assert done["status"] == word
    assert (done["output"] is None) is (word != "succeeded")
    assert ("started_at" in done) is (word != "aborted")
    assert account(sandbox)["charged"] == charge


def test_a_cancelled_prediction_is_charged_once_it_runs(client: Client, sandbox: Sandbox) -> None:
    early, late = client.start(), client.start()
    assert told(client.cancel(early), 200)["status"] == "canceled"
    assert account(sandbox)["charged"] == "0"
    sandbox.advance(100)
    assert told(client.cancel(late), 200)["status"] == "canceled"
    assert account(sandbox)["charged"] == "0.6"
    sandbox.advance(LASTS)
    assert client.prediction(late)["status"] == "canceled"
    assert account(sandbox)["charged"] == "0.6"


def test_a_finished_prediction_stays_as_it_is_when_cancelled(
    client: Client, sandbox: Sandbox
) -> None:
    name = client.start()
    sandbox.advance(LASTS)
    assert told(client.cancel(name), 200)["status"] == "succeeded"


def test_a_vendor_may_finish_what_was_cancelled() -> None:
    with (
        Sandbox(
            apps=[lambda world: ReplicateSandbox(world, finishes=True)], job_seconds=LASTS
        ) as sandbox,
        talking(sandbox) as one,
    ):
        name = one.start()
        sandbox.advance(100)
        assert told(one.cancel(name), 200)["status"] == "processing"
        sandbox.advance(LASTS)
        assert one.prediction(name)["status"] == "succeeded"


def test_a_machine_may_never_start_and_a_run_may_never_end(
    client: Client, sandbox: Sandbox
) -> None:
    sandbox.fault("shape:submit:shape=cold")
    cold = client.start()
    sandbox.fault("stuck:submit")
    stuck = client.start()
    sandbox.advance(10**6)
    assert client.prediction(cold)["status"] == "starting"
    assert client.prediction(stuck)["status"] == "processing"
    assert client.cancel(cold).json()["status"] == "canceled"
    assert account(sandbox)["charged"] == "0"


# What is removed after an hour


@pytest.mark.parametrize("from_creation", [False, True])
def test_an_hour_later_input_output_logs_and_film_are_gone_and_the_metrics_stay(
    from_creation: bool,
) -> None:
    def app(world: Any) -> ReplicateSandbox:
        return ReplicateSandbox(world, from_creation=from_creation)

    with Sandbox(apps=[app], job_seconds=LASTS) as sandbox, talking(sandbox) as one:
        name = one.start()
        sandbox.advance(LASTS)
        before = one.prediction(name)
        sandbox.advance(HOUR - LASTS - 60)
        assert one.prediction(name) == before
        sandbox.advance(120)
        removed = one.prediction(name)
        assert removed["data_removed"] is from_creation
        sandbox.advance(LASTS)
        removed = one.prediction(name)
        assert removed == {
            **before,
            "data_removed": True,
            "input": {},
            "output": None,
            "logs": "",
        }
        assert requests.get(before["output"], timeout=PATIENCE).status_code == 404
        assert told(one.get("/predictions"), 200)["results"] == [removed]


def test_a_long_run_keeps_its_data_while_it_runs() -> None:
    def app(world: Any) -> ReplicateSandbox:
        return ReplicateSandbox(world, from_creation=True)

    with Sandbox(apps=[app], job_seconds=2 * HOUR) as sandbox, talking(sandbox) as one:
        name = one.start()
        sandbox.advance(1.5 * HOUR)
        assert one.prediction(name)["input"] == BODY
        sandbox.advance(HOUR)
        assert one.prediction(name)["data_removed"] is True


def test_the_data_may_be_removed_before_the_first_look(client: Client, sandbox: Sandbox) -> None:
    name = client.start()
    sandbox.advance(LASTS)
    sandbox.fault("expire:poll")
    body = client.prediction(name)
    assert (body["status"], body["output"], body["data_removed"]) == ("succeeded", None, True)
    assert account(sandbox)["charged"] == "0.6"
    assert client.prediction(name) == body


# What runs where


def test_three_addresses_take_a_version(client: Client) -> None:
    version = client.version(BY_TIME)
    for name in (version, f"{BY_TIME}:{version}"):
        body = told(client.run(name, input=TIMED), CREATED)
        assert (body["model"], body["version"]) == (BY_TIME, version)
    answer = client.post("/deployments/sandbox/animate/predictions", json={"input": TIMED})
    body = told(answer, CREATED)
    assert (body["deployment"], body["version"]) == ("sandbox/animate", version)
    assert told(client.run(MODEL, input=BODY), CREATED)["version"] == "hidden"


@pytest.mark.parametrize(
    "version", ["0" * 64, BY_TIME, f"{BY_TIME}:latest", "nobody/nothing", f"{MODEL}:{'0' * 64}", 7]
)
def test_a_wrong_version_is_refused(client: Client, sandbox: Sandbox, version: object) -> None:
    body = told(client.run(version, input=TIMED), 422)  # type: ignore[arg-type]
    assert body["title"] == "Invalid version or not permitted"
    assert account(sandbox)["jobs"] == []


def test_a_version_under_another_models_name_is_refused(client: Client) -> None:
    told(client.run(f"{MODEL}:{client.version(BY_TIME)}", input=TIMED), 422)


@pytest.mark.parametrize(
    "path",
    [
        "/models/nobody/nothing/predictions",
        f"/models/{BY_TIME}/predictions",
        "/deployments/nobody/nothing/predictions",
    ],
)
def test_an_unknown_place_is_not_found(client: Client, path: str) -> None:
    told(client.post(path, json={"input": BODY}), 404)


def test_a_community_model_is_charged_by_its_time_whether_it_succeeds_or_not(
    client: Client, sandbox: Sandbox
) -> None:
    version = client.version(BY_TIME)
    per = LASTS - QUEUED
    for fault, charge in ((None, "1.728"), ("fail:submit", "3.456")):
        if fault:
            sandbox.fault(fault)
        told(client.run(version, input=TIMED), CREATED)
        sandbox.advance(LASTS)
        assert account(sandbox)["charged"] == charge
    name = told(client.run(version, input=TIMED), CREATED)["id"]
    sandbox.advance(QUEUED + 100)
    body = told(client.cancel(name), 200)
    assert 100 <= body["metrics"]["predict_time"] < per
    more = float(account(sandbox)["charged"]) - 3.456
    assert more == pytest.approx(0.003 * body["metrics"]["predict_time"], abs=1e-5)


# Prices


@pytest.mark.parametrize(
    ("model", "body", "charge"),
    [
        (MODEL, {**BODY, "mode": "std"}, "0.35"),
        ("kwaivgi/kling-v2.6-motion-control", BODY, "0.35"),
        ("kwaivgi/kling-v2.6-motion-control", {**BODY, "mode": "pro"}, "0.6"),
        ("bytedance/dreamactor-m2.0", BODY, "0.25"),
        ("wan-video/wan-2.2-animate-replace", TIMED, "0.25"),
        ("wan-video/wan-2.2-animate-replace", {**TIMED, "resolution": "480"}, "0.1"),
        ("prunaai/p-video-animate", {**BODY, "resolution": "1080p"}, "0.3"),
        ("prunaai/p-video-replace", {"video": BODY["video"]}, "0.15"),
        ("pixverse/pixverse-v6", {"prompt": "waves"}, "0.35"),
        (
            "pixverse/pixverse-v6",
            {"prompt": "waves", "quality": "1080p", "duration": 8, "generate_audio_switch": True},
            "1.84",
        ),
        ("kwaivgi/kling-o1", {"prompt": "waves", "mode": "std", "duration": 3}, "0.252"),
        ("kwaivgi/kling-o1", {"prompt": "rain", "reference_video": BODY["video"]}, "0.84"),
        (
            "kwaivgi/kling-v3-omni-video",
            {"prompt": "waves", "mode": "standard", "generate_audio": True},
            "1.12",
        ),
        ("alibaba/happyhorse-1.0", {"prompt": "waves", "resolution": "720p"}, "0.7"),
        ("runwayml/aleph-2", {"video": BODY["video"], "prompt": "snow"}, "1.68"),
        ("runwayml/gen-4.5", {"prompt": "waves", "duration": 10}, "1.2"),
        ("wan-video/wan-2.7-videoedit", {"video": BODY["video"], "prompt": "snow"}, "0.5"),
        (
            "wan-video/wan-2.2-i2v-fast",
            {"image": BODY["image"], "prompt": "waves", "resolution": "720p"},
            "0.11",
        ),
    ],
)
def test_each_tier_has_its_price(
    client: Client, sandbox: Sandbox, model: str, body: dict[str, Any], charge: str
) -> None:
    told(client.submit(model, input=body), CREATED)
    sandbox.advance(LASTS)
    assert account(sandbox)["charged"] == charge


@pytest.mark.parametrize("name", sorted(MODELS))
def test_every_model_runs_with_what_its_schema_requires(
    client: Client, sandbox: Sandbox, name: str
) -> None:
    version = client.get(f"/models/{name}").json()["latest_version"]
    parts = version["openapi_schema"]["components"]["schemas"]["Input"]
    body = {
        field: BODY["video"] if parts["properties"][field].get("format") == "uri" else "waves"
        for field in parts["required"]
    }
    made = told(client.run(version["id"], input=body), CREATED)
    sandbox.advance(LASTS)
    assert client.prediction(made["id"])["status"] == "succeeded"
    assert float(account(sandbox)["charged"]) > 0


# Refusals


@pytest.mark.parametrize("scheme", ["Bearer ", "Token "])
def test_both_schemes_of_the_token_are_taken(sandbox: Sandbox, scheme: str) -> None:
    with talking(sandbox) as one:
        one.http.headers["Authorization"] = scheme + KEY
        assert told(one.get("/account"), 200)["type"] == "user"


@pytest.mark.parametrize("value", [None, KEY, f"Key {KEY}", "Bearer ", "Bearer r8_wrong"])
def test_any_other_token_is_refused(sandbox: Sandbox, value: str | None) -> None:
    with talking(sandbox) as one:
        del one.http.headers["Authorization"]
        if value is not None:
            one.http.headers["Authorization"] = value
        body = told(one.submit(), 401)
        assert body == {
            "title": "Unauthenticated",
            "detail": "You did not pass a valid authentication token",
            "status": 401,
        }


@pytest.mark.parametrize(
    ("change", "kind", "field"),
    [
        ({"mode": "4k"}, "enum", "input.mode"),
        ({"mode": 7}, "invalid_type", "input.mode"),
        ({"image": None}, "invalid_type", "input.image"),
        ({"image": "hero.png"}, "format", "input.image"),
        ({"keep_audio": True}, "additional_property_not_allowed", "input"),
        ({"keep_original_sound": "yes"}, "invalid_type", "input.keep_original_sound"),
    ],
)
def test_an_invalid_field_is_refused_by_its_name(
    client: Client, sandbox: Sandbox, change: dict[str, Any], kind: str, field: str
) -> None:
    body = told(client.submit(input={**BODY, **change}), 422)
    assert body["title"] == "Input validation failed"
    (row,) = body["invalid_fields"]
    assert (row["type"], row["field"]) == (kind, field)
    assert body["detail"] == f"- {field}: {row['description']}\n"
    assert account(sandbox)["jobs"] == []


def test_every_missing_field_is_named(client: Client) -> None:
    answer = client.submit(input={})
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    body = told(answer, 422)
    assert [row["type"] for row in body["invalid_fields"]] == ["required", "required"]
    assert body["detail"] == "- input: image is required\n- input: video is required\n"


@pytest.mark.parametrize(
    ("model", "body", "kind"),
    [
        ("kwaivgi/kling-o1", {"prompt": "x", "duration": 11}, "number_lte"),
        ("kwaivgi/kling-o1", {"prompt": "x", "duration": 2}, "number_gte"),
        ("kwaivgi/kling-o1", {"prompt": "x", "duration": 5.5}, "invalid_type"),
        ("pixverse/pixverse-v6", {"prompt": "x", "duration": 6}, "enum"),
        ("prunaai/p-video-replace", {"video": BODY["video"], "images": []}, "array_min_items"),
        (
            "prunaai/p-video-replace",
            {"video": BODY["video"], "images": [BODY["image"]] * 5},
            "array_max_items",
        ),
        ("prunaai/p-video-replace", {"video": BODY["video"], "images": ["x"]}, "format"),
    ],
)
def test_numbers_and_lists_keep_their_bounds(
    client: Client, model: str, body: dict[str, Any], kind: str
) -> None:
    assert told(client.submit(model, input=body), 422)["invalid_fields"][0]["type"] == kind


@pytest.mark.parametrize(
    "more",
    [
        {"version": "0" * 64},
        {"webhook_completed": "https://h.example/"},
        {"stream": 1},
        {"webhook": "http://h.example/hook"},
        {"webhook": 7},
        {"webhook_events_filter": ["end"]},
        {"webhook_events_filter": "start"},
        {"input": []},
    ],
)
def test_fields_beside_the_input_are_strict(
    client: Client, sandbox: Sandbox, more: dict[str, Any]
) -> None:
    told(client.submit(**more), 422)
    assert account(sandbox)["jobs"] == []


def test_a_model_beside_the_version_is_refused(client: Client) -> None:
    body = told(client.run(MODEL, model=MODEL, input=BODY), 422)
    assert body["invalid_fields"][0]["type"] == "additional_property_not_allowed"


@pytest.mark.parametrize(("text", "status"), [("{", 400), ("[]", 422), ("{}", 422), ("", 422)])
def test_a_body_has_to_be_an_object_with_an_input(client: Client, text: str, status: int) -> None:
    told(client.post(f"/models/{MODEL}/predictions", data=text), status)


def test_little_credit_is_402_and_starts_nothing(
    sandbox: Sandbox, other: Callable[..., Client]
) -> None:
    answer = other(balance="0.5", label="poor").submit()
    body = told(answer, 402)
    assert body["title"] == "Insufficient credit"
    assert "purchase credit" in body["detail"]
    assert answer.text.endswith("\n")
    assert account(sandbox, "poor")["jobs"] == []


def test_running_predictions_reserve_their_price(
    sandbox: Sandbox, other: Callable[..., Client]
) -> None:
    one = other(balance="1.0", label="poor")
    one.start()
    sandbox.advance(30)
    told(one.submit(), 402)


def test_an_account_without_billing_is_402_in_other_words(other: Callable[..., Client]) -> None:
    assert told(other(balance="9", denied=["billing"]).submit(), 402)["title"] == "Billing required"


def test_a_model_may_be_denied(other: Callable[..., Client]) -> None:
    told(other(balance="9", denied=[MODEL]).submit(), 403)


def test_below_five_dollars_submits_are_six_a_minute_without_a_burst(
    sandbox: Sandbox, other: Callable[..., Client]
) -> None:
    one = other(balance="4.99", label="low")
    one.start()
    body = told(one.submit(), 429)
    assert 1 <= body["retry_after"] <= 10
    assert "less than $5.0 in credit" in body["detail"]
    assert "title" not in body
    assert len(account(sandbox, "low")["jobs"]) == 1
    sandbox.advance(body["retry_after"])
    one.start()


def test_an_accounts_rate_is_429_with_the_pause_in_the_body(
    sandbox: Sandbox, other: Callable[..., Client]
) -> None:
    one = other(balance="50", rpm=2, label="fast")
    one.start()
    one.start()
    answer = one.submit()
    body = told(answer, 429)
    assert "Retry-After" not in answer.headers
    assert 1 <= body["retry_after"] <= 60
    sandbox.advance(body["retry_after"])
    one.start()


def test_a_prediction_of_another_account_is_not_found(
    client: Client, other: Callable[..., Client]
) -> None:
    name, stranger = client.start(), other(balance="9")
    assert told(stranger.get(f"/predictions/{name}"), 404) == {"detail": "Not found"}
    told(stranger.cancel(name), 404)
    assert told(stranger.get("/predictions"), 200)["results"] == []


# Runs that fail


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        ("shape:submit:shape=fail_director", "E9828"),
        ("shape:submit:shape=fail_interrupted", "code: PA"),
        ("shape:submit:shape=fail_memory", "E1001"),
        ("shape:submit:shape=fail_starting", "E6716"),
        ("fail:submit:message=No person was found", "No person was found"),
        ("moderate:submit", "(E005)"),
    ],
)
def test_a_failed_run_of_an_official_model_says_why_and_costs_nothing(
    client: Client, sandbox: Sandbox, fault: str, text: str
) -> None:
    sandbox.fault(fault)
    name = client.start()
    sandbox.advance(LASTS)
    body = client.prediction(name)
    assert (body["status"], body["output"]) == ("failed", None)
    assert text in body["error"]
    assert "video_output_duration_seconds" not in body["metrics"]
    assert account(sandbox)["charged"] == "0"


def test_moderation_comes_soon(client: Client, sandbox: Sandbox) -> None:
    sandbox.fault("moderate:submit")
    name = client.start()
    sandbox.advance(6)
    assert client.prediction(name)["status"] == "failed"


def test_the_vendor_may_end_a_prediction_of_its_own_accord(
    client: Client, sandbox: Sandbox
) -> None:
    for ending, word in (("end_canceled", "canceled"), ("end_aborted", "aborted")):
        sandbox.fault(f"shape:submit:shape={ending}")
        name = client.start()
        sandbox.advance(LASTS)
        assert client.prediction(name)["status"] == word
    assert account(sandbox)["charged"] == "0.6"


def test_a_twin_and_a_row_of_the_web_have_the_same_input(client: Client, sandbox: Sandbox) -> None:
    sandbox.fault("twin:submit")
    client.start()
    sandbox.fault("shape:submit:shape=web_twin")
    client.start()
    rows = told(client.get("/predictions"), 200)["results"]
    assert [row["source"] for row in rows] == ["web", "api", "api", "api"]
    assert all(row["input"] == BODY for row in rows)
    web = told(client.get("/predictions", params={"source": "web"}), 200)["results"]
    assert web == rows[:1]
    told(client.get("/predictions", params={"source": "api"}), 422)


# Strange answers


def test_submits_may_be_answered_with_less(client: Client, sandbox: Sandbox) -> None:
    for shape, found in (("id_only", True), ("no_id", False), ("no_urls", True)):
        sandbox.fault(f"shape:submit:shape={shape}")
        body = told(client.submit(), CREATED)
        assert ("id" in body) is found
        assert ("urls" in body) is (shape == "no_id")
    assert len(account(sandbox)["jobs"]) == 3


def test_results_may_have_another_form(client: Client, sandbox: Sandbox) -> None:
    name = client.start()
    sandbox.advance(LASTS)
    url = client.prediction(name)["output"]
    for shape, output in (
        ("list", [url]),
        ("object", {"video": url}),
        ("absent", None),
        ("no_metrics", url),
        ("strange_metrics", url),
        ("data_url", "data:video/mp4;base64,AAAA"),
    ):
        sandbox.fault(f"shape:result:shape={shape}")
        body = client.prediction(name)
        assert body["output"] == output
        assert ("metrics" in body) is (shape != "no_metrics")
    sandbox.fault("shape:result:shape=foreign_output")
    assert "/_sandbox/elsewhere/" in client.prediction(name)["output"]
    sandbox.fault("empty_url:result")
    assert client.prediction(name)["output"] == ""


def test_words_addresses_and_whole_predictions_may_be_wrong_for_a_while(
    client: Client, sandbox: Sandbox
) -> None:
    name = client.start()
    sandbox.fault("unknown_word:poll:word=queued")
    assert client.prediction(name)["status"] == "queued"
    sandbox.fault("foreign_status_url:poll")
    assert "/_sandbox/elsewhere/" in client.prediction(name)["urls"]["get"]
    sandbox.fault("not_found:poll")
    told(client.get(f"/predictions/{name}"), 404)
    assert client.prediction(name)["status"] == "starting"


def test_refusals_have_the_vendors_words(client: Client, sandbox: Sandbox) -> None:
    titles = {400: "Bad request", 402: "Insufficient credit", 403: "Forbidden", 404: "Not found"}
    for status, title in titles.items():
        sandbox.fault(f"refuse:submit:status={status}")
        assert told(client.submit(), status)["title"] == title
    sandbox.fault("refuse:submit:status=429")
    assert told(client.submit(), 429)["retry_after"] == 7
    assert account(sandbox)["jobs"] == []


# The list


def test_a_list_has_pages_with_neighbours_which_new_rows_do_not_move() -> None:
    with (
        Sandbox(apps=[lambda world: ReplicateSandbox(world, page=2)], job_seconds=LASTS) as sandbox,
        talking(sandbox) as one,
    ):
        made = [one.start() for _ in range(5)]
        first = told(one.get("/predictions"), 200)
        one.start()
        second = told(one.get(first["next"]), 200)
        third = told(one.get(second["next"]), 200)
        pages = [first, second, third]
        assert first["previous"] is None
        assert third["next"] is None
        assert [row["id"] for page in pages for row in page["results"]] == made[::-1]
        assert told(one.get(second["previous"]), 200)["results"] == first["results"]
        told(one.get("/predictions", params={"cursor": "nonsense"}), 400)


def test_a_page_of_the_list_has_a_hundred_rows(client: Client) -> None:
    for _ in range(101):
        client.start()
    page = told(client.get("/predictions"), 200)
    assert len(page["results"]) == 100
    assert len(told(client.get(page["next"]), 200)["results"]) == 1


def test_the_window_includes_its_beginning_and_excludes_its_end(
    client: Client, sandbox: Sandbox
) -> None:
    made = []
    for _ in range(4):
        made.append(client.prediction(client.start()))
        sandbox.advance(10)
    window = {"created_after": made[1]["created_at"], "created_before": made[3]["created_at"]}
    rows = told(client.get("/predictions", params=window), 200)["results"]
    assert [row["id"] for row in rows] == [made[2]["id"], made[1]["id"]]
    told(client.get("/predictions", params={"created_after": "yesterday"}), 422)


def test_a_list_may_lag_and_lose_inputs_and_pages(client: Client, sandbox: Sandbox) -> None:
    name = client.start()
    sandbox.fault("history_lag:history:seconds=30:times=2")
    assert told(client.get("/predictions"), 200)["results"] == []
    sandbox.advance(31)
    assert told(client.get("/predictions"), 200)["results"][0]["id"] == name
    sandbox.fault("shape:history:shape=no_input")
    assert told(client.get("/predictions"), 200)["results"][0]["input"] == {}
    sandbox.fault("shape:history:shape=no_next")
    assert set(told(client.get("/predictions"), 200)) == {"results"}
    sandbox.fault("shape:history:shape=web")
    assert told(client.get("/predictions"), 200)["results"][0]["source"] == "web"


# Files


def test_an_upload_is_known_by_its_address_for_an_hour(client: Client, sandbox: Sandbox) -> None:
    film = sample_clip(2.0, height=64)
    url = client.upload(film, "dance.mp4")
    data = told(client.get(url), 200)
    assert url == f"{client.base}/files/{data['id']}"
    assert (data["name"], data["content_type"], data["size"]) == (
        "dance.mp4",
        "video/mp4",
        len(film),
    )
    assert data["checksums"] == {"sha256": hashlib.sha256(film).hexdigest()}
    assert moment(data["expires_at"]) - moment(data["created_at"]) == dt.timedelta(hours=1)
    assert told(client.get("/files"), 200)["results"] == [data]
    sandbox.advance(HOUR)
    told(client.get(url), 404)
    assert told(client.get("/files"), 200)["results"] == []


def test_a_file_is_deleted_once(client: Client) -> None:
    path = client.upload(sample_picture(), "hero.png", "image/png").removeprefix(client.base)
    assert client.delete(path).status_code == 204
    assert told(client.delete(path), 404) == {"detail": "Not found"}


def test_name_type_and_metadata_may_be_parts_of_their_own(client: Client) -> None:
    parts = {"filename": "hero.png", "type": "image/png", "metadata": '{"take": 2}'}
    data = told(client.post("/files", files={"content": b"x"}, data=parts), CREATED)
    assert (data["name"], data["content_type"]) == ("hero.png", "image/png")
    assert data["metadata"] == {"take": 2}


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"files": {"file": b"x"}}, 422),
        ({"files": {"filename": (None, "x")}}, 422),
        ({"files": {"content": b"x"}, "data": {"metadata": "{"}}, 422),
        ({"json": {"content": "x"}}, 400),
    ],
)
def test_another_upload_is_refused(client: Client, sent: dict[str, Any], status: int) -> None:
    told(client.post("/files", **sent), status)


def test_a_file_of_100_mb_is_too_large(client: Client) -> None:
    answer = client.post("/files", files={"content": bytes(100 * 10**6)})
    assert told(answer, 413) == {"detail": "Files must be less than 100MB in size"}


def test_a_clip_decides_the_seconds_and_the_picture_the_shape(
    client: Client, sandbox: Sandbox
) -> None:
    video = client.upload(sample_clip(4.0, height=64))
    inline = "data:image/png;base64," + base64.b64encode(sample_picture()).decode()
    name = client.start(input={"image": inline, "video": video, "mode": "std"})
    sandbox.advance(LASTS)
    body = client.prediction(name)
    assert body["input"]["image"] == inline
    assert body["metrics"]["video_output_duration_seconds"] == 4
    assert account(sandbox)["charged"] == "0.28"


def test_a_file_that_is_gone_at_the_start_fails_the_run(client: Client, sandbox: Sandbox) -> None:
    video = client.upload(sample_clip(4.0, height=64))
    sandbox.advance(HOUR - QUEUED / 2)
    name = client.start(input={**BODY, "video": video})
    sandbox.advance(LASTS)
    body = client.prediction(name)
    assert body["status"] == "failed"
    assert "Failed to download" in body["error"]


def test_a_file_of_another_account_fails_the_run(
    client: Client, sandbox: Sandbox, other: Callable[..., Client]
) -> None:
    video = client.upload(sample_clip(4.0, height=64))
    stranger = other(balance="50")
    name = stranger.start(input={**BODY, "video": video})
    sandbox.advance(LASTS)
    assert stranger.prediction(name)["status"] == "failed"


@pytest.mark.parametrize(
    ("seconds", "orientation", "word"),
    [(2, "image", "failed"), (12, "image", "failed"), (12, "video", "succeeded")],
)
def test_a_clip_out_of_the_models_bounds_fails_the_run(
    client: Client, sandbox: Sandbox, seconds: float, orientation: str, word: str
) -> None:
    video = client.upload(sample_clip(seconds, height=64))
    name = client.start(input={**BODY, "video": video, "character_orientation": orientation})
    sandbox.advance(LASTS)
    body = client.prediction(name)
    assert body["status"] == word
    assert ("Video duration" in (body["error"] or "")) is (word == "failed")


def test_a_large_inlined_file_is_interrupted(client: Client, sandbox: Sandbox) -> None:
    inline = "data:image/png;base64," + "A" * 7 * 2**20
    name = client.start(input={**BODY, "image": inline})
    sandbox.advance(LASTS)
    assert "(code: PA)" in client.prediction(name)["error"]


# Webhooks


def deliveries(sandbox: Sandbox) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = sandbox.webhooks()["deliveries"]
    return found


@pytest.mark.parametrize(
    ("events", "words"),
    [
        (None, ["processing", "succeeded"]),
        (["completed"], ["succeeded"]),
        (["start", "completed"], ["processing", "succeeded"]),
        (["start", "output", "logs", "completed"], ["processing"] * 3 + ["succeeded"]),
        ([], []),
    ],
)
def test_the_filter_chooses_the_events(
    client: Client, sandbox: Sandbox, events: list[str] | None, words: list[str]
) -> None:
    more = {} if events is None else {"webhook_events_filter": events}
    with receiving() as received:
        name = client.start(webhook=received.url, **more)
        sandbox.advance(LASTS)
    bodies = [json.loads(body) for _, body in received.seen]
    assert [body["status"] for body in bodies] == words
    assert {body["id"] for body in bodies} <= {name}
    if words:
        assert bodies[-1] == client.prediction(name)
    assert len({headers["webhook-id"] for headers, _ in received.seen}) == len(words)


def test_a_delivery_is_repeated_with_its_id_and_signed_anew(
    client: Client, sandbox: Sandbox
) -> None:
    secret = client.get("/webhooks/default/secret").json()["key"]
    with receiving() as received:
        received.status = 500
        client.start(webhook=received.url, webhook_events_filter=["completed"])
        sandbox.advance(LASTS)
        received.status = 204
        sandbox.advance(15)
    (first, body), (second, again) = received.seen
    assert first["webhook-id"] == second["webhook-id"]
    assert body == again
    key = base64.b64decode(secret.removeprefix("whsec_"))
    for headers in (first, second):
        text = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        wanted = base64.b64encode(hmac.new(key, text, "sha256").digest()).decode()
        assert headers["webhook-signature"] == f"v1,{wanted}"
    assert deliveries(sandbox)[0]["state"] == "delivered"


def test_after_a_few_attempts_the_vendor_gives_up(client: Client, sandbox: Sandbox) -> None:
    with receiving() as received:
        received.status = 302
        client.start(webhook=received.url, webhook_events_filter=["completed"])
        sandbox.advance(LASTS + HOUR)
    assert len(received.seen) == 4
    assert deliveries(sandbox)[0]["state"] == "given up"


def test_a_cancellation_is_reported_at_once_and_an_abortion_never(
    client: Client, sandbox: Sandbox
) -> None:
    with receiving() as received:
        name = client.start(webhook=received.url)
        client.cancel(name)
        sandbox.advance(0)
        assert [json.loads(body)["status"] for _, body in received.seen] == ["canceled"]
        client.submit(webhook=received.url, headers={"Cancel-After": "10s"})
        sandbox.advance(LASTS)
    assert len(received.seen) == 1


def test_a_webhook_may_be_lost_and_one_elsewhere_is_never_sent(
    client: Client, sandbox: Sandbox
) -> None:
    sandbox.fault("webhook_lost:submit")
    with receiving() as received:
        client.start(webhook=received.url)
        client.start(webhook="https://h.example/hook")
        sandbox.advance(LASTS)
    assert received.seen == []
    assert [one["state"] for one in deliveries(sandbox)] == ["lost", "lost"]


def test_each_account_has_a_secret_of_its_own(client: Client, other: Callable[..., Client]) -> None:
    keys = {one.get("/webhooks/default/secret").json()["key"] for one in (client, other())}
    assert len(keys) == 2
    assert all(key.startswith("whsec_") for key in keys)


# Beside other vendors


def test_its_addresses_are_its_own_beside_every_other_vendor() -> None:
    with Sandbox(job_seconds=LASTS) as sandbox, talking(sandbox) as one:
        name = one.start()
        assert one.prediction(name)["model"] == MODEL
        assert told(one.get(f"/models/{MODEL}"), 200)["is_official"] is True
        assert told(one.get("/account"), 200)["username"] == "default"
        assert told(one.run(one.version(BY_TIME), input=TIMED), CREATED)["model"] == BY_TIME
        assert told(one.get(one.upload(b"x")), 200)["size"] == 1
        assert sandbox.environment["REPLICATE_BASE_URL"] == sandbox.url
