"""Files at public URLs: uploads and results, served with ranges."""

from __future__ import annotations

import asyncio
import hashlib
import re
import struct
from collections import Counter
from collections.abc import Callable

import attrs
from aiohttp import web

from motionkit.sandbox.clock import Clock
from motionkit.sandbox.faults import FaultBook


@attrs.define(eq=False)
class StoredFile:
    """One file; its bytes may be created on the first request."""

    vendor: str
    mime: str
    make: Callable[[], bytes] | bytes
    expires: float | None = None
    _content: bytes | None = None

    async def content(self) -> bytes:
        """Return the bytes; create them in a thread the first time."""
        if self._content is None:
            make = self.make
            self._content = make if isinstance(make, bytes) else await asyncio.to_thread(make)
        return self._content

    async def change(self) -> None:
        """Append an empty MP4 box: other bytes, the same video."""
        self._content = await self.content() + struct.pack(">I4s", 8, b"free")


class FileStore:
    """All files by URL path. They need no key; a key that is sent is counted."""

    def __init__(self, clock: Clock, faults: FaultBook) -> None:
        self._clock = clock
        self._faults = faults
        self._files: dict[str, StoredFile] = {}
        self.served: Counter[str] = Counter()
        self.keys_sent: Counter[str] = Counter()

    def put(self, path: str, file: StoredFile) -> None:
        """Publish a file under its quoted URL path."""
        self._files[path] = file

    def get(self, path: str) -> StoredFile | None:
        """Return the file under a path, unless it expired."""
        file = self._files.get(path)
        if file is None or (file.expires is not None and self._clock.now() >= file.expires):
            return None
        return file

    async def serve(self, request: web.Request, vendor: str) -> web.StreamResponse:
        """Answer GET and HEAD, whole or one range; apply the download faults."""
        file = self.get(request.rel_url.raw_path)
        if file is None or file.vendor != vendor:
            return web.Response(status=404, text="no such file")
        self.served[vendor] += 1
        here = ("download",)
        if self._faults.take("changed", here, vendor):
            await file.change()
        content = await file.content()
        tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
        headers = {"Content-Type": file.mime}
        whole = (0, len(content), 200)
        if self._faults.take("no_range", here, vendor):
            start, end, status = whole
        else:
            headers |= {"ETag": tag, "Accept-Ranges": "bytes"}
            asked = request.headers.get("Range", "")
            current = request.headers.get("If-Range", tag) == tag
            start, end, status = _range(asked, len(content)) if asked and current else whole
        if status == 416:
            headers["Content-Range"] = f"bytes */{len(content)}"
            return web.Response(status=416, headers=headers)
        if status == 206:
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(content)}"
        cut = self._faults.take("cut", here, vendor)
        if cut is None or request.method == "HEAD":
            return web.Response(status=status, headers=headers, body=content[start:end])
        return await _cut_off(request, status, headers, content[start:end], cut["bytes"])


def _range(asked: str, length: int) -> tuple[int, int, int]:
    """Return start, end and status for a Range header; an invalid one is ignored."""
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", asked.strip())
    if match is None or match.group(1) == match.group(2) == "":
        return 0, length, 200
    first, last = match.groups()
    start = int(first) if first else max(0, length - int(last))
    end = min(length, int(last) + 1) if first and last else length
    return (start, end, 206) if start < end else (0, 0, 416)


async def _cut_off(
    request: web.Request, status: int, headers: dict[str, str], body: bytes, count: int
) -> web.StreamResponse:
    response = web.StreamResponse(status=status, headers=headers)
    response.content_length = len(body)
    await response.prepare(request)
    await response.write(body[:count])
    if request.transport is not None:
        request.transport.close()  # flush what was written, then end early
    return response
