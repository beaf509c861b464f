"""Map Kling's status words, codes and texts to states and errors.

Vendor pages, read 2026-09-20: codes
https://kling.ai/document-api/api/get-started/error-codes, words
https://kling.ai/document-api/api/video/motion-control. Texts of code 1201 were observed by others
with a key, 2026-09-20 to 22.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from types import MappingProxyType

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
from motionkit.provider import SERVER_ERRORS, ErrorRow, KeyHelp

KEYS = KeyHelp("https://app.klingai.com/global/dev")
"""The console that makes keys: https://kling.ai/document-api/api/get-started/authentication"""

STATES: Mapping[str, tuple[State, Billed]] = MappingProxyType(
    {
        "submitted": (State.QUEUED, Billed.UNKNOWN),
        "processing": (State.RUNNING, Billed.UNKNOWN),
        "succeeded": (State.SUCCEEDED, Billed.YES),
        "succeed": (State.SUCCEEDED, Billed.YES),  # of the legacy API
        "failed": (State.FAILED, Billed.UNKNOWN),  # no page says whether it is charged
    }
)
"""Status word to state; there is none for a cancelled task. Any other word: UNKNOWN."""

MODERATED = "risk control"
"""Text in the message of a failed task that moderation blocked; observed since 2025."""

EXISTS = ErrorRow(
    ProviderUnavailable,
    "the vendor has a task with this attempt's id, which is not listed yet",
    refuses=False,
)
"""Code 1201 for an id that is in use: an earlier send of the attempt has arrived."""

_CREDENTIALS = ErrorRow(AuthenticationError, "the key is missing or wrong", hint=KEYS.console)
_CLOCK = "set this machine's clock: a token is valid from 5 s before it is made, for 30 minutes"
ERRORS: Mapping[int, ErrorRow] = MappingProxyType(
    {
        1000: _CREDENTIALS,
        1001: _CREDENTIALS,
        1002: _CREDENTIALS,
        1003: ErrorRow(AuthenticationError, "the token is not valid yet", hint=_CLOCK),
        1004: ErrorRow(AuthenticationError, "the token has expired", hint=_CLOCK),
        1100: ErrorRow(PermissionDenied, "the account is in an abnormal state"),
        1101: ErrorRow(InsufficientCredits, "the account is in arrears"),
        1102: ErrorRow(InsufficientCredits, "the resource pack is used up or has expired"),
        1103: ErrorRow(PermissionDenied, "the account may not use this model or call"),
        1200: ErrorRow(InvalidRequest, "the parameters are invalid"),
        1201: ErrorRow(InvalidRequest, "a parameter is invalid"),
        1202: ErrorRow(InvalidRequest, "the method or path is invalid"),
        1203: ErrorRow(InvalidRequest, "the resource, such as the model, does not exist"),
        1300: ErrorRow(ContentBlocked, "the platform's policy rejected the request"),
        1301: ErrorRow(ContentBlocked, "moderation rejected the input"),
        1302: ErrorRow(RateLimited, "too many requests"),
        1303: ErrorRow(Busy, "too many tasks run at once for the resource pack"),
        1304: ErrorRow(PermissionDenied, "this machine's address is not in the account's list"),
        5000: ErrorRow(ProviderUnavailable, "the vendor failed", refuses=False),
        5001: ErrorRow(ProviderUnavailable, "the vendor is in maintenance", refuses=False),
        5002: ErrorRow(ProviderUnavailable, "the vendor timed out", refuses=False),
    }
)
"""Business code to error, under any HTTP status. Six codes come under HTTP 429, and four of them
are not about speed."""

TEXTS: Mapping[int, tuple[tuple[str, ErrorRow], ...]] = MappingProxyType(
    {
        1201: (
            ("already exists", EXISTS),
            ("not found by", ErrorRow(JobNotFound, "no such task", without_job=InvalidRequest)),
            ("cannot exceed", ErrorRow(ProtocolError, "too many tasks in one call")),
        ),
        1002: (
            (
                "parts, but got",
                ErrorRow(
                    AuthenticationError,
                    "the API key is wrong, and was read as a token",
                    hint=f"copy the whole key again from {KEYS.console}",
                ),
            ),
        ),
    }
)
"""Code to the texts that split it; lower case."""

STATUSES: Mapping[int, ErrorRow] = MappingProxyType(
    {
        401: _CREDENTIALS,
        403: ErrorRow(PermissionDenied, "the account may not do this"),
        429: ErrorRow(RateLimited, "too many requests", refuses=False),
        **SERVER_ERRORS,
    }
)
"""HTTP status without a code to error; any other refuses nothing, either."""

UNCODED = ErrorRow(ProtocolError, "the response has neither code 0 nor a known one", refuses=False)
"""HTTP 2xx, 401 or 403 with another code: the code is the truth, and this one proves nothing."""

JOB_NAMES = frozenset({"id", "task_id"})
"""Keys that identify a task in the response to a submit."""

OTHER_PACKS = ("image", "audio")
"""Words in the name of a resource pack that pays no video: packs are of one kind of product, which
nothing but their name tells. A pack of any other name counts."""

PRICES = "https://kling.ai/document-api/pricing/base/video"
"""Units and dollars, read 2026-09-20."""
UNPRICED: Mapping[str, tuple[str, dt.date]] = MappingProxyType(
    dict.fromkeys(
        (
            *("prompt", "negative_prompt", "aspect_ratio", "multi_shot", "cfg_scale"),
            *("camera_control", "watermark_info", "callback_url", "character_orientation"),
        ),
        (PRICES, dt.date(2026, 9, 20)),
    )
)
"""Extra fields that never change a price: models are priced by seconds, resolution and sound."""

CONTENTS = frozenset(
    {"image", "video", "first_frame", "last_frame", "refer_image", "feature_video", "base_video"}
)
"""Kinds of media in the new API's list ``contents``."""
OPTIONS = frozenset({"callback_url", "watermark_info"})
"""Fields of the new API's ``options``; others, beside media and prompt, are ``settings``."""

SPELLED: Mapping[tuple[str, bool], Mapping[object, str]] = MappingProxyType(
    {
        ("keep_audio", False): {True: "original", False: "off"},
        ("keep_audio", True): {True: "yes", False: "no"},
        ("audio", False): {True: "native", False: "off"},
        ("audio", True): {True: "on", False: "off"},
        ("quality", True): {"720p": "std", "1080p": "pro", "4k": "4k"},
    }
)
"""Neutral field, and whether the legacy API has it, to the vendor's words for its values."""
