"""PixVerse's answers as records: the envelope in all its spellings, and what it carries."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Mapping
from typing import Any

import attrs

from motionkit.answer import Answer
from motionkit.errors import MotionKitError, ProtocolError, ProviderUnavailable
from motionkit.provider import ErrorRow, Phase, billed_after, vendor_error
from motionkit_pixverse._tables import ERRORS, NOT_FOUND_CODE, NOT_FOUND_MESSAGES, STATUSES

_BEYOND = 10**20
"""Ids have 18 digits; what has more than 20 is none, and no status or amount either."""


@attrs.frozen
class Envelope:
    """``{"ErrCode", "ErrMsg", "Resp"}``; uploads refuse with the same in lower case."""

    code: int
    message: str
    content: Any


def unwrap(answer: Answer, phase: Phase, context: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a successful answer carries; the envelope rules, the HTTP status does not.

    Raises:
        MotionKitError: What the vendor's code, or failing that the HTTP status, means.
        ProtocolError: Success without content, or no envelope in a 2xx answer.
    """
    try:
        envelope = _envelope(answer)
    except ProtocolError as error:
        raise _without_envelope(answer, phase, context, error) from error
    if envelope.code != 0:
        raise _refusal(envelope, answer, phase, context)
    if not isinstance(envelope.content, Mapping):
        raise ProtocolError(
            f"{context['account']}: success without content",
            http_status=answer.status,
            billed=billed_after(phase, refused=False),
            **context,
        )
    return envelope.content


def number(value: Any) -> int | None:
    """Return an integer from a bare or a quoted one, None for anything else."""
    if type(value) is int:
        return value if abs(value) < _BEYOND else None
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= 20:
        return int(value)
    return None


def need_number(content: Mapping[str, Any], *names: str, phase: Phase, **context: Any) -> int:
    """Return the integer under the first of the names that is there.

    Raises:
        ProtocolError: There is none.
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


def _envelope(answer: Answer) -> Envelope:
    data = answer.json()
    if isinstance(data, Mapping):
        folded = {str(name).replace("_", "").casefold(): value for name, value in data.items()}
        code = number(folded.get("errcode"))
        if code is not None:
            said = folded.get("errmsg") or ""
            return Envelope(code, said if isinstance(said, str) else str(said), folded.get("resp"))
    raise ProtocolError("the answer has no ErrCode", http_status=answer.status, raw=data)


def _refusal(
    envelope: Envelope, answer: Answer, phase: Phase, context: Mapping[str, Any]
) -> MotionKitError:
    code = envelope.code
    not_found = envelope.message.strip().casefold() in NOT_FOUND_MESSAGES
    if not_found and phase is not Phase.SUBMIT:  # on the paid call only a code refuses
        code = NOT_FOUND_CODE
    row = ERRORS.get(code)
    if row is None:
        row = ErrorRow(ProtocolError, "a code that the vendor does not document", refuses=False)
    return vendor_error(
        row,
        phase,
        message=envelope.message,
        context=context,
        code=str(envelope.code),
        http_status=answer.status,
        retry_after=answer.retry_after,
        raw={"ErrCode": envelope.code, "ErrMsg": envelope.message},
    )


def _is_unread(answer: Answer, error: ProtocolError) -> bool:
    """Tell whether there is an object that cannot be read: it may say that the job was taken."""
    return error.raw is None and answer.body.removeprefix(BOM_UTF8).lstrip().startswith(b"{")


def _without_envelope(
    answer: Answer, phase: Phase, context: Mapping[str, Any], error: ProtocolError
) -> MotionKitError:
    row = STATUSES.get(answer.status)
    if row is not None and not (phase is Phase.SUBMIT and _is_unread(answer, error)):
        return vendor_error(
            row,
            phase,
            message=None,
            context=context,
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
