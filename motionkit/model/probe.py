"""Inspect local media: kind and container by content, size, digest, pixels, seconds.

URLs are passed on and never fetched, so nothing is known of them. Pixels and seconds need the extra
``motionkit[media]`` (PyAV, Pillow); bytes and container do not.
"""

from __future__ import annotations

import importlib
import io
import os
import stat
import struct
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import IO, Any, cast

import attrs

from motionkit.errors import InvalidRequest
from motionkit.model import containers
from motionkit.model.media import Data, File, Kind, Ref, Remote, check_url

MOST_PIXELS = 178_956_970
"""Pixels of the largest picture that is decoded: Pillow's own limit against decompression bombs."""


@attrs.frozen
class Details:
    """What a conversion of one piece of media depends on besides its facts.

    Attributes:
        width: Pixels as shown: upright, and square.
        height: Pixels as shown.
        rate: Frames per second; None for pictures and audio.
        sound: Whether the film has sound.
        turned: Whether its metadata turn or mirror what is stored.
        plain: Whether it has 8 bits per color in a color model that every program reads.
        alpha: Whether the picture is partly transparent.
    """

    width: int | None = None
    height: int | None = None
    rate: Fraction | None = None
    sound: bool = False
    turned: bool = False
    plain: bool = True
    alpha: bool = False


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
        details: What a conversion depends on, if that was asked for.
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
    details: Details | None = None

    @property
    def shown(self) -> str:
        """Its label and size, as the upload of a dry run shows it."""
        size = "converted first" if self.size is None else f"{self.size} bytes"
        return f"{self.label} ({size})"


def inspect(value: Ref, field: str, *, details: bool = False) -> Facts:
    """Inspect one reference; `field` is the request's, for error messages.

    With `details`, the first frame of a film is decoded too: it has the turn of a phone's camera.

    For media elsewhere (URLs, uploads) the facts are only the label and why nothing is known.

    Raises:
        InvalidRequest: No such file, a folder, unreadable, empty, not playable media, or a URL that
            is not https (loopback excepted).
    """
    if isinstance(value, File):
        return _inspect_file(value, field, details=details)
    if isinstance(value, Data):
        if not value.content:
            raise InvalidRequest(f"{field}: the bytes are empty", field=field, value="0 bytes")
        stream = io.BytesIO(value.content)
        return look(stream, len(value.content), value.label, field, details=details)
    if isinstance(value, Remote):
        check_url(value.url, field)
    return Facts(value.label, missing=f"{value.label} is not on this machine")


def inspect_all(media: Mapping[str, Ref], *, details: bool = False) -> dict[str, Facts]:
    """Inspect each medium, by the name of its field; see `inspect`."""
    return {name: inspect(value, name, details=details) for name, value in media.items()}


def open_content(value: File | Data) -> IO[bytes]:
    """Open a local reference for reading."""
    return value.path.open("rb") if isinstance(value, File) else io.BytesIO(value.content)


def _inspect_file(file: File, field: str, *, details: bool) -> Facts:
    path, shown = file.path, repr(str(file.path))
    problem = ""
    try:
        mode = path.stat().st_mode
        problem = next((words for test, words in _NO_FILES if test(mode)), "")
        if not problem:
            with path.open("rb") as stream:
                size = os.fstat(stream.fileno()).st_size
                if size:
                    return look(stream, size, path.name, field, details=details)
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
    stream: IO[bytes],
    size: int,
    label: str,
    field: str,
    *,
    sha256: str | None = None,
    details: bool = False,
) -> Facts:
    """Inspect an open file of `size` bytes; `sha256` is its digest, if known; see `inspect`.

    Raises:
        InvalidRequest: It is not playable media, or not all of it.
    """
    (kind, container), lacking = containers.examine(stream, size)
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
        return _PROBES[kind](stream, known, details)
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


