"""What left and what came back is known; deadlines and bounds hold; keys stay home."""

from __future__ import annotations

import contextlib
import datetime as dt
import email.utils
import functools
import gzip
import http.client
import io
import itertools
import json
import logging
import os
import re
import socket
import ssl
import traceback
import tracemalloc
import types
import zlib
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import trustme
import urllib3
from patience import PATIENCE
from support import Peer, Scripted, Server, answer, header, refused_port

from motionkit._support.hosts import is_loopback
from motionkit._support.redaction import Secret, redact
from motionkit.errors import Billed, ConfigError, DownloadFailed, ProtocolError, ProviderUnavailable
from motionkit.http import connection
from motionkit.http.addresses import checked_origin
from motionkit.http.connection import check_before_sending, guarded_call
from motionkit.http.download import download
from motionkit.http.environment import environment
from motionkit.http.exchange import root_cause
from motionkit.http.response import Response
from motionkit.http.session import JSON_LIMIT, Session
from motionkit.http.unsent import NotSent
from motionkit.model.submission import Call

KEY = "sk-planted-wire-key"
BUY = Call("POST", "/buy", json={"img_id": 7}, paid=True)
READ = Call("GET", "/jobs/7")


def session(url: str, **origins: str) -> Session:
    return Session(
        provider="fake",
        account="shop",
        origins={"api": url, **origins},
        auth={"API-KEY": Secret(KEY)},
        limiter=None,
    )


def attempt(url: str, call: Call = BUY, timeout: float = PATIENCE) -> Any:
    """Send once; return the error."""
    opened = session(url)
    try:
        with pytest.raises((ProviderUnavailable, ProtocolError)) as caught:
            opened.send(call, timeout=timeout)
    finally:
        opened.close()
    return caught.value


# Whether anything left.


def test_a_refused_connection_sent_nothing() -> None:
    error = attempt(f"http://127.0.0.1:{refused_port()}")
    assert type(error) is NotSent
    assert error.billed is Billed.NO
    assert (error.provider, error.account) == ("fake", "shop")
    assert error.message.startswith("shop: POST /buy: not sent: ")


def test_a_name_that_does_not_resolve_sent_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    error = attempt("https://shop.invalid")
    assert type(error) is NotSent
    assert error.billed is Billed.NO
    assert error.message.endswith("not sent: shop.invalid: Name or service not known")


