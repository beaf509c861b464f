"""What Segmind's pages say, as one literal table: a row of the adapter that goes missing fails."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import attrs
import pytest

from motionkit.provider import Offer
from motionkit_segmind.adapter import Segmind
from motionkit_segmind.sandbox.models import MODELS

AVERAGES = "https://www.segmind.com/llms.txt"


def page(model: str) -> str:
    """Return the address of a model's page."""
    return f"https://www.segmind.com/models/{model}/api"


PIXVERSE = {
    "prompt": "prompt",
    "duration": "duration",
    "motion": "motion_mode",
    "quality": "quality",
    "seed": "seed",
}
RATIOS = ("16:9", "4:3", "1:1", "3:4", "9:16")
QUALITIES = ("360p", "540p", "720p", "1080p")
BELOW_1080P = ("360p", "540p", "720p")
EIGHT_SECONDS = {"duration": (5, 8), "motion": ("normal",), "quality": BELOW_1080P}
FIVE_SECONDS = {"duration": (5,)}
BEFORE = {"duration": 5, "motion": "normal", "quality": "540p"}
"""What is sent of the fields that the pages of PixVerse's models require."""
KLING_3 = {
    "fields": {
        "prompt": "prompt",
        "duration": "duration",
        "aspect_ratio": "aspect_ratio",
        "negative_prompt": "negative_prompt",
        "audio": "generate_audio",
    },
    "media": {"image": "start_image_url"},
    "defaults": {"duration": 5},
    "ranges": {"duration": (3, 15)},
    "allowed": {"aspect_ratio": ("16:9", "9:16", "1:1")},
    "spelling": {"duration": "text"},
    "max_bytes": {"image": 50_000_000},
}
SEEDANCE = {
    "fields": {
        "prompt": "prompt",
        "duration": "duration",
        "quality": "resolution",
        "aspect_ratio": "aspect_ratio",
        "audio": "generate_audio",
        "seed": "seed",
    },
    "media": {"image": "first_frame_url"},
    "ranges": {"duration": (4, 15)},
    "allowed": {"quality": ("480p", "720p")},
}
HAILUO = {
    "fields": {"prompt": "prompt", "duration": "duration", "quality": "resolution"},
    "media": {"image": "first_frame_image"},
    "allowed": {"duration": (6, 10), "quality": ("768p", "1080p")},
    "quality_map": {"720p": "768p"},
}

