"""Download result files: a file on disk is complete or absent.

A download is written to a locked ``NAME.part`` beside its target. A transfer that breaks off is
resumed by ``Range`` if a strong ``ETag`` proves that the file is the same; otherwise, and in a new
process, it starts again. The file is checked for its length, synced, and renamed. Its content never
keeps it from its owner, who has paid for it: only what is plainly no media (a page, JSON, nothing)
is refused, and stays beside the target as ``NAME.part``.

No key is sent. Redirects are followed to ``https`` only, and never from a public host to this
machine or a private network; loopback is for vendors on loopback.
"""

from __future__ import annotations

import base64
import hashlib
import io
import logging
import os
import re
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO
from urllib.parse import urljoin

import attrs
import requests

from motionkit._support.redaction import RedactedStr
from motionkit._support.system import unfit
from motionkit.errors import DownloadFailed, InvalidRequest, MotionKitError, ProviderUnavailable
from motionkit.http import addresses, exchange, retry
from motionkit.http.addresses import InternalAddressError
from motionkit.http.connection import CallGuard, Transport, guarded_call
from motionkit.http.environment import environment
from motionkit.http.limits import BLOCK, CONNECT_TIMEOUT, USER_AGENT
from motionkit.http.partial_file import PartialFile, fits, partial_path
from motionkit.http.unsent import Untrusted
from motionkit.model import containers, probe

log = logging.getLogger(__name__)

DOWNLOAD_TIMEOUT = 86_400.0
"""Seconds for all attempts; one ends when no byte came for `_READ_TIMEOUT`, the next resumes it."""
DOWNLOAD_LIMIT = 4 * 1024**3
"""Bytes; no clip of thirty seconds is larger."""
MAX_REDIRECTS = 5
_READ_TIMEOUT = 60.0
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_STALE = frozenset({401, 403, 404, 410})
"""HTTP statuses of an expired URL."""
_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})", re.ASCII)


@attrs.frozen
class Downloaded:
    """A complete file.

    Attributes:
        path: Its path.
        size: Bytes.
        sha256: Of the content.
        warning: What is unusual about the content; empty if nothing is.
    """

    path: Path
    size: int
    sha256: str
    warning: str = ""


class _Stale(MotionKitError):
    """The URL has expired."""


def download(
    url: str,
    target: Path,
    *,
    overwrite: bool = False,
    refresh: Callable[[], str] | None = None,
    limit: int = DOWNLOAD_LIMIT,
    origin: str | None = None,
    kept: Callable[[], IO[bytes]] | None = None,
) -> Downloaded:
    """Fetch a result file.

    Args:
        url: The URL; no key is sent to it.
        target: The path of the file; its folder is created if necessary. Content in an unusual
            container gets the extension of that container.
        overwrite: Replace an existing file.
        refresh: Returns a new URL if this one has expired.
        limit: Bytes at most.
        origin: The vendor's URL: only a vendor on loopback may lead to loopback. `url` if None.
        kept: Opens the result if it is stored on this machine; `url` is not requested then.

    Raises:
        InvalidRequest: `target` exists, or is a folder.
        DownloadFailed: The download failed; the vendor still has the result.
    """
    url = RedactedStr(url)
    local = addresses.at_loopback(origin or url)
    try:
        _refuse_existing(target, overwrite=overwrite)
        target.parent.mkdir(parents=True, exist_ok=True)
        with PartialFile(target) as part:
            try:
                fetched = _Fetch(url, part, limit, local=local, kept=kept)
                fetched.fetch()
            except _Stale:
                if refresh is None:
                    raise
                url = RedactedStr(refresh())
                fetched = _Fetch(url, part, limit, local=local)
                fetched.fetch()
            container, warning = _describe(part, fetched.size, fetched.sha256)
            target = _named(target, container, overwrite=overwrite)
            part.publish(target, overwrite=overwrite)
    except OSError as error:
        raise DownloadFailed(f"{target}: {error.strerror or error}") from error
    except (DownloadFailed, InvalidRequest):
        raise
    except MotionKitError as error:
        raise DownloadFailed(
            f"{target.name} was not downloaded: {error.message}", http_status=error.http_status
        ) from error
    if warning:
        log.warning("%s: %s", target, warning)
    return Downloaded(target, fetched.size, fetched.sha256, warning)


def check_target(target: Path, *, overwrite: bool, kind: str | None = None) -> None:
    """Refuse a target that a download could not be saved to, before anything is paid.

    It exists and may not be replaced, is no regular file, has a name that is too long or the
    extension of another kind of file, or is in a folder that takes no files.

    Args:
        target: The path.
        overwrite: Replace an existing file.
        kind: ``video``, ``image`` or ``audio``: what will be saved; None if unknown.

    Raises:
        InvalidRequest: It is refused.
    """
    if wrong := wrong_ending(target, kind):
        raise InvalidRequest(
            f"out: {str(target)!r} {wrong}",
            field="out",
            value=str(target),
            limit=", ".join(containers.RESULT_SUFFIXES[kind or ""]),
        )
    try:
        _refuse_existing(target, overwrite=overwrite)
        partial_path(target).lstat()
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:
        raise _refused(target, error) from None
    if why := unfit(target.name):
        raise InvalidRequest(
            f"out: {str(target)!r} {why}",
            field="out",
            value=str(target),
            limit="the name of a file",
        )
    try:
        # Nothing is left behind, not even the folders on the way to it.
        for folder in target.absolute().parents:
            if os.path.lexists(folder):
                with tempfile.TemporaryFile(dir=folder):
                    return
    except OSError as error:
        raise _refused(target, error) from None


