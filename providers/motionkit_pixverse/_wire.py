"""PixVerse's answers as records: the envelope in all its spellings, and what it carries."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import attrs

from motionkit.errors import MotionKitError, ProtocolError, ProviderUnavailable
from motionkit.model.submission import Call
from motionkit.provider import ErrorRow, Phase, Response, billed_after, job_ids, vendor_error
from motionkit_pixverse._tables import (
    ENVELOPE,
    ERRORS,
    GATEWAY_STATUSES,
    JOB_NAMES,
    NOT_FOUND_CODE,
    NOT_FOUND_MESSAGES,
    REFUSED,
    REFUSING,
    STATUSES,
)

_LONGEST_AMOUNT = 40
_AMOUNT = re.compile(r"-?\d+(\.\d+)?", re.ASCII)
_BEYOND = 10**20
"""Ids have 18 digits; a number of more than 20 is neither an id, a status nor an amount."""


@attrs.frozen(eq=False, repr=False)
class Envelope:
    """``{"ErrCode", "ErrMsg", "Resp"}``; refused uploads use lower case."""

    code: int
    message: str
    content: Any
    more: bool = False
    """Whether the answer says anything besides code, message, content and its own ids."""


def unwrap(
    answer: Response, phase: Phase, context: Mapping[str, Any], call: Call
) -> Mapping[str, Any]:
    """Return the content of a successful answer; the envelope decides, not the HTTP status.

    Raises:
        MotionKitError: The error of the vendor's code, or else of the HTTP status. It may have been
            billed if the answer to a paid call names a job nevertheless; see `taken`.
        ProtocolError: Success without content, two codes, or a 2xx answer without envelope.
    """
    try:
        envelope = _envelope(answer, lenient=phase is not Phase.SUBMIT)
    except ProtocolError as error:
        raise _without_envelope(answer, phase, context, error, call) from error
    if envelope.code != 0:
        raise _refusal(envelope, answer, phase, context, call)
    if not isinstance(envelope.content, Mapping):
        raise ProtocolError(
            f"{context['account']}: success without content",
            http_status=answer.status,
            billed=billed_after(phase, refused=False),
            **context,
        )
    return envelope.content


def taken(answer: Response, name: str, call: Call) -> int | None:
    """Return the id of the one job that the answer to a paid call names, at any depth.

    Args:
        answer: An answer of any status and code.
        name: The field of the id.
        call: The paid call.

    Returns:
        None for no id, an invalid one, or several.
    """
    try:
        data = answer.json()
    except ProtocolError:
        return None
    found = {number(value) for value in job_ids(data, {name}, call)}
    only = found.pop() if len(found) == 1 else None
    return only if only is not None and only > 0 else None


def number(value: Any) -> int | None:
    """Return a bare or quoted integer; None for anything else."""
    if type(value) is int:
        return value if abs(value) < _BEYOND else None
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= 20:
        return int(value)
    return None


def credits_of(value: Any) -> Decimal | None:
    """Return an amount of credits, whole or fractional, from a number or its text."""
    text = value if isinstance(value, str) else ""
    if type(value) is int:
        text = str(value)
    elif isinstance(value, Decimal) and value.is_finite() and abs(value.adjusted()) < 20:
        text = f"{value:f}"
    if len(text) > _LONGEST_AMOUNT or not _AMOUNT.fullmatch(text):
        return None
    amount = Decimal(text)
    return amount if abs(amount) < _BEYOND else None


def need_number(content: Mapping[str, Any], *names: str, phase: Phase, **context: Any) -> int:
    """Return the positive integer of the first name that is present.

    Raises:
        ProtocolError: None is present or valid.
    """
    found = next((number(content[name]) for name in names if name in content), None)
    if found is None or found <= 0:
        raise ProtocolError(
            f"{context['account']}: the answer has no usable {names[0]}",
            billed=billed_after(phase, refused=False),
            raw=dict(content),
            **context,
        )
    return found


def _envelope(answer: Response, *, lenient: bool) -> Envelope:
    data = answer.json(lenient=lenient)
    if isinstance(data, Mapping):
        folded: dict[str, Any] = {}
        codes = set()
        for name, value in data.items():
            plain = str(name).replace("_", "").casefold()
            if plain == "errcode":
                codes.add(number(value))
            if value or plain not in folded:
                folded[plain] = value
        codes.discard(None)
        if len(codes) > 1:
            both = " and ".join(sorted(str(code) for code in codes))
            raise ProtocolError(
                f"the answer has two codes, {both}", http_status=answer.status, raw=data
            )
        if codes:
            code = codes.pop() or 0
            message = folded.get("errmsg") or ""
            # `str` would make plain text of a RedactedStr, and a traceback would show a secret.
            message = message if isinstance(message, str) else str(message)
            more = any(value for name, value in folded.items() if name not in ENVELOPE)
            return Envelope(code, message, folded.get("resp"), more)
    raise ProtocolError("the answer has no ErrCode", http_status=answer.status, raw=data)


def _refusal(
    envelope: Envelope, answer: Response, phase: Phase, context: Mapping[str, Any], call: Call
) -> MotionKitError:
    code = envelope.code
    not_found = envelope.message.strip().casefold() in NOT_FOUND_MESSAGES
    if not_found and phase is not Phase.SUBMIT:  # on the paid call only a code refuses
        code = NOT_FOUND_CODE
    row = ERRORS.get(code)
    if row is None and _refuses(envelope, answer, phase):
        row = REFUSED
    if row is None:
        row = ErrorRow(ProtocolError, "an undocumented code", refuses=False)
    return vendor_error(
        row,
        phase,
        message=envelope.message,
        context=context,
        contradicted=_names_a_job(answer, phase, call),
        code=str(envelope.code),
        http_status=answer.status,
        retry_after=answer.retry_after,
        raw={"ErrCode": envelope.code, "ErrMsg": envelope.message},
    )


def _refuses(envelope: Envelope, answer: Response, phase: Phase) -> bool:
    """Return whether an undocumented code refuses the call; never while polling.

    A gateway's status, content anywhere, or a word about the trace id leave it open: that id may
    belong to a job.
    """
    if phase not in {Phase.SUBMIT, Phase.UPLOAD} or answer.status in GATEWAY_STATUSES:
        return False
    if envelope.content or envelope.more or "trace" in envelope.message.casefold():
        return False
    return any(envelope.code in codes for codes in REFUSING)


def _names_a_job(answer: Response, phase: Phase, call: Call) -> bool:
    """Return whether the answer to a paid call names a job, whatever its code."""
    if phase is not Phase.SUBMIT:
        return False
    try:
        return bool(job_ids(answer.json(), JOB_NAMES, call))
    except ProtocolError:
        return False


def _is_unread(answer: Response, error: ProtocolError) -> bool:
    """Return whether the answer is an unreadable object, which may name an accepted job."""
    return error.raw is None and answer.opens_object


def _without_envelope(
    answer: Response, phase: Phase, context: Mapping[str, Any], error: ProtocolError, call: Call
) -> MotionKitError:
    row = STATUSES.get(answer.status)
    has_codes = isinstance(error.raw, Mapping) and any(
        str(name).replace("_", "").casefold() == "errcode" for name in error.raw
    )
    doubted = _is_unread(answer, error) or has_codes
    if row is not None and not (phase is Phase.SUBMIT and doubted):
        return vendor_error(
            row,
            phase,
            message=None,
            context=context,
            contradicted=_names_a_job(answer, phase, call),
            http_status=answer.status,
            retry_after=answer.retry_after,
        )
    kind = ProviderUnavailable if answer.status >= 500 else ProtocolError
    return kind(
        f"{context['account']}: HTTP {answer.status}: {error.message}",
        http_status=answer.status,
        retry_after=answer.retry_after,
        billed=billed_after(phase, refused=False),
        **context,
    )