FACTS: Mapping[tuple[str, str], Mapping[str, Any]] = {
    ("image_to_video", "pixverse-5-video"): {
        "fields": PIXVERSE | {"aspect_ratio": "aspect_ratio", "negative_prompt": "negative_prompt"},
        "media": {"image": "image_url"},
        "defaults": BEFORE,
        "allowed": {
            "quality": QUALITIES,
            "aspect_ratio": RATIOS,
            "duration": (5, 8),
            "motion": ("normal",),
        },
        "combinations": (EIGHT_SECONDS, FIVE_SECONDS),
        "price": ("0.375", "0.63", "1.00"),
        "seconds": 69,
    },
    ("text_to_video", "pixverse-5-video"): {
        "fields": PIXVERSE | {"aspect_ratio": "aspect_ratio", "negative_prompt": "negative_prompt"},
        "defaults": BEFORE,
        "allowed": {
            "quality": QUALITIES,
            "aspect_ratio": RATIOS,
            "duration": (5, 8),
            "motion": ("normal",),
        },
        "combinations": (EIGHT_SECONDS, FIVE_SECONDS),
        "price": ("0.375", "0.63", "1.00"),
        "seconds": 69,
    },
    ("image_to_video", "pixverse-4.5-video"): {
        "fields": PIXVERSE | {"aspect_ratio": "aspect_ratio", "negative_prompt": "negative_prompt"},
        "media": {"image": "image_url"},
        "defaults": BEFORE,
        "allowed": {
            "quality": QUALITIES,
            "aspect_ratio": RATIOS,
            "duration": (5, 8),
            "motion": ("normal", "fast"),
        },
        "combinations": (EIGHT_SECONDS, FIVE_SECONDS),
        "price": ("0.375", "0.58", "1.00"),
        "seconds": 46,
    },
    ("text_to_video", "pixverse-4.5-video"): {
        "fields": PIXVERSE | {"aspect_ratio": "aspect_ratio", "negative_prompt": "negative_prompt"},
        "defaults": BEFORE,
        "allowed": {
            "quality": QUALITIES,
            "aspect_ratio": RATIOS,
            "duration": (5, 8),
            "motion": ("normal", "fast"),
        },
        "combinations": (EIGHT_SECONDS, FIVE_SECONDS),
        "price": ("0.375", "0.58", "1.00"),
        "seconds": 46,
    },
    ("text_to_video", "pixverse-text2video"): {
        "fields": PIXVERSE | {"aspect_ratio": "aspect_ratio", "negative_prompt": "negative_prompt"},
        "defaults": BEFORE | {"aspect_ratio": "16:9"},
        "allowed": {
            "quality": QUALITIES,
            "aspect_ratio": RATIOS,
            "duration": (5, 8),
            "motion": ("normal", "fast"),
        },
        "combinations": (
            EIGHT_SECONDS,
            {"duration": (5,), "motion": ("normal",)},
            {"duration": (5,), "quality": BELOW_1080P},
        ),
        "price": ("0.375", "0.428", "1.00"),
        "seconds": 44.2,
    },
    ("image_to_video", "pixverse-image2video"): {
        "fields": PIXVERSE | {"negative_prompt": "negative_prompt"},
        "media": {"image": "image_url"},
        "defaults": BEFORE,
        "allowed": {"duration": (5, 8)},
        "price": (None, "0.55", None),
    },
    ("text_to_video", "kling-2.6"): {
        "fields": {
            "prompt": "prompt",
            "duration": "duration",
            "aspect_ratio": "aspect_ratio",
            "negative_prompt": "negative_prompt",
            "audio": "generate_audio",
        },
        "spelling": {"duration": "text"},
        "price": ("0.438", "1.11", "1.75"),
        "seconds": 123.3,
    },
    ("image_to_video", "kling-3-pro-image2video"): KLING_3 | {"price": (None, "1.94", None)},
    ("image_to_video", "kling-3-standard-image2video"): KLING_3
    | {"price": ("0.504", "1.24", "8.40"), "seconds": 108.6},
    ("image_to_video", "kling-2.5-turbo"): {
        "fields": {"prompt": "prompt", "duration": "duration", "aspect_ratio": "aspect_ratio"},
        "media": {"image": "image_url"},
        "defaults": {"duration": 5},
        "allowed": {"duration": (5, 10)},
        "spelling": {"duration": "text"},
        "price": ("0.440", "0.57", "0.880"),
    },
    ("image_to_video", "wan-2.2-i2v-fast"): {
        "fields": {"prompt": "prompt", "quality": "resolution"},
        "media": {"image": "image"},
        "defaults": {"quality": "480p"},
        "price": (None, "0.088", None),
    },
    ("image_to_video", "wan-2.5-i2v"): {
        "fields": {"prompt": "prompt", "duration": "duration", "quality": "resolution"},
        "media": {"image": "image"},
        "defaults": {"duration": 5},
        "spelling": {"duration": "text"},
        "price": (None, "0.86", None),
    },
    ("image_to_video", "wan-2.6-i2v"): {
        "fields": {
            "prompt": "prompt",
            "duration": "duration",
            "quality": "resolution",
            "negative_prompt": "negative_prompt",
            "multi_clip": "multi_shots",
        },
        "media": {"image": "image"},
        "defaults": {"duration": 5, "quality": "720p"},
        "price": ("0.625", "1.18", "2.81"),
        "seconds": 129.1,
    },
    ("image_to_video", "wan2.7-i2v"): {
        "fields": {
            "prompt": "prompt",
            "duration": "duration",
            "quality": "resolution",
            "negative_prompt": "negative_prompt",
        },
        "media": {"image": "image"},
        "defaults": {"duration": 5, "quality": "720p"},
        "ranges": {"duration": (2, 15)},
        "spelling": {"quality": "upper"},
        "price": ("0.625", "0.625", "0.938"),
        "seconds": 137.7,
    },
    ("image_to_video", "seedance-2.0"): SEEDANCE
    | {"price": (None, "1.21", None), "seconds": 163.1},
    ("image_to_video", "seedance-2.0-mini"): SEEDANCE
    | {"price": (None, "0.40", None), "seconds": 146.8},
    ("image_to_video", "seedance-2.0-fast"): SEEDANCE
    | {"price": (None, "0.77", None), "seconds": 86.7, "evidence": "inferred"},
    ("image_to_video", "hailuo-2.3"): HAILUO
    | {"defaults": {"duration": 6, "quality": "768p"}, "price": ("0.350", "0.53", "0.700")},
    ("image_to_video", "hailuo-2.3-fast"): HAILUO
    | {
        "defaults": {"duration": 6, "quality": "1080p"},
        "price": ("0.24", "0.39", "0.41"),
        "seconds": 113.3,
    },
    ("transition", "pixverse-5-transition"): {
        "fields": PIXVERSE,
        "media": {"first_frame": "first_frame_url", "last_frame": "last_frame_url"},
        "defaults": BEFORE,
        "allowed": {"duration": (5, 8)},
        "price": ("0.375", "0.50", "1.00"),
        "seconds": 76.7,
    },
    ("extend", "pixverse-5-extend"): {
        "fields": {
            "prompt": "prompt",
            "duration": "duration",
            "motion": "motion_mode",
            "quality": "quality",
        },
        "media": {"video": "video_url"},
        "defaults": BEFORE,
        "price": (None, "0.66", None),
    },
    ("modify", "kling-o1-video-to-video-edit"): {
        "fields": {"prompt": "prompt"},
        "media": {"video": "video_url", "images": "image_urls"},
        "price": (None, "1.28", None),
        "seconds": 223.4,
    },
    ("modify", "kling-o3-video2video-edit"): {
        "fields": {"prompt": "prompt"},
        "media": {"video": "video_url"},
        "max_side": {"video": 2160},
        "price": (None, "2.31", None),
        "seconds": 210.2,
        "evidence": "inferred",
    },
    ("modify", "wan2.7-videoedit"): {
        "fields": {"prompt": "prompt"},
        "media": {"video": "video_url"},
        "price": (None, "0.625", None),
        "evidence": "inferred",
    },
    ("live_portrait", "live-portrait-video-to-video"): {
        "media": {"video": "input_video", "driving_video": "driving_video"},
        "price": (None, "0.279", None),
        "seconds": 74.6,
    },
    ("lip_sync", "pixverse-lipsync"): {
        "media": {"video": "video_url", "audio": "audio_url"},
        "required": ("audio",),
        "price": (None, "0.31", None),
        "evidence": "inferred",
    },
    ("mimic", "p-video-animate"): {
        "fields": {
            "prompt": "instruction_prompt",
            "quality": "resolution",
            "keep_audio": "save_audio",
            "seed": "seed",
        },
        "media": {"image": "image", "video": "video"},
        "defaults": {"quality": "720p"},
        "allowed": {"quality": ("720p", "1080p")},
        "rates": {
            ("low", "720p"): "0.03",
            ("low", "1080p"): "0.06",
            ("likely", "720p"): "0.0375",
            ("likely", "1080p"): "0.075",
            ("high", "720p"): "0.045",
            ("high", "1080p"): "0.09",
        },
        "seconds": 90,
    },
    ("mimic", "pixverse-mimic"): {
        "fields": {"quality": "quality"},
        "media": {"image": "image_url", "video": "video_url"},
        "defaults": {"quality": "540p"},
        "allowed": {"quality": ("360p", "540p", "720p")},
        "max_bytes": {"image": 20_000_000, "video": 100_000_000},
        "max_side": {"image": 10_000, "video": 1920},
        "rates": {
            ("low", "360p"): "0.09",
            ("low", "540p"): "0.10",
            ("low", "720p"): "0.12",
            ("likely", "360p"): "0.1125",
            ("likely", "540p"): "0.125",
            ("likely", "720p"): "0.15",
            ("high", "360p"): "0.135",
            ("high", "540p"): "0.15",
            ("high", "720p"): "0.18",
        },
        "seconds": 132.6,
    },
}
"""Operation and model to what its page says, by aspect.

Sources: fields, values, limits, price spans and durations `page(model)`, average prices `AVERAGES`,
both read by 2026-11-26. The rates are PixVerse's and Pruna's own, times 1.0, 1.25 and 1.5.
"""

