"""Check URLs and IP addresses: configured origins, results, resolved names."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from motionkit._support.hosts import is_loopback
from motionkit._support.redaction import redact
from motionkit.errors import ConfigError

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_LONGEST_SHOWN = 100
"""Characters of a URL in an error."""


class InternalAddressError(Exception):
    """A public name resolves to this machine or to a private network."""


def checked_origin(url: str, *, field: str) -> str:
    """Return an origin without a trailing slash; `field` is the setting, for errors.

    Raises:
        ConfigError: It is not ``https://host`` (plain ``http`` is for loopback only).
    """
    try:
        parts = urlsplit(url)
    except ValueError:  # brackets around something else
        parts = urlsplit("")
    secure = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname))
    secure = secure and url.isprintable()  # bytes that are no text fail in every call
    if not parts.hostname or not secure or parts.query or parts.fragment or "@" in parts.netloc:
        raise ConfigError(f"{field}: {redact(url)!r} is not https://host (http on loopback only)")
    return url.rstrip("/")


def at_loopback(url: str | None) -> bool:
    """Return whether a URL, if there is one, leads to this machine, where the sandbox is."""
    try:
        return url is not None and is_loopback(urlsplit(url).hostname)
    except ValueError:
        return False


def is_public(address: str) -> bool:
    """Return whether an IP address is globally routable.

    Raises:
        ValueError: It is not an IP address.
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo and ip.teredo[1])
        if ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)
        if inner:
            return is_public(str(inner))
        if ip.is_site_local:
            return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def check_result(url: str, *, local: bool) -> tuple[bool, str]:
    """Check the URL of a result, or of a redirect to one.

    Returns whether it is on this machine, as every URL before it was if `local`, and what is wrong
    with it, if anything.
    """
    parts = urlsplit(url)
    here = local and is_loopback(parts.hostname)
    if not parts.hostname or (parts.scheme != "https" and not (parts.scheme == "http" and here)):
        return here, "is not https"
    if "@" in parts.netloc:
        return here, "is not https without credentials"
    if not here and (is_loopback(parts.hostname) or _is_internal(parts.hostname)):
        return here, "leads into a private network"
    return here, ""


def brief(url: str) -> str:
    """Return the beginning of a URL for errors, without credentials, path and query."""
    parts = urlsplit(url)
    host = f"//{parts.hostname}" if parts.hostname else ""
    return f"{parts.scheme}:{host}"[:_LONGEST_SHOWN]


def _is_internal(host: str) -> bool:
    """Return whether a host is a literal non-public IP; names are checked after connecting."""
    try:
        return not is_public(host)
    except ValueError:
        return False
