"""PixVerse's contract as the sandbox reads it; expected codes and prices are literals."""

from __future__ import annotations

import io
import json
import wave
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
import requests
from patience import PATIENCE
from PIL import Image
from sandbox_support import CLIP, PICTURE, Client

from motionkit.sandbox import Sandbox, sample_clip
from motionkit.sandbox.drawing import png
from motionkit.sandbox.media import probe
from motionkit_pixverse.sandbox import PixVerseSandbox


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(apps=[PixVerseSandbox]) as running:
        yield running


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[Client]:
    with Client(sandbox) as talking:
        yield talking


def account(sandbox: Sandbox, label: str = "default") -> dict[str, Any]:
    found = sandbox.ledger()["vendors"]["pixverse"]["accounts"][label]
    assert isinstance(found, dict)
    return found


def refusal(answer: requests.Response) -> tuple[int, int]:
    told = answer.json()
    assert told["Resp"] is None
    assert told["ErrMsg"]
    return answer.status_code, told["ErrCode"]


def test_the_whole_way_from_uploads_to_a_playable_file(sandbox: Sandbox, client: Client) -> None:
    picture = client.upload("image", PICTURE, "hero.png").json()
    clip = client.upload("file", CLIP, "dance.mp4").json()
    assert set(picture["Resp"]) == {"img_id", "img_url"}
    assert clip["Resp"]["media_type"] == "video"
    order = {
        "img_id": picture["Resp"]["img_id"],
        "video_media_id": clip["Resp"]["media_id"],
        "quality": "720p",
    }
    accepted = client.submit(order).json()
    assert (accepted["ErrCode"], accepted["ErrMsg"]) == (0, "success")
    assert accepted["Resp"]["credit"] == 24  # 1.5 s start 2 seconds of 12 credits
    number = accepted["Resp"]["video_id"]
    running = client.result(number)
    assert (running["id"], running["status"]) == (number, 5)
    assert requests.get(running["url"], timeout=PATIENCE).status_code == 404
    sandbox.advance(100)
    assert client.result(number)["status"] == 5
    sandbox.advance(80)
    done = client.result(number)
    assert (done["status"], done["outputWidth"], done["outputHeight"]) == (1, 720, 1280)
    assert done["url"].startswith(f"{sandbox.url}/media/openapi%2F")
    film = requests.get(done["url"], timeout=PATIENCE).content
    told = probe(io.BytesIO(film))
    assert told is not None
    assert (told.width, told.height, done["url"]) == (720, 1280, running["url"])
    assert told.seconds == pytest.approx(1.5, abs=0.05)


def test_ids_are_bare_integers_of_18_digits_that_no_float_holds(client: Client) -> None:
    text = client.submit(client.order()).text
    number = json.loads(text)["Resp"]["video_id"]
    assert f'"video_id": {number}' in text
    assert len(str(number)) == 18
    assert int(float(number)) != number


def test_a_key_is_needed_and_must_be_known(sandbox: Sandbox, client: Client) -> None:
    keyless = {"Ai-trace-id": "t1"}
    assert refusal(client.get("/account/balance", headers=keyless)) == (401, 10001)
    wrong = client.get("/account/balance", headers={**keyless, "API-KEY": "wrong"})
    assert refusal(wrong) == (400, 400012)
    assert wrong.json()["ErrMsg"] == "apiKey is not registered"
    assert account(sandbox, "unknown")["calls"] == {"balance": 2}


def test_a_trace_id_is_needed_everywhere_and_echoed(client: Client) -> None:
    only_key = {"API-KEY": client.key}
    assert refusal(client.get("/account/balance", headers=only_key)) == (400, 400011)
    named = client.get("/account/balance", headers={**only_key, "ai-trace-ID": "any text"})
    assert named.headers["Ai-Trace-Id"] == "any text"


def test_a_repeated_trace_id_on_a_get_is_only_counted(sandbox: Sandbox, client: Client) -> None:
    for _ in range(2):
        assert client.get("/account/balance", headers=client.headers("same")).json()["ErrCode"] == 0
    assert account(sandbox)["reused_trace_ids"] == 1


def test_a_repeated_trace_id_on_a_submit_replays_the_first_answer(
    sandbox: Sandbox, client: Client
) -> None:
    order = client.order()
    first, second = client.submit(order, "t"), client.submit(order, "t")
    assert first.json() == second.json()
    assert account(sandbox)["submits"] == 2
    assert len(account(sandbox)["jobs"]) == 1
    assert account(sandbox)["charged"] == "20"


