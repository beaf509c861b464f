"""What proves who sent a message: signatures compared in constant time, over bounded bodies.

How a vendor signs is the business of its adapter; a webhook comes from anybody until that is shown.
"""

from __future__ import annotations

import hmac

from motionkit.errors import SignatureError

MAX_BODY = 64 * 1024
"""Bytes of a webhook's body: a status and an address are a few hundred."""


def same(told: str, expected: bytes) -> bool:
    """Tell whether a signature is the expected one, in a time that does not tell how much fits.

    Args:
        told: What the sender says; any text, no exception comes of it.
        expected: What was computed here; an empty one proves nothing.
    """
    return bool(expected) and hmac.compare_digest(told.encode("utf-8", "surrogatepass"), expected)


def check_size(body: bytes) -> None:
    """Refuse a body that no vendor sends, before anything is computed over it.

    Raises:
        SignatureError: It is larger than `MAX_BODY` bytes.
    """
    if len(body) > MAX_BODY:
        raise SignatureError(f"the webhook's body has {len(body)} bytes; {MAX_BODY} is the most")
