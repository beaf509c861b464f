"""The exact paid call of each of PixVerse's operations, and the vendor's own examples of modify."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import attrs
import pytest

import motionkit as mk
from motionkit.http import Response
from motionkit.model.media import Remote
from motionkit.model.operations import (
    Extend,
    ImageToVideo,
    LipSync,
    Mimic,
    Modify,
    Request,
    Restyle,
    Swap,
    TextToVideo,
    Transition,
    Upscale,
)
from motionkit.model.submission import Call, Submission
from motionkit.provider import fit_at
from motionkit.provider.fit import inspect
from motionkit.provider.offers import pick
from motionkit.testing import samples
from motionkit_pixverse.adapter import PixVerse, Settings
from motionkit_pixverse.operations import (
    Avatar,
    Effect,
    ImageTemplate,
    MaskSelection,
    MultiTransition,
    MusicVideo,
    RealEstate,
    ReferenceToVideo,
    SoundEffect,
    ViralRecreation,
)

A, B, C = (mk.Uploaded(str(number)) for number in (371819823766891, 371819823766892, 7))
CLIP, SONG = mk.Uploaded("405833376854443"), mk.Uploaded("405833376854444")
MADE = mk.Generated("627410861853514292")


class Nothing:
    """Uploads where nothing is to be uploaded."""

    limiter = None
    timeout = None

    def put(self, account: str, slot: str, sha256: str | None, send: Callable[[], str]) -> str:
        raise AssertionError(f"{slot} was uploaded")


def submission(request: Request, model: str | None = None) -> Submission:
    made = PixVerse("acme", Settings(api_key="key-0123456789"), Nothing())
    offer = pick(made.offers, request.operation, model, target="acme")
    return made.prepare(fit_at(made, request, offer, inspect(request)), dry=True)


BODIES: dict[str, tuple[Request, str | None, str, dict[str, Any]]] = {
    "words, the default model": (
        TextToVideo("a fox runs"),
        None,
        "/openapi/v2/video/text/generate",
        {
            "model": "v6",
            "prompt": "a fox runs",
            "quality": "540p",
            "duration": 5,
            "aspect_ratio": "16:9",
        },
    ),
    "words, everything that v6 takes": (
        TextToVideo(
            "a fox runs",
            aspect_ratio="21:9",
            quality="1080p",
            duration=15,
            seed=7,
            audio=True,
            multi_clip=True,
            speech="hello",
            voice="7",
        ),
        "v6",
        "/openapi/v2/video/text/generate",
        {
            "model": "v6",
            "prompt": "a fox runs",
            "quality": "1080p",
            "duration": 15,
            "aspect_ratio": "21:9",
            "seed": 7,
            "generate_audio_switch": True,
            "generate_multi_clip_switch": True,
            "lip_sync_switch": True,
            "lip_sync_tts_content": "hello",
            "lip_sync_tts_speaker_id": "7",
        },
    ),
    "words, v5.5 thinks": (
        TextToVideo("a fox", thinking="auto", audio=False, negative_prompt="rain"),
        "v5.5",
        "/openapi/v2/video/text/generate",
        {
            "model": "v5.5",
            "prompt": "a fox",
            "quality": "540p",
            "duration": 5,
            "aspect_ratio": "16:9",
            "thinking_type": "auto",
            "generate_audio_switch": False,
            "negative_prompt": "rain",
        },
    ),
    "a picture, an old model": (
        ImageToVideo(A, "it turns", motion="fast", camera="zoom_in", sound_effect="steps"),
        "v4.5",
        "/openapi/v2/video/img/generate",
        {
            "model": "v4.5",
            "img_id": 371819823766891,
            "prompt": "it turns",
            "quality": "540p",
            "duration": 5,
            "motion_mode": "fast",
            "camera_movement": "zoom_in",
            "sound_effect_switch": True,
            "sound_effect_content": "steps",
        },
    ),
    "a picture, the oldest model's styles": (
        ImageToVideo(A, "it turns", style="clay", quality="720p", duration=8),
        "v3.5",
        "/openapi/v2/video/img/generate",
        {
            "model": "v3.5",
            "img_id": 371819823766891,
            "prompt": "it turns",
            "quality": "720p",
            "duration": 8,
            "style": "clay",
        },
    ),
    "a picture, c1": (
        ImageToVideo(A, "it turns", audio=True),
        "c1",
        "/openapi/v2/video/img/generate",
        {
            "model": "c1",
            "img_id": 371819823766891,
            "prompt": "it turns",
            "quality": "540p",
            "duration": 5,
            "generate_audio_switch": True,
        },
    ),
    "an effect of one picture": (
        Effect(302325299692608, A, "hug"),
        None,
        "/openapi/v2/video/img/generate",
        {
            "model": "v5",
            "template_id": 302325299692608,
            "img_id": 371819823766891,
            "prompt": "hug",
            "quality": "540p",
            "duration": 5,
        },
    ),
    "an effect of two pictures": (
        Effect(302325299692608, [A, B], "hug", quality="360p", seed=1),
        "v4.5",
        "/openapi/v2/video/img/generate",
        {
            "model": "v4.5",
            "template_id": 302325299692608,
            "img_ids": [371819823766891, 371819823766892],
            "prompt": "hug",
            "quality": "360p",
            "duration": 5,
            "seed": 1,
        },
    ),
    "a transition": (
        Transition(A, B, "it melts", duration=10, audio=True),
        None,
        "/openapi/v2/video/transition/generate",
        {
            "model": "v5.6",
            "first_frame_img": 371819823766891,
            "last_frame_img": 371819823766892,
            "prompt": "it melts",
            "quality": "540p",
            "duration": 10,
            "generate_audio_switch": True,
        },
    ),
    "a way through three pictures": (
        MultiTransition([A, B, C], [5, 3], prompts=["up", ""]),
        None,
        "/openapi/v2/video/multi_transition/generate",
        {
            "model": "v5",
            "quality": "540p",
            "multi_transition": [
                {"img_id": 371819823766891, "duration": 5, "prompt": "up"},
                {"img_id": 371819823766892, "duration": 3},
                {"img_id": 7, "duration": 0},
            ],
        },
    ),
    "a way through two pictures without words": (
        MultiTransition([A, B], 4, quality="720p"),
        "v3.5",
        "/openapi/v2/video/multi_transition/generate",
        {
            "model": "v3.5",
            "quality": "720p",
            "multi_transition": [
                {"img_id": 371819823766891, "duration": 4},
                {"img_id": 371819823766892, "duration": 0},
            ],
        },
    ),
    "extending what the vendor made": (
        Extend(MADE, "it goes on", seed=0),
        None,
        "/openapi/v2/video/extend/generate",
        {
            "model": "v6",
            "source_video_id": 627410861853514292,
            "prompt": "it goes on",
            "seed": 0,
            "quality": "540p",
            "duration": 5,
        },
    ),
    "extending an upload": (
        Extend(CLIP, "it goes on", seed=9, motion="fast", style="comic"),
        "v3.5",
        "/openapi/v2/video/extend/generate",
        {
            "model": "v3.5",
            "video_media_id": 405833376854443,
            "prompt": "it goes on",
            "seed": 9,
            "quality": "540p",
            "duration": 5,
            "motion_mode": "fast",
            "style": "comic",
        },
    ),
    "speech, recorded": (
        LipSync(MADE, audio=SONG),
        None,
        "/openapi/v2/video/lip_sync/generate",
        {"source_video_id": 627410861853514292, "audio_media_id": 405833376854444},
    ),
    "speech, in words": (
        LipSync(CLIP, text="hello", voice="auto"),
        None,
        "/openapi/v2/video/lip_sync/generate",
        {
            "video_media_id": 405833376854443,
            "lip_sync_tts_content": "hello",
            "lip_sync_tts_speaker_id": "auto",
        },
    ),
    "references, named": (
        ReferenceToVideo(
            [A, B],
            ["hero", "the park"],
            "@hero walks in @the park",
            kinds=["subject", "background"],
            aspect_ratio="2:3",
            audio=True,
            seed=3,
        ),
        None,
        "/openapi/v2/video/fusion/generate",
        {
            "model": "c1",
            "image_references": [
                {"type": "subject", "img_id": 371819823766891, "ref_name": "hero"},
                {"type": "background", "img_id": 371819823766892, "ref_name": "the park"},
            ],
            "prompt": "@hero walks in @the park ",
            "quality": "540p",
            "duration": 5,
            "aspect_ratio": "2:3",
            "generate_audio_switch": True,
            "seed": 3,
        },
    ),
    "one reference, an old model": (
        ReferenceToVideo(A, "hero", "@hero waves", duration=8),
        "v4.5",
        "/openapi/v2/video/fusion/generate",
        {
            "model": "v4.5",
            "image_references": [
                {"type": "subject", "img_id": 371819823766891, "ref_name": "hero"}
            ],
            "prompt": "@hero waves",
            "quality": "540p",
            "duration": 8,
            "aspect_ratio": "16:9",
        },
    ),
    "another look, listed": (
        Restyle(CLIP, style=12, seed=4),
        None,
        "/openapi/v2/video/restyle/generate",
        {"video_media_id": 405833376854443, "restyle_id": 12, "seed": 4},
    ),
    "another look, in words": (
        Restyle(MADE, prompt="ink"),
        None,
        "/openapi/v2/video/restyle/generate",
        {"source_video_id": 627410861853514292, "restyle_prompt": "ink"},
    ),
    "the viral agent": (
        ViralRecreation("https://example.com/a.mp4", [A, B], "like this", aspect_ratio="9:16"),
        None,
        "/openapi/v2/video/agent/generate",
        {
            "agent_id": 414562414124109,
            "prompt": "like this",
            "quality": "720p",
            "aspect_ratio": "9:16",
            "img_references": [{"img_id": 371819823766891}, {"img_id": 371819823766892}],
            "video_references": [{"video_url": Remote("https://example.com/a.mp4").url}],
        },
    ),
    "an ad of a house": (
        RealEstate(
            page="https://example.com/house",
            mode="ad_house_tour",
            duration=30,
            style="pov",
            quality="480p",
            aspect_ratio="21:9",
            presence="low",
        ),
        "real_estate_pro",
        "/openapi/v2/video/agent/generate",
        {
            "agent_id": 419629433597950,
            "model": "pro",
            "product_url": "https://example.com/house",
            "mode": "ad_house_tour",
            "duration": 30,
            "video_style": "pov",
            "quality": "480p",
            "aspect_ratio": "21:9",
            "avatar_presence_level": "low",
        },
    ),
    "a music video, everything that it takes": (
        MusicVideo(
            SONG,
            aspect_ratio="3:4",
            quality="1080p",
            lyrics="la la",
            timed_lyrics=["0 0.5 la", "1 2.25 la"],
            image=A,
            style_image=B,
            style="Lo-fi",
            music_style="R&B",
            captions=True,
            lip_sync=False,
            seed=7,
        ),
        "vibe_mv_v3_custom",
        "/openapi/v2/video/music_mv_agent/generate",
        {
            "mv_agent_type": "vibe_mv_v3_custom",
            "audio_media_id": 405833376854444,
            "aspect_ratio": "3:4",
            "quality": "1080p",
            "lyric_text": "la la",
            "lyric_timestamp": {
                "words": [
                    {"start": 0, "end": 0.5, "word": "la"},
                    {"start": 1, "end": 2.25, "word": "la"},
                ]
            },
            "img_references": [{"img_id": 371819823766891}],
            "style_img_references": [{"img_id": 371819823766892}],
            "mv_style": "Lo-fi",
            "music_style": "R&B",
            "caption_switch": True,
            "lip_sync_switch": False,
            "seed": 7,
        },
    ),
    "extending with sound": (
        Extend(CLIP, "it goes on", seed=7, audio=True),
        None,
        "/openapi/v2/video/extend/generate",
        {
            "model": "v6",
            "video_media_id": 405833376854443,
            "prompt": "it goes on",
            "seed": 7,
            "quality": "540p",
            "duration": 5,
            "generate_audio_switch": True,
        },
    ),
    "a picture in a style": (
        ImageToVideo(A, "it turns", style="clay", thinking="auto", multi_clip=True),
        "v6",
        "/openapi/v2/video/img/generate",
        {
            "model": "v6",
            "img_id": 371819823766891,
            "prompt": "it turns",
            "quality": "540p",
            "duration": 5,
            "style": "clay",
            "thinking_type": "auto",
            "generate_multi_clip_switch": True,
        },
    ),
    "masks": (
        MaskSelection(CLIP),
        None,
        "/openapi/v2/video/mask/selection",
        {"video_media_id": 405833376854443, "keyframe_id": 1},
    ),
    "a swap": (
        Swap(CLIP, A, mask="3847593904", keyframe=1, quality="720p"),
        None,
        "/openapi/v2/video/swap/generate",
        {
            "video_media_id": 405833376854443,
            "img_id": 371819823766891,
            "mask_id": "3847593904",
            "keyframe_id": 1,
            "quality": "720p",
        },
    ),
    "sound": (
        SoundEffect(CLIP, prompt="rain", keep_audio=False),
        None,
        "/openapi/v2/video/sound_effect/generate",
        {
            "video_media_id": 405833376854443,
            "sound_effect_content": "rain",
            "original_sound_switch": False,
        },
    ),
    "sound of the vendor's choice": (
        SoundEffect(MADE),
        None,
        "/openapi/v2/video/sound_effect/generate",
        {"source_video_id": 627410861853514292},
    ),
    "mimic": (
        Mimic(A, CLIP, quality="720p"),
        None,
        "/openapi/v2/video/mimic/generate",
        {"img_id": 371819823766891, "video_media_id": 405833376854443, "quality": "720p"},
    ),
    "modify by masks of one's own": (
        Modify(CLIP, "@selection0 turns red", masks=["https://example.com/mask.png"], seed=5),
        None,
        "/openapi/v2/video/modify/generate",
        {
            "video_media_id": 405833376854443,
            "prompt": "@selection0 turns red",
            "mask_urls": ["https://example.com/mask.png"],
            "quality": "540p",
            "seed": 5,
        },
    ),
    "upscale": (
        Upscale(MADE),
        None,
        "/openapi/v2/video/upscale/generate",
        {"source_video_id": 627410861853514292},
    ),
    "a picture of pictures": (
        ImageTemplate(378377608924544, [A, B]),
        None,
        "/openapi/v2/image/template/generate",
        {"template_id": 378377608924544, "img_ids": [371819823766891, 371819823766892]},
    ),
    "an avatar, recorded": (
        Avatar(A, audio=SONG),
        None,
        "/openapi/v2/video/avatar/generate",
        {
            "img_id": 371819823766891,
            "audio_media_id": 405833376854444,
            "quality": "540p",
        },
    ),
    "an avatar, in words": (
        Avatar(A, text="hello", voice="7", quality="720p"),
        None,
        "/openapi/v2/video/avatar/generate",
        {
            "img_id": 371819823766891,
            "lip_sync_tts_content": "hello",
            "lip_sync_tts_speaker_id": "7",
            "quality": "720p",
        },
    ),
    "a property, by its page": (
        RealEstate(page="https://example.com/house", language="auto"),
        None,
        "/openapi/v2/video/agent/generate",
        {
            "agent_id": 419629433597950,
            "model": "fast",
            "product_url": "https://example.com/house",
            "language_code": "auto",
        },
    ),
    "a property, by pictures": (
        RealEstate(images=[A, B, C, A, B], prompt="bright", mode="property_tour"),
        "real_estate_pro",
        "/openapi/v2/video/agent/generate",
        {
            "agent_id": 419629433597950,
            "model": "pro",
            "img_references": [
                {"img_id": 371819823766891},
                {"img_id": 371819823766892},
                {"img_id": 7},
                {"img_id": 371819823766891},
                {"img_id": 371819823766892},
            ],
            "prompt": "bright",
            "mode": "property_tour",
        },
    ),
    "a music video": (
        MusicVideo(SONG, lyrics="la la", quality="1080p"),
        None,
        "/openapi/v2/video/music_mv_agent/generate",
        {
            "mv_agent_type": "vibe_mv",
            "audio_media_id": 405833376854444,
            "aspect_ratio": "16:9",
            "quality": "1080p",
            "lyric_text": "la la",
        },
    ),
}


def exactly(value: Any) -> Any:
    """Return a value with its types, so that True is not 1 and 5 not 5.0."""
    if isinstance(value, dict):
        return {name: exactly(one) for name, one in value.items()}
    if isinstance(value, list):
        return [exactly(one) for one in value]
    return type(value).__name__, value


@pytest.mark.parametrize("named", BODIES)
def test_each_operation_is_sent_as_the_reference_has_it(named: str) -> None:
    request, model, path, body = BODIES[named]
    call = submission(request, model).call
    assert (call.method, call.path, call.paid) == ("POST", path, True)
    assert exactly(call.json) == exactly(body)


def test_every_offer_of_pixverse_has_a_body_here_or_shares_its_operation() -> None:
    told = {request.operation for request, *_ in BODIES.values()}
    assert told == {offer.operation for offer in PixVerse.offers}


PAGE: dict[str, tuple[Modify, dict[str, Any]]] = {
    "single subject swap": (  # the page writes keyframe_ids; its own table says keyframe_id
        Modify(
            mk.Uploaded("1234"),
            "@selection0 subject is swapped with @img0",
            images=[mk.Uploaded("123"), mk.Uploaded("123")],
            masks="3847593904",
            keyframe=1,
            quality="540p",
        ),
        {
            "video_media_id": 1234,
            "prompt": "@selection0 subject is swapped with @img0",
            "img_ids": [123, 123],
            "mask_ids": ["3847593904"],
            "keyframe_id": 1,
            "quality": "540p",
        },
    ),
    "multi-subject swap": (
        Modify(
            mk.Uploaded("1234"),
            "@selection0 subject is swapped with @img0 "
            "@selection1 subject is swapped with @img1 "
            "@selection2 subject is swapped with @img2",
            images=[mk.Uploaded("123")] * 3,
            masks=["3847593904"] * 3,
            keyframe=1,
            quality="540p",
        ),
        {
            "video_media_id": 1234,
            "prompt": "@selection0 subject is swapped with @img0 "
            "@selection1 subject is swapped with @img1 "
            "@selection2 subject is swapped with @img2",
            "img_ids": [123, 123, 123],
            "mask_ids": ["3847593904", "3847593904", "3847593904"],
            "keyframe_id": 1,
            "quality": "540p",
        },
    ),
    "smart add": (
        Modify(
            mk.Uploaded("1234"),
            "add @img0, @img1",
            images=[mk.Uploaded("123"), mk.Uploaded("123")],
            quality="540p",
        ),
        {
            "video_media_id": 1234,
            "prompt": "add @img0, @img1",
            "img_ids": [123, 123],
            "quality": "540p",
        },
    ),
    "remove": (
        Modify(mk.Uploaded("1234"), "remove xxx", masks=["3847593904"], quality="540p"),
        {
            "video_media_id": 1234,
            "prompt": "remove xxx",
            "mask_ids": ["3847593904"],
            "quality": "540p",
        },
    ),
    "type anything": (
        Modify(mk.Uploaded("1234"), "把天气变成冬天白天", quality="540p"),
        {"video_media_id": 1234, "prompt": "把天气变成冬天白天", "quality": "540p"},
    ),
    "text replacement": (  # the page leaves a quotation mark open
        Modify(mk.Uploaded("1234"), 'change the text to "Happy birthday"', quality="540p"),
        {
            "video_media_id": 1234,
            "prompt": 'change the text to "Happy birthday"',
            "quality": "540p",
        },
    ),
    "scene style transfer": (  # the page writes @ima0
        Modify(
            mk.Uploaded("1234"),
            "The video is restyled with @img0",
            images=mk.Uploaded("123"),
            quality="540p",
        ),
        {
            "video_media_id": 1234,
            "prompt": "The video is restyled with @img0",
            "img_ids": [123],
            "quality": "540p",
        },
    ),
}


@pytest.mark.parametrize("feature", PAGE)
def test_the_examples_of_the_modify_page_are_sent_with_its_field_names_and_types(
    feature: str,
) -> None:
    request, body = PAGE[feature]
    assert exactly(submission(request).call.json) == exactly(body)


def test_a_mask_or_picture_that_the_prompt_does_not_name_is_sent_with_a_warning() -> None:
    said = submission(PAGE["remove"][0]).warnings
    assert said == (
        "keyframe: none is given; it must be the frame that the masks were made on",
        "masks: the prompt does not say @selection0",
    )


def test_masks_of_ones_own_are_public_addresses_over_http_too() -> None:
    masks = ["http://example.com/a.png", "https://example.com/b.png"]
    made = submission(Modify(CLIP, "@selection0 and @selection1 go", masks=masks, keyframe=3))
    assert made.call.json["mask_urls"] == masks
    assert made.warnings == ()


def test_a_comma_after_a_name_is_sent_with_a_warning() -> None:
    made = submission(ReferenceToVideo(A, "hero", "@hero, run"))
    assert made.call.json["prompt"] == "@hero, run"
    assert "comma" in made.warnings[-1]


def test_a_clip_of_the_viral_agent_is_uploaded_for_its_url(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []

    class Once(Nothing):
        def put(self, account: str, slot: str, sha256: str | None, send: Callable[[], str]) -> str:
            assert slot == "image" or sha256 is None, "the cache holds ids, not URLs"
            return send()

    def send(call: Call, **_: Any) -> Response:
        sent.append(call.path.rpartition("v2/")[2])
        made = {"img_id": 5, "media_id": 6, "url": "https://media.example/a.mp4"}
        return Response(200, {}, json.dumps({"ErrCode": 0, "Resp": made}).encode())

    made = PixVerse("acme", Settings(api_key="key-0123456789"), Once())
    monkeypatch.setattr(made._http, "send", send)
    request = ViralRecreation(samples.CLIP, samples.PICTURE, "like this")
    offer = pick(made.offers, request.operation, None, target="acme")
    facts = {
        name: attrs.evolve(fact, width=720, height=1280) for name, fact in inspect(request).items()
    }
    body = made.prepare(fit_at(made, request, offer, facts)).call.json
    assert sent == ["media/upload", "image/upload"]
    assert body["video_references"] == [{"video_url": "https://media.example/a.mp4"}]
    assert body["img_references"] == [{"img_id": 5}]


def test_a_song_is_verified_before_it_is_paid_for() -> None:
    calls = submission(MusicVideo(SONG)).calls
    assert [(call.path, call.paid) for call in calls] == [
        ("/openapi/v2/audio/verification", False),
        ("/openapi/v2/video/music_mv_agent/generate", True),
    ]
    assert calls[0].json == {"audio_media_id": 405833376854444}


def test_what_the_reference_and_others_name_differently_is_left_to_extra() -> None:
    request = SoundEffect(CLIP, prompt="rain", extra={"pixverse": {"prompt": "rain"}})
    assert submission(request).call.json == {
        "video_media_id": 405833376854443,
        "sound_effect_content": "rain",
        "prompt": "rain",
    }


def test_an_operation_that_is_only_observed_says_so() -> None:
    assert "not in the vendor's documentation" in submission(Avatar(A, audio=SONG)).warnings[0]
    assert submission(LipSync(CLIP, audio=SONG)).warnings == ()
