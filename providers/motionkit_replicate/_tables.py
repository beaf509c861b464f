"""Map Replicate's status words, error codes and HTTP statuses to states and errors.

Vendor pages, read 2026-11-26: words https://replicate.com/docs/topics/predictions/lifecycle, error
codes https://replicate.com/docs/reference/error-codes, charges
https://replicate.com/docs/topics/billing and https://replicate.com/changelog (2025-10-16).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
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

KEYS = KeyHelp("https://replicate.com/account/api-tokens", looks="r8_...")
"""The page of the console that makes tokens: https://replicate.com/docs/reference/http"""
CREDIT = "https://replicate.com/account/billing"
"""The page of the console that shows the credit; the API shows none."""

DONE, FAILED, CANCELED = "succeeded", "failed", "canceled"
STATES: Mapping[str, tuple[State, Billed]] = MappingProxyType(
    {
        "starting": (State.QUEUED, Billed.UNKNOWN),
        "processing": (State.RUNNING, Billed.UNKNOWN),
        DONE: (State.SUCCEEDED, Billed.YES),
        FAILED: (State.FAILED, Billed.UNKNOWN),
        CANCELED: (State.FAILED, Billed.YES),  # if it ran: see `adapter`
        "aborted": (State.FAILED, Billed.NO),
    }
)
"""Status word to state, and whether a job in it is charged. Any other word: UNKNOWN.

A cancelled run of a public model is charged, an aborted one is not, says the changelog. No page
says it of a failed one: by the time of its run perhaps, by its output not.
"""

LOST = "its output was deleted an hour after the job; the run was charged"
"""A job of which the vendor keeps the record only: https://replicate.com/docs/topics/predictions/data-retention"""
TOO_LATE = "the deadline passed while it ran"
NEVER_RAN = "the deadline passed before it started"

MODERATED = "E005"
CODES: Mapping[str, tuple[State, str]] = MappingProxyType(
    {
        MODERATED: (State.BLOCKED, "moderation by the model's vendor"),
        "E1000": (State.FAILED, "an unknown error of the platform"),
        "E1001": (State.FAILED, "the model ran out of memory"),
        "E4875": (State.FAILED, "the address of the webhook is empty"),
        "E6716": (State.FAILED, "the model did not start in time"),
        "E8765": (State.FAILED, "a fault of the platform that often passes"),
        "E9243": (State.FAILED, "a fault of the platform that often passes"),
        "E9828": (State.FAILED, "a fault of the platform that often passes"),
        "PA": (State.FAILED, "the platform interrupted the run"),
    }
)
"""Code in the text of a failed job to its state and meaning. Others: FAILED, as the text says.

The page has the first ones; E005, E8765, E9243, E9828 and PA were seen by others, 2026-07.
"""
SENSITIVE = "flagged as sensitive"
"""Text of a failed job that moderation stopped."""

JOB_NAMES = frozenset({"id", "urls"})
"""Keys that identify a job in the response to a submit; a refusal has none of them."""

STATUSES: Mapping[int, ErrorRow] = MappingProxyType(
    {
        400: ErrorRow(InvalidRequest, "the request is malformed"),
        401: ErrorRow(AuthenticationError, "the token is missing or wrong"),
        402: ErrorRow(InsufficientCredits, "the credit is used up", hint=CREDIT),
        403: ErrorRow(PermissionDenied, "the token or the account may not do this"),
        404: ErrorRow(JobNotFound, "no such model, job or file", without_job=InvalidRequest),
        405: ErrorRow(ProtocolError, "the HTTP method is not allowed"),
        408: ErrorRow(ProviderUnavailable, "the request timed out", refuses=False),
        409: ErrorRow(ProviderUnavailable, "the request conflicts with another", refuses=False),
        413: ErrorRow(MediaRejected, "the file is too large: less than 100 MB are allowed"),
        422: ErrorRow(InvalidRequest, "the input was rejected"),
        429: ErrorRow(RateLimited, "too many requests"),
        **SERVER_ERRORS,
    }
)
"""HTTP status to error; no page says whether a 5xx made a job."""

POOR = ErrorRow(
    RateLimited,
    "too many requests for an account with little credit",
    hint=f"more credit ends the reduced limit: {CREDIT}",
)
LITTLE_CREDIT = "in credit"
"""Text of a 429 whose limit is reduced for want of credit; observed by others, 2026-10-07."""

UNPRICED: Mapping[str, tuple[str, dt.date]] = MappingProxyType(
    dict.fromkeys(
        (
            *("prompt", "instruction_prompt", "negative_prompt", "seed", "style", "aspect_ratio"),
            *("cut_first_second", "disable_safety_checker"),
        ),
        ("https://replicate.com/docs/topics/models/official-models", dt.date(2026, 11, 26)),
    )
)
"""Extra fields that never change a price: official models are priced by output, quality, sound."""

_KLING = MappingProxyType({"720p": "std", "1080p": "pro"})
_WAN = MappingProxyType({"480p": "480", "720p": "720"})
VALUES: Mapping[str, Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "kwaivgi/kling-v3-motion-control": {"mode": _KLING},
        "kwaivgi/kling-v2.6-motion-control": {"mode": _KLING},
        "kwaivgi/kling-v3-omni-video": {"mode": {"720p": "standard", "1080p": "pro", "4k": "4k"}},
        "wan-video/wan-2.2-animate-replace": {"resolution": _WAN},
        "wan-video/wan-2.2-animate-animation": {"resolution": _WAN},
    }
)
"""Model and field to the vendor's word for each neutral value."""

VERSIONS: Mapping[str, str] = MappingProxyType(
    {
        "wan-video/wan-2.2-animate-animation": (
            "d6b167d60fdadef11966e5824b19b9c0fc7597d663192c278e67e9d1f2dbbf48"
        ),
    }
)
"""Listed models that are not official, to the version whose fields the row has:
https://replicate.com/wan-video/wan-2.2-animate-animation"""

RUN_PRICES: Mapping[str, Decimal] = MappingProxyType(
    {"wan-video/wan-2.2-animate-animation": Decimal("0.003")}
)
"""Listed models that are charged by the seconds of their run, to US dollars of a second."""
LONGEST_RUN = 1800.0
"""Seconds after which such a job is ended, so that its price has a bound; the vendor's own limit of
a run, by default: https://replicate.com/docs/topics/predictions/lifecycle"""
