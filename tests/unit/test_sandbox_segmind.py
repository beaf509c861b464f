"""Segmind's contract as the sandbox reads it, by hand and through Segmind's own SDK."""

from __future__ import annotations

import base64
import io
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests
from patience import PATIENCE, until
from sandbox_segmind_support import BODY, KEY, SLUG, Client, account, talking
from sandbox_support import CLIP, PICTURE

from motionkit.sandbox import Sandbox
from motionkit.sandbox.media import probe
from motionkit_segmind.sandbox import SegmindSandbox

segmind = pytest.importorskip("segmind")
segmind_files = pytest.importorskip("segmind.files")


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(apps=[SegmindSandbox]) as running:
        yield running


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[Client]:
    yield from talking(sandbox)


@pytest.fixture
def other(sandbox: Sandbox) -> Iterator[Callable[..., Client]]:
    """Open further accounts, each with a client of its own."""
    opened: list[Client] = []

    def open_one(**fields: Any) -> Client:
        key = f"SG_{len(opened):016d}"
        sandbox.add_account("segmind", key, **fields)
        opened.append(Client(sandbox, key))
        return opened[-1]

    yield open_one
    for one in opened:
        one.http.close()


# By hand


def test_a_run_goes_from_queued_over_processing_to_a_playable_film(
    sandbox: Sandbox, client: Client
) -> None:
    accepted = client.submit()
    told = accepted.json()
    name = told["request_id"]
    assert accepted.status_code == 200
    assert told == {
        "request_id": str(uuid.UUID(name)),
        "status": "QUEUED",
        "poll_url": f"{sandbox.url}/v1/requests/{name}",
        "status_url": f"{sandbox.url}/v2/requests/{name}/status",
        "response_url": f"{sandbox.url}/v2/requests/{name}",
    }
    waiting = client.status(name).json()
    assert (waiting["status"], waiting["metrics"]) == ("QUEUED", {})
    sandbox.advance(60)
    assert client.status(name).json()["status"] == "PROCESSING"
    assert client.result(name).json()["status"] == "PROCESSING"
    sandbox.advance(120)
    done = client.status(name)
    assert (done.status_code, done.json()["status"]) == (200, "COMPLETED")
    assert done.json()["metrics"]["cost"] == 2.03
    assert done.json()["metrics"]["remaining_credits"] == 47.97
    result = client.result(name).json()
    assert client.get(f"/v1/requests/{name}").json() == result
    assert result["error"] is None
    assert result["video"]["url"] == result["output"]
    film = requests.get(result["output"], timeout=PATIENCE).content
    clip = probe(io.BytesIO(film))
    assert clip is not None
    assert (clip.codec, clip.width) == ("h264", 540)
    assert result["video"]["file_size"] == str(len(film))


@pytest.mark.parametrize(
    ("quality", "cost"), [("360p", 0.225), ("540p", 0.25), ("720p", 0.3), (None, 0.25)]
)
def test_an_uploaded_clip_costs_its_started_seconds(
    sandbox: Sandbox, client: Client, quality: str | None, cost: float
) -> None:
    clip, picture = client.upload("video/mp4", CLIP), client.upload("image/png", PICTURE)
    name = client.start(video_url=clip, image_url=picture, quality=quality)
    sandbox.advance(200)
    told = client.result(name).json()
    assert told["metrics"]["cost"] == cost
    film = probe(io.BytesIO(requests.get(told["output"], timeout=PATIENCE).content))
    assert film is not None
    assert film.seconds == pytest.approx(1.5, abs=0.05)


def test_money_moves_only_when_a_run_completes(sandbox: Sandbox, client: Client) -> None:
    client.start()
    assert client.get("/v1/get-user-credits").json() == {"credits": 49.0, "free-credits": 1.0}
    sandbox.advance(200)
    assert client.get("/v1/get-user-credits").json() == {"credits": 47.97, "free-credits": 0.0}
    assert account(sandbox)["charged"] == "2.03"


def test_the_estimate_of_running_jobs_is_reserved(
    sandbox: Sandbox, other: Callable[..., Client]
) -> None:
    poor = other(balance="4.00")
    poor.start()
    refused = poor.submit()
    assert refused.status_code == 406
    assert refused.json() == {"error": "Insufficient credits. Balance: 1.97, required: 2.03"}


