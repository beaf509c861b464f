"""Kling's tables once more, as literals: deleting or changing a row makes a test fail."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from motionkit.errors import (
    AuthenticationError,
    Billed,
    Busy,
    ContentBlocked,
    InsufficientCredits,
    InvalidRequest,
    JobNotFound,
    PermissionDenied,
    ProtocolError,
    ProviderUnavailable,
    RateLimited,
)
from motionkit.model.job import State
from motionkit.model.submission import SameId
from motionkit_kling import _tables as tables
from motionkit_kling.adapter import HOSTS, Kling, Settings

MOTION_3, MOTION_2_6 = "2.7 3.6 0.9 1.2", "1.5 2.4 0.5 0.8"
CLIP_3, TURBO, CLIP_2_6, CLIP_2_5 = "0.6 0.8 0.9 1.2 3.0", "0.8 1.0", "0.3 0.5 1.0", "0.3 0.5"
OFFERS: dict[tuple[str, str], tuple[str, str | None]] = {
    ("mimic", "kling-3.0"): ("/motion-control/kling-3.0", MOTION_3),
    ("mimic", "kling-2.6"): ("/motion-control/kling-2.6", MOTION_2_6),
    ("mimic", "kling-v3"): ("/v1/videos/motion-control", MOTION_3),
    ("mimic", "kling-v2-6"): ("/v1/videos/motion-control", MOTION_2_6),
    ("text_to_video", "kling-3.0"): ("/text-to-video/kling-3.0", CLIP_3),
    ("text_to_video", "kling-3.0-turbo"): ("/text-to-video/kling-3.0-turbo", TURBO),
    ("text_to_video", "kling-2.6"): ("/text-to-video/kling-2.6", CLIP_2_6),
    ("text_to_video", "kling-2.5-turbo"): ("/text-to-video/kling-2.5-turbo", CLIP_2_5),
    ("text_to_video", "kling-v2-6"): ("/v1/videos/text2video", CLIP_2_6),
    ("image_to_video", "kling-3.0"): ("/image-to-video/kling-3.0", CLIP_3),
    ("image_to_video", "kling-3.0-turbo"): ("/image-to-video/kling-3.0-turbo", TURBO),
    ("image_to_video", "kling-2.6"): ("/image-to-video/kling-2.6", CLIP_2_6),
    ("image_to_video", "kling-2.5-turbo"): ("/image-to-video/kling-2.5-turbo", CLIP_2_5),
    ("image_to_video", "kling-v2-6"): ("/v1/videos/image2video", CLIP_2_6),
    ("transition", "kling-3.0"): ("/image-to-video/kling-3.0", CLIP_3),
    ("transition", "kling-2.6"): ("/image-to-video/kling-2.6", CLIP_2_6),
    ("transition", "kling-2.5-turbo"): ("/image-to-video/kling-2.5-turbo", CLIP_2_5),
    ("modify", "kling-3.0-omni"): ("/omni-video/kling-3.0-omni", "0.9 1.2 3.0"),
    ("extend", "video-extend"): ("/v1/videos/video-extend", None),
    ("avatar", "avatar"): ("/v1/videos/avatar/image2video", "0.4 0.8"),
    ("scene_effect", "effects"): ("/v1/videos/effects", None),
}


def test_the_offers_are_these_at_these_units() -> None:
    found = {
        (one.operation, one.model): (
            one.path,
            None if one.price is None else " ".join(f"{cell.amount}" for cell in one.price.cells),
        )
        for one in Kling.offers
    }
    assert found == OFFERS
    assert HOSTS == {"api": "https://api-singapore.klingai.com"}
    assert Settings(api_key="k").usd_per_unit == Decimal("0.14")


def test_every_price_has_the_page_and_day_of_its_reading() -> None:
    for offer in Kling.offers:
        assert offer.source.startswith(("https://kling.ai/", "https://app.klingai.com/"))
        if offer.price is not None:
            assert offer.price.fractional
            assert offer.price.source == tables.PRICES
            assert offer.price.as_of.isoformat() == "2026-09-20"


@pytest.mark.parametrize("operation", sorted({operation for operation, _ in OFFERS}))
def test_one_model_of_an_operation_is_meant_where_none_is_named(operation: str) -> None:
    rows = [one for one in Kling.offers if one.operation == operation]
    assert [one.default for one in rows] == [True, *[False] * (len(rows) - 1)]


def test_every_word_has_its_state() -> None:
    assert dict(tables.STATES) == {
        "submitted": (State.QUEUED, Billed.UNKNOWN),
        "processing": (State.RUNNING, Billed.UNKNOWN),
        "succeeded": (State.SUCCEEDED, Billed.YES),
        "succeed": (State.SUCCEEDED, Billed.YES),
        "failed": (State.FAILED, Billed.UNKNOWN),
    }


CODES: dict[int, tuple[type[Any], bool, bool]] = {  # error, refuses, worth waiting for
    1000: (AuthenticationError, True, False),
    1001: (AuthenticationError, True, False),
    1002: (AuthenticationError, True, False),
    1003: (AuthenticationError, True, False),
    1004: (AuthenticationError, True, False),
    1100: (PermissionDenied, True, False),
    1101: (InsufficientCredits, True, False),
    1102: (InsufficientCredits, True, False),
    1103: (PermissionDenied, True, False),
    1200: (InvalidRequest, True, False),
    1201: (InvalidRequest, True, False),
    1202: (InvalidRequest, True, False),
    1203: (InvalidRequest, True, False),
    1300: (ContentBlocked, True, False),
    1301: (ContentBlocked, True, False),
    1302: (RateLimited, True, True),
    1303: (Busy, True, True),
    1304: (PermissionDenied, True, False),
    5000: (ProviderUnavailable, False, False),
    5001: (ProviderUnavailable, False, False),
    5002: (ProviderUnavailable, False, False),
}


def test_every_code_has_its_error_and_only_two_are_worth_waiting_for() -> None:
    found = {
        code: (row.error, row.refuses, row.error in {Busy, RateLimited} or row.passing)
        for code, row in tables.ERRORS.items()
    }
    assert found == CODES


def test_codes_that_mean_several_things_are_split_by_their_text() -> None:
    found = {
        code: {text: (row.error, row.without_job, row.refuses) for text, row in texts}
        for code, texts in tables.TEXTS.items()
    }
    assert found == {
        1201: {
            "already exists": (ProviderUnavailable, None, False),
            "not found by": (JobNotFound, InvalidRequest, True),
            "cannot exceed": (ProtocolError, None, True),
        },
        1002: {"parts, but got": (AuthenticationError, None, True)},
    }


def test_a_status_without_a_code_refuses_only_where_it_says_who_may_not() -> None:
    found = {status: (row.error, row.refuses) for status, row in tables.STATUSES.items()}
    assert found == {
        401: (AuthenticationError, True),
        403: (PermissionDenied, True),
        429: (RateLimited, False),
        500: (ProviderUnavailable, False),
        502: (ProviderUnavailable, False),
        503: (ProviderUnavailable, False),
        504: (ProviderUnavailable, False),
    }


def test_values_have_the_words_of_either_api() -> None:
    assert {key: dict(words) for key, words in tables.SPELLED.items()} == {
        ("keep_audio", False): {True: "original", False: "off"},
        ("keep_audio", True): {True: "yes", False: "no"},
        ("audio", False): {True: "native", False: "off"},
        ("audio", True): {True: "on", False: "off"},
        ("quality", True): {"720p": "std", "1080p": "pro", "4k": "4k"},
    }


def test_an_attempts_id_may_be_sent_twice_at_most() -> None:
    assert Kling.resend == SameId(window=120.0, times=1)
    assert not hasattr(Kling, "cancel"), "the vendor has no such call"
