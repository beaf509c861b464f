"""urllib3 connections that know whether anything was sent, and read under one deadline.

Only that knowledge justifies "nothing arrived". The deadline bounds every read, because a body of
one byte a second defeats a read timeout. A call to public addresses refuses a name that resolves to
another one, and debug logs hold no requests.
"""

from __future__ import annotations

import contextvars
import functools
import http.client
import io
import logging
import math
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
from motionkit.http.addresses import InternalAddressError, is_public
from motionkit.http.limits import BLOCK

_PIECE = 8 * 1024
"""Bytes of an upload that are sent under one timeout."""
_MAX_LINE = 65_536
"""Bytes of one line of a head, as in http.client, or between chunks."""
_MAX_LINES = 1_000
"""Consecutive lines; a head has at most a hundred, and there are two between chunks."""
_MAX_INTERIM = 20
"""Interim responses (1xx) before the final one."""


@attrs.define(eq=False, repr=False)
class CallGuard:
    """The bounds of one call, and whether anything of it was sent.

    Attributes:
        deadline: On the monotonic clock; while bytes move, it moves on as `idle` says.
        total: On the monotonic clock, for the whole call.
        idle: Seconds without a byte moving either way after which a call ends; None without.
        sent: Whether the first byte of the request was handed to the network.
        public: Whether only public addresses may be connected to.
    """

    deadline: float
    sent: bool = False
    public: bool = False
    total: float = math.inf
    idle: float | None = None

    def moved(self) -> None:
        """Note that bytes moved."""
        if self.idle is not None:
            self.deadline = min(self.total, time.monotonic() + self.idle)

    def remaining(self) -> float:
        """Return the seconds left.

        Raises:
            TimeoutError: The deadline passed.
        """
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the call's deadline passed")
        return left


# Context variables, because requests and urllib3 pass nothing of ours to the connection.
_guard: contextvars.ContextVar[CallGuard | None] = contextvars.ContextVar("guard", default=None)
_last_check: contextvars.ContextVar[Callable[[], None] | None] = contextvars.ContextVar(
    "last_check", default=None
)


_longest: contextvars.ContextVar[float] = contextvars.ContextVar("longest", default=math.inf)


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Let each call made inside take so many seconds at most, whatever its own time-out."""
    token = _longest.set(seconds)
    try:
        yield
    finally:
        _longest.reset(token)


def bounded(seconds: float) -> float:
    """Return the seconds that a call may take, within `at_most`."""
    return min(seconds, _longest.get())


@contextmanager
def guarded_call(seconds: float, *, idle: float | None = None) -> Iterator[CallGuard]:
    """Bound everything sent and read inside by one deadline, and note whether anything was sent.

    Args:
        seconds: For everything.
        idle: Seconds after which it ends if no byte moved.
    """
    total = time.monotonic() + seconds
    guard = CallGuard(total, total=total, idle=idle)
    guard.moved()
    token = _guard.set(guard)
    try:
        yield guard
    finally:
        _guard.reset(token)


@contextmanager
def check_before_sending(check: Callable[[], None]) -> Iterator[None]:
    """Run a check before the first byte of each request inside; its OSError stops it."""
    token = _last_check.set(check)
    try:
        yield
    finally:
        _last_check.reset(token)


class _BoundedReader(io.RawIOBase):
    """A socket's reader under the call's deadline; http.client only calls its `makefile`."""

    def __init__(self, sock: socket.socket, guard: CallGuard) -> None:
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)
        self._guard = guard

    def makefile(self, _: str) -> _BoundedBuffer:
        return _BoundedBuffer(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        # A socket's timeout restarts with each read, so it is set to the rest of the call's.
        self._sock.settimeout(self._guard.remaining())
        count = self._raw.readinto(buffer)
        self._guard.moved()
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _BoundedBuffer(io.BufferedReader):
    """A buffer with a limit on the length and number of lines.

    Otherwise endless header lines would keep this process busy until the deadline, and urllib3
    reads chunk headers without a limit.
    """

    _lines = 0

    def readline(self, size: int | None = -1, /) -> bytes:
        self._lines += 1
        if self._lines > _MAX_LINES:
            raise http.client.HTTPException(f"more than {_MAX_LINES} lines in a row")
        line = super().readline(_MAX_LINE + 1 if size is None or size < 0 else size)
        if len(line) > _MAX_LINE:
            raise http.client.LineTooLong("response")
        return line

    def read(self, size: int | None = -1, /) -> bytes:
        self._lines = 0
        return super().read(size)

    def readinto(self, buffer: Any, /) -> int:
        self._lines = 0
        return super().readinto(buffer)


class _BoundedResponse(http.client.HTTPResponse):
    """http.client's response, read through `_BoundedReader`."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        guard = _guard.get()
        source = sock if guard is None else cast("socket.socket", _BoundedReader(sock, guard))
        super().__init__(source, *args, **kwargs)

    def _read_status(self) -> tuple[str, int, str]:
        """Return the final status line, after a bounded number of interim responses."""
        for _ in range(_MAX_INTERIM):
            version, status, reason = super()._read_status()  # type: ignore[misc]  # not in typeshed
            # http.client skips 100 only, and would return 103 (early hints).
            if not 100 <= status < 200 or status == http.client.SWITCHING_PROTOCOLS:
                return version, status, reason
            while self.fp.readline(_MAX_LINE + 1) not in {b"\r\n", b"\n", b""}:
                pass
        raise http.client.HTTPException(f"more than {_MAX_INTERIM} interim responses")


