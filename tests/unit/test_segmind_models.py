"""Segmind's models: what is sent to each for the same request, stated as literals."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import attrs
import pytest

import motionkit as mk
from motionkit.errors import Billed, InvalidRequest, Unsupported
from motionkit.model import probe
from motionkit.model.money import Basis
from motionkit.model.request import Request
from motionkit.provider import fit as fitting
from motionkit.provider import fit_at
from motionkit.provider import quote as pricing
from motionkit.provider.offers import pick
from motionkit.purchase.orders import offer_of
from motionkit.testing import samples
from motionkit_segmind.adapter import Segmind, Settings
from motionkit_segmind.operations import LivePortrait

PICTURE = "https://h.example/hero.png"
CLIP = "https://h.example/dance.mp4"
PROMPT = "The character performs the motion of the reference video."

BARE: dict[str, dict[str, Any]] = {
    "pixverse-mimic": {"image_url": PICTURE, "video_url": CLIP, "quality": "540p"},
    "kling-2.6-pro-motion-control": {"image_url": PICTURE, "video_url": CLIP, "prompt": PROMPT},
    "kling-2.6-standard-motion-control": {
        "image_url": PICTURE,
        "video_url": CLIP,
        "prompt": PROMPT,
    },
    "wan-animate": {
        "reference_image": PICTURE,
        "input_video": CLIP,
        "mode": "animation",
        "prompt": PROMPT,
        "resolution": "480p",
    },
    "scail": {
        "reference_image": PICTURE,
        "input_video": CLIP,
        "prompt": PROMPT,
        "resolution": "576p",
    },
    "p-video-animate": {"image": PICTURE, "video": CLIP, "resolution": "720p"},
    "p-video-replace": {"images": [PICTURE], "video": CLIP, "resolution": "720p"},
}
"""What a picture and a clip alone become, by model."""

WHOLE: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "pixverse-mimic": ({"quality": "720p"}, {"quality": "720p"}),
    "kling-2.6-pro-motion-control": (
        {"prompt": "she jumps", "orientation": "image", "keep_audio": False},
        {"prompt": "she jumps", "character_orientation": "image", "keep_original_sound": False},
    ),
    "kling-2.6-standard-motion-control": (
        {"prompt": "she jumps", "orientation": "video", "keep_audio": True},
        {"prompt": "she jumps", "character_orientation": "video", "keep_original_sound": True},
    ),
    "wan-animate": (
        {"prompt": "she jumps", "quality": "480p", "seed": 7},
        {"prompt": "she jumps", "resolution": "480p", "seed": 7, "mode": "animation"},
    ),
    "scail": (
        {"prompt": "she jumps", "quality": "540p", "seed": 7},
        {"prompt": "she jumps", "resolution": "576p", "seed": 7},
    ),
    "p-video-animate": (
        {"prompt": "she jumps", "quality": "720p", "seed": 7, "keep_audio": True},
        {"instruction_prompt": "she jumps", "resolution": "720p", "seed": 7, "save_audio": True},
    ),
    "p-video-replace": (
        {"prompt": "she jumps", "quality": "720p", "seed": 7, "keep_audio": False},
        {"instruction_prompt": "she jumps", "resolution": "720p", "seed": 7, "save_audio": False},
    ),
}
"""All that a model takes besides picture and clip: the request's words, and what is sent."""

WISHED: dict[str, Any] = {
    "duration": 8,
    "quality": "720p",
    "aspect_ratio": "9:16",
    "negative_prompt": "blur",
    "motion": "normal",
}
SENT: dict[str, Any] = {
    "prompt": "rain",
    "duration": 8,
    "quality": "720p",
    "aspect_ratio": "9:16",
    "negative_prompt": "blur",
    "motion_mode": "normal",
}
MADE: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "pixverse-v6": (
        {"prompt": "rain", "duration": 5, "quality": "540p"},
        WISHED | {"audio": False, "thinking": "auto"},
        SENT | {"generate_audio_switch": False, "thinking_type": "auto"},
    ),
    "pixverse-5-video": (
        {"prompt": "rain", "duration": 5, "quality": "540p", "motion_mode": "normal"},
        WISHED | {"seed": 7},
        SENT | {"seed": 7},
    ),
    "pixverse-4.5-video": (
        {"prompt": "rain", "duration": 5, "quality": "540p", "motion_mode": "normal"},
        WISHED | {"seed": 7, "motion": "fast", "duration": 5},
        SENT | {"seed": 7, "motion_mode": "fast", "duration": 5},
    ),
}
"""What words alone become, all that the model takes besides, and what is sent of that."""