@pytest.mark.parametrize("garbage", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x15\x03\x01\x00", b""])
def test_a_failed_tls_handshake_sent_nothing(garbage: bytes) -> None:
    def greet(peer: Peer) -> None:
        peer.sock.recv(10_000)
        peer.send(garbage)

    with Server(greet) as server:
        error = attempt(f"https://127.0.0.1:{server.port}")
    assert type(error) is NotSent
    assert error.billed is Billed.NO


def test_a_tls_handshake_that_hangs_ends_with_the_deadline_and_sent_nothing() -> None:
    with Server(lambda peer: peer.hold()) as server:
        error = attempt(f"https://127.0.0.1:{server.port}", timeout=0.3)
        assert server.holding
    assert type(error) is NotSent


def _reset(peer: Peer) -> None:
    peer.request()
    peer.reset()


def _close(peer: Peer) -> None:
    peer.request()


def _garbage(peer: Peer) -> None:
    peer.request()
    peer.send(b"\x00\x01 what is this\r\n\r\n")


def _half_a_status(peer: Peer) -> None:
    peer.request()
    peer.send(b"HTTP/1.")


def _half_a_body(peer: Peer) -> None:
    peer.request()
    peer.send(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"id"')


def _half_a_chunk(peer: Peer) -> None:
    peer.request()
    peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n20\r\nabc")


def _bad_chunk(peer: Peer) -> None:
    peer.request()
    peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc")


def _broken_gzip(peer: Peer) -> None:
    peer.request()
    peer.send(answer(b"not gzip at all", headers={"Content-Encoding": "gzip"}))


@pytest.mark.parametrize(
    "handler",
    [
        _reset,
        _close,
        _garbage,
        _half_a_status,
        _half_a_body,
        _half_a_chunk,
        _bad_chunk,
        _broken_gzip,
    ],
)
def test_what_broke_after_the_request_left_may_have_arrived(
    handler: Callable[[Peer], None],
) -> None:
    with Server(handler) as server:
        error = attempt(server.url)
        assert server.connections == 1
    assert type(error) is ProviderUnavailable
    assert error.billed is Billed.UNKNOWN
    assert error.message.startswith("shop: POST /buy: no complete response: ")
    assert KEY not in str(error)


def test_a_free_call_that_broke_bought_nothing() -> None:
    with Server(_reset) as server:
        error = attempt(server.url, Call("POST", "/upload", json={}))
    assert type(error) is ProviderUnavailable
    assert error.billed is Billed.NO


def test_the_flag_is_set_by_the_first_byte_and_not_by_connecting() -> None:
    with Scripted(answer()) as server, guarded_call(5) as watch:
        assert not watch.sent
        opened = session(server.url)
        opened.send(READ)
        opened.close()
        assert not watch.sent  # each call has a watch of its own


# Deadlines.

LONG = 15_000
"""Bytes of a drip, which takes as long as a test waits at most."""


@pytest.mark.parametrize("call", [BUY, Call("GET", "/look")])
def test_a_request_that_may_not_leave_any_more_sends_no_byte_of_itself(call: Call) -> None:
    asked: list[bool] = []

    with Scripted(answer()) as server:

        def check() -> None:
            asked.append(True)
            raise TimeoutError("the window is over")

        with check_before_sending(check):
            error = attempt(server.url, call)
        assert type(error) is NotSent
        assert error.billed is Billed.NO
        assert "the window is over" in error.message
        assert asked == [True]
        assert server.requests == []


def test_a_request_that_may_leave_is_asked_about_once() -> None:
    asked: list[bool] = []
    with Scripted(answer(b'{"a": 1}')) as server:
        opened = session(server.url)
        try:
            with check_before_sending(lambda: asked.append(True)):
                assert opened.send(BUY).status == 200
        finally:
            opened.close()
    assert asked == [True]


def _drip_headers(peer: Peer) -> None:
    peer.request()
    peer.drip(b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * LONG)


def _drip_status(peer: Peer) -> None:
    peer.request()
    peer.drip(b"HTTP/1.1 200 " + b"O" * LONG)


def _drip_body(peer: Peer) -> None:
    peer.request()
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % LONG)
    peer.drip(b"a" * LONG)


def _drip_chunks(peer: Peer) -> None:
    peer.request()
    peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    peer.drip(b"1\r\na\r\n" * LONG)


def _silence(peer: Peer) -> None:
    peer.request()
    peer.hold()


@pytest.mark.parametrize(
    "handler", [_drip_headers, _drip_status, _drip_body, _drip_chunks, _silence]
)
def test_a_total_deadline_ends_a_drip(handler: Callable[[Peer], None]) -> None:
    with Server(handler) as server:
        error = attempt(server.url, timeout=0.3)
        assert server.holding, "the drip went on when the deadline ended it"
    assert type(error) is ProviderUnavailable
    assert error.billed is Billed.UNKNOWN


def test_a_reader_that_never_reads_ends_an_upload() -> None:
    class Endless(io.BytesIO):
        def __len__(self) -> int:
            return 10**9

        def read(self, size: int | None = -1, /) -> bytes:
            return bytes(65536)

    with Server(lambda peer: peer.hold()) as server:
        opened = session(server.url)
        with pytest.raises(ProviderUnavailable):
            opened.send(Call("POST", "/upload"), body=Endless(), timeout=0.3)
        assert server.holding
        opened.close()


# Bounds.


def test_an_answer_of_just_the_limit_passes_and_one_byte_more_does_not() -> None:
    body = b" " * (JSON_LIMIT - 2) + b"{}"
    assert len(body) == 8_388_608
    with Scripted(answer(body), answer(b" " + body)) as server:
        opened = session(server.url)
        assert opened.send(READ).json() == {}
        with pytest.raises(ProtocolError, match="exceeds 8388608 bytes") as caught:
            opened.send(READ)
        opened.close()
    assert (caught.value.http_status, caught.value.account) == (200, "shop")
    assert caught.value.billed is Billed.NO


def test_an_oversized_answer_to_a_paid_call_may_have_bought_something() -> None:
    with Scripted(answer(b" " * (JSON_LIMIT + 1))) as server:
        error = attempt(server.url)
    assert type(error) is ProtocolError
    assert error.billed is Billed.UNKNOWN


def test_a_compressed_bomb_is_bounded_in_memory() -> None:
    bomb = gzip.compress(bytes(300 * 1024 * 1024), 1)
    bomb = gzip.compress(b"") + bomb
    with Scripted(answer(bomb, headers={"Content-Encoding": "gzip"})) as server:
        tracemalloc.start()
        try:
            error = attempt(server.url)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert type(error) is ProtocolError
    assert peak < 64 * 1024 * 1024


# Where keys go.


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See", "307 Temp", "308 Perm"])
@pytest.mark.parametrize("call", [READ, BUY])
def test_a_redirect_is_not_followed_and_the_key_goes_nowhere_else(status: str, call: Call) -> None:
    with Scripted(answer()) as other:
        to = answer(b"moved", status, {"Location": f"{other.url}/elsewhere"})
        with Scripted(to) as server:
            opened = session(server.url)
            got = opened.send(call)
            opened.close()
            assert header(server.requests[0], "API-KEY") == KEY
        assert other.connections == 0
    assert got.status == int(status[:3])
    assert got.headers["location"].endswith("/elsewhere")


def test_a_call_goes_to_the_origin_that_it_names() -> None:
    with Scripted(answer()) as api, Scripted(answer()) as upload:
        opened = session(api.url, upload=upload.url)
        opened.send(Call("POST", "/files", origin="upload", json={}))
        opened.close()
        assert (len(api.requests), len(upload.requests)) == (0, 1)


def test_a_callers_headers_do_not_replace_the_key() -> None:
    with Scripted(answer()) as server:
        opened = session(server.url)
        call = Call("GET", "/", headers={"API-KEY": "of the call"})
        opened.send(call, headers={"API-KEY": "of the caller", "Ai-trace-id": "t1"})
        opened.close()
        assert header(server.requests[0], "API-KEY") == KEY
        assert header(server.requests[0], "Ai-trace-id") == "t1"


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_a_proxy_of_the_environment_is_not_used_for_loopback(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Scripted() as proxy, Scripted(answer()) as server:
        monkeypatch.setenv(name, proxy.url)
        opened = session(server.url)
        assert opened.send(READ).status == 200
        opened.close()
        assert proxy.connections == 0


def test_a_proxy_of_the_environment_is_used_elsewhere_and_its_refusal_sent_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refusal = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    with Scripted(refusal) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        error = attempt("https://shop.invalid")
        assert proxy.requests[0].startswith(b"CONNECT shop.invalid:443 ")
        assert KEY.encode() not in proxy.requests[0]
    assert type(error) is NotSent


def test_a_word_before_the_key_reaches_the_wire_with_it() -> None:
    with Scripted(answer()) as server:
        auth = {"Authorization": Secret(KEY).prefixed("Bearer ")}
        opened = Session(
            provider="fake", account="shop", origins={"api": server.url}, auth=auth, limiter=None
        )
        opened.send(READ)
        opened.close()
        assert header(server.requests[0], "Authorization") == f"Bearer {KEY}"


def test_a_netrc_file_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login planted password planted\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HOME", str(tmp_path))
    with Scripted(answer()) as server:
        opened = session(server.url)
        opened.send(READ)
        opened.close()
        assert header(server.requests[0], "Authorization") is None
        assert header(server.requests[0], "API-KEY") == KEY


def test_a_cookie_is_not_kept() -> None:
    with Scripted(answer(headers={"Set-Cookie": "a=planted; Path=/"}), answer()) as server:
        opened = session(server.url)
        opened.send(READ)
        opened.send(READ)
        opened.close()
        assert header(server.requests[1], "Cookie") is None


# Connections.


def test_reads_share_a_connection_and_a_paid_call_has_its_own() -> None:
    with Scripted(*[answer()] * 5) as server:
        opened = session(server.url)
        opened.send(READ)
        opened.send(READ)
        assert server.connections == 1
        opened.send(BUY)
        assert server.connections == 2
        opened.send(BUY)
        assert server.connections == 3
        opened.send(READ)
        assert server.connections == 3
        opened.close()
        assert [r.split(b" ")[0] for r in server.requests] == [
            b"GET", b"GET", b"POST", b"POST", b"GET",
        ]  # fmt: skip


def test_a_fork_does_not_talk_over_its_parents_connections(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Scripted(answer(), answer(), answer()) as server:
        opened = session(server.url)
        opened.send(READ)
        monkeypatch.setattr(os, "getpid", lambda: 7)
        opened.send(READ)
        opened.send(READ)
        assert server.connections == 2
        opened.close()


def test_a_session_that_was_closed_opens_again() -> None:
    with Scripted(answer(), answer()) as server:
        opened = session(server.url)
        opened.send(READ)
        opened.close()
        assert opened.send(READ).status == 200
        assert server.connections == 2
        opened.close()


@pytest.mark.parametrize("value", ["t1\r\nX-Smuggled: 1", "t1\n folded", " t1"])
def test_a_header_that_carries_another_one_is_not_sent(value: str) -> None:
    with Scripted() as server:
        opened = session(server.url)
        with pytest.raises(NotSent, match="not sent"):
            opened.send(READ, headers={"Ai-trace-id": value})
        opened.close()
        assert server.requests == []


def test_a_header_in_another_spelling_is_not_sent_twice() -> None:
    with Scripted(answer()) as server:
        opened = session(server.url)
        opened.send(READ, headers={"api-key": "of the caller", "ACCEPT": "text/x"})
        opened.close()
    names = [line.split(b":")[0].lower() for line in server.requests[0].split(b"\r\n")[1:] if line]
    assert len(names) == len(set(names))
    assert header(server.requests[0], "API-KEY") == KEY
    assert header(server.requests[0], "Accept") == "text/x"


def test_a_path_cannot_lead_to_another_host() -> None:
    with Scripted(answer()) as other, Scripted(answer()) as server:
        opened = session(server.url)
        opened.send(Call("GET", f"//{other.url.removeprefix('http://')}/x"))
        opened.close()
        assert (len(server.requests), other.connections) == (1, 0)


def test_chunks_rule_over_a_length_that_stands_beside_them() -> None:
    both = answer(b"2\r\n{}\r\n0\r\n\r\n", headers={"Transfer-Encoding": "chunked"})
    with Scripted(both) as server:
        opened = session(server.url)
        assert opened.send(READ).body == b"{}"
        opened.close()


def test_a_request_is_sent_once_whatever_comes_back() -> None:
    with Scripted(answer(status="503 Busy", headers={"Retry-After": "1"})) as server:
        opened = session(server.url)
        got = opened.send(BUY)
        opened.close()
        assert (got.status, got.retry_after, len(server.requests)) == (503, 1.0, 1)


def test_a_call_is_sent_as_it_is_written() -> None:
    call = Call(
        "POST",
        "/a b/c?d",
        headers={"X-More": "1"},
        query={"q": "x y&z"},
        json={"prompt": "é", "n": 1},
    )
    with Scripted(answer(b'{"ok": true}', headers={"X-Odd-Case": "1"})) as server:
        opened = session(server.url)
        assert opened.url(call) == f"{server.url}/a%20b/c%3Fd?q=x+y%26z"
        got = opened.send(call)
        opened.close()
        (request,) = server.requests
    assert request.startswith(b"POST /a%20b/c%3Fd?q=x+y%26z HTTP/1.1\r\n")
    assert request.endswith(b'\r\n\r\n{"prompt": "\\u00e9", "n": 1}')
    assert header(request, "Content-Type") == "application/json"
    assert header(request, "X-More") == "1"
    assert header(request, "User-Agent") == "motionkit"
    assert (got.headers["x-odd-case"], got.json()) == ("1", {"ok": True})


def test_a_stream_is_sent_with_its_length() -> None:
    with Scripted(answer()) as server:
        opened = session(server.url)
        opened.send(
            Call("POST", "/up"), headers={"Content-Type": "text/x"}, body=io.BytesIO(b"content")
        )
        opened.close()
        (request,) = server.requests
    assert header(request, "Content-Length") == "7"
    assert header(request, "Transfer-Encoding") is None
    assert request.endswith(b"\r\n\r\ncontent")


# JSON.


@pytest.mark.parametrize(
    "body",
    [
        b'{"url": "https://h.example/v.mp4?sig=planted"}',
        b'{"url": "https:\\/\\/h.example/v.mp4?sig=planted"}',
        b'{"url": ["\\u0068ttps\\u003a//h.example/v.mp4?sig=planted"]}',
        f'{{"said": "wrong key {KEY} planted"}}'.encode(),
        b'{"said": "wrong key \\u0073k-planted-wire-key planted"}',
    ],
)
def test_what_json_tells_is_whole_in_use_and_masked_where_it_is_shown(body: bytes) -> None:
    Secret(KEY)
    got = Response(200, {}, body).json()
    assert "planted" in json.dumps(got)
    assert "***" in repr(got)
    assert KEY not in repr(got)
    assert "sig=planted" not in repr(got)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"id": 900719925474099312}', {"id": 900719925474099312}),
        (b"123456789012345678901234567890", 123456789012345678901234567890),
        (b"[0.1, 1e2]", [Decimal("0.1"), Decimal("1e2")]),
        (b'{"credit": 40.10}', {"credit": Decimal("40.10")}),
        ('"é"'.encode(), "é"),
        (b"null", None),
        (b"[" * 100 + b"]" * 100, ...),
        (b'["' + b"[{" * 5000 + b'\\"[[["]', ["[{" * 5000 + '"[[[']),
        (b"1e300", Decimal("1e300")),
        (b"9" * 300, 10**300 - 1),
        (b"\xef\xbb\xbf{}", {}),
    ],
)
def test_json_is_read_without_loss(body: bytes, expected: Any) -> None:
    got = Response(200, {}, body).json()
    if expected is not ...:
        assert got == expected
        assert type(got) is type(expected)
        if isinstance(got, list):
            assert [str(item) for item in got] == [str(item) for item in expected]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"<html>",
        b'{"a": NaN}',
        b"[Infinity]",
        b"-Infinity",
        b'"\xff\xfe"',
        b"{} {}",
        b"9" * 10_000,
        b"[" * 101 + b"]" * 101,
        b'{"a":' * 101 + b"1" + b"}" * 101,
        b"[" * 1_000_000,
        b"[" + b'"' + b"]" * 5000 + b'",' + b"[" * 5000 + b"]" * 5000 + b"]",
        b'{"a": 1, "a": 1}',
        b'[{"a": {"b": 1, "b": 2}}]',
        b"1e301",
        b"1e-301",
        b"1e9999999999999999999",
        b"9" * 301,
        b"0." + b"1" * 400,
        b"[" + b"1," * 200_000 + b"1]",
    ],
)
def test_what_is_no_json_is_an_answer_that_cannot_be_understood(body: bytes) -> None:
    with pytest.raises(ProtocolError) as caught:
        Response(502, {}, body).json()
    assert caught.value.http_status == 502