def test_the_same_body_twice_is_two_jobs(sandbox: Sandbox, client: Client) -> None:
    assert client.start() != client.start()
    sandbox.advance(200)
    assert account(sandbox)["charged"] == "4.06"
    assert account(sandbox)["submits"] == 2


@pytest.mark.parametrize("fault", ["fail", "moderate"])
def test_a_failed_run_is_served_as_422_and_costs_nothing(
    sandbox: Sandbox, client: Client, fault: str
) -> None:
    sandbox.fault(f"{fault}:submit")
    name = client.start()
    sandbox.advance(200)
    for answer in (client.status(name), client.result(name), client.get(f"/v1/requests/{name}")):
        told = answer.json()
        assert (answer.status_code, told["status"], told["request_id"]) == (422, "FAILED", name)
        assert ("content_policy_violation" in told["error"]) is (fault == "moderate")
        assert set(told["metrics"]) == {"inference_time", "queue_time", "total_time"}
    assert account(sandbox)["balance"] == "50"


@pytest.mark.parametrize(
    "fields", [{"image_url": None}, {"image_url": 5}, {"image": ["a"]}, {"video_url": {"a": 1}}]
)
def test_what_only_the_model_notices_fails_soon_after_the_submit(
    sandbox: Sandbox, client: Client, fields: dict[str, Any]
) -> None:
    name = client.start(**fields)
    sandbox.advance(1)
    answer = client.status(name)
    assert (answer.status_code, "must be string" in answer.json()["error"]) == (422, True)


def test_refusals_come_in_the_order_of_the_gateway(
    sandbox: Sandbox, client: Client, other: Callable[..., Client]
) -> None:
    path, bare = f"{sandbox.url}/v2/{SLUG}", requests
    wrong_verb = bare.get(path, timeout=PATIENCE)
    assert wrong_verb.status_code == 405
    assert wrong_verb.headers["Content-Type"].startswith("text/html")
    no_key = bare.post(path, data="x", timeout=PATIENCE)
    assert no_key.status_code == 401
    assert no_key.json() == {"error": "Missing Authorization or x-api-key in header"}
    bearer = bare.post(path, headers={"Authorization": f"Bearer {KEY}"}, timeout=PATIENCE)
    assert bearer.status_code == 401
    bad_key = bare.post(path, headers={"x-api-key": "SG_wrong"}, data="x", timeout=PATIENCE)
    assert (bad_key.status_code, "invalid or may have expired" in bad_key.text) == (401, True)
    typeless = client.post("/v2/no-such-model", data="x")
    assert (typeless.status_code, typeless.json()["error"]) == (406, "Invalid content type")
    unknown = client.post("/v2/no-such-model", json=BODY)
    assert (unknown.status_code, unknown.json()["error"]) == (404, "Model information not found")
    assert client.post("/v2/sandbox-retired", json=BODY).status_code == 410
    barred = other(balance=0, denied=[SLUG])
    assert barred.submit(quality="8k").status_code == 403
    poor = other(balance=0)
    assert "Invalid value for quality" in poor.submit(quality="1080p").json()["error"]
    assert "Insufficient credits" in poor.submit().json()["error"]
    capped = other(balance=50, spend_limit="2.00", rpm=0)
    assert "Team spend limit" in capped.submit().json()["error"]
    limited = other(balance=50, rpm=0)
    assert limited.submit().status_code == 429
    assert account(sandbox)["jobs"] == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[]", 400),
        (b'{"image_url": "https://example.org/a.png"}', 400),
        (b'{"video_url": "https://example.org/a.mp4", "prompt": "dance"}', 406),
        (b'{"video_url": "https://example.org/a.mp4", "quality": 540}', 406),
    ],
)
def test_a_body_that_breaks_a_rule_is_refused(client: Client, body: bytes, status: int) -> None:
    headers = {"Content-Type": "application/json"}
    answer = client.post(f"/v2/{SLUG}", data=body, headers=headers)
    assert answer.status_code == status
    assert answer.json()["error"]


