"""The hostile answers, and what must come of each: data only.

Each row is one answer. `submit` and `poll` say what comes of it as the answer to a paid call and as
the answer to a poll of a job: an error's class, or the state that is observed. A name in one string
counts for every vendor; otherwise "PixVerse / all others", and what comes of a row at one of them
alone is in its record (`Vendor.expected`).

Whatever the class: an error of a paid call says that it may have been billed (a refusal that the
vendor documents is in `Vendor.refused`), and no poll ends the job.
"""

from __future__ import annotations

import gzip
import itertools
import json
import zlib
from collections.abc import Callable, Iterable
from typing import Any

import attrs
from rawhost import Pieces, chunked, http, js
from vendors import Vendor

JOB_ID = "400000000000000017"


@attrs.frozen
class Row:
    """One hostile answer.

    Attributes:
        name: What it is.
        answer: The bytes, or a function that makes the pieces afresh for a vendor.
        submit: What comes of it as the answer to a paid call.
        poll: What comes of it as the answer to a poll of a job.
    """

    name: str
    answer: bytes | Callable[[Vendor], Pieces]
    submit: str
    poll: str

    def pieces(self, vendor: Vendor) -> Pieces:
        return (self.answer,) if isinstance(self.answer, bytes) else self.answer(vendor)

    def expected(self, phase: str, vendor: Vendor) -> str:
        own = vendor.expected.get(f"{phase} {self.name}")
        if own is not None:
            return own
        told = self.submit if phase == "submit" else self.poll
        first, _, second = told.partition(" / ")
        return first if vendor.name == "pixverse" or not second else second


BROKEN = "ProviderUnavailable"
UNREADABLE = "ProtocolError"


def envelope(content: Any, code: Any = 0, message: Any = "Success") -> bytes:
    return js({"ErrCode": code, "ErrMsg": message, "Resp": content})


def submitted(value: str) -> Callable[[Vendor], Pieces]:
    """Answer a submit with an id, as raw JSON in the vendor's place."""
    return lambda vendor: [http(vendor.submitted(value).encode())]


def polled(word: Callable[[str], str]) -> Callable[[Vendor], Pieces]:
    """Answer a poll with a word that is made of the vendor's own for a finished job."""
    return lambda vendor: [http(vendor.polled(word(vendor.done_word)).encode())]


def done(address: str, form: int = 0) -> Callable[[Vendor], Pieces]:
    """Answer a poll with a finished job and an address, in one of the vendor's forms."""
    return lambda vendor: [http(vendor.done[form % len(vendor.done)](address).encode())]


def _swapped(word: str) -> str:
    """Write a word in other letters, or a number in other digits."""
    return word.swapcase() if word.swapcase() != word else '"\u0661"'


def _long(word: str) -> str:
    """Write 100 kB that begin as a word does."""
    return '"' + word.strip('"')[0] * 100_000 + '"'


def _drip(head: bytes, forever: bytes = b"a") -> Callable[[Vendor], Pieces]:
    return lambda _: itertools.chain([head], itertools.repeat(forever))


def _bomb() -> Iterable[bytes]:
    made = zlib.compressobj(9, wbits=31)
    block = bytes(1 << 20)
    yield from (made.compress(block) for _ in range(10_000))
    yield made.flush()


def _layers(body: bytes, times: int) -> bytes:
    for _ in range(times):
        body = gzip.compress(body)
    return body


OK = json.dumps({"ErrCode": 0, "ErrMsg": "ok", "Resp": {"status": 5}, "status": "PROCESSING"})
CONTROL = "\x1b]0;owned\x07\x1b[2J\x1b[31mfailed\r\n\u202e"

