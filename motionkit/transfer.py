"""Files up and down: streamed both ways, checked, never half-written.

An upload is built from pieces and read as it is sent, so a 100 MB clip costs no memory. A download
goes to ``.part``, is checked for length and container, synced, and renamed.
"""

from __future__ import annotations

import base64
import hashlib
import io
import os
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, Protocol
from urllib.parse import urljoin, urlsplit

import attrs
import requests
import urllib3
import urllib3.exceptions
from urllib3.fields import RequestField

from motionkit import media, retry
from motionkit.connection import Transport, watching
from motionkit.errors import DownloadFailed, InvalidRequest, MotionKitError, ProviderUnavailable
from motionkit.http import CONNECT_TIMEOUT, USER_AGENT, Body, is_loopback
from motionkit.redaction import redact_urls

UPLOAD_TIMEOUT = 600.0
"""Seconds for one upload."""
DOWNLOAD_TIMEOUT = 600.0
"""Seconds for one try of a download; a later try goes on where it stopped."""
DOWNLOAD_LIMIT = 4 * 1024**3
"""Bytes: no clip of thirty seconds is larger."""
MAX_REDIRECTS = 5
_CHUNK = 192 * 1024
"""Bytes at a time; a multiple of three, so that base64 pieces join."""
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_STALE = frozenset({401, 403, 404, 410})
"""Answers that a fresh URL mends."""


