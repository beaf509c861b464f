"""Kling's sandbox through its legacy API, with tokens of the vendor's sample code."""

from __future__ import annotations

import base64
import io
import time
import wave
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
from sandbox_kling_support import (
    DANCE,
    FACE,
    JOB_SECONDS,
    KEY,
    MOTION,
    PICTURE,
    Client,
    encode_jwt_token,
    legacy_motion,
    motion,
)

from motionkit.sandbox import Sandbox
from motionkit_kling.sandbox import access_key, secret_key, token

MOTIONS = "/v1/videos/motion-control"
VECTOR = (
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."
    "eyJpc3MiOiJBSy10ZXN0IiwiZXhwIjoxNzkwOTQ0MjAwLCJuYmYiOjE3OTA5NDIzOTV9."
    "KiA9Cwkg1r8RhD6J3WwnXUfDHu3Rr9HCGHlPvtbQuqA"
)
"""The token of AK-test and SK-test at 1790942400."""


@pytest.fixture
def kling() -> Iterator[Client]:
    with Client() as client:
        yield client


def sound(seconds: float) -> str:
    """Return a silent WAV as Base64."""
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(8000)
        file.writeframes(bytes([128] * round(8000 * seconds)))
    return base64.b64encode(made.getvalue()).decode()


def test_the_token_of_the_contract_is_made_by_the_sandbox_too() -> None:
    assert token("AK-test", "SK-test", 1790942400) == VECTOR


@pytest.mark.filterwarnings("ignore:The HMAC key")
def test_the_samples_library_makes_and_reads_the_same_token() -> None:
    assert encode_jwt_token("AK-test", "SK-test", 1790942400) == VECTOR
    unchecked = {"verify_exp": False, "verify_nbf": False}
    claims = jwt.decode(VECTOR, "SK-test", algorithms=["HS256"], options=unchecked)
    assert claims == {"iss": "AK-test", "exp": 1790944200, "nbf": 1790942395}


def test_a_task_is_made_and_queried_with_a_token(kling: Client) -> None:
    body = legacy_motion(external_task_id="mine")
    made = kling.ask("POST", MOTIONS, kling.token(), json=body)
    assert made["task_status"] == "submitted"
    assert made["task_info"] == {"external_task_id": "mine"}
    assert set(made) == {"task_id", "task_status", "task_info", "created_at", "updated_at"}
    kling.sandbox.advance(JOB_SECONDS / 2)
    assert kling.ask("GET", f"{MOTIONS}/mine", kling.token())["task_status"] == "processing"
    kling.sandbox.advance(JOB_SECONDS)
    done = kling.ask("GET", f"{MOTIONS}/{made['task_id']}", kling.token())
    assert done == kling.ask("GET", f"{MOTIONS}/mine", kling.token())
    assert (done["task_status"], done["final_unit_deduction"]) == ("succeed", "2.5")
    (video,) = done["task_result"]["videos"]
    assert set(video) == {"id", "url", "watermark_url", "duration"}
    assert video["duration"] == "5"


def test_calls_with_a_token_count_for_the_account_that_it_names(kling: Client) -> None:
    kling.ask("POST", MOTIONS, kling.token(), json=legacy_motion())
    assert kling.account()["submits"] == 1
    assert kling.account("unknown")["submits"] == 0


def test_an_api_key_works_on_the_legacy_api_as_well(kling: Client) -> None:
    assert kling.ask("POST", MOTIONS, json=legacy_motion())["task_id"]


def test_the_new_api_refuses_a_token_and_rubbish_with_its_own_text(kling: Client) -> None:
    for bearer in (kling.token(), "rubbish"):
        told = kling.refused("POST", MOTION, bearer, json=motion())
        assert told == (401, 1002, "AK/SK is not supported by this API, use an API key")


def test_a_typo_in_an_api_key_reads_like_a_wrong_token_on_the_legacy_api(kling: Client) -> None:
    for path in (MOTIONS, "/account/costs?start_time=0&end_time=1"):
        told = kling.refused("GET", path, "rihc")
        assert told == (401, 1002, "The token was expected to have 3 parts, but got 0.")


