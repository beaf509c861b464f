"""fal's tables once more, as literals: deleting or changing a row makes a test fail."""

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
    MediaRejected,
    PermissionDenied,
    ProtocolError,
    ProviderUnavailable,
    RateLimited,
)
from motionkit.model.job import State
from motionkit.model.money import Basis
from motionkit.model.submission import Never
from motionkit_fal import _tables as tables
from motionkit_fal.adapter import HOSTS, Fal

MIMIC = "mimic"
PRICES: dict[tuple[str, str], tuple[str | None, str]] = {
    (MIMIC, "fal-ai/wan/v2.2-14b/animate/move"): ("estimated", "0.04 0.06 0.08"),
    (MIMIC, "fal-ai/wan/v2.2-14b/animate/replace"): ("listed", "0.04 0.06 0.08"),
    (MIMIC, "fal-ai/wan-motion"): ("listed", "0.06"),
    (MIMIC, "fal-ai/kling-video/v2.6/standard/motion-control"): ("estimated", "0.07"),
    (MIMIC, "fal-ai/kling-video/v2.6/pro/motion-control"): ("estimated", "0.112"),
    (MIMIC, "fal-ai/kling-video/v3/standard/motion-control"): ("estimated", "0.126"),
    (MIMIC, "fal-ai/kling-video/v3/pro/motion-control"): ("estimated", "0.126 0.168"),
    (MIMIC, "fal-ai/bytedance/dreamactor/v2"): ("estimated", "0.10"),
    (MIMIC, "fal-ai/steady-dancer"): (None, ""),
    (MIMIC, "fal-ai/scail"): (None, ""),
    (MIMIC, "fal-ai/scail-2"): ("listed", "0.20"),
    (MIMIC, "fal-ai/one-to-all-animation/14b"): ("listed", "0.06 0.09 0.12"),
    (MIMIC, "fal-ai/one-to-all-animation/1.3b"): (None, ""),
    (MIMIC, "moonvalley/marey/motion-transfer"): (None, ""),
    (MIMIC, "moonvalley/marey/pose-transfer"): (None, ""),
    ("image_to_video", "fal-ai/pixverse/v6/image-to-video"): (
        "estimated",
        "0.025 0.035 0.045 0.090 0.035 0.045 0.060 0.115",
    ),
    ("image_to_video", "fal-ai/kling-video/v2.6/pro/image-to-video"): ("listed", "0.07 0.14"),
    ("image_to_video", "fal-ai/kling-video/v3/pro/image-to-video"): ("listed", "0.112 0.168"),
    ("text_to_video", "fal-ai/pixverse/v6/text-to-video"): (
        "listed",
        "0.025 0.035 0.045 0.090 0.035 0.045 0.060 0.115",
    ),
    ("transition", "fal-ai/pixverse/v6/transition"): (
        "estimated",
        "0.025 0.035 0.045 0.090 0.035 0.045 0.060 0.115",
    ),
    ("transition", "fal-ai/pixverse/v5.6/transition"): (
        "listed",
        "0.35 0.35 0.45 0.75 0.70 0.70 0.90 1.50 0.77 0.77 0.99",
    ),
    ("extend", "fal-ai/pixverse/v6/extend"): (
        "listed",
        "0.025 0.035 0.045 0.090 0.035 0.045 0.060 0.115",
    ),
    ("lip_sync", "fal-ai/pixverse/lipsync"): ("listed", "0.04 0.24"),
    ("upscale", "fal-ai/topaz/upscale/video"): ("estimated", "0.01 0.02 0.16"),
    ("restyle", "decart/lucy-restyle"): ("listed", "0.01"),
    ("restyle", "fal-ai/luma-dream-machine/ray-2-flash/modify"): ("listed", "0.12"),
    ("modify", "fal-ai/wan/v2.7/edit-video"): ("listed", "0.10"),
    ("modify", "alibaba/happy-horse/video-edit"): ("listed", "0.28 0.56"),
    ("modify", "fal-ai/kling-video/o3/standard/video-to-video/edit"): (
        "estimated",
        "0.126 0.126 0.252",
    ),
    ("modify", "fal-ai/kling-video/o3/pro/video-to-video/edit"): (
        "estimated",
        "0.168 0.168 0.336",
    ),
}
"""Operation and model to the basis and the amounts of its price."""


def test_every_row_has_its_price_with_basis_source_and_day() -> None:
    found: dict[tuple[str, str], tuple[str | None, str]] = {}
    for offer in Fal.offers:
        price = offer.price
        amounts = "" if price is None else " ".join(str(cell.amount) for cell in price.cells)
        found[offer.operation, offer.model] = (price.basis.value if price else None, amounts)
        assert offer.source.startswith("https://fal.ai/models/")
        assert offer.path == f"/{offer.model}"
        if price is not None:
            assert price.source.startswith("https://fal.ai/")
            assert price.basis in {Basis.LISTED, Basis.ESTIMATED}
            assert price.basis is Basis.LISTED or price.note
    assert found == PRICES
    assert all(
        isinstance(Decimal(one), Decimal) for _, text in found.values() for one in text.split()
    )