NESTED = functools.reduce(lambda inner, _: [inner], range(99), None)
MAPPED = functools.reduce(lambda inner, _: {"]": inner}, range(99), None)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"a": NaN, "b": 1}', {"a": None, "b": 1}),
        (b"[Infinity, -Infinity, 1e400, 1e-400, 1e9999999999999999999]", [None] * 5),
        (b'{"a": ' + b"9" * 5000 + b', "b": [0.' + b"1" * 5000 + b"]}", {"a": None, "b": [None]}),
        (b'{"a": 1, "b": 2, "a": 3}', {"a": None, "b": 2}),
        (b'{"a": 1, "b": 2, "a": 1}', {"a": 1, "b": 2}),
        (b'{"a": {"b": "\\u0041", "b": "B"}}', {"a": {"b": None}}),
        (b'{"a": ' + b"[" * 50_000 + b"]" * 50_000 + b', "b": 1}', {"a": NESTED, "b": 1}),
        (b'{"a": ' + b'{"]":' * 5000 + b'"}"' + b"}" * 5000 + b"}", {"a": MAPPED}),
    ],
)
def test_what_cannot_be_read_is_none_where_no_job_can_be_named(body: bytes, told: Any) -> None:
    assert Response(200, {}, body).json(lenient=True) == told
    if told != {"a": 1, "b": 2}:
        with pytest.raises(ProtocolError):
            Response(200, {}, body).json()


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[" * 102 + b"]" * 101, b"[" * 101, b"]" * 101, b"[" * 1_000_000, b"\xff"],
)
def test_what_is_no_json_is_refused_leniently_too(body: bytes) -> None:
    with pytest.raises(ProtocolError):
        Response(200, {}, body).json(lenient=True)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("7", 7.0), ("0", 0.0), ("", None), ("soon", None), ("-1", None), ("1.5", None),
     ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0), ("²", None), ("9" * 400, 86_400.0),
     ("Fri, 31 Dec 9999 23:59:59 GMT", 86_400.0),
     ("Fri, 31 Dec 1999 23:59:59 +99999999999999", None)],
)  # fmt: skip
def test_retry_after_counts_when_it_is_a_number_or_a_date(
    value: str, seconds: float | None
) -> None:
    assert Response(429, {"retry-after": value}, b"").retry_after == seconds


