"""fal's webhooks: verify the signature, then read the event.

Vendor page: https://fal.ai/docs/documentation/model-apis/inference/webhooks. Four lines are signed
with ED25519: request id, user id, timestamp, and the SHA-256 of the body. The public keys are at a
fixed address; they are read once a day, and again, but not often, for a signature that none made.
"""

from __future__ import annotations

import base64
import hashlib
import re
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from motionkit.errors import ConfigError
from motionkit.model.job import Job, State, Status, UnknownReason, utcnow
from motionkit.model.submission import Call
from motionkit.provider import Phase, WebhookEvent, signatures, succeeded, webhook_event
from motionkit_fal._wire import Failure, ended, failure_of, files_of

ACKNOWLEDGEMENT = b"ok"
"""The vendor reads the status only: any 2xx acknowledges a delivery."""
KEYS = Call("GET", "/.well-known/jwks.json", origin="upload")
_MOST_KEYS = 16
_LONGEST = 512
_HEADERS = tuple(f"x-fal-webhook-{name}" for name in ("request-id", "user-id", "timestamp"))
_SIGNATURE = "x-fal-webhook-signature"


def published(
    send: Callable[[Call, Phase], Mapping[str, Any]], clock: Callable[[], float] = time.monotonic
) -> signatures.PublishedKeys[bytes]:
    """Return the vendor's public keys, read by calls of an account."""

    def fetch() -> list[bytes]:
        rows = send(KEYS, Phase.BALANCE).get("keys")
        found = [_key(row) for row in (rows if isinstance(rows, list) else ())[:_MOST_KEYS]]
        return list(filter(None, found))

    return signatures.PublishedKeys(fetch, clock)


def _key(row: Any) -> bytes | None:
    """Return an ED25519 key of 32 bytes."""
    text = row.get("x") if isinstance(row, Mapping) and row.get("crv") == "Ed25519" else None
    if not isinstance(text, str) or len(text) > _LONGEST:
        return None
    try:
        key = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return None
    return key if len(key) == 32 else None


def read(
    headers: Mapping[str, str],
    body: bytes,
    keys: signatures.PublishedKeys[bytes],
    *,
    window: float,
    now: Callable[[], float] = time.time,
    **context: Any,
) -> WebhookEvent:
    """Verify a delivery and return its event.

    Args:
        headers: The delivery's headers, in any case.
        body: The delivery's body, unchanged.
        keys: The vendor's public keys.
        window: Maximum age in seconds.
        now: Returns epoch seconds; tests pass their own.
        **context: Provider and account, for errors.

    Raises:
        ConfigError: The package that verifies signatures is not installed.
        SignatureError: The signature is invalid, or the delivery is too old.
        ProtocolError: The signature is valid, and the body has no request id.
    """
    with signatures.verifying(body, **context):
        named = [signatures.header(headers, name) for name in _HEADERS]
        signature = bytes.fromhex(signatures.header(headers, _SIGNATURE))
        signatures.check_age(named[2], window, now())
        message = "\n".join([*named, hashlib.sha256(body).hexdigest()]).encode()
        keys.check(partial(_verify, signature, message))
    return webhook_event(body, "request_id", lambda one: status_of(None, one).state, **context)


def _verify(signature: bytes, message: bytes, key: bytes) -> None:
    """Raise ValueError if the key did not make the signature."""
    try:
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - an optional package
        from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415
            Ed25519PublicKey,
        )
    except ImportError as error:
        raise ConfigError(
            "webhooks of fal cannot be verified without the package cryptography",
            hint="install it: pip install 'motionkit[webhook]'",
        ) from error
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except InvalidSignature:
        raise ValueError("the signature is invalid") from None


def status_of(job: Job | None, content: Mapping[str, Any]) -> Status:
    """Return the status that a delivery reports; UNKNOWN where only the queue can say it.

    Without a job, a success has no result: only its state counts.
    """
    word, payload, text = (content.get(name) for name in ("status", "payload", "error"))
    payload, end = payload if isinstance(payload, Mapping) else {}, None
    if word == "OK" and (files := files_of(payload)):
        if job is None:
            return Status(State.SUCCEEDED, word, utcnow())
        return succeeded(job, files, word, content)
    if word == "ERROR":
        status = str(text).rpartition(" ")[2]  # "Invalid status code: 422"
        known = int(status) if re.fullmatch(r"[1-5]\d\d", status) else 0
        end = ended(Failure(), failure_of(payload), known, word=word, raw=content)
    doubt = UnknownReason.NO_OUTPUT
    return end or Status(State.UNKNOWN, str(word), utcnow(), doubt=doubt, raw=content)
