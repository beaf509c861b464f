"""Runway's tables once more, as literals: deleting or changing a row makes a test fail."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from motionkit.errors import (
    AuthenticationError,
    Billed,
    InsufficientCredits,
    InvalidRequest,
    JobNotFound,
    MediaRejected,
    PermissionDenied,
    ProtocolError,
    ProviderUnavailable,
    RateLimited,
)
from motionkit.model.job import State
from motionkit.model.submission import Never
from motionkit_runway import _tables as tables
from motionkit_runway.adapter import HOSTS, Runway

I2V, T2V = "image_to_video", "text_to_video"
PRICES: dict[tuple[str, str], tuple[str, str]] = {
    ("mimic", "act_two"): ("listed", "5"),
    (I2V, "gen4.5"): ("listed", "12"),
    (I2V, "gen4_turbo"): ("listed", "5"),
    (I2V, "veo3.1"): ("listed", "40 20"),
    (I2V, "veo3.1_fast"): ("listed", "15 10"),
    (I2V, "seedance2"): ("listed", "36 36 40 150"),
    (I2V, "seedance2_fast"): ("listed", "29"),
    (I2V, "seedance2_mini"): ("listed", "16"),
    (I2V, "hailuo3"): ("estimated", "10 15 2"),
    (I2V, "happyhorse_1_0"): ("listed", "15 30"),
    (I2V, "gemini_omni_flash"): ("listed", "10 1"),
    (T2V, "gen4.5"): ("listed", "12"),
    (T2V, "veo3.1"): ("listed", "40 20"),
    (T2V, "veo3.1_fast"): ("listed", "15 10"),
    (T2V, "seedance2"): ("listed", "36 36 40 150"),
    (T2V, "seedance2_fast"): ("listed", "29"),
    (T2V, "seedance2_mini"): ("listed", "16"),
    (T2V, "hailuo3"): ("listed", "10 15"),
    (T2V, "happyhorse_1_0"): ("listed", "15 30"),
    (T2V, "gemini_omni_flash"): ("listed", "10"),
    ("transition", "veo3.1_fast"): ("listed", "15 10"),
    ("transition", "veo3.1"): ("listed", "40 20"),
    ("transition", "seedance2"): ("listed", "36 36 40 150"),
    ("modify", "aleph2"): ("listed", "28"),
    ("modify", "gemini_omni_flash"): ("listed", "11"),
    ("restyle", "aleph2"): ("listed", "28"),
    ("upscale", "magnific_video_upscaler_creative"): ("estimated", "21.6 27 54"),
}
"""Operation and model to the basis and the credits of its price."""
PATHS = {
    "mimic": "/v1/character_performance",
    I2V: "/v1/image_to_video",
    T2V: "/v1/text_to_video",
    "transition": "/v1/image_to_video",
    "modify": "/v1/video_to_video",
    "restyle": "/v1/video_to_video",
    "upscale": "/v1/video_upscale",
}


def test_every_row_has_its_path_model_and_price_with_basis_source_and_day() -> None:
    found: dict[tuple[str, str], tuple[str, str]] = {}
    for offer in Runway.offers:
        price = offer.price
        assert price is not None
        amounts = " ".join(str(cell.amount) for cell in price.cells)
        found[offer.operation, offer.model] = (price.basis.value, amounts)
        assert offer.path == PATHS[offer.operation]
        assert offer.fixed["model"] == offer.model
        assert offer.source == "https://docs.dev.runwayml.com/api"
        assert price.source == tables.PRICES == "https://docs.dev.runwayml.com/guides/pricing"
        assert price.as_of == dt.date(2026, 8, 15)
        assert price.note
    assert found == PRICES


def test_each_operation_has_one_default() -> None:
    defaults = {offer.operation: offer.model for offer in Runway.offers if offer.default}
    assert defaults == {
        "mimic": "act_two",
        I2V: "gen4.5",
        T2V: "gen4.5",
        "transition": "veo3.1_fast",
        "modify": "aleph2",
        "restyle": "aleph2",
        "upscale": "magnific_video_upscaler_creative",
    }
    assert len([offer for offer in Runway.offers if offer.default]) == len(defaults)


LIMITS: dict[tuple[str, str], dict[str, Any]] = {
    ("mimic", "act_two"): {"min_seconds": 3, "max_seconds": 30, "max_bytes": 200_000_000},
    ("modify", "aleph2"): {"min_seconds": 2, "max_seconds": 30, "max_side": 1920},
    ("modify", "gemini_omni_flash"): {"max_seconds": 10},
    ("restyle", "aleph2"): {"min_seconds": 2, "max_seconds": 30, "max_side": 1920},
    ("upscale", "magnific_video_upscaler_creative"): {"max_seconds": 30},
}
RANGES: dict[tuple[str, str], dict[str, Any]] = {
    (T2V, "gen4.5"): {"duration": (2, 10), "seed": (0, 4294967295)},
    (T2V, "seedance2"): {"duration": (4, 15), "seed": (0, 4294967295)},
    (T2V, "hailuo3"): {"duration": (5, 15)},
    (T2V, "happyhorse_1_0"): {"duration": (3, 15)},
    (T2V, "gemini_omni_flash"): {"duration": (3, 10)},
    (T2V, "veo3.1"): {"seed": (0, 4294967295)},
    ("mimic", "act_two"): {"seed": (0, 4294967295)},
}
LENGTHS = {"gen4.5": 1000, "veo3.1": 1000, "seedance2": 3500, "happyhorse_1_0": 2500}


@pytest.mark.parametrize("row", LIMITS, ids="-".join)
def test_limits_of_clips_are_those_of_the_vendors_descriptions(row: tuple[str, str]) -> None:
    offer = next(one for one in Runway.offers if (one.operation, one.model) == row)
    slot = offer.media["video"]
    assert {name: getattr(slot, name) for name in LIMITS[row]} == LIMITS[row]
    assert slot.formats == ("mp4", "mov", "webm")


@pytest.mark.parametrize("row", RANGES, ids="-".join)
def test_ranges_are_those_of_the_vendors_descriptions(row: tuple[str, str]) -> None:
    offer = next(one for one in Runway.offers if (one.operation, one.model) == row)
    assert {name: tuple(pair) for name, pair in offer.ranges.items()} == RANGES[row]
    if row[1] in LENGTHS:
        assert offer.lengths == {"prompt": LENGTHS[row[1]]}


def test_veo_takes_three_durations() -> None:
    rows = [offer for offer in Runway.offers if offer.model.startswith("veo3.1")]
    assert len(rows) == 6
    assert all(tuple(offer.allowed["duration"]) == (4, 6, 8) for offer in rows)


def test_status_words() -> None:
    assert dict(tables.STATES) == {
        "PENDING": (State.QUEUED, Billed.UNKNOWN),
        "THROTTLED": (State.QUEUED, Billed.UNKNOWN),
        "RUNNING": (State.RUNNING, Billed.UNKNOWN),
        "SUCCEEDED": (State.SUCCEEDED, Billed.YES),
        "FAILED": (State.FAILED, Billed.UNKNOWN),
        "CANCELLED": (State.FAILED, Billed.UNKNOWN),
        "CANCELED": (State.FAILED, Billed.UNKNOWN),
    }
    assert {"PENDING", "THROTTLED"} == tables.WAITING
    assert {"CANCELLED", "CANCELED"} == tables.CANCELLED


def test_failure_codes() -> None:
    blocked, failed = State.BLOCKED, State.FAILED
    assert {code: row[:2] for code, row in tables.FAILURES.items()} == {
        "SAFETY.INPUT": (blocked, Billed.UNKNOWN),
        "SAFETY.OUTPUT": (blocked, Billed.UNKNOWN),
        "SAFETY.*": (blocked, Billed.UNKNOWN),
        "INPUT_PREPROCESSING.SAFETY": (blocked, Billed.UNKNOWN),
        "INPUT_PREPROCESSING.INTERNAL": (failed, Billed.NO),
        "INTERNAL.BAD_OUTPUT": (failed, Billed.NO),
        "INTERNAL": (failed, Billed.NO),
        "ASSET.INVALID": (failed, Billed.NO),
        "THIRD_PARTY.UNAVAILABLE": (failed, Billed.NO),
    }


def test_http_statuses() -> None:
    rows = {
        code: (row.error, row.without_job, row.refuses) for code, row in tables.STATUSES.items()
    }
    assert rows == {
        400: (InvalidRequest, None, True),
        401: (AuthenticationError, None, True),
        402: (InsufficientCredits, None, True),
        403: (PermissionDenied, None, True),
        404: (JobNotFound, InvalidRequest, True),
        405: (ProtocolError, None, True),
        408: (ProviderUnavailable, None, False),
        409: (ProviderUnavailable, None, False),
        422: (InvalidRequest, None, False),
        429: (RateLimited, None, True),
        500: (ProviderUnavailable, None, False),
        502: (ProviderUnavailable, None, False),
        503: (ProviderUnavailable, None, False),
        504: (ProviderUnavailable, None, False),
    }
    assert tables.NO_CREDITS == "enough credits"
    assert tables.CREDITS.error is InsufficientCredits
    assert (tables.STALE.error, tables.STALE.stale) == (MediaRejected, True)
    assert (tables.MEDIA.error, tables.MEDIA.stale) == (MediaRejected, False)


def test_names_of_a_job_version_hosts_limits_and_what_the_vendor_does_not_have() -> None:
    assert {"id", "task_id"} == tables.JOB_NAMES
    assert tables.VERSION == "2024-11-06"
    assert dict(HOSTS) == {"api": "https://api.dev.runwayml.com"}
    assert Runway.resend == Never()
    assert (Runway.poll_floor, Runway.poll_calls) == (5.0, 1)
    assert not hasattr(Runway, "find")
    assert not hasattr(Runway, "parse_webhook")
    assert (tables.LEAST_UPLOAD, tables.LONGEST_URL, tables.SHAPES) == (512, 2048, (0.5, 2.358))
    assert tables.KEYS.console == "https://dev.runwayml.com"


def test_ratios_by_model_quality_and_aspect_ratio() -> None:
    gen4 = {
        "16:9": "1280:720",
        "9:16": "720:1280",
        "1:1": "960:960",
        "4:3": "1104:832",
        "3:4": "832:1104",
        "21:9": "1584:672",
    }
    hd, full_hd = (
        {"16:9": "1280:720", "9:16": "720:1280"},
        {"16:9": "1920:1080", "9:16": "1080:1920"},
    )
    seedance = {
        "480p": {
            "16:9": "864:496",
            "9:16": "496:864",
            "1:1": "640:640",
            "4:3": "752:560",
            "3:4": "560:752",
            "21:9": "992:432",
        },
        "720p": {
            **hd,
            "1:1": "960:960",
            "4:3": "1112:834",
            "3:4": "834:1112",
            "21:9": "1470:630",
        },
        "1080p": {
            **full_hd,
            "1:1": "1440:1440",
            "4:3": "1664:1248",
            "3:4": "1248:1664",
            "21:9": "2206:946",
        },
        "4k": {
            "16:9": "3840:2160",
            "9:16": "2160:3840",
            "1:1": "3840:3840",
            "4:3": "3840:2880",
            "3:4": "2880:3840",
            "21:9": "3840:1646",
        },
    }
    found = {
        model: {quality: dict(by) for quality, by in table.items()}
        for model, table in tables.RATIOS.items()
    }
    assert found == {
        **{key: {"720p": gen4} for key in ("act_two", "gen4.5", "gen4_turbo")},
        **{key: {"720p": hd, "1080p": full_hd} for key in ("veo3.1", "veo3.1_fast")},
        **dict.fromkeys(("seedance2", "seedance2_fast", "seedance2_mini"), seedance),
        "happyhorse_1_0": {
            "720p": {**hd, "1:1": "960:960", "4:3": "1108:832", "3:4": "832:1108"},
            "1080p": {**full_hd, "1:1": "1440:1440", "4:3": "1662:1248", "3:4": "1248:1662"},
        },
        "gemini_omni_flash": {"720p": hd},
    }


def test_every_row_that_has_its_quality_by_a_ratio_has_that_ratio() -> None:
    rows = [offer for offer in Runway.offers if offer.fields.get("quality") == ""]
    assert len(rows) == 20
    for offer in rows:
        for quality in offer.allowed["quality"]:
            ratios = tables.RATIOS[offer.model][quality]
            assert set(offer.allowed.get("aspect_ratio", ())) <= set(ratios)


def test_extra_fields_that_never_change_a_price() -> None:
    assert set(Runway.unpriced) == {
        *("bodyControl", "expressionIntensity", "contentModeration", "seed", "promptText"),
        *("negativePrompt", "keyframes", "targetAspectRatio", "creativity", "sharpen"),
        *("smartGrain", "flavor", "ratio"),
    }


def test_paths_of_models_that_no_row_names() -> None:
    assert {name: (path, dict(media)) for name, (path, media) in tables.PATHS.items()} == {
        "mimic": ("/v1/character_performance", {}),
        I2V: ("/v1/image_to_video", {"image": "promptImage"}),
        T2V: ("/v1/text_to_video", {}),
        "modify": ("/v1/video_to_video", {"video": "videoUri"}),
        "restyle": ("/v1/video_to_video", {"video": "videoUri"}),
        "extend": ("/v1/video_to_video", {"video": "videoUri"}),
        "upscale": ("/v1/video_upscale", {"video": "videoUri"}),
    }
