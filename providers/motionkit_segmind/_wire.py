"""Parse Segmind's responses: states under HTTP 200 and 422, error texts, costs, outputs."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from motionkit.errors import MotionKitError, ProtocolError, ProviderUnavailable
from motionkit.model.job import Output, State, utcnow
from motionkit.model.money import Cost, CostBasis, Unit, amount
from motionkit.model.submission import Call
from motionkit.provider import ErrorRow, Phase, Response, job_ids, vendor_error
from motionkit_segmind._tables import (
    JOB_NAMES,
    MODERATION_WORDS,
    NOT_ACCEPTABLE,
    REJECTED_VALUE,
    STATES,
    STATUSES,
)

ID = re.compile(r"(?!\.+$)[\w.:=+-]{1,200}", re.ASCII)
"""Valid request ids: an id becomes a path segment."""
_SIZE = re.compile(r"\d{1,15}", re.ASCII)
_VALUE = re.compile(r"(?!\d+$)[\w:.-]{3,20}", re.ASCII)
"""Values of a request that a message may name: no addresses, sentences or bare numbers."""
_RESET = "x-rate-limit-reset-at-utc"
_STATED = (200, 422)
"""HTTP statuses whose body may hold a request's state."""
_NO_STATE = (None, None)
_UNDOCUMENTED = ErrorRow(ProtocolError, "an undocumented HTTP status", refuses=False)
_SERVER_ERROR = ErrorRow(ProviderUnavailable, "the vendor failed", refuses=False)


def unwrap(
    answer: Response, phase: Phase, context: Mapping[str, Any], call: Call, *, stated: bool = False
) -> Mapping[str, Any]:
    """Return the JSON object of a successful response.

    Args:
        answer: The response.
        phase: The purpose of the call.
        context: Provider and account.
        call: The call that was sent.
        stated: Accept HTTP 422 with a status word: the state of a failed request.

    Raises:
        MotionKitError: The error for the HTTP status. It may have been billed if the response to a
            paid call still names a job; see `taken`.
        ProtocolError: The body is not a JSON object.
    """
    try:
        data = _object(answer, lenient=phase is not Phase.SUBMIT)
    except ProtocolError as error:
        if 200 <= answer.status < 300:
            raise vendor_error(
                ErrorRow(ProtocolError, error.message, refuses=False),
                phase,
                message=None,
                context=context,
                http_status=answer.status,
            ) from error
        unread = phase is Phase.SUBMIT and answer.opens_object
        raise refusal(answer, phase, context, {}, call, unread=unread) from error
    if 200 <= answer.status < 300:
        return data
    if stated and answer.status in _STATED and isinstance(data.get("status"), str):
        return data
    raise refusal(answer, phase, context, data, call)


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


def _object(answer: Response, *, lenient: bool) -> Mapping[str, Any]:
    data = answer.json(lenient=lenient)
    if not isinstance(data, Mapping):
        raise ProtocolError("the response is not a JSON object", http_status=answer.status)
    return data


def refusal(
    answer: Response,
    phase: Phase,
    context: Mapping[str, Any],
    data: Mapping[str, Any],
    call: Call,
    *,
    unread: bool = False,
) -> MotionKitError:
    """Return the error for a response's HTTP status and text.

    Args:
        answer: The response.
        phase: The purpose of the call.
        context: Provider and account.
        data: The JSON object of the response.
        call: The call that was sent.
        unread: The body starts an object that cannot be parsed: it may name a request.
    """
    text = error_text(data)
    fallback = _SERVER_ERROR if answer.status >= 500 else _UNDOCUMENTED
    row = STATUSES.get(answer.status, fallback)
    if answer.status == 406 and text:
        row = _not_acceptable(text.casefold(), call) or row
    return vendor_error(
        row,
        phase,
        message=text,
        context=context,
        contradicted=unread or (phase is Phase.SUBMIT and _says_taken(data, call)),
        code=str(answer.status) if text else None,  # a gateway's page has no code of the vendor's
        http_status=answer.status,
        retry_after=answer.retry_after or seconds_until(answer.headers.get(_RESET), answer.date),
        raw=dict(data) or None,
    )


