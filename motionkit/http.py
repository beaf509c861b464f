"""HTTP as motionkit needs it: what left, what came, within a deadline, within bounds.

Built on requests' transport adapters (``HTTPAdapter.send``), not on its sessions: no redirect is
followed, no cookie kept, no ``.netrc`` read, so a key goes to the configured origins and nowhere
else. The connections themselves note what left; see `motionkit.connection`.

The libraries' own errors stay in here: their texts quote addresses, and the locals of their frames
are the request's bytes, key included. What goes out says what went wrong, from a cause of the
operating system's where there is one.
"""

from __future__ import annotations

import hashlib
import io
import ipaddress
import sys
from collections.abc import Iterator, Mapping
from typing import IO, Any, Protocol, cast
from urllib.parse import quote, urlencode, urlsplit

import requests
import urllib3.exceptions

from motionkit import pacing
from motionkit.answer import LONGEST_REASON, Answer
from motionkit.connection import Transport, Watch, watching
from motionkit.errors import (
    Billed,
    ConfigError,
    MotionKitError,
    ProtocolError,
    ProviderUnavailable,
)
from motionkit.model import Call
from motionkit.redaction import Guarded, Secret, redact

JSON_LIMIT = 8 * 1024 * 1024
"""Bytes: a larger answer is refused."""
SINK_LIMIT = 1024**3
"""Bytes: a larger answer that goes to a file is refused."""
CONNECT_TIMEOUT = 10.0
"""Seconds to connect."""
CALL_TIMEOUT = 60.0
"""Seconds for a whole call that carries no file."""
USER_AGENT = "motionkit"
_POOL_SIZE = 128
"""Connections kept; more than an engine has threads."""
_CHUNK = 64 * 1024
_SINK_CHUNK = 4 * 1024
"""Bytes: of an answer that breaks off, the last piece is lost."""
_LENGTH_DIGITS = 20
_CODINGS = frozenset({"", "identity", "gzip", "x-gzip", "deflate"})
"""Content codings that are undone in bounded memory; we ask for none at all."""
_BROKEN = (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError)
"""What the libraries raise when an exchange breaks."""


class NotSent(ProviderUnavailable):
    """Not one byte of the request left: nothing can have arrived."""


class Body(Protocol):
    """A request body that is read as it is sent."""

    def read(self, size: int = -1, /) -> bytes:
        """Return up to `size` bytes; empty at the end."""

    def __iter__(self) -> Iterator[bytes]: ...