ELSEWHERE = {
    ("mimic", "kling-2.6-pro-motion-control"),
    ("mimic", "kling-2.6-standard-motion-control"),
    ("mimic", "wan-animate"),
    ("mimic", "scail"),
    ("mimic", "p-video-replace"),
    ("image_to_video", "pixverse-v6"),
    ("text_to_video", "pixverse-v6"),
}
"""Rows that `test_segmind_models` states."""


def stated(offer: Offer) -> Iterator[tuple[str, Any]]:
    """Yield what a row says, by aspect; nothing of what it leaves out."""
    for name in ("fields", "defaults", "quality_map", "spelling", "required"):
        if value := getattr(offer, name):
            yield name, value if isinstance(value, tuple) else dict(value)
    for name in ("allowed", "ranges"):
        if value := getattr(offer, name):
            yield name, {key: tuple(one) for key, one in value.items()}
    if offer.combinations:
        yield (
            "combinations",
            tuple({key: tuple(one) for key, one in row.items()} for row in offer.combinations),
        )
    if offer.media:
        yield "media", {key: one.field for key, one in offer.media.items()}
    yield from limits_of(offer)
    if offer.evidence != "documented":
        yield "evidence", offer.evidence
    if offer.expected_seconds:
        yield "seconds", offer.expected_seconds
    yield priced(offer)