def wrong_ending(target: Path, kind: str | None) -> str | None:
    """Return why a file's name is that of another kind of file; None where it is not.

    Args:
        target: The name, or the path.
        kind: ``video``, ``image`` or ``audio``: what will be saved; None if unknown.
    """
    possible = containers.RESULT_SUFFIXES.get(kind or "", ())
    suffix = target.suffix.lower()
    if not possible or suffix not in containers.MEDIA_SUFFIXES or suffix in possible:
        return None
    return (
        f"ends in {suffix}, and the result is {_A[kind or '']}; it takes {', '.join(possible)}, or "
        "no such ending"
    )


_A = {"video": "a video", "image": "a picture", "audio": "audio"}


def _refused(target: Path, error: Exception) -> InvalidRequest:
    """Return the error for a target that the system does not take."""
    why = error.strerror if isinstance(error, OSError) else "it is not a path"
    return InvalidRequest(
        f"out: {str(target)!r} cannot be written: {why}",
        field="out",
        value=str(target),
        limit="a name that the file system takes, in a folder that takes files",
    )


def _refuse_existing(target: Path, *, overwrite: bool) -> None:
    """Refuse a target that exists and may not be replaced, or is no regular file."""
    found = target.stat() if target.exists() else None
    if found is not None and not stat.S_ISREG(found.st_mode):
        what = "a folder" if stat.S_ISDIR(found.st_mode) else "not a regular file"
        raise InvalidRequest(f"out: {str(target)!r} is {what}", field="out", value=str(target))
    if not overwrite and os.path.lexists(target):
        raise InvalidRequest(
            f"out: {str(target)!r} exists; name another file or allow overwriting",
            field="out",
            value=str(target),
            limit="a file that does not exist",
        )


class _Fetch:
    """One URL and one partial file; resumable while the remote file is the same."""

    def __init__(
        self,
        url: str,
        part: PartialFile,
        limit: int,
        *,
        local: bool,
        kept: Callable[[], IO[bytes]] | None = None,
    ) -> None:
        self._url = url
        self._kept = kept
        self._out = part.stream
        self._limit = limit
        self._local = local
        self._tag = ""
        self._begin()

    def fetch(self) -> None:
        """Fetch the file with retries; raises `_Stale` if the URL has expired."""
        retry.read(self._run, timeout=DOWNLOAD_TIMEOUT)

    @property
    def size(self) -> int:
        """Bytes that arrived."""
        return self._size

    @property
    def sha256(self) -> str:
        """Digest of what arrived."""
        return self._digest.hexdigest()

    def _begin(self) -> None:
        self._out.seek(0)
        self._out.truncate()
        self._size = 0
        self._total: int | None = None
        self._digest = hashlib.sha256()

    def _run(self) -> None:
        if self._kept is not None or self._url.startswith("data:"):
            self._begin()
            local = self._kept() if self._kept else io.BytesIO(_enclosed(self._url, self._limit))
            with local as stream:
                while chunk := stream.read(BLOCK):
                    self._add(chunk)
            return
        adapter = Transport()
        try:
            with guarded_call(DOWNLOAD_TIMEOUT, idle=_READ_TIMEOUT) as guard:
                exchange.run(lambda: self._receive(adapter, guard), _explained)
        finally:
            adapter.close()

    def _receive(self, adapter: Transport, guard: CallGuard) -> None:
        asked = bool(self._size and self._tag)
        if not asked:
            self._begin()
        headers = {"User-Agent": USER_AGENT, "Accept-Encoding": "identity"}
        if asked:
            headers |= {"Range": f"bytes={self._size}-", "If-Range": self._tag}
        response = self._follow(adapter, headers, guard)
        try:
            status, tag = response.status_code, response.headers.get("ETag", "")
            said = f"the file host returned HTTP {status}"
            if status in _STALE:
                raise _Stale(said, http_status=status)
            if asked and status == 206 and self._continues(response, tag):
                pass
            elif status == 200:
                self._begin()
                self._tag = tag if tag.startswith('"') else ""  # a weak one proves nothing
                self._total = _length(response)
            else:
                if status in {206, 416}:
                    self._tag = ""
                raise ProviderUnavailable(said, http_status=status)
            self._copy(response)
        finally:
            response.close()
            self._out.flush()

    def _continues(self, response: requests.Response, tag: str) -> bool:
        """Return whether the requested range came: some hosts ignore it, or If-Range."""
        found = _RANGE.fullmatch(response.headers.get("Content-Range", "").strip())
        if found is None or tag != self._tag:
            return False
        start, end, total = (int(number) for number in found.groups())
        known = self._total in {None, total}
        self._total = total
        return known and start == self._size and end == total - 1

    def _copy(self, response: requests.Response) -> None:
        total = self._total
        if total is not None and total > self._limit:
            raise DownloadFailed(f"the file has {total} bytes; the limit is {self._limit} bytes")
        for chunk in response.raw.stream(BLOCK, decode_content=False):
            self._add(chunk)
        if total is not None and self._size != total:
            raise ProviderUnavailable(f"the file broke off at {self._size} of {total} bytes")
        if total is None and not response.raw.chunked and not self._ends_whole():
            raise ProviderUnavailable(f"the file broke off at {self._size} bytes")

    def _add(self, chunk: bytes) -> None:
        if self._size + len(chunk) > self._limit:
            raise DownloadFailed(f"the file exceeds the limit of {self._limit} bytes")
        self._out.write(chunk)
        self._digest.update(chunk)
        self._size += len(chunk)

    def _ends_whole(self) -> bool:
        """Return whether a file of unknown length is complete, as far as its format shows."""
        container = containers.sniff(self._out)[1]
        whole = container not in {"mp4", "mov"} or containers.is_whole(self._out, self._size)
        self._out.seek(0, os.SEEK_END)
        return whole

    def _follow(
        self, adapter: Transport, headers: dict[str, str], guard: CallGuard
    ) -> requests.Response:
        """Send a GET, following a few redirects to allowed hosts."""
        url, local = self._url, self._local
        for _ in range(MAX_REDIRECTS + 1):
            local, problem = addresses.check_result(url, local=local)
            if problem:
                raise DownloadFailed(f"the result's address ({addresses.brief(url)}) {problem}")
            guard.public = not local
            prepared = requests.Request("GET", url, headers=headers).prepare()
            timeout = (CONNECT_TIMEOUT, _READ_TIMEOUT)
            response = adapter.send(prepared, stream=True, timeout=timeout, **environment(url))
            if response.status_code not in _REDIRECTS:
                return response
            response.close()
            url = RedactedStr(urljoin(url, response.headers.get("Location", "")))
        raise DownloadFailed(f"the result's address redirects more than {MAX_REDIRECTS} times")