def test_a_form_is_taken_like_json(client: Client) -> None:
    parts = {name: (None, value) for name, value in BODY.items()}
    assert client.post(f"/v2/{SLUG}", files=parts).json()["status"] == "QUEUED"


def test_too_many_calls_in_a_minute_tell_when_the_minute_ends(
    sandbox: Sandbox, other: Callable[..., Client]
) -> None:
    limited = other(balance=50, rpm=1)
    name = limited.start()
    refused = limited.submit()
    assert refused.status_code == 429
    assert refused.headers["x-rate-limit-reset-at-utc"].endswith("Z")
    assert "Retry-After" not in refused.headers
    assert limited.status(name).status_code == 429
    sandbox.advance(61)
    assert limited.submit().status_code == 200


def test_polls_leave_the_rate_alone_when_the_switch_says_so() -> None:
    with Sandbox(apps=[partial(SegmindSandbox, polls_count=False)]) as sandbox:
        sandbox.add_account("segmind", "SG_1", balance=5, rpm=1)
        for client in talking(sandbox, "SG_1"):
            name = client.start()
            assert [client.status(name).status_code for _ in range(2)] == [200, 200]


def test_a_run_is_forgotten_an_hour_after_its_submit_but_not_by_the_history(
    sandbox: Sandbox, client: Client
) -> None:
    name = client.start()
    sandbox.advance(3590)
    film = client.result(name).json()["output"]
    sandbox.advance(15)
    for path in (f"/v2/requests/{name}/status", f"/v2/requests/{name}", f"/v1/requests/{name}"):
        answer = client.get(path)
        assert (answer.status_code, answer.json()) == (404, {"error": f"Request {name} not found"})
    kept = client.get(f"/inference-request/request-history/{name}").json()
    assert (kept["model_status"], kept["generation_url"]) == ("COMPLETED", film)
    assert requests.get(film, timeout=PATIENCE).status_code == 200
    sandbox.advance(8 * 86400)
    assert requests.get(film, timeout=PATIENCE).status_code == 404


def test_another_account_s_run_is_not_found(client: Client, other: Callable[..., Client]) -> None:
    name, stranger = client.start(), other(balance=1)
    assert stranger.status(name).status_code == 404
    assert stranger.get(f"/inference-request/request-history/{name}").status_code == 404


def test_the_faults_of_a_poll_are_told_in_the_vendor_s_words(
    sandbox: Sandbox, client: Client
) -> None:
    name = client.start()
    sandbox.fault("not_found:poll")
    assert client.status(name).status_code == 404
    sandbox.fault("unknown_word:poll:word=PAUSED")
    assert client.status(name).json()["status"] == "PAUSED"
    sandbox.advance(200)
    sandbox.fault("empty_url:result")
    assert client.result(name).json()["output"] == ""
    sandbox.fault("expire:poll")
    assert [client.status(name).status_code, client.result(name).status_code] == [404, 404]


def test_a_stuck_run_never_ends(sandbox: Sandbox, client: Client) -> None:
    sandbox.fault("stuck:submit")
    name = client.start()
    sandbox.advance(3000)
    assert client.status(name).json()["status"] == "PROCESSING"


@pytest.mark.parametrize("target", [None, "http://127.0.0.1:9"])
def test_a_status_url_may_name_a_stranger_s_host(
    sandbox: Sandbox, client: Client, target: str | None
) -> None:
    sandbox.fault({"name": "foreign_status_url", "phase": "submit", "url": target})
    told = client.submit().json()
    base = target or sandbox.url.replace("127.0.0.1", "localhost") + "/_sandbox/elsewhere"
    assert told["status_url"] == f"{base}/v2/requests/{told['request_id']}/status"


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ("video_only", lambda told: "output" not in told and told["video"]["url"]),
        ("output_only", lambda told: "video" not in told and told["output"]),
        ("list", lambda told: isinstance(told["output"], list)),
        ("base64", lambda told: b"ftyp" in base64.b64decode(told["output"])[:12]),
        ("absent", lambda told: not {"output", "video"} & set(told)),
        ("no_cost", lambda told: set(told["metrics"]) == {"inference_time"}),
    ],
)
def test_a_result_may_come_in_another_outline(
    sandbox: Sandbox, client: Client, shape: str, expected: Any
) -> None:
    name = client.start()
    sandbox.advance(200)
    sandbox.fault(f"shape:result:shape={shape}")
    assert expected(client.result(name).json())