def _pieces(data: Any, guard: CallGuard) -> Iterator[Any]:
    """Return what is sent under one time-out each: small, where any progress counts."""
    if guard.idle is None or not isinstance(data, bytes):
        return iter((data,))
    return (data[at : at + _PIECE] for at in range(0, len(data), _PIECE))


class _Tracked:
    """Note the first byte of a request; a proxy's CONNECT does not count."""

    debuglevel = 0  # http.client's debugging would print requests with their keys
    sock: socket.socket | None
    proxy: Any
    _connecting = False

    putheader = http.client.HTTPConnection.putheader
    """http.client's: urllib3's searches every value for a mark that is never set here."""

    def connect(self) -> None:
        """Connect, through the proxy if there is one; nothing of that is the request."""
        self._connecting = True
        try:
            super().connect()  # type: ignore[misc]  # a mix-in of urllib3's connections
        finally:
            self._connecting = False

    def _new_conn(self) -> socket.socket:
        """Open the socket; close it if its address is not allowed."""
        sock = cast("socket.socket", super()._new_conn())  # type: ignore[misc]  # as above
        guard = _guard.get()
        # Check the connected address: a name may resolve differently a second time. No byte was
        # sent yet. A proxy is the user's choice, and resolves names itself.
        if guard is not None and guard.public and self.proxy is None:
            address = sock.getpeername()[0]
            if not is_public(address):
                sock.close()
                raise InternalAddressError("its name resolves to a private network")
        return sock

    def send(self, data: Any) -> None:
        """Send bytes and note that they were sent."""
        if not self._connecting:
            # Connect first: a failure up to here means that nothing was sent.
            if self.sock is None:
                self.connect()
            guard = _guard.get()
            if guard is not None:
                guard.remaining()  # a deadline that passed while connecting: nothing was sent
                if not guard.sent and (check := _last_check.get()) is not None:
                    check()
                # Set before sending: some bytes of a failed send may have arrived.
                guard.sent = True
                for piece in _pieces(data, guard):
                    if self.sock is not None:
                        self.sock.settimeout(guard.remaining())
                    super().send(piece)  # type: ignore[misc]  # a mix-in of urllib3's connections
                    guard.moved()
                return
        super().send(data)  # type: ignore[misc]  # as above


class TrackedHTTPConnection(_Tracked, urllib3.connection.HTTPConnection):
    """HTTP that notes what was sent."""

    response_class = _BoundedResponse


class TrackedHTTPSConnection(_Tracked, urllib3.connection.HTTPSConnection):
    """HTTPS that notes what was sent."""

    response_class = _BoundedResponse


class TrackedHTTPPool(urllib3.connectionpool.HTTPConnectionPool):
    """A pool of `TrackedHTTPConnection`."""

    ConnectionCls = TrackedHTTPConnection


class TrackedHTTPSPool(urllib3.connectionpool.HTTPSConnectionPool):
    """A pool of `TrackedHTTPSConnection`."""

    ConnectionCls = TrackedHTTPSConnection


_POOLS = {"http": TrackedHTTPPool, "https": TrackedHTTPSPool}


@functools.lru_cache
def _request_to(url: str) -> requests.PreparedRequest:
    """Return a request, which requests needs to find a host's pool."""
    return requests.Request("GET", url).prepare()


class Transport(requests.adapters.HTTPAdapter):
    """requests' transport with tracked connections."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Create the pools of tracked connections."""
        super().init_poolmanager(*args, **{"blocksize": BLOCK} | kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def pool(
        self, url: str, *, verify: bool | str, proxies: Mapping[str, str]
    ) -> urllib3.HTTPConnectionPool:
        """Return the pool of connections to a URL's host.

        `verify` is whether to verify its certificate, or the path of the trusted ones; `proxies`
        are by scheme.

        Raises:
            requests.RequestException, OSError: The proxy or the certificates cannot be used.
        """
        pool = self.get_connection_with_tls_context(_request_to(url), verify, proxies=dict(proxies))
        self.cert_verify(pool, url, verify, None)  # type: ignore[no-untyped-call]  # not in typeshed
        return cast("urllib3.HTTPConnectionPool", pool)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """Return a proxy's pools of tracked connections."""
        manager = super().proxy_manager_for(RedactedStr(proxy), **{"blocksize": BLOCK} | kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager


def _quiet(record: logging.LogRecord) -> bool:
    """Mask queries and secrets in urllib3's log records of our calls only."""
    if _guard.get() is not None and isinstance(record.args, tuple):
        record.args = tuple(_shown(value) for value in record.args)
    return True


def _shown(value: Any) -> Any:
    if isinstance(value, int | float | None):
        return value
    path, mark, _ = redact(str(value)).partition("?")
    return f"{path}?{MASK}" if mark else path


for _name in ("urllib3.connectionpool", "urllib3.connection", "urllib3.util.retry"):
    logging.getLogger(_name).addFilter(_quiet)
