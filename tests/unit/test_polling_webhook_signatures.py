"""Whose webhook it is: what a second implementation signed is taken, whatever else is not."""

from __future__ import annotations

import base64
import json
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from webhook_signer import (
    NONCE,
    SECRET,
    Literal,
    body_of,
    escaped,
    hmac_sha256,
    payload,
    signature,
    signed,
)

from motionkit._support.redaction import Secret
from motionkit.errors import ConfigError, InvalidRequest, ProtocolError, SignatureError
from motionkit.journal.caches import Caches
from motionkit.journal.database import SQLiteStore
from motionkit.model.job import State
from motionkit.provider import Webhooks
from motionkit.provider import uploads as transfer
from motionkit_pixverse.adapter import PixVerse, Settings

DONE = {
    "id": "627410861853514292",
    "status": 1,
    "url": "https://media.pixverse.ai/openapi%2Fvideo one.mp4",
    "size": 10.5,
    "has_audio": True,
    "credits": 100,
}
"""The vendor's example, with an id of a real length and something to escape."""


def account(**settings: Any) -> PixVerse:
    given = {"webhook_secret": SECRET, **settings}
    uploads = transfer.CarefulUploads(Caches(SQLiteStore(None)))
    return PixVerse("pixverse", Settings(api_key=Secret("a-key-0123456789"), **given), uploads)


def test_the_second_implementations_hmac_is_the_standards() -> None:
    told = hmac_sha256(b"Jefe", b"what do ya want for nothing?").hex()  # RFC 4231, case 2
    assert told == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"


def test_a_signature_of_a_second_implementation_verifies() -> None:
    notice = account().parse_webhook(*signed(DONE))

    assert (notice.job_id, notice.state) == ("627410861853514292", State.SUCCEEDED)
    assert notice.content["url"] == DONE["url"]
    assert (notice.content["credits"], notice.content["has_audio"]) == (100, True)
    assert isinstance(account(), Webhooks)


@pytest.mark.parametrize("in_order", [True, False])
def test_keys_may_be_signed_sorted_or_as_given(in_order: bool) -> None:
    told = account().parse_webhook(*signed(DONE, in_order=in_order))
    assert told.state is State.SUCCEEDED


def test_a_body_whose_keys_were_reordered_on_the_way_verifies() -> None:
    headers, _ = signed(DONE)
    turned = body_of(dict(reversed(DONE.items())))
    assert account().parse_webhook(headers, turned).job_id == DONE["id"]


def test_white_space_in_the_body_is_not_signed() -> None:
    headers, body = signed(DONE)
    assert account().parse_webhook(headers, json.dumps(json.loads(body), indent=4).encode())


def test_headers_are_read_in_any_case() -> None:
    headers, body = signed(DONE)
    assert account().parse_webhook({name.upper(): one for name, one in headers.items()}, body)


@pytest.mark.parametrize("number", ["10.5", "10.50", "1e3", "1E+3", "-0", "100000000000000000001"])
def test_numbers_are_signed_as_they_are_written(number: str) -> None:
    assert account().parse_webhook(*signed({**DONE, "size": Literal(number)}))


@pytest.mark.parametrize("safe", ["~", "*", " ", "'", "ü", "+&=%", "日本語"])
def test_what_has_to_be_escaped_is(safe: str) -> None:
    notice = account().parse_webhook(*signed({**DONE, "url": f"https://h/{safe}.mp4"}))
    assert notice.content["url"] == f"https://h/{safe}.mp4"


@pytest.mark.parametrize(
    "changes",
    [{"+": "%20", "%2A": "*"}, {"%2A": "*", "~": "%7E"}],
    ids=["encodeURIComponent", "URLSearchParams"],
)
def test_other_ways_to_escape_are_taken_because_the_page_names_none(
    changes: dict[str, str],
) -> None:
    fields = {**DONE, "url": "https://h/a b*c~d.mp4"}
    headers, body = signed(fields)
    text = payload(fields)
    for old, new in changes.items():
        text = text.replace(old, new)
    headers["Webhook-Signature"] = signature(f"{headers['Webhook-Timestamp']}\n{NONCE}\n{text}")
    assert account().parse_webhook(headers, body)


def test_the_last_retry_may_carry_the_first_ones_timestamp() -> None:
    after = sum((2, 10, 30, 60, 300, 900, 3600, 4 * 3600))
    assert account().parse_webhook(*signed(DONE, age=after))


