"""Streamed uploads that verify the file did not change."""

from __future__ import annotations

import base64
import hashlib
import io
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Protocol

import attrs

from motionkit.errors import InvalidRequest
from motionkit.http import BLOCK, Body, with_retries
from motionkit.model import containers, media, probe

if TYPE_CHECKING:
    from motionkit.http import RateLimiter

UPLOAD_TIMEOUT = 600.0
"""Seconds for an upload that the vendor fetches itself."""
UPLOAD_IDLE = 60.0
"""Seconds without progress after which an upload from here ends."""
LONGEST_UPLOAD = 86_400.0
"""Seconds for an upload from here where ``upload_timeout`` sets none: it runs while bytes move."""


class Stream:
    """A request body of known length, read from a local file or bytes as it is sent.

    Args:
        before: Bytes before the content.
        content: A file or bytes.
        after: Bytes after it.
        expected: The content's facts, which must still hold when it is sent.
        encoded: Send the content as base64.
    """

    def __init__(
        self,
        before: bytes,
        content: media.File | media.Data,
        after: bytes,
        expected: probe.Facts,
        *,
        encoded: bool = False,
    ) -> None:
        if expected.size is None:
            raise TypeError("a stream needs the content's size")
        self._expected = expected
        self._encode: Callable[[bytes], bytes] = base64.b64encode if encoded else bytes
        middle = (expected.size + 2) // 3 * 4 if encoded else expected.size
        self._length = len(before) + middle + len(after)
        self._pieces = self._read_all(before, content, after)
        self._piece = memoryview(b"")

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[bytes]:
        while chunk := self.read(BLOCK):
            yield chunk

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes, or all if it is negative; empty at the end.

        Raises:
            InvalidRequest: The content has changed.
        """
        if size < 0:
            return b"".join(self)
        while not self._piece:
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._piece = memoryview(piece)
        out, self._piece = bytes(self._piece[:size]), self._piece[size:]
        return out

    def parts(self, size: int) -> Iterator[bytes]:
        """Yield the body in parts of a size, of which the last one may be shorter.

        Raises:
            InvalidRequest: The content has changed.
        """
        held = bytearray()
        for chunk in self:
            held += chunk
            while len(held) >= size:
                yield bytes(held[:size])
                del held[:size]
        if held:
            yield bytes(held)

    def _read_all(
        self, before: bytes, content: media.File | media.Data, after: bytes
    ) -> Iterator[bytes]:
        yield before
        digest, left = hashlib.sha256(), self._expected.size or 0
        try:  # a fault of this machine is never the vendor's: nothing is tried again or elsewhere
            with probe.open_content(content) as source:
                while chunk := source.read(min(BLOCK, left)):
                    digest.update(chunk)
                    left -= len(chunk)
                    yield self._encode(chunk)
                grown = source.read(1)
        except OSError as error:
            why = error.strerror or "the disk failed"
            raise self._refused(f"cannot be read any more: {why}") from error
        if grown or digest.hexdigest() != self._expected.sha256:
            raise self._refused("changed while it was sent")
        yield after

    def _refused(self, why: str) -> InvalidRequest:
        label = self._expected.label
        return InvalidRequest(f"{label} {why}; nothing was submitted", field="media", value=label)


def multipart(
    field: str, content: media.File | media.Data, facts: probe.Facts
) -> tuple[Stream, str]:
    """Return a streamed ``multipart/form-data`` body with one file, and its content type."""
    from urllib3.fields import RequestField  # noqa: PLC0415 - dry runs upload nothing

    boundary = uuid.uuid4().hex
    part = RequestField(field, b"", filename=upload_name(facts))
    part.make_multipart(content_type=containers.CONTENT_TYPES.get(facts.container or "bin"))
    before = f"--{boundary}\r\n{part.render_headers()}".encode()
    after = f"\r\n--{boundary}--\r\n".encode()
    return Stream(before, content, after, facts), f"multipart/form-data; boundary={boundary}"


def form(fields: Mapping[str, str]) -> tuple[Body, str]:
    """Return a ``multipart/form-data`` body of text fields, and its content type."""
    import urllib3  # noqa: PLC0415 - dry runs upload nothing

    content, kind = urllib3.encode_multipart_formdata(fields)
    return io.BytesIO(content), kind


def upload_name(facts: probe.Facts) -> str:
    """Return the name under which a file is uploaded; its own is the user's matter."""
    return f"upload.{facts.container or 'bin'}"


def content_type(facts: probe.Facts) -> str:
    """Return the media type of a file."""
    return containers.CONTENT_TYPES.get(facts.container or "", "application/octet-stream")


class UploadCache(Protocol):
    """The journal's cache of uploads."""

    def get_upload(self, fingerprint: str, slot: str, sha256: str) -> str | None:
        """Return the vendor's reference; None if unknown or too old."""

    def put_upload(self, fingerprint: str, slot: str, sha256: str, token: str) -> None:
        """Store a vendor's reference."""


@attrs.frozen(eq=False, repr=False)
class CarefulUploads:
    """Uploads that are retried and cached; see `motionkit.provider.Uploads`."""

    cache: UploadCache
    limiter: RateLimiter | None = None
    timeout: float = LONGEST_UPLOAD
    stage: str | None = None

    def put(self, account: str, slot: str, sha256: str | None, send: Callable[[], str]) -> str:
        """Return the vendor's reference to some content; upload it where necessary."""
        if sha256 is None:
            return with_retries(send, timeout=self.timeout)
        token = self.cache.get_upload(account, slot, sha256)
        if token is None:
            token = with_retries(send, timeout=self.timeout)
            self.cache.put_upload(account, slot, sha256, token)
        return token
