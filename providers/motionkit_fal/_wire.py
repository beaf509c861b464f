"""Parse fal's responses: two families of error bodies, ids, outputs, billable units."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import attrs

from motionkit.errors import Billed, MotionKitError, ProtocolError, ProviderUnavailable
from motionkit.model.job import Job, Output, Result, State, Status, utcnow
from motionkit.model.money import Cost, amount
from motionkit.model.submission import Call
from motionkit.provider import ErrorRow, Phase, Response, job_ids, vendor_error
from motionkit_fal._tables import (
    CANCELLED,
    ENDINGS,
    JOB_NAMES,
    LOCKED,
    STATED,
    STATUSES,
    TYPES,
)

ID = re.compile(r"(?!\.+$)[\w.:=+-]{1,200}", re.ASCII)
"""Valid request ids: an id becomes a path segment."""
_KINDS = ("video", "image", "audio")
_SIZE = re.compile(r"\d{1,15}", re.ASCII)
_TYPE = re.compile(r"[a-z_.]{1,60}", re.ASCII)
_UNDOCUMENTED = ErrorRow(ProtocolError, "an undocumented HTTP status", refuses=False)
_SERVER_ERROR = ErrorRow(ProviderUnavailable, "the vendor failed", refuses=False)


@attrs.frozen
class Fault:
    """What an error body says.

    Attributes:
        kind: The vendor's error type, e.g. ``content_policy_violation``.
        text: Its text.
        stated: Whether the body has a ``detail``, or an error of the platform's API.
    """

    kind: str | None = None
    text: str | None = None
    stated: bool = False


def fault_of(data: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Fault:
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
    return Fault(kind if known else None, text if isinstance(text, str) else None, stated)


def unwrap(
    answer: Response, phase: Phase, context: Mapping[str, Any], call: Call
) -> Mapping[str, Any]:
    """Return the JSON object of a successful response.

    Raises:
        MotionKitError: The error for the HTTP status. It may have been billed if the response to a
            paid call still names a job; see `taken`.
        ProtocolError: The body is not a JSON object.
    """
    good = 200 <= answer.status < 300
    try:
        data = _object(answer, lenient=phase is not Phase.SUBMIT)
    except ProtocolError as error:
        if good:
            row = ErrorRow(ProtocolError, error.message, refuses=False)
            raise vendor_error(
                row, phase, message=None, context=context, http_status=answer.status
            ) from error
        unread = phase is Phase.SUBMIT and answer.opens_object
        raise refusal(answer, phase, context, {}, call, unread=unread) from error
    if good:
        return data
    raise refusal(answer, phase, context, data, call)


def _object(answer: Response, *, lenient: bool) -> Mapping[str, Any]:
    data = answer.json(lenient=lenient)
    if not isinstance(data, Mapping):
        raise ProtocolError("the response is not a JSON object", http_status=answer.status)
    return data


def content_of(answer: Response) -> Mapping[str, Any]:
    """Return a response's JSON object; an empty one if it has none."""
    try:
        return _object(answer, lenient=True)
    except ProtocolError:
        return {}


def taken(answer: Response, call: Call) -> str | None:
    """Return the id of the only request that the response to a paid call names, at any HTTP status.

    Returns:
        None if there is no id, an invalid one, or several.
    """
    try:
        found = set(map(repr, ids := job_ids(answer.json(), {"request_id"}, call)))
    except ProtocolError:
        return None
    whole = len(found) == 1 and isinstance(ids[0], str) and ID.fullmatch(ids[0])
    return ids[0] if whole else None