class Stream:
    """A request body read from a local reference between fixed bytes, with a known length.

    Args:
        before: Bytes in front of the content.
        content: A file or bytes.
        after: Bytes behind it.
        expected: What is known of the content; it must still be true when it is sent.
        encoded: Send the content as base64.
    """

    def __init__(
        self,
        before: bytes,
        content: media.File | media.Data,
        after: bytes,
        expected: media.Facts,
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
        while chunk := self.read(_CHUNK):
            yield chunk

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes, all of them when negative; empty at the end.

        Raises:
            InvalidRequest: The content is no longer what was looked at.
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

    def _read_all(
        self, before: bytes, content: media.File | media.Data, after: bytes
    ) -> Iterator[bytes]:
        yield before
        digest, left = hashlib.sha256(), self._expected.size or 0
        with media.open_content(content) as source:
            while chunk := source.read(min(_CHUNK, left)):
                digest.update(chunk)
                left -= len(chunk)
                yield self._encode(chunk)
            grown = source.read(1)
        if grown or digest.hexdigest() != self._expected.sha256:
            raise InvalidRequest(
                f"{self._expected.label} changed while it was sent; nothing was bought",
                field="media",
                value=self._expected.label,
            )
        yield after


def multipart(
    field: str, content: media.File | media.Data, facts: media.Facts
) -> tuple[Stream, str]:
    """Return a streamed ``multipart/form-data`` body with one file, and its content type.

    Args:
        field: The form field of the file.
        content: The file.
        facts: What is known of it.
    """
    boundary = uuid.uuid4().hex
    extension = facts.container or "bin"
    part = RequestField(field, b"", filename=f"upload.{extension}")
    part.make_multipart(content_type=media.CONTENT_TYPES.get(extension))
    before = f"--{boundary}\r\n{part.render_headers()}".encode()
    after = f"\r\n--{boundary}--\r\n".encode()
    return Stream(before, content, after, facts), f"multipart/form-data; boundary={boundary}"


def data_urls(content: media.File | media.Data, facts: media.Facts) -> Stream:
    """Return a streamed ``{"data_urls": ["data:...;base64,..."]}`` body with one file."""
    kind = media.CONTENT_TYPES.get(facts.container or "", "application/octet-stream")
    before = f'{{"data_urls": ["data:{kind};base64,'.encode()
    return Stream(before, content, b'"]}', facts, encoded=True)


def form(fields: Mapping[str, str]) -> tuple[Body, str]:
    """Return a ``multipart/form-data`` body of text fields, and its content type."""
    content, kind = urllib3.encode_multipart_formdata(fields)
    return io.BytesIO(content), kind


class UploadCache(Protocol):
    """Where the journal keeps what a vendor still holds."""

    def get_upload(self, fingerprint: str, slot: str, sha256: str) -> str | None:
        """Return the vendor's reference, None when unknown or too old."""

    def put_upload(self, fingerprint: str, slot: str, sha256: str, token: str) -> None:
        """Remember a vendor's reference."""


@attrs.frozen
class CarefulUploads:
    """Uploads that are retried, and sent once while the vendor keeps them."""

    cache: UploadCache

    def put(self, account: str, slot: str, sha256: str | None, send: Callable[[], str]) -> str:
        """Return the vendor's reference of that content, sending it if need be."""
        if sha256 is not None:
            known = self.cache.get_upload(account, slot, sha256)
            if known is not None:
                return known
        token = retry.read(send, timeout=UPLOAD_TIMEOUT)
        if sha256 is not None:
            self.cache.put_upload(account, slot, sha256, token)
        return token


@attrs.frozen
class Downloaded:
    """A file that arrived whole."""

    path: Path
    size: int
    sha256: str


class _Stale(MotionKitError):
    """The file host no longer answers under this URL; a fresh one may."""


def download(
    url: str,
    target: Path,
    *,
    overwrite: bool = False,
    refresh: Callable[[], str] | None = None,
    limit: int = DOWNLOAD_LIMIT,
) -> Downloaded:
    """Fetch a result file.

    Args:
        url: Where it is; no key is sent there.
        target: Where it goes; its folder is made if need be.
        overwrite: Replace an existing file.
        refresh: Gives a fresh URL when this one has expired.
        limit: Bytes at most.

    Raises:
        InvalidRequest: `target` exists, or is a folder.
        DownloadFailed: It did not arrive whole; the result is still safe at the vendor.
    """
    check_target(target, overwrite=overwrite)
    part = target.with_name(target.name + ".part")
    fetch = _Fetch(url, part, limit)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            retry.read(fetch.run, timeout=DOWNLOAD_TIMEOUT)
        except _Stale:
            if refresh is None:
                raise
            fetch = _Fetch(refresh(), part, limit)
            retry.read(fetch.run, timeout=DOWNLOAD_TIMEOUT)
        facts = media.inspect(media.File(part), "result")
        _publish(part, target, overwrite=overwrite)
    except OSError as error:
        raise DownloadFailed(f"{target}: {error.strerror or error}") from error
    except DownloadFailed:
        part.unlink(missing_ok=True)
        raise
    except MotionKitError as error:
        part.unlink(missing_ok=True)
        raise DownloadFailed(
            f"{target.name} did not arrive: {error.message}", http_status=error.http_status
        ) from error
    return Downloaded(target, facts.size or 0, facts.sha256 or "")


def check_target(target: Path, *, overwrite: bool) -> None:
    """Refuse a target that exists, before anything is paid.

    Raises:
        InvalidRequest: It exists and may not be replaced, or is a folder.
    """
    if target.is_dir():
        raise InvalidRequest(f"out: {str(target)!r} is a folder", field="out", value=str(target))
    if target.exists() and not overwrite:
        raise InvalidRequest(
            f"out: {str(target)!r} exists; name another file or allow overwriting",
            field="out",
            value=str(target),
            limit="a file that does not exist",
        )


def _publish(part: Path, target: Path, *, overwrite: bool) -> None:
    with part.open("rb+") as stream:
        os.fsync(stream.fileno())
    if overwrite:
        part.replace(target)
    else:
        try:
            os.link(part, target)  # fails where the target has appeared meanwhile
        except FileExistsError:
            raise
        except OSError:  # a file system without hard links
            check_target(target, overwrite=False)
            part.replace(target)
        else:
            part.unlink()
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


class _Fetch:
    """One URL into one ``.part``, resumable by range while the file there stays the same."""

    def __init__(self, url: str, part: Path, limit: int) -> None:
        self._url = url
        self._part = part
        self._limit = limit
        self._tag: str | None = None

    def run(self) -> None:
        """Fetch what is still missing.

        Raises:
            ProviderUnavailable: It broke off; another run goes on.
            _Stale: The URL has expired.
            DownloadFailed: It can never arrive.
        """
        if self._url.startswith("data:"):
            self._part.write_bytes(_enclosed(self._url))
            return
        have = self._part.stat().st_size if self._tag and self._part.exists() else 0
        headers = {"User-Agent": USER_AGENT, "Accept-Encoding": "identity"}
        if have and self._tag:
            headers |= {"Range": f"bytes={have}-", "If-Range": self._tag}
        adapter = Transport()
        try:
            with watching(DOWNLOAD_TIMEOUT):
                self._receive(adapter, headers, have)
        except (requests.RequestException, urllib3.exceptions.HTTPError, TimeoutError) as error:
            raise ProviderUnavailable(f"the file host broke off: {type(error).__name__}") from error
        except ValueError as error:  # brackets that hold no address
            raise DownloadFailed(f"the result's address cannot be used: {error}") from error
        finally:
            adapter.close()

    def _receive(self, adapter: Transport, headers: Mapping[str, str], have: int) -> None:
        response = _follow(adapter, self._url, headers)
        try:
            status = response.status_code
            if status in _STALE:
                raise _Stale(f"the file host answers HTTP {status}", http_status=status)
            start = have if status == 206 else 0
            tag = response.headers.get("ETag", "")
            if status not in {200, 206} or (start and not self._continues(response, tag, start)):
                self._tag = None if status in {206, 416} else self._tag
                raise ProviderUnavailable(
                    f"the file host answers HTTP {status}", http_status=status
                )
            self._tag = tag if tag.startswith('"') else None  # a weak one is no ground for a range
            length = response.headers.get("Content-Length")
            total = start + int(length) if length and length.isdecimal() else None
            if total is not None and total > self._limit:
                raise DownloadFailed(f"the file has {total} bytes; the cap is {self._limit} bytes")
            with self._part.open("r+b" if start else "wb") as out:
                out.seek(start)
                size = self._copy(response, out, start)
            if total is not None and size != total:
                raise ProviderUnavailable(f"the file broke off at {size} of {total} bytes")
        finally:
            response.close()

    def _continues(self, response: requests.Response, tag: str, start: int) -> bool:
        """Tell whether a part is the one asked for: some hosts ignore If-Range or the range."""
        at = response.headers.get("Content-Range", "")
        return at.startswith(f"bytes {start}-") and tag in {"", self._tag}

    def _copy(self, response: requests.Response, out: IO[bytes], size: int) -> int:
        for chunk in response.raw.stream(_CHUNK, decode_content=False):
            size += len(chunk)
            if size > self._limit:
                raise DownloadFailed(f"the file exceeds the cap of {self._limit} bytes")
            out.write(chunk)
        return size


def _enclosed(url: str) -> bytes:
    """Return what a ``data:`` URL holds: some answers carry the file itself."""
    kind, _, content = url.partition(",")
    if not kind.endswith(";base64"):
        raise DownloadFailed("the enclosed result is not base64")
    try:
        return base64.b64decode(content, validate=True)
    except ValueError as error:
        raise DownloadFailed(f"the enclosed result cannot be decoded: {error}") from error


def _follow(adapter: Transport, url: str, headers: Mapping[str, str]) -> requests.Response:
    """Send a GET, following a few redirects to places that a file host may send us to."""
    from_loopback = is_loopback(urlsplit(url).hostname)
    for _ in range(MAX_REDIRECTS + 1):
        parts = urlsplit(url)
        local = from_loopback and is_loopback(parts.hostname)
        secure = parts.scheme == "https" or (parts.scheme == "http" and local)
        if not secure or not parts.hostname or "@" in parts.netloc:
            raise DownloadFailed(f"the result's address {redact_urls(url)[:200]!r} is not https")
        prepared = requests.Request("GET", url, headers=dict(headers)).prepare()
        response = adapter.send(prepared, stream=True, timeout=(CONNECT_TIMEOUT, 60.0))
        if response.status_code not in _REDIRECTS:
            return response
        location: Any = response.headers.get("Location", "")
        response.close()
        url = urljoin(url, location)
    raise DownloadFailed(f"the result's address redirects more than {MAX_REDIRECTS} times")
