"""Addresses that a vendor signed: opened without the key, on the vendor's hosts only."""

from __future__ import annotations

from typing import Any

import pytest
from scripted import NoUploads

from motionkit.errors import Billed, ProtocolError
from motionkit.http import Session
from motionkit.provider import Secret, signed_address


def own(origin: str) -> Session:
    return Session(
        provider="toy",
        account="studio",
        origins={"api": "https://api.toy.invalid", "files": origin},
        auth={"X-Key": Secret("a-key-0123456789")},
        limiter=None,
    )


def opened(url: Any, origin: str = "https://files.toy.invalid", hosts: tuple[str, ...] = ()) -> str:
    with signed_address(url, "PUT", own(origin), NoUploads(), "files", hosts=hosts) as (http, call):
        assert (http.provider, http.account, http._auth) == ("toy", "studio", {})
        assert call.method == "PUT"
        return http.url(call)


@pytest.mark.parametrize(
    "url",
    [
        "https://store.example/put/x?signature=a%2Fb&empty=",
        "https://files.toy.invalid/put",
        "https://store.example:443/x",
    ],
)
def test_any_public_name_may_be_a_store_where_no_page_names_hosts(url: str) -> None:
    assert opened(url) == url


@pytest.mark.parametrize(
    "url",
    [
        *("", None, 7, "https://", "ftp://store.example/x", "http://store.example/x"),
        *("https://169.254.169.254/x", "https://[::1]/x", "https://localhost/x"),
        *("http://127.0.0.1:9/x", "https://user@store.example/x", "https://store.example:8443/x"),
        *("https://[bad", "https://store.example:port/x"),
    ],
)
def test_anything_else_is_refused_before_a_byte_is_sent(url: Any) -> None:
    with pytest.raises(ProtocolError, match="studio: the upload's response names no") as caught:
        opened(url)
    assert (caught.value.provider, caught.value.billed) == ("toy", Billed.NO)


@pytest.mark.parametrize(
    ("url", "known"),
    [
        ("https://toy.example/x", True),
        ("https://a.toy.example/x", True),
        ("https://eviltoy.example/x", False),
        ("https://toy.example.evil.example/x", False),
        ("https://store.example/x", False),
    ],
)
def test_named_hosts_are_the_only_ones_with_their_subdomains(url: str, *, known: bool) -> None:
    if known:
        assert opened(url, hosts=("toy.example",)) == url
        return
    with pytest.raises(ProtocolError):
        opened(url, hosts=("toy.example",))


def test_the_accounts_own_host_is_one_of_them_with_any_port() -> None:
    url = "http://127.0.0.1:9000/put?x=1"
    assert opened(url, "http://127.0.0.1:8000", hosts=("toy.example",)) == url
    with pytest.raises(ProtocolError):
        opened("https://127.0.0.1:9000/put", "http://127.0.0.1:8000")
