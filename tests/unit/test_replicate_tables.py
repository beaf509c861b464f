"""Replicate's tables once more, as literals: deleting or changing a row makes a test fail."""

from __future__ import annotations

from decimal import Decimal
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
from motionkit.model.money import Basis
from motionkit.model.submission import Never
from motionkit_replicate import _tables as tables
from motionkit_replicate.adapter import HOSTS, Replicate

MIMIC, IMAGE, TEXT = "mimic", "image_to_video", "text_to_video"
V6 = ("listed", "0.05 0.07 0.09 0.18 0.07 0.09 0.12 0.23")
O1 = ("listed", "0.084 0.112")
OMNI = ("listed", "0.168 0.224 0.224 0.28 0.42")
NONE = (None, "")
PRICES: dict[tuple[str, str], tuple[str | None, str]] = {
    (MIMIC, "kwaivgi/kling-v3-motion-control"): ("listed", "0.07 0.12"),
    (MIMIC, "kwaivgi/kling-v2.6-motion-control"): ("estimated", "0.07 0.12"),
    (MIMIC, "bytedance/dreamactor-m2.0"): ("listed", "0.05"),
    (MIMIC, "wan-video/wan-2.2-animate-replace"): ("estimated", "0.02 0.05"),
    (MIMIC, "wan-video/wan-2.2-animate-animation"): ("estimated", "0.36 0.90 5.40"),
    (MIMIC, "prunaai/p-video-animate"): NONE,
    (MIMIC, "prunaai/p-video-replace"): NONE,
    (IMAGE, "pixverse/pixverse-v6"): V6,
    (IMAGE, "pixverse/pixverse-v6-max"): NONE,
    (IMAGE, "pixverse/pixverse-v5.6"): NONE,
    (IMAGE, "kwaivgi/kling-o1"): O1,
    (IMAGE, "kwaivgi/kling-v3-omni-video"): OMNI,
    (IMAGE, "alibaba/happyhorse-1.0"): ("listed", "0.14 0.28"),
    (IMAGE, "runwayml/gen-4.5"): ("listed", "0.12"),
    (IMAGE, "wan-video/wan-2.2-i2v-fast"): ("listed", "0.05 0.11"),
    (TEXT, "pixverse/pixverse-v6"): V6,
    (TEXT, "pixverse/pixverse-v6-max"): NONE,
    (TEXT, "pixverse/pixverse-v5.6"): NONE,
    (TEXT, "kwaivgi/kling-o1"): O1,
    (TEXT, "kwaivgi/kling-v3-omni-video"): OMNI,
    (TEXT, "alibaba/happyhorse-1.0"): ("listed", "0.14 0.28"),
    (TEXT, "runwayml/gen-4.5"): ("listed", "0.12"),
    ("transition", "pixverse/pixverse-v6"): V6,
    ("transition", "pixverse/pixverse-v5.6"): NONE,
    ("transition", "kwaivgi/kling-o1"): O1,
    ("transition", "kwaivgi/kling-v3-omni-video"): OMNI,
    ("modify", "kwaivgi/kling-o1"): ("listed", "0.126 0.168"),
    ("modify", "runwayml/aleph-2"): ("listed", "0.336"),
    ("modify", "wan-video/wan-2.7-videoedit"): ("estimated", "0.10"),
    ("lip_sync", "pixverse/lipsync"): NONE,
}
"""Operation and model to the basis and the amounts of its price."""
BY_VERSION = "wan-video/wan-2.2-animate-animation"


def test_every_row_has_its_price_with_basis_source_and_day() -> None:
    found: dict[tuple[str, str], tuple[str | None, str]] = {}
    for offer in Replicate.offers:
        price = offer.price
        amounts = "" if price is None else " ".join(str(cell.amount) for cell in price.cells)
        found[offer.operation, offer.model] = (price.basis.value if price else None, amounts)
        assert offer.source == f"https://replicate.com/{offer.model}"
        official = f"/v1/models/{offer.model}/predictions"
        assert offer.path == ("/v1/predictions" if offer.model == BY_VERSION else official)
        if price is not None:
            assert price.source.startswith("https://replicate.com/")
            assert price.basis in {Basis.LISTED, Basis.ESTIMATED}
            assert price.basis is Basis.LISTED or price.note
    assert found == PRICES


def test_each_operation_has_one_default() -> None:
    defaults = [offer.operation for offer in Replicate.offers if offer.default]
    assert sorted(defaults) == sorted({offer.operation for offer in Replicate.offers})


def test_rows_that_others_described_say_so() -> None:
    observed = {offer.model for offer in Replicate.offers if offer.evidence != "documented"}
    assert observed == {"wan-video/wan-2.2-animate-replace", "pixverse/lipsync"}