def test_a_date_to_come_is_counted_in_seconds_from_now() -> None:
    soon = email.utils.format_datetime(dt.datetime.now(dt.UTC) + dt.timedelta(seconds=30))
    wait = Response(429, {"retry-after": soon}, b"").retry_after
    assert wait is not None
    assert 27 < wait <= 30


@pytest.mark.parametrize(
    ("status", "body", "seconds"),
    [
        (429, b'{"retry_after": 7}', 7.0),
        (503, b'{"retry_after": 1.5}', 1.5),
        (200, b'{"retry_after": 7}', None),
        (429, b'{"retry_after": "7"}', None),
        (429, b'{"retry_after": true}', None),
        (429, b'{"retry_after": -1}', None),
        (429, b'{"retry_after": 1e99}', None),
        (429, b"[7]", None),
        (429, b"<html>", None),
    ],
)
def test_a_body_may_say_when_to_go_on(status: int, body: bytes, seconds: float | None) -> None:
    assert Response(status, {}, body).retry_after == seconds


def test_no_retry_after_is_none() -> None:
    assert Response(429, {}, b"").retry_after is None


# Origins and identity.


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://api.example", "https://api.example"),
        ("https://api.example/", "https://api.example"),
        ("https://api.example:8443/v1/", "https://api.example:8443/v1"),
        ("http://127.0.0.1:8000/", "http://127.0.0.1:8000"),
        ("http://localhost:8000", "http://localhost:8000"),
        ("http://[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_an_origin_is_https_or_loopback(url: str, expected: str) -> None:
    assert checked_origin(url, field="accounts.shop.api") == expected


@pytest.mark.parametrize(
    "url",
    [
        "http://api.example",
        "ftp://api.example",
        "api.example",
        "https://",
        "https://user:planted@api.example",
        "https://:planted@api.example",
        "https://api.example?key=planted",
        "https://api.example#part",
        "https://[::1",
        "http://127.0.0.1.api.example",
        "",
    ],
)
def test_any_other_origin_is_refused_with_its_place(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        checked_origin(url, field="accounts.shop.api")
    assert caught.value.message.startswith("accounts.shop.api: ")
    assert "planted" not in caught.value.message


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("10.0.0.1", False),
        ("localhost.example", False),
        ("127.0.0.1.example", False),
        ("", False),
        (None, False),
    ],
)
def test_loopback_is_told_by_address(host: str | None, expected: bool) -> None:
    assert is_loopback(host) is expected