def is_loopback(host: str | None) -> bool:
    """Tell whether a host name is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def checked_origin(url: str, *, field: str) -> str:
    """Return an origin without a trailing slash.

    Raises:
        ConfigError: It is not ``https://host`` (plain ``http`` is for loopback only).
    """
    try:
        parts = urlsplit(url)
    except ValueError:  # brackets that hold no address
        parts = urlsplit("")
    secure = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname))
    if not parts.hostname or not secure or parts.query or parts.fragment or "@" in parts.netloc:
        raise ConfigError(f"{field}: {redact(url)!r} is not https://host (http on loopback only)")
    return url.rstrip("/")


class Session:
    """One account's way to its vendor: origins, authentication, pooled connections.

    Args:
        provider: The vendor adapter's name, for errors.
        account: The account's name, for errors.
        origins: Origin name (``api``, ``upload``, ...) to ``https://host``.
        auth: Authentication headers; sent to those origins only.
    """

    def __init__(
        self,
        *,
        provider: str,
        account: str,
        origins: Mapping[str, str],
        auth: Mapping[str, Secret],
    ) -> None:
        self.provider = provider
        self.account = account
        self.origins = {
            name: checked_origin(url, field=f"accounts.{account}.{name}")
            for name, url in origins.items()
        }
        self._auth = dict(auth)
        self._adapter = Transport(pool_connections=4, pool_maxsize=_POOL_SIZE)
        self._environment = {name: environment(url) for name, url in self.origins.items()}
        self._pace = pacing.current()

    @property
    def fingerprint(self) -> str:
        """Identify key and origin without holding either: 16 hexadecimal digits."""
        digest = hashlib.sha256(f"{self.provider}\n{self.origins['api']}".encode())
        for name, secret in sorted(self._auth.items()):
            digest.update(f"\n{name}:".encode() + secret.encode())
        return digest.hexdigest()[:16]

    def url(self, call: Call) -> str:
        """Return the whole URL of a call."""
        query = f"?{urlencode(call.query)}" if call.query else ""
        return f"{self.origins[call.origin]}{quote(call.path, safe='/%~')}{query}"

    def send(
        self,
        call: Call,
        *,
        headers: Mapping[str, str] | None = None,
        body: Body | None = None,
        timeout: float = CALL_TIMEOUT,
        sink: IO[bytes] | None = None,
    ) -> Answer:
        """Send one request, once.

        A paid call gets a connection of its own: a kept one may be dead already, and then nobody
        can tell whether the request arrived.

        Args:
            call: What to send.
            headers: More headers, e.g. the attempt id.
            body: A stream with a length, instead of the call's JSON.
            timeout: Seconds for everything, connecting to the last byte.
            sink: Where the body of a 2xx answer goes as it comes, up to 1 GiB, instead of into
                memory; it stays there when the rest does not come.

        Returns:
            The answer, whatever its HTTP status.

        Raises:
            NotSent: Nothing left this machine.
            ProviderUnavailable: Something left and no whole answer came.
            ProtocolError: The answer exceeds 8 MiB, or what a sink takes.
        """
        if self._pace is not None:
            self._pace()
        prepared = requests.Request(
            call.method,
            self.url(call),
            headers={
                "User-Agent": USER_AGENT,
                "Accept": "application/json",
                **call.headers,
                **(headers or {}),
                **self._auth,
            },
            json=call.json if body is None else None,
            data=cast("Any", body),
        ).prepare()
        adapter = Transport(pool_connections=1, pool_maxsize=1) if call.paid else self._adapter
        try:
            with watching(timeout) as watch:
                return self._exchange(adapter, prepared, call, watch, sink)
        finally:
            if call.paid:
                adapter.close()

    def _exchange(
        self,
        adapter: Transport,
        prepared: requests.PreparedRequest,
        call: Call,
        watch: Watch,
        sink: IO[bytes] | None,
    ) -> Answer:
        where = f"{self.account}: {call.method} {call.path}"
        context: dict[str, Any] = {"provider": self.provider, "account": self.account}
        outer = sys.exc_info()[1]
        failure: MotionKitError
        try:
            response = adapter.send(
                prepared,
                stream=True,
                timeout=(min(CONNECT_TIMEOUT, watch.remaining()), watch.remaining()),
                **self._environment[call.origin],
            )
            try:
                if sink is None or not 200 <= response.status_code < 300:
                    body = _bounded_body(response, where)
                else:
                    body = b""
                    _pour(response, where, sink, SINK_LIMIT, _SINK_CHUNK)
            finally:
                response.close()
        except _BROKEN as error:
            kind, what = (
                (ProviderUnavailable, "no whole answer") if watch.sent else (NotSent, "not sent")
            )
            billed = Billed.UNKNOWN if call.paid and watch.sent else Billed.NO
            cause, reason = broken(error, outer)
            failure = kind(f"{where}: {what}: {reason}", billed=billed, **context)
        except ProtocolError as error:
            error.billed = Billed.UNKNOWN if call.paid else Billed.NO
            failure, cause = error.fill(**context).with_traceback(None), None
        except BaseException as error:  # noqa: BLE001 - an interrupt's frames hold the key too
            raise without_frames(error, outer) from None
        else:
            headers = {name.lower(): value for name, value in response.headers.items()}
            return Answer(response.status_code, headers, body)
        raise failure from cause

    def close(self) -> None:
        """Close the pooled connections."""
        self._adapter.close()


def environment(url: str) -> dict[str, Any]:
    """Return proxies and certificates for a URL as the environment asks; loopback needs no proxy.

    A proxy's credentials are secrets: they are made known to `redact`.
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
    proxies = {scheme: Guarded(proxy) for scheme, proxy in settings["proxies"].items()}
    return {"proxies": proxies, "verify": settings["verify"]}


def _bounded_body(response: requests.Response, where: str) -> bytes:
    body = io.BytesIO()
    _pour(response, where, body, JSON_LIMIT, _CHUNK)
    return body.getvalue()


def _pour(response: requests.Response, where: str, into: IO[bytes], limit: int, piece: int) -> None:
    """Write a body to where it goes, piece by piece, up to a limit of bytes."""
    coding = response.headers.get("Content-Encoding", "").strip().lower()
    length = response.headers.get("Content-Length", "")
    if coding not in _CODINGS:
        problem = "comes in a coding that was not asked for"
    elif length.isdecimal() and (len(length) > _LENGTH_DIGITS or int(length) > limit):
        problem = f"exceeds {limit} bytes"
    else:
        size = 0
        for chunk in response.raw.stream(piece, decode_content=True):
            size += len(chunk)
            if size > limit:
                problem = f"exceeds {limit} bytes"
                break
            into.write(chunk)
        else:
            return
    raise ProtocolError(f"{where}: the answer {problem}", http_status=response.status_code)


def _chain(error: BaseException, outer: BaseException | None) -> Iterator[BaseException]:
    """Give an error and what led to it, up to what was being handled before the call."""
    found: BaseException | None = error
    while found is not None and found is not outer:
        yield found
        found = found.__cause__ or found.__context__


def broken(
    error: BaseException, outer: BaseException | None = None
) -> tuple[BaseException | None, str]:
    """Return what a library's error comes down to: its innermost cause, and that as text.

    The outer layers repeat URLs and object addresses, so the text is the innermost one's. It is
    returned as a cause only where it is the operating system's or the interpreter's own, which
    hold a number and a sentence, and without frames.

    Args:
        error: What was raised.
        outer: What was being handled before.
    """
    inner = list(_chain(error, outer))[-1]
    reason = f"{type(inner).__name__}: {inner}"[:LONGEST_REASON]
    plain = isinstance(inner, OSError) and type(inner).__module__ in {"builtins", "socket", "ssl"}
    return (without_frames(inner, outer) if plain else None), redact(reason)


def without_frames(error: BaseException, outer: BaseException | None = None) -> BaseException:
    """Return an error without its frames and those of what led to it: they hold requests."""
    for one in list(_chain(error, outer)):
        one.__traceback__ = None
    return error