def _describe(part: PartialFile, size: int, sha256: str) -> tuple[str | None, str]:
    """Return the container of what arrived, and what is odd about it.

    Raises:
        DownloadFailed: It is plainly no media; it stays beside the target.
    """
    other = containers.other_content(part.stream)
    if other:
        if size:
            part.keep()
        raise DownloadFailed(
            f"the file host delivered {other} instead of media"
            + (f"; it is kept as {part.path}: rename it if it is what you want" if size else "")
        )
    kind, container = containers.sniff(part.stream)
    if kind is None:
        return None, "delivered as it is: its format is not one that motionkit knows"
    try:
        probe.look(part.stream, size, "the file", "result", sha256=sha256)
    except InvalidRequest as error:
        return container, f"delivered as it is, but {error.message.removeprefix('result: ')}"
    except Exception as error:
        log.debug("reading %s failed", part.path, exc_info=error)
        return container, "delivered as it is, but it cannot be read"
    if container not in containers.CONTENT_TYPES:
        return container, f"delivered as it is: a {container} file, which some programs cannot play"
    return container, ""


def _named(target: Path, container: str | None, *, overwrite: bool) -> Path:
    """Return the target with the extension of an unusual container, where its own says another."""
    ending = containers.extension(container)
    if container in containers.CONTENT_TYPES or not ending or target.suffix.lower() == ending:
        return target
    renamed = target.with_suffix(ending)
    free = fits(renamed.name) and (overwrite or not os.path.lexists(renamed))
    return renamed if free else target


def _explained(error: BaseException, reason: str) -> MotionKitError:
    """Return the error for a failed attempt: transient, or final if no retry helps."""
    if isinstance(error, MotionKitError):
        return error
    if isinstance(error, InternalAddressError):
        return DownloadFailed(f"the result's address is refused: {reason}")
    if exchange.is_untrusted(error):
        return DownloadFailed(f"the file host is refused: {reason}", hint=Untrusted.default_hint)
    if isinstance(error, ValueError):  # not a URL at all; some of these are requests' errors, too
        return DownloadFailed(f"the result's address cannot be used: {reason}")
    return ProviderUnavailable(f"the download broke off: {reason}")


def _length(response: requests.Response) -> int | None:
    """Return the announced length; a chunked response has none."""
    length = response.headers.get("Content-Length", "")
    return None if response.raw.chunked or not length.isdecimal() else int(length[:20])


def _enclosed(url: str, limit: int) -> bytes:
    """Return the content of a ``data:`` URL: some responses include the file itself."""
    kind, _, content = url.partition(",")
    if not kind.endswith(";base64"):
        problem = "is not base64"
    elif len(content) > limit // 3 * 4 + 4:
        problem = f"exceeds the limit of {limit} bytes"
    else:
        try:
            return base64.b64decode(content, validate=True)
        except ValueError:  # its text is Python's, and may repeat the whole content
            problem = "cannot be decoded"
    raise DownloadFailed(f"the enclosed result {problem}")
