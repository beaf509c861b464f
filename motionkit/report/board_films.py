"""Serve a delivered film: the very file that the journal names, and only while it is a film."""

from __future__ import annotations

import asyncio
import os
import re
import stat
from pathlib import PurePath
from typing import IO

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from motionkit._support.system import NO_LINK, NO_WAIT, PRIVATE
from motionkit.model.containers import CONTENT_TYPES, sniff

_CHUNK = 256 * 1024
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")
_POLICY = "default-src 'none'; media-src 'self'; style-src 'unsafe-inline'; sandbox"
"""For a browser that opens a film in a tab of its own: it makes a page around it."""


def open_film(path: str) -> tuple[IO[bytes], str] | None:
    """Open a delivered file.

    Args:
        path: The absolute path that the journal has.

    Returns:
        The file and its media type by its content. None where there is no such file any more, or
        something else is in its place: a link, a folder, a pipe, or a file that is no film,
        picture or sound.
    """
    if not PurePath(path).is_absolute():
        return None
    try:
        # What is opened is what is checked: a name could mean another file a moment later.
        number = os.open(path, os.O_RDONLY | NO_LINK | NO_WAIT | PRIVATE)
    except (OSError, ValueError):
        return None
    stream = os.fdopen(number, "rb") if stat.S_ISREG(os.fstat(number).st_mode) else None
    if stream is None:
        os.close(number)
        return None
    try:
        _, container = sniff(stream)
        kind = CONTENT_TYPES.get(container or "")
    except (OSError, ValueError):
        kind = None
    if kind is None:
        stream.close()
        return None
    return stream, kind


class FilmResponse(Response):
    """A film, or the part of it that a ``Range`` header names.

    Starlette's `FileResponse` opens a path, which may lead to another file than the one that was
    checked; this one sends an open file, and closes it.

    Args:
        stream: The file.
        media_type: Its media type.
        headers: The request's headers.
        body: Whether to send the content; not for HEAD.
    """

    def __init__(
        self, stream: IO[bytes], media_type: str, headers: Headers, *, body: bool = True
    ) -> None:
        facts = os.fstat(stream.fileno())
        tag = f'"{facts.st_mtime_ns:x}-{facts.st_size:x}"'
        part = _part(headers, facts.st_size, tag)
        self._stream, self._sends = stream, body
        self._begin, self._end = (0, facts.st_size) if part is None else part
        status = 200 if part is None else 206
        given = {"Accept-Ranges": "bytes", "ETag": tag, "Content-Security-Policy": _POLICY}
        if part is not None and self._begin >= self._end:
            status, self._sends = 416, False
            given["Content-Range"] = f"bytes */{facts.st_size}"
            self._begin = self._end = 0
        elif part is not None:
            given["Content-Range"] = f"bytes {self._begin}-{self._end - 1}/{facts.st_size}"
        given["Content-Length"] = str(self._end - self._begin)
        super().__init__(status_code=status, headers=given, media_type=media_type)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it; a file that ends early ends the connection, as it must."""
        del scope, receive
        with self._stream as stream:
            await send(
                {
                    "type": "http.response.start",
                    "status": self.status_code,
                    "headers": self.raw_headers,
                }
            )
            left = self._end - self._begin if self._sends else 0
            if left:
                await asyncio.to_thread(stream.seek, self._begin)
            while left:
                chunk = await asyncio.to_thread(stream.read, min(_CHUNK, left))
                if not chunk:
                    break
                left -= len(chunk)
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})


def no_film() -> Response:
    """Return the answer where a film is not there."""
    return PlainTextResponse("there is no such film", status_code=404)


def _part(headers: Headers, size: int, tag: str) -> tuple[int, int] | None:
    """Return the bytes that are asked for, as a half-open range; None for all.

    A range that lies behind the end is empty. What cannot be read, and several ranges at once,
    mean all (RFC 9110, 14.2).
    """
    found = _RANGE.fullmatch(headers.get("range", ""))
    if found is None or headers.get("if-range", tag) != tag:
        return None
    first, last = found.groups()
    if first:
        begin = int(first)
        end = min(int(last) + 1, size) if last else size
        if last and int(last) < begin:
            return None
        return (begin, end) if begin < size else (size, size)
    if not last:
        return None
    return (max(0, size - int(last)), size) if int(last) else (size, size)
