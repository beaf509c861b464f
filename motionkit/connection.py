"""Connections that note what left, and read under one deadline.

A subclass of urllib3's connections notes when the first byte of a request is handed over: the only
honest ground for "nothing arrived". It also bounds every read by the call's deadline, because a
body that drips a byte a second defeats a read time-out.
"""

from __future__ import annotations

import contextvars
import io
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPResponse
from typing import Any, cast

import attrs
import requests.adapters
import urllib3.connection
import urllib3.connectionpool


@attrs.define
class Watch:
    """What one call may take and whether it left.

    Attributes:
        deadline: On the monotonic clock, for the whole call.
        sent: Whether the first byte of the request was handed over.
    """

    deadline: float
    sent: bool = False

    def remaining(self) -> float:
        """Return the seconds left.

        Raises:
            TimeoutError: None are.
        """
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the call's deadline passed")
        return left


_watch: contextvars.ContextVar[Watch | None] = contextvars.ContextVar("watch", default=None)


@contextmanager
def watching(seconds: float) -> Iterator[Watch]:
    """Bound everything sent and read inside by one deadline, and note what left."""
    watch = Watch(time.monotonic() + seconds)
    token = _watch.set(watch)
    try:
        yield watch
    finally:
        _watch.reset(token)


class _BoundedReader(io.RawIOBase):
    """A socket's reading side under the current call's deadline."""

    def __init__(self, sock: socket.socket, watch: Watch) -> None:
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)
        self._watch = watch

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(self._watch.remaining())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _BoundedResponse(HTTPResponse):
    """http.client's response, reading through `_BoundedReader`."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        watch = _watch.get()
        if watch is not None:
            self.fp.close()
            self.fp = cast("io.BufferedReader", io.BufferedReader(_BoundedReader(sock, watch)))


class _Noting:
    """Note the first byte of a request; the CONNECT of a proxy tunnel is not one."""

    sock: socket.socket | None
    _connecting = False

    def connect(self) -> None:
        self._connecting = True
        try:
            super().connect()  # type: ignore[misc]  # a mix-in of urllib3's connections
        finally:
            self._connecting = False

    def send(self, data: Any) -> None:
        if not self._connecting:
            if self.sock is None:
                self.connect()
            watch = _watch.get()
            if watch is not None:
                if self.sock is not None:
                    self.sock.settimeout(watch.remaining())
                watch.sent = True
        super().send(data)  # type: ignore[misc]  # a mix-in of urllib3's connections


class NotingHTTPConnection(_Noting, urllib3.connection.HTTPConnection):
    """Plain HTTP that notes what left."""

    response_class = _BoundedResponse


class NotingHTTPSConnection(_Noting, urllib3.connection.HTTPSConnection):
    """HTTPS that notes what left."""

    response_class = _BoundedResponse


class NotingHTTPPool(urllib3.connectionpool.HTTPConnectionPool):
    """A pool of `NotingHTTPConnection`."""

    ConnectionCls = NotingHTTPConnection


class NotingHTTPSPool(urllib3.connectionpool.HTTPSConnectionPool):
    """A pool of `NotingHTTPSConnection`."""

    ConnectionCls = NotingHTTPSConnection


_POOLS = {"http": NotingHTTPPool, "https": NotingHTTPSPool}


class Transport(requests.adapters.HTTPAdapter):
    """requests' transport with noting connections."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pools of noting connections."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        """Make a proxy's pools of noting connections."""
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager
