"""Segmind's models as the sandbox runs them: fields, values, prices, restated from the pages."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import requests
from patience import PATIENCE
from sandbox_segmind_support import Client, account, talking
from sandbox_support import CLIP, PICTURE

from motionkit.sandbox import Sandbox, sample_clip
from motionkit.sandbox.media import Clip, probe
from motionkit_segmind.sandbox import SegmindSandbox

FACE, DANCE = "https://example.org/hero.png", "https://example.org/dance.mp4"
KLING = {"prompt": "dance", "image_url": FACE, "video_url": DANCE}
OLD_PIXVERSE = {"prompt": "dance", "duration": 5, "motion_mode": "normal", "quality": "540p"}

KLING_3 = {
    "prompt": "dance",
    "end_image_url": FACE,
    "duration": "15",
    "aspect_ratio": "9:16",
    "cfg_scale": 0.5,
    "generate_audio": True,
    "negative_prompt": "blur",
    "elements": [{"frontal_image_url": FACE}],
}
SEEDANCE = {
    "first_frame_url": FACE,
    "last_frame_url": FACE,
    "reference_images": [FACE] * 9,
    "duration": 15,
    "resolution": "480p",
    "aspect_ratio": "16:9",
    "generate_audio": True,
    "seed": 7,
    "return_last_frame": False,
}

# slug: least body that runs, further fields that are taken, USD of a run, mean seconds
MODELS: Mapping[str, tuple[dict[str, Any], dict[str, Any], float, float]] = {
    "pixverse-mimic": (
        {"video_url": DANCE, "image_url": FACE},
        {"quality": "360p"},
        2.03,
        132.61,
    ),
    "kling-2.6-pro-motion-control": (
        KLING,
        {"character_orientation": "image", "keep_original_sound": False},
        1.72,
        595,
    ),
    "kling-2.6-standard-motion-control": (
        KLING,
        {"character_orientation": "video", "keep_original_sound": True},
        0.94,
        576,
    ),
    "wan-animate": (
        {"input_video": DANCE, "mode": "animation", "prompt": "dance", "reference_image": FACE},
        {"resolution": "720p", "seed": 7, "base64": False},
        1.57,
        412,
    ),
    "scail": (
        {"input_video": DANCE, "prompt": "dance", "reference_image": FACE},
        {"resolution": "576p", "seed": 7, "base64": False},
        1.93,
        429,
    ),
    "p-video-animate": (
        {"image": FACE, "video": DANCE},
        {
            "resolution": "720p",
            "turbo": True,
            "save_audio": True,
            "ignore_audio": False,
            "target_fps": "original",
            "instruction_prompt": "smile",
            "seed": 7,
            "disable_safety_checker": False,
        },
        0.41,
        90,
    ),
    "p-video-replace": (
        {"images": [FACE, FACE], "video": DANCE},
        {"resolution": "480p", "turbo": False, "seed": 7, "target_fps": "24"},
        0.27,
        63,
    ),
    "pixverse-v6": (
        {"prompt": "dance", "duration": 5, "quality": "540p"},
        {
            "aspect_ratio": "21:9",
            "image_url": FACE,
            "negative_prompt": "blur",
            "motion_mode": "normal",
            "generate_audio_switch": False,
            "thinking_type": "auto",
        },
        0.42,
        64,
    ),
    "pixverse-5-video": (
        OLD_PIXVERSE,
        {
            "aspect_ratio": "16:9",
            "image_url": FACE,
            "negative_prompt": "blur",
            "seed": 7,
            "sound_effect_switch": True,
            "lip_sync_switch": False,
        },
        0.63,
        69,
    ),
    "pixverse-4.5-video": (
        OLD_PIXVERSE,
        {"motion_mode": "fast", "seed": 7, "image_url": FACE},
        0.58,
        46,
    ),
    "pixverse-text2video": (
        {"prompt": "dance", "aspect_ratio": "16:9", "duration": 5, "motion_mode": "normal"},
        {"quality": "1080p", "seed": 7, "negative_prompt": "blur"},
        0.428,
        44.2,
    ),
    "pixverse-image2video": (
        {"image_url": FACE, "prompt": "dance", "duration": 8, "motion_mode": "normal"},
        {"quality": "540p", "seed": 7, "negative_prompt": "blur"},
        0.55,
        60,
    ),
    "pixverse-5-extend": (
        {
            "video_url": DANCE,
            "prompt": "dance",
            "duration": 5,
            "motion_mode": "normal",
            "quality": "540p",
        },
        {},
        0.66,
        60,
    ),
    "pixverse-5-transition": (
        {"first_frame_url": FACE, "last_frame_url": FACE, "duration": 8, "motion_mode": "normal"},
        {
            "prompt": "dance",
            "quality": "540p",
            "seed": 7,
            "sound_effect_switch": True,
            "sound_effect_content": "rain",
            "lip_sync_switch": False,
        },
        0.50,
        76.7,
    ),
    "kling-2.6": (
        {"prompt": "dance"},
        {
            "duration": "10",
            "mode": "pro",
            "aspect_ratio": "16:9",
            "generate_audio": True,
            "cfg_scale": 0.8,
            "negative_prompt": "blur",
        },
        1.11,
        123.3,
    ),
    "kling-3-pro-image2video": ({"start_image_url": FACE}, KLING_3, 1.94, 60),
    "kling-3-standard-image2video": ({"start_image_url": FACE}, KLING_3, 1.24, 108.6),
    "kling-2.5-turbo": (
        {},
        {
            "image_url": FACE,
            "prompt": "dance",
            "duration": "10",
            "mode": "pro",
            "cfg_scale": 1,
            "aspect_ratio": "16:9",
        },
        0.57,
        60,
    ),
    "wan-2.2-i2v-fast": (
        {"prompt": "dance", "image": FACE},
        {"num_frames": 81, "resolution": "480p", "go_fast": True},
        0.088,
        60,
    ),
    "wan-2.5-i2v": (
        {"prompt": "dance", "image": FACE},
        {"duration": "5", "resolution": "720p"},
        0.86,
        60,
    ),
    "wan-2.6-i2v": (
        {"prompt": "dance", "image": FACE},
        {
            "duration": 5,
            "resolution": "720p",
            "multi_shots": True,
            "negative_prompt": "blur",
            "enable_prompt_expansion": True,
            "audio": "https://example.org/a.mp3",
        },
        1.18,
        129.1,
    ),
    "wan2.7-i2v": (
        {"prompt": "dance"},
        {
            "image": FACE,
            "resolution": "720P",
            "duration": 15,
            "audio_url": "https://example.org/a.mp3",
            "negative_prompt": "blur",
        },
        0.625,
        137.7,
    ),
    "seedance-2.0": ({"prompt": "dance"}, SEEDANCE, 1.21, 163.1),
    "seedance-2.0-mini": (
        {"prompt": "dance"},
        SEEDANCE | {"reference_videos": [], "reference_audios": [], "skip_moderation": False},
        0.40,
        146.8,
    ),
    "seedance-2.0-fast": ({"prompt": "dance"}, SEEDANCE, 0.77, 86.7),
    "hailuo-2.3": (
        {"prompt": "dance"},
        {
            "first_frame_image": FACE,
            "resolution": "1080p",
            "duration": 10,
            "prompt_optimizer": True,
        },
        0.53,
        60,
    ),
    "hailuo-2.3-fast": (
        {"prompt": "dance", "first_frame_image": FACE},
        {"resolution": "768p", "duration": 6, "prompt_optimizer": False},
        0.39,
        113.3,
    ),
    "kling-o1-video-to-video-edit": (
        {"prompt": "dance", "video_url": DANCE},
        {"elements": [{"frontal_image_url": FACE}], "image_urls": [FACE], "keep_audio": True},
        1.28,
        223.4,
    ),
    "kling-o3-video2video-edit": (
        {"prompt": "dance", "video_url": DANCE},
        {"aspect_ratio": "16:9", "mode": "pro", "duration": "5", "keep_audio": True},
        2.31,
        210.2,
    ),
    "wan2.7-videoedit": ({"prompt": "dance", "video_url": DANCE}, {}, 0.625, 60),
    "live-portrait-video-to-video": (
        {"input_video": DANCE, "driving_video": DANCE},
        {
            "dsize": 512,
            "scale": 2.3,
            "driving_audio": False,
            "vx_ratio": 0,
            "vy_ratio": -0.125,
            "input_face_index": 0,
            "drive_face_index": 0,
            "crop_drive_face": False,
            "lip_zero": True,
            "lip_zero_threshold": 0.03,
            "eye_retargeting": False,
            "eyes_retargeting_multiplier": 1,
            "lip_retargeting": False,
            "lip_retargeting_multiplier": 1,
            "stitching": True,
            "relative": True,
            "mismatch_method": "cut",
            "video_frame_load_cap": 120,
            "base64": False,
        },
        0.279,
        74.6,
    ),
    "pixverse-lipsync": (
        {"video_url": DANCE, "audio_url": "https://example.org/a.mp3"},
        {},
        0.31,
        60,
    ),
}
REQUIRED = {
    "pixverse-mimic": {"video_url"},
    "kling-2.6-pro-motion-control": {"prompt"},
    "kling-2.6-standard-motion-control": {"prompt"},
    "wan-animate": {"input_video", "mode", "prompt"},
    "scail": {"input_video", "prompt", "reference_image"},
    "p-video-animate": {"image", "video"},
    "p-video-replace": set(),
    "pixverse-v6": {"prompt", "duration", "quality"},
    "pixverse-5-video": {"prompt", "duration", "motion_mode", "quality"},
    "pixverse-4.5-video": {"prompt", "duration", "motion_mode", "quality"},
    "pixverse-text2video": {"prompt", "aspect_ratio", "duration", "motion_mode"},
    "pixverse-image2video": {"image_url", "prompt", "duration", "motion_mode"},
    "pixverse-5-extend": {"video_url", "prompt", "duration", "motion_mode", "quality"},
    "pixverse-5-transition": {"first_frame_url", "last_frame_url", "duration", "motion_mode"},
    "kling-2.6": {"prompt"},
    "kling-3-pro-image2video": {"start_image_url"},
    "kling-3-standard-image2video": {"start_image_url"},
    "kling-2.5-turbo": set(),
    "wan-2.2-i2v-fast": {"prompt", "image"},
    "wan-2.5-i2v": {"prompt", "image"},
    "wan-2.6-i2v": {"prompt", "image"},
    "wan2.7-i2v": {"prompt"},
    "seedance-2.0": {"prompt"},
    "seedance-2.0-mini": {"prompt"},
    "seedance-2.0-fast": {"prompt"},
    "hailuo-2.3": {"prompt"},
    "hailuo-2.3-fast": {"prompt", "first_frame_image"},
    "kling-o1-video-to-video-edit": {"prompt", "video_url"},
    "kling-o3-video2video-edit": {"prompt", "video_url"},
    "wan2.7-videoedit": {"prompt", "video_url"},
    "live-portrait-video-to-video": {"input_video", "driving_video"},
    "pixverse-lipsync": {"video_url", "audio_url"},
}
UNDECLARED = [
    ("pixverse-mimic", {"quality": "1080p"}),
    ("kling-2.6-pro-motion-control", {"character_orientation": "left"}),
    ("wan-animate", {"mode": "animate"}),
    ("scail", {"resolution": "540p"}),
    ("pixverse-v6", {"quality": "480p"}),
    ("pixverse-v6", {"aspect_ratio": "5:4"}),
    ("pixverse-5-video", {"duration": 6}),
    ("pixverse-5-video", {"motion_mode": "fast"}),
    ("pixverse-4.5-video", {"motion_mode": "slow"}),
    ("pixverse-5-video", {"quality": "480p"}),
    ("pixverse-5-video", {"aspect_ratio": "21:9"}),
    ("pixverse-text2video", {"aspect_ratio": "2:3"}),
    ("pixverse-image2video", {"duration": 6}),
    ("pixverse-5-transition", {"duration": 10}),
    ("kling-3-pro-image2video", {"duration": "16"}),
    ("kling-3-pro-image2video", {"duration": 5}),
    ("kling-3-standard-image2video", {"aspect_ratio": "4:3"}),
    ("kling-2.5-turbo", {"duration": "6"}),
    ("seedance-2.0", {"resolution": "1080p"}),
    ("hailuo-2.3", {"duration": 5}),
    ("hailuo-2.3-fast", {"resolution": "720p"}),
    ("p-video-animate", {"resolution": "540p"}),
]
"""Values outside a declared list: the gateway says no before anything runs."""
NOTICED = [
    ("kling-2.6-pro-motion-control", {"image_url": None}, "image_url is Mandatory"),
    ("kling-2.6-pro-motion-control", {"video_url": None}, "video_url is Mandatory"),
    ("kling-2.6-standard-motion-control", {"keep_original_sound": "yes"}, "must be boolean"),
    ("wan-animate", {"reference_image": None}, "reference_image is Mandatory"),
    ("wan-animate", {"resolution": "large"}, "resolution is not valid"),
    ("wan-animate", {"seed": "seven"}, "seed must be integer"),
    ("scail", {"seed": True}, "seed must be integer"),
    ("scail", {"base64": 1}, "base64 must be boolean"),
    ("p-video-animate", {"image": [FACE]}, "image must be string"),
    ("p-video-replace", {"images": FACE}, "images must be list of strings"),
    ("p-video-replace", {"images": [5]}, "images must be list of strings"),
    ("p-video-replace", {"images": []}, "images is Mandatory"),
    ("pixverse-v6", {"duration": 16}, "between 1 and 15"),
    ("pixverse-v6", {"duration": 0}, "between 1 and 15"),
    ("pixverse-v6", {"duration": "5"}, "duration must be integer"),
    ("pixverse-5-video", {"quality": "1080p", "duration": 8}, "only available with duration 5"),
    ("pixverse-4.5-video", {"motion_mode": "fast", "duration": 8}, "only available with duration"),
    ("pixverse-image2video", {"quality": "best"}, "quality is not valid"),
    ("kling-2.6", {"duration": 10}, "duration must be string"),
    ("kling-3-pro-image2video", {"cfg_scale": 2}, "between 0 and 1"),
    ("kling-3-pro-image2video", {"elements": [FACE]}, "elements must be list of objects"),
    ("wan-2.5-i2v", {"duration": 5}, "duration must be string"),
    ("wan2.7-i2v", {"duration": 16}, "between 2 and 15"),
    ("seedance-2.0", {"duration": 3}, "between 4 and 15"),
    ("seedance-2.0", {"reference_images": [FACE] * 10}, "at most 9 items"),
    ("mock-inference", {"sleep": "long"}, "sleep must be number"),
]
"""Everything else reaches the model, and the run fails."""


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(apps=[SegmindSandbox]) as running:
        yield running


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[Client]:
    yield from talking(sandbox)


def buy(client: Client, slug: str, body: Mapping[str, Any]) -> str:
    answer = client.post(f"/v2/{slug}", json=body)
    assert answer.status_code == 200, answer.text
    name = answer.json()["request_id"]
    assert isinstance(name, str)
    return name


def film(client: Client, name: str) -> Clip:
    url = client.result(name).json()["output"]
    clip = probe(io.BytesIO(requests.get(url, timeout=PATIENCE).content))
    assert clip is not None
    assert clip.codec == "h264"
    return clip


@pytest.mark.parametrize("slug", MODELS)
def test_a_model_takes_its_fields_and_costs_its_average(
    sandbox: Sandbox, client: Client, slug: str
) -> None:
    least, further, cost, mean = MODELS[slug]
    names = [buy(client, slug, least), buy(client, slug, {**least, **further})]
    sandbox.advance(0.8 * mean)
    assert {client.status(name).json()["status"] for name in names} == {"PROCESSING"}
    sandbox.advance(0.4 * mean)
    for name in names:
        metrics = client.status(name).json()["metrics"]
        assert metrics["cost"] == cost
        assert metrics["total_time"] == pytest.approx(mean, rel=0.2)


@pytest.mark.parametrize("slug", MODELS)
def test_a_model_refuses_a_field_that_it_does_not_have(client: Client, slug: str) -> None:
    answer = client.post(f"/v2/{slug}", json={**MODELS[slug][0], "colour": "red"})
    assert (answer.status_code, answer.json()) == (406, {"error": "Invalid parameter: colour"})


@pytest.mark.parametrize("slug", MODELS)
def test_a_model_refuses_a_body_without_what_it_requires(
    sandbox: Sandbox, client: Client, slug: str
) -> None:
    least = MODELS[slug][0]
    refused = set()
    for name in least:
        without = {key: value for key, value in least.items() if key != name}
        answer = client.post(f"/v2/{slug}", json=without)
        if answer.status_code == 400:
            assert answer.json() == {"error": f"{name} is a required field"}
            refused.add(name)
        else:
            assert answer.status_code == 200, answer.text
    assert refused == REQUIRED[slug]
    assert account(sandbox)["charged"] == "0"


@pytest.mark.parametrize(("slug", "change"), UNDECLARED)
def test_a_value_outside_the_declared_ones_is_refused_before_the_run(
    sandbox: Sandbox, client: Client, slug: str, change: dict[str, Any]
) -> None:
    answer = client.post(f"/v2/{slug}", json={**MODELS[slug][0], **change})
    assert answer.status_code == 406
    assert f"Invalid value for {min(change)}" in answer.json()["error"]
    assert account(sandbox)["jobs"] == []


@pytest.mark.parametrize(("slug", "change", "says"), NOTICED)
def test_what_no_list_declares_fails_in_the_run_and_costs_nothing(
    sandbox: Sandbox, client: Client, slug: str, change: dict[str, Any], says: str
) -> None:
    body = {**MODELS[slug][0], **change} if slug in MODELS else change
    name = buy(client, slug, body)
    sandbox.advance(1)
    answer = client.status(name)
    assert (answer.status_code, answer.json()["status"]) == (422, "FAILED")
    assert says in answer.json()["error"]
    assert account(sandbox)["charged"] == "0"


def test_the_test_model_lasts_and_costs_what_it_is_told(sandbox: Sandbox, client: Client) -> None:
    name = buy(client, "mock-inference", {"sleep": 30, "credits": 0.25})
    sandbox.advance(29)
    assert client.status(name).json()["status"] == "PROCESSING"
    sandbox.advance(2)
    assert client.status(name).json()["metrics"]["cost"] == 0.25


@pytest.mark.parametrize(
    ("slug", "fields", "short_side"),
    [
        ("wan-animate", {"mode": "animation", "prompt": "x"}, 480),
        ("wan-animate", {"mode": "replace", "prompt": "x", "resolution": "720p"}, 720),
        ("scail", {"prompt": "x"}, 576),
        ("scail", {"prompt": "x", "resolution": "480p"}, 480),
    ],
)
def test_a_mimic_is_as_long_as_its_clip_and_as_large_as_its_resolution(
    sandbox: Sandbox, client: Client, slug: str, fields: dict[str, Any], short_side: int
) -> None:
    clip, picture = client.upload("video/mp4", CLIP), client.upload("image/png", PICTURE)
    name = buy(client, slug, {"input_video": clip, "reference_image": picture, **fields})
    sandbox.advance(600)
    made = film(client, name)
    assert made.width == short_side
    assert made.width < made.height, "framed like the picture"
    assert made.seconds == pytest.approx(1.5, abs=0.05)


def test_a_replacement_finds_the_picture_in_a_list(sandbox: Sandbox, client: Client) -> None:
    clip = client.upload("video/mp4", sample_clip(1.0, height=120))
    picture = client.upload("image/png", PICTURE)
    name = buy(client, "p-video-replace", {"video": clip, "images": [picture]})
    sandbox.advance(200)
    made = film(client, name)
    assert (made.width, made.seconds) == (720, pytest.approx(1.0, abs=0.05))


@pytest.mark.parametrize(
    ("quality", "ratio", "size"),
    [("360p", "16:9", (640, 360)), ("540p", "1:1", (540, 540)), ("720p", "2:3", (720, 1080))],
)
def test_a_video_is_as_long_large_and_wide_as_it_was_asked_for(
    sandbox: Sandbox, client: Client, quality: str, ratio: str, size: tuple[int, int]
) -> None:
    body = {"prompt": "x", "duration": 2, "quality": quality, "aspect_ratio": ratio}
    name = buy(client, "pixverse-v6", body)
    sandbox.advance(200)
    made = film(client, name)
    assert (made.width, made.height) == size
    assert made.seconds == pytest.approx(2, abs=0.05)


def test_a_fault_makes_each_run_report_another_cost(sandbox: Sandbox, client: Client) -> None:
    for usd in ("1.10", "1.30", "1.60"):
        sandbox.fault(f"cost:submit:usd={usd}")
    names = [buy(client, "scail", MODELS["scail"][0]) for _ in range(4)]
    sandbox.advance(600)
    told = [client.status(name).json()["metrics"]["cost"] for name in names]
    assert told == [1.1, 1.3, 1.6, 1.93]
    assert account(sandbox)["charged"] == "5.93"


def test_a_minute_holds_as_many_gateway_calls_as_the_account_s_rate(sandbox: Sandbox) -> None:
    sandbox.add_account("segmind", "SG_slow", balance=50, rpm=5)
    for client in talking(sandbox, "SG_slow"):
        name = buy(client, "scail", MODELS["scail"][0])
        assert [client.status(name).status_code for _ in range(4)] == [200] * 4
        sandbox.advance(30)
        refused = client.status(name)
        assert refused.status_code == 429
        assert "Retry-After" not in refused.headers
        assert refused.headers["x-rate-limit-reset-at-utc"].endswith("Z")
        # Files and history are other hosts' business.
        client.upload("image/png", PICTURE)
        assert client.get("/inference-request/request-history").status_code == 200
        sandbox.advance(31)
        assert [client.status(name).status_code for _ in range(6)] == [200] * 5 + [429]


def test_the_reset_header_names_the_end_of_the_oldest_call_s_minute(sandbox: Sandbox) -> None:
    sandbox.add_account("segmind", "SG_slow", balance=50, rpm=2)
    for client in talking(sandbox, "SG_slow"):
        name = buy(client, "scail", MODELS["scail"][0])
        sandbox.advance(20)
        assert client.status(name).status_code == 200
        reset = client.status(name).headers["x-rate-limit-reset-at-utc"]
        sandbox.advance(39)
        assert client.status(name).headers["x-rate-limit-reset-at-utc"] == reset
        sandbox.advance(1.5)
        assert client.status(name).status_code == 200


def test_without_a_rate_nothing_is_limited(client: Client) -> None:
    name = buy(client, "scail", MODELS["scail"][0])
    assert {client.status(name).status_code for _ in range(130)} == {200}


def test_a_film_is_kept_for_seven_days_from_its_end(sandbox: Sandbox, client: Client) -> None:
    name = buy(client, "mock-inference", {"sleep": 100})
    sandbox.advance(101)
    url = client.result(name).json()["output"]
    week = 7 * 86400
    sandbox.advance(week - 10)
    assert client.status(name).status_code == 404
    assert requests.get(url, timeout=PATIENCE).status_code == 200
    sandbox.advance(20)
    assert requests.get(url, timeout=PATIENCE).status_code == 404
    kept = client.get(f"/inference-request/request-history/{name}").json()
    assert (kept["model_status"], kept["generation_url"]) == ("COMPLETED", url)


@pytest.mark.parametrize("slug", ["scail", "pixverse-v6"])
def test_the_sdk_runs_further_models(slug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    segmind = pytest.importorskip("segmind")
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with Sandbox(apps=[SegmindSandbox], speed=1000, job_seconds=200) as sandbox:
        sdk = segmind.SegmindClient(
            api_key=sandbox.environment["SEGMIND_API_KEY"], base_url=f"{sandbox.url}/v1"
        )
        least, further, cost, _ = MODELS[slug]
        told = sdk.submit_async(slug, **least, **further).wait(timeout=PATIENCE, interval=0.02)
        assert (told["status"], told["metrics"]["cost"]) == ("COMPLETED", cost)
        with pytest.raises(segmind.SegmindError) as refused:
            sdk.submit_async(slug, **least, colour="red")
        assert (refused.value.status, refused.value.detail) == (406, "Invalid parameter: colour")
        sdk._client.close()
