"""Map Segmind's status words and HTTP statuses to states and errors.

Vendor pages: states and codes https://www.segmind.com/models/pixverse-mimic/api, asynchronous
requests https://docs.segmind.com/docs/serverless-api/async-inference, error table
https://docs.segmind.com/docs/serverless-api, rate limits
https://docs.segmind.com/api-reference/rate-limits.
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
    JobFailed,
    JobNotFound,
    PermissionDenied,
    ProtocolError,
    RateLimited,
    Unsupported,
)
from motionkit.model.job import State
from motionkit.provider import SERVER_ERRORS, ErrorRow, KeyHelp

KEYS = KeyHelp("https://cloud.segmind.com/console/api-keys", looks="SG_...")
"""The page of the console that makes keys. How one looks is what users show, no page says it."""

STATES: Mapping[str, tuple[State, Billed]] = MappingProxyType(
    {
        "QUEUED": (State.QUEUED, Billed.UNKNOWN),
        "PROCESSING": (State.RUNNING, Billed.UNKNOWN),
        "COMPLETED": (State.SUCCEEDED, Billed.YES),  # only HTTP 200 is billed
        "FAILED": (State.FAILED, Billed.NO),  # the balance is unchanged on failure
    }
)
"""Status word to state, and whether a job in that state is billed. Any other word: UNKNOWN."""

JOB_NAMES = frozenset({"request_id", "status_url", "response_url"})
"""Keys that identify a job in the response to a submit; a refusal has none of them."""

HISTORY_STATES: Mapping[str, State] = MappingProxyType(
    {
        "PENDING": State.RUNNING,
        "COMPLETED": State.SUCCEEDED,
        "FAILED": State.FAILED,
    }
)
"""Status words of the request history, which differ from those of a poll."""

MODERATION_WORDS = (
    "content_policy",
    "content policy",
    "policy violation",
    "moderation",
    "nsfw",
    "safety",
)
"""A FAILED job whose error contains one of these is BLOCKED: the vendor has no state for it."""

RATE_LIMITS: tuple[tuple[str, Mapping[str, int]], ...] = (
    (
        "https://docs.segmind.com/api-reference/rate-limits",
        MappingProxyType({"Free": 5, "Pro": 50}),  # Enterprise: as agreed
    ),
    (
        "the pricing page",
        MappingProxyType({"Flexible": 60, "Pro": 120, "Business": 500, "Scale": 1000}),
    ),
)
"""Requests per minute by plan. Two official tables disagree, so each account sets its own `rpm`.

No page says whether polls count; motionkit counts them.
"""


def _plans() -> str:
    tables = [
        f"{page}: {', '.join(f'{plan} {rpm}' for plan, rpm in plans.items())}"
        for page, plans in RATE_LIMITS
    ]
    return "; ".join(tables)


STATUSES: Mapping[int, ErrorRow] = MappingProxyType(
    {
        400: ErrorRow(InvalidRequest, "the request is malformed or a field is missing"),
        401: ErrorRow(AuthenticationError, "the key is missing, wrong or expired"),
        403: ErrorRow(PermissionDenied, "the team or plan may not use this model"),
        404: ErrorRow(JobNotFound, "no such model, or no such request", without_job=InvalidRequest),
        405: ErrorRow(ProtocolError, "the HTTP method is not allowed"),
        406: ErrorRow(InsufficientCredits, "not enough credits to process the request"),
        410: ErrorRow(Unsupported, "the model is retired"),
        422: ErrorRow(JobFailed, "the request failed", without_job=InvalidRequest),
        429: ErrorRow(
            RateLimited,
            "the rate limit is reached",
            hint=f"set the account's rpm to your plan's requests per minute ({_plans()})",
        ),
        **SERVER_ERRORS,
    }
)
"""HTTP status to error. An unknown status is never read as a refusal."""

_CREDITS = ErrorRow(InsufficientCredits, "insufficient credits")
_REJECTED = ErrorRow(InvalidRequest, "a field or value was rejected")
NOT_ACCEPTABLE: tuple[tuple[str, ErrorRow], ...] = (
    ("content type", ErrorRow(ProtocolError, "the content type was not accepted")),
    ("spend limit", ErrorRow(InsufficientCredits, "the team's spend limit is reached")),
    ("credit", _CREDITS),
    ("balance", _CREDITS),
    ("fund", _CREDITS),
    ("payment", _CREDITS),
    ("wallet", _CREDITS),
    ("top up", _CREDITS),
    ("parameter", _REJECTED),
    ("invalid value", _REJECTED),
    ("must be", _REJECTED),
    ("should be", _REJECTED),
    ("required", _REJECTED),
    ("allowed", _REJECTED),
    ("not supported", _REJECTED),
)
"""HTTP 406 by the first text that its message contains; see `REJECTED_VALUE` for names of fields.

The models' pages give one cause, too few credits (https://www.segmind.com/models/pixverse-mimic/api,
read 2026-11-26), so any other message, or none, means that.
"""

REJECTED_VALUE = _REJECTED
"""HTTP 406 whose message names a field or value of the request, but no credits or balance."""

AVERAGES = "https://www.segmind.com/llms.txt"
UNPRICED: Mapping[str, tuple[str, dt.date]] = MappingProxyType(
    dict.fromkeys(("prompt", "negative_prompt", "seed", "base64"), (AVERAGES, dt.date(2026, 8, 22)))
)
"""Extra fields that never change a price, each with source and date.

The page averages each model over all of its runs. No model's page prices a text or a seed, and
``base64`` changes only the encoding of the response. Any other field may cost more.
"""