@pytest.mark.parametrize("age", [0, 61, 5 * 3600])
def test_a_timestamp_of_13_digits_is_in_milliseconds(age: int) -> None:
    headers, body = signed(DONE, age=age)
    stamp = f"{headers['Webhook-Timestamp']}123"
    assert len(stamp) == 13
    headers["Webhook-Timestamp"] = stamp
    headers["Webhook-Signature"] = signature(f"{stamp}\n{NONCE}\n{payload(DONE)}")
    assert account().parse_webhook(headers, body).job_id == DONE["id"]


@pytest.mark.parametrize(("age", "message"), [(7 * 3600, "s old"), (-3600, "in the future")])
def test_milliseconds_are_held_against_the_clock_too(age: int, message: str) -> None:
    headers, body = signed(DONE, age=age)
    stamp = f"{headers['Webhook-Timestamp']}000"
    headers["Webhook-Timestamp"] = stamp
    headers["Webhook-Signature"] = signature(f"{stamp}\n{NONCE}\n{payload(DONE)}")
    with pytest.raises(SignatureError, match=message):
        account().parse_webhook(headers, body)


def test_the_window_is_the_users_choice() -> None:
    with pytest.raises(SignatureError, match="s old; 60 s are allowed"):
        account(webhook_window=60.0).parse_webhook(*signed(DONE, age=61))


# What does not prove itself.

Sent = tuple[dict[str, str], bytes]
Forge = Callable[[dict[str, str], bytes], Sent]


def header(name: str, change: Callable[[str], str | None]) -> Forge:
    def forge(headers: dict[str, str], body: bytes) -> Sent:
        value = change(headers[name])
        kept = {one: text for one, text in headers.items() if one != name}
        return (kept if value is None else {**kept, name: value}), body

    return forge


def body(change: Callable[[bytes], bytes]) -> Forge:
    return lambda headers, sent: (headers, change(sent))


def again(**options: Any) -> Forge:
    return lambda _headers, _body: signed(DONE, **options)


def resigned(fields: dict[str, Any], raw: bytes | None = None) -> Forge:
    """Sign with the right secret what the vendor does not send."""

    def forge(_headers: dict[str, str], _body: bytes) -> Sent:
        headers, made = signed(fields)
        return headers, made if raw is None else raw

    return forge


def swapped(headers: dict[str, str], sent: bytes) -> Sent:
    stamp, nonce = headers["Webhook-Timestamp"], headers["Webhook-Nonce"]
    return {**headers, "Webhook-Timestamp": nonce, "Webhook-Nonce": stamp}, sent


def over_the_raw_body(headers: dict[str, str], sent: bytes) -> Sent:
    text = f"{headers['Webhook-Timestamp']}\n{NONCE}\n{escaped(sent.decode())}"
    return {**headers, "Webhook-Signature": signature(text)}, sent


def in_hex(text: str) -> str:
    return base64.b64decode(text).hex()


def doubled(headers: dict[str, str], sent: bytes) -> Sent:
    return {**headers, "webhook-signature": headers["Webhook-Signature"]}, sent


FORGERIES: dict[str, Forge] = {
    "another id": body(lambda b: b.replace(b"627410861853514292", b"627410861853514293")),
    "another status": body(lambda b: b.replace(b'"status":1', b'"status":8')),
    "another address": body(lambda b: b.replace(b"media.pixverse.ai", b"media.pixverse.al")),
    "another truth": body(lambda b: b.replace(b"true", b"false")),
    "a name in other letters": body(lambda b: b.replace(b'"credits"', b'"Credits"')),
    "a field more": body(lambda b: b[:-1] + b',"seed":1}'),
    "a field less": body(lambda b: b.replace(b',"credits":100', b"")),
    "a number written otherwise": body(lambda b: b.replace(b"10.5", b"10.50")),
    "a number with an exponent": body(lambda b: b.replace(b":100", b":1e2")),
    "a letter that looks alike": body(lambda b: b.replace(b"media", "m\u0435dia".encode())),
    "a value moved into a name": body(lambda b: b.replace(b'"status":1', b'"status=1&x":""')),
    "a body cut short": body(lambda b: b[:-7]),
    "an empty body": body(lambda _: b""),
    "a body with a tail": body(lambda b: b + b"{}"),
    "a body that is a list": body(lambda b: b"[" + b + b"]"),
    "a body that is no UTF-8": body(lambda b: b.replace(b"one", b"\xff\xfe")),
    "a body in UTF-16": body(lambda b: b.decode().encode("utf-16")),
    "a body that is huge": body(lambda b: b + b" " * 65536),
    "a body nested without end": body(lambda _: b"[" * 60000),
    "another nonce": header("Webhook-Nonce", lambda one: one[::-1]),
    "a nonce with a line break": header("Webhook-Nonce", lambda one: f"{one}\n"),
    "another moment": header("Webhook-Timestamp", lambda one: str(int(one) + 1)),
    "nonce and moment swapped": swapped,
    "a signature cut short": header("Webhook-Signature", lambda one: one[:-4]),
    "a signature in hex": header("Webhook-Signature", in_hex),
    "a signature in URL-safe letters": header(
        "Webhook-Signature", lambda one: f"-{one[1:]}" if one[0] != "-" else f"_{one[1:]}"
    ),
    "a signature without its padding": header("Webhook-Signature", lambda one: one.rstrip("=")),
    "a signature in other letters": header("Webhook-Signature", str.swapcase),
    "a signature that is no ASCII": header("Webhook-Signature", lambda one: f"{one[:-1]}é"),
    "a signature that is empty": header("Webhook-Signature", lambda _: ""),
    "no signature": header("Webhook-Signature", lambda _: None),
    "no nonce": header("Webhook-Nonce", lambda _: None),
    "no moment": header("Webhook-Timestamp", lambda _: None),
    "two signatures": doubled,
    "another secret": again(secret=f"{SECRET}2"),
    "an empty secret": again(secret=""),
    "a signature over the raw body": over_the_raw_body,
    "an old delivery": again(age=6 * 3600 + 60),
    "a delivery from the future": again(age=-3600),
    "a value that is null": resigned({**DONE, "url": None}, body_of({**DONE, "url": None})),
    "a value that is nested": resigned({**DONE, "url": Literal('{"a":1}')}),
    "a name twice": resigned(DONE, body_of(DONE)[:-1] + b',"status":1}'),
    "half a character": resigned({**DONE, "url": "x"}, body_of({**DONE, "url": "\ud800"})),
    "half a character in a name": resigned(DONE, body_of({**DONE, "\ud800": ""})),
    "a number that is none": resigned({**DONE, "size": Literal("NaN")}),
}


