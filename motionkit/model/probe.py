"""Inspect local media: kind and container by content, size, digest, pixels, seconds.

URLs are passed on and never fetched, so nothing is known of them. Pixels and seconds need the extra
``motionkit[media]`` (PyAV, Pillow); bytes and container do not.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Mapping
from typing import IO, Any, cast

import attrs

from motionkit.errors import InvalidRequest
from motionkit.model.media import Data, File, Kind, Ref, Remote, check_url

SNIFF_BYTES = 32
"""What `sniff` needs of a file."""


@attrs.frozen
class Facts:
    """The known facts of one piece of media.

    Attributes:
        label: How to call it in messages.
        kind: image, video or audio; None for media elsewhere.
        container: E.g. ``mp4``, ``jpeg``; by content.
        codec: Of the picture, e.g. ``h264``.
        width: Pixels.
        height: Pixels.
        seconds: Duration.
        size: Bytes.
        sha256: Of the content.
        missing: Why pixels or seconds are unknown, as a sentence; empty when they are known.
    """

    label: str
    kind: Kind | None = None
    container: str | None = None
    codec: str | None = None
    width: int | None = None
    height: int | None = None
    seconds: float | None = None
    size: int | None = None
    sha256: str | None = None
    missing: str = ""


def inspect(value: Ref, field: str) -> Facts:
    """Inspect one reference; `field` is the request's, for error messages.

    For media elsewhere (URLs, uploads) the facts are only the label and why nothing is known.

    Raises:
        InvalidRequest: No such file, a folder, unreadable, empty, not playable media, or a URL that
            is not https (loopback excepted).
    """
    if isinstance(value, File):
        return _inspect_file(value, field)
    if isinstance(value, Data):
        if not value.content:
            raise InvalidRequest(f"{field}: the bytes are empty", field=field, value="0 bytes")
        return look(io.BytesIO(value.content), len(value.content), value.label, field)
    if isinstance(value, Remote):
        check_url(value.url, field)
    return Facts(value.label, missing=f"{value.label} is not on this machine")


def inspect_all(media: Mapping[str, Ref]) -> dict[str, Facts]:
    """Inspect each medium, by the name of its field; see `inspect`."""
    return {name: inspect(value, name) for name, value in media.items()}


def open_content(value: File | Data) -> IO[bytes]:
    """Open a local reference for reading."""
    return value.path.open("rb") if isinstance(value, File) else io.BytesIO(value.content)


def _inspect_file(file: File, field: str) -> Facts:
    path = file.path
    try:
        if path.is_dir():
            raise InvalidRequest(
                f"{field}: {str(path)!r} is a folder, not a file", field=field, value=str(path)
            )
        size = path.stat().st_size
        if size == 0:
            raise InvalidRequest(
                f"{field}: {str(path)!r} is empty (0 bytes)", field=field, value="0 bytes"
            )
        with path.open("rb") as stream:
            return look(stream, size, file.label, field)
    except FileNotFoundError:
        raise InvalidRequest(
            f"{field}: there is no file {str(path)!r}", field=field, value=str(path)
        ) from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        why = getattr(error, "strerror", None) or error
        raise InvalidRequest(
            f"{field}: {str(path)!r} cannot be read: {why}", field=field, value=str(path)
        ) from error


def look(
    stream: IO[bytes], size: int, label: str, field: str, *, sha256: str | None = None
) -> Facts:
    """Inspect an open file of `size` bytes; `sha256` is its digest, if known.

    Raises:
        InvalidRequest: It is not playable media.
    """
    kind, container = sniff(stream.read(SNIFF_BYTES))
    if kind is None:
        raise InvalidRequest(
            f"{field}: {label} is neither a picture, a video nor audio that we know by its content",
            field=field,
            value=label,
        )
    stream.seek(0)
    if sha256 is None:
        import hashlib  # noqa: PLC0415 - OpenSSL loads when there is something to digest

        sha256 = hashlib.file_digest(cast("Any", stream), "sha256").hexdigest()
        stream.seek(0)
    known = Facts(label, kind=kind, container=container, size=size, sha256=sha256)
    try:
        return _PROBES[kind](stream, known)
    except ImportError:
        return attrs.evolve(known, missing="measuring it needs motionkit[media]")
    except _Unreadable as error:
        raise InvalidRequest(
            f"{field}: {label} looks like {container} but cannot be read as {kind}: {error}",
            field=field,
            value=label,
        ) from error


class _Unreadable(Exception):
    """The content is not what its first bytes promise."""


def _probe_image(stream: IO[bytes], known: Facts) -> Facts:
    if known.container == "heic":
        return known  # no vendor takes it, and reading it takes a plug-in
    from PIL import Image  # noqa: PLC0415 - optional extra

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # limits are offers'
            with Image.open(stream) as picture:
                width, height = picture.size
                picture.verify()
    except Image.DecompressionBombError as error:
        raise _Unreadable("it has too many pixels") from error
    except (OSError, SyntaxError, ValueError) as error:  # their texts show Python's objects
        raise _Unreadable("it is damaged") from error
    return attrs.evolve(known, codec=known.container, width=width, height=height)


def _probe_stream(stream: IO[bytes], known: Facts) -> Facts:
    import av  # noqa: PLC0415 - optional extra

    try:
        with av.open(stream, mode="r") as container:
            streams = container.streams.video if known.kind == "video" else container.streams.audio
            if not streams:
                raise _Unreadable(f"it holds no {known.kind} stream")
            track = streams[0]
            duration = track.duration
            if duration is not None and track.time_base is not None:
                seconds = float(duration * track.time_base)
            elif container.duration is not None:
                seconds = container.duration / av.time_base
            else:
                raise _Unreadable("it does not say how long it is")
            facts = attrs.evolve(known, codec=track.codec_context.name, seconds=round(seconds, 3))
            if known.kind == "video":
                size = cast("av.VideoStream", track)
                facts = attrs.evolve(facts, width=size.width, height=size.height)
            return facts
    except av.error.FFmpegError as error:
        raise _Unreadable(error.strerror) from error


_PROBES: Mapping[Kind, Callable[[IO[bytes], Facts], Facts]] = {
    "image": _probe_image,
    "video": _probe_stream,
    "audio": _probe_stream,
}


_MAGIC: tuple[tuple[int, bytes, Kind, str], ...] = (
    (0, b"\xff\xd8\xff", "image", "jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "image", "png"),
    (0, b"GIF8", "image", "gif"),
    (0, b"BM", "image", "bmp"),
    (8, b"WEBP", "image", "webp"),
    (8, b"WAVE", "audio", "wav"),
    (8, b"AVI ", "video", "avi"),
    (0, b"\x1aE\xdf\xa3", "video", "webm"),
    (0, b"ID3", "audio", "mp3"),
    (0, b"OggS", "audio", "ogg"),
    (0, b"fLaC", "audio", "flac"),
)
"""Offset, signature, kind, container."""


_FTYP_BRANDS: Mapping[bytes, tuple[Kind, str]] = {
    b"qt  ": ("video", "mov"),
    b"M4A ": ("audio", "m4a"),
    b"heic": ("image", "heic"),
    b"heix": ("image", "heic"),
    b"hevc": ("image", "heic"),
    b"mif1": ("image", "heic"),
    b"msf1": ("image", "heic"),
    b"avif": ("image", "avif"),
    b"avis": ("image", "avif"),
}
"""ISO base media brands that are not plain MP4."""


CONTENT_TYPES: Mapping[str, str] = {
    "jpeg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "gif": "image/gif",
    "mp4": "video/mp4",
    "mov": "video/quicktime",
    "webm": "video/webm",
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
    "m4a": "audio/x-m4a",
    "aac": "audio/aac",
}
"""Container to media type, for uploads."""


def sniff(head: bytes) -> tuple[Kind | None, str | None]:
    """Return kind and container by a file's first bytes; (None, None) if unknown."""
    if head[4:8] == b"ftyp":
        return _FTYP_BRANDS.get(head[8:12], ("video", "mp4"))
    if head[4:8] in {b"moov", b"mdat", b"wide", b"free"}:
        return "video", "mov"  # QuickTime before brands existed
    for offset, signature, kind, container in _MAGIC:
        if head[offset : offset + len(signature)] == signature:
            return kind, container
    return _sniff_mpeg_audio(head)


