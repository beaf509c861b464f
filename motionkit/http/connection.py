"""Connections that note what left, and read under one deadline.

A subclass of urllib3's connections notes when the first byte of a request is handed over: the only
honest ground for "nothing arrived". It also bounds every read by the call's deadline, because a
body that drips a byte a second defeats a read time-out; refuses, where a call may go to public
addresses only, the address that a name turned out to mean; and writes no request into a debug log.
"""

from __future__ import annotations

import contextvars
import functools
import http.client
import io
import ipaddress
import logging
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

import attrs
import requests
import requests.adapters
import urllib3
import urllib3.connection
import urllib3.connectionpool

from motionkit._support.redaction import MASK, RedactedStr, redact

BLOCK = 192 * 1024
"""Bytes of a body at a time, either way; a multiple of three, so that base64 pieces join."""
_MAX_LINE = 65_536
"""Bytes of one line of a head or between chunks, as http.client has it for heads."""
_MAX_LINES = 1_000
"""Lines in a row; a head has a hundred at most, and between two chunks there are two."""
_MAX_INTERIM = 20
"""Interim answers (1xx) before the answer."""
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


@attrs.define
class CallGuard:
    """What one call may take, where it may go, and whether it left.

    Attributes:
        deadline: On the monotonic clock, for the whole call.
        sent: Whether the first byte of the request was handed over.
        public: Whether only public addresses may be connected to.
    """

    deadline: float
    sent: bool = False
    public: bool = False

    def remaining(self) -> float:
        """Return the seconds left.

        Raises:
            TimeoutError: None are.
        """
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the call's deadline passed")
        return left


_watch: contextvars.ContextVar[CallGuard | None] = contextvars.ContextVar("watch", default=None)


@contextmanager
def watching(seconds: float) -> Iterator[CallGuard]:
    """Bound everything sent and read inside by one deadline, and note what left."""
    watch = CallGuard(time.monotonic() + seconds)
    token = _watch.set(watch)
    try:
        yield watch
    finally:
        _watch.reset(token)


_departure: contextvars.ContextVar[Callable[[], None] | None] = contextvars.ContextVar(
    "departure", default=None
)


@contextmanager
def departing(check: Callable[[], None]) -> Iterator[None]:
    """Let a check have the last word before the first byte of each request made inside.

    Args:
        check: Raises an OSError where the request may not leave any more.
    """
    token = _departure.set(check)
    try:
        yield
    finally:
        _departure.reset(token)


class InternalAddressError(Exception):
    """A public name means an address of this machine or of a private network."""


def is_public(address: str) -> bool:
    """Tell whether an IP address is anybody's, not this machine's or a private network's."""
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


