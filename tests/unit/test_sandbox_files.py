"""The sandbox publishes files for vendors that fetch media by URL only."""

from __future__ import annotations

import urllib.request

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