def limits_of(offer: Offer) -> Iterator[tuple[str, Any]]:
    """Yield the limits of a row's media."""
    for name in ("max_bytes", "max_side"):
        limits = {key: getattr(one, name) for key, one in offer.media.items()}
        if any(limits.values()):
            yield name, {key: one for key, one in limits.items() if one}


def priced(offer: Offer) -> tuple[str, Any]:
    """Return the aspect and the amounts of a row's price."""
    assert offer.price is not None
    cells = offer.price.cells
    if all(cell.per == "run" for cell in cells):
        by_bound = {cell.bound: cell.amount for cell in cells}
        return "price", tuple(by_bound.get(bound) for bound in ("low", "likely", "high"))
    return "rates", {(cell.bound, cell.when["quality"]): cell.amount for cell in cells}


def typed(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of the table with its amounts as decimals."""
    found = dict(facts)
    if "price" in found:
        found["price"] = tuple(None if one is None else Decimal(one) for one in found["price"])
    if "rates" in found:
        found["rates"] = {key: Decimal(one) for key, one in found["rates"].items()}
    return found


def rows() -> dict[tuple[str, str], Offer]:
    return {(offer.operation, offer.model): offer for offer in Segmind.offers}


def test_the_table_and_the_adapter_have_the_same_rows() -> None:
    assert len(rows()) == len(Segmind.offers)
    assert set(rows()) == set(FACTS) | ELSEWHERE


@pytest.mark.parametrize("row", FACTS, ids="-".join)
def test_a_row_says_what_the_table_says_and_no_more(row: tuple[str, str]) -> None:
    offer = rows()[row]
    assert dict(stated(offer)) == typed(FACTS[row])
    assert offer.source == page(offer.model)
    assert offer.path == f"/v2/{offer.model}"
    assert offer.price is not None
    assert offer.price.source == AVERAGES


@pytest.mark.parametrize("row", FACTS, ids="-".join)
def test_the_sandbox_has_each_field_of_a_row_by_its_own_table(row: tuple[str, str]) -> None:
    offer = rows()[row]
    known = set(MODELS[offer.model].parameters)
    sent = {*offer.fields.values(), *(one.field for one in offer.media.values())}
    assert sent <= known
    required = {name for name, one in MODELS[offer.model].parameters.items() if one.required}
    always = {offer.fields[name] for name in offer.defaults} | {"prompt"}
    assert required <= always | {one.field for one in offer.media.values()}


@pytest.mark.parametrize("row", FACTS, ids="-".join)
def test_a_row_without_one_of_its_facts_is_told_from_the_table(row: tuple[str, str]) -> None:
    """Deleting what a row says, entry by entry, changes what it states."""
    offer = rows()[row]
    names = ("fields", "defaults", "allowed", "ranges", "media", "spelling", "quality_map")
    for name in names:
        for key in getattr(offer, name):
            left = {other: one for other, one in getattr(offer, name).items() if other != key}
            assert dict(stated(attrs.evolve(offer, **{name: left}))) != typed(FACTS[row])


def test_the_limits_of_motion_control_are_klings_own() -> None:
    for model in ("kling-2.6-pro-motion-control", "kling-2.6-standard-motion-control"):
        clip = rows()["mimic", model].media["video"]
        assert (clip.min_seconds, clip.max_seconds) == (3, 30)
        assert clip.seconds_by == {"orientation": {"image": (3, 10)}}
        assert clip.source == "https://kling.ai/document-api"


def test_the_marks_of_images_are_those_of_the_pages() -> None:
    marks = {model: offer.image_mark for (_, model), offer in rows().items() if offer.image_mark}
    assert marks == {"kling-o1-video-to-video-edit": "@image{}"}
