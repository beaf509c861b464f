"""Sessions: at the vendor's hosts or the settings', and without the key at signed addresses."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import attrs
import pytest
from scripted import NoUploads

from motionkit.errors import Billed, ProtocolError
from motionkit.http import Session
from motionkit.provider import AccountSettings, Secret, connect, signed_address


@attrs.frozen(kw_only=True)
class Settings(AccountSettings):
    files_url: str | None = None


HOSTS = {"api": "https://api.toy.invalid", "files": "https://files.toy.invalid"}
ORIGINS: list[tuple[dict[str, str], dict[str, str]]] = [
    ({}, HOSTS),
    ({"base_url": "http://127.0.0.1:9"}, dict.fromkeys(HOSTS, "http://127.0.0.1:9")),
    ({"files_url": "http://127.0.0.1:9"}, {**HOSTS, "files": "http://127.0.0.1:9"}),
    (
        {"base_url": "http://127.0.0.1:8", "files_url": "http://127.0.0.1:9"},
        {"api": "http://127.0.0.1:8", "files": "http://127.0.0.1:9"},
    ),
]


@pytest.mark.parametrize(("given", "origins"), ORIGINS)
def test_a_session_is_at_the_vendors_hosts_or_where_the_settings_say(
    given: dict[str, str], origins: dict[str, str]
) -> None:
    provider: Any = SimpleNamespace(name="toy", account="studio")
    settings = Settings(api_key="a-key-0123456789", **given)  # type: ignore[arg-type]
    http = connect(provider, settings, NoUploads(), HOSTS, {"X-Key": settings.api_key})
    assert http.origins == origins
    assert http.context == {"provider": "toy", "account": "studio"}
    assert http._auth == {"X-Key": settings.api_key}


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
