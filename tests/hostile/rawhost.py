"""A loopback server whose every byte a test decides: one answer, given to every request."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Self

from patience import PATIENCE

Pieces = Iterable[bytes]
Answering = Callable[[bytes], Pieces]


class RawHost:
    """Answer each request's head with the pieces that a function gives, then close.

    Args:
        answering: Takes a request's head; its pieces are sent until the other side has had enough.
    """

    def __init__(self, answering: Answering) -> None:
        self._answering = answering
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()
        self.heads: list[bytes] = []
        self.sent = 0
        self.received = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(sock)
            thread = threading.Thread(target=self._serve, args=(sock,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, sock: socket.socket) -> None:
        with sock, sock.makefile("rb") as stream, contextlib.suppress(OSError, ValueError):
            head = self._head(stream)
            self.heads.append(head)
            for piece in self._answering(head):
                sock.sendall(piece)
                self.sent += len(piece)

    def _head(self, stream: Any) -> bytes:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = stream.readline()
            if not line:
                return b""
            head += line
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        left = int(length[1]) if length else 0
        while left > 0:
            chunk = stream.read(min(left, 1 << 20))
            if not chunk:
                break
            left -= len(chunk)
            self.received += len(chunk)
        return head

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for sock in self._open:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(PATIENCE)


def http(
    body: bytes = b"", status: str = "200 OK", length: int | None = -1, **headers: str
) -> bytes:
    """Build an answer.

    Args:
        body: The body.
        status: Code and reason.
        length: What Content-Length says; the truth when -1, no such header when None.
        **headers: More headers, underscores for dashes.
    """
    named = {"Content-Type": "application/json"} if "Content_Type" not in headers else {}
    if length is not None:
        named["Content-Length"] = str(len(body) if length == -1 else length)
    named["Connection"] = "close"
    named |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in named.items())
    return f"HTTP/1.1 {status}\r\n{lines}\r\n".encode("latin-1") + body


def js(data: Any, status: str = "200 OK", **headers: str) -> bytes:
    """Build an answer of JSON."""
    return http(json.dumps(data).encode(), status, **headers)


def chunked(pieces: Iterable[bytes], headers: Mapping[str, str] | None = None) -> Iterator[bytes]:
    """Give a chunked answer, piece by piece."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
    yield f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n{lines}\r\n".encode()
    for piece in pieces:
        if piece:
            yield b"%x\r\n" % len(piece) + piece + b"\r\n"
    yield b"0\r\n\r\n"


def always(*pieces: bytes) -> Answering:
    """Answer every request with the same."""
    return lambda _: pieces
