"""Replicate's webhooks: Standard Webhooks, one secret for an account, the prediction as the body.

Vendor page: https://replicate.com/docs/topics/webhooks/verify-webhook
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from motionkit.model.job import State
from motionkit.model.submission import Call
from motionkit.provider import Phase, Secret, WebhookEvent, observed, signatures, webhook_event
from motionkit_replicate._tables import STATES

ACKNOWLEDGEMENT = b"ok"
"""The vendor reads the status only: any 2xx acknowledges a delivery."""
SECRET = Call("GET", "/v1/webhooks/default/secret")
_LONGEST = 512


def published(
    given: Secret | None,
    send: Callable[[Call, Phase], Mapping[str, Any]],
    clock: Callable[[], float] = time.monotonic,
) -> signatures.PublishedKeys[Secret]:
    """Return the secret of deliveries: the given one, or else the vendor's, read by a call."""

    def fetch() -> list[Secret]:
        if given is not None:
            return [given]
        text = send(SECRET, Phase.BALANCE).get("key")
        return [Secret(text)] if isinstance(text, str) and 0 < len(text) <= _LONGEST else []

    return signatures.PublishedKeys(fetch, clock)


def read(
    headers: Mapping[str, str],
    body: bytes,
    keys: signatures.PublishedKeys[Secret],
    *,
    window: float,
    now: Callable[[], float] = time.time,
    **context: Any,
) -> WebhookEvent:
    """Verify a delivery and return its event.

    Args:
        headers: The delivery's headers, in any case.
        body: The delivery's body, unchanged.
        keys: The secret.
        window: Maximum age in seconds.
        now: Returns epoch seconds; tests pass their own.
        **context: Provider and account, for errors.

    Raises:
        SignatureError: The signature is invalid, or the delivery is too old.
        ProtocolError: The signature is valid, and the body is no prediction.
    """
    with signatures.verifying(body, **context):
        check, moment = signatures.check_standard, now()
        keys.check(lambda secret: check(headers, body, secret, window=window, now=moment))
    return webhook_event(body, "id", _state_of, **context)


def _state_of(content: Mapping[str, Any]) -> State:
    return observed(content.get("status"), STATES, content).state
