"""The proxies and certificates that the environment sets for a URL."""

from __future__ import annotations

import functools
import importlib.util
import os
import sys
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from motionkit._support.hosts import is_loopback
from motionkit._support.redaction import RedactedStr, Secret
from motionkit.errors import ConfigError


def environment(url: str) -> dict[str, Any]:
    """Return the environment's proxies and certificates for a URL; loopback needs no proxy.

    A proxy's credentials are registered as secrets with `redact`.

    Raises:
        ConfigError: The certificates that a variable names do not exist, or a proxy cannot be used.
            That is a fault of this machine: no vendor caused it, and another one would not help.
    """
    if _is_plain():
        return {"proxies": {}, "verify": True}
    import requests  # noqa: PLC0415 - it knows the variables and the systems' settings

    with requests.Session() as session:
        settings = session.merge_environment_settings(url, {}, None, None, None)
    verify = _certificates(cast("bool | str", settings["verify"]))
    if is_loopback(urlsplit(url).hostname):
        return {"proxies": {}, "verify": verify}
    proxies = settings["proxies"]
    for scheme, proxy in proxies.items():
        user, at, _ = str(proxy).rpartition("://")[2].rpartition("@")
        if at:
            Secret(user)
            Secret(user.partition(":")[2])
        _check_proxy(scheme, proxy)
    return {
        "proxies": {scheme: RedactedStr(proxy) for scheme, proxy in proxies.items()},
        "verify": verify,
    }


def _is_plain() -> bool:
    """Return whether nothing of the environment is about proxies or certificates."""
    if sys.platform in {"win32", "darwin"}:
        return False  # there the system has settings of its own
    names = os.environ.keys()
    return names.isdisjoint(_CERTIFICATES) and not any(
        name.lower().endswith("_proxy") for name in names
    )


_CERTIFICATES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")
"""Variables that name certificates, the first that is set; requests heeds only the first two."""
_PROXIES = frozenset({"http", "https", "socks4", "socks4a", "socks5", "socks5h"})


@functools.lru_cache(maxsize=4)
def _problem_of(path: str, _state: tuple[int, int]) -> str:
    """Return why certificates cannot be read; each state of a file is read once."""
    if not Path(path).is_file():
        return ""
    import ssl  # noqa: PLC0415 - few environments name certificates

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except OSError:  # ssl.SSLError too
        return "holds no certificates that can be read"
    return ""


def _certificates(verify: bool | str) -> bool | str:
    """Return what certificates are checked with.

    Raises:
        ConfigError: There is no such file or folder.
    """
    name = next((one for one in _CERTIFICATES if os.environ.get(one)), None)
    if name is None or verify is False:
        return verify
    path = os.environ[name]
    try:
        status = Path(path).stat()
        problem = _problem_of(path, (status.st_mtime_ns, status.st_size))
    except (OSError, ValueError):
        problem = "does not exist"
    if problem:
        raise ConfigError(
            f"{name} names {path!r}, which {problem}: no certificate can be checked",
            hint=f"correct {name}, or unset it to use the certificates of this installation",
        )
    return path


def _check_proxy(scheme: str, proxy: str) -> None:
    """Require a proxy that can be used.

    Raises:
        ConfigError: Its address cannot be read, or it needs a package that is missing.
    """
    kind, mark, _ = proxy.partition("://")
    kind = kind.lower() if mark else "http"
    host = proxy.rpartition("://")[2].rpartition("@")[2]  # a password may hold @ itself
    name = f"the {scheme} proxy of the environment ({kind}://{host})"
    if kind not in _PROXIES:
        raise ConfigError(f"{name} is of a kind that is not known: {kind!r}")
    if kind.startswith("socks") and importlib.util.find_spec("socks") is None:
        raise ConfigError(
            f"{name} needs the package PySocks", hint="pip install 'requests[socks]' installs it"
        )