LAST = "https://h.example/last.png"
TALK = "https://h.example/a.mp3"
FACE = "https://h.example/face.mp4"

ONE: dict[tuple[str, str], tuple[Request, dict[str, Any]]] = {
    ("text_to_video", "pixverse-text2video"): (
        mk.TextToVideo("rain", duration=8, seed=7),
        {
            "prompt": "rain",
            "duration": 8,
            "motion_mode": "normal",
            "quality": "540p",
            "aspect_ratio": "16:9",
            "seed": 7,
        },
    ),
    ("text_to_video", "kling-2.6"): (
        mk.TextToVideo("rain", duration=10, aspect_ratio="9:16", audio=True, negative_prompt="fog"),
        {
            "prompt": "rain",
            "duration": "10",
            "aspect_ratio": "9:16",
            "generate_audio": True,
            "negative_prompt": "fog",
        },
    ),
    ("image_to_video", "pixverse-image2video"): (
        mk.ImageToVideo(PICTURE, "rain"),
        {
            "image_url": PICTURE,
            "prompt": "rain",
            "duration": 5,
            "motion_mode": "normal",
            "quality": "540p",
        },
    ),
    ("image_to_video", "kling-3-pro-image2video"): (
        mk.ImageToVideo(PICTURE, "rain", audio=False),
        {"start_image_url": PICTURE, "prompt": "rain", "duration": "5", "generate_audio": False},
    ),
    ("image_to_video", "kling-3-standard-image2video"): (
        mk.ImageToVideo(PICTURE, "rain", duration=15, aspect_ratio="1:1"),
        {"start_image_url": PICTURE, "prompt": "rain", "duration": "15", "aspect_ratio": "1:1"},
    ),
    ("image_to_video", "kling-2.5-turbo"): (
        mk.ImageToVideo(PICTURE, "rain", duration=10),
        {"image_url": PICTURE, "prompt": "rain", "duration": "10"},
    ),
    ("image_to_video", "wan-2.2-i2v-fast"): (
        mk.ImageToVideo(PICTURE, "rain"),
        {"image": PICTURE, "prompt": "rain", "resolution": "480p"},
    ),
    ("image_to_video", "wan-2.5-i2v"): (
        mk.ImageToVideo(PICTURE, "rain", quality="1080p"),
        {"image": PICTURE, "prompt": "rain", "duration": "5", "resolution": "1080p"},
    ),
    ("image_to_video", "wan-2.6-i2v"): (
        mk.ImageToVideo(PICTURE, "rain", multi_clip=True, negative_prompt="fog"),
        {
            "image": PICTURE,
            "prompt": "rain",
            "duration": 5,
            "resolution": "720p",
            "multi_shots": True,
            "negative_prompt": "fog",
        },
    ),
    ("image_to_video", "wan2.7-i2v"): (
        mk.ImageToVideo(PICTURE, "rain", duration=15),
        {"image": PICTURE, "prompt": "rain", "duration": 15, "resolution": "720P"},
    ),
    ("image_to_video", "seedance-2.0"): (
        mk.ImageToVideo(PICTURE, "rain", duration=4, quality="480p", audio=True, seed=7),
        {
            "first_frame_url": PICTURE,
            "prompt": "rain",
            "duration": 4,
            "resolution": "480p",
            "generate_audio": True,
            "seed": 7,
        },
    ),
    ("image_to_video", "seedance-2.0-mini"): (
        mk.ImageToVideo(PICTURE, "rain", aspect_ratio="9:16"),
        {"first_frame_url": PICTURE, "prompt": "rain", "aspect_ratio": "9:16"},
    ),
    ("image_to_video", "seedance-2.0-fast"): (
        mk.ImageToVideo(PICTURE, "rain", allow_undocumented=True),
        {"first_frame_url": PICTURE, "prompt": "rain"},
    ),
    ("image_to_video", "hailuo-2.3"): (
        mk.ImageToVideo(PICTURE, "rain", duration=10),
        {"first_frame_image": PICTURE, "prompt": "rain", "duration": 10, "resolution": "768p"},
    ),
    ("image_to_video", "hailuo-2.3-fast"): (
        mk.ImageToVideo(PICTURE, "rain", quality="720p"),
        {"first_frame_image": PICTURE, "prompt": "rain", "duration": 6, "resolution": "768p"},
    ),
    ("transition", "pixverse-5-transition"): (
        mk.Transition(PICTURE, LAST, "rain", quality="720p"),
        {
            "first_frame_url": PICTURE,
            "last_frame_url": LAST,
            "prompt": "rain",
            "duration": 5,
            "motion_mode": "normal",
            "quality": "720p",
        },
    ),
    ("extend", "pixverse-5-extend"): (
        mk.Extend(CLIP, "rain"),
        {
            "video_url": CLIP,
            "prompt": "rain",
            "duration": 5,
            "motion_mode": "normal",
            "quality": "540p",
        },
    ),
    ("modify", "kling-o1-video-to-video-edit"): (
        mk.Modify(CLIP, "put @img0 beside @img1", images=[PICTURE, LAST]),
        {
            "video_url": CLIP,
            "prompt": "put @image1 beside @image2",
            "image_urls": [PICTURE, LAST],
        },
    ),
    ("modify", "kling-o3-video2video-edit"): (
        mk.Modify(CLIP, "rain", allow_undocumented=True),
        {"video_url": CLIP, "prompt": "rain"},
    ),
    ("modify", "wan2.7-videoedit"): (
        mk.Modify(CLIP, "rain", allow_undocumented=True),
        {"video_url": CLIP, "prompt": "rain"},
    ),
    ("live_portrait", "live-portrait-video-to-video"): (
        LivePortrait(FACE, CLIP),
        {"input_video": FACE, "driving_video": CLIP},
    ),
    ("lip_sync", "pixverse-lipsync"): (
        mk.LipSync(CLIP, audio=TALK, allow_undocumented=True),
        {"video_url": CLIP, "audio_url": TALK},
    ),
}
"""One request to each other row, and the body that it becomes."""