class _BoundedReader(io.RawIOBase):
    """A socket's reading side under the current call's deadline.

    It stands for the socket where http.client's response makes its buffer.
    """

    def __init__(self, sock: socket.socket, watch: CallGuard) -> None:
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)
        self._watch = watch

    def makefile(self, _: str) -> _BoundedBuffer:
        return _BoundedBuffer(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(self._watch.remaining())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _BoundedBuffer(io.BufferedReader):
    """A buffer that reads neither endless lines nor endlessly many."""

    _lines = 0

    def readline(self, size: int | None = -1, /) -> bytes:
        self._lines += 1
        if self._lines > _MAX_LINES:
            raise http.client.HTTPException(f"more than {_MAX_LINES} lines in a row")
        bounded = _MAX_LINE + 1 if size is None or size < 0 else size
        line = super().readline(bounded)
        if len(line) > _MAX_LINE:
            raise http.client.LineTooLong("answer")
        return line

    def read(self, size: int | None = -1, /) -> bytes:
        self._lines = 0
        return super().read(size)

    def readinto(self, buffer: Any, /) -> int:
        self._lines = 0
        return super().readinto(buffer)


class _BoundedResponse(http.client.HTTPResponse):
    """http.client's response, reading through `_BoundedReader`."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        watch = _watch.get()
        source = sock if watch is None else cast("socket.socket", _BoundedReader(sock, watch))
        super().__init__(source, *args, **kwargs)

    def _read_status(self) -> tuple[str, int, str]:
        """Return the answer's status line, past a bounded number of interim answers."""
        for _ in range(_MAX_INTERIM):
            version, status, reason = super()._read_status()  # type: ignore[misc]  # not in typeshed
            if not 100 <= status < 200 or status == http.client.SWITCHING_PROTOCOLS:
                return version, status, reason
            while self.fp.readline(_MAX_LINE + 1) not in {b"\r\n", b"\n", b""}:
                pass
        raise http.client.HTTPException(f"more than {_MAX_INTERIM} interim answers")


class TrackedHTTPConnection:
    """Note the first byte of a request; the CONNECT of a proxy tunnel is not one."""

    debuglevel = 0  # http.client's own debugging prints requests, and with them keys
    sock: socket.socket | None
    proxy: Any
    _connecting = False

    putheader = http.client.HTTPConnection.putheader
    """Without urllib3's search of every value for a mark that nothing here sets."""

    def connect(self) -> None:
        """Connect, through the proxy if there is one, and note what is not the request."""
        self._connecting = True
        try:
            super().connect()  # type: ignore[misc]  # a mix-in of urllib3's connections
        finally:
            self._connecting = False

    def _new_conn(self) -> socket.socket:
        """Open the socket, and close it where a name means an address that it must not.

        The address that was connected to is looked at, not one that the name meant before; no byte
        has left by then. A proxy is the user's own choice, and resolves names itself.
        """
        sock = cast("socket.socket", super()._new_conn())  # type: ignore[misc]  # as above
        watch = _watch.get()
        if watch is not None and watch.public and self.proxy is None:
            address = sock.getpeername()[0]
            if not is_public(address):
                sock.close()
                raise InternalAddressError("its name means an address in a private network")
        return sock

    def send(self, data: Any) -> None:
        """Send bytes and note that they left."""
        if not self._connecting:
            if self.sock is None:
                self.connect()
            watch = _watch.get()
            if watch is not None:
                if self.sock is not None:
                    self.sock.settimeout(watch.remaining())
                if not watch.sent and (check := _departure.get()) is not None:
                    check()
                watch.sent = True
        super().send(data)  # type: ignore[misc]  # a mix-in of urllib3's connections


class NotingHTTPConnection(TrackedHTTPConnection, urllib3.connection.HTTPConnection):
    """Plain HTTP that notes what left."""

    response_class = _BoundedResponse


class NotingHTTPSConnection(TrackedHTTPConnection, urllib3.connection.HTTPSConnection):
    """HTTPS that notes what left."""

    response_class = _BoundedResponse


class NotingHTTPPool(urllib3.connectionpool.HTTPConnectionPool):
    """A pool of `NotingHTTPConnection`."""

    ConnectionCls = NotingHTTPConnection


class NotingHTTPSPool(urllib3.connectionpool.HTTPSConnectionPool):
    """A pool of `NotingHTTPSConnection`."""

    ConnectionCls = NotingHTTPSConnection


_POOLS = {"http": NotingHTTPPool, "https": NotingHTTPSPool}


@functools.lru_cache
def _asked(url: str) -> requests.PreparedRequest:
    """Return what requests wants to see before it names a host's pool."""
    return requests.Request("GET", url).prepare()


class Transport(requests.adapters.HTTPAdapter):
    """requests' transport with noting connections."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pools of noting connections."""
        super().init_poolmanager(*args, **{"blocksize": BLOCK} | kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def pool(
        self, url: str, *, verify: bool | str, proxies: Mapping[str, str]
    ) -> urllib3.HTTPConnectionPool:
        """Return the pool of connections to a URL's host.

        Args:
            url: Of the origin.
            verify: Whether its certificate is checked, or the path of what to check it with.
            proxies: By scheme.

        Raises:
            requests.RequestException, OSError: The proxy or the certificates cannot be used.
        """
        pool = self.get_connection_with_tls_context(_asked(url), verify, proxies=dict(proxies))
        self.cert_verify(pool, url, verify, None)  # type: ignore[no-untyped-call]  # not in typeshed
        return cast("urllib3.HTTPConnectionPool", pool)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """Make a proxy's pools of noting connections; its credentials are not shown."""
        manager = super().proxy_manager_for(RedactedStr(proxy), **{"blocksize": BLOCK} | kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager


def _quiet(record: logging.LogRecord) -> bool:
    """Mask queries and secrets in what urllib3 logs of a call of ours; the others' stay."""
    if _watch.get() is not None and isinstance(record.args, tuple):
        record.args = tuple(_shown(value) for value in record.args)
    return True


def _shown(value: Any) -> Any:
    if isinstance(value, int | float | None):
        return value
    path, mark, _ = redact(str(value)).partition("?")
    return f"{path}?{MASK}" if mark else path


for _name in ("urllib3.connectionpool", "urllib3.connection", "urllib3.util.retry"):
    logging.getLogger(_name).addFilter(_quiet)
