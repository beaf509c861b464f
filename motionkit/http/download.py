"""Result files: the file on disk is right or absent, never wrong, never half.

A download goes to ``NAME.part`` beside its target, which is locked meanwhile, so that two runs
never write into each other's file. A transfer that breaks off goes on by ``Range`` while the host
proves with a strong ``ETag`` that the file is still the same; else it begins again. What another
process left is not trusted: a new process begins again. The whole file is synced and renamed. What
it holds never keeps it from its owner, who has paid for it: only what is plainly no media (a page,
JSON, nothing) is refused, and stays beside the target as ``NAME.part``.

No key is sent. Redirects are followed to ``https`` only, and never from a public place into this
machine or a private network; loopback is for vendors that are on loopback themselves.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import logging
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import IO
from urllib.parse import urljoin

import attrs
import requests

from motionkit._support.redaction import RedactedStr
from motionkit.errors import DownloadFailed, InvalidRequest, MotionKitError, ProviderUnavailable
from motionkit.http import addresses, exchange, retry
from motionkit.http.addresses import InternalAddressError
from motionkit.http.connection import BLOCK, CallGuard, Transport, guarded_call
from motionkit.http.partial_file import PartialFile
from motionkit.model import containers, probe

log = logging.getLogger(__name__)

DOWNLOAD_TIMEOUT = 86_400.0
"""Seconds for all tries of a download; a try ends when no byte comes for `_READ_TIMEOUT`."""
DOWNLOAD_LIMIT = 4 * 1024**3
"""Bytes: no clip of thirty seconds is larger."""
MAX_REDIRECTS = 5
_READ_TIMEOUT = 60.0
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_STALE = frozenset({401, 403, 404, 410})
"""Answers that a fresh URL mends."""
_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})", re.ASCII)


@attrs.frozen
class Downloaded:
    """A file that arrived whole.

    Attributes:
        path: Where it is.
        size: Bytes.
        sha256: Of the content.
        warning: What is odd about the content; empty when nothing is.
    """

    path: Path
    size: int
    sha256: str
    warning: str = ""


class _Stale(MotionKitError):
    """The file host no longer answers under this URL; a fresh one may."""


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
        url: Where it is; no key is sent there.
        target: Where it goes; its folder is made if need be. No word of the file host changes it;
            content that is none of the usual containers gets its own extension.
        overwrite: Replace an existing file.
        refresh: Gives a fresh URL when this one has expired.
        limit: Bytes at most.
        origin: Where the vendor is; only one on loopback may send us to loopback. The URL itself
            when None.
        kept: Opens the result where it came with an answer and lies on this machine already; no
            URL is asked then.

    Raises:
        InvalidRequest: `target` exists, or is a folder.
        DownloadFailed: It did not arrive whole; the result is still safe at the vendor.
    """
    url = RedactedStr(url)
    local = addresses.at_loopback(origin or url)
    check_target(target, overwrite=overwrite)
    try:
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
    except DownloadFailed:
        raise
    except MotionKitError as error:
        raise DownloadFailed(
            f"{target.name} did not arrive: {error.message}", http_status=error.http_status
        ) from error
    if warning:
        log.warning("%s: %s", target, warning)
    return Downloaded(target, fetched.size, fetched.sha256, warning)


def check_target(target: Path, *, overwrite: bool) -> None:
    """Refuse a target that exists, before anything is paid.

    Raises:
        InvalidRequest: It exists and may not be replaced, or is a folder.
    """
    if target.is_dir():
        raise InvalidRequest(f"out: {str(target)!r} is a folder", field="out", value=str(target))
    if not overwrite and os.path.lexists(target):
        raise InvalidRequest(
            f"out: {str(target)!r} exists; name another file or allow overwriting",
            field="out",
            value=str(target),
            limit="a file that does not exist",
        )