def test_a_result_may_be_the_film_itself(sandbox: Sandbox, client: Client) -> None:
    name = client.start()
    sandbox.advance(200)
    sandbox.fault("shape:result:shape=bytes")
    answer = client.result(name)
    assert (answer.headers["Content-Type"], answer.content[4:8]) == ("video/mp4", b"ftyp")


def test_answers_to_a_submit_may_lack_addresses_or_word_errors_differently(
    sandbox: Sandbox, client: Client
) -> None:
    sandbox.fault("shape:submit:shape=id_only")
    assert set(client.submit().json()) == {"request_id"}
    for shape, key in [("detail", "detail"), ("message", "message"), ("auth", "error_description")]:
        sandbox.fault(f"shape:submit:shape={shape}")
        sandbox.fault("refuse:submit:status=503:message=maintenance")
        answer = client.submit()
        assert (answer.status_code, answer.json()[key]) == (503, "maintenance")


def test_a_sync_call_answers_with_the_film_and_its_price_in_headers() -> None:
    with Sandbox(apps=[SegmindSandbox], speed=1000, job_seconds=100) as sandbox:
        for client in talking(sandbox):
            answer = client.post(f"/v1/{SLUG}", json=BODY)
            assert (answer.headers["Content-Type"], answer.content[4:8]) == ("video/mp4", b"ftyp")
            assert answer.headers["x-cost"] == "2.03"
            assert answer.headers["x-remaining-credits"] == "47.97"
            assert answer.headers["x-request-id"] == account(sandbox)["jobs"][0]["id"]
            sandbox.fault("fail:submit")
            assert client.post(f"/v1/{SLUG}", json=BODY).status_code == 500


def test_a_waiting_sync_call_sees_the_clock_move_and_the_sandbox_stop() -> None:
    answers: list[int] = []
    with Sandbox(apps=[SegmindSandbox]) as sandbox:

        def buy() -> None:
            for client in talking(sandbox):
                answers.append(client.post(f"/v1/{SLUG}", json=BODY).status_code)
                sandbox.fault("stuck:submit")
                answers.append(client.post(f"/v1/{SLUG}", json=BODY).status_code)

        buying = threading.Thread(target=buy)
        buying.start()
        until(lambda: account(sandbox)["jobs"])
        sandbox.advance(200)
        until(lambda: len(account(sandbox)["jobs"]) == 2)
    buying.join(PATIENCE)
    assert answers == [200, 504]


# Uploads and history


@pytest.mark.parametrize("key", ["urls", "both"])
def test_an_upload_s_urls_come_under_the_key_of_the_switch(key: Any) -> None:
    app = partial(SegmindSandbox, upload_answer=key)
    with Sandbox(apps=[app]) as sandbox:
        for client in talking(sandbox):
            data_url = f"data:image/png;base64,{base64.b64encode(PICTURE).decode()}"
            told = client.post("/upload-asset", json={"data_urls": [data_url]}).json()
            assert requests.get(told["urls"][0], timeout=PATIENCE).content == PICTURE
            assert ("file_urls" in told) is (key == "both")


@pytest.mark.parametrize("data_urls", [None, [], ["hello"], ["data:image/png;base64,###"], [5]])
def test_an_upload_of_something_else_is_refused(client: Client, data_urls: object) -> None:
    answer = client.post("/upload-asset", json={"data_urls": data_urls})
    assert answer.status_code == 400
    assert "data_urls" in answer.json()["error"]


def history(client: Client, **asked: Any) -> list[dict[str, Any]]:
    answer = client.get("/inference-request/request-history", params=asked)
    rows = answer.json()["data"]
    assert isinstance(rows, list)
    return rows