LIMITS: dict[tuple[str, str], dict[str, dict[str, Any]]] = {
    (MIMIC, "kwaivgi/kling-v3-motion-control"): {
        "image": {
            "min_side": 340,
            "max_side": 3850,
            "max_ratio": 2.5,
            "max_bytes": 10_000_000,
            "formats": ("jpeg", "png"),
        },
        "video": {
            "formats": ("mp4", "mov"),
            "max_bytes": 99_999_999,
            "min_seconds": 3,
            "max_seconds": 30,
            "seconds_by": {"orientation": {"image": (3, 10)}},
        },
    },
    (MIMIC, "bytedance/dreamactor-m2.0"): {
        "image": {"max_bytes": 4_700_000, "min_side": 480, "max_side": 1920},
        "video": {"min_side": 200, "max_side": 2048, "max_seconds": 30},
    },
    (MIMIC, "prunaai/p-video-animate"): {"video": {"formats": ("mp4",)}},
    (MIMIC, "prunaai/p-video-replace"): {"image": {"field": "images", "many": True}},
    ("modify", "kwaivgi/kling-o1"): {"video": {"min_seconds": 3, "max_seconds": 10}},
    ("modify", "runwayml/aleph-2"): {
        "video": {"min_seconds": 2, "max_seconds": 30, "max_bytes": 16_000_000}
    },
    ("modify", "wan-video/wan-2.7-videoedit"): {"video": {"min_seconds": 2, "max_seconds": 10}},
}


@pytest.mark.parametrize(("operation", "model"), LIMITS)
def test_limits_of_media_are_those_of_the_models_pages(operation: str, model: str) -> None:
    offer = next(
        one for one in Replicate.offers if (one.operation, one.model) == (operation, model)
    )
    for argument, limits in LIMITS[operation, model].items():
        slot = offer.media[argument]
        assert {name: getattr(slot, name) for name in limits} == limits


def test_no_file_that_the_vendor_refuses_to_store_is_uploaded() -> None:
    slots = [slot for offer in Replicate.offers for slot in offer.media.values()]
    assert all(slot.max_bytes is not None and slot.max_bytes < 100_000_000 for slot in slots)


def test_status_words() -> None:
    assert dict(tables.STATES) == {
        "starting": (State.QUEUED, Billed.UNKNOWN),
        "processing": (State.RUNNING, Billed.UNKNOWN),
        "succeeded": (State.SUCCEEDED, Billed.YES),
        "failed": (State.FAILED, Billed.UNKNOWN),
        "canceled": (State.FAILED, Billed.YES),
        "aborted": (State.FAILED, Billed.NO),
    }


def test_codes_of_failed_jobs() -> None:
    assert {code: state for code, (state, _) in tables.CODES.items()} == {
        "E005": State.BLOCKED,
        "E1000": State.FAILED,
        "E1001": State.FAILED,
        "E4875": State.FAILED,
        "E6716": State.FAILED,
        "E8765": State.FAILED,
        "E9243": State.FAILED,
        "E9828": State.FAILED,
        "PA": State.FAILED,
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
        413: (MediaRejected, None, True),
        422: (InvalidRequest, None, True),
        429: (RateLimited, None, True),
        500: (ProviderUnavailable, None, False),
        502: (ProviderUnavailable, None, False),
        503: (ProviderUnavailable, None, False),
        504: (ProviderUnavailable, None, False),
    }


def test_the_rest_of_the_tables() -> None:
    assert dict(HOSTS) == {"api": "https://api.replicate.com"}
    assert {"id", "urls"} == tables.JOB_NAMES
    assert set(tables.UNPRICED) == {
        *("prompt", "instruction_prompt", "negative_prompt", "seed", "style", "aspect_ratio"),
        *("cut_first_second", "disable_safety_checker"),
    }
    assert tables.VERSIONS == {
        BY_VERSION: "d6b167d60fdadef11966e5824b19b9c0fc7597d663192c278e67e9d1f2dbbf48"
    }
    assert {BY_VERSION: Decimal("0.003")} == tables.RUN_PRICES
    assert tables.LONGEST_RUN == 1800
    high = next(one for one in Replicate.offers if one.model == BY_VERSION).price
    assert high is not None
    longest = Decimal(int(tables.LONGEST_RUN))
    assert max(cell.amount for cell in high.cells) == tables.RUN_PRICES[BY_VERSION] * longest
    kling, wan = {"720p": "std", "1080p": "pro"}, {"480p": "480", "720p": "720"}
    omni = {"720p": "standard", "1080p": "pro", "4k": "4k"}
    assert {
        "kwaivgi/kling-v3-motion-control": {"mode": kling},
        "kwaivgi/kling-v2.6-motion-control": {"mode": kling},
        "kwaivgi/kling-v3-omni-video": {"mode": omni},
        "wan-video/wan-2.2-animate-replace": {"resolution": wan},
        "wan-video/wan-2.2-animate-animation": {"resolution": wan},
    } == tables.VALUES
    assert isinstance(Replicate.resend, Never)
    assert Replicate.retention.total_seconds() == 3600
    assert Replicate.keeps_files.total_seconds() == 3600
    assert dict(Replicate.cancel_terms.charges) == {State.RUNNING: Billed.YES}


def test_every_neutral_quality_of_a_row_has_the_vendors_word() -> None:
    for offer in Replicate.offers:
        for field, words in tables.VALUES.get(offer.model, {}).items():
            (name,) = (neutral for neutral, one in offer.fields.items() if one == field)
            assert set(offer.allowed[name]) == set(words), offer.model