WIRE = [
    Row("nothing at all", b"", BROKEN, BROKEN),
    Row("no HTTP", b"\x00\x01\x02 hello\r\n\r\n", BROKEN, BROKEN),
    Row("a TLS record", b"\x15\x03\x01\x00\x02\x02\x50", BROKEN, BROKEN),
    Row("half a status line", b"HTTP/1.", BROKEN, BROKEN),
    Row("a status of letters", b"HTTP/1.1 abc OK\r\n\r\n", BROKEN, BROKEN),
    Row("a status of four digits", b"HTTP/1.1 2000 OK\r\n\r\n", BROKEN, BROKEN),
    Row("a header bomb", http(b"{}", **{f"X-{n}": "a" for n in range(300)}), BROKEN, BROKEN),
    Row("a header of a megabyte", http(b"{}", X="a" * 1_000_000), BROKEN, BROKEN),
    Row("endless header lines", _drip(b"HTTP/1.1 200 OK\r\n", b"X-Y: z\r\n"), BROKEN, BROKEN),
    Row("an endless header", _drip(b"HTTP/1.1 200 OK\r\nX: ", b"a" * 9999), BROKEN, BROKEN),
    Row("endless interim answers", _drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), BROKEN, BROKEN),
    Row("endless early hints", _drip(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"), BROKEN, BROKEN),
    Row("one endless early hint", _drip(b"HTTP/1.1 103 Early\r\n", b"L: </x>\r\n"), BROKEN, BROKEN),
    Row("a body shorter than it says", http(b'{"id": 1', length=500), BROKEN, BROKEN),
    Row("two lengths that differ", http(b"{}", length=2, content_length="7"), BROKEN, BROKEN),
    Row("a negative length", http(b"{}", length=-7), UNREADABLE, "ProtocolError / UNKNOWN"),
    Row(
        "a length of letters",
        http(b"{}", length=None, Content_Length="many"),
        UNREADABLE,
        "ProtocolError / UNKNOWN",
    ),
    Row(
        "a length of 400 digits",
        http(b"{}", length=None, Content_Length="9" * 400),
        UNREADABLE,
        UNREADABLE,
    ),
    Row(
        "a chunk of no size",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}",
        BROKEN,
        BROKEN,
    ),
    Row(
        "a negative chunk",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n{}",
        BROKEN,
        BROKEN,
    ),
    Row(
        "half a chunk",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n20\r\n{}",
        BROKEN,
        BROKEN,
    ),
    Row(
        "a chunk of an exabyte",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffff\r\n{}",
        BROKEN,
        BROKEN,
    ),
    Row(
        "an endless chunk size",
        _drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"0" * 9999),
        BROKEN,
        BROKEN,
    ),
    Row(
        "an endless trailer",
        _drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n"),
        BROKEN,
        BROKEN,
    ),
    Row(
        "a protocol switch",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nabc",
        UNREADABLE,
        UNREADABLE,
    ),
    Row("a broken gzip", http(b"not gzip", Content_Encoding="gzip"), BROKEN, BROKEN),
    Row(
        "a cut gzip",
        http(gzip.compress(OK.encode())[:40], Content_Encoding="gzip"),
        UNREADABLE,
        UNREADABLE,
    ),
    Row(
        "gzip in gzip",
        http(_layers(OK.encode(), 2), Content_Encoding="gzip, gzip"),
        UNREADABLE,
        UNREADABLE,
    ),
    Row(
        "a coding that was not asked for",
        http(b"\x0b\x02\x80{}\x03", Content_Encoding="br"),
        UNREADABLE,
        UNREADABLE,
    ),
    Row(
        "a bomb of gzip",
        lambda _: chunked(_bomb(), {"Content-Encoding": "gzip"}),
        UNREADABLE,
        UNREADABLE,
    ),
    Row(
        "a bomb of deflate",
        http(zlib.compress(bytes(64 << 20), 9), Content_Encoding="deflate"),
        UNREADABLE,
        UNREADABLE,
    ),
    Row(
        "a gigabyte, announced",
        lambda _: itertools.chain([http(length=1 << 30)], itertools.repeat(b" " * 65536, 1 << 14)),
        UNREADABLE,
        UNREADABLE,
    ),
    Row(
        "a gigabyte, in chunks",
        lambda _: chunked(itertools.repeat(b"[" * 65536, 1 << 14)),
        UNREADABLE,
        UNREADABLE,
    ),
    Row(
        "a gigabyte, until it closes",
        lambda _: itertools.chain([http(length=None)], itertools.repeat(b"\x00" * 65536, 1 << 14)),
        UNREADABLE,
        UNREADABLE,
    ),
]
"""Before there is a body to speak of."""

