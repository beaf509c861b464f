"""What PixVerse's sandbox refuses, field by field; the codes are literals from the contract."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import av
import pytest
from sandbox_bodies import PATHS, REFERENCES, SPEAK, STEPS
from sandbox_support import CLIP, Client, Stage


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with Stage() as made:
        made.ask("/audio/verification", {"audio_media_id": "$song"})
        yield made


# What leaves out one field, and what spoils one, for each endpoint.
MISSING = {
    "text": ("prompt", "model", "aspect_ratio", "duration", "quality"),
    "img": ("prompt", "model", "duration", "quality"),
    "transition": ("prompt", "model", "duration", "quality", "first_frame_img", "last_frame_img"),
    "multi": ("multi_transition", "model", "quality"),
    "extend": ("prompt", "seed", "quality", "duration", "model"),
    "say": ("lip_sync_tts_speaker_id", "lip_sync_tts_content"),
    "fusion": ("prompt", "image_references", "model", "duration", "quality", "aspect_ratio"),
    "swap": ("keyframe_id", "mask_id", "img_id", "quality"),
    "mimic": ("img_id", "quality"),
    "modify": ("prompt", "quality"),
    "avatar": ("img_id", "quality"),
    "viral": ("agent_id", "prompt", "img_references", "video_references"),
    "estate": ("agent_id", "model"),
    "music": ("mv_agent_type", "audio_media_id", "aspect_ratio", "quality"),
    "picture": ("img_ids", "template_id"),
}


@pytest.mark.parametrize(
    ("name", "field"), [(name, field) for name, fields in MISSING.items() for field in fields]
)
def test_what_a_request_needs_may_not_be_missing(stage: Stage, name: str, field: str) -> None:
    path, body = PATHS[name]
    assert stage.refused(path, {**body, field: None}) == 400011


REFUSED: list[tuple[str, dict[str, Any], int]] = [
    ("text", {"duration": "5"}, 400013),
    ("text", {"prompt": 5}, 400013),
    ("text", {"seed": True}, 400013),
    ("text", {"generate_audio_switch": "true"}, 400013),
    ("text", {"model": "v7"}, 400017),
    ("text", {"aspect_ratio": "2:3"}, 400017),  # v6 and c1 alone
    ("text", {"model": "c1", "aspect_ratio": "5:4"}, 400017),
    ("text", {"quality": "720P"}, 400017),
    ("text", {"duration": 10}, 400017),
    ("text", {"model": "v6", "duration": 16}, 400017),
    ("text", {"model": "v6", "duration": 0}, 400017),
    ("text", {"model": "v5.6", "duration": 10, "quality": "1080p"}, 400017),
    ("text", {"model": "v3.5", "duration": 8, "quality": "1080p"}, 400017),
    ("text", {"model": "v4.5", "duration": 8, "quality": "1080p"}, 400017),  # no price is listed
    ("text", {"motion_mode": "slow"}, 400017),
    ("text", {"motion_mode": "fast"}, 400017),  # not from v5 on
    ("text", {"model": "v4.5", "motion_mode": "fast", "duration": 8}, 400017),
    ("text", {"model": "v4.5", "motion_mode": "fast", "quality": "1080p"}, 400017),
    ("text", {"style": "clay"}, 400017),
    ("text", {"model": "v3.5", "style": "day"}, 400017),
    ("text", {"camera_movement": "zoom_in"}, 400017),
    ("text", {"model": "v4", "camera_movement": "spin"}, 400017),
    (
        "text",
        {"model": "v4", "camera_movement": "zoom_in", "template_id": 377378608924544},
        400017,
    ),
    ("text", {"generate_audio_switch": True}, 400017),
    ("text", {"generate_multi_clip_switch": True}, 400017),
    ("text", {"model": "v5.5", "thinking_type": "deep"}, 400017),
    ("text", {"thinking_type": "auto"}, 400017),
    ("text", {"model": "v6", "sound_effect_switch": True}, 400017),
    ("text", {"lip_sync_switch": True}, 400011),
    ("text", {"lip_sync_switch": True, **SPEAK, "lip_sync_tts_speaker_id": "99"}, 400017),
    ("text", {"lip_sync_switch": True, **SPEAK, "lip_sync_tts_content": "x" * 201}, 400017),
    ("text", {"seed": -1}, 400017),
    ("text", {"seed": 2147483648}, 400017),
    ("text", {"prompt": "p" * 5001}, 400018),
    ("text", {"negative_prompt": "p" * 2049}, 400019),
    ("text", {"webhook_id": "nobody"}, 400017),
    ("img", {"img_id": None}, 400017),
    ("img", {"img_id": 5}, 400032),
    ("img", {"img_id": "5"}, 400013),
    ("img", {"img_id": "$clip"}, 400032),
    ("img", {"img_ids": ["$img"]}, 400017),
    ("img", {"img_id": None, "img_ids": ["$img"]}, 400017),  # without a template
    ("effect", {"template_id": 384268229671681}, 500070),
    ("effect", {"template_id": 5}, 500070),
    ("effect", {"template_id": 384268229671680, "quality": "720p"}, 500071),
    ("effect", {"template_id": 384268229671680, "quality": "1080p"}, 500071),
    ("effect", {"template_id": 302325299692608}, 400017),  # takes two pictures
    ("effect", {"template_id": 384268229671690}, 400017),  # makes pictures
    ("effect", {"prompt": "p" * 2049}, 400018),
    ("effect of two", {"img_ids": ["$img", 5]}, 400032),
    ("effect of two", {"img_ids": ["$img", "5"]}, 400013),
    ("effect of two", {"img_ids": "$img"}, 400013),
    ("transition", {"first_frame_img": 5}, 400032),
    ("transition", {"last_frame_img": 5}, 400032),
    ("transition", {"last_frame_img": "5"}, 400013),
    ("multi", {"model": "v5.5"}, 400017),
    ("multi", {"multi_transition": STEPS[:1]}, 400017),
    ("multi", {"multi_transition": [*STEPS[:1] * 7, STEPS[1]]}, 400017),
    ("multi", {"multi_transition": [{"img_id": "$img"}, STEPS[1]]}, 400011),
    ("multi", {"multi_transition": [{"duration": 5}, STEPS[1]]}, 400011),
    ("multi", {"multi_transition": [{"img_id": 5, "duration": 5}, STEPS[1]]}, 400032),
    ("multi", {"multi_transition": [{"img_id": "$img", "duration": 31}, STEPS[1]]}, 400017),
    ("multi", {"multi_transition": [{"img_id": "$img", "duration": 0}, STEPS[1]]}, 400017),
    ("multi", {"multi_transition": ["$img", "$img2"]}, 400013),
    ("extend", {"seed": "1"}, 400013),
    ("extend", {"source_video_id": None}, 400017),
    ("extend", {"video_media_id": "$clip"}, 400017),
    ("extend", {"source_video_id": 5}, 500008),
    ("extend", {"source_video_id": "$running"}, 400017),
    ("extend", {"source_video_id": None, "video_media_id": "$sound"}, 400017),
    ("extend", {"model": "v5.6"}, 400017),
    ("extend", {"model": "c1"}, 400017),
    ("extend", {"prompt": "p" * 2049}, 400018),
    ("lip sync", {"audio_media_id": None}, 400017),
    ("lip sync", SPEAK, 400017),
    ("lip sync", {"audio_media_id": 5}, 500008),
    ("lip sync", {"audio_media_id": "$clip"}, 400017),
    ("lip sync", {"source_video_id": "$video"}, 400017),
    ("say", {"lip_sync_tts_speaker_id": 7}, 400013),
    ("say", {"lip_sync_tts_speaker_id": "Nobody"}, 400017),
    ("fusion", {"model": "v4"}, 400017),
    ("fusion", {"prompt": "a dog in @old town"}, 400017),
    ("fusion", {"prompt": "@dogs in @old town"}, 400017),  # a space or comma must follow
    ("fusion", {"prompt": "@dog in @old town with @cat"}, 400017),
    ("fusion", {"image_references": [*REFERENCES, REFERENCES[0]]}, 400017),
    ("fusion", {"image_references": [{**REFERENCES[0], "ref_name": "d" * 31}]}, 400017),
    ("fusion", {"image_references": [{**REFERENCES[0], "ref_name": "dög"}]}, 400017),
    ("fusion", {"image_references": [{**REFERENCES[0], "type": "person"}]}, 400017),
    ("fusion", {"image_references": [{**REFERENCES[0], "img_id": 5}, REFERENCES[1]]}, 400032),
    ("fusion", {"image_references": [{**REFERENCES[0], "ref_name": None}]}, 400011),
    ("fusion", {"model": "v5.5", "generate_audio_switch": True}, 400017),
    ("fusion", {"reference_mode": "omni"}, 400017),
    ("fusion", {"model": "v6", "reference_mode": "omni", "video_references": [{}]}, 400017),
    ("restyle", {"restyle_prompt": None}, 400017),
    ("restyle", {"restyle_id": 372000000000001}, 400017),
    ("restyle", {"restyle_prompt": None, "restyle_id": 5}, 400017),
    ("restyle", {"video_media_id": 5}, 500008),
    ("select", {"video_media_id": None}, 400017),
    ("select", {"video_media_id": 5}, 500008),
    ("select", {"keyframe_id": 19}, 400017),  # the clip has 18 frames
    ("select", {"keyframe_id": -1}, 400017),
    ("select", {"keyframe_id": "1"}, 400013),
    ("swap", {"quality": "1080p"}, 400017),
    ("swap", {"mask_id": "5"}, 500008),
    ("swap", {"mask_id": 5}, 400013),
    ("swap", {"keyframe_id": 2}, 400017),
    ("swap", {"video_media_id": "$other"}, 400017),
    ("swap", {"img_id": 5}, 400032),
    ("sound", {"video_media_id": None}, 400017),
    ("sound", {"original_sound_switch": 1}, 400013),
    ("sound", {"sound_effect_content": "p" * 2049}, 400018),
    ("mimic", {"video_media_id": "$sound"}, 400017),
    ("modify", {"quality": "1080p"}, 400017),
    ("modify", {"source_video_id": "$video"}, 400017),
    ("modify", {"img_ids": []}, 400017),
    ("modify", {"img_ids": [5]}, 400032),
    ("modify", {"mask_ids": []}, 400017),
    ("modify", {"mask_ids": [5]}, 400013),
    ("modify", {"mask_ids": ["5"]}, 500008),
    ("modify", {"mask_ids": ["$mask"], "video_media_id": "$other"}, 400017),
    ("modify", {"mask_ids": ["$mask"], "keyframe_id": 2}, 400017),
    ("modify", {"mask_ids": ["$mask"] * 4}, 400017),
    ("modify", {"mask_ids": ["$mask"], "mask_urls": ["https://example.org/m.png"]}, 400017),
    ("modify", {"mask_urls": ["/m.png"]}, 400017),
    ("modify", {"prompt": "p" * 5001}, 400018),
    ("upscale", {"video_media_id": None}, 400017),
    ("upscale", {"source_video_id": "$video"}, 400017),
    ("avatar", {"audio_media_id": None}, 400017),
    ("avatar", SPEAK, 400017),
    ("avatar", {"img_id": 5}, 400032),
    ("viral", {"agent_id": 5}, 400017),
    ("viral", {"quality": "540p"}, 400017),
    ("viral", {"img_references": [{"img_id": "$img"}] * 6}, 400017),
    ("viral", {"img_references": [{}]}, 400017),
    ("viral", {"img_references": [{"img_id": 5}]}, 400032),
    ("viral", {"video_references": [{}, {}]}, 400017),
    ("estate", {"model": "slow"}, 400017),
    ("estate", {"product_url": None}, 400017),
    ("estate", {"prompt": "a house"}, 400017),
    ("estate", {"mode": "property_tour"}, 400017),  # pro alone
    ("estate", {"product_url": None, "img_references": [{"img_id": "$img"}] * 4}, 400017),
    ("estate", {"language_code": "de-DE"}, 400017),
    ("music", {"mv_agent_type": "opera"}, 400017),
    ("music", {"quality": "540p"}, 400017),
    ("music", {"audio_media_id": "5"}, 400013),
    ("music", {"audio_media_id": "$clip"}, 400017),
    ("music", {"lyric_text": "l" * 5000}, 400080),
    ("picture", {"img_ids": [5]}, 400032),
    ("picture", {"template_id": 377378608924544}, 400017),  # makes videos
    ("picture", {"template_id": 5}, 500070),
    ("picture", {"img_ids": ["$img", "$img2"]}, 400017),
]


@pytest.mark.parametrize(
    ("name", "change", "code"),
    REFUSED,
    ids=lambda told: ",".join(told) if isinstance(told, dict) else str(told),
)
def test_what_the_vendor_does_not_take_is_refused_and_free(
    stage: Stage, name: str, change: dict[str, Any], code: int
) -> None:
    path, body = PATHS[name]
    assert stage.refused(path, {**body, **change}) == code


def test_masks_need_a_clip_in_h264_or_h265(stage: Stage) -> None:
    with NamedTemporaryFile(suffix=".mp4") as file:
        with av.open(file.name, "w") as container:
            stream = container.add_stream("mpeg4", rate=10)
            stream.width = stream.height = 64
            stream.pix_fmt = "yuv420p"
            for _ in range(10):
                container.mux(stream.encode(av.VideoFrame(64, 64, "yuv420p")))
            container.mux(stream.encode(None))
        content = Path(file.name).read_bytes()
    number = stage.upload("file", content, "old.mp4").json()["Resp"]["media_id"]
    path, body = PATHS["select"]
    assert stage.refused(path, {**body, "video_media_id": number}) == 400017
    stage.ask("/video/upscale/generate", {"video_media_id": number})


def test_masks_that_fail_moderation_are_refused_at_once(stage: Stage) -> None:
    stage.sandbox.fault("moderate:submit")
    assert stage.refused(*PATHS["select"]) == 500063
    stage.ask(*PATHS["select"])


def test_what_belongs_to_another_account_is_out_of_reach(stage: Stage) -> None:
    voice = stage.ask("/video/tts_speaker", {"name": "Me", "audio_media_id": "$sound"})
    stage.ids["$voice"] = voice["speaker_id"]
    stage.sandbox.add_account("pixverse", "other", balance=1000)
    asked = [
        ("img", {}, 400032),
        ("upscale", {}, 701009),
        ("extend", {}, 701009),
        ("avatar", {}, 701009),
        ("avatar", {"audio_media_id": None, **SPEAK, "lip_sync_tts_speaker_id": "$voice"}, 400017),
    ]
    with Client(stage.sandbox, "other") as other:
        for name, change, code in asked:
            path, body = PATHS[name]
            told = other.post(path, json=stage.fill({**body, **change})).json()
            assert (name, told["ErrCode"]) == (name, code)
        clip = other.upload("file", CLIP).json()["Resp"]["media_id"]
        body = {"video_media_id": clip, "prompt": "red", "mask_ids": ["$mask"], "quality": "540p"}
        told = other.post("/video/modify/generate", json=stage.fill(body)).json()
        assert told["ErrCode"] == 500008


def references(count: int) -> dict[str, Any]:
    names = [f"r{number}" for number in range(count)]
    rows = [{"type": "subject", "img_id": "$img", "ref_name": name} for name in names]
    return {"prompt": " ".join(f"@{name}" for name in names), "image_references": rows}


HERO = {"img_id": "$img"}
PAGE = {"product_url": None}
WIDE = {"model": "v6", "reference_mode": "omni"}


@pytest.mark.parametrize(
    ("name", "change", "most", "make"),
    [
        ("fusion", {"model": "v4.5"}, 3, references),
        ("fusion", {"model": "v5"}, 3, references),
        ("fusion", {"model": "v5.5"}, 7, references),
        ("fusion", {"model": "v5.6"}, 7, references),
        ("fusion", {"model": "c1"}, 7, references),
        ("fusion", {"model": "v6"}, 7, references),
        ("fusion", WIDE, 10, references),
        ("estate", {**PAGE, "model": "fast"}, 20, lambda n: {"img_references": [HERO] * n}),
        ("estate", {**PAGE, "model": "pro"}, 60, lambda n: {"img_references": [HERO] * n}),
        ("viral", {}, 5, lambda n: {"img_references": [HERO] * n}),
        ("say", {}, 200, lambda n: {"lip_sync_tts_content": "s" * n}),
        ("modify", {}, 3, lambda n: {"mask_ids": ["$mask"] * n}),
        ("multi", {}, 7, lambda n: {"multi_transition": [{**HERO, "duration": 1}] * n}),
    ],
)
def test_as_much_as_is_allowed_passes_and_one_more_does_not(
    stage: Stage,
    name: str,
    change: dict[str, Any],
    most: int,
    make: Callable[[int], dict[str, Any]],
) -> None:
    path, body = PATHS[name]
    stage.ask(path, {**body, **change, **make(most)})
    assert stage.refused(path, {**body, **change, **make(most + 1)}) == 400017


CAMERAS = (
    *("horizontal_left", "horizontal_right", "vertical_up", "vertical_down", "zoom_in"),
    *("zoom_out", "auto_camera", "crane_up", "quickly_zoom_in", "quickly_zoom_out"),
    *("smooth_zoom_in", "camera_rotation", "robo_arm", "super_dolly_out", "whip_pan"),
    *("hitchcock", "left_follow", "right_follow", "pan_left", "pan_right", "fix_bg"),
)


@pytest.mark.parametrize(
    ("field", "models", "words"),
    [
        ("camera_movement", ("v4", "v4.5"), CAMERAS),
        ("style", ("v3.5",), ("anime", "3d_animation", "clay", "comic", "cyberpunk")),
        ("thinking_type", ("v5.5", "v5.6", "v6"), ("enabled", "disabled", "auto")),
        ("generate_audio_switch", ("v5.5", "v5.6", "v6", "c1"), (True,)),
        ("generate_multi_clip_switch", ("v5.5", "v5.6", "v6"), (True,)),
        ("sound_effect_switch", ("v3.5", "v4", "v4.5", "v5"), (True,)),
        ("motion_mode", ("v3.5", "v4", "v4.5"), ("fast",)),
    ],
)
def test_a_switch_is_for_its_models_alone(
    stage: Stage, field: str, models: tuple[str, ...], words: tuple[object, ...]
) -> None:
    path, body = PATHS["text"]
    for model in ("v3.5", "v4", "v4.5", "v5", "v5.5", "v5.6", "v6", "c1"):
        for word in words if model in models else words[:1]:
            asked = {**body, "model": model, field: word}
            if model in models:
                stage.ask(path, asked)
            else:
                assert stage.refused(path, asked) == 400017