def test_a_repeated_trace_id_finds_the_job_whose_answer_was_lost(
    sandbox: Sandbox, client: Client
) -> None:
    order = client.order()
    sandbox.fault("accept_then_reset:submit")
    with pytest.raises(requests.ConnectionError):
        client.submit(order, "t")
    number = client.submit(order, "t").json()["Resp"]["video_id"]
    assert [job["id"] for job in account(sandbox)["jobs"]] == [str(number)]


def test_a_trace_id_of_one_account_means_nothing_to_another(
    sandbox: Sandbox, client: Client
) -> None:
    sandbox.add_account("pixverse", "k2", label="second", balance=100)
    client.start(trace="t")
    with Client(sandbox, "k2") as other:
        other.start(trace="t")
    assert len(account(sandbox, "second")["jobs"]) == 1


def test_a_refused_trace_id_stays_refused(sandbox: Sandbox, client: Client) -> None:
    order = client.order()
    sandbox.fault("refuse:submit:code=500069")
    assert refusal(client.submit(order, "t")) == (500, 500069)
    assert refusal(client.submit(order, "t")) == (500, 500069)
    assert client.submit(order, "another").json()["ErrCode"] == 0


@pytest.mark.parametrize("mode", ["stuck", "error", "new"])
def test_the_other_readings_of_a_repeated_trace_id(
    sandbox: Sandbox, client: Client, mode: str
) -> None:
    sandbox.fault(f"dedupe:submit:mode={mode}")
    order = client.order()
    first = client.start(order, "t")
    again = client.submit(order, "t")
    if mode == "error":
        assert refusal(again) == (400, 400017)
        return
    second = again.json()["Resp"]["video_id"]
    assert second != first
    sandbox.advance(10_000)
    assert client.result(first)["status"] == 1
    assert client.result(second)["status"] == (5 if mode == "stuck" else 1)
    assert account(sandbox)["charged"] == ("20" if mode == "stuck" else "40")


@pytest.mark.parametrize(("quality", "credit"), [("360p", 18), ("540p", 20), ("720p", 24)])
def test_started_seconds_are_charged_at_the_quality_s_rate(
    sandbox: Sandbox, client: Client, quality: str, credit: int
) -> None:
    accepted = client.submit(client.order(quality)).json()["Resp"]
    assert accepted["credit"] == credit
    assert account(sandbox)["charged"] == str(credit)
    balances = client.get("/account/balance").json()["Resp"]
    assert balances["credit_monthly"] == 10_000 - credit
    assert balances["credit_package"] == 5_000
    assert isinstance(balances["account_id"], int)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"quality": "1080p"}, 400017),
        ({"quality": "540P"}, 400017),
        ({"quality": None}, 400011),
        ({"quality": 540}, 400013),
        ({"img_id": None}, 400011),
        ({"img_id": 7}, 400032),
        ({"img_id": "7"}, 400013),
        ({"img_id": True}, 400013),
        ({"video_media_id": None}, 400017),
        ({"source_video_id": 5}, 400017),
        ({"video_media_id": 5}, 500008),
        ({"video_media_id": None, "source_video_id": 5}, 500008),
    ],
)
def test_a_submit_that_breaks_a_rule_is_refused_and_free(
    sandbox: Sandbox, client: Client, change: dict[str, Any], code: int
) -> None:
    answer = client.submit({**client.order(), **change})
    assert refusal(answer) == (400 if code < 500000 else 500, code)
    assert account(sandbox)["charged"] == "0"


def test_a_submit_that_is_no_json_object_is_refused(client: Client) -> None:
    path = "/video/mimic/generate"
    assert refusal(client.post(path, data="{", headers={**client.headers()}))[1] == 400013
    assert refusal(client.post(path, json=[1]))[1] == 400013
    assert refusal(client.post(path, data="{}"))[1] == 400013  # no JSON content type


def test_ids_as_text_pass_when_the_switch_is_off() -> None:
    with (
        Sandbox(apps=[partial(PixVerseSandbox, strict_ints=False)]) as sandbox,
        Client(sandbox) as client,
    ):
        order = client.order()
        quoted = {**order, "img_id": str(order["img_id"])}
        assert client.submit(quoted).json()["ErrCode"] == 0


