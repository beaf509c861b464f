"""Map Runway's status words, failure codes and HTTP statuses to states and errors; its ratios.

Vendor pages: words https://docs.dev.runwayml.com/api, failure codes
https://docs.dev.runwayml.com/errors/task-failures, HTTP statuses
https://docs.dev.runwayml.com/errors/errors, limits https://docs.dev.runwayml.com/usage/tiers. The
words are those of the vendor's OpenAPI document of 2026-08-08 and of its clients (runwayml 5.24.0
of 2026-10-23); the pages were read on 2026-11-26, some in a third party's copy of 2026-08-15.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from types import MappingProxyType

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
from motionkit.provider import SERVER_ERRORS, ErrorRow, KeyHelp

VERSION = "2024-11-06"
"""The version of the API, which every call has to name: https://docs.dev.runwayml.com/api"""
CONSOLE = "https://dev.runwayml.com"
KEYS = KeyHelp(CONSOLE, looks="key_ and hexadecimal digits")
"""The page of the console that makes keys: https://docs.dev.runwayml.com/guides/setup"""

DONE = "SUCCEEDED"
STATES: Mapping[str, tuple[State, Billed]] = MappingProxyType(
    {
        "PENDING": (State.QUEUED, Billed.UNKNOWN),
        "THROTTLED": (State.QUEUED, Billed.UNKNOWN),  # above the tier's limit; starts later
        "RUNNING": (State.RUNNING, Billed.UNKNOWN),
        DONE: (State.SUCCEEDED, Billed.YES),
        "FAILED": (State.FAILED, Billed.UNKNOWN),
        "CANCELLED": (State.FAILED, Billed.UNKNOWN),
        "CANCELED": (State.FAILED, Billed.UNKNOWN),  # in places of the vendor's pages
    }
)
"""Status word to state. Any other word: UNKNOWN. What an ended task cost, it says itself."""

WAITING = frozenset({"PENDING", "THROTTLED"})
"""Words in which a task is cancelled. One that the vendor sees running is charged all the same, and
one that ends before the call arrives is deleted with its output (runwayml 5.24.0)."""
CANCELLED = frozenset({"CANCELLED", "CANCELED"})

FAILURES: Mapping[str, tuple[State, Billed, str]] = MappingProxyType(
    {
        "SAFETY.INPUT": (State.BLOCKED, Billed.UNKNOWN, "moderation rejected the input"),
        "SAFETY.OUTPUT": (State.BLOCKED, Billed.UNKNOWN, "moderation rejected the output"),
        "SAFETY.*": (State.BLOCKED, Billed.UNKNOWN, "moderation rejected it"),
        "INPUT_PREPROCESSING.SAFETY": (
            State.BLOCKED,
            Billed.UNKNOWN,
            "moderation rejected the prompt",
        ),
        "INPUT_PREPROCESSING.INTERNAL": (
            State.FAILED,
            Billed.NO,
            "the vendor failed to prepare the input",
        ),
        "INTERNAL.BAD_OUTPUT": (State.FAILED, Billed.NO, "the output failed the quality check"),
        "INTERNAL": (State.FAILED, Billed.NO, "the vendor failed"),
        "ASSET.INVALID": (State.FAILED, Billed.NO, "a file could not be fetched or used"),
        "THIRD_PARTY.UNAVAILABLE": (State.FAILED, Billed.NO, "the model's own vendor failed"),
    }
)
"""First two parts of a failure code to the state, the charge and the meaning; a third part is
diagnostic. The charge is that of the page, for a task that does not state its cost; the pages
disagree on moderated ones. Any other code, and none, is FAILED with an unknown charge."""

JOB_NAMES = frozenset({"id", "task_id"})
"""Keys that identify a task in the response to a submit; a refusal has none of them."""

STATUSES: Mapping[int, ErrorRow] = MappingProxyType(
    {
        400: ErrorRow(InvalidRequest, "the request is invalid"),
        401: ErrorRow(AuthenticationError, "the key is missing or wrong"),
        402: ErrorRow(InsufficientCredits, "there are not enough credits", hint=CONSOLE),
        403: ErrorRow(PermissionDenied, "the organization may not use this"),
        404: ErrorRow(JobNotFound, "no such task, or no such path", without_job=InvalidRequest),
        405: ErrorRow(ProtocolError, "the HTTP method is not allowed"),
        408: ErrorRow(ProviderUnavailable, "the request timed out", refuses=False),
        409: ErrorRow(ProviderUnavailable, "the request conflicts with another", refuses=False),
        422: ErrorRow(InvalidRequest, "the request was not accepted", refuses=False),
        429: ErrorRow(RateLimited, "too many requests, or the daily generations are used up"),
        **SERVER_ERRORS,
    }
)
"""HTTP status to error. 408, 409 and 422 are not on the vendor's page, so they refuse nothing."""

