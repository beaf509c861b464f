"""Segmind's models: what is sent to each for the same request, stated as literals."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

import motionkit as mk
from motionkit.errors import Billed, InvalidRequest, Unsupported
from motionkit.model.money import Basis
from motionkit.model.request import Request
from motionkit.provider import fit as fitting
from motionkit.provider import fit_at
from motionkit.provider import quote as pricing
from motionkit.provider.offers import pick
from motionkit.purchase.orders import offer_of
from motionkit.testing import samples
from motionkit_segmind.adapter import Segmind, Settings

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
        WISHED | {"seed": 7, "motion": "fast"},
        SENT | {"seed": 7, "motion_mode": "fast"},
    ),
}
"""What words alone become, all that the model takes besides, and what is sent of that."""

INFERRED: dict[str, tuple[str, str]] = {
    "pixverse-image2video": ("image_to_video", "0.55"),
    "kling-2.6": ("image_to_video", "1.11"),
    "kling-3-pro-image2video": ("image_to_video", "1.94"),
    "kling-2.5-turbo": ("image_to_video", "0.57"),
    "wan-2.2-i2v-fast": ("image_to_video", "0.088"),
    "wan-2.5-i2v": ("image_to_video", "0.86"),
    "wan-2.6-i2v": ("image_to_video", "1.18"),
    "wan2.7-i2v": ("image_to_video", "0.625"),
    "seedance-2.0": ("image_to_video", "1.21"),
    "hailuo-2.3": ("image_to_video", "0.53"),
    "pixverse-5-extend": ("extend", "0.66"),
    "pixverse-lipsync": ("lip_sync", "0.31"),
}
"""Of these the average price alone is on record."""

AVERAGES: dict[str, tuple[str, float]] = {
    "kling-2.6-pro-motion-control": ("1.72", 595),
    "kling-2.6-standard-motion-control": ("0.94", 576),
    "wan-animate": ("1.57", 412),
    "scail": ("1.93", 429),
    "p-video-animate": ("0.41", 90),
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


def test_every_listed_model_is_stated_here() -> None:
    listed = {(offer.operation, offer.model) for offer in Segmind.offers}
    made = {
        (operation, model) for model in MADE for operation in ("image_to_video", "text_to_video")
    }
    inferred = {(operation, model) for model, (operation, _) in INFERRED.items()}
    assert listed == {("mimic", model) for model in BARE} | made | inferred
    defaults = {(offer.operation, offer.model) for offer in Segmind.offers if offer.default}
    assert defaults == {
        ("mimic", "pixverse-mimic"),
        ("image_to_video", "pixverse-v6"),
        ("text_to_video", "pixverse-v6"),
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


@pytest.mark.parametrize("model", INFERRED)
def test_a_model_without_a_page_gets_prompt_and_media_only_and_warns_before_paying(
    model: str,
) -> None:
    operation, price = INFERRED[model]
    requests: dict[str, tuple[Request, dict[str, Any]]] = {
        "image_to_video": (
            mk.ImageToVideo(PICTURE, "rain"),
            {"image_url": PICTURE, "prompt": "rain"},
        ),
        "extend": (mk.Extend(CLIP, "rain"), {"video_url": CLIP, "prompt": "rain"}),
        "lip_sync": (
            mk.LipSync(CLIP, audio="https://h.example/a.mp3"),
            {"video_url": CLIP, "audio_url": "https://h.example/a.mp3"},
        ),
    }
    request, body = requests[operation]
    assert sent(model, request) == body
    fit = fitted(model, request)
    assert any("inferred" in warning and model in warning for warning in fit.warnings)
    quote = pricing.quote(fit, adapter().rates)
    assert quote is not None
    assert (quote.usd_likely, quote.basis) == (Decimal(price), Basis.ESTIMATED)


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
        ("kling-2.6", mk.ImageToVideo(PICTURE, "x", duration=5), "duration"),
        ("pixverse-lipsync", mk.LipSync(CLIP), "audio"),
        ("pixverse-lipsync", mk.LipSync(CLIP, text="hi", voice="v"), "text"),
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


@pytest.mark.parametrize("model", ["wan-animate", "p-video-animate", "p-video-replace"])
def test_a_quality_that_no_page_lists_is_sent_and_told(model: str) -> None:
    assert fitted(model, mimic()).warnings == ()
    (told,) = fitted(model, mimic(quality="540p")).warnings
    assert told == f"quality='540p': {model}'s page does not list this value"
    assert fitted(model, mimic(quality="540p")).body["resolution"] == "540p"


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
    body = sent("some-slug-2.1", mimic(extra=extra))
    assert body == {"image_url": PICTURE, "video_url": CLIP, "strength": 0.5}
    body = sent("some-slug-2.1", mimic(prompt="x"))
    assert body == {"image_url": PICTURE, "video_url": CLIP, "prompt": "x"}
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
        sent("some-slug", mk.Modify(CLIP, "x", images=[PICTURE, PICTURE]))
    assert caught.value.field == "images[0]"