def test_refusals_come_under_http_200_when_the_switch_says_so() -> None:
    with (
        Sandbox(apps=[partial(PixVerseSandbox, error_http="200")]) as sandbox,
        Client(sandbox) as client,
    ):
        assert refusal(client.get("/video/result/1")) == (200, 500008)
        assert refusal(client.get("/account/balance", headers={"API-KEY": "x"})) == (200, 400012)


def test_another_account_s_media_and_jobs_are_out_of_reach(
    sandbox: Sandbox, client: Client
) -> None:
    sandbox.add_account("pixverse", "k2", balance=100)
    order = client.order()
    number = client.start(order)
    with Client(sandbox, "k2") as other:
        assert refusal(other.submit(order)) == (400, 400032)
        assert refusal(other.get(f"/video/result/{number}")) == (500, 500008)


def test_a_finished_video_is_a_source_and_an_unfinished_one_is_not(
    sandbox: Sandbox, client: Client
) -> None:
    order = client.order()
    number = client.start(order)
    chained = {"img_id": order["img_id"], "source_video_id": number, "quality": "360p"}
    assert refusal(client.submit(chained)) == (400, 400017)
    sandbox.advance(200)
    assert client.submit(chained).json()["Resp"]["credit"] == 18


def test_the_sixth_running_job_is_refused_until_a_slot_is_free(
    sandbox: Sandbox, client: Client
) -> None:
    order = client.order()
    for _ in range(5):
        client.start(order)
    assert refusal(client.submit(order)) == (500, 500044)
    sandbox.advance(200)
    client.start(order)


def test_a_stuck_job_gives_its_slot_back_after_ten_minutes(sandbox: Sandbox) -> None:
    sandbox.add_account("pixverse", "narrow", balance=1000, concurrency=1)
    sandbox.fault("stuck:submit")
    with Client(sandbox, "narrow") as client:
        order = client.order()
        number = client.start(order)
        sandbox.advance(590)
        assert refusal(client.submit(order)) == (500, 500044)
        sandbox.advance(20)
        client.start(order)
        sandbox.advance(10_000)
        assert client.result(number)["status"] == 5


def test_an_empty_purse_is_refused(sandbox: Sandbox) -> None:
    sandbox.add_account("pixverse", "poor", label="poor", balance=19)
    with Client(sandbox, "poor") as client:
        assert refusal(client.submit(client.order())) == (500, 500090)
    assert account(sandbox, "poor")["balance"] == "19"


def test_too_many_calls_in_a_minute_are_answered_with_429(sandbox: Sandbox) -> None:
    sandbox.add_account("pixverse", "slow", balance=19, rpm=2)
    with Client(sandbox, "slow") as client:
        answers = [client.get("/account/balance") for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60
        sandbox.advance(61)
        assert client.get("/account/balance").status_code == 200


@pytest.mark.parametrize(("fault", "word"), [("fail", 8), ("moderate", 7)])
def test_a_job_that_comes_to_nothing_is_refunded(
    sandbox: Sandbox, client: Client, fault: str, word: int
) -> None:
    sandbox.fault(f"{fault}:submit")
    number = client.start()
    assert account(sandbox)["balance"] == "14980"
    sandbox.advance(200)
    assert client.get("/account/balance").json()["Resp"]["credit_monthly"] == 10_000
    told = client.result(number)
    assert (told["status"], told["url"]) == (word, "")
    assert account(sandbox)["balance"] == "15000"
    assert account(sandbox)["jobs"][0]["refund"] == "20"


def test_a_failed_job_keeps_the_money_when_the_switch_says_so() -> None:
    app = partial(PixVerseSandbox, refund_failed=False)
    with Sandbox(apps=[app], faults=["fail:submit"]) as sandbox, Client(sandbox) as client:
        client.start()
        sandbox.advance(200)
        assert account(sandbox)["balance"] == "14980"


def test_the_faults_of_a_poll_are_told_in_the_vendor_s_words(
    sandbox: Sandbox, client: Client
) -> None:
    number = client.start()
    sandbox.fault("not_found:poll")
    missing = client.get(f"/video/result/{number}")
    assert (refusal(missing), missing.json()["ErrMsg"]) == ((500, 500008), "record not found")
    sandbox.fault("unknown_word:poll")
    assert client.result(number)["status"] == 9
    sandbox.fault("empty_url:result")
    assert client.result(number)["status"] == 5
    sandbox.advance(200)
    early = client.result(number)
    assert (early["status"], early["url"]) == (1, "")
    assert client.result(number)["url"]


def test_a_job_can_be_invisible_for_its_first_seconds(sandbox: Sandbox, client: Client) -> None:
    sandbox.fault("not_found:poll:seconds=10:times=0")
    number = client.start()
    assert refusal(client.get(f"/video/result/{number}")) == (500, 500008)
    sandbox.advance(11)
    assert client.result(number)["status"] == 5


@pytest.mark.parametrize("form", ["status", "code"])
def test_a_deleted_video_is_gone_for_good(sandbox: Sandbox, client: Client, form: str) -> None:
    number = client.start()
    sandbox.advance(200)
    sandbox.fault(f"expire:poll:form={form}")
    for _ in range(2):
        if form == "status":
            assert client.result(number)["status"] == 6
        else:
            assert refusal(client.get(f"/video/result/{number}")) == (500, 500064)


def test_an_id_that_is_no_number_fails_to_bind(client: Client) -> None:
    assert refusal(client.get("/video/result/abc")) == (400, 400013)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ("string_code", lambda told: told["ErrCode"] == "0"),
        ("lower_case", lambda told: told["err_code"] == 0 and "video_id" in told["resp"]),
        ("null_resp", lambda told: told["Resp"] is None),
        ("no_resp", lambda told: "Resp" not in told),
        ("string_ids", lambda told: isinstance(told["Resp"]["video_id"], str)),
        ("credits", lambda told: told["Resp"]["credits"] == 20),
        ("no_credit", lambda told: set(told["Resp"]) == {"video_id"}),
        ("list", lambda told: isinstance(told, list)),
    ],
)
def test_an_answer_may_come_in_another_outline(
    sandbox: Sandbox, client: Client, shape: str, expected: Any
) -> None:
    sandbox.fault(f"shape:submit:shape={shape}")
    assert expected(client.submit(client.order()).json())


