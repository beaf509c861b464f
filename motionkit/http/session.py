"""One account's HTTP session: bounded, under a deadline, and aware of what was sent.

It uses the connection pools of requests' transport adapters instead of its sessions: no redirects,
no cookies, no ``.netrc``, so a key reaches the configured origins only. Each origin's pool, proxy
and certificates are determined once, not per call.
"""

from __future__ import annotations

import functools
import hashlib
import io
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from typing import IO, TYPE_CHECKING, Any, Protocol, cast
from urllib.parse import quote, urlencode, urlsplit

from motionkit._support.process import once
from motionkit._support.redaction import Secret
from motionkit.errors import Billed, MotionKitError, ProtocolError, ProviderUnavailable
from motionkit.http.addresses import checked_origin
from motionkit.http.environment import environment
from motionkit.http.limits import CONNECT_TIMEOUT, USER_AGENT
from motionkit.http.response import Response
from motionkit.http.unsent import NotSent, Untrusted
from motionkit.model.submission import Call

# What sends is imported where something is sent: quotes and dry runs send nothing.
if TYPE_CHECKING:
    import urllib3

    from motionkit.http.connection import Transport
    from motionkit.http.rate_limit import RateLimiter


JSON_LIMIT = 8 * 1024 * 1024
"""Bytes; a larger response is refused."""
SINK_LIMIT = 1024**3
"""Bytes; a larger response to a file is refused."""
CALL_TIMEOUT = 60.0
"""Seconds for a whole call without a file."""
_POOL_SIZE = 128
"""Pooled connections; more than an engine has threads."""
_CHUNK = 64 * 1024
_SINK_CHUNK = 4 * 1024
"""Bytes; if the response breaks off, the last chunk is lost."""
_LENGTH_DIGITS = 20
_CODINGS = frozenset({"", "identity", "gzip", "x-gzip", "deflate"})
"""Content codings that are decoded in bounded memory; none is requested."""


class Body(Protocol):
    """A request body that is read as it is sent."""

    def read(self, size: int = -1, /) -> bytes:
        """Return up to `size` bytes; empty at the end."""

    def __iter__(self) -> Iterator[bytes]: ...


class Session:
    """An account's origins, authentication and pooled connections.

    Args:
        provider: The vendor adapter's name, for errors.
        account: The account's name, for errors.
        origins: Origin name (``api``, ``upload``, ...) to ``https://host``.
        auth: Authentication headers, sent to those origins only. `Secret.prefixed` puts a scheme
            such as ``Bearer`` before a key.
        limiter: The account's rate limiter for every call; None without a limit.
    """

    def __init__(
        self,
        *,
        provider: str,
        account: str,
        origins: Mapping[str, str],
        auth: Mapping[str, Secret],
        limiter: RateLimiter | None,
    ) -> None:
        self.provider = provider
        self.account = account
        self.origins = {
            name: checked_origin(url, field=f"accounts.{account}.{name}")
            for name, url in origins.items()
        }
        self._auth = dict(auth)
        self._signed = _by_name(self._auth)
        self._prefix = {name: urlsplit(url).path for name, url in self.origins.items()}
        self._environment = {name: environment(url) for name, url in self.origins.items()}
        self._limiter = limiter
        self._pools: dict[str, urllib3.HTTPConnectionPool] = {}
        self._process = os.getpid()

    @once
    def _adapter(self) -> Transport:
        from motionkit.http.connection import Transport  # noqa: PLC0415

        return Transport(pool_connections=len(self.origins), pool_maxsize=_POOL_SIZE)

    @functools.cached_property
    def fingerprint(self) -> str:
        """A hash of key and origin that reveals neither, 16 hexadecimal digits."""
        digest = hashlib.sha256(f"{self.provider}\n{self.origins['api']}".encode())
        for name, secret in sorted(self._auth.items()):
            digest.update(f"\n{name}:".encode() + secret.encode())
        return digest.hexdigest()[:16]

    @property
    def context(self) -> dict[str, Any]:
        """Provider and account, for errors."""
        return {"provider": self.provider, "account": self.account}

    def url(self, call: Call) -> str:
        """Return the full URL of a call."""
        return self.origins[call.origin] + _target(call)

    def send(
        self,
        call: Call,
        *,
        headers: Mapping[str, str] | None = None,
        body: Body | None = None,
        timeout: float = CALL_TIMEOUT,
        idle: float | None = None,
        sink: IO[bytes] | None = None,
    ) -> Response:
        """Send one request, once.

        A paid call uses a new connection: on a pooled one that died meanwhile, it would be
        unknown whether the request arrived.

        Args:
            call: The call.
            headers: Additional headers, e.g. the attempt id.
            body: A stream with a length, instead of the call's JSON.
            timeout: Seconds from connecting to the last byte.
            idle: Seconds without a byte either way after which the call ends.
            sink: A file for the body of a 2xx response, up to 1 GiB, instead of memory; it keeps
                the received part if the response breaks off.

        Returns:
            The response, whatever its HTTP status.

        Raises:
            NotSent: Nothing was sent.
            ProviderUnavailable: Something was sent, and no complete response came.
            ProtocolError: The response exceeds 8 MiB, or the limit of a sink.
        """
        from motionkit.http import exchange  # noqa: PLC0415
        from motionkit.http.connection import Transport, bounded, guarded_call  # noqa: PLC0415

        timeout = bounded(timeout)
        own = Transport(pool_connections=1, pool_maxsize=1) if call.paid else None
        where = f"{self.account}: {call.method} {call.path}"

        def work() -> Response:
            response = self._sent(call, headers or {}, body, timeout=timeout, own=own)
            try:
                content = _content(response, where, sink)
            finally:
                response.close()
                response.release_conn()
            return Response(response.status, response.headers, content)

        def explain(error: BaseException, reason: str) -> MotionKitError:
            # Once a byte was sent, the whole request may have arrived and been acted on.
            answered = isinstance(error, MotionKitError)
            paid = call.paid and (answered or guard.sent)
            billed = Billed.UNKNOWN if paid else Billed.NO
            if isinstance(error, MotionKitError):
                error.billed = billed
                return error.fill(provider=self.provider, account=self.account)
            if not guard.sent and exchange.is_untrusted(error):
                return Untrusted(
                    f"{where}: not sent: {reason}",
                    provider=self.provider,
                    account=self.account,
                )
            what = "no complete response" if guard.sent else "not sent"
            return (ProviderUnavailable if guard.sent else NotSent)(
                f"{where}: {what}: {reason}",
                billed=billed,
                provider=self.provider,
                account=self.account,
            )

        limited = nullcontext() if self._limiter is None else self._limiter.call()
        try:
            with limited, guarded_call(timeout, idle=idle) as guard:
                return exchange.run(work, explain, broken=(*exchange.NETWORK, OSError))
        finally:
            if own is not None:
                own.close()

    def _sent(
        self,
        call: Call,
        headers: Mapping[str, str],
        body: Body | None,
        *,
        timeout: float,
        own: Transport | None,
    ) -> urllib3.BaseHTTPResponse:
        """Send a request and return the response once its head was received."""
        import requests.utils  # noqa: PLC0415
        import urllib3  # noqa: PLC0415

        named = _STANDING | _checked(call.headers) | _checked(headers)
        content: Any = body
        if body is not None:
            if length := requests.utils.super_len(body):  # type: ignore[no-untyped-call]  # untyped
                named["content-length"] = ("Content-Length", str(length))
        elif call.json is not None:
            content = json.dumps(call.json, allow_nan=False).encode()
            named.setdefault("content-type", ("Content-Type", "application/json"))
        return self._pool(call.origin, own).urlopen(
            call.method,
            self._prefix[call.origin] + _target(call),
            body=content,
            # http.client calls `encode` on each value, so a Secret is revealed only there
            headers=cast("dict[str, str]", dict((named | self._signed).values())),
            # as in requests: errors are raised, and a redirect is a response like any other
            retries=urllib3.Retry(0, read=False),
            redirect=False,
            assert_same_host=False,
            timeout=_timeouts(timeout),
            preload_content=False,
            decode_content=False,
        )

    def _pool(self, origin: str, own: Transport | None) -> urllib3.HTTPConnectionPool:
        if own is not None:
            return own.pool(self.origins[origin], **self._environment[origin])
        if self._process != os.getpid():  # after a fork the connections are the parent's
            self.__dict__.pop("_adapter", None)
            self._pools, self._process = {}, os.getpid()
        pool = self._pools.get(origin)
        if pool is None:
            pool = self._adapter.pool(self.origins[origin], **self._environment[origin])
            self._pools[origin] = pool
        return pool

    def close(self) -> None:
        """Close the pooled connections."""
        self._pools.clear()
        adapter = Session._adapter.made(self)
        if adapter is not None:
            adapter.close()