def test_a_call_without_a_credential_is_1001_and_without_its_scheme_1000(kling: Client) -> None:
    for headers, code in (
        ({}, 1001),
        ({"Authorization": ""}, 1001),
        ({"Authorization": KEY}, 1000),
    ):
        answer = kling.call("POST", MOTION, json=motion(), headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, code)


@pytest.mark.parametrize(
    ("shift", "code"),
    [
        (0.0, 0),
        (600.0, 1003),
        (60.0, 1003),
        (-600.0, 0),
        (-1700.0, 0),
        (-1900.0, 1004),
        (86400.0, 1003),
        (-86400.0, 1004),
    ],
)
def test_a_token_is_verified_by_the_sandboxs_clock(kling: Client, shift: float, code: int) -> None:
    answer = kling.call("POST", MOTIONS, kling.token(shift), json=legacy_motion())
    assert answer.json()["code"] == code
    assert answer.status_code == (401 if code else 200)
    assert len(kling.account()["jobs"]) == (0 if code else 1)


def test_the_bounds_of_a_token_are_its_nbf_and_its_exp() -> None:
    now = 1790942400.0
    clock = [now]
    with Client(token_clock=lambda: clock[0]) as kling:
        bearer = encode_jwt_token(access_key(KEY), secret_key(KEY), now)
        for moment, code in ((-5, 0), (-6, 1003), (0, 0), (1799, 0), (1800, 1004)):
            clock[0] = now + moment
            assert kling.call("GET", MOTIONS, bearer).json()["code"] == code


def test_a_token_that_is_kept_for_its_whole_life_expires_between_two_polls(kling: Client) -> None:
    bearer = kling.token()
    assert kling.ask("GET", MOTIONS, bearer) == []
    kling.sandbox.advance(1801)
    assert kling.refused("GET", MOTIONS, bearer)[:2] == (401, 1004)
    assert kling.ask("GET", MOTIONS, kling.token()) == []


def _claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    claims = {"iss": access_key(KEY), "exp": now + 1800, "nbf": now - 5, **changes}
    return {name: value for name, value in claims.items() if value is not None}


@pytest.mark.parametrize(
    ("claims", "secret", "headers", "algorithm"),
    [
        ({}, secret_key("another"), {"typ": "JWT"}, "HS256"),
        ({"iss": "AK-nobody"}, secret_key(KEY), {"typ": "JWT"}, "HS256"),
        ({"iss": None}, secret_key(KEY), {"typ": "JWT"}, "HS256"),
        ({"iss": KEY}, secret_key(KEY), {"typ": "JWT"}, "HS256"),
        ({"exp": None}, secret_key(KEY), {"typ": "JWT"}, "HS256"),
        ({}, secret_key(KEY), {"typ": None}, "HS256"),
        ({}, secret_key(KEY) * 2, {"typ": "JWT"}, "HS512"),
        ({}, "", {"typ": "JWT"}, "none"),
    ],
)
def test_a_token_that_is_signed_otherwise_is_invalid(
    kling: Client, claims: Any, secret: str, headers: Any, algorithm: str
) -> None:
    bearer = jwt.encode(_claims(**claims), secret, algorithm=algorithm, headers=headers)
    assert kling.refused("POST", MOTIONS, bearer, json=legacy_motion())[:2] == (401, 1002)


def test_broken_tokens_are_invalid(kling: Client) -> None:
    for bearer in ("a.b.c", "..", "é.b.c".encode().decode("latin-1"), kling.token()[:-1]):
        assert kling.refused("POST", MOTIONS, bearer, json=legacy_motion())[:2] == (401, 1002)


def test_an_unknown_task_is_1201_and_not_404(kling: Client) -> None:
    told = kling.refused("GET", f"{MOTIONS}/893605946402811985")
    assert told == (400, 1201, "Task not found by id/external id: 893605946402811985")
    assert kling.refused("GET", f"{MOTIONS}/nothing")[1] == 1201


def test_a_task_is_found_under_its_own_product_only_and_by_the_new_api_anywhere(
    kling: Client,
) -> None:
    made = kling.ask("POST", MOTIONS, json=legacy_motion(external_task_id="mine"))
    other = "/v1/videos/text2video"
    assert kling.refused("GET", f"{other}/{made['task_id']}")[1] == 1201
    assert kling.refused("GET", f"{other}/mine")[1] == 1201
    (found,) = kling.ask("GET", "/tasks?external_task_ids=mine")
    assert (found["id"], found["status"]) == (made["task_id"], "submitted")


