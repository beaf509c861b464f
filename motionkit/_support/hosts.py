"""Which host names are this machine: one answer for origins, media, results and the sandbox."""

from __future__ import annotations


def is_loopback(host: str | None) -> bool:
    """Return whether a host, as `urlsplit` returns it, is this machine.

    That is 127.0.0.0/8, ``::1`` (IPv4 written as IPv6 included) and ``localhost`` in any case, with
    or without the root's dot. Nothing is resolved: any other name is not loopback.
    """
    import ipaddress  # noqa: PLC0415 - making a request needs none

    if not host:
        return False
    if host.lower() in {"localhost", "localhost."}:
        return True
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    return (mapped or ip).is_loopback