def test_the_history_keeps_what_was_sent_and_what_became_of_it(
    sandbox: Sandbox, client: Client
) -> None:
    sandbox.fault("fail:submit")
    failed, done = client.start(), client.start(quality="360p")
    sandbox.advance(200)
    pending = client.start()
    rows = {row["request_id"]: row for row in history(client)}
    assert list(rows) == [pending, done, failed]
    assert [rows[name]["model_status"] for name in (pending, done, failed)] == [
        "PENDING", "COMPLETED", "FAILED",
    ]  # fmt: skip
    assert rows[done]["request_body"] == {**BODY, "quality": "360p"}
    assert (rows[done]["credits_deduction"], rows[failed]["credits_deduction"]) == (2.03, 0.0)
    assert rows[failed]["error"] == "Inference failed"
    for status, name in [("PENDING", pending), ("COMPLETED", done), ("FAILED", failed)]:
        assert [row["request_id"] for row in history(client, status=status)] == [name]
    assert history(client, model_name="wan") == []
    assert len(history(client, model_name="mimic", per_page=2)) == 2
    assert [row["request_id"] for row in history(client, per_page=2, page=2)] == [failed]
    costly = history(client, sort_by="credits_deduction", sort_order="asc")
    assert costly[-1]["request_id"] == done


def test_the_history_looks_at_a_window_of_at_most_31_days(sandbox: Sandbox, client: Client) -> None:
    client.start()
    sandbox.advance(20 * 86400)
    assert history(client) == []
    today = datetime.now(UTC).date()
    assert len(history(client, from_date=today, to_date=today + timedelta(days=20))) == 1
    too_wide = {"from_date": today, "to_date": today + timedelta(days=32)}
    for asked in (too_wide, {"from_date": "today"}, {"per_page": 101}, {"page": 0},
                  {"status": "QUEUED"}, {"sort_by": "colour"}):  # fmt: skip
        answer = client.get("/inference-request/request-history", params=asked)
        assert (answer.status_code, bool(answer.json()["error"])) == (400, True)


def test_the_history_may_lag_repeat_rows_and_show_a_twin(sandbox: Sandbox, client: Client) -> None:
    sandbox.fault("twin:submit")
    sandbox.fault("history_lag:history:seconds=30")
    client.start()
    assert history(client) == []
    sandbox.advance(31)
    first, second = history(client)
    assert first["request_id"] != second["request_id"]
    assert first["request_body"] == second["request_body"]
    sandbox.fault("shape:history:shape=repeated")
    assert len(history(client)) == 4
    assert account(sandbox)["submits"] == 1


# Through Segmind's own SDK, unmodified


@pytest.fixture
def fast() -> Iterator[Sandbox]:
    with Sandbox(apps=[SegmindSandbox], speed=1000, job_seconds=200) as running:
        yield running