def test_there_are_more_than_twenty_forgeries() -> None:
    assert len(FORGERIES) > 20


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES.keys())
def test_what_was_forged_or_altered_is_refused_and_says_no_secret(forge: Forge) -> None:
    headers, sent = forge(*signed(DONE))

    with pytest.raises(SignatureError) as caught:
        account().parse_webhook(headers, sent)
    error = caught.value
    assert (error.provider, error.account) == ("pixverse", "pixverse")
    assert SECRET not in f"{error!r} {error} {error.to_dict()}"
    assert "codec" not in error.message, "no message of Python's own"
    assert isinstance(pickle.loads(pickle.dumps(error)), SignatureError)  # noqa: S301 - our own


def test_a_timestamp_that_is_no_number_is_refused_although_it_is_signed() -> None:
    headers, sent = signed(DONE)
    headers["Webhook-Timestamp"] = "today"
    headers["Webhook-Signature"] = signature(f"today\n{NONCE}\n{payload(DONE)}")
    with pytest.raises(SignatureError, match="not a number of seconds"):
        account().parse_webhook(headers, sent)


@pytest.mark.parametrize("kind", [lambda sent: sent.decode(), bytearray, lambda _: None])
def test_a_body_that_is_not_bytes_is_refused_in_words(kind: Callable[[bytes], Any]) -> None:
    headers, sent = signed(DONE)
    with pytest.raises(InvalidRequest, match="body") as caught:
        account().parse_webhook(headers, kind(sent))
    assert caught.value.field == "body"


def test_without_a_secret_nothing_is_taken() -> None:
    with pytest.raises(ConfigError, match="has no webhook_secret"):
        account(webhook_secret=None).parse_webhook(*signed(DONE, secret=""))
    with pytest.raises(ConfigError, match="webhook_secret is empty"):
        account(webhook_secret=" ")


@pytest.mark.parametrize("fields", [{"status": 1}, {"id": "seven"}, {"id": ""}, {"id": "1" * 30}])
def test_a_signed_delivery_without_a_jobs_id_is_a_protocol_error(fields: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError):
        account().parse_webhook(*signed(fields))


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({"status": 1}, State.SUCCEEDED),
        ({"status": 5}, State.RUNNING),
        ({"status": 6}, State.GONE),
        ({"status": 7}, State.BLOCKED),
        ({"status": 8}, State.FAILED),
        ({"status": 9}, State.UNKNOWN),
        ({"status": "finished"}, State.UNKNOWN),
        ({"status": 1, "url": ""}, State.UNKNOWN),
    ],
)
def test_the_vendors_number_means_what_it_means_in_a_poll(
    fields: dict[str, Any], state: State
) -> None:
    assert account().parse_webhook(*signed({**DONE, **fields})).state is state


def test_a_size_without_a_unit_is_not_taken_for_bytes() -> None:
    notice = account().parse_webhook(*signed({**DONE, "size": 10}))
    assert "size" not in notice.content
