"""What sessions and downloads share: the environment's settings, and the mapping of errors.

The libraries' errors never leave this module: their texts quote URLs, and the locals of their
frames hold the request, key included. Ours name the cause, and chain an error of the operating
system only.
"""

from __future__ import annotations

import http.client
import ssl
import sys
from collections.abc import Callable, Iterator
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
import urllib3.exceptions

from motionkit._support.hosts import is_loopback
from motionkit._support.redaction import RedactedStr, Secret, redact
from motionkit.errors import MotionKitError, ProviderUnavailable
from motionkit.http.addresses import InternalAddressError
from motionkit.http.response import LONGEST_REASON

T = TypeVar("T")

CONNECT_TIMEOUT = 10.0
"""Seconds to connect."""
USER_AGENT = "motionkit"

NETWORK = (
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    InternalAddressError,
    TimeoutError,
    ValueError,
)
"""What the libraries raise when an exchange fails; some of their errors are ValueErrors."""
_SENTENCES: tuple[tuple[type[BaseException], str], ...] = (
    (urllib3.exceptions.InvalidChunkLength, "the response's chunks cannot be read"),
    (urllib3.exceptions.DecodeError, "the response cannot be decompressed"),
    (http.client.IncompleteRead, "the response broke off"),
    (http.client.RemoteDisconnected, "the server closed the connection without a response"),
    (http.client.BadStatusLine, "the response does not begin with an HTTP status"),
    (http.client.LineTooLong, "a header of the response is too long"),
)
"""Sentences for errors with Python's text; the first match in the chain counts."""


class NotSent(ProviderUnavailable):
    """No byte of the request was sent, so nothing can have arrived."""


def run(
    work: Callable[[], T],
    explain: Callable[[BaseException, str], MotionKitError],
    *,
    broken: tuple[type[BaseException], ...] = NETWORK,
) -> T:
    """Run an exchange, and raise its errors as ours, without frames.

    `explain` returns the error to raise, from the raised one and a sentence about its cause, for
    our own errors and the `broken` ones; others pass, stripped of their frames.
    """
    outer = sys.exc_info()[1]
    cause: BaseException | None
    try:
        return work()
    except MotionKitError as error:
        cause, failure = error.__cause__, explain(error, error.message).with_traceback(None)
    except broken as error:
        cause, reason = root_cause(error, outer)
        failure = explain(error, reason)
    except BaseException as error:  # noqa: BLE001 - an interrupt's frames hold the key too
        raise strip_tracebacks(error, outer) from None
    # Raised outside of `except`, so that the library's error is not its context.
    raise failure from cause


def environment(url: str) -> dict[str, Any]:
    """Return the environment's proxies and certificates for a URL; loopback needs no proxy.

    A proxy's credentials are registered as secrets with `redact`.
    """
    with requests.Session() as session:
        settings = session.merge_environment_settings(url, {}, None, None, None)
    if is_loopback(urlsplit(url).hostname):
        return {"proxies": {}, "verify": settings["verify"]}
    for proxy in settings["proxies"].values():
        user, at, _ = str(proxy).rpartition("://")[2].rpartition("@")
        if at:
            Secret(user)
            Secret(user.partition(":")[2])
    proxies = {scheme: RedactedStr(proxy) for scheme, proxy in settings["proxies"].items()}
    return {"proxies": proxies, "verify": settings["verify"]}


def root_cause(
    error: BaseException, outer: BaseException | None = None
) -> tuple[BaseException | None, str]:
    """Return the innermost cause of a library's error, and a sentence about it.

    Outer errors repeat URLs and object addresses. The cause is None unless it is the operating
    system's or the interpreter's own, which holds a number and a sentence only. `outer` is the
    error that was being handled before.
    """
    chain = list(_chain(error, outer))
    inner = chain[-1]
    plain = isinstance(inner, OSError) and type(inner).__module__ in {"builtins", "socket", "ssl"}
    reason = redact(_sentence(chain)[:LONGEST_REASON])
    return (strip_tracebacks(inner, outer) if plain else None), reason


def strip_tracebacks(error: BaseException, outer: BaseException | None = None) -> BaseException:
    """Remove the frames of an error and its causes, since they hold requests."""
    for one in list(_chain(error, outer)):
        one.__traceback__ = None
    return error


def _chain(error: BaseException, outer: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and its causes, up to `outer`."""
    found: BaseException | None = error
    while found is not None and found is not outer:
        yield found
        found = found.__cause__ or found.__context__


def _sentence(chain: list[BaseException]) -> str:
    """Return a sentence without class names and error numbers."""
    for kind, sentence in _SENTENCES:
        if any(isinstance(one, kind) for one in chain):
            return sentence
    inner = chain[-1]
    if isinstance(inner, ssl.SSLCertVerificationError):
        return f"the certificate is not valid: {inner.verify_message}"
    if isinstance(inner, ssl.SSLError) and inner.reason:
        return f"TLS failed: {inner.reason.replace('_', ' ').lower()}"
    if isinstance(inner, OSError) and inner.strerror:
        return inner.strerror
    return str(inner) or "the connection failed"