def _not_acceptable(text: str, call: Call) -> ErrorRow | None:
    """Return what the text of an HTTP 406 means; None for the documented cause."""
    for word, cause in NOT_ACCEPTABLE:
        if word in text:
            return cause
    body = call.json or {}
    values = [one for one in body.values() if isinstance(one, str) and _VALUE.fullmatch(one)]
    named = (re.escape(one.casefold()) for one in (*body, *values))
    return REJECTED_VALUE if any(re.search(rf"\b{one}\b", text) for one in named) else None


def _says_taken(data: Mapping[str, Any], call: Call) -> bool:
    """Return whether a response names a request, or a state that only a request can have."""
    word = data.get("status")
    state, _ = STATES.get(word, _NO_STATE) if isinstance(word, str) else _NO_STATE
    works = state is not None and state is not State.FAILED
    return works or bool(job_ids(data, JOB_NAMES, call))


def error_text(data: Mapping[str, Any]) -> str | None:
    """Return the error text, whichever key holds it."""
    for name in ("error", "detail", "message", "error_message"):
        value = data.get(name)
        if isinstance(value, str) and value:
            return value
        if isinstance(value, Mapping | list) and value:
            return json.dumps(value, default=str)[:500]
    return None


def moderated(message: str | None) -> bool:
    """Return whether a failure's text mentions moderation."""
    folded = (message or "").casefold()
    return any(word in folded for word in MODERATION_WORDS)


def seconds_until(moment: str | None, now: dt.datetime | None = None) -> float | None:
    """Return the seconds until a UTC moment (ISO text or epoch seconds), None if unparsable.

    Args:
        moment: On the vendor's clock.
        now: The current time on the vendor's clock; this machine's if None.
    """
    if not moment:
        return None
    when = parse_moment(moment)
    return None if when is None else max(0.0, (when - (now or utcnow())).total_seconds())


def parse_moment(value: Any) -> dt.datetime | None:
    """Return an aware UTC datetime from ISO text or epoch seconds, None if unparsable."""
    text = str(value).strip()
    try:
        if text.replace(".", "", 1).isdecimal():
            return dt.datetime.fromtimestamp(float(text), dt.UTC)
        when = dt.datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        return None
    return when if when.tzinfo else when.replace(tzinfo=dt.UTC)


def amount_of(data: Mapping[str, Any], name: str) -> Decimal | None:
    """Return a number given as a number or as text; None for anything else."""
    return amount(data.get(name))


def cost_of(data: Mapping[str, Any], name: str = "cost") -> Cost | None:
    """Return a reported charge in US dollars."""
    charged = amount_of(data, name)
    return None if charged is None else Cost(charged, Unit.USD, charged, CostBasis.REPORTED)


def outputs_of(data: Mapping[str, Any]) -> tuple[Output, ...]:
    """Return every output of a result, in any of the shapes that were observed."""
    found: dict[str, Output] = {}
    for value in (data.get("video"), data.get("output"), data.get("images"), data.get("audio")):
        for output in _outputs(value):
            found.setdefault(output.url, output)
    return tuple(found.values())


def _outputs(value: Any) -> Iterator[Output]:
    if isinstance(value, str):
        yield from _from_text(value)
    elif isinstance(value, Mapping):
        url = value.get("url") or value.get("value")
        if isinstance(url, str) and _is_address(url):
            size = value.get("file_size")
            kind = value.get("content_type")
            yield Output(
                url,
                content_type=kind if isinstance(kind, str) else None,
                size=int(str(size)) if _SIZE.fullmatch(str(size)) else None,
            )
    elif isinstance(value, list):
        for item in value:
            yield from _outputs(item)


def _from_text(text: str) -> Iterator[Output]:
    if _is_address(text) or text.startswith("data:video/"):
        yield Output(text)
    elif text.startswith(("[", "{")):  # a list or object, stringified
        try:
            yield from _outputs(Response(200, {}, text.encode()).json(lenient=True))
        except ProtocolError:
            return
    elif len(text) > 64 and text.startswith("AAAA"):  # base64 of an MP4 starts with its box size
        yield Output(f"data:video/mp4;base64,{text}")


def _is_address(text: str) -> bool:
    return text.startswith(("https://", "http://"))
