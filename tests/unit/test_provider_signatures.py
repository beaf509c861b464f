"""A signature is compared in constant time, whatever is sent in its place."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest

from motionkit.errors import Billed, ConfigError, SignatureError
from motionkit.provider import Secret, signatures

EXPECTED = base64.b64encode(hmac.digest(b"planted-secret", b"a message", hashlib.sha256))


def test_the_expected_signature_is_the_same() -> None:
    assert signatures.same(EXPECTED.decode(), EXPECTED)


@pytest.mark.parametrize(
    "told",
    [
        "",
        " ",
        EXPECTED.decode() + "=",
        EXPECTED.decode() + "\n",
        EXPECTED.decode()[:-1],
        EXPECTED.decode().swapcase(),
        "\0" * len(EXPECTED),
        "\u00e9\u4e2d\U0001f600",
        "\ud800",
        "A" * 1_000_000,
    ],
)
def test_anything_else_is_not_and_raises_nothing(told: str) -> None:
    assert not signatures.same(told, EXPECTED)


def test_text_beyond_ascii_is_compared_as_utf_8() -> None:
    assert signatures.same("\u00e9", b"\xc3\xa9")
    assert not signatures.same("\u00e9", b"\xe9")


def test_an_empty_signature_proves_nothing() -> None:
    assert not signatures.same("", b"")


def test_both_are_compared_whole_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return True

    monkeypatch.setattr(hmac, "compare_digest", compare)
    assert signatures.same("a", EXPECTED)  # its word counts, and nothing is compared beside it
    assert compared == [(b"a", EXPECTED)]


def test_a_body_of_just_the_limit_passes_and_one_byte_more_does_not() -> None:
    assert signatures.MAX_BODY == 65_536
    signatures.check_size(b"")
    signatures.check_size(bytes(65_536))
    with pytest.raises(
        SignatureError, match="has 65537 bytes; at most 65536 are accepted"
    ) as caught:
        signatures.check_size(bytes(65_537))
    assert caught.value.billed is Billed.NO


NOW = 1_781_080_794.0
SECRET = Secret("whsec_dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI=")
BODY = (
    b'{"id":"1234567890","status":"succeeded","message":"",'
    b'"create_time":1781080778802,"update_time":1781080794151}'
)
SIGNED = "v1,UsKlJP00XoQyOn410NM9xv34sP+Gl0jnOO9Lcpr7NJ4="
HEADERS = {"Webhook-Id": "9876543210", "WEBHOOK-TIMESTAMP": "1781080794"}
"""A vendor's published example of the standard: https://kling.ai/document-api."""


def check_standard(
    signature: str = SIGNED, body: bytes = BODY, now: float = NOW, secret: Secret = SECRET
) -> None:
    headers = HEADERS | {"webhook-signature": signature}
    signatures.check_standard(headers, body, secret, window=300, now=now)


@pytest.mark.parametrize("given", [SIGNED, f"v1,AAAA {SIGNED}", f"v2,x {SIGNED} v1,"])
def test_one_valid_signature_of_version_1_is_enough(given: str) -> None:
    check_standard(given)


@pytest.mark.parametrize("given", ["v1,", "v1,AAAA", SIGNED.replace("v1", "v2"), SIGNED[3:], "v1"])
def test_any_other_signature_is_refused(given: str) -> None:
    with pytest.raises(ValueError, match="the signature is invalid"):
        check_standard(given)


def test_every_signed_part_counts() -> None:
    with pytest.raises(ValueError, match="the signature is invalid"):
        check_standard(body=BODY + b" ")
    with pytest.raises(ValueError, match="the signature is invalid"):
        check_standard(secret=Secret("whsec_AAAA"))


@pytest.mark.parametrize(("later", "reason"), [(301, "it is 301 s old"), (-301, "future")])
def test_an_old_or_future_webhook_is_refused(later: float, reason: str) -> None:
    check_standard(now=NOW + 299)
    with pytest.raises(ValueError, match=reason):
        check_standard(now=NOW + later)


@pytest.mark.parametrize("secret", ["whsec_", "whsec_not base64!", "\u00e9"])
def test_a_secret_that_is_not_base64_is_a_fault_of_the_configuration(secret: str) -> None:
    with pytest.raises(ConfigError, match="not base64") as caught:
        check_standard(secret=Secret(secret))
    assert "not base64!" not in str(caught.value)


@pytest.mark.parametrize("stamp", ["", "now", "-1", "1e9", "17810807940000"])
def test_a_timestamp_is_seconds_or_milliseconds(stamp: str) -> None:
    signatures.check_age("1781080794", 300, NOW)
    signatures.check_age("1781080794151", 300, NOW)
    with pytest.raises(ValueError, match="not a number of seconds or milliseconds"):
        signatures.check_age(stamp, 300, NOW)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-sign": ""},
        {"x-sign": "a", "X-Sign": "a"},
        {"x-sign": "\u00e9"},
        {"x-sign": "a" * 513},
    ],
)
def test_a_header_is_there_once_and_printable(headers: dict[str, str]) -> None:
    assert signatures.header({"X-Sign": "abc", "other": "d"}, "x-sign") == "abc"
    with pytest.raises(ValueError, match="x-sign is "):
        signatures.header(headers, "x-sign")


def test_a_refusal_names_provider_and_account() -> None:
    with (
        pytest.raises(SignatureError, match="studio: webhook refused: too old") as caught,
        signatures.verifying(b"", provider="toy", account="studio"),
    ):
        raise ValueError("too old")
    assert (caught.value.provider, caught.value.account) == ("toy", "studio")
    with (
        pytest.raises(SignatureError, match="has 65537 bytes") as caught,
        signatures.verifying(bytes(65_537), provider="toy", account="studio"),
    ):
        raise AssertionError("a body that is too large is not read")
    assert caught.value.account == "studio"
