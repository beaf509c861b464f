"""The sandbox publishes files for vendors that fetch media by URL only."""

from __future__ import annotations

import gc
import socket
import sys
import urllib.request
from typing import Any
from urllib.parse import urlsplit

import pytest

from motionkit.sandbox import Sandbox


def test_a_published_file_is_served_whole_at_its_url() -> None:
    with Sandbox(apps=[]) as sandbox:
        url = sandbox.publish("my dance.mp4", b"film")
        with urllib.request.urlopen(url) as answer:  # noqa: S310 - loopback
            assert answer.read() == b"film"
            assert answer.headers["Content-Type"] == "video/mp4"


def test_a_file_is_published_with_curl_too() -> None:
    with Sandbox(apps=[]) as sandbox:
        put = urllib.request.Request(  # noqa: S310 - loopback
            f"{sandbox.url}/_sandbox/files/hero.png", b"picture", method="PUT"
        )
        with urllib.request.urlopen(put) as answer:  # noqa: S310 - loopback
            assert b'"url"' in answer.read()
        with urllib.request.urlopen(put.full_url) as answer:  # noqa: S310 - loopback
            assert answer.read() == b"picture"


def test_a_download_that_nobody_reads_leaves_no_open_socket_when_the_sandbox_closes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    left: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda found: left.append(found.exc_value))
    with Sandbox(apps=[]) as sandbox:
        place = urlsplit(sandbox.publish("film.mp4", bytes(30_000_000)))
        assert place.hostname is not None
        reader = socket.create_connection((place.hostname, place.port or 80))
        reader.sendall(f"GET {place.path} HTTP/1.1\r\nHost: sandbox\r\n\r\n".encode())
        assert reader.recv(8) == b"HTTP/1.1"
    gc.collect()
    reader.close()
    assert left == []
