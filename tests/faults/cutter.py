"""A proxy on loopback that cuts the network, or fails as a gateway does, after a paid call."""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
import time
from typing import Self

from patience import PATIENCE

PAID = b"POST /openapi/v2/video/mimic/generate"
BAD_GATEWAY = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_PIECE = 64 * 1024
_POLL = 0.1


class Cutter:
    """Relay connections to a vendor; when it has accepted the first paid call, cut them all.

    Args:
        target: The vendor's port on loopback.
        seconds: How long nothing gets through then.
        gateway: Answer 502 meanwhile, instead of refusing connections.
    """

    def __init__(self, target: int, seconds: float, *, gateway: bool) -> None:
        self._target, self._seconds, self._gateway = target, seconds, gateway
        self._listener = self._listen(0)
        self.port: int = self._listener.getsockname()[1]
        self.cut = threading.Event()
        self._until = 0.0
        self._ended = False
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @staticmethod
    def _listen(port: int) -> socket.socket:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(64)
        return listener

    @property
    def _out(self) -> bool:
        return self.cut.is_set() and time.monotonic() < self._until

    def _accept(self) -> None:
        while not self._ended:
            if self._out and not self._gateway:
                self._listener.close()  # connections are refused from here on
                while self._out and not self._ended:
                    time.sleep(_POLL)
                self._listener = self._listen(self.port)
            if not select.select([self._listener], [], [], _POLL)[0]:
                continue
            sock, _ = self._listener.accept()
            thread = threading.Thread(target=self._serve, args=(sock,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            if self._out:
                self._fail(client)
                return
            with socket.create_connection(("127.0.0.1", self._target)) as vendor:
                self._relay(client, vendor)

    def _relay(self, client: socket.socket, vendor: socket.socket) -> None:
        paid = False
        while not self._ended:
            if self._out:
                self._fail(client)
                return
            for source in select.select([client, vendor], [], [], _POLL)[0]:
                data = source.recv(_PIECE)
                if not data:
                    return
                if source is client:
                    paid = paid or data.startswith(PAID)
                    vendor.sendall(data)
                elif paid and not self.cut.is_set():  # accepted: nobody learns of it
                    self._until = time.monotonic() + self._seconds
                    self.cut.set()
                else:
                    client.sendall(data)

    def _fail(self, client: socket.socket) -> None:
        """Answer as a gateway does, or reset the connection."""
        if self._gateway:
            client.settimeout(1.0)
            with contextlib.suppress(TimeoutError):
                client.recv(_PIECE)  # what is not read would make a reset of the answer
            client.sendall(BAD_GATEWAY)
        else:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ended = True
        for thread in self._threads:
            thread.join(PATIENCE)
        self._listener.close()
