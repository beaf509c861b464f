"""PixVerse's status numbers and error codes, with their neutral meaning.

Vendor pages: error codes https://docs.platform.pixverse.ai/error-codes-796041m0, states
"Get Video Generation Status" there, motion control
https://docs.platform.pixverse.ai/motion-controlmimic-1982936m0.
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
    JobGone,
    JobNotFound,
    MediaRejected,
    PermissionDenied,
    ProviderUnavailable,
    RateLimited,
)
from motionkit.model.job import State
from motionkit.provider import ErrorRow, KeyHelp

KEYS = KeyHelp("https://platform.pixverse.ai/api-key")
"""The page of the console that makes keys; no page says how one looks."""

STATES: Mapping[int, tuple[State, Billed]] = MappingProxyType(
    {
        1: (State.SUCCEEDED, Billed.YES),
        5: (State.RUNNING, Billed.UNKNOWN),
        6: (State.GONE, Billed.UNKNOWN),  # deleted
        7: (State.BLOCKED, Billed.NO),  # every guide says: credits are refunded
        8: (State.FAILED, Billed.UNKNOWN),  # no page says whether it is refunded
    }
)
"""Vendor status to neutral state and whether it is billed. Any other number is UNKNOWN."""

_REGION = "a key belongs to one region: check api_key and region (international or cn)"

ERRORS: Mapping[int, ErrorRow] = MappingProxyType(
    {
        400011: ErrorRow(InvalidRequest, "a parameter is empty"),
        400012: ErrorRow(AuthenticationError, "invalid account", hint=_REGION),
        400013: ErrorRow(InvalidRequest, "a parameter has the wrong type or value"),
        400017: ErrorRow(InvalidRequest, "invalid parameter"),
        400018: ErrorRow(InvalidRequest, "the prompt is too long"),
        400019: ErrorRow(InvalidRequest, "the negative prompt is too long"),
        400032: ErrorRow(InvalidRequest, "invalid image id", stale=True),
        400080: ErrorRow(InvalidRequest, "invalid lyrics"),
        500008: ErrorRow(
            JobNotFound,
            "the requested data was not found",
            without_job=InvalidRequest,
            stale=True,
        ),
        500020: ErrorRow(PermissionDenied, "no permission for this operation"),
        500030: ErrorRow(MediaRejected, "the image is too large"),
        500031: ErrorRow(MediaRejected, "the image's information cannot be read"),
        500032: ErrorRow(MediaRejected, "invalid image format"),
        500033: ErrorRow(MediaRejected, "invalid image width or height"),
        500041: ErrorRow(ProviderUnavailable, "the image upload failed"),
        500042: ErrorRow(MediaRejected, "invalid image path"),
        500043: ErrorRow(InsufficientCredits, "credits or subscription are used up"),
        500044: ErrorRow(Busy, "the limit of concurrent generations is reached"),
        500045: ErrorRow(InsufficientCredits, "credits or subscription are used up"),
        500052: ErrorRow(ContentBlocked, "the image did not pass moderation"),
        500054: ErrorRow(ContentBlocked, "the image did not pass moderation"),
        500060: ErrorRow(PermissionDenied, "the month's effect activations are used up"),
        500063: ErrorRow(ContentBlocked, "the content did not pass moderation"),
        500064: ErrorRow(JobGone, "the content has been deleted", without_job=InvalidRequest),
        500067: ErrorRow(InsufficientCredits, "credits or subscription are used up"),
        500069: ErrorRow(ProviderUnavailable, "the vendor is under high load", passing=True),
        500070: ErrorRow(
            PermissionDenied,
            "the template is not activated",
            hint="activate it in the vendor's console",
        ),
        500071: ErrorRow(InvalidRequest, "the effect does not support this quality"),
        500090: ErrorRow(InsufficientCredits, "insufficient balance"),
        500100: ErrorRow(ProviderUnavailable, "the vendor's database failed", refuses=False),
        500323: ErrorRow(InsufficientCredits, "credits or subscription are used up"),
        701002: ErrorRow(
            MediaRejected,
            "the picture shows no clear subject",
            hint="use a picture of one person or animal, clearly visible",
        ),
        701003: ErrorRow(
            MediaRejected,
            "the reference clip shows no person as its focus",
            hint="use a clip in which one person moves",
        ),
        # DMXAPI's pages, 2026-08-20: another account's media or video.
        701009: ErrorRow(
            InvalidRequest,
            "the media or video belongs to another account",
            hint="use media and videos of the account that --via names",
        ),
        701020: ErrorRow(InvalidRequest, "the audio is not verified"),
        10001: ErrorRow(AuthenticationError, "the key was not accepted", hint=_REGION),
        10002: ErrorRow(AuthenticationError, "the key was not accepted", hint=_REGION),
        10003: ErrorRow(AuthenticationError, "the key was not accepted", hint=_REGION),
        10004: ErrorRow(AuthenticationError, "the key was not accepted", hint=_REGION),
        10005: ErrorRow(AuthenticationError, "the session was superseded", hint=_REGION),
        99999: ErrorRow(ProviderUnavailable, "unknown error", refuses=False),
    }
)
"""``ErrCode`` to error, whatever the HTTP status."""

REFUSING: tuple[range, ...] = (range(400000, 500000), range(701000, 701100))
"""Undocumented codes in these ranges refuse a call if their answer has no ``Resp``: every known
code there is a refusal. Codes from 500000 to 599999 and 99999 also report accidents."""

GATEWAY_STATUSES = frozenset({502, 503, 504})
"""Under these HTTP statuses an undocumented code refuses nothing: a gateway answers."""

ENVELOPE = frozenset({"errcode", "errmsg", "resp", "requestid", "traceid"})
"""Names of an envelope, without case and underscores; an undocumented refusal has no other."""

REFUSED = ErrorRow(InvalidRequest, "refused with an undocumented code")

STATUSES: Mapping[int, ErrorRow] = MappingProxyType(
    {
        401: ErrorRow(AuthenticationError, "the key was not accepted", hint=_REGION),
        403: ErrorRow(PermissionDenied, "the key may not do this", hint=_REGION),
        429: ErrorRow(RateLimited, "too many calls"),
    }
)
"""HTTP status to error, for answers without an envelope. Observed by clients, undocumented."""

JOB_NAMES = frozenset({"video_id", "image_id", "mask_info"})
"""Fields of an answer to a paid call that name the job; a refusal has none of them."""

NOT_FOUND_MESSAGES = frozenset({"record not found"})
"""Messages that mean 500008 under other codes, in lower case; observed right after a submit."""

_ONE_SELECTION = (
    "masks and keyframe belong to one selection of the same account: pass both as 'motionkit mask' "
    "printed them, or run it again"
)
HINTS: Mapping[tuple[str | None, str], str] = MappingProxyType(
    {("500008", "mask_ids"): _ONE_SELECTION, ("500008", "mask_id"): _ONE_SELECTION}
)
"""``ErrCode`` of a refused submit and a field of its body to a hint."""

NOT_FOUND_CODE = 500008
GONE_CODE = 500064

PRICES = "https://docs.platform.pixverse.ai/pricing-796039m0"
UNPRICED: Mapping[str, tuple[str, dt.date]] = MappingProxyType(
    dict.fromkeys(
        (
            "prompt",
            "negative_prompt",
            "seed",
            "style",
            "camera_movement",
            "aspect_ratio",
            "water_mark",
            "webhook_id",
        ),
        (PRICES, dt.date(2026, 8, 13)),
    )
)
"""Extra options that do not change the price, with the source and its date.

The page prices by model, quality, seconds, motion mode, sound and speech, and names none of these.
"""