def test_a_fingerprint_names_key_and_origin_and_holds_neither() -> None:
    def printed(url: str, key: str, provider: str = "fake") -> str:
        opened = Session(
            provider=provider,
            account="x",
            origins={"api": url},
            auth={"API-KEY": Secret(key)},
            limiter=None,
        )
        opened.close()
        return opened.fingerprint

    one = printed("https://a.example", KEY)
    assert one == printed("https://a.example/", KEY)
    assert len(one) == 16
    assert int(one, 16) >= 0
    others = {
        printed("https://b.example", KEY),
        printed("https://a.example", KEY + "2"),
        printed("https://a.example", KEY, "other"),
    }
    assert len(others | {one}) == 4
    assert KEY not in repr(vars(session("https://a.example")))


# What is said of it.


def everything(error: BaseException) -> str:
    """Return every way of showing an error, its frames' locals included."""
    told = traceback.TracebackException.from_exception(error, capture_locals=True)
    behind = f"{error.__cause__!r} {error.__context__!r} {vars(error)}"
    return "".join(told.format()) + behind


@pytest.mark.parametrize("handler", [_reset, _half_a_body, _broken_gzip, _bad_chunk, None])
def test_a_broken_call_shows_no_key_even_with_locals(
    handler: Callable[[Peer], None] | None,
) -> None:
    if handler is None:
        error = attempt(f"http://127.0.0.1:{refused_port()}")
    else:
        with Server(handler) as server:
            error = attempt(server.url)
    assert KEY not in everything(error)
    assert "http/client.py" not in everything(error)


