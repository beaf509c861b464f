"""fal's webhooks: signatures, age, keys that are cached in bounds, and what a delivery says."""

from __future__ import annotations

import base64
import hashlib
import json
import sys
import time
from collections.abc import Mapping
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from motionkit.errors import (
    ConfigError,
    MotionKitError,
    ProtocolError,
    ProviderUnavailable,
    SignatureError,
)
from motionkit.model.job import State
from motionkit.model.submission import Call
from motionkit.provider import Phase, signatures
from motionkit_fal import webhook

ID = "0d9a1a9e-0000-4000-8000-000000000001"
FILM = "https://v3b.fal.media/files/b/0a/out.mp4"
NOW = 1_790_000_000.0
CONTEXT = {"provider": "fal", "account": "studio"}


def key(seed: bytes = b"one") -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(seed).digest())


def jwk(private: Ed25519PrivateKey, **fields: Any) -> dict[str, Any]:
    x = base64.urlsafe_b64encode(private.public_key().public_bytes_raw()).decode().rstrip("=")
    return {"kty": "OKP", "crv": "Ed25519", "x": x} | fields


class Vendor:
    """Publishes keys, and counts how often they are read."""

    def __init__(self, *rows: Any) -> None:
        self.rows: list[Any] = list(rows)
        self.reads = 0
        self.fails = False
        self.now = 0.0
        self.keys = webhook.published(self.send, clock=lambda: self.now)

    def send(self, call: Call, phase: Phase) -> Mapping[str, Any]:
        assert call.path == "/.well-known/jwks.json"
        assert phase is Phase.BALANCE
        self.reads += 1
        if self.fails:
            raise ProviderUnavailable("no")
        return {"keys": self.rows}


def body(**fields: Any) -> bytes:
    content = {
        "error": None,
        "gateway_request_id": ID,
        "payload": {"video": {"url": FILM}},
        "request_id": ID,
        "status": "OK",
    }
    return json.dumps(content | fields).encode()


def signed(
    content: bytes, private: Ed25519PrivateKey | None = None, at: float = NOW
) -> dict[str, str]:
    lines = [ID, "user-1", str(int(at)), hashlib.sha256(content).hexdigest()]
    signature = (private or key()).sign("\n".join(lines).encode()).hex()
    names = ("Request-Id", "User-Id", "Timestamp")
    headers = {f"X-Fal-Webhook-{name}": line for name, line in zip(names, lines, strict=False)}
    return headers | {"X-Fal-Webhook-Signature": signature}


def read(vendor: Vendor, headers: Mapping[str, str], content: bytes) -> Any:
    return webhook.read(headers, content, vendor.keys, window=300.0, now=lambda: NOW, **CONTEXT)


def test_a_signed_delivery_is_an_event() -> None:
    event = read(Vendor(jwk(key())), signed(body()), body())
    assert (event.job_id, event.state) == (ID, State.SUCCEEDED)


def test_any_of_several_keys_may_have_signed() -> None:
    vendor = Vendor(7, {"crv": "P-256", "x": "AA"}, jwk(key(b"two")), jwk(key()))
    assert read(vendor, signed(body()), body()).job_id == ID


SPOILED: dict[str, Any] = {
    "another body": lambda headers, content: (headers, content + b" "),
    "another id": lambda headers, content: (
        {**headers, "X-Fal-Webhook-Request-Id": "other"},
        content,
    ),
    "another user": lambda headers, content: (
        {**headers, "X-Fal-Webhook-User-Id": "other"},
        content,
    ),
    "another key": lambda _, content: (signed(content, key(b"theirs")), content),
    "no signature": lambda headers, content: (
        {k: v for k, v in headers.items() if "Signature" not in k},
        content,
    ),
    "a short signature": lambda headers, content: (
        {**headers, "X-Fal-Webhook-Signature": "ab"},
        content,
    ),
    "letters": lambda headers, content: ({**headers, "X-Fal-Webhook-Signature": "zz"}, content),
    "two signatures": lambda headers, content: (
        {**headers, "x-fal-webhook-signature": headers["X-Fal-Webhook-Signature"]},
        content,
    ),
    "too old": lambda _, content: (signed(content, at=NOW - 301), content),
    "too new": lambda _, content: (signed(content, at=NOW + 301), content),
    "a timestamp of letters": lambda headers, content: (
        {**headers, "X-Fal-Webhook-Timestamp": "soon"},
        content,
    ),
    "a header of control characters": lambda headers, content: (
        {**headers, "X-Fal-Webhook-User-Id": "a\nb"},
        content,
    ),
}


