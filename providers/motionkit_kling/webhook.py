"""Kling's callbacks: verify the signature, then read the task.

Vendor page: https://kling.ai/document-api/api/get-started/callbacks. Since 2026-08-07 callbacks are
signed if the console has a webhook secret. One without a signature proves nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from motionkit.errors import ConfigError, ProtocolError
from motionkit.provider import Response, Secret, WebhookEvent, content_of, signatures
from motionkit_kling._wire import tasks_of

ACKNOWLEDGEMENT = b"ok"
"""The vendor reads the status only."""


def read(
    headers: Mapping[str, str],
    body: bytes,
    secret: Secret | None,
    *,
    window: float,
    now: Callable[[], float] = time.time,
    **context: Any,
) -> WebhookEvent:
    """Verify a callback and return its event.

    Args:
        headers: The callback's headers, in any case.
        body: The callback's body, unchanged.
        secret: The webhook secret from the vendor's console.
        window: Maximum age in seconds.
        now: Returns epoch seconds; tests pass their own.
        **context: Provider and account, for errors.

    Raises:
        ConfigError: No secret is configured, or it is none of this vendor's.
        SignatureError: The signature is invalid, or the callback is too old.
        ProtocolError: The signature is valid, and the body has no task id.
    """
    if secret is None:
        raise ConfigError(
            f"account '{context['account']}' has no webhook_secret",
            hint="make a webhook secret in the vendor's console: callbacks are signed since then",
            **context,
        )
    with signatures.verifying(body, **context):
        signatures.check_standard(headers, body, secret, window=window, now=now())
    content = content_of(Response(200, {}, body))
    found = tasks_of(content, Decimal(0))
    if not found:
        raise ProtocolError(f"{context['account']}: the webhook has no task id", **context)
    return WebhookEvent(found[0].id, found[0].state, content)