TEXT = [
    Row("no body", http(), UNREADABLE, UNREADABLE),
    Row("no content", b"HTTP/1.1 204 No Content\r\n\r\n", UNREADABLE, UNREADABLE),
    Row(
        "a web page",
        http(b"<!DOCTYPE html><p>hi", Content_Type="text/html"),
        UNREADABLE,
        UNREADABLE,
    ),
    Row("a web page with 502", http(b"<html>", "502 Bad Gateway"), BROKEN, BROKEN),
    Row(
        "JSON of another type",
        http(b"PK\x03\x04", Content_Type="application/zip"),
        UNREADABLE,
        UNREADABLE,
    ),
    Row("half the JSON", http(OK.encode()[:40]), UNREADABLE, UNREADABLE),
    Row("two documents", http(OK.encode() * 2), UNREADABLE, UNREADABLE),
    Row("invalid UTF-8", http(b'{"ErrCode":0,"ErrMsg":"\xff\xfe"}'), UNREADABLE, UNREADABLE),
    Row("UTF-16", http(OK.encode("utf-16")), UNREADABLE, UNREADABLE),
    Row("NUL bytes", http(b"\x00" * 4096), UNREADABLE, UNREADABLE),
    Row(
        "NaN",
        http(b'{"ErrCode":0,"Resp":{"video_id":NaN},"request_id":NaN}'),
        UNREADABLE,
        "UNKNOWN",
    ),
    Row(
        "Infinity",
        http(b'{"ErrCode":-Infinity,"status":Infinity}'),
        UNREADABLE,
        "ProtocolError / UNKNOWN",
    ),
    Row(
        "a number beyond all numbers",
        http(b'{"ErrCode":0,"Resp":1e999999,"status":1e999999}'),
        UNREADABLE,
        "ProtocolError / UNKNOWN",
    ),
    Row(
        "an exponent beyond Decimal",
        http(b'{"ErrCode":1e99999999999999999999}'),
        UNREADABLE,
        "ProtocolError / UNKNOWN",
    ),
    Row(
        "a hundred thousand digits",
        http(b'{"ErrCode":' + b"9" * 100_000 + b"}"),
        UNREADABLE,
        "ProtocolError / UNKNOWN",
    ),
    Row(
        "a fraction of a hundred thousand digits",
        http(b'{"ErrCode":0.' + b"9" * 100_000 + b"}"),
        UNREADABLE,
        "ProtocolError / UNKNOWN",
    ),
    Row("a million brackets", http(b"[" * 1_000_000), UNREADABLE, UNREADABLE),
    Row(
        "nested deeper than anybody means",
        http(b'{"a":' * 101 + b"1" + b"}" * 101),
        UNREADABLE,
        "ProtocolError / UNKNOWN",
    ),
    Row("a million empty lists", http(b"[" + b"[]," * 1_000_000 + b"[]]"), UNREADABLE, UNREADABLE),
    Row(
        "one name twice",
        http(b'{"ErrCode":0,"ErrCode":500044,"status":"QUEUED","status":"FAILED"}'),
        UNREADABLE,
        "ProtocolError / UNKNOWN",
    ),
    Row("null", http(b"null"), UNREADABLE, UNREADABLE),
    Row("a list", http(b"[1, 2]"), UNREADABLE, UNREADABLE),
    Row("a string", http(b'"SUCCESS"'), UNREADABLE, UNREADABLE),
    Row("true", http(b"true"), UNREADABLE, UNREADABLE),
    Row("an empty object", http(b"{}"), UNREADABLE, "ProtocolError / UNKNOWN"),
    Row("a success without content", envelope(None), UNREADABLE, "ProtocolError / UNKNOWN"),
    Row("content that is a list", envelope([7]), UNREADABLE, "ProtocolError / UNKNOWN"),
    Row("a code that is an object", envelope({}, {"a": 1}), UNREADABLE, "ProtocolError / UNKNOWN"),
    Row(
        "a code of a fraction",
        envelope({"video_id": 7}, 0.5),
        UNREADABLE,
        "ProtocolError / UNKNOWN",
    ),
    Row(
        "a code of true",
        envelope({"video_id": 7}, True),
        UNREADABLE,
        "ProtocolError / UNKNOWN",
    ),
    Row(
        "a code that nobody knows",
        envelope({"video_id": 7}, 123456),
        UNREADABLE,
        "ProtocolError / UNKNOWN",
    ),
    Row(
        "a refusal's code under 200, and an id",
        envelope({"video_id": 7}, 500044),
        "Busy / ProtocolError",
        "Busy / UNKNOWN",
    ),
    Row(
        "terminal codes in a message",
        envelope(None, 99999, CONTROL),
        "ProviderUnavailable / ProtocolError",
        "ProviderUnavailable / UNKNOWN",
    ),
    Row(
        "a message of a megabyte",
        envelope(None, 99999, "A" * 1_000_000),
        "ProviderUnavailable / ProtocolError",
        "ProviderUnavailable / UNKNOWN",
    ),
    Row(
        "a message that is an object",
        envelope(None, 99999, {"a": [1]}),
        "ProviderUnavailable / ProtocolError",
        "ProviderUnavailable / UNKNOWN",
    ),
    Row(
        "a redirect to another host",
        http(b"", "302 Found", Location="https://evil.invalid/"),
        UNREADABLE,
        UNREADABLE,
    ),
    Row("a redirect to itself", http(b"", "308 Permanent", Location="/"), UNREADABLE, UNREADABLE),
    Row("a teapot", http(b"", "418 Teapot"), UNREADABLE, UNREADABLE),
    Row(
        "a status that does not exist",
        http(b"{}", "799 What"),
        "ProviderUnavailable",
        "ProviderUnavailable",
    ),
    Row("a pause of for ever", http(b"", "503 Busy", Retry_After="9" * 400), BROKEN, BROKEN),
    Row(
        "a pause until the year 9999",
        http(b"", "503 Busy", Retry_After="Fri, 31 Dec 9999 23:59:59 GMT"),
        BROKEN,
        BROKEN,
    ),
    Row(
        "a pause in an impossible zone",
        http(b"", "503 Busy", Retry_After="Fri, 31 Dec 1999 23:59:59 +99999999999999"),
        BROKEN,
        BROKEN,
    ),
]
"""Bodies that are no answer, or not one to this question."""

