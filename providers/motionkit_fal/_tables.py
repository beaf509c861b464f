"""Map fal's status words, error types and HTTP statuses to states and errors.

Vendor pages, read 2026-11-26: words https://fal.ai/docs/documentation/model-apis/inference/queue,
error types https://fal.ai/docs/documentation/model-apis/errors and
https://fal.ai/docs/documentation/model-apis/request-errors, charges
https://fal.ai/docs/documentation/model-apis/pricing.
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
    MediaRejected,
    PermissionDenied,
    ProtocolError,
    ProviderUnavailable,
    RateLimited,
)
from motionkit.model.job import State
from motionkit.provider import SERVER_ERRORS, ErrorRow, KeyHelp

KEYS = KeyHelp("https://fal.ai/dashboard/keys", looks="id:secret")
"""The page of the console that makes keys: https://fal.ai/docs/api-reference/inference-api"""

DONE = "COMPLETED"
STATES: Mapping[str, tuple[State, Billed]] = MappingProxyType(
    {
        "IN_QUEUE": (State.QUEUED, Billed.UNKNOWN),
        "IN_PROGRESS": (State.RUNNING, Billed.UNKNOWN),
        DONE: (State.SUCCEEDED, Billed.YES),  # if its result says so: it covers failures too
    }
)
"""Status word to state; the queue has no word for a failure. Any other word: UNKNOWN."""

JOB_NAMES = frozenset(
    {"request_id", "gateway_request_id", "status_url", "response_url", "cancel_url"}
)
"""Keys that identify a job in the response to a submit; a refusal has none of them."""

ENDINGS: Mapping[str, tuple[State, Billed]] = MappingProxyType(
    {
        "request_timeout": (State.FAILED, Billed.NO),  # it never started
        "startup_timeout": (State.FAILED, Billed.NO),
        "runner_scheduling_failure": (State.FAILED, Billed.NO),
        "runner_connection_timeout": (State.FAILED, Billed.NO),
        "runner_connection_refused": (State.FAILED, Billed.NO),
        "runner_connection_error": (State.FAILED, Billed.NO),
        "runner_disconnected": (State.FAILED, Billed.NO),
        "runner_incomplete_response": (State.FAILED, Billed.NO),
        "runner_server_error": (State.FAILED, Billed.NO),
        "generation_timeout": (State.FAILED, Billed.NO),
        "client_cancelled": (State.FAILED, Billed.UNKNOWN),
        "client_disconnected": (State.FAILED, Billed.UNKNOWN),
        "content_policy_violation": (State.BLOCKED, Billed.UNKNOWN),
    }
)
"""Error type of a finished job to its state, and whether it was charged.

Server errors (5xx) never are, says the page on pricing; its FAQ says that 422 may be. Other types
are FAILED: not charged under HTTP 5xx, unknown under others.
"""
CANCELLED = "client_cancelled"

STATED = frozenset({400, 422, 499})
"""HTTP statuses of a result that end a job, if their body has a ``detail``. Others may come from
the gateway, so they end it only with an error type of `ENDINGS`, or with the status's own error."""

UNFINISHED = "still in progress"
"""Text of the answer to a result that is asked for too early; observed by clients."""

STATUSES: Mapping[int, ErrorRow] = MappingProxyType(
    {
        400: ErrorRow(InvalidRequest, "the request is malformed"),
        401: ErrorRow(AuthenticationError, "the key is missing or wrong, or may not use the model"),
        403: ErrorRow(PermissionDenied, "the key or the account may not do this"),
        404: ErrorRow(
            JobNotFound, "no such endpoint, or no such request", without_job=InvalidRequest
        ),
        405: ErrorRow(ProtocolError, "the HTTP method is not allowed"),
        408: ErrorRow(ProviderUnavailable, "the request timed out", refuses=False),
        409: ErrorRow(ProviderUnavailable, "the request conflicts with another", refuses=False),
        422: ErrorRow(InvalidRequest, "the input was rejected"),
        429: ErrorRow(RateLimited, "too many requests"),
        499: ErrorRow(ProviderUnavailable, "the connection was closed early", refuses=False),
        **SERVER_ERRORS,
    }
)
"""HTTP status to error. 429 without a JSON body comes from a gateway and refuses nothing, as any
status does that is not here."""

LOCKED: tuple[tuple[str, ErrorRow], ...] = tuple(
    (text, ErrorRow(InsufficientCredits, meaning, hint="https://fal.ai/dashboard/billing"))
    for text, meaning in (
        ("exhausted balance", "the balance is exhausted"),
        ("budget exceeded", "the account's budget is exceeded"),
        ("payment method", "the account has no payment method"),
    )
)
"""HTTP 403 by its text: a locked account. Reported to the vendor's SDK in 2026-08 and 2026-09."""

NO_SCOPE = "authorization_error"
"""Error type of the platform's API where a key lacks the scope ADMIN: the key itself is right."""

_MEDIA = ErrorRow(MediaRejected, "a file was rejected")
TYPES: Mapping[str, ErrorRow] = MappingProxyType(
    {
        "content_policy_violation": ErrorRow(ContentBlocked, "moderation rejected the input"),
        "concurrent_requests_limit": ErrorRow(Busy, "too many requests run at once"),
        "file_download_error": _MEDIA,
        "image_load_error": _MEDIA,
        "file_too_large": _MEDIA,
        "image_too_small": _MEDIA,
        "image_too_large": _MEDIA,
        "face_detection_error": _MEDIA,
        "unsupported_image_format": _MEDIA,
        "unsupported_video_format": _MEDIA,
        "unsupported_audio_format": _MEDIA,
        "video_duration_too_long": _MEDIA,
        "video_duration_too_short": _MEDIA,
        "audio_duration_too_long": _MEDIA,
        "audio_duration_too_short": _MEDIA,
    }
)
"""Error type to error, under an HTTP status that refuses."""

PRICES = "https://fal.ai/docs/documentation/model-apis/pricing"
UNPRICED: Mapping[str, tuple[str, dt.date]] = MappingProxyType(
    dict.fromkeys(
        ("prompt", "negative_prompt", "seed", "guidance_scale", "enable_safety_checker", "style"),
        (PRICES, dt.date(2026, 11, 26)),
    )
)
"""Extra fields that never change a price: models are priced by seconds, resolution and sound."""