def test_a_cause_of_the_operating_systems_is_kept() -> None:
    error = attempt(f"http://127.0.0.1:{refused_port()}")
    assert isinstance(error.__cause__, ConnectionRefusedError)
    assert error.__cause__.errno is not None
    assert error.__cause__.__traceback__ is None


def test_the_reason_is_this_calls_and_not_what_was_handled_before() -> None:
    error = None
    try:
        {}["of another time"]
    except KeyError:
        error = attempt(f"http://127.0.0.1:{refused_port()}")
    assert error.message == "shop: POST /buy: not sent: Connection refused"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ConnectionRefusedError(111, "Connection refused"), "Connection refused"),
        (socket.gaierror(-2, "Name or service not known"), "Name or service not known"),
        (http.client.IncompleteRead(b"ab", 9), "the response broke off"),
        (http.client.BadStatusLine("hello"), "the response does not begin with an HTTP status"),
        (
            http.client.RemoteDisconnected("Remote end closed connection without response"),
            "the server closed the connection without a response",
        ),
        (ConnectionResetError(), "the connection failed"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_reason_names_no_class_and_no_error_number(error: Exception, said: str) -> None:
    assert root_cause(error)[1] == said


@pytest.mark.parametrize(
    ("body", "said"),
    [(b"", "the response is not JSON$"), (b'{"a": }', "at character 6"), (b'"\xff"', "not UTF-8")],
)
def test_an_answer_that_is_no_json_says_where_and_shows_no_python(body: bytes, said: str) -> None:
    with pytest.raises(ProtocolError, match=said) as caught:
        Response(200, {}, body).json()
    assert "Expecting" not in caught.value.message
    assert "codec" not in caught.value.message


CUT_SHORT = Response(200, {}, b'{"url": "https://h.example/v?sig=planted"')


def test_an_answer_that_is_no_json_does_not_hang_on_to_its_body() -> None:
    with pytest.raises(ProtocolError) as caught:
        CUT_SHORT.json()
    shown = everything(caught.value)  # before an assertion puts words into this frame
    assert caught.value.__cause__ is None
    assert "planted" not in shown


def test_an_answer_is_shown_without_its_links() -> None:
    link = "https://h.example/v?sig=planted"
    answer_ = Response(302, {"location": link}, f'{{"url": "{link}"}}'.encode())
    assert "planted" not in repr(answer_)
    assert "planted" not in repr(answer_.json())
    assert answer_.json() == {"url": link}


def test_http_clients_debugging_prints_nothing_of_ours(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(http.client.HTTPConnection, "debuglevel", 1)
    with Scripted(answer()) as server:
        opened = session(server.url)
        opened.send(READ)
        opened.close()
    assert capsys.readouterr().out == ""


def test_others_debug_logs_are_left_as_they_are(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "urllib3"), Scripted(answer(), answer()) as server:
        urllib3.PoolManager().request("GET", f"{server.url}/theirs?a=1").close()
        opened = session(server.url)
        opened.send(Call("GET", "/ours", query={"a": "1"}))
        opened.close()
    assert "GET /theirs?a=1 " in caplog.text
    assert "GET /ours?*** " in caplog.text


@pytest.mark.parametrize("status", [b"100 Continue", b"102 Processing", b"103 Early Hints"])
def test_interim_answers_are_passed_over(status: bytes) -> None:
    interim = b"HTTP/1.1 " + status + b"\r\nLink: </x>\r\n\r\n"
    with Scripted(interim * 20 + answer(b"[1]"), interim * 3 + answer(b"[2]")) as server:
        opened = session(server.url)
        with pytest.raises(ProviderUnavailable, match="interim responses"):
            opened.send(READ)
        assert opened.send(READ).json() == [2]
        opened.close()


def test_an_interim_answer_of_a_thousand_lines_is_too_long() -> None:
    interim = b"HTTP/1.1 103 Early Hints\r\n" + b"L: x\r\n" * 1000 + b"\r\n"
    with Scripted(interim + answer()) as server:
        error = attempt(server.url)
    assert type(error) is ProviderUnavailable
    assert "more than 1000 lines in a row" in error.message


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, gzip", "gzip, br", "what"])
def test_a_coding_that_was_not_asked_for_is_not_undone(coding: str) -> None:
    with Scripted(answer(b"{}", headers={"Content-Encoding": coding})) as server:
        error = attempt(server.url)
        assert header(server.requests[0], "Accept-Encoding") == "identity"
    assert type(error) is ProtocolError
    assert error.billed is Billed.UNKNOWN


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "deflate", "GZIP", "identity"])
def test_a_usual_coding_is_undone(coding: str) -> None:
    packed = {"deflate": zlib.compress, "identity": bytes}.get(coding, gzip.compress)
    with Scripted(answer(packed(b"[7]"), headers={"Content-Encoding": coding})) as server:
        opened = session(server.url)
        assert opened.send(READ).json() == [7]
        opened.close()


