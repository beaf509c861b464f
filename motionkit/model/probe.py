"""Inspect local media: kind and container by content, size, digest, pixels, seconds.

URLs are passed on and never fetched, so nothing is known of them. Pixels and seconds need the extra
``motionkit[media]`` (PyAV, Pillow); bytes and container do not.
"""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Callable, Mapping
from typing import IO, Any, cast

import attrs

from motionkit.errors import InvalidRequest
from motionkit.model import containers
from motionkit.model.media import Data, File, Kind, Ref, Remote, check_url

MOST_PIXELS = 178_956_970
"""Pixels of the largest picture that is decoded: Pillow's own limit against decompression bombs."""


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
        seconds: Duration of the film, or of the sound where there is no film.
        size: Bytes.
        sha256: Of the content.
        missing: Why pixels or seconds are unknown, as a sentence; empty when they are known.
        seconds_high: The longest duration that its container names; a vendor may count it.
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
    seconds_high: float | None = None


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
    path, shown = file.path, repr(str(file.path))
    problem = ""
    try:
        mode = path.stat().st_mode
        problem = next((words for test, words in _NO_FILES if test(mode)), "")
        if not problem:
            with path.open("rb") as stream:
                size = os.fstat(stream.fileno()).st_size
                if size:
                    return look(stream, size, file.label, field)
            problem = "is empty (0 bytes)"
    except FileNotFoundError:
        raise _refused(field, f"there is no file {shown}", str(path)) from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        why = getattr(error, "strerror", None) or "its name holds a NUL byte"
        raise _refused(field, f"{shown} cannot be read: {why}", str(path)) from error
    raise _refused(field, f"{shown} {problem}", str(path))


_NO_FILES: tuple[tuple[Callable[[int], bool], str], ...] = (
    (stat.S_ISDIR, "is a folder, not a file"),
    (stat.S_ISFIFO, "is a pipe; save its content to a file first"),
    (stat.S_ISSOCK, "is a socket, not a file"),
    (lambda mode: stat.S_ISCHR(mode) or stat.S_ISBLK(mode), "is a device, not a file"),
)


def _refused(field: str, problem: str, value: str, limit: str | None = None) -> InvalidRequest:
    return InvalidRequest(f"{field}: {problem}", field=field, value=value, limit=limit)


def look(
    stream: IO[bytes], size: int, label: str, field: str, *, sha256: str | None = None
) -> Facts:
    """Inspect an open file of `size` bytes; `sha256` is its digest, if known.

    Raises:
        InvalidRequest: It is not playable media, or not all of it.
    """
    kind, container = containers.sniff(stream)
    if kind is None:
        raise _refused(
            field,
            f"{label} is neither a picture, a video nor audio that we know by its content",
            label,
        )
    if sha256 is None:
        import hashlib  # noqa: PLC0415 - OpenSSL loads when there is something to digest

        sha256 = hashlib.file_digest(cast("Any", stream), "sha256").hexdigest()
    known = Facts(label, kind=kind, container=container, size=size, sha256=sha256)
    lacking = containers.missing_bytes(stream, size, container)
    if lacking:
        raise _refused(
            field,
            f"{label} is cut short: it has {size:,} bytes, and its {container} headers announce "
            f"{size + lacking:,}",
            f"{size} bytes",
            f"{size + lacking} bytes",
        )
    stream.seek(0)
    try:
        return _PROBES[kind](stream, known)
    except ImportError:
        return attrs.evolve(known, missing="measuring it needs motionkit[media]")
    except _TooManyPixelsError as error:
        width, height = error.args
        raise _refused(
            field,
            f"{label} has {width:,} x {height:,} pixels, {width * height:,} in all; "
            f"pictures of at most {MOST_PIXELS:,} pixels are taken",
            f"{width}x{height}",
            f"{MOST_PIXELS} pixels",
        ) from None
    except _Unreadable as error:
        raise _refused(
            field, f"{label} looks like {container} but cannot be read as {kind}: {error}", label
        ) from error


class _Unreadable(Exception):
    """The content is not what its first bytes promise."""


class _TooManyPixelsError(Exception):
    """A picture is too large to decode; holds width and height."""


def _probe_image(stream: IO[bytes], known: Facts) -> Facts:
    if known.container == "heic":
        return known  # no vendor takes it, and reading it takes a plug-in
    from PIL import Image  # noqa: PLC0415 - optional extra

    Image.init()
    opener = Image.OPEN.get((known.container or "").upper())
    if opener is None:
        return attrs.evolve(known, missing=f"Pillow on this machine reads no {known.container}")
    try:
        # Image.open would refuse large pictures by an error without their size
        with opener[0](stream, "") as picture:
            width, height = picture.size
            if width * height <= MOST_PIXELS:
                # a JPEG is read whole but kept small; further pictures in it are no frames
                picture.draft("L", (max(1, width // 8), max(1, height // 8)))
                picture.load()
                most = 1 if known.container == "jpeg" else MOST_PIXELS // max(1, width * height)
                for frame in range(1, min(getattr(picture, "n_frames", 1), most)):
                    picture.seek(frame)
                    picture.load()
    except Exception as error:
        if isinstance(error, MemoryError) or getattr(error, "errno", None):
            raise  # this machine's fault, not the picture's
        raise _Unreadable("it is damaged") from error
    if width * height > MOST_PIXELS:
        raise _TooManyPixelsError(width, height)
    if known.container == "gif" and not containers.gif_is_whole(stream):
        raise _Unreadable("it breaks off")  # Pillow takes the frames that are there
    return attrs.evolve(known, codec=known.container, width=width, height=height)


_BY_TRACKS: Mapping[tuple[Kind, str | None], str] = {
    ("audio", "mp4"): "m4a",
    ("audio", "mov"): "m4a",
    ("video", "m4a"): "mp4",
}
"""What a container is called when its tracks are of another kind than its first bytes suggest."""


def _probe_stream(stream: IO[bytes], known: Facts) -> Facts:
    import av  # noqa: PLC0415 - optional extra

    untrimmed = containers.untrimmed_seconds(stream) if known.container in {"mp4", "mov"} else 0.0
    stream.seek(0)
    try:
        # metadata are not ours to judge, and some programs write them in Latin-1
        with av.open(stream, mode="r", metadata_errors="ignore") as container:
            attached = av.stream.Disposition.attached_pic
            films = [one for one in container.streams.video if not one.disposition & attached]
            track = next(iter(films or container.streams.audio), None)
            if track is None:
                raise _Unreadable(f"it holds no {known.kind} stream")
            whole = None if container.duration is None else container.duration / av.time_base
            seconds = whole
            if track.duration is not None and track.time_base is not None:
                seconds = float(track.duration * track.time_base)
            if seconds is None:
                raise _Unreadable("it does not say how long it is")
            kind: Kind = "video" if films else "audio"
            return attrs.evolve(
                known,
                kind=kind,
                container=_BY_TRACKS.get((kind, known.container), known.container),
                codec=track.codec_context.codec.canonical_name,
                seconds=round(seconds, 3),
                seconds_high=round(max(seconds, whole or 0.0, untrimmed), 3),
                width=films[0].width if films else None,
                height=films[0].height if films else None,
            )
    except av.error.FFmpegError as error:
        raise _Unreadable(error.strerror) from error
    except (ValueError, LookupError, RuntimeError) as error:
        raise _Unreadable("it is damaged") from error


_PROBES: Mapping[Kind, Callable[[IO[bytes], Facts], Facts]] = {
    "image": _probe_image,
    "video": _probe_stream,
    "audio": _probe_stream,
}