def refusal(
    answer: Response,
    phase: Phase,
    context: Mapping[str, Any],
    data: Mapping[str, Any],
    call: Call,
    *,
    unread: bool = False,
) -> MotionKitError:
    """Return the error for a response's HTTP status, error type and text.

    Args:
        answer: The response.
        phase: The purpose of the call.
        context: Provider and account.
        data: The JSON object of the response.
        call: The call that was sent.
        unread: The body starts an object that cannot be parsed: it may name a request.
    """
    fault = fault_of(data, answer.headers)
    fallback = _SERVER_ERROR if answer.status >= 500 else _UNDOCUMENTED
    row = STATUSES.get(answer.status, fallback)
    if row.refuses:
        row = TYPES.get(fault.kind or "", row)
        said = (fault.text or "").casefold()
        locked = (found for text, found in LOCKED if answer.status == 403 and text in said)
        row = next(locked, row)
    if answer.status == 429 and not data:
        row = attrs.evolve(row, refuses=False)
    named = phase is Phase.SUBMIT and bool(job_ids(data, JOB_NAMES, call))
    return vendor_error(
        row,
        phase,
        message=fault.text,
        context=context,
        contradicted=unread or named,
        code=fault.kind or (str(answer.status) if fault.stated else None),
        http_status=answer.status,
        retry_after=answer.retry_after,
        raw=dict(data) or None,
    )


@attrs.frozen
class Ending:
    """How a job ended without a result."""

    state: State
    billed: Billed
    fault: Fault

    def status(self, word: str, raw: Any) -> Status:
        """Return the status of a job that ended so."""
        return Status(
            self.state,
            word,
            utcnow(),
            billed=self.billed,
            message=self.fault.text,
            code=self.fault.kind,
            cancelled=self.fault.kind == CANCELLED,
            raw=raw,
        )


def succeeded(
    job: Job, outputs: tuple[Output, ...], word: str, raw: Any, cost: Cost | None = None
) -> Status:
    """Return the status of a job with its outputs."""
    now = utcnow()
    result = Result(job, outputs, cost, (now - job.submitted_at).total_seconds(), raw=raw)
    return Status(State.SUCCEEDED, word, now, billed=Billed.YES, result=result, raw=raw)


def ending_of(told: Fault, fault: Fault, status: int, units: Decimal | None) -> Ending | None:
    """Return how a finished job ended; None if its result's answer proves no ending.

    Args:
        told: The error in the job's status, if any.
        fault: The error in the answer to its result.
        status: The HTTP status of that answer.
        units: The billable units in its head.
    """
    kind = told.kind or fault.kind
    said = bool(told.text or told.kind)
    if not (said or (fault.stated and status in STATED) or fault.kind in ENDINGS):
        return None
    default = State.FAILED, Billed.NO if status >= 500 else Billed.UNKNOWN
    state, billed = ENDINGS.get(kind or "", default)
    if units is not None:  # a model may bill a failure, and says so
        billed = Billed.YES if units else Billed.NO
    shown = Fault(kind, told.text or fault.text, stated=True)
    return Ending(state, billed, shown)


def units_of(headers: Mapping[str, str]) -> Decimal | None:
    """Return the units that a run is billed by; None if its model sends none."""
    return amount(headers.get("x-fal-billable-units"))


def outputs_of(data: Mapping[str, Any]) -> tuple[Output, ...]:
    """Return every output of a result, the main one first."""
    found: dict[str, Output] = {}
    for kind in _KINDS:
        value = data.get(kind) or data.get(f"{kind}s")
        for one in value if isinstance(value, list) else [value]:
            file: Any = {"url": one} if isinstance(one, str) else one
            url = file.get("url") if isinstance(file, Mapping) else None
            if isinstance(url, str) and url.startswith(("https://", "http://")):
                mime, size = file.get("content_type"), str(file.get("file_size"))
                found.setdefault(
                    url,
                    Output(
                        url,
                        kind=kind,
                        content_type=mime if isinstance(mime, str) else None,
                        size=int(size) if _SIZE.fullmatch(size) else None,
                    ),
                )
    return tuple(found.values())


def moment(value: Any) -> dt.datetime | None:
    """Return an aware UTC datetime from ISO text; None if it is none."""
    try:
        when = dt.datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return when if when.tzinfo else when.replace(tzinfo=dt.UTC)
