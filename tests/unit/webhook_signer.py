"""A second implementation of the vendor's signature, from its page, sharing no code with the first.

HMAC-SHA256 is written out (RFC 2104), and the payload is escaped as Go's ``url.Values`` does it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Mapping
from typing import Any

SECRET = "whsec-0123456789-of-the-console"
NONCE = "abcdefghijklmnopqrstuvwxyz012345"
_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~")


class Literal(str):
    """Text that stands in a body as it is: a number the way that somebody wrote it."""

    __slots__ = ()


def escaped(text: str) -> str:
    written = ""
    for byte in text.encode():
        written += chr(byte) if byte in _PLAIN else "+" if byte == 0x20 else f"%{byte:02X}"
    return written


def token(value: Any) -> str:
    if value is True or value is False:
        return "true" if value else "false"
    return str(value)


def payload(fields: Mapping[str, Any], *, in_order: bool = True) -> str:
    names = sorted(fields) if in_order else list(fields)
    return "&".join(f"{escaped(name)}={escaped(token(fields[name]))}" for name in names)


def hmac_sha256(key: bytes, message: bytes) -> bytes:
    if len(key) > 64:
        key = hashlib.sha256(key).digest()
    key = key.ljust(64, b"\0")
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in key) + message).digest()
    return hashlib.sha256(bytes(byte ^ 0x5C for byte in key) + inner).digest()


def signature(text: str, secret: str = SECRET) -> str:
    return base64.b64encode(hmac_sha256(secret.encode(), text.encode())).decode()


def body_of(fields: Mapping[str, Any]) -> bytes:
    """Write a body whose keys stand as given and whose literals stand as they are."""
    written = [
        f"{json.dumps(name)}:{value if isinstance(value, Literal) else json.dumps(value)}"
        for name, value in fields.items()
    ]
    return f"{{{','.join(written)}}}".encode()


def signed(
    fields: Mapping[str, Any],
    *,
    secret: str = SECRET,
    age: float = 0.0,
    in_order: bool = True,
) -> tuple[dict[str, str], bytes]:
    """Return the headers and the body of a delivery."""
    stamp = str(int(time.time() - age))
    text = f"{stamp}\n{NONCE}\n{payload(fields, in_order=in_order)}"
    headers = {
        "Content-Type": "application/json",
        "Webhook-Timestamp": stamp,
        "Webhook-Nonce": NONCE,
        "Webhook-Signature": signature(text, secret),
        "Ai-Trace-Id": "5f0c7ae4-6a0f-4f2f-9e0c-2f6c2a3f9d11",
    }
    return headers, body_of(fields)