class _Fetch:
    """One URL into one part, resumable while the file there proves to be the same."""

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
        """Fetch, again where it breaks off.

        Raises:
            _Stale: The URL has expired.
            DownloadFailed: It can never arrive.
            MotionKitError: It did not arrive in all tries.
        """
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
        if self._kept is not None:
            self._begin()
            with self._kept() as stream:
                while chunk := stream.read(BLOCK):
                    self._add(chunk)
            return
        if self._url.startswith("data:"):
            self._begin()
            self._add(_enclosed(self._url, self._limit))
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
        headers = {"User-Agent": exchange.USER_AGENT, "Accept-Encoding": "identity"}
        if asked:
            headers |= {"Range": f"bytes={self._size}-", "If-Range": self._tag}
        response = self._follow(adapter, headers, guard)
        try:
            status, tag = response.status_code, response.headers.get("ETag", "")
            if status in _STALE:
                raise _Stale(f"the file host answers HTTP {status}", http_status=status)
            if asked and status == 206 and self._continues(response, tag):
                pass
            elif status == 200:
                self._begin()
                self._tag = tag if tag.startswith('"') else ""  # a weak one is no ground for ranges
                self._total = _length(response)
            else:
                if status in {206, 416}:
                    self._tag = ""
                raise ProviderUnavailable(
                    f"the file host answers HTTP {status}", http_status=status
                )
            self._copy(response)
        finally:
            response.close()
            self._out.flush()

    def _continues(self, response: requests.Response, tag: str) -> bool:
        """Tell whether a part is the one asked for: some hosts ignore If-Range or the range."""
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
            raise DownloadFailed(f"the file has {total} bytes; the cap is {self._limit} bytes")
        for chunk in response.raw.stream(BLOCK, decode_content=False):
            self._add(chunk)
        if total is not None and self._size != total:
            raise ProviderUnavailable(f"the file broke off at {self._size} of {total} bytes")
        if total is None and not response.raw.chunked and not self._ends_whole():
            raise ProviderUnavailable(f"the file broke off at {self._size} bytes")

    def _add(self, chunk: bytes) -> None:
        if self._size + len(chunk) > self._limit:
            raise DownloadFailed(f"the file exceeds the cap of {self._limit} bytes")
        self._out.write(chunk)
        self._digest.update(chunk)
        self._size += len(chunk)

    def _ends_whole(self) -> bool:
        """Tell whether a file whose length nobody told is whole, as far as its format shows."""
        container = containers.sniff(self._out)[1]
        whole = container not in {"mp4", "mov"} or containers.is_whole(self._out, self._size)
        self._out.seek(0, os.SEEK_END)
        return whole

    def _follow(
        self, adapter: Transport, headers: dict[str, str], guard: CallGuard
    ) -> requests.Response:
        """Send a GET, following a few redirects to places that a file host may send us to."""
        url, local = self._url, self._local
        for _ in range(MAX_REDIRECTS + 1):
            local, problem = addresses.check_result(url, local=local)
            if problem:
                raise DownloadFailed(f"the result's address ({addresses.brief(url)}) {problem}")
            guard.public = not local
            prepared = requests.Request("GET", url, headers=headers).prepare()
            timeout = (exchange.CONNECT_TIMEOUT, _READ_TIMEOUT)
            response = adapter.send(
                prepared, stream=True, timeout=timeout, **exchange.environment(url)
            )
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
    return renamed if overwrite or not os.path.lexists(renamed) else target


def _explained(error: BaseException, reason: str) -> MotionKitError:
    """Return the error for a try that broke: repeated, or not where no try can mend it."""
    if isinstance(error, MotionKitError):
        return error
    if isinstance(error, InternalAddressError):
        return DownloadFailed(f"the result's address is refused: {reason}")
    if exchange.is_untrusted(error):
        return DownloadFailed(f"the file host is refused: {reason}", hint=exchange.UNTRUSTED_HINT)
    if isinstance(error, ValueError):  # not a URL at all; some of these are requests' errors, too
        return DownloadFailed(f"the result's address cannot be used: {reason}")
    return ProviderUnavailable(f"the file host broke off: {reason}")


def _length(response: requests.Response) -> int | None:
    """Return the length that an answer promises; a chunked one promises none."""
    told = response.headers.get("Content-Length", "")
    return None if response.raw.chunked or not told.isdecimal() else int(told[:20])


def _enclosed(url: str, limit: int) -> bytes:
    """Return what a ``data:`` URL holds: some answers carry the file itself."""
    kind, _, content = url.partition(",")
    if not kind.endswith(";base64"):
        problem = "is not base64"
    elif len(content) > limit // 3 * 4 + 4:
        problem = f"exceeds the cap of {limit} bytes"
    else:
        try:
            return base64.b64decode(content, validate=True)
        except binascii.Error as error:
            problem = f"cannot be decoded: {error}"
        except ValueError:  # not ASCII; that error repeats the whole text
            problem = "cannot be decoded"
    raise DownloadFailed(f"the enclosed result {problem}")
