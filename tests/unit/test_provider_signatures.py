"""A signature is compared in constant time, whatever is sent in its place."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest

from motionkit.errors import Billed, SignatureError
from motionkit.provider import signatures

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