def test_each_operation_has_one_default() -> None:
    defaults = [offer.operation for offer in Fal.offers if offer.default]
    assert sorted(defaults) == sorted({offer.operation for offer in Fal.offers})


LIMITS: dict[str, dict[str, Any]] = {
    "fal-ai/kling-video/v3/pro/motion-control": {
        "image": {"min_side": 340, "max_side": 3850, "max_ratio": 2.5, "formats": ("jpeg", "png")},
        "video": {
            "formats": ("mp4", "mov"),
            "min_seconds": 3,
            "max_seconds": 30,
            "seconds_by": {"orientation": {"image": (3, 10)}},
        },
    },
    "fal-ai/bytedance/dreamactor/v2": {
        "image": {"max_bytes": 4_700_000, "min_side": 480, "max_side": 1920},
        "video": {"min_side": 200, "max_side": 2048, "max_seconds": 30},
    },
    "fal-ai/scail-2": {"image": {}, "video": {"max_seconds": 10}},
}


@pytest.mark.parametrize("model", LIMITS)
def test_limits_of_media_are_those_of_the_vendors_descriptions(model: str) -> None:
    offer = next(one for one in Fal.offers if one.model == model)
    for argument, limits in LIMITS[model].items():
        slot = offer.media[argument]
        assert {name: getattr(slot, name) for name in limits} == limits


def test_status_words() -> None:
    assert dict(tables.STATES) == {
        "IN_QUEUE": (State.QUEUED, Billed.UNKNOWN),
        "IN_PROGRESS": (State.RUNNING, Billed.UNKNOWN),
        "COMPLETED": (State.SUCCEEDED, Billed.YES),
    }


def test_error_types_of_a_finished_job() -> None:
    free = (State.FAILED, Billed.NO)
    assert dict(tables.ENDINGS) == {
        "request_timeout": free,
        "startup_timeout": free,
        "runner_scheduling_failure": free,
        "runner_connection_timeout": free,
        "runner_connection_refused": free,
        "runner_connection_error": free,
        "runner_disconnected": free,
        "runner_incomplete_response": free,
        "runner_server_error": free,
        "generation_timeout": free,
        "client_cancelled": (State.FAILED, Billed.UNKNOWN),
        "client_disconnected": (State.FAILED, Billed.UNKNOWN),
        "content_policy_violation": (State.BLOCKED, Billed.UNKNOWN),
    }
    assert tables.CANCELLED == "client_cancelled"
    assert frozenset({400, 422, 499}) == tables.STATED


def test_http_statuses() -> None:
    rows = {
        code: (row.error, row.without_job, row.refuses) for code, row in tables.STATUSES.items()
    }
    assert rows == {
        400: (InvalidRequest, None, True),
        401: (AuthenticationError, None, True),
        403: (PermissionDenied, None, True),
        404: (JobNotFound, InvalidRequest, True),
        405: (ProtocolError, None, True),
        408: (ProviderUnavailable, None, False),
        409: (ProviderUnavailable, None, False),
        422: (InvalidRequest, None, True),
        429: (RateLimited, None, True),
        499: (ProviderUnavailable, None, False),
        500: (ProviderUnavailable, None, False),
        502: (ProviderUnavailable, None, False),
        503: (ProviderUnavailable, None, False),
        504: (ProviderUnavailable, None, False),
    }


def test_texts_of_a_locked_account() -> None:
    assert {text: row.error for text, row in tables.LOCKED} == {
        "exhausted balance": InsufficientCredits,
        "budget exceeded": InsufficientCredits,
        "payment method": InsufficientCredits,
    }


def test_error_types_of_a_refusal() -> None:
    media = (
        *("file_download_error", "image_load_error", "file_too_large", "image_too_small"),
        *("image_too_large", "face_detection_error", "unsupported_image_format"),
        *("unsupported_video_format", "unsupported_audio_format", "video_duration_too_long"),
        *("video_duration_too_short", "audio_duration_too_long", "audio_duration_too_short"),
    )
    assert {name: row.error for name, row in tables.TYPES.items()} == {
        "content_policy_violation": ContentBlocked,
        "concurrent_requests_limit": Busy,
        **dict.fromkeys(media, MediaRejected),
    }


def test_the_rest_of_the_tables() -> None:
    assert dict(HOSTS) == {
        "api": "https://queue.fal.run",
        "upload": "https://rest.fal.ai",
        "platform": "https://api.fal.ai",
    }
    assert {
        "request_id",
        "gateway_request_id",
        "status_url",
        "response_url",
        "cancel_url",
    } == tables.JOB_NAMES
    assert set(tables.UNPRICED) == {
        *("prompt", "negative_prompt", "seed", "guidance_scale", "enable_safety_checker"),
        "style",
    }
    assert isinstance(Fal.resend, Never)
    assert Fal.retention.days == 30
    assert Fal.keeps_files.days == 7
    assert dict(Fal.cancel_terms.charges) == {State.QUEUED: Billed.NO}
