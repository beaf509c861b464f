"""Parse fal's responses: two families of error bodies, endings, outputs, billable units."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import attrs

from motionkit.errors import Billed
from motionkit.model.job import Output, State, Status, utcnow
from motionkit.model.submission import Call
from motionkit.provider import Fault, Response, Responses, outputs_of
from motionkit_fal._tables import (
    CANCELLED,
    ENDINGS,
    JOB_NAMES,
    LOCKED,
    STATED,
    STATES,
    STATUSES,
    TYPES,
)

_KINDS = ("video", "image", "audio")
_TYPE = re.compile(r"[a-z_.]{1,60}", re.ASCII)


def responses(context: Mapping[str, Any]) -> Responses:
    """Return how an account's responses are read."""
    return Responses(context, STATUSES, "request_id", JOB_NAMES, _fault, words=STATES)


@attrs.frozen
class Failure:
    """What an error body says.

    Attributes:
        kind: The vendor's error type, e.g. ``content_policy_violation``.
        text: Its text.
        stated: Whether the body has a ``detail``, or an error of the platform's API.
    """

    kind: str | None = None
    text: str | None = None
    stated: bool = False


def failure_of(data: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Failure:
    """Return what an error body says: a platform's, a model's list of details, or a status's."""
    kind = data.get("error_type") or (headers or {}).get("x-fal-error-type")
    detail = data.get("detail")
    text, stated = data.get("error"), bool(detail)
    if isinstance(text, Mapping):  # the platform's API
        kind, text, stated = text.get("type") or kind, text.get("message"), True
    if isinstance(detail, str):
        text = detail
    elif isinstance(detail, list) and detail and isinstance(detail[0], Mapping):
        first = detail[0]
        kind = first.get("type") or kind
        place = first.get("loc")
        where = ".".join(map(str, place[1:])) if isinstance(place, list) else ""
        text = ": ".join(filter(None, (where, str(first.get("msg") or ""))))
    known = isinstance(kind, str) and _TYPE.fullmatch(kind)
    return Failure(kind if known else None, text if isinstance(text, str) else None, stated)


def _fault(answer: Response, data: Mapping[str, Any], _: Call) -> Fault:
    """Return what a refusal says; types and texts count under a status that refuses."""
    failure, status = failure_of(data, answer.headers), STATUSES.get(answer.status)
    row, text = None, (failure.text or "").casefold()
    if status is not None and status.refuses:
        locked = (found for part, found in LOCKED if answer.status == 403 and part in text)
        row = next(locked, TYPES.get(failure.kind or ""))
    code = failure.kind or (str(answer.status) if failure.stated else None)
    return Fault(code, failure.text, row)


def ended(
    told: Failure,
    failure: Failure,
    http_status: int,
    *,
    word: str,
    raw: Any,
    units: Decimal | None = None,
) -> Status | None:
    """Return the status of a job that ended without a result; None where no ending is proven.

    Args:
        told: The error in the job's status, if any.
        failure: The error in the answer to its result.
        http_status: The HTTP status of that answer.
        word: The vendor's word.
        raw: The vendor's response.
        units: The billable units in the answer's head.
    """
    kind, text = told.kind or failure.kind, told.text or failure.text
    said = told.text or told.kind or (failure.stated and http_status in STATED)
    if not (said or failure.kind in ENDINGS):
        return None
    default = State.FAILED, Billed.NO if http_status >= 500 else Billed.UNKNOWN
    state, billed = ENDINGS.get(kind or "", default)
    if units is not None:  # a model may bill a failure, and says so
        billed = Billed.YES if units else Billed.NO
    cancelled = kind == CANCELLED
    return Status(
        state, word, utcnow(), billed=billed, message=text, code=kind, cancelled=cancelled, raw=raw
    )


def files_of(data: Mapping[str, Any]) -> tuple[Output, ...]:
    """Return every output of a result, the main one first."""
    found: dict[str, Output] = {}
    for kind in _KINDS:
        for one in outputs_of(data.get(kind) or data.get(f"{kind}s"), kind):
            found.setdefault(one.url, one)
    return tuple(found.values())