IDS = [
    Row("an id of a fraction", submitted("1.5"), UNREADABLE, ""),
    Row("an id of an exponent", submitted("4e17"), UNREADABLE, ""),
    Row("an id of null", submitted("null"), UNREADABLE, ""),
    Row("an id of true", submitted("true"), UNREADABLE, ""),
    Row("an id of zero", submitted("0"), UNREADABLE, ""),
    Row("a negative id", submitted("-5"), UNREADABLE, ""),
    Row("an id of 200 digits", submitted("7" * 200), UNREADABLE, ""),
    Row("an id of 200 digits in quotes", submitted('"' + "7" * 2000 + '"'), UNREADABLE, ""),
    Row("an empty id", submitted('""'), UNREADABLE, ""),
    Row("a blank id", submitted('"  "'), UNREADABLE, ""),
    Row("an id of a list", submitted("[7]"), UNREADABLE, ""),
    Row("an id of an object", submitted('{"id": 7}'), UNREADABLE, ""),
    Row("an id that is a path", submitted('"../../v1/other"'), UNREADABLE, ""),
    Row("an id of terminal codes", submitted(json.dumps(CONTROL)), UNREADABLE, ""),
    Row("an id in other digits", submitted('"\u0664\u0662"'), UNREADABLE, ""),
]
"""Ids of a job that are none."""