UNDOCUMENTED = ["seedance-2.0-fast", "wan2.7-videoedit", "pixverse-lipsync"]

AVERAGES: dict[str, tuple[str, float]] = {
    "kling-2.6-pro-motion-control": ("1.72", 595),
    "kling-2.6-standard-motion-control": ("0.94", 576),
    "wan-animate": ("1.57", 412),
    "scail": ("1.93", 429),
    "p-video-replace": ("0.27", 63),
}
"""USD of a run and seconds of a job, on average."""

RANGES: dict[str, tuple[str, str, str, float]] = {
    "pixverse-v6": ("0.044", "0.42", "2.16", 64),
    "pixverse-5-video": ("0.375", "0.63", "1.00", 69),
    "pixverse-4.5-video": ("0.375", "0.58", "1.00", 46),
}


class Once:
    """Uploads that are simply sent."""

    limiter = None

    def put(self, account: str, slot: str, sha256: str | None, send: Callable[[], str]) -> str:
        return send()


def adapter(**settings: Any) -> Segmind:
    return Segmind("acme", Settings(api_key="key-0123456789", **settings), Once())


def mimic(**values: Any) -> mk.Mimic:
    return mk.Mimic(PICTURE, CLIP, **values)


def sent(model: str, request: Request) -> Any:
    """Return the body that a request becomes; its path is checked on the way."""
    made = adapter()
    offer = offer_of(made, model, request.operation, request.media())
    call = made.prepare(fit_at(made, request, offer, fitting.inspect(request))).call
    assert (call.method, call.path, call.paid) == ("POST", f"/v2/{model}", True)
    return call.json


def fitted(model: str, request: Request) -> fitting.Fit:
    made = adapter()
    offer = pick(made.offers, request.operation, model, target="acme")
    return fitting.fit(request, offer, fitting.inspect(request), made.check)


def lasting(model: str, seconds: float, request: Request) -> fitting.Fit:
    """Return a fit of a request whose clip is known to be so long."""
    made = adapter()
    offer = pick(made.offers, request.operation, model, target="acme")
    facts = fitting.inspect(request)
    facts["video"] = attrs.evolve(facts["video"], kind="video", container="mp4", seconds=seconds)
    return fitting.fit(request, offer, facts, made.check)