@pytest.mark.parametrize("what", SPOILED)
def test_what_is_not_signed_by_the_vendor_now_is_refused(what: str) -> None:
    headers, content = SPOILED[what](signed(body()), body())
    with pytest.raises(SignatureError):
        read(Vendor(jwk(key())), headers, content)


def test_a_signed_body_without_an_id_is_no_event() -> None:
    for content in (body(request_id=None), body(request_id="../x"), b"[]"):
        with pytest.raises(ProtocolError):
            read(Vendor(jwk(key())), signed(content), content)


def test_keys_are_read_once_a_day() -> None:
    vendor = Vendor(jwk(key()))
    for _ in range(5):
        read(vendor, signed(body()), body())
    assert vendor.reads == 1
    vendor.now = signatures.LIFE + 1
    read(vendor, signed(body()), body())
    assert vendor.reads == 2


def test_a_rotated_key_is_read_again_and_forgeries_do_not_make_us_read_often() -> None:
    vendor = Vendor(jwk(key(b"old")))
    read(vendor, signed(body(), key(b"old")), body())
    vendor.rows = [jwk(key(b"new"))]
    for _ in range(100):
        with pytest.raises(SignatureError):
            read(vendor, signed(body(), key(b"theirs")), body())
    assert vendor.reads == 1, "less than a minute has passed"
    vendor.now = signatures.PAUSE + 1
    assert read(vendor, signed(body(), key(b"new")), body()).job_id == ID
    assert vendor.reads == 2


def test_keys_that_cannot_be_read_are_an_error_and_fresh_ones_go_on() -> None:
    vendor = Vendor(jwk(key()))
    vendor.fails = True
    with pytest.raises(MotionKitError):
        read(vendor, signed(body()), body())
    for _ in range(100):
        with pytest.raises(SignatureError):
            read(vendor, signed(body()), body())
    assert vendor.reads == 1
    vendor.fails, vendor.now = False, signatures.PAUSE + 1
    read(vendor, signed(body()), body())
    vendor.fails, vendor.now = True, 2 * signatures.PAUSE + 2
    with pytest.raises(SignatureError):
        read(vendor, signed(body(), key(b"theirs")), body())
    assert read(vendor, signed(body()), body()).job_id == ID


def test_a_flood_of_keys_is_cut() -> None:
    vendor = Vendor(*(jwk(key(str(one).encode())) for one in range(1000)))
    with pytest.raises(SignatureError):
        read(vendor, signed(body()), body())
    assert len(vendor.keys._held) == 16


def test_without_the_package_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.exceptions", None)
    with pytest.raises(ConfigError) as caught:
        read(Vendor(jwk(key())), signed(body()), body())
    assert "motionkit[webhook]" in str(caught.value.hint)


BLOCKED = {"detail": [{"loc": ["body"], "msg": "flagged", "type": "content_policy_violation"}]}
SAID: list[tuple[dict[str, Any], State]] = [
    ({}, State.SUCCEEDED),
    ({"payload": None, "payload_error": "not serializable"}, State.UNKNOWN),
    ({"status": "DONE"}, State.UNKNOWN),
    (
        {"status": "ERROR", "error": "Invalid status code: 422", "payload": BLOCKED},
        State.BLOCKED,
    ),
    (
        {"status": "ERROR", "error": "Invalid status code: 422", "payload": {"detail": "no"}},
        State.FAILED,
    ),
    ({"status": "ERROR", "error": "Invalid status code: 503", "payload": {}}, State.UNKNOWN),
    ({"status": "ERROR", "error": "gateway trouble", "payload": None}, State.UNKNOWN),
    (
        {
            "status": "ERROR",
            "error": "Invalid status code: 503",
            "payload": {"detail": "gone", "error_type": "runner_disconnected"},
        },
        State.FAILED,
    ),
]


@pytest.mark.parametrize(("fields", "state"), SAID, ids=[str(n) for n in range(len(SAID))])
def test_a_delivery_says_no_more_than_the_queue_would(fields: dict[str, Any], state: State) -> None:
    content = body(**fields)
    assert read(Vendor(jwk(key())), signed(content), content).state is state


def test_the_clock_of_a_delivery_is_the_wall_clock() -> None:
    content = body()
    headers = signed(content, at=time.time())
    event = webhook.read(headers, content, Vendor(jwk(key())).keys, window=300.0, **CONTEXT)
    assert event.job_id == ID
