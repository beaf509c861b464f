"""Parse Segmind's responses: states under HTTP 200 and 422, error texts, costs, outputs."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from motionkit.errors import ProtocolError
from motionkit.model.job import Output, State, utcnow
from motionkit.model.money import Cost, CostBasis, Unit, amount
from motionkit.model.submission import Call
from motionkit.provider import ErrorRow, Fault, Phase, Response, Responses, moment, outputs_of
from motionkit_segmind._tables import (
    JOB_NAMES,
    MODERATION_WORDS,
    NOT_ACCEPTABLE,
    REJECTED_VALUE,
    STATES,
    STATUSES,
)

_VALUE = re.compile(r"(?!\d+$)[\w:.-]{3,20}", re.ASCII)
"""Values of a request that a message may name: no addresses, sentences or bare numbers."""
_RESET = "x-rate-limit-reset-at-utc"
_WORDS = frozenset(word for word, (state, _) in STATES.items() if state is not State.FAILED)
"""Status words of accepted jobs; a refusal may say FAILED."""


def responses(context: Mapping[str, Any]) -> Responses:
    """Return how an account's responses are read."""
    return Responses(
        context, STATUSES, "request_id", JOB_NAMES, _fault, words=_WORDS, succeeds=_succeeds
    )


def _succeeds(answer: Response, data: Mapping[str, Any], phase: Phase) -> bool:
    """Return whether a response is no error: a failed job's state comes under HTTP 422."""
    stated = answer.status == 422 and isinstance(data.get("status"), str)
    return 200 <= answer.status < 300 or (stated and phase in {Phase.POLL, Phase.RESULT})


def _fault(answer: Response, data: Mapping[str, Any], call: Call) -> Fault:
    """Return what a refusal says. A gateway's page has no code of the vendor's."""
    text = error_text(data)
    row = STATUSES[429] if answer.status == 429 else None  # the page names a header, and no body
    if answer.status == 406 and text:
        row = _not_acceptable(text.casefold(), call)
    reset = seconds_until(answer.headers.get(_RESET), answer.date)
    return Fault(str(answer.status) if text else None, text, row, reset)


def _not_acceptable(text: str, call: Call) -> ErrorRow | None:
    """Return what the text of an HTTP 406 means; None for the documented cause."""
    for word, cause in NOT_ACCEPTABLE:
        if word in text:
            return cause
    body = call.json or {}
    values = [one for one in body.values() if isinstance(one, str) and _VALUE.fullmatch(one)]
    named = (re.escape(one.casefold()) for one in (*body, *values))
    return REJECTED_VALUE if any(re.search(rf"\b{one}\b", text) for one in named) else None


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


def seconds_until(text: str | None, now: dt.datetime | None = None) -> float | None:
    """Return the seconds until a UTC moment (ISO text or epoch seconds), None if unparsable.

    Args:
        text: The moment on the vendor's clock.
        now: The current time on the vendor's clock; this machine's if None.
    """
    when = moment(text)
    return None if when is None else max(0.0, (when - (now or utcnow())).total_seconds())


def cost_of(data: Mapping[str, Any], name: str = "cost") -> Cost | None:
    """Return a reported charge in US dollars."""
    charged = amount(data.get(name))
    return None if charged is None else Cost(charged, Unit.USD, charged, CostBasis.REPORTED)


def files_of(data: Mapping[str, Any]) -> tuple[Output, ...]:
    """Return every output of a result, in any of the shapes that were observed."""
    found: dict[str, Output] = {}
    for name in ("video", "output", "images", "audio"):
        for output in outputs_of(list(_files(data.get(name)))):
            found.setdefault(output.url, output)
    return tuple(found.values())


def _files(value: Any) -> Iterator[Any]:
    """Yield the addresses and objects in a value, which may be nested, text of JSON or base64."""
    if isinstance(value, list):
        for item in value:
            yield from _files(item)
    elif isinstance(value, Mapping):
        yield {**value, "url": value.get("url") or value.get("value")}
    elif isinstance(value, str) and value.startswith(("[", "{")):
        try:
            yield from _files(Response(200, {}, value.encode()).json(lenient=True))
        except ProtocolError:
            return
    elif isinstance(value, str) and len(value) > 64 and value.startswith("AAAA"):
        yield f"data:video/mp4;base64,{value}"  # base64 of an MP4 starts with its box size
    else:
        yield value
