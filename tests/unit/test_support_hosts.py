"""Loopback means one thing wherever it is asked: as an origin, as media, for results."""

from __future__ import annotations

import pytest

from motionkit._support.hosts import is_loopback
from motionkit.errors import ConfigError, InvalidRequest
from motionkit.http.addresses import check_result, checked_origin
from motionkit.model import media, probe

HERE = [
    "127.0.0.1",
    "127.0.0.2",
    "127.255.255.254",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "localhost",
    "LOCALHOST",
    "localhost.",
]
ELSEWHERE = [
    "126.255.255.255",
    "128.0.0.1",
    "10.0.0.1",
    "0.0.0.0",  # noqa: S104 - no address to listen on
    "[::2]",
    "[::ffff:128.0.0.1]",
    "localhost.example",
    "my.localhost",
    "127.0.0.1.example",
    "2130706433",
    "127.1",
]


def taken_as_media(url: str) -> bool:
    try:
        probe.inspect(media.ref(url), "video")
    except InvalidRequest:
        return False
    return True


def taken_as_origin(url: str) -> bool:
    try:
        checked_origin(url, field="base_url")
    except ConfigError:
        return False
    return True


def taken_as_result(url: str) -> bool:
    return check_result(url, local=True)[1] == ""


@pytest.mark.parametrize(
    ("host", "here"), [(h, True) for h in HERE] + [(h, False) for h in ELSEWHERE]
)
def test_loopback_is_the_same_for_origins_media_and_results(host: str, here: bool) -> None:
    url = f"http://{host}:8000/a.mp4"
    assert is_loopback(host.strip("[]")) is here
    assert taken_as_media(url) is here
    assert taken_as_origin(url) is here
    assert taken_as_result(url) is here


@pytest.mark.parametrize("host", [None, ""])
def test_no_host_is_not_loopback(host: str | None) -> None:
    assert not is_loopback(host)