def _by_name(
    headers: Mapping[str, str] | Mapping[str, Secret],
) -> dict[str, tuple[str, str | Secret]]:
    """Return headers by their names in lower case, so that one replaces another."""
    return {name.lower(): (name, value) for name, value in headers.items()}


_STANDING = _by_name({"User-Agent": USER_AGENT, "Accept": "application/json"})


def _checked(headers: Mapping[str, str]) -> dict[str, tuple[str, str | Secret]]:
    """Return headers by name; refuse one that injects another."""
    from requests.utils import check_header_validity  # noqa: PLC0415

    for header in headers.items():
        check_header_validity(header)
    return _by_name(headers)


def _target(call: Call) -> str:
    query = f"?{urlencode(call.query)}" if call.query else ""
    return quote(call.path, safe="/%~") + query


@functools.lru_cache
def _timeouts(seconds: float) -> urllib3.Timeout:
    import urllib3  # noqa: PLC0415

    return urllib3.Timeout(connect=min(CONNECT_TIMEOUT, seconds), read=seconds)


def _content(response: urllib3.BaseHTTPResponse, where: str, sink: IO[bytes] | None) -> bytes:
    """Return a response's body; empty if it went to a sink."""
    if sink is not None and 200 <= response.status < 300:
        _pour(response, where, sink, SINK_LIMIT, _SINK_CHUNK)
        return b""
    length = response.length_remaining  # None if unknown
    if length is not None and length <= _CHUNK and "Content-Encoding" not in response.headers:
        return response.read()
    body = io.BytesIO()
    _pour(response, where, body, JSON_LIMIT, _CHUNK)
    return body.getvalue()


def _pour(
    response: urllib3.BaseHTTPResponse, where: str, into: IO[bytes], limit: int, piece: int
) -> None:
    """Write a body to a stream in pieces, up to a limit of bytes."""
    coding = response.headers.get("Content-Encoding", "").strip().lower()
    length = response.headers.get("Content-Length", "")
    known = length.isdecimal() and "Transfer-Encoding" not in response.headers
    if coding not in _CODINGS:
        problem = "has a content coding that was not requested"
    elif known and (len(length) > _LENGTH_DIGITS or int(length) > limit):
        problem = f"exceeds {limit} bytes"
    else:
        size = 0
        for chunk in response.stream(piece, decode_content=True):
            size += len(chunk)
            if size > limit:
                problem = f"exceeds {limit} bytes"
                break
            into.write(chunk)
        else:
            return
    raise ProtocolError(f"{where}: the response {problem}", http_status=response.status)
