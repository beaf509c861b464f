"""Check webhook signatures in constant time, over bounded bodies."""

from __future__ import annotations

import hmac

from motionkit.errors import InvalidRequest, SignatureError

MAX_BODY = 64 * 1024
"""Bytes of a webhook's body; a status and a URL take a few hundred."""


def same(signature: str, expected: bytes) -> bool:
    """Compare a sender's signature in constant time; an empty expected one never matches."""
    return bool(expected) and hmac.compare_digest(
        signature.encode("utf-8", "surrogatepass"), expected
    )


def check_size(body: bytes) -> None:
    """Refuse a body that is too large, before it is hashed.

    Raises:
        InvalidRequest: It is not bytes: text may have other bytes than the ones that were signed.
        SignatureError: It is larger than `MAX_BODY` bytes.
    """
    if not isinstance(body, bytes):
        raise InvalidRequest.expected("body", body, "the webhook's body as bytes, unchanged")
    if len(body) > MAX_BODY:
        raise SignatureError(
            f"the webhook's body has {len(body)} bytes; at most {MAX_BODY} are accepted"
        )
