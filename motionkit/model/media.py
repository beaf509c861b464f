"""References to a request's media: a path, an ``https://`` URL, bytes, or media at the vendor."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

import attrs

from motionkit._support.displayed import Displayed
from motionkit._support.hosts import is_loopback
from motionkit._support.redaction import RedactedStr, redact_urls
from motionkit.errors import InvalidRequest

if TYPE_CHECKING:  # making a request needs no model, and no record here is made from data
    from motionkit.model.job import Job

Kind = Literal["image", "video", "audio"]


@attrs.frozen
class File:
    """A local file."""

    path: Path

    @property
    def label(self) -> str:
        """How to call it in messages."""
        return self.path.name


@attrs.frozen
class Data:
    """Bytes in memory."""

    content: bytes = attrs.field(repr=False)

    @property
    def label(self) -> str:
        """How to call it in messages."""
        return f"<{len(self.content)} bytes>"


@attrs.frozen
class Remote:
    """A URL that the vendor fetches; its query may be a signature and is not shown."""

    url: str = attrs.field(converter=RedactedStr)

    @property
    def label(self) -> str:
        """How to call it in messages."""
        return redact_urls(self.url)


@attrs.frozen(repr=False)
class Uploaded(Displayed):
    """An upload at the vendor, by its id or URL."""

    id: str = attrs.field(converter=str)

    @property
    def label(self) -> str:
        """How to call it in messages."""
        return f"upload {redact_urls(self.id)}"


@attrs.frozen(repr=False)
class Generated(Displayed):
    """A video that the vendor generated: a job, or its id as text."""

    job: Job | str

    @property
    def id(self) -> str:
        """The vendor's id of that job."""
        return self.job if isinstance(self.job, str) else self.job.id

    @property
    def label(self) -> str:
        """How to call it in messages."""
        return f"job {self.id}"


Place = tuple[str, Kind, str | None, str | None]
"""A medium of a request: its field, its kind, its file's absolute path, its content's SHA-256."""


@attrs.frozen
class MediaRecord:
    """One medium of a request, as the journal keeps it.

    Attributes:
        field: The request's argument, ``video`` or ``images[0]``.
        kind: ``image``, ``video`` or ``audio``.
        label: How to call it: a file's name, or a URL without its query.
        path: The file on the machine that submitted it, absolute; None for other media.
        sha256: The digest of the content, where it was read.
    """

    field: str
    kind: Kind
    label: str
    path: str | None = None
    sha256: str | None = None


Ref = File | Data | Remote | Uploaded | Generated
Source = str | os.PathLike[str] | bytes | bytearray | memoryview | Ref
"""The types of a media argument."""


def ref(value: Source) -> Ref:
    """Return the reference that a media argument means; it is not read yet.

    Raises:
        InvalidRequest: It is not a path, an ``https://`` URL, bytes, or a reference.
    """
    if isinstance(value, Ref):
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return Data(bytes(value))
    if value == "":
        raise InvalidRequest("media: the path is empty", field="media", value="")
    if isinstance(value, os.PathLike):
        return File(Path(os.fspath(value)))
    if isinstance(value, str):
        return Remote(value) if "://" in value else File(Path(value).expanduser())
    raise InvalidRequest(
        "media must be a path, an https:// URL, bytes, Uploaded(...) or Generated(...)",
        field="media",
        value=type(value).__name__,
    )


def refs(value: Source | Iterable[Source]) -> tuple[Ref, ...]:
    """Return the references of an argument with several media; a single one is allowed.

    Raises:
        InvalidRequest: One of them is not a path, an ``https://`` URL, bytes, or a reference.
    """
    if isinstance(value, str | bytes | bytearray | memoryview | os.PathLike | Ref):
        return (ref(value),)
    if not isinstance(value, Iterable):
        return (ref(value),)  # which raises
    return tuple(ref(one) for one in value)


def check_url(url: str, field: str) -> None:
    """Require a URL that a vendor may fetch: https, or http on loopback.

    Raises:
        InvalidRequest: It is neither; `field` names the argument.
    """
    try:
        parts = urlsplit(url)
        scheme, host = parts.scheme, parts.hostname
    except ValueError:  # invalid brackets
        scheme, host = "", None
    if not url.isprintable():
        raise InvalidRequest(
            f"{field}: the URL holds characters that no URL has",
            field=field,
            value=ascii(redact_urls(url)),
            limit="https:// and printable text",
        )
    if not host or (scheme != "https" and not (scheme == "http" and is_loopback(host))):
        raise InvalidRequest(
            f"{field}: {redact_urls(url)!r} is not https",
            field=field,
            value=redact_urls(url),
            limit="https:// (http:// on loopback only)",
        )
