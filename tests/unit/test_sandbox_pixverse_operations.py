"""Every paid operation of PixVerse in the sandbox: its price, its answer, its file.

The tables restate the contract; expected codes and credits are literals.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from patience import PATIENCE
from sandbox_bodies import EXTEND, PATHS, SPEAK, TEXT
from sandbox_support import Stage

from motionkit.sandbox.media import probe


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with Stage() as made:
        made.ask("/audio/verification", {"audio_media_id": "$song"})
        yield made


@pytest.mark.parametrize(
    ("name", "credits_", "told", "kind"),
    [
        ("text", 45, {"credits"}, "text_to_video"),
        ("img", 45, {"credits"}, "image_to_video"),
        ("effect", 45, {"credits"}, "image_to_video"),
        ("effect of two", 45, {"credits"}, "image_to_video"),
        ("transition", 45, {"credits"}, "transition"),
        ("multi", 10, {"credits"}, "multi_transition"),  # assumed
        ("extend", 25, set(), "extend"),
        ("lip sync", 12, {"credits"}, "lip_sync"),  # 2.5 s count as 3
        ("say", 8, {"credits"}, "lip_sync"),  # 23 bytes start the second fifteen
        ("fusion", 45, {"credits"}, "fusion"),
        ("restyle", 20, {"credits"}, "restyle"),  # 1.5 s count as 2, here and below
        ("swap", 10, {"credits"}, "swap"),  # assumed
        ("sound", 4, set(), "sound_effect"),
        ("mimic", 20, {"credit"}, "mimic"),
        ("modify", 20, {"credit"}, "modify"),
        ("upscale", 10, set(), "upscale"),
        ("avatar", 10, set(), "avatar"),  # assumed
        ("viral", 10, set(), "agent"),  # assumed
        ("estate", 10, set(), "agent"),  # assumed
        ("music", 293, set(), "agent"),  # 13 x 22.5
        ("picture", 10, {"credits"}, "image_to_image"),  # assumed
    ],
)
def test_a_good_request_is_accepted_at_its_price(
    stage: Stage, name: str, credits_: int, told: set[str], kind: str
) -> None:
    path, body = PATHS[name]
    before = int(stage.account()["charged"])
    answer = stage.ask(path, body)
    number = answer.pop("image_id" if name == "picture" else "video_id")
    assert number > 2**53
    assert set(answer) == told
    assert set(answer.values()) <= {credits_}
    job = stage.account()["jobs"][-1]
    assert (job["id"], job["charge"], job["model"]) == (str(number), str(credits_), kind)
    assert int(stage.account()["charged"]) == before + credits_


SILENT: dict[str, Any] = {}
AUDIO = {"generate_audio_switch": True}
CLIPS_OF = {"generate_multi_clip_switch": True}
FAST = {"motion_mode": "fast"}
# Credits for 360p, 540p, 720p, 1080p; None is not sold.
PRICES: list[tuple[str, int, dict[str, Any], tuple[int | None, ...]]] = [
    ("v6", 1, SILENT, (5, 7, 9, 18)),
    ("v6", 5, AUDIO, (35, 45, 60, 115)),
    ("v6", 15, SILENT, (75, 105, 135, 270)),
    ("v6", 5, CLIPS_OF, (25, 35, 45, 90)),  # no surcharge is published
    ("c1", 5, SILENT, (30, 40, 50, 95)),
    ("c1", 10, AUDIO, (80, 100, 130, 240)),
    ("v5.6", 5, SILENT, (35, 35, 45, 75)),
    ("v5.6", 5, AUDIO, (80, 80, 90, 150)),
    ("v5.6", 5, CLIPS_OF, (65, 65, 75, 105)),  # assumed: 30 more, as at v5.5
    ("v5.6", 8, SILENT, (70, 70, 90, 150)),
    ("v5.6", 8, AUDIO, (115, 115, 135, 195)),
    ("v5.6", 10, SILENT, (77, 77, 99, None)),
    ("v5.6", 10, AUDIO, (122, 122, 144, None)),
    ("v5.5", 5, SILENT, (45, 45, 60, 120)),
    ("v5.5", 5, AUDIO, (55, 55, 70, 130)),
    ("v5.5", 5, CLIPS_OF, (75, 75, 90, 150)),
    ("v5.5", 5, {**CLIPS_OF, **AUDIO}, (85, 85, 100, 160)),
    ("v5.5", 8, SILENT, (90, 90, 120, 240)),
    ("v5.5", 8, AUDIO, (100, 100, 130, 250)),
    ("v5.5", 8, CLIPS_OF, (120, 120, 150, 270)),
    ("v5.5", 8, {**CLIPS_OF, **AUDIO}, (130, 130, 160, 280)),
    ("v5.5", 10, SILENT, (99, 99, 132, None)),
    ("v5.5", 10, AUDIO, (109, 109, 142, None)),
    ("v5.5", 10, CLIPS_OF, (129, 129, 162, None)),
    ("v5.5", 10, {**CLIPS_OF, **AUDIO}, (139, 139, 172, None)),
    ("v5", 5, SILENT, (45, 45, 60, 120)),
    ("v5", 8, SILENT, (90, 90, 120, 240)),
    *(
        (model, *row)
        for model in ("v4.5", "v4", "v3.5")
        for row in (
            (5, SILENT, (45, 45, 60, 120)),
            (5, FAST, (90, 90, 120, None)),
            (8, SILENT, (90, 90, 120, None)),
            (8, FAST, (None, None, None, None)),
        )
    ),
]


@pytest.mark.parametrize(("model", "duration", "switches", "row"), PRICES)
def test_a_clip_costs_what_model_quality_length_and_sound_say(
    stage: Stage,
    model: str,
    duration: int,
    switches: dict[str, bool],
    row: tuple[int | None, ...],
) -> None:
    path, body = PATHS["text"]
    body = {**body, "model": model, "duration": duration, **switches}
    for quality, credits_ in zip(("360p", "540p", "720p", "1080p"), row, strict=True):
        if credits_ is None:
            assert stage.refused(path, {**body, "quality": quality}) == 400017
        else:
            stage.ask(path, {**body, "quality": quality})
            assert stage.account()["jobs"][-1]["charge"] == str(credits_)


@pytest.mark.parametrize(
    ("name", "quality", "credits_"),
    [
        ("mimic", "360p", 18),
        ("mimic", "720p", 24),
        ("modify", "360p", 16),
        ("modify", "720p", 24),
        ("music", "720p", 195),
    ],
)
def test_a_started_second_costs_what_its_quality_says(
    stage: Stage, name: str, quality: str, credits_: int
) -> None:
    path, body = PATHS[name]
    stage.ask(path, {**body, "quality": quality})
    assert stage.account()["jobs"][-1]["charge"] == str(credits_)


@pytest.mark.parametrize(
    ("change", "credits_"),
    [
        ({"model": "v4.5", "motion_mode": "fast"}, 90),
        ({"model": "v4", "motion_mode": "fast", "quality": "720p"}, 120),
        ({"motion_mode": "normal", "negative_prompt": "rain", "seed": 2147483647}, 45),
        ({"sound_effect_switch": True, "sound_effect_content": "rain"}, 55),  # assumed: + 5 x 2
        ({"lip_sync_switch": True, **SPEAK}, 53),  # assumed: + 2 x 4
        ({"lip_sync_tts_switch": True, **SPEAK}, 53),
        ({"model": "v3.5", "style": "clay"}, 45),
        ({"model": "v4", "camera_movement": "whip_pan"}, 45),
        ({"model": "v5.5", "thinking_type": "auto"}, 45),
        ({"model": "v6", "aspect_ratio": "21:9"}, 25),
        ({"template_id": 377378608924544}, 45),
        ({"prompt": "p" * 5000}, 45),
    ],
)
def test_a_clip_takes_the_switches_that_its_model_has(
    stage: Stage, change: dict[str, Any], credits_: int
) -> None:
    stage.ask("/video/text/generate", {**TEXT, **change})
    assert stage.account()["jobs"][-1]["charge"] == str(credits_)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("transition", {"model": "c1", "generate_audio_switch": True, "duration": 3}),
        ("extend", {"source_video_id": None, "video_media_id": "$clip"}),
        ("extend", {"model": "v3.5", "style": "anime", "motion_mode": "fast"}),
        ("say", {"lip_sync_tts_speaker_id": "auto"}),
        ("fusion", {"prompt": "@dog runs to @old town"}),  # at the end no space is needed
        (
            "fusion",
            {
                "model": "v6",
                "reference_mode": "omni",
                "duration": 0,
                "video_references": [{"video_url": "https://example.com/a.mp4"}],
            },
        ),
        ("restyle", {"restyle_prompt": None, "restyle_id": 372000000000001}),
        ("select", {"keyframe_id": None}),
        ("select", {"keyframe_id": 0}),  # stands in an example
        ("select", {"keyframe_id": 18}),
        ("sound", {"sound_effect_content": None, "prompt": "rain"}),
        ("sound", {"sound_effect_content": ""}),
        ("modify", {"prompt": "@selection0 is swapped with @img0", "mask_ids": ["$mask"] * 3}),
        ("modify", {"prompt": "restyled with @img0", "img_ids": ["$img", "$img2"]}),
        ("modify", {"mask_urls": ["https://example.org/m.png"], "keyframe_ids": 1}),
        ("avatar", {"audio_media_id": None, **SPEAK}),
        ("viral", {"img_references": [{"img_url": "https://example.org/a.png"}]}),
        (
            "estate",
            {"model": "pro", "mode": "ad_house_tour", "duration": 15, "video_style": "pov"},
        ),
        ("estate", {"aspect_ratio": "4:3", "avatar_presence_level": "low", "quality": "1080p"}),
        ("viral", {"quality": None, "aspect_ratio": "21:9"}),
        ("extend", {"generate_audio_switch": True}),
        ("fusion", {"prompt": "@dog, at night, in @old town"}),
        ("fusion", {"model": "v6", "image_references": [{"img_id": "$img"}], "prompt": "it runs"}),
        (
            "music",
            {
                "mv_style": "Custom",
                "music_style": "R&B",
                "img_references": [{"img_id": "$img"}],
                "style_img_references": [{"img_id": "$img2", "ref_name": "look"}],
                "caption_switch": True,
                "lip_sync_switch": False,
                "seed": 7,
                "lyric_timestamp": {"words": [{"start": 0, "end": 0.5, "word": "la"}]},
            },
        ),
        ("estate", {"product_url": None, "img_references": [{"img_id": "$img"}] * 5}),
        ("picture", {"template_id": 384268229671691, "img_ids": ["$img", "$img2"]}),
    ],
)
def test_what_the_pages_leave_open_is_taken(
    stage: Stage, name: str, change: dict[str, Any]
) -> None:
    path, body = PATHS[name]
    stage.ask(path, {**body, **change})


def test_a_sound_that_was_not_checked_makes_no_music_video() -> None:
    with Stage(strict_ints=False) as stage:
        path, body = PATHS["music"]
        assert stage.refused(path, body) == 701020
        quoted = {"audio_media_id": str(stage.ids["$song"])}
        assert stage.refused("/audio/verification", quoted) == 400013  # whatever the switch says
        assert stage.refused("/audio/verification", {}) == 400011
        assert stage.refused("/audio/verification", {"audio_media_id": "$clip"}) == 400017
        assert stage.ask("/audio/verification", {"audio_media_id": "$song"}) == {}
        assert stage.refused(path, {**body, **quoted}) == 400013
        stage.ask(path, body)


def test_quoted_ids_pass_elsewhere_when_the_switch_is_off() -> None:
    with Stage(strict_ints=False) as stage:
        for name, field in [("img", "img_id"), ("extend", "source_video_id")]:
            path, body = PATHS[name]
            stage.ask(path, {**body, field: str(stage.fill(body[field]))})
        path, body = PATHS["picture"]
        stage.ask(path, {**body, "img_ids": [str(stage.ids["$img"])]})


@pytest.mark.parametrize(
    ("name", "change", "size", "seconds", "sounds"),
    [
        ("text", {}, (640, 360), 5, False),
        ("text", {"model": "v6", "duration": 2, "aspect_ratio": "2:3"}, (360, 540), 2, False),
        (
            "text",
            {"model": "v6", "duration": 1, "generate_audio_switch": True},
            (640, 360),
            1,
            True,
        ),
        ("img", {"model": "v6", "duration": 1, "quality": "540p"}, (576, 1024), 1, False),
        ("multi", {}, (360, 640), 4, False),
        ("extend", {"duration": 2}, (640, 360), 2, False),
        ("lip sync", {}, (68, 120), 1.5, True),
        ("sound", {}, (68, 120), 1.5, True),
        ("avatar", {"quality": "360p"}, (360, 640), 2.5, True),
        ("modify", {"quality": "360p"}, (360, 636), 1.5, False),
        ("upscale", {}, (136, 240), 1.5, False),
    ],
)
def test_the_file_follows_the_request(  # noqa: PLR0917 - one argument a column
    stage: Stage,
    name: str,
    change: dict[str, Any],
    size: tuple[int, int],
    seconds: float,
    sounds: bool,
) -> None:
    path, body = PATHS[name]
    number = stage.ask(path, {**body, **change})["video_id"]
    early = stage.result(number)
    assert (early["status"], early["outputWidth"], early["has_audio"]) == (5, 0, False)
    assert requests.get(early["url"], timeout=PATIENCE).status_code == 404
    stage.sandbox.advance(200)
    told = stage.result(number)
    assert (told["status"], told["has_audio"]) == (1, sounds)
    assert told["prompt"] == {**body, **change}.get("prompt", "")
    film = requests.get(told["url"], timeout=PATIENCE).content
    clip = probe(io.BytesIO(film))
    assert clip is not None
    assert (clip.width, clip.height) == (told["outputWidth"], told["outputHeight"]) == size
    assert (clip.has_audio, clip.codec) == (sounds, "h264")
    assert clip.seconds == pytest.approx(seconds, abs=0.05)


def test_masks_come_at_once_with_their_price_and_as_pictures(stage: Stage) -> None:
    told = stage.ask(*PATHS["select"])
    assert set(told) == {"keyframe_id", "keyframe_url", "credits", "mask_info"}
    assert (told["keyframe_id"], told["credits"]) == (1, 2)
    names = [(set(mask), mask["mask_name"]) for mask in told["mask_info"]]
    keys = {"mask_id", "mask_name", "mask_url"}
    assert names == [(keys, "person"), (keys, "object"), (keys, "background")]
    job = stage.account()["jobs"][-1]
    assert (job["model"], job["charge"], job["state"]) == ("swap_mask", "2", "succeeded")
    for url in (told["keyframe_url"], *(mask["mask_url"] for mask in told["mask_info"])):
        answer = requests.get(url, timeout=PATIENCE)
        clip = probe(io.BytesIO(answer.content))
        assert clip is not None
        assert (answer.headers["Content-Type"], clip.mime) == ("image/png", "image/png")
        assert (clip.width, clip.height) == (68, 120)
    assert isinstance(told["mask_info"][0]["mask_id"], str)
    assert stage.get(f"/video/result/{job['id']}").json()["ErrCode"] == 500008


def test_a_repeated_trace_id_buys_masks_once(stage: Stage) -> None:
    path, body = PATHS["select"]
    answers = [stage.post(path, "again", json=stage.fill(body)).json() for _ in range(2)]
    assert answers[0] == answers[1]
    assert [job["trace_id"] for job in stage.account()["jobs"]].count("again") == 1


def test_a_picture_has_a_result_path_of_its_own(stage: Stage) -> None:
    number = stage.ask(*PATHS["picture"])["image_id"]
    path = f"/image/result/{number}"
    assert stage.get(path).json()["Resp"]["status"] == 5
    stage.sandbox.advance(200)
    told = stage.get(path).json()["Resp"]
    assert {"image_id", "url", "status", "template_id", "credits", "customer_paths"} <= set(told)
    assert (told["image_id"], told["status"], told["credits"]) == (number, 1, 10)
    clip = probe(io.BytesIO(requests.get(told["url"], timeout=PATIENCE).content))
    assert clip is not None
    assert clip.mime == "image/png"
    assert (clip.width, clip.height) == (told["outputWidth"], told["outputHeight"])
    assert stage.get(f"/video/result/{number}").json()["ErrCode"] == 500008
    video = stage.get(f"/image/result/{stage.ids['$video']}")
    assert (video.status_code, video.json()["ErrMsg"]) == (400, "invalid media")
    source = {**EXTEND, "source_video_id": number}
    assert stage.refused("/video/extend/generate", source) == 400017


def test_slots_and_money_bound_every_operation() -> None:
    with Stage() as stage:
        stage.sandbox.add_account("pixverse", "rich", label="rich", balance=11, concurrency=1)
        stage.ask(*PATHS["multi"])
        path, body = PATHS["text"]
        assert stage.refused(path, body) == 500044
        stage.sandbox.advance(700)
        assert stage.refused(path, body) == 500090
        assert stage.refused(*PATHS["select"]) == 500090


def test_usage_calls_every_operation_by_its_kind(stage: Stage) -> None:
    now = stage.sandbox.ledger()["time"][:10]
    span = {"start_time": f"{now} 00:00:00", "end_time": f"{now} 23:59:59"}
    for name, kind in [("select", "swap_mask"), ("picture", "image_to_image")]:
        stage.ask(*PATHS[name])
        asked = {**span, "creation_type": [kind], "limit": 1}
        found = stage.ask("/account/billing/usage-detail", asked)["items"]
        assert [row["creation_type"] for row in found] == [kind]
