"""Segmind's words and statuses, and what they mean here.

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
    ProviderUnavailable,
    RateLimited,
    Unsupported,
)
from motionkit.model.job import State
from motionkit.provider import ErrorRow

STATES: Mapping[str, tuple[State, Billed]] = MappingProxyType(
    {
        "QUEUED": (State.QUEUED, Billed.UNKNOWN),
        "PROCESSING": (State.RUNNING, Billed.UNKNOWN),
        "COMPLETED": (State.SUCCEEDED, Billed.YES),  # only HTTP 200 is billed
        "FAILED": (State.FAILED, Billed.NO),  # the balance is unchanged on failure
    }
)
"""The vendor's word to our state and what a job in it has cost. Any other word: UNKNOWN."""

JOB_NAMES = frozenset({"request_id", "status_url", "response_url"})
"""Under which an answer to a paid call names what was bought; a refusal has none of them."""

HISTORY_STATES: Mapping[str, State] = MappingProxyType(
    {
        "PENDING": State.RUNNING,
        "COMPLETED": State.SUCCEEDED,
        "FAILED": State.FAILED,
    }
)
"""The request history has words of its own."""

MODERATION_WORDS = (
    "content_policy",
    "content policy",
    "policy violation",
    "moderation",
    "nsfw",
    "safety",
)
"""A FAILED whose error has one of these was blocked, not broken: there is no state for it."""

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
"""Calls a minute by plan: two official tables that disagree, so an account says its own `rpm`.

Nobody says whether polls count; they are taken to.
"""


def _plans() -> str:
    tables = [
        f"{page}: {', '.join(f'{plan} {rpm}' for plan, rpm in plans.items())}"
        for page, plans in RATE_LIMITS
    ]
    return "; ".join(tables)


STATUSES: Mapping[int, ErrorRow] = MappingProxyType(
    {
        400: ErrorRow(InvalidRequest, "the request is malformed or lacks a field"),
        401: ErrorRow(AuthenticationError, "the key is missing, wrong or expired"),
        403: ErrorRow(PermissionDenied, "the team or plan may not use this model"),
        404: ErrorRow(JobNotFound, "no such model, or no such request", without_job=InvalidRequest),
        405: ErrorRow(ProtocolError, "the wrong verb"),
        406: ErrorRow(InvalidRequest, "the request is not acceptable"),
        410: ErrorRow(Unsupported, "the model is retired"),
        422: ErrorRow(JobFailed, "the request failed", without_job=InvalidRequest),
        429: ErrorRow(
            RateLimited,
            "too many calls",
            hint=f"set the account's rpm to your plan's calls a minute ({_plans()})",
        ),
        500: ErrorRow(ProviderUnavailable, "the vendor failed", refuses=False),
        502: ErrorRow(ProviderUnavailable, "the gateway failed", refuses=False),
        503: ErrorRow(ProviderUnavailable, "the vendor is not available", refuses=False),
        504: ErrorRow(ProviderUnavailable, "the vendor timed out", refuses=False),
    }
)
"""HTTP status to error. An unknown status is never read as a refusal."""

NOT_ACCEPTABLE: tuple[tuple[str, ErrorRow], ...] = (
    ("insufficient credits", ErrorRow(InsufficientCredits, "insufficient credits")),
    ("spend limit", ErrorRow(InsufficientCredits, "the team's spend limit is reached")),
    ("content type", ErrorRow(ProtocolError, "the content type was not accepted")),
)
"""HTTP 406 has four causes, told apart by text; what fits none is a value that was refused."""

AVERAGES = "https://www.segmind.com/llms.txt"
UNPRICED: Mapping[str, tuple[str, dt.date]] = MappingProxyType(
    dict.fromkeys(("prompt", "negative_prompt", "seed", "base64"), (AVERAGES, dt.date(2026, 8, 22)))
)
"""Fields that change no price when they are sent as extras: the page and day that says what does.

The page averages each model over all of its runs. No model's page prices a text or a seed, and
``base64`` changes only the form of the answer. Every other field, known or not, may cost more.
"""