LOOKS = [
    Row("a word of null", polled(lambda _: "null"), "", "UNKNOWN"),
    Row("a word of a fraction", polled(lambda _: "1.0"), "", "UNKNOWN"),
    Row("a word of true", polled(lambda _: "true"), "", "UNKNOWN"),
    Row("a word of a list", polled(lambda word: f"[{word}]"), "", "UNKNOWN"),
    Row("a word of 100 kB", polled(_long), "", "UNKNOWN"),
    Row("a word in other letters", polled(_swapped), "", "UNKNOWN"),
    Row("a negative word", polled(lambda _: "-1"), "", "UNKNOWN"),
    Row("done without an address", polled(lambda word: word), "", "UNKNOWN"),
    Row("an address of null", done("null", 1), "", "UNKNOWN"),
    Row("an address of a number", done("7", 1), "", "UNKNOWN"),
    Row("an address of a file", done('"file:///etc/hostname"', 1), "", "UNKNOWN"),
    Row("an address of a script", done('"javascript:alert(1)"'), "", "UNKNOWN"),
    Row("an address of FTP", done('"ftp://h.example/v"', 2), "", "UNKNOWN"),
]
"""Observations that must not end a job."""

ADDRESSES = [
    ("a file", "file:///etc/hostname"),
    ("plain HTTP", "http://h.example/v.mp4"),
    ("credentials", "https://user:planted@h.example/v.mp4"),
    ("a user", "https://user@h.example/v.mp4"),
    ("a private address", "https://10.1.2.3/v.mp4"),
    ("another private address", "https://192.168.0.1/v.mp4"),
    ("the metadata service", "https://169.254.169.254/latest/meta-data"),
    ("a shared address", "https://100.64.0.1/v.mp4"),
    ("no address", "https://0.0.0.0/v.mp4"),
    ("loopback", "https://127.0.0.1/v.mp4"),
    ("loopback in plain HTTP", "http://127.0.0.1:80/v.mp4"),
    ("loopback by name", "https://localhost/v.mp4"),
    ("loopback in short", "https://127.1/v.mp4"),
    ("loopback in one number", "https://2130706433/v.mp4"),
    ("loopback in hexadecimal", "https://0x7f000001/v.mp4"),
    ("IPv6 loopback", "https://[::1]/v.mp4"),
    ("IPv6 any", "https://[::]/v.mp4"),
    ("IPv4 in IPv6", "https://[::ffff:10.0.0.1]/v.mp4"),
    ("IPv4 in 6to4", "https://[2002:0a00:0001::]/v.mp4"),
    ("IPv4 in NAT64", "https://[64:ff9b::10.0.0.1]/v.mp4"),
    ("a link-local address", "https://[fe80::1]/v.mp4"),
    ("a unique local address", "https://[fd00::1]/v.mp4"),
    ("a multicast address", "https://[ff02::1]/v.mp4"),
    ("brackets that hold nothing", "https://[/v.mp4"),
    ("no host", "https:///v.mp4"),
    ("a port beyond ports", "https://h.example:99999/v.mp4"),
    ("nothing", ""),
    ("a path", "../../etc/passwd"),
    ("data that is no base64", "data:video/mp4;base64,@@@@"),
    ("data in plain", "data:text/html,<script>"),
    ("data in other letters", "data:video/mp4;base64,\u0661\u0662\u0663\u0664"),
]
"""Addresses of a result that a vendor in the open may not send us to."""

HERE = {"loopback", "loopback in plain HTTP", "loopback by name", "IPv6 loopback"}
"""Those of them that a vendor on loopback may name."""
