"""Replicate's webhooks: signatures, age, a secret that is read in bounds, what a delivery says."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

import pytest

from motionkit.errors import (
    ConfigError,
    MotionKitError,
    ProtocolError,
    ProviderUnavailable,
    SignatureError,
)
from motionkit.model.job import State
from motionkit.model.submission import Call
from motionkit.provider import Phase, Secret
from motionkit_replicate import webhook

ID = "gm3qorzdhgbfurvjtvhg6dckhu"
NOW = 1_790_000_000.0
CONTEXT = {"provider": "replicate", "account": "studio"}


def secret(seed: bytes = b"one") -> str:
    return "whsec_" + base64.b64encode(hashlib.sha256(seed).digest()[:24]).decode()


class Vendor:
    """Says the secret, and counts how often it is read."""

    def __init__(self, said: Any = None, given: str | None = None) -> None:
        self.said = secret() if said is None else said
        self.reads = 0
        self.fails = False
        self.now = 0.0
        wanted = None if given is None else Secret(given)
        self.keys = webhook.published(wanted, self.send, clock=lambda: self.now)

    def send(self, call: Call, phase: Phase) -> Mapping[str, Any]:
        assert (call.method, call.path) == ("GET", "/v1/webhooks/default/secret")
        assert phase is Phase.BALANCE
        self.reads += 1
        if self.fails:
            raise ProviderUnavailable("no")
        return {"key": self.said}


def body(**fields: Any) -> bytes:
    content = {"id": ID, "status": "succeeded", "output": "https://replicate.delivery/x.mp4"}
    return json.dumps(content | fields).encode()


def signed(content: bytes, by: str | None = None, at: float = NOW) -> dict[str, str]:
    key = base64.b64decode((by or secret()).removeprefix("whsec_"))
    stamp = str(int(at))
    made = hmac.digest(key, b".".join([b"msg_1", stamp.encode(), content]), "sha256")
    return {
        "Webhook-Id": "msg_1",
        "Webhook-Timestamp": stamp,
        "Webhook-Signature": f"v1,{base64.b64encode(made).decode()}",
    }


def read(vendor: Vendor, headers: Mapping[str, str], content: bytes) -> Any:
    return webhook.read(headers, content, vendor.keys, window=300.0, now=lambda: NOW, **CONTEXT)


WORDS = {
    "starting": State.QUEUED,
    "processing": State.RUNNING,
    "succeeded": State.SUCCEEDED,
    "failed": State.FAILED,
    "canceled": State.FAILED,
    "aborted": State.FAILED,
    "paused": State.UNKNOWN,
}


@pytest.mark.parametrize("word", WORDS)
def test_a_signed_delivery_is_an_event(word: str) -> None:
    content = body(status=word)
    event = read(Vendor(), signed(content), content)
    assert (event.job_id, event.state) == (ID, WORDS[word])
    assert event.content["status"] == word


def test_a_word_that_is_no_text_is_unknown() -> None:
    content = body(status=["succeeded"])
    assert read(Vendor(), signed(content), content).state is State.UNKNOWN


def test_one_of_several_signatures_of_the_first_version_counts() -> None:
    headers = signed(body())
    right = headers["Webhook-Signature"]
    assert read(Vendor(), headers | {"Webhook-Signature": f"v1,AAAA {right}"}, body()).job_id == ID
    other = right.replace("v1,", "v2,")
    with pytest.raises(SignatureError):
        read(Vendor(), headers | {"Webhook-Signature": other}, body())


SPOILED: dict[str, Any] = {
    "another body": lambda headers, content: (headers, content + b" "),
    "another id": lambda headers, content: ({**headers, "Webhook-Id": "msg_2"}, content),
    "another time": lambda headers, content: (
        {**headers, "Webhook-Timestamp": str(int(NOW) - 1)},
        content,
    ),
    "another secret": lambda _, content: (signed(content, secret(b"theirs")), content),
    "no signature": lambda headers, content: (
        {name: one for name, one in headers.items() if "Signature" not in name},
        content,
    ),
    "an empty signature": lambda headers, content: (
        {**headers, "Webhook-Signature": "v1,"},
        content,
    ),
    "an old one": lambda _, content: (signed(content, at=NOW - 301), content),
    "one of the future": lambda _, content: (signed(content, at=NOW + 400), content),
    "a large body": lambda headers, _: (headers, b" " * 70_000),
}


@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED)
def test_a_delivery_that_does_not_match_is_refused(spoil: Any) -> None:
    headers, content = spoil(signed(body()), body())
    vendor = Vendor()
    with pytest.raises(SignatureError) as caught:
        read(vendor, headers, content)
    assert caught.value.account == "studio"
    assert secret() not in str(caught.value)
    assert vendor.reads <= 1


def test_the_secret_is_read_once_and_kept() -> None:
    vendor = Vendor()
    for _ in range(3):
        read(vendor, signed(body()), body())
        vendor.now += 3600
    assert vendor.reads == 1


def test_a_replaced_secret_is_read_again_but_at_most_once_a_minute() -> None:
    vendor = Vendor()
    read(vendor, signed(body()), body())
    vendor.said = secret(b"two")
    newer = signed(body(), secret(b"two"))
    with pytest.raises(SignatureError):  # a minute is not over
        read(vendor, newer, body())
    assert vendor.reads == 1
    vendor.now = 61
    assert read(vendor, newer, body()).job_id == ID
    assert vendor.reads == 2
    for _ in range(5):
        with pytest.raises(SignatureError):
            read(vendor, signed(body(), secret(b"theirs")), body())
    assert vendor.reads == 2


def test_a_given_secret_is_never_asked_for() -> None:
    vendor = Vendor(given=secret(b"mine"))
    assert read(vendor, signed(body(), secret(b"mine")), body()).job_id == ID
    with pytest.raises(SignatureError):
        read(vendor, signed(body()), body())
    assert vendor.reads == 0


def test_a_secret_that_cannot_be_read_believes_nobody() -> None:
    vendor = Vendor()
    vendor.fails = True
    with pytest.raises(ProviderUnavailable):
        read(vendor, signed(body()), body())
    with pytest.raises(SignatureError):  # it is not asked again at once
        read(vendor, signed(body()), body())
    assert vendor.reads == 1
    vendor.now, vendor.fails = 61, False
    assert read(vendor, signed(body()), body()).job_id == ID
    vendor.now, vendor.fails = 200, True
    with pytest.raises(SignatureError):
        read(vendor, signed(body(), secret(b"theirs")), body())
    assert read(vendor, signed(body()), body()).job_id == ID, "the old one is kept"


@pytest.mark.parametrize("said", [7, "", "x" * 600, ["whsec_AAAA"]])
def test_an_answer_without_a_secret_believes_nobody(said: Any) -> None:
    with pytest.raises(SignatureError):
        read(Vendor(said), signed(body()), body())


@pytest.mark.parametrize("said", ["whsec_", "whsec_!!", "no base64"])
def test_a_secret_that_is_none_says_so(said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(Vendor(said), signed(body()), body())
    assert said not in str(caught.value) or said == "whsec_"


@pytest.mark.parametrize("content", [b"[]", b"{}", b'{"id": 7}', b'{"id": "../x"}', b"no JSON"])
def test_a_signed_body_that_is_no_prediction_is_an_error(content: bytes) -> None:
    with pytest.raises(ProtocolError) as caught:
        read(Vendor(), signed(content), content)
    assert isinstance(caught.value, MotionKitError)


def test_no_secret_shows() -> None:
    vendor = Vendor()
    read(vendor, signed(body()), body())
    assert secret() not in repr(vendor.keys)
