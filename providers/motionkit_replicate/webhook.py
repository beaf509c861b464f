"""Replicate's webhooks: Standard Webhooks, one secret for an account, the prediction as the body.

Vendor page: https://replicate.com/docs/topics/webhooks/verify-webhook
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from motionkit.errors import MotionKitError, ProtocolError
from motionkit.model.job import State
from motionkit.model.submission import Call
from motionkit.provider import (
    Phase,
    Response,
    Secret,
    WebhookEvent,
    content_of,
    path_id,
    signatures,
)
from motionkit_replicate._tables import STATES

ACKNOWLEDGEMENT = b"ok"
"""The vendor reads the status only: any 2xx acknowledges a delivery."""
SECRET = Call("GET", "/v1/webhooks/default/secret")
PAUSE = 60.0
"""Seconds between two reads of the secret, whatever arrives meanwhile."""
_LONGEST = 512


@attrs.define
class Key:
    """The secret of deliveries: the given one, or the vendor's.

    Attributes:
        given: From the settings.
        send: Sends a call of this account.
        clock: Monotonic seconds.
    """

    given: Secret | None
    send: Callable[[Call, Phase], Mapping[str, Any]]
    clock: Callable[[], float] = time.monotonic
    _held: Secret | None = attrs.field(default=None, init=False)
    _tried: float | None = attrs.field(default=None, init=False)

    def current(self, *, again: bool = False) -> Secret | None:
        """Return the secret; `again` asks the vendor for a newer one, in bounds.

        Raises:
            MotionKitError: There is none yet, and it cannot be read.
        """
        if self.given is not None:
            return None if again else self.given
        waits = self._tried is not None and self.clock() - self._tried < PAUSE
        if (self._held is not None and not again) or waits:
            return None if again else self._held
        self._tried = self.clock()
        try:
            text = self.send(SECRET, Phase.BALANCE).get("key")
        except MotionKitError:
            if self._held is not None:
                return None
            raise
        if isinstance(text, str) and 0 < len(text) <= _LONGEST:
            self._held = Secret(text)
        return self._held


def read(
    headers: Mapping[str, str],
    body: bytes,
    key: Key,
    *,
    window: float,
    now: Callable[[], float] = time.time,
    **context: Any,
) -> WebhookEvent:
    """Verify a delivery and return its event.

    Args:
        headers: The delivery's headers, in any case.
        body: The delivery's body, unchanged.
        key: The secret.
        window: Maximum age in seconds.
        now: Returns epoch seconds; tests pass their own.
        **context: Provider and account, for errors.

    Raises:
        SignatureError: The signature is invalid, or the delivery is too old.
        ProtocolError: The signature is valid, and the body is no prediction.
    """
    with signatures.verifying(body, **context):
        try:
            _check(headers, body, key.current(), window, now())
        except ValueError:
            newer = key.current(again=True)  # it may have been replaced
            if newer is None:
                raise
            _check(headers, body, newer, window, now())
    content = content_of(Response(200, {}, body))
    job_id = path_id(content.get("id"))
    if job_id is None:
        raise ProtocolError(f"{context['account']}: the webhook has no id", **context)
    word = content.get("status")
    state, _ = STATES.get(word if isinstance(word, str) else "", (State.UNKNOWN, None))
    return WebhookEvent(job_id, state, content)


def _check(
    headers: Mapping[str, str], body: bytes, secret: Secret | None, window: float, now: float
) -> None:
    if secret is None:
        raise ValueError("the account's secret is not known")
    signatures.check_standard(headers, body, secret, window=window, now=now)
