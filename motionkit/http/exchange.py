"""What sessions and downloads share: the environment's settings, and the mapping of errors.

The libraries' errors never leave this module: their texts quote URLs, and the locals of their
frames hold the request, key included. Ours name the cause, and chain an error of the operating
system only.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import sys
from collections.abc import Callable, Iterator
from typing import TypeVar

import requests
import urllib3.exceptions

from motionkit._support.redaction import redact
from motionkit.errors import MotionKitError
from motionkit.http.addresses import InternalAddressError
from motionkit.http.response import LONGEST_REASON

T = TypeVar("T")

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


_UNTRUSTED = frozenset({2, 18, 19, 20, 21})
"""OpenSSL's codes for an issuer that is not among the trusted certificates (x509_vfy.h)."""


def is_untrusted(error: BaseException) -> bool:
    """Tell whether an exchange failed because this machine does not trust the certificate."""
    return any(
        isinstance(one, ssl.SSLCertVerificationError) and one.verify_code in _UNTRUSTED
        for one in _chain(error, None)
    )


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
        failed = (one for one in chain if isinstance(one, urllib3.exceptions.NewConnectionError))
        host = next((one.conn.host for one in failed if isinstance(inner, socket.gaierror)), None)
        return f"{host}: {inner.strerror}" if host else inner.strerror
    return str(inner) or "the connection failed"