def _sniff_mpeg_audio(head: bytes) -> tuple[Kind | None, str | None]:
    """Tell MP3 from AAC by the head of a frame: 11 set bits, then version and layer.

    ISO/IEC 11172-3, 2.4.1.3 and 13818-3 (layer ``01`` is MP3, with or without a checksum, at any
    sampling rate; version ``01`` is reserved); 13818-7, 6.2 and 14496-3, 1.A.2 (ADTS has 12 set
    bits and layer ``00``, in MPEG-2 and MPEG-4).
    """
    if len(head) < 3 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None, None
    version, layer = head[1] >> 3 & 0b11, head[1] >> 1 & 0b11
    if layer == 0b01 and version != 0b01:
        rate, sampling = head[2] >> 4, head[2] >> 2 & 0b11
        return ("audio", "mp3") if rate != 0b1111 and sampling != 0b11 else (None, None)
    if layer == 0b00 and head[1] & 0xF0 == 0xF0:
        return ("audio", "aac") if head[2] >> 2 & 0b1111 < 13 else (None, None)
    return None, None


def boxes_fit(stream: IO[bytes], size: int) -> bool:
    """Return whether the boxes of an MP4 or MOV file fill its size exactly, unlike a cut one's."""
    at, seen = 0, set()
    while at < size:
        stream.seek(at)
        head = stream.read(16)
        if len(head) < 8:
            return False
        length = int.from_bytes(head[:4])
        if length == 1:  # the real length follows
            length = int.from_bytes(head[8:16])
        elif length == 0:  # up to the end of the file
            length = size - at
        if length < 8:
            return False
        seen.add(head[4:8])
        at += length
    return at == size and b"mdat" in seen and bool(seen & {b"moov", b"moof"})