def test_the_legacy_list_has_pages_of_one_product_the_newest_first(kling: Client) -> None:
    ids = [kling.ask("POST", MOTIONS, json=legacy_motion())["task_id"] for _ in range(3)]
    kling.submit()
    assert [row["task_id"] for row in kling.ask("GET", MOTIONS)] == ids[::-1]
    page = kling.ask("GET", f"{MOTIONS}?pageNum=2&pageSize=2")
    assert [row["task_id"] for row in page] == ids[:1]
    assert kling.ask("GET", "/v1/videos/text2video") == []
    for query in ("pageNum=0", "pageNum=1001", "pageSize=501", "pageSize=x"):
        assert kling.refused("GET", f"{MOTIONS}?{query}")[1] == 1201


@pytest.mark.parametrize(
    "change",
    [
        {"keep_original_sound": True},
        {"mode": "4k"},
        {"mode": None},
        {"model_name": "kling-3.0"},
        {"character_orientation": None},
        {"duration": "5"},
        {"element_list": [{"element_id": "1"}]},
        {"image_url": f"data:image/png;base64,{PICTURE}"},
        {"video_url": PICTURE},
        {"options": {"external_task_id": "x"}},
        {"watermark_info": {"on": True}},
    ],
)
def test_a_wrong_body_is_refused_as_1201(kling: Client, change: dict[str, Any]) -> None:
    body = {name: value for name, value in legacy_motion(**change).items() if value is not None}
    assert kling.refused("POST", MOTIONS, json=body)[:2] == (400, 1201)


def test_motion_control_of_generation_3_has_its_own_price_and_takes_raw_base64(
    kling: Client,
) -> None:
    body = legacy_motion(model_name="kling-v3", mode="pro", image_url=PICTURE)
    name = kling.ask("POST", MOTIONS, json=body)["task_id"]
    kling.sandbox.advance(JOB_SECONDS + 1)
    assert kling.ask("GET", f"{MOTIONS}/{name}")["final_unit_deduction"] == "6"


def _done(kling: Client, product: str, body: dict[str, Any]) -> Any:
    path = f"/v1/videos/{product}"
    name = kling.ask("POST", path, json=body)["task_id"]
    kling.sandbox.advance(JOB_SECONDS + 1)
    return kling.ask("GET", f"{path}/{name}")


@pytest.mark.parametrize(
    ("product", "body", "units"),
    [
        ("text2video", {"prompt": "a fox", "model_name": "kling-v2-6", "duration": "10"}, "3"),
        ("text2video", {"prompt": "a fox", "model_name": "kling-v3", "mode": "4k"}, "15"),
        (
            "image2video",
            {"image": FACE, "model_name": "kling-v2-6", "mode": "pro", "sound": "on"},
            "5",
        ),
        ("image2video", {"image": PICTURE, "image_tail": FACE, "cfg_scale": 0.7}, "1"),
        ("effects", {"effect_scene": "hug", "input": {"images": [FACE, PICTURE]}}, "2"),
        ("effects", {"effect_scene": "bloombloom", "input": {"image": FACE}}, "2"),
    ],
)
def test_the_products_of_the_legacy_api(
    kling: Client, product: str, body: dict[str, Any], units: str
) -> None:
    assert _done(kling, product, body)["final_unit_deduction"] == units


@pytest.mark.parametrize(
    ("product", "body"),
    [
        ("text2video", {"prompt": "a fox", "duration": 5}),
        ("text2video", {"prompt": "a fox", "model_name": "kling-v2-6", "duration": "7"}),
        ("text2video", {"duration": "5"}),
        ("text2video", {"prompt": "a fox", "cfg_scale": 2}),
        ("image2video", {"prompt": "walk"}),
        ("image2video", {"image": FACE, "model_name": "kling-v2-6", "sound": "on"}),
        ("effects", {"effect_scene": "hug", "input": {}}),
        ("effects", {"effect_scene": "hug", "input": {"images": [FACE]}}),
        ("avatar/image2video", {"image": FACE}),
        ("avatar/image2video", {"image": FACE, "audio_id": "1", "sound_file": "QUJD"}),
        ("avatar/image2video", {"image": FACE, "audio_id": "1"}),
        ("avatar/image2video", {"image": FACE, "sound_file": sound(1.0)}),
        ("video-extend", {"video_id": "17"}),
        ("advanced-lip-sync", {"session_id": "17", "face_choose": []}),
    ],
)
def test_the_products_refuse_what_they_do_not_take(
    kling: Client, product: str, body: dict[str, Any]
) -> None:
    assert kling.refused("POST", f"/v1/videos/{product}", json=body)[:2] == (400, 1201)