def test_a_proxys_credentials_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://somebody:planted-word@127.0.0.1:{refused_port()}")
    opened = session("https://shop.invalid")
    with pytest.raises(NotSent) as caught:
        opened.send(BUY)
    opened.close()
    shown = everything(caught.value) + repr(vars(opened)) + repr(vars(opened._adapter))
    assert "planted-word" not in shown
    assert "planted-word" not in redact("the proxy says: planted-word is wrong")


VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")


@pytest.mark.parametrize("name", VARIABLES)
def test_certificates_of_the_environment_count_on_loopback_too(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(path))
    for one in VARIABLES:
        monkeypatch.delenv(one, raising=False)
    monkeypatch.setenv(name, str(path))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    assert environment("https://localhost:1") == {"proxies": {}, "verify": str(path)}
    assert environment("https://h.example")["verify"] == str(path)
    assert environment("https://h.example")["proxies"]["https"] == "http://127.0.0.1:9"


@pytest.mark.parametrize("name", VARIABLES)
def test_certificates_that_are_not_there_are_a_fault_of_this_machine(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for one in VARIABLES:
        monkeypatch.delenv(one, raising=False)
    monkeypatch.setenv(name, "/nowhere/ca.pem")
    with pytest.raises(ConfigError) as caught:
        session("https://shop.invalid")
    assert caught.value.message == (
        f"{name} names '/nowhere/ca.pem', which does not exist: no certificate can be checked"
    )
    assert caught.value.hint == (
        f"correct {name}, or unset it to use the certificates of this installation"
    )


@pytest.mark.parametrize("name", VARIABLES)
def test_a_file_without_certificates_is_a_fault_of_this_machine(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    for one in VARIABLES:
        monkeypatch.delenv(one, raising=False)
    monkeypatch.setenv(name, str(tmp_path / "ca.pem"))
    with pytest.raises(ConfigError, match="which holds no certificates that can be read"):
        session("https://shop.invalid")


def test_a_deadline_that_passes_while_connecting_says_that_nothing_was_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ticks = itertools.count()
    monkeypatch.setattr(
        connection, "time", types.SimpleNamespace(monotonic=lambda: float(next(ticks)))
    )
    with Server(Peer.hold) as server:
        opened = session(server.url)
        with pytest.raises(NotSent) as caught:
            opened.send(BUY, timeout=0.5)
        opened.close()
    assert caught.value.billed is Billed.NO


@pytest.mark.parametrize(
    ("proxy", "said"),
    [
        ("socks5h://me:planted@proxy.example:1080", "needs the package PySocks"),
        ("gopher://proxy.example:70", "is of a kind that is not known: 'gopher'"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_a_fault_of_this_machine(
    proxy: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=said) as caught:
        session("https://shop.invalid")
    assert "planted" not in f"{caught.value!r}{caught.value.to_dict()}"


@pytest.mark.parametrize("scheme", ["socks5", "foo"])
def test_a_proxys_password_with_an_at_sign_is_not_shown(
    scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"{scheme}://user:plan@ted@proxy.example:1080")
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(ConfigError) as caught:
        session("https://shop.invalid")
    assert f"({scheme}://proxy.example:1080)" in caught.value.message
    assert not re.search("plan|ted@", f"{caught.value!r}{caught.value.to_dict()}")


@pytest.mark.parametrize("name", [None, "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
def test_a_certificate_that_is_not_trusted_is_a_fault_of_this_machine(
    name: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    authority = trustme.CA()
    settings = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(settings)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    for one in VARIABLES:
        monkeypatch.delenv(one, raising=False)
    if name is not None:
        monkeypatch.setenv(name, str(tmp_path / "ca.pem"))

    def handle(peer: Peer) -> None:
        with contextlib.suppress(OSError), settings.wrap_socket(peer.sock, server_side=True) as up:
            came = b""
            while not came.endswith(b"}"):  # headers and body come apart
                came += up.recv(65_536)
            up.sendall(answer(b"[7]"))

    with Server(handle) as server:
        opened = session(server.url.replace("http:", "https:"))
        if name is not None:
            assert opened.send(BUY).json() == [7]
        else:
            with pytest.raises(ConfigError) as caught:
                opened.send(BUY)
            assert "the certificate is not valid" in caught.value.message
            assert "SSL_CERT_FILE" in (caught.value.hint or "")
            assert caught.value.billed is Billed.NO
            with pytest.raises(DownloadFailed, match="the file host is refused") as failed:
                download(f"{server.url.replace('http:', 'https:')}/v.mp4", tmp_path / "v.mp4")
            assert failed.value.hint == caught.value.hint
            assert server.connections == 2  # neither was tried again
        opened.close()
