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
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

from motionkit.errors import ConfigError, MotionKitError, ProtocolError
from motionkit.model.job import Job, State, Status, utcnow
from motionkit.model.submission import Call
from motionkit.provider import (
    Phase,
    Response,
    WebhookEvent,
    content_of,
    path_id,
    signatures,
    succeeded,
)
from motionkit_fal._wire import Failure, ended, failure_of, files_of

ACKNOWLEDGEMENT = b"ok"
"""The vendor reads the status only: any 2xx acknowledges a delivery."""
KEYS = Call("GET", "/.well-known/jwks.json", origin="rest")
LIFE = 24 * 3600.0
"""Seconds for which keys are kept; the page allows a day."""
PAUSE = 60.0
"""Seconds between two reads of the keys, whatever arrives meanwhile."""
_MOST_KEYS = 16
_LONGEST = 512
_HEADERS = tuple(f"x-fal-webhook-{name}" for name in ("request-id", "user-id", "timestamp"))
_SIGNATURE = "x-fal-webhook-signature"


@attrs.define
class Keys:
    """The vendor's public keys.

    Attributes:
        send: Sends a call of this account.
        clock: Monotonic seconds.
    """

    send: Callable[[Call, Phase], Mapping[str, Any]]
    clock: Callable[[], float] = time.monotonic
    _held: tuple[bytes, ...] = attrs.field(default=(), init=False)
    _read: float | None = attrs.field(default=None, init=False)
    _tried: float | None = attrs.field(default=None, init=False)

    def current(self, *, again: bool = False) -> Sequence[bytes]:
        """Return the keys, read where they are too old; `again` asks for newer ones, in bounds.

        Raises:
            MotionKitError: There are none yet, and they cannot be read.
        """
        now = self.clock()
        fresh = self._read is not None and now - self._read < LIFE
        waits = self._tried is not None and now - self._tried < PAUSE
        if (fresh and not again) or waits:
            return self._held if fresh else ()
        self._tried = now
        try:
            rows = self.send(KEYS, Phase.BALANCE).get("keys")
        except MotionKitError:
            if fresh:
                return self._held
            raise
        found = [_key(row) for row in (rows if isinstance(rows, list) else ())[:_MOST_KEYS]]
        self._held, self._read = tuple(filter(None, found)), now
        return self._held


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
    keys: Keys,
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
        if not any(
            _signed(keys.current(again=again), signature, message) for again in (False, True)
        ):
            raise ValueError("the signature is invalid")
    content = content_of(Response(200, {}, body))
    job_id = path_id(content.get("request_id"))
    if job_id is None:
        raise ProtocolError(f"{context['account']}: the webhook has no request id", **context)
    said = status_of(None, content)
    return WebhookEvent(job_id, State.UNKNOWN if said is None else said.state, content)


def _signed(keys: Sequence[bytes], signature: bytes, message: bytes) -> bool:
    """Return whether one of the keys made a signature."""
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
    for key in keys:
        try:
            Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
        except InvalidSignature:
            continue
        return True
    return False


def status_of(job: Job | None, content: Mapping[str, Any]) -> Status | None:
    """Return the status that a delivery reports; None where only the queue can say it.

    Without a job, a success has no result: only its state counts.
    """
    word, payload = content.get("status"), content.get("payload")
    payload = payload if isinstance(payload, Mapping) else {}
    if word == "OK" and (files := files_of(payload)):
        if job is None:
            return Status(State.SUCCEEDED, word, utcnow())
        return succeeded(job, files, word, content)
    if word != "ERROR":
        return None
    text = content.get("error")
    status = text.rpartition(" ")[2] if isinstance(text, str) else ""  # "Invalid status code: 422"
    known = int(status) if re.fullmatch(r"[1-5]\d\d", status) else 0
    return ended(Failure(), failure_of(payload), known, word=word, raw=content)