def test_every_listed_model_is_stated_here() -> None:
    listed = {(offer.operation, offer.model) for offer in Segmind.offers}
    made = {
        (operation, model) for model in MADE for operation in ("image_to_video", "text_to_video")
    }
    assert listed == {("mimic", model) for model in BARE} | made | set(ONE)
    defaults = {(offer.operation, offer.model) for offer in Segmind.offers if offer.default}
    assert defaults == {
        ("mimic", "pixverse-mimic"),
        ("image_to_video", "pixverse-v6"),
        ("text_to_video", "pixverse-v6"),
        ("live_portrait", "live-portrait-video-to-video"),
        ("transition", "pixverse-5-transition"),
        ("extend", "pixverse-5-extend"),
        ("modify", "kling-o1-video-to-video-edit"),
    }


# What is sent.


@pytest.mark.parametrize("model", BARE)
def test_a_picture_and_a_clip_become_each_models_own_fields(model: str) -> None:
    assert sent(model, mimic()) == BARE[model]


@pytest.mark.parametrize("model", WHOLE)
def test_every_word_that_a_model_knows_goes_under_its_own_name(model: str) -> None:
    values, fields = WHOLE[model]
    assert sent(model, mimic(**values)) == BARE[model] | fields


@pytest.mark.parametrize("model", MADE)
def test_words_become_a_clip_with_and_without_a_picture(model: str) -> None:
    bare, values, fields = MADE[model]
    assert sent(model, mk.TextToVideo("rain")) == bare
    assert sent(model, mk.TextToVideo("rain", **values)) == bare | fields
    picture = {"image_url": PICTURE}
    assert sent(model, mk.ImageToVideo(PICTURE, "rain")) == bare | picture
    assert sent(model, mk.ImageToVideo(PICTURE, "rain", **values)) == bare | picture | fields


@pytest.mark.parametrize("row", ONE, ids=lambda row: row[1])
def test_a_request_goes_under_the_names_that_the_models_page_has(row: tuple[str, str]) -> None:
    request, body = ONE[row]
    assert sent(row[1], request) == body


@pytest.mark.parametrize("model", UNDOCUMENTED)
def test_a_model_whose_page_is_not_known_needs_a_confirmation_and_warns(model: str) -> None:
    (request,) = [one for (_, name), (one, _) in ONE.items() if name == model]
    with pytest.raises(Unsupported) as caught:
        fitted(model, attrs.evolve(request, allow_undocumented=False))
    assert caught.value.field == "allow_undocumented"
    assert "allow_undocumented=True" in str(caught.value.hint)
    (warning,) = fitted(model, request).warnings
    assert warning.startswith(f"the names of {model}'s fields are inferred (")
    assert warning.endswith(f"; see https://www.segmind.com/models/{model}/api")


def test_a_confirmation_says_nothing_of_what_is_wanted() -> None:
    plain, confirmed = mimic(), mimic(allow_undocumented=True)
    facts = fitting.inspect(plain)
    assert plain.fingerprint(facts) == confirmed.fingerprint(facts)
    assert plain.describe() == confirmed.describe()
    assert "allow_undocumented" not in mk.Mimic.arguments()


def test_a_vendors_own_options_go_over_everything() -> None:
    extra = {"segmind": {"mode": "replace", "base64": False}}
    body = sent("wan-animate", mimic(extra=extra))
    assert body == BARE["wan-animate"] | {"mode": "replace", "base64": False}


# What is refused, mapped, told.


