"""PixVerse's webhooks: verify the signature, then read the event.

Vendor page: https://docs.platform.pixverse.ai/webhook-integration-1905378m0. Signed is
``timestamp LF nonce LF payload``, where the payload is the JSON object as a query string. The page
fixes neither the order of the keys nor the escaping of values, so every reading is tried; each one
needs the secret.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote, quote_plus

import attrs

from motionkit.errors import ConfigError, ProtocolError
from motionkit.model.job import State
from motionkit.provider import Fit, Response, Secret, WebhookEvent, signatures
from motionkit_pixverse._tables import STATES
from motionkit_pixverse._wire import number
from motionkit_pixverse.settings import REPLAY_WINDOW

VENDOR = "pixverse"

ACKNOWLEDGEMENT = b"ok"
"""The body of an acknowledgement, under HTTP 200; any other answer is delivered again."""

CALLING_PATHS = frozenset(
    f"/openapi/v2/video/{name}/generate"
    for name in (
        "text",
        "img",
        "transition",
        "lip_sync",
        "extend",
        "sound_effect",
        "fusion",
        "restyle",
        "multi_transition",
        "swap",
        "mimic",
        "modify",
        "upscale",
    )
)
"""Paid calls that accept a ``webhook_id``, as the vendor's page lists them."""

_STAMP, _NONCE, _SIGNATURE = "webhook-timestamp", "webhook-nonce", "webhook-signature"
_ID_DIGITS = 20
_WORDS: Mapping[str, str] = {"True": "true", "False": "false"}

_ESCAPES: Sequence[Callable[[str], str]] = (
    quote_plus,  # Go's url.Values.Encode
    lambda text: quote_plus(text, safe="*").replace("~", "%7E"),  # URLSearchParams
    lambda text: quote(text, safe="!'()*"),  # encodeURIComponent
)


def calling(fitted: Fit, webhook_id: str | None) -> Fit:
    """Return the request with the ``webhook_id``, where its paid call accepts one.

    Args:
        fitted: The request; a ``webhook_id`` among its extra options takes precedence.
        webhook_id: The configured id.
    """
    if webhook_id is None or fitted.offer.path not in CALLING_PATHS:
        return fitted
    return attrs.evolve(fitted, extra={"webhook_id": webhook_id, **fitted.extra})


def read(
    headers: Mapping[str, str],
    body: bytes,
    key: Secret | None,
    *,
    window: float = REPLAY_WINDOW,
    now: Callable[[], float] = time.time,
    **context: Any,
) -> WebhookEvent:
    """Verify a delivery and return its event.

    Args:
        headers: The delivery's headers, in any case.
        body: The delivery's body, unchanged.
        key: The secret from the vendor's console.
        window: Maximum age in seconds.
        now: Returns epoch seconds; tests pass their own.
        **context: Provider and account, for errors.

    Raises:
        ConfigError: No secret is configured.
        SignatureError: The signature is invalid, or the delivery is too old.
        ProtocolError: The signature is valid, and the body has no job id.
    """
    if key is None:
        raise ConfigError(
            f"account '{context['account']}' has no webhook_secret",
            hint="the vendor's console shows it beside the registered webhook",
            **context,
        )
    with signatures.verifying(body, **context):
        pairs = _verified(headers, body, key, window, now)
    job_id = pairs.get("id", "")
    if not (job_id.isascii() and job_id.isdecimal() and len(job_id) <= _ID_DIGITS):
        raise ProtocolError(
            f"{context['account']}: the webhook has no job id", raw=dict(pairs), **context
        )
    # No page says in what unit ``size`` is here; 10.5 cannot be bytes.
    content = {
        name: value for name, value in Response(200, {}, body).json().items() if name != "size"
    }
    state, _ = STATES.get(number(content.get("status")) or 0, (State.UNKNOWN, None))
    if state is State.SUCCEEDED and not content.get("url"):
        state = State.UNKNOWN
    return WebhookEvent(job_id, state, content)


def _verified(
    headers: Mapping[str, str],
    body: bytes,
    key: Secret,
    window: float,
    now: Callable[[], float],
) -> Mapping[str, str]:
    """Return the body's pairs as text; raise ValueError for an invalid or old signature."""
    stamp, nonce, signature = (
        signatures.header(headers, name) for name in (_STAMP, _NONCE, _SIGNATURE)
    )
    pairs = _pairs(body)
    # Every reading is compared, so that the duration reveals nothing.
    same = [signatures.same(signature, one) for one in _signatures(pairs, stamp, nonce, key)]
    if not any(same):
        raise ValueError("the signature is invalid")
    signatures.check_age(stamp, window, now())
    return dict(pairs)


def _signatures(
    pairs: Sequence[tuple[str, str]], stamp: str, nonce: str, key: Secret
) -> list[bytes]:
    """Return the signatures that the vendor may have sent, one for each reading of its page."""
    made = []
    for order in (sorted(pairs), pairs):
        for escape in _ESCAPES:
            payload = "&".join(f"{escape(name)}={escape(value)}" for name, value in order)
            message = f"{stamp}\n{nonce}\n{payload}".encode()
            made.append(base64.b64encode(hmac.digest(key.encode(), message, hashlib.sha256)))
    return made


def _pairs(body: bytes) -> list[tuple[str, str]]:
    """Return the names and values of a flat JSON object as text, numbers as written."""
    try:
        text = body.decode("utf-8")
        pairs = json.loads(
            text,
            parse_int=str,
            parse_float=str,
            parse_constant=_refuse,
            object_pairs_hook=_Object,
        )
    except (ValueError, RecursionError):
        raise ValueError("the body is not JSON") from None
    if not isinstance(pairs, _Object):
        raise ValueError("the body is not a JSON object")  # noqa: TRY004 - callers catch one kind
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("the body has a repeated name")
    return [(_text(name), _text(value)) for name, value in pairs]


class _Object(list[tuple[str, Any]]):
    """A JSON object as its pairs, in the order given."""


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return _WORDS[str(value)]
    if not isinstance(value, str):
        raise ValueError("the body has a value that is null or nested")  # noqa: TRY004 - as above
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("the body has half a surrogate pair, which cannot be signed") from None
    return value


def _refuse(name: str) -> str:
    raise ValueError(f"{name} is not valid JSON")