def _probe_image(stream: IO[bytes], known: Facts, details: bool) -> Facts:
    if known.container == "heic":
        return known  # no vendor takes it, and reading it takes a plug-in
    from PIL import Image  # noqa: PLC0415 - optional extra

    opener = _opener(Image, (known.container or "").upper())
    if opener is None:
        return attrs.evolve(known, missing=f"Pillow on this machine reads no {known.container}")
    try:
        # Image.open would refuse large pictures by an error without their size
        with opener[0](stream, "") as picture:
            width, height = picture.size
            if details:
                known = attrs.evolve(known, details=_picture_details(picture))
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


def _opener(pillow: Any, name: str) -> Any:
    if name in _PLUGINS:  # loading those of all formats takes longer than all else here
        importlib.import_module(f"PIL.{_PLUGINS[name]}")
    else:
        pillow.init()
    return pillow.OPEN.get(name)


_PLUGINS: Mapping[str, str] = {
    "BMP": "BmpImagePlugin",
    "GIF": "GifImagePlugin",
    "JPEG": "JpegImagePlugin",
    "PNG": "PngImagePlugin",
    "TIFF": "TiffImagePlugin",
    "WEBP": "WebPImagePlugin",
}
"""The modules of Pillow that read the usual formats."""


_ORIENTATION = 0x0112
"""The EXIF tag that turns or mirrors a picture."""
_PLAIN_MODES = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA"})


def _picture_details(picture: Any) -> Details:
    turn = picture.getexif().get(_ORIENTATION, 1)
    width, height = picture.size if turn not in range(5, 9) else picture.size[::-1]
    return Details(
        width=width,
        height=height,
        turned=turn in range(2, 9),
        plain=picture.mode in _PLAIN_MODES,
        alpha=picture.has_transparency_data,
    )


_BY_TRACKS: Mapping[tuple[Kind, str | None], str] = {
    ("audio", "mp4"): "m4a",
    ("audio", "mov"): "m4a",
    ("video", "m4a"): "mp4",
}
"""What a container is called when its tracks are of another kind than its first bytes suggest."""


def _probe_stream(stream: IO[bytes], known: Facts, details: bool) -> Facts:
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
                details=_stream_details(container, films) if details else None,
            )
    except av.error.FFmpegError as error:
        raise _Unreadable(error.strerror) from error
    except (ValueError, LookupError, RuntimeError) as error:
        raise _Unreadable("it is damaged") from error


def display_matrix(frame: Any) -> tuple[int, int, int, int]:
    """Return how a frame is to be shown: the signs of a, b, c and d of its display matrix.

    A pixel x to the right and y down goes to (a x + c y, b x + d y); (1, 0, 0, 1) is upright.
    """
    data = frame.side_data.get("DISPLAYMATRIX")
    if data is None:
        return 1, 0, 0, 1
    a, b, _, c, d = struct.unpack("=5i", bytes(data)[:20])
    straight = max(abs(a), abs(d)) >= max(abs(b), abs(c))
    found = (a, 0, 0, d) if straight else (0, b, c, 0)
    w, x, y, z = ((one > 0) - (one < 0) for one in found)
    return w, x, y, z


def _stream_details(container: Any, films: Sequence[Any]) -> Details:
    """Return what a conversion of a film, or of sound, depends on."""
    sound = bool(container.streams.audio)
    if not films:
        return Details(sound=sound)
    film = films[0]
    frame = next(iter(container.decode(film)), None)
    if frame is None:
        raise _Unreadable("its film has no frame")
    matrix = display_matrix(frame)
    shape = film.sample_aspect_ratio or Fraction(1)
    size = (max(1, round(frame.width * shape)), frame.height)
    width, height = size if matrix[0] else size[::-1]
    return Details(
        width=width,
        height=height,
        rate=film.average_rate or film.guessed_rate,
        sound=sound,
        turned=matrix != (1, 0, 0, 1),
        plain=frame.format.components[0].bits == _BITS and film.codec_context.color_trc not in HDR,
    )


_BITS = 8
HDR: Mapping[int, str] = {16: "pq", 18: "hlg"}
"""The transfer functions of high dynamic range, by their numbers in ITU-T H.273."""

_PROBES: Mapping[Kind, Callable[[IO[bytes], Facts, bool], Facts]] = {
    "image": _probe_image,
    "video": _probe_stream,
    "audio": _probe_stream,
}
