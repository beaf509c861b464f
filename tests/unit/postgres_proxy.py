"""A proxy between a journal and its PostgreSQL server, which cuts connections at chosen moments."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self
from urllib.parse import parse_qs, urlsplit

BEGIN, COMMIT = b"BEGIN", b"COMMIT"
ABOUT = b"attempts"
"""What is in a transaction that may be cut: heartbeats of the background are left alone."""


class Proxy:
    """Relay connections on loopback to the server's socket.

    Attributes:
        address: What a journal is given.
        cuts: The connections that were cut.
    """

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        query = parse_qs(parts.query)
        self._server = f"{query['host'][0]}/.s.PGSQL.{query['port'][0]}"
        self._listener = socket.create_server(("127.0.0.1", 0))
        port = self._listener.getsockname()[1]
        user = parts.netloc.rpartition("@")[0]
        self.address = f"postgresql://{user}@127.0.0.1:{port}{parts.path}"
        self.cuts = 0
        self._before = self._after = 0
        self._down = False
        self._flowing = threading.Event()
        self._flowing.set()
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def cut_before_commit(self, times: int = 1) -> None:
        """Cut the next connections that commit, before the server hears of it."""
        self._before = times

    def cut_after_commit(self, times: int = 1) -> None:
        """Cut the next connections that commit, after the server has and before it is heard."""
        self._after = times

    @contextmanager
    def down(self) -> Iterator[None]:
        """Cut all connections, and every new one at once, while the block runs."""
        self._down = True
        self.cut_all()
        yield
        self._down = False

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Hold back everything while the block runs, as if the server were stopped."""
        self._flowing.clear()
        try:
            yield
        finally:
            self._flowing.set()

    def cut_all(self) -> None:
        """Cut the connections that are open."""
        with self._lock:
            for one in self._open:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # it is closed
            while True:
                client = self._listener.accept()[0]
                threading.Thread(target=self._relay, args=(client,), daemon=True).start()

    def _relay(self, client: socket.socket) -> None:
        server = socket.socket(socket.AF_UNIX)
        with client, server:
            if self._down:
                return
            server.connect(self._server)
            with self._lock:
                self._open |= {client, server}
            committing = threading.Event()
            back = threading.Thread(
                target=self._back, args=(server, client, committing), daemon=True
            )
            back.start()
            about = False
            with contextlib.suppress(OSError):
                while data := client.recv(65536):
                    about = (about and BEGIN not in data) or ABOUT in data
                    if about and COMMIT in data:
                        if self._before:
                            self._before -= 1
                            self.cuts += 1
                            break
                        if self._after:
                            self._after -= 1
                            committing.set()
                    self._flowing.wait()
                    server.sendall(data)
            self._end(client, server)
            back.join()
            with self._lock:
                self._open -= {client, server}

    def _back(
        self, server: socket.socket, client: socket.socket, committing: threading.Event
    ) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                if committing.is_set():
                    self.cuts += 1
                    break
                self._flowing.wait()
                client.sendall(data)
        self._end(client, server)

    @staticmethod
    def _end(*sockets: socket.socket) -> None:
        for one in sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End it and all connections."""
        self._flowing.set()
        self._listener.close()
        self.cut_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