def test_a_refusal_can_be_ordered_for_every_phase(sandbox: Sandbox, client: Client) -> None:
    sandbox.fault("refuse:submit:code=701003")
    sandbox.fault("refuse:balance:code=99999:status=503:message=maintenance")
    answer = client.submit(client.order())
    assert refusal(answer) == (500, 701003)
    answer = client.get("/account/balance")
    assert (refusal(answer), answer.json()["ErrMsg"]) == ((503, 99999), "maintenance")


# Uploads


def test_an_upload_that_fails_moderation_uses_the_odd_envelope(
    sandbox: Sandbox, client: Client
) -> None:
    sandbox.fault("moderate:upload")
    sandbox.fault("moderate:upload")
    answer = client.upload("image", PICTURE)
    assert answer.status_code == 500
    assert set(answer.json()) == {"err_code", "err_msg", "resp"}
    assert (answer.json()["err_code"], answer.json()["resp"]) == (500052, "")
    assert refusal(client.upload("file", CLIP)) == (500, 500063)


def test_an_empty_counterpart_part_counts_as_not_sent(client: Client) -> None:
    path = "/image/upload"
    file_and_blank = {"image": ("a.png", PICTURE), "image_url": (None, "")}
    assert client.post(path, files=file_and_blank).json()["ErrCode"] == 0
    blank_and_url = {"image": ("", b""), "image_url": (None, "https://example.org/a.png")}
    told = client.post(path, files=blank_and_url).json()
    assert (told["ErrCode"], told["Resp"]["img_url"]) == (0, "https://example.org/a.png")
    both = {"image": ("a.png", PICTURE), "image_url": (None, "https://example.org/a.png")}
    assert refusal(client.post(path, files=both)) == (400, 400017)
    assert refusal(client.post(path, files={"image": ("", b"")})) == (400, 400011)
    assert refusal(client.post(path, files={"media": ("a.png", PICTURE)})) == (400, 400011)
    assert refusal(client.post(path, json={})) == (400, 400013)


def test_a_remote_clip_is_taken_on_trust(client: Client) -> None:
    remote = {"file_url": (None, "https://example.org/dance.mp4?signed=1")}
    told = client.post("/media/upload", files=remote).json()
    assert told["Resp"]["media_type"] == "video"
    order = {**client.order(), "video_media_id": told["Resp"]["media_id"]}
    assert client.submit(order).json()["Resp"]["credit"] == 50
    typeless = {"image_url": (None, "https://example.org/picture")}
    assert refusal(client.post("/image/upload", files=typeless)) == (500, 500031)
    local = {"image_url": (None, "file:///etc/hostname.png")}
    assert refusal(client.post("/image/upload", files=local)) == (500, 500042)