@pytest.fixture
def sdk(fast: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setattr(segmind_files.Files, "STORAGE_BASE_URL", fast.url)
    monkeypatch.setattr(
        sys.modules["segmind.generations"],
        "REQUEST_HISTORY_URL",
        f"{fast.url}/inference-request/request-history",
    )
    client = segmind.SegmindClient(api_key=KEY, base_url=f"{fast.url}/v1")
    yield client
    client._client.close()


def test_the_sdk_runs_a_model_to_its_end(sdk: Any) -> None:
    told = sdk.run(SLUG, **BODY)
    assert told["status"] == "COMPLETED"
    assert requests.get(told["output"], timeout=PATIENCE).content[4:8] == b"ftyp"


def test_the_sdk_submits_and_waits(fast: Sandbox, sdk: Any) -> None:
    job = sdk.submit_async(SLUG, **BODY)
    assert job.status()["status"] in {"QUEUED", "PROCESSING"}
    told = job.wait(timeout=PATIENCE, interval=0.02)
    assert told["request_id"] == job.request_id
    assert told["metrics"]["cost"] == 2.03
    assert account(fast)["charged"] == "2.03"


def test_the_sdk_sees_a_failure_as_a_failure(fast: Sandbox, sdk: Any) -> None:
    fast.fault("fail:submit:message=no person in the clip")
    with pytest.raises(segmind.InferenceFailed) as failed:
        sdk.submit_async(SLUG, **BODY).wait(timeout=PATIENCE, interval=0.02)
    assert failed.value.detail == "no person in the clip"
    assert account(fast)["charged"] == "0"


def sdk_error(action: Callable[[], object]) -> tuple[int, str]:
    with pytest.raises(segmind.SegmindError) as refused:
        action()
    return refused.value.status, refused.value.detail


def test_the_sdk_meets_an_unknown_model(sdk: Any) -> None:
    assert sdk_error(lambda: sdk.submit_async("no-such-model", a=1)) == (
        404, "Model information not found",
    )  # fmt: skip


def test_the_sdk_meets_an_unknown_id(fast: Sandbox, sdk: Any) -> None:
    job = sdk.submit_async(SLUG, **BODY)
    job.status_url = job.status_url.replace(job.request_id, "nothing")
    assert sdk_error(job.status) == (404, "Request nothing not found")


def test_the_sdk_meets_an_expired_run(fast: Sandbox, sdk: Any) -> None:
    job = sdk.submit_async(SLUG, **BODY)
    fast.advance(3600)
    assert sdk_error(job.result) == (404, f"Request {job.request_id} not found")


def test_the_sdk_meets_a_wrong_key(fast: Sandbox, sdk: Any) -> None:
    sdk._client.headers["x-api-key"] = "SG_wrong"
    status, detail = sdk_error(lambda: sdk.run(SLUG, **BODY))
    assert status == 401
    assert detail.startswith("Unauthorized")


def test_the_sdk_meets_a_value_that_is_refused(sdk: Any) -> None:
    status, detail = sdk_error(lambda: sdk.run(SLUG, **BODY, quality="1080p"))
    assert (status, "360p, 540p, 720p" in detail) == (406, True)


def test_the_sdk_times_out_on_a_stuck_run(fast: Sandbox, sdk: Any) -> None:
    fast.fault("stuck:submit")
    with pytest.raises(segmind.InferenceTimeout):
        sdk.submit_async(SLUG, **BODY).wait(timeout=0.05, interval=0.02)  # meant to expire


def test_the_sdk_gets_the_film_from_a_sync_run(sdk: Any) -> None:
    answer = sdk.run_sync(SLUG, **BODY)
    assert answer.content[4:8] == b"ftyp"
    assert answer.headers["x-cost"] == "2.03"


def test_the_sdk_uploads_and_runs_what_it_uploaded(fast: Sandbox, sdk: Any, tmp_path: Path) -> None:
    (tmp_path / "hero.png").write_bytes(PICTURE)
    (tmp_path / "dance.mp4").write_bytes(CLIP)
    paths = [tmp_path / "hero.png", tmp_path / "dance.mp4"]
    picture, clip = sdk.files.upload(paths)["file_urls"]
    job = sdk.submit_async(SLUG, video_url=clip, image_url=picture, quality="720p")
    assert job.wait(timeout=PATIENCE, interval=0.02)["metrics"]["cost"] == 0.3


def test_the_sdk_reads_the_history(sdk: Any) -> None:
    job = sdk.submit_async(SLUG, **BODY)
    page = sdk.generations.history(model_name="mimic")
    assert [row["request_id"] for row in page["data"]] == [job.request_id]
    assert sdk.generations.get(job.request_id)["request_body"] == BODY
    assert sdk_error(lambda: sdk.generations.get("nothing"))[0] == 404


def test_the_sdk_loses_a_run_whose_answer_is_reset_but_the_history_has_it(
    fast: Sandbox, sdk: Any
) -> None:
    httpx = pytest.importorskip("httpx")
    fast.fault("accept_then_reset:submit")
    with pytest.raises(httpx.ReadError):
        sdk.submit_async(SLUG, **BODY)
    (row,) = sdk.generations.history()["data"]
    assert row["request_id"] == account(fast)["jobs"][0]["id"]


def test_both_vendors_share_one_port() -> None:
    from motionkit_pixverse.sandbox import PixVerseSandbox

    with Sandbox(apps=[PixVerseSandbox, SegmindSandbox]) as sandbox:
        assert set(sandbox.ledger()["vendors"]) == {"pixverse", "segmind"}
        assert set(sandbox.environment) == {
            "PIXVERSE_API_KEY", "PIXVERSE_BASE_URL", "SEGMIND_API_KEY", "SEGMIND_BASE_URL",
            "MOTIONKIT_JOURNAL", "MOTIONKIT_SANDBOX_SPEED",
        }  # fmt: skip