NO_CREDITS = "enough credits"
"""Text of a 400 that is about money, without a code: clients quote it from 2025 to 2026-09."""
CREDITS = STATUSES[402]
MEDIA = ErrorRow(MediaRejected, "a file was rejected")
STALE = ErrorRow(MediaRejected, "an upload was rejected; it may be too old", stale=True)
"""A 400 whose issue is about the address of a file; about an upload, it is sent again once."""

PRICES = "https://docs.dev.runwayml.com/guides/pricing"
UNPRICED: Mapping[str, tuple[str, dt.date]] = MappingProxyType(
    dict.fromkeys(
        (
            *("bodyControl", "expressionIntensity", "contentModeration", "seed", "promptText"),
            *("negativePrompt", "keyframes", "targetAspectRatio", "creativity", "sharpen"),
            *("smartGrain", "flavor", "ratio"),
        ),
        (PRICES, dt.date(2026, 8, 15)),
    )
)
"""Extra fields that never change a price; those with seconds, a format or a resolution may. A
`ratio` has to be one of the request's quality."""

LEAST_UPLOAD, LONGEST_URL = 512, 2048
"""Bytes and characters: https://docs.dev.runwayml.com/assets/uploads and .../assets/inputs"""
SHAPES = (0.5, 2.358)
"""Width by height of every file of act_two: https://docs.dev.runwayml.com/assets/inputs"""
SHAPED = frozenset({"act_two"})

PATHS: Mapping[str, tuple[str, Mapping[str, str]]] = MappingProxyType(
    {
        "mimic": ("/v1/character_performance", {}),
        "image_to_video": ("/v1/image_to_video", {"image": "promptImage"}),
        "text_to_video": ("/v1/text_to_video", {}),
        "modify": ("/v1/video_to_video", {"video": "videoUri"}),
        "restyle": ("/v1/video_to_video", {"video": "videoUri"}),
        "extend": ("/v1/video_to_video", {"video": "videoUri"}),
        "upscale": ("/v1/video_upscale", {"video": "videoUri"}),
    }
)
"""Operation to the path, and the usual fields of its media: for models that no row names."""

Ratios = Mapping[str, Mapping[str, str]]
_ASPECTS = ("16:9", "9:16", "1:1", "4:3", "3:4", "21:9")


def _by_aspect(ratios: str) -> Mapping[str, str]:
    """Return ratios, in the order of the aspect ratios, by these."""
    return MappingProxyType(dict(zip(_ASPECTS, ratios.split(), strict=False)))


_GEN4 = _by_aspect("1280:720 720:1280 960:960 1104:832 832:1104 1584:672")
_HD, _FULL_HD = _by_aspect("1280:720 720:1280"), _by_aspect("1920:1080 1080:1920")
_VEO = {"720p": _HD, "1080p": _FULL_HD}
_SEEDANCE = {
    "480p": _by_aspect("864:496 496:864 640:640 752:560 560:752 992:432"),
    "720p": _by_aspect("1280:720 720:1280 960:960 1112:834 834:1112 1470:630"),
    "1080p": _by_aspect("1920:1080 1080:1920 1440:1440 1664:1248 1248:1664 2206:946"),
    "4k": _by_aspect("3840:2160 2160:3840 3840:3840 3840:2880 2880:3840 3840:1646"),
}
_HAPPYHORSE = {
    "720p": _by_aspect("1280:720 720:1280 960:960 1108:832 832:1108"),
    "1080p": _by_aspect("1920:1080 1080:1920 1440:1440 1662:1248 1248:1662"),
}
RATIOS: Mapping[str, Ratios] = MappingProxyType(
    {
        "act_two": {"720p": _GEN4},
        "gen4.5": {"720p": _GEN4},
        "gen4_turbo": {"720p": _GEN4},
        "veo3.1": _VEO,
        "veo3.1_fast": _VEO,
        "seedance2": _SEEDANCE,
        "seedance2_fast": _SEEDANCE,
        "seedance2_mini": _SEEDANCE,
        "happyhorse_1_0": _HAPPYHORSE,
        "gemini_omni_flash": {"720p": _HD},
    }
)
"""Model, quality and aspect ratio to the vendor's `ratio`, which is both of them in pixels."""