def test_pictures_the_vendor_does_not_take_are_refused(client: Client) -> None:
    assert refusal(client.upload("image", b"no picture" * 20)) == (500, 500031)
    assert refusal(client.upload("image", CLIP)) == (500, 500032)
    long = png(Image.new("RGB", (10_001, 1)))
    assert refusal(client.upload("image", long)) == (500, 500030)
    heavy = PICTURE + bytes(20 * 2**20)
    assert refusal(client.upload("image", heavy)) == (500, 500030)


def test_clips_the_vendor_does_not_take_are_refused(client: Client) -> None:
    assert refusal(client.upload("file", PICTURE)) == (400, 400017)
    assert refusal(client.upload("file", b"no clip" * 20)) == (400, 400017)
    assert refusal(client.upload("file", sample_clip(31, height=16, fps=1))) == (400, 400017)
    assert refusal(client.upload("file", sample_clip(0.1, height=1922, fps=10))) == (400, 400017)


def test_a_sound_is_media_but_no_motion(client: Client) -> None:
    sound = io.BytesIO()
    with wave.open(sound, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(8000)
        writer.writeframes(bytes(8000))
    told = client.upload("file", sound.getvalue(), "a.wav").json()["Resp"]
    assert told["media_type"] == "audio"
    order = {**client.order(), "video_media_id": told["media_id"]}
    assert refusal(client.submit(order)) == (400, 400017)


def test_uploads_are_served_back(client: Client) -> None:
    told = client.upload("image", PICTURE).json()["Resp"]
    assert requests.get(told["img_url"], timeout=PATIENCE).content == PICTURE


# Usage


def usage(client: Client, **fields: object) -> requests.Response:
    now = datetime.now(UTC)
    span = {
        "start_time": f"{now - timedelta(days=1):%Y-%m-%d %H:%M:%S}",
        "end_time": f"{now + timedelta(days=1):%Y-%m-%d %H:%M:%S}",
    }
    return client.post("/account/billing/usage-detail", json={**span, **fields})


def test_usage_lists_charges_and_refunds_in_pages(sandbox: Sandbox, client: Client) -> None:
    order = client.order()
    sandbox.fault("fail:submit")
    failed, fine = client.start(order), client.start(order)
    sandbox.advance(200)
    told = usage(client).json()["Resp"]
    rows = [(row["video_id"], row["credits_status"]) for row in told["items"]]
    assert rows == [(fine, "consume"), (failed, "refund"), (failed, "consume")]
    assert (told["next_cursor"], told["has_more"]) == ("", False)
    page = usage(client, limit=2).json()["Resp"]
    assert (len(page["items"]), page["has_more"]) == (2, True)
    rest = usage(client, limit=2, cursor=page["next_cursor"]).json()["Resp"]
    assert (len(rest["items"]), rest["has_more"]) == (1, False)
    only = usage(client, credits_status="refund", creation_type=["mimic"]).json()["Resp"]
    assert [row["video_id"] for row in only["items"]] == [failed]
    assert usage(client, creation_type=["modify"]).json()["Resp"]["items"] == []


def test_usage_may_lag_and_show_a_twin(sandbox: Sandbox, client: Client) -> None:
    sandbox.fault("twin:submit")
    sandbox.fault("history_lag:history:seconds=60")
    client.start()
    assert usage(client).json()["Resp"]["items"] == []
    sandbox.advance(61)
    assert len(usage(client).json()["Resp"]["items"]) == 2
    assert [job["twin"] for job in account(sandbox)["jobs"]] == [False, True]
    assert account(sandbox)["submits"] == 1


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"limit": 0}, 400017),
        ({"limit": 101}, 400017),
        ({"start_time": "2020-01-01 00:00:00"}, 400017),
        ({"start_time": "yesterday"}, 400013),
        ({"creation_type": ["poem"]}, 400017),
        ({"credits_status": "lost"}, 400017),
        ({"cursor": "x"}, 400017),
    ],
)
def test_usage_refuses_questions_it_does_not_know(
    client: Client, change: dict[str, object], code: int
) -> None:
    assert refusal(usage(client, **change)) == (400, code)


def test_the_environment_points_a_client_at_the_sandbox(sandbox: Sandbox) -> None:
    told = sandbox.environment
    del told["MOTIONKIT_JOURNAL"]
    assert told == {
        "MOTIONKIT_SANDBOX_SPEED": "1",
        "PIXVERSE_API_KEY": "sandbox-pixverse-key",
        "PIXVERSE_BASE_URL": sandbox.url,
    }