def test_an_avatar_speaks_for_the_seconds_of_its_sound(kling: Client) -> None:
    body = {"image": PICTURE, "sound_file": sound(4.0), "prompt": "smile"}
    done = _done(kling, "avatar/image2video", body)
    assert done["final_unit_deduction"] == "1.6"
    assert done["task_result"]["videos"][0]["duration"] == "4"


def test_an_unknown_voice_has_a_text_of_its_own(kling: Client) -> None:
    body = {"image": FACE, "audio_id": "17"}
    told = kling.refused("POST", "/v1/videos/avatar/image2video", json=body)
    assert told == (400, 1201, "audio not found: 17")


def test_a_video_of_generation_1_can_be_extended_within_a_month(kling: Client) -> None:
    first = _done(kling, "text2video", {"prompt": "a fox"})["task_result"]["videos"][0]
    done = _done(kling, "video-extend", {"video_id": first["id"], "prompt": "it runs"})
    assert done["task_info"]["parent_video"] == {"id": first["id"]}
    assert float(done["task_result"]["videos"][0]["duration"]) == 10
    modern = _done(kling, "text2video", {"prompt": "a fox", "model_name": "kling-v3"})
    path, video = "/v1/videos/video-extend", modern["task_result"]["videos"][0]["id"]
    assert kling.refused("POST", path, json={"video_id": video})[1] == 1201
    kling.sandbox.advance(30 * 86400)
    assert kling.refused("POST", path, json={"video_id": first["id"]})[1] == 1201


def test_lips_are_synchronized_within_a_session_of_faces(kling: Client) -> None:
    faces = kling.ask("POST", "/v1/videos/identify-face", json={"video_url": DANCE})
    assert kling.account()["charged"] == "0.05"
    (face,) = faces["face_data"]
    chosen = {"face_id": face["face_id"], "sound_file": sound(3.0), "sound_insert_time": 0}
    body = {"session_id": faces["session_id"], "face_choose": [chosen]}
    path = "/v1/videos/advanced-lip-sync"
    name = kling.ask("POST", path, json={**body, "external_task_id": "lips"})["task_id"]
    kling.sandbox.advance(JOB_SECONDS + 1)
    assert kling.ask("GET", f"{path}/{name}")["final_unit_deduction"] == "0.5"
    assert kling.refused("GET", f"{path}/lips")[1] == 1201  # by the task's id only
    other = {**body, "face_choose": [{**chosen, "face_id": "9"}]}
    assert kling.refused("POST", path, json=other)[1] == 1201
    kling.sandbox.advance(86400)
    assert kling.refused("POST", path, json=body)[1] == 1201


def test_faces_are_found_in_an_own_video_and_need_units(kling: Client) -> None:
    video = kling.done()["outputs"][0]["id"]
    path = "/v1/videos/identify-face"
    assert kling.ask("POST", path, json={"video_id": video})["session_id"]
    assert kling.refused("POST", path, json={"video_id": "17"})[1] == 1201
    assert kling.refused("POST", path, json={})[1] == 1201
    kling.sandbox.add_account("kling", "poor", balance="0.04")
    assert kling.refused("POST", path, "poor", json={"video_url": DANCE})[1] == 1102


def test_the_legacy_api_is_served_beside_every_other_vendor() -> None:
    with Sandbox() as sandbox:
        assert sandbox.environment["KLING_BASE_URL"] == sandbox.url
        with Client(sandbox, sandbox.environment["KLING_API_KEY"]) as client:
            assert client.ask("POST", MOTIONS, json=legacy_motion())["task_id"]
            assert client.submit()["id"]
