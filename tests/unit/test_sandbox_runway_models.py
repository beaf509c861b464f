"""Every model that Runway's sandbox runs: fields, bounds and prices, by hand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sandbox_runway_support import Client, talking

from motionkit.sandbox import Sandbox, sample_clip
from motionkit_runway.sandbox import RunwaySandbox
from motionkit_runway.sandbox.models import ENDPOINTS, public_names

IMAGE, VIDEO = "https://media.example/hero.png", "https://media.example/dance.mp4"
SOUND = "https://media.example/voice.mp3"
SAMPLES: dict[str, Any] = {
    "promptText": "She waves.",
    "promptImage": IMAGE,
    "promptVideo": VIDEO,
    "videoUri": VIDEO,
    "duration": 5,
    "targetFramerate": "60",
    "character": {"type": "image", "uri": IMAGE},
    "reference": {"type": "video", "uri": VIDEO},
    "avatar": {"type": "runway-preset", "presetId": "influencer"},
    "speech": {"type": "text", "text": "Good morning to everybody."},
    "newProductImages": [{"uri": IMAGE, "view": "front"}],
    "originalProductImage": {"uri": IMAGE},
    "referenceVideo": {"uri": VIDEO},
}
ROWS = [(endpoint, name) for endpoint, (_, models) in ENDPOINTS.items() for name in models]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(apps=[RunwaySandbox], job_seconds=10) as running:
        yield running


@pytest.fixture(scope="module")
def client(sandbox: Sandbox) -> Iterator[Client]:
    sandbox.add_account("runway", "key_rich", balance=10_000_000)
    yield from talking(sandbox, "key_rich")


def least(endpoint: str, name: str) -> dict[str, Any]:
    """Return a body with the required fields alone."""
    key, models = ENDPOINTS[endpoint]
    body: dict[str, Any] = {key: name}
    for field, known in models[name].fields.items():
        if known.required:
            body[field] = SAMPLES.get(field, "1280:720")
    if name.startswith("kling"):
        body["promptText"] = "She waves."
        if "ratio" in body:
            tier = name.rpartition("_")[2]
            body["ratio"] = {"4k": "3840:2160", "pro": "1920:1080"}.get(tier, "1280:720")
    return body


@pytest.mark.parametrize(("endpoint", "name"), ROWS)
def test_every_model_runs_with_its_required_fields_and_needs_each_of_them(
    sandbox: Sandbox, client: Client, endpoint: str, name: str
) -> None:
    body = least(endpoint, name)
    accepted = client.post(f"/{endpoint}", json=body)
    assert accepted.status_code == 200, accepted.text
    held = accepted.json()["estimatedCost"]["credits"]
    sandbox.advance(11)
    done = client.task(accepted.json()["id"])
    assert done["status"] == "SUCCEEDED"
    assert 0 < done["cost"]["credits"] <= held
    for field, known in ENDPOINTS[endpoint][1][name].fields.items():
        if known.required:
            lacking = {key: value for key, value in body.items() if key != field}
            refused = client.post(f"/{endpoint}", json=lacking)
            assert refused.status_code == 400
            assert [field] in [issue["path"] for issue in refused.json()["issues"]]


@pytest.mark.parametrize(("endpoint", "name"), ROWS)
def test_every_model_refuses_an_unknown_field_and_names_it(
    client: Client, endpoint: str, name: str
) -> None:
    refused = client.post(f"/{endpoint}", json={**least(endpoint, name), "seeed": 1})
    assert refused.status_code == 400
    assert refused.json()["issues"][0]["keys"] == ["seeed"]


@pytest.mark.parametrize("name", ["gen3a_turbo", "gen4_aleph", "upscale_v1", None, 7, ["act_two"]])
def test_a_model_that_is_gone_or_of_another_endpoint_is_a_400(client: Client, name: Any) -> None:
    for endpoint in ("image_to_video", "video_to_video", "character_performance"):
        refused = client.post(f"/{endpoint}", json={"model": name})
        assert refused.status_code == 400
        assert refused.json()["issues"][0]["path"] == ["model"]


PRICES: list[tuple[str, dict[str, Any], float]] = [
    ("character_performance", {"model": "act_two"}, 25),
    ("image_to_video", {"model": "gen4.5", "duration": 2}, 24),
    ("image_to_video", {"model": "gen4.5", "duration": 2, "outputFormat": "prores"}, 34),
    ("image_to_video", {"model": "gen4.5", "duration": 2, "outputFormat": "hdr10"}, 64),
    ("image_to_video", {"model": "gen4_turbo"}, 50),
    ("image_to_video", {"model": "gen4_turbo", "duration": 3}, 15),
    ("text_to_video", {"model": "veo3.1"}, 320),
    ("text_to_video", {"model": "veo3.1", "duration": 4, "audio": False}, 80),
    ("text_to_video", {"model": "veo3.1_fast", "duration": 4}, 60),
    ("text_to_video", {"model": "veo3.1_fast", "duration": 4, "audio": False}, 40),
    ("video_to_video", {"model": "aleph2", "promptText": "Snow."}, 140),
    ("video_to_video", {"model": "aleph2", "outputFormat": "prores"}, 165),
    ("text_to_video", {"model": "seedance2", "duration": 4}, 144),
    ("text_to_video", {"model": "seedance2", "duration": 4, "ratio": "1920:1080"}, 160),
    ("text_to_video", {"model": "seedance2", "duration": 4, "ratio": "3840:2160"}, 600),
    ("text_to_video", {"model": "seedance2_fast", "duration": "auto"}, 435),
    ("text_to_video", {"model": "seedance2_mini", "duration": 4}, 64),
    ("text_to_video", {"model": "seedance2_mini", "duration": 10}, 160),
    ("text_to_video", {"model": "seedance2_5", "duration": 5, "promptText": "x"}, 150),
    ("text_to_video", {"model": "seedance2_5", "duration": 5, "ratio": "1920:1080"}, 340),
    ("text_to_video", {"model": "seedance2_5", "duration": 4, "ratio": "854:480"}, 80),
    ("text_to_video", {"model": "seedance2_5", "duration": 5, "draft": True}, 100),
    ("image_to_video", {"model": "hailuo3"}, 52),
    ("text_to_video", {"model": "hailuo3", "resolution": "2K", "duration": 6}, 90),
    ("text_to_video", {"model": "happyhorse_1_0"}, 75),
    ("image_to_video", {"model": "happyhorse_1_0", "resolution": "1080P"}, 150),
    ("text_to_video", {"model": "gemini_omni_flash", "duration": 3}, 30),
    ("image_to_video", {"model": "gemini_omni_flash", "duration": 3}, 31),
    ("video_to_video", {"model": "gemini_omni_flash"}, 55),
    ("text_to_video", {"model": "grok_imagine_1_5", "resolution": "480p"}, 50),
    ("image_to_video", {"model": "grok_imagine_1_5"}, 81),
    ("text_to_video", {"model": "grok_imagine_1_5", "resolution": "1080p"}, 145),
    ("text_to_video", {"model": "kling3.0_pro"}, 85),
    ("video_upscale", {"model": "magnific_video_upscaler_creative"}, 135),
    ("video_upscale", {"model": "magnific_video_upscaler_creative", "resolution": "4k"}, 180),
    ("video_upscale", {"model": "magnific_video_upscaler_creative", "fpsBoost": True}, 270),
    ("video_to_hdr", {"model": "ruby"}, 100),
    ("recipes/product_swap", {"version": "2026-06", "duration": 4}, 212),
    ("recipes/product_swap", {"version": "2026-06"}, 212 + 6 * 36),
    ("recipes/product_swap", {"version": "unsafe-latest", "resolution": "1080p"}, 228 + 6 * 40),
]


@pytest.mark.parametrize(("endpoint", "body", "held"), PRICES)
def test_the_price_is_the_one_on_record(
    client: Client, endpoint: str, body: dict[str, Any], held: float
) -> None:
    """Media at other hosts count as five seconds."""
    name = body[ENDPOINTS[endpoint][0]]
    accepted = client.post(f"/{endpoint}", json={**least(endpoint, name), **body})
    assert accepted.json()["estimatedCost"] == {"credits": held}, accepted.text


def test_input_seconds_cost_half_at_seedance_2_5(client: Client) -> None:
    clip = client.upload("dance.mp4", sample_clip(4.0, height=120))
    body = {"model": "seedance2_5", "promptVideo": clip, "duration": 4, "ratio": "1280:720"}
    accepted = client.post("/video_to_video", json=body).json()
    assert accepted["estimatedCost"] == {"credits": 30 * (4 + 2)}


def test_an_upscale_is_counted_by_the_frames_of_its_clip(client: Client) -> None:
    clip = client.upload("dance.mp4", sample_clip(2.0, height=120, fps=12))
    body = {"model": "magnific_video_upscaler_creative", "videoUri": clip, "resolution": "720p"}
    accepted = client.post("/video_upscale", json=body).json()
    assert accepted["estimatedCost"]["credits"] == 17  # 24 frames at 0.7, the sum rounded up


FAULTY: list[tuple[str, dict[str, Any], list[str | int], str]] = [
    ("character_performance", {"expressionIntensity": 0}, ["expressionIntensity"], "too_small"),
    ("character_performance", {"expressionIntensity": 6}, ["expressionIntensity"], "too_big"),
    (
        "character_performance",
        {"expressionIntensity": 2.5},
        ["expressionIntensity"],
        "invalid_type",
    ),
    ("character_performance", {"ratio": "1920:1080"}, ["ratio"], "invalid_enum_value"),
    ("character_performance", {"seed": 2**32}, ["seed"], "too_big"),
    ("character_performance", {"seed": -1}, ["seed"], "too_small"),
    ("character_performance", {"seed": True}, ["seed"], "invalid_type"),
    ("character_performance", {"bodyControl": "yes"}, ["bodyControl"], "invalid_type"),
    ("character_performance", {"character": IMAGE}, ["character"], "invalid_type"),
    (
        "character_performance",
        {"character": {"type": "audio", "uri": IMAGE}},
        ["character", "type"],
        "invalid_union_discriminator",
    ),
    (
        "character_performance",
        {"reference": {"type": "image", "uri": IMAGE}},
        ["reference", "type"],
        "invalid_enum_value",
    ),
    (
        "character_performance",
        {"contentModeration": {"publicFigureThreshold": "high"}},
        ["contentModeration", "publicFigureThreshold"],
        "invalid_enum_value",
    ),
    ("image_to_video", {"duration": 1}, ["duration"], "too_small"),
    ("image_to_video", {"duration": 11}, ["duration"], "too_big"),
    ("image_to_video", {"duration": "5"}, ["duration"], "invalid_type"),
    ("image_to_video", {"promptText": ""}, ["promptText"], "too_small"),
    ("image_to_video", {"promptText": "x" * 1001}, ["promptText"], "too_big"),
    ("image_to_video", {"promptText": "\N{CAT FACE}" * 501}, ["promptText"], "too_big"),
    ("image_to_video", {"ratio": "16:9"}, ["ratio"], "invalid_enum_value"),
    (
        "image_to_video",
        {"promptImage": [{"uri": IMAGE, "position": "last"}]},
        ["promptImage", 0, "position"],
        "invalid_enum_value",
    ),
    (
        "image_to_video",
        {"promptImage": [{"uri": IMAGE, "position": "first"}] * 2},
        ["promptImage"],
        "too_big",
    ),
]
FIRST = {"character_performance": "act_two", "image_to_video": "gen4.5"}


@pytest.mark.parametrize(("endpoint", "fields", "path", "code"), FAULTY)
def test_a_wrong_value_is_named_with_its_path_and_code(
    client: Client, endpoint: str, fields: dict[str, Any], path: list[str | int], code: str
) -> None:
    refused = client.post(f"/{endpoint}", json={**least(endpoint, FIRST[endpoint]), **fields})
    assert refused.status_code == 400
    told = refused.json()
    assert set(told) == {"error", "issues", "docUrl"}
    assert [(issue["path"], issue["code"]) for issue in told["issues"]] == [(path, code)]


def test_a_prompt_counts_utf_16_units(client: Client) -> None:
    body = {**least("image_to_video", "gen4.5"), "promptText": "\N{CAT FACE}" * 500}
    assert client.post("/image_to_video", json=body).status_code == 200


def test_a_first_and_a_last_frame_make_a_transition(client: Client) -> None:
    frames = [{"uri": IMAGE, "position": "first"}, {"uri": IMAGE, "position": "last"}]
    for name in ("veo3.1", "kling3.0_pro", "kling_4", "seedance2", "h3_max"):
        body = {**least("image_to_video", name), "promptImage": frames}
        assert client.post("/image_to_video", json=body).status_code == 200


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"mode": "edit", "duration": 5, "promptText": "Snow."}, "duration"),
        ({"mode": "edit", "duration": "auto"}, "promptText"),
        (
            {"mode": "edit", "duration": "auto", "promptText": "Snow.", "ratio": "1280:720"},
            "ratio",
        ),
    ],
)
def test_an_edit_by_seedance_needs_auto_and_a_prompt_and_takes_no_ratio(
    client: Client, fields: dict[str, Any], path: str
) -> None:
    body = {**least("video_to_video", "seedance2_5"), **fields}
    refused = client.post("/video_to_video", json=body)
    assert refused.status_code == 400
    assert [issue["path"] for issue in refused.json()["issues"]] == [[path]]
    body = {**body, "duration": "auto", "promptText": "Snow."}
    body.pop("ratio", None)
    assert client.post("/video_to_video", json=body).status_code == 200


def test_a_kling_model_needs_a_prompt_or_shots(client: Client) -> None:
    body: dict[str, Any] = {"model": "kling3.0_pro", "ratio": "1920:1080"}
    assert client.post("/text_to_video", json=body).status_code == 400
    shots = {"multiPrompt": [{"prompt": "She waves.", "duration": 3}]}
    body["providerSettings"] = shots
    assert client.post("/text_to_video", json=body).status_code == 200


@pytest.mark.parametrize(
    "speech",
    [
        {"type": "audio", "audio": SOUND},
        {"type": "text", "text": "Hi.", "voice": {"type": "preset", "presetId": "clara"}},
        {"type": "text", "text": "Hi.", "voice": {"type": "custom", "id": "voice-1"}},
    ],
)
def test_an_avatar_speaks_a_text_or_a_recording(client: Client, speech: dict[str, Any]) -> None:
    body = {**least("avatar_videos", "gwm1_avatars"), "speech": speech}
    accepted = client.post("/avatar_videos", json=body)
    assert accepted.status_code == 200, accepted.text


def test_every_public_name_has_limits(client: Client) -> None:
    told = client.organization()
    assert sorted(told["tier"]["models"]) == public_names()
    assert "product_swap" in told["tier"]["models"]