@pytest.mark.parametrize(
    ("model", "request_", "field"),
    [
        ("pixverse-mimic", mimic(quality="1080p"), "quality"),
        ("pixverse-mimic", mimic(prompt="x"), "prompt"),
        ("pixverse-mimic", mimic(keep_audio=True), "keep_audio"),
        ("kling-2.6-pro-motion-control", mimic(quality="720p"), "quality"),
        ("kling-2.6-pro-motion-control", mimic(seed=1), "seed"),
        ("kling-2.6-standard-motion-control", mimic(orientation="left"), "orientation"),
        ("wan-animate", mimic(keep_audio=True), "keep_audio"),
        ("wan-animate", mimic(orientation="image"), "orientation"),
        ("scail", mimic(quality="1080p"), "quality"),
        ("scail", mimic(quality="360p"), "quality"),
        ("p-video-animate", mimic(orientation="image"), "orientation"),
        ("p-video-replace", mimic(orientation="image"), "orientation"),
        ("pixverse-v6", mk.TextToVideo("x", duration=16), "duration"),
        ("pixverse-v6", mk.TextToVideo("x", duration=0), "duration"),
        ("pixverse-v6", mk.TextToVideo("x", quality="480p"), "quality"),
        ("pixverse-v6", mk.TextToVideo("x", aspect_ratio="5:4"), "aspect_ratio"),
        ("pixverse-v6", mk.TextToVideo("x", seed=1), "seed"),
        ("pixverse-5-video", mk.TextToVideo("x", duration=6), "duration"),
        ("pixverse-5-video", mk.TextToVideo("x", motion="fast"), "motion"),
        ("pixverse-4.5-video", mk.TextToVideo("x", motion="slow"), "motion"),
        ("pixverse-4.5-video", mk.TextToVideo("x", audio=True), "audio"),
        ("pixverse-4.5-video", mk.TextToVideo("x", motion="fast", duration=8), "duration"),
        ("pixverse-5-video", mk.TextToVideo("x", quality="1080p", duration=8), "duration"),
        ("pixverse-5-video", mk.TextToVideo("x", quality="480p"), "quality"),
        ("pixverse-5-video", mk.TextToVideo("x", aspect_ratio="21:9"), "aspect_ratio"),
        (
            "pixverse-text2video",
            mk.TextToVideo("x", motion="fast", quality="1080p", duration=5),
            "duration",
        ),
        ("pixverse-image2video", mk.ImageToVideo(PICTURE, "x", duration=6), "duration"),
        ("pixverse-5-transition", mk.Transition(PICTURE, LAST, "x", duration=6), "duration"),
        ("kling-2.5-turbo", mk.ImageToVideo(PICTURE, "x", duration=6), "duration"),
        ("kling-3-pro-image2video", mk.ImageToVideo(PICTURE, "x", duration=2), "duration"),
        ("kling-3-pro-image2video", mk.ImageToVideo(PICTURE, "x", duration=16), "duration"),
        (
            "kling-3-standard-image2video",
            mk.ImageToVideo(PICTURE, "x", aspect_ratio="4:3"),
            "aspect_ratio",
        ),
        ("wan2.7-i2v", mk.ImageToVideo(PICTURE, "x", duration=1), "duration"),
        ("wan2.7-i2v", mk.ImageToVideo(PICTURE, "x", duration=16), "duration"),
        ("seedance-2.0", mk.ImageToVideo(PICTURE, "x", duration=3), "duration"),
        ("seedance-2.0-mini", mk.ImageToVideo(PICTURE, "x", quality="1080p"), "quality"),
        ("hailuo-2.3", mk.ImageToVideo(PICTURE, "x", duration=5), "duration"),
        ("hailuo-2.3-fast", mk.ImageToVideo(PICTURE, "x", quality="540p"), "quality"),
        ("p-video-animate", mimic(quality="540p"), "quality"),
        (
            "kling-o3-video2video-edit",
            mk.Modify(CLIP, "x", images=[PICTURE], allow_undocumented=True),
            "images[0]",
        ),
        ("kling-o1-video-to-video-edit", mk.Modify(CLIP, "x", seed=1), "seed"),
        ("pixverse-lipsync", mk.LipSync(CLIP, allow_undocumented=True), "audio"),
        (
            "pixverse-lipsync",
            mk.LipSync(CLIP, text="hi", voice="v", allow_undocumented=True),
            "text",
        ),
    ],
    ids=str,
)
def test_what_a_model_does_not_take_is_refused_by_name_before_anything_is_sent(
    model: str, request_: Request, field: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        fitted(model, request_)
    assert caught.value.field == field
    assert caught.value.billed is Billed.NO


def test_540p_is_delivered_as_576p_by_scail_and_it_says_so() -> None:
    fit = fitted("scail", mimic(quality="540p"))
    assert fit.quality == "576p"
    assert fit.warnings == ("quality='540p' is delivered as '576p'",)
    assert fitted("scail", mimic(quality="720p")).warnings == ()


@pytest.mark.parametrize("model", ["wan-animate", "p-video-replace"])
def test_a_quality_that_no_page_lists_is_sent_and_told(model: str) -> None:
    assert fitted(model, mimic()).warnings == ()
    (told,) = fitted(model, mimic(quality="540p")).warnings
    assert told == f"quality='540p': {model}'s page does not list this value"
    assert fitted(model, mimic(quality="540p")).body["resolution"] == "540p"


def test_a_duration_that_no_page_lists_is_sent_and_told() -> None:
    fit = fitted("wan-2.5-i2v", mk.ImageToVideo(PICTURE, "x", duration=7))
    assert fit.warnings == ("duration=7: wan-2.5-i2v's page does not list this value",)
    assert fit.body["duration"] == "7"
    assert fit.seconds == 7


MOTION_CONTROL = ["kling-2.6-pro-motion-control", "kling-2.6-standard-motion-control"]


@pytest.mark.parametrize("model", MOTION_CONTROL)
@pytest.mark.parametrize(
    ("seconds", "orientation", "limit"),
    [
        (2.9, None, "at least 3 seconds"),
        (30.1, None, "at most 30 seconds"),
        (30.1, "video", "at most 30 seconds"),
        (2.9, "image", "at least 3 seconds with orientation 'image'"),
        (10.1, "image", "at most 10 seconds with orientation 'image'"),
    ],
)
def test_a_clip_outside_a_motion_controls_limits_is_refused(
    model: str, seconds: float, orientation: str | None, limit: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        lasting(model, seconds, mimic(orientation=orientation))
    assert (caught.value.field, caught.value.limit) == ("video", limit)
    assert caught.value.message.endswith(f"the vendor takes {limit}")


@pytest.mark.parametrize("model", MOTION_CONTROL)
@pytest.mark.parametrize(("seconds", "orientation"), [(3, None), (30, "video"), (10, "image")])
def test_a_clip_within_a_motion_controls_limits_fits(
    model: str, seconds: float, orientation: str | None
) -> None:
    assert lasting(model, seconds, mimic(orientation=orientation)).seconds == seconds


@pytest.mark.parametrize(
    ("options", "seconds"),
    [
        ({}, 30.0),
        ({"orientation": "image"}, 10.0),
        ({"extra": {"segmind": {"character_orientation": "image"}}}, 10.0),
    ],
)
def test_a_clip_is_made_to_fit_the_limits_of_its_orientation(
    options: dict[str, Any], seconds: float
) -> None:
    made, request = adapter(), mk.Mimic(PICTURE, b"a clip", fit=True, **options)
    offer = pick(made.offers, "mimic", MOTION_CONTROL[0], target="acme")
    clip = probe.Facts(
        "dance.mp4", kind="video", container="mp4", codec="h264", width=640, height=480,
        seconds=45.0, seconds_high=45.0, size=10**6, sha256="0" * 64,
        details=probe.Details(width=640, height=480, rate=Fraction(30)),
    )  # fmt: skip
    facts = {**fitting.inspect(mimic()), "video": clip}
    fitted = fit_at(made, request, offer, facts)
    assert fitted.recipes["video"].seconds == fitted.facts["video"].seconds_high == seconds


def test_an_orientation_among_the_vendors_own_options_counts_too() -> None:
    extra = {"segmind": {"character_orientation": "image"}}
    made = adapter()
    request = mimic(extra=extra)
    offer = pick(made.offers, "mimic", MOTION_CONTROL[0], target="acme")
    facts = fitting.inspect(request)
    facts["video"] = attrs.evolve(facts["video"], kind="video", container="mp4", seconds=12.0)
    with pytest.raises(InvalidRequest):
        fit_at(made, request, offer, facts)


@pytest.mark.parametrize(
    ("model", "quality", "bounds"),
    [
        ("pixverse-mimic", "360p", ("0.9", "1.125", "1.35")),
        ("pixverse-mimic", "540p", ("1.00", "1.25", "1.50")),
        ("pixverse-mimic", "720p", ("1.20", "1.50", "1.80")),
        ("p-video-animate", "720p", ("0.30", "0.375", "0.45")),
        ("p-video-animate", "1080p", ("0.60", "0.75", "0.90")),
    ],
)
def test_where_the_upstream_rate_is_known_a_quote_goes_by_the_second(
    model: str, quality: str, bounds: tuple[str, str, str]
) -> None:
    quote = pricing.quote(lasting(model, 10, mimic(quality=quality)), adapter().rates)
    assert quote is not None
    assert (quote.low, quote.likely, quote.high) == tuple(map(Decimal, bounds))
    assert quote.basis is Basis.ESTIMATED
    double = pricing.quote(lasting(model, 20, mimic(quality=quality)), adapter().rates)
    assert double is not None
    assert double.likely == 2 * Decimal(bounds[1])


def test_the_price_of_a_clip_of_unknown_length_is_unknown_and_the_rate_is_told() -> None:
    quote = pricing.quote(fitted("pixverse-mimic", mimic()), adapter().rates)
    assert quote is not None
    assert (quote.low, quote.likely, quote.high) == (None, None, None)
    assert any("0.125 USD" in note for note in quote.notes)


@pytest.mark.parametrize("model", AVERAGES)
def test_an_average_is_the_likely_price_without_bounds_so_that_no_cap_passes_it(model: str) -> None:
    average, seconds = AVERAGES[model]
    fit = fitted(model, mimic())
    quote = pricing.quote(fit, adapter().rates)
    assert quote is not None
    assert (quote.low, quote.usd_likely, quote.usd_high) == (None, Decimal(average), None)
    assert (quote.basis, quote.as_of) == (Basis.ESTIMATED, dt.date(2026, 8, 22))
    assert quote.source == "https://www.segmind.com/llms.txt"
    assert fit.offer.expected_seconds == seconds


@pytest.mark.parametrize("model", RANGES)
def test_where_the_page_spans_a_range_it_bounds_the_average(model: str) -> None:
    *bounds, seconds = RANGES[model]
    for request in (mk.TextToVideo("x"), mk.ImageToVideo(PICTURE, "x")):
        fit = fitted(model, request)
        quote = pricing.quote(fit, adapter().rates)
        assert quote is not None
        told = [quote.usd_low, quote.usd_likely, quote.usd_high]
        assert told == [Decimal(str(one)) for one in bounds]
        assert fit.offer.expected_seconds == seconds


def test_the_length_that_is_delivered_is_the_clips_or_the_one_asked_for() -> None:
    request = mk.Mimic(PICTURE, samples.CLIP)
    assert fitted("scail", request).seconds == fitting.inspect(request)["video"].seconds
    assert fitted("scail", mimic()).seconds is None
    assert fitted("pixverse-v6", mk.TextToVideo("x")).seconds == 5
    assert fitted("pixverse-v6", mk.TextToVideo("x", duration=9)).seconds == 9


# Models that no row names.


def test_an_unlisted_model_gets_media_prompt_and_extra_and_has_no_price() -> None:
    extra = {"segmind": {"strength": 0.5}}
    body = sent("some-slug-2.1", mimic(extra=extra, allow_undocumented=True))
    assert body == {"image_url": PICTURE, "video_url": CLIP, "strength": 0.5}
    body = sent("some-slug-2.1", mimic(prompt="x", allow_undocumented=True))
    assert body == {"image_url": PICTURE, "video_url": CLIP, "prompt": "x"}
    with pytest.raises(Unsupported):
        sent("some-slug-2.1", mimic(extra=extra))
    row = adapter().unlisted("mimic", "some-slug-2.1")
    assert row is not None
    assert (row.price, row.evidence) == (None, "inferred")
    assert row.source == "https://www.segmind.com/models/some-slug-2.1/api"


@pytest.mark.parametrize(
    "slug",
    [
        "../requests",
        "a/b",
        "a?x=1",
        "A",
        "a b",
        "a%2Fb",
        "..",
        "-a",
        "a-",
        "a--b",
        "a\n",
        "é",
        "requests",
        "get-user-credits",
    ],
)
def test_what_could_leave_the_models_path_is_no_model(slug: str) -> None:
    assert adapter().unlisted("mimic", slug) is None
    with pytest.raises(Unsupported):
        offer_of(adapter(), slug, "mimic", {})


def test_a_listed_model_does_what_its_rows_say_and_no_more() -> None:
    assert adapter().unlisted("image_to_video", "pixverse-mimic") is None


def test_two_pictures_have_no_names_at_an_unlisted_model() -> None:
    assert adapter().unlisted("transition", "pixverse-5-transition") is None
    assert adapter().unlisted("no_such_operation", "some-slug") is None
    with pytest.raises(Unsupported) as caught:
        sent("some-slug", mk.Modify(CLIP, "x", images=[PICTURE, PICTURE], allow_undocumented=True))
    assert caught.value.field == "images[0]"
