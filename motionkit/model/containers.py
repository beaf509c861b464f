"""Which container a file is, by its content, and whether the file ends before its container does.

Only the headers are read, without any library, so this holds without ``motionkit[media]``.
"""

from __future__ import annotations

import codecs
import os
import re
from collections.abc import Iterator, Mapping
from typing import IO, NamedTuple

from motionkit.model.media import Kind

Found = tuple[Kind | None, str | None]
"""Kind and container; (None, None) when unknown."""

_HEAD = 4096
"""Bytes of a file's start; enough for any header that is read here."""
_MOST_BOXES = 16
"""Boxes before the first that tells what the file is."""
_MOST_BOXES_READ = 100_000
"""Boxes in one walk; a fragmented film of hours has a few thousand."""

_MOST_TRACKS = 64

_MAGIC: tuple[tuple[int, bytes, Kind, str], ...] = (
    (0, b"\xff\xd8\xff", "image", "jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "image", "png"),
    (0, b"GIF8", "image", "gif"),
    (0, b"BM", "image", "bmp"),
    (0, b"II*\x00", "image", "tiff"),
    (0, b"MM\x00*", "image", "tiff"),
    (8, b"WEBP", "image", "webp"),
    (8, b"WAVE", "audio", "wav"),
    (8, b"AVI ", "video", "avi"),
    (0, b"FLV\x01", "video", "flv"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "video", "asf"),
    (0, b"\x00\x00\x01\xba", "video", "mpeg"),
    (0, b"ID3", "audio", "mp3"),
    (0, b"OggS", "audio", "ogg"),
    (0, b"fLaC", "audio", "flac"),
)
"""Offset, signature, kind, container."""

_BRANDS: Mapping[bytes, tuple[Kind, str]] = {
    b"qt  ": ("video", "mov"),
    b"M4A ": ("audio", "m4a"),
    b"M4B ": ("audio", "m4a"),
    b"heic": ("image", "heic"),
    b"heix": ("image", "heic"),
    b"hevc": ("image", "heic"),
    b"avif": ("image", "avif"),
    b"avis": ("image", "avif"),
    b"mif1": ("image", "heic"),
    b"msf1": ("image", "heic"),
}
"""ISO base media brands that are not plain MP4."""
_PICTURES = (b"avif", b"avis", b"heic", b"heix", b"hevc", b"mif1", b"msf1")
"""Brands of pictures (ISO/IEC 23008-12), the most telling first: they count wherever they stand."""

_TOP_LEVEL = frozenset(
    {b"ftyp", b"moov", b"mdat", b"moof", b"mfra", b"meta", b"free", b"skip", b"wide", b"uuid"}
    | {b"styp", b"sidx", b"pnot", b"pdin", b"emsg", b"prft"}
)
"""Boxes that a file consists of (ISO/IEC 14496-12, table 1; QuickTime)."""
_UNKNOWN_LENGTH = 0x7FFF0000
"""A RIFF length from here on was not known when it was written."""

_DOCTYPES: Mapping[bytes, str] = {b"webm": "webm", b"matroska": "mkv"}
"""EBML document types (RFC 8794) and their containers."""
_EBML, _DOCTYPE, _SEGMENT = 0x1A45DFA3, 0x4282, 0x18538067

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

EXTENSIONS: Mapping[str, str] = {"jpeg": ".jpg", "mpeg": ".mpg", "tiff": ".tif", "asf": ".wmv"}
"""Container to file name extension, where it is not the container's name."""


RESULT_SUFFIXES: Mapping[str, tuple[str, ...]] = {
    "video": (".mp4", ".m4v", ".mov", ".webm"),
    "image": (".png", ".jpg", ".jpeg", ".webp"),
    "audio": (".mp3", ".wav", ".m4a", ".aac"),
}
"""The file name extensions that results of each kind may have, the usual one first."""
_OTHER_SUFFIXES = (
    ".aiff .apng .avi .avif .bmp .flac .flv .gif .heic .heif .jp2 .jxl .m2ts .mkv .mpeg .mpg .mts "
    ".ogg .ogv .opus .psd .svg .tif .tiff .ts .wma .wmv .3gp"
)
MEDIA_SUFFIXES = frozenset(_OTHER_SUFFIXES.split()).union(*RESULT_SUFFIXES.values())
"""The file name extensions of media."""


def usual_suffix(kind: str) -> str:
    """Return the file name extension of a result whose content is not known yet."""
    return RESULT_SUFFIXES.get(kind, (".bin",))[0]


def extension(container: str | None) -> str:
    """Return the file name extension of a container; empty where it is unknown."""
    return "" if container is None else EXTENSIONS.get(container, f".{container}")


def sniff(stream: IO[bytes]) -> Found:
    """Tell kind and container from an open file's content; the position is at its start after.

    MP4 with sound alone reads as video here: only its tracks tell.
    """
    stream.seek(0)
    head = stream.read(_HEAD)
    try:
        if head.startswith(b"\x1aE\xdf\xa3"):
            return "video", _DOCTYPES.get(_doctype(head), "ebml")
        for offset, signature, kind, container in _MAGIC:
            if head.startswith(signature, offset):
                return kind, container
        for step, first in ((188, 0), (192, 4)):  # packets of MPEG-TS, and of Blu-ray
            if len(head) > first + 2 * step and head[first : first + 2 * step + 1 : step] == b"GGG":
                return "video", "ts"
        audio = _mpeg_audio(head)
        return audio if audio[0] is not None else _iso_media(stream)
    finally:
        stream.seek(0)


def _iso_media(stream: IO[bytes]) -> Found:
    """Tell MP4, MOV, M4A, HEIC and AVIF by the brand, or by boxes from before there were brands."""
    for (at, _, kind), _ in zip(_boxes(stream), range(_MOST_BOXES), strict=False):
        if kind == b"ftyp":
            stream.seek(at + 8)
            content = stream.read(_HEAD)
            stream.seek(at)
            length = max(int.from_bytes(stream.read(4)) - 8, 4)
            names = [content[i : i + 4] for i in range(0, min(length, len(content)), 4)]
            return _brand(names[0], names[2:]) if names else (None, None)
        if kind in {b"moov", b"mdat", b"pnot"}:
            return "video", "mov"
        if kind not in {b"wide", b"free", b"skip", b"uuid"}:
            break
    return None, None


def _brand(major: bytes, compatible: list[bytes]) -> Found:
    names = [major, *compatible]
    picture = next((name for name in _PICTURES if name in names), None)
    if major not in _BRANDS or major in _PICTURES:
        return _BRANDS[picture] if picture else ("video", "mp4")
    return _BRANDS[major]


def _boxes(
    stream: IO[bytes], at: int = 0, end: int | None = None
) -> Iterator[tuple[int, int | None, bytes]]:
    """Yield start, end (None: the end of the file) and type of the boxes between two places."""
    for _ in range(_MOST_BOXES_READ):
        if end is not None and at >= end:
            return
        stream.seek(at)
        head = stream.read(16)
        length, kind = int.from_bytes(head[:4]), head[4:8]
        if length == 1:  # the real length follows
            length = int.from_bytes(head[8:16])
        if len(head) < 8 or (length < 8 and length != 0):
            return
        yield at, at + length if length else None, kind
        if not length:
            return
        at += length


def untrimmed_seconds(stream: IO[bytes]) -> float:
    """Return the longest duration that an MP4 or MOV names for its film; 0 where it names none.

    An edit list may play less of a film than its track holds (ISO/IEC 14496-12, 8.4.2 and 8.6.6).
    The tracks of sound do not count: their codecs pad them.
    """
    return max(
        (_seconds(stream, media) for media in _inside(stream, b"moov", b"trak", b"mdia")),
        default=0.0,
    )


_Place = tuple[int, int | None]


def _inside(stream: IO[bytes], *path: bytes) -> list[_Place]:
    """Return the contents of all boxes at a path."""
    return _within(stream, (0, None), *path)


def _within(stream: IO[bytes], inside: _Place, *path: bytes) -> list[_Place]:
    """Return the contents of all boxes at a path within a place."""
    places: list[_Place] = [inside]
    for wanted in path:
        places = [
            (at + 8, end)
            for place in places[:_MOST_TRACKS]
            for at, end, kind in _boxes(stream, *place)
            if kind == wanted
        ]
    return places[:_MOST_TRACKS]


def _seconds(stream: IO[bytes], media: _Place) -> float:
    """Return the duration in a track's media header; 0 where it is no film's, or unknown."""
    boxes = {kind: at + 8 for at, _, kind in _boxes(stream, *media)}
    if not {b"mdhd", b"hdlr"} <= boxes.keys():
        return 0.0
    stream.seek(boxes[b"hdlr"] + 8)
    if stream.read(4) != b"vide":
        return 0.0
    stream.seek(boxes[b"mdhd"])
    content = stream.read(36)
    scale, length = (20, 8) if content[:1] == b"\1" else (12, 4)
    units = int.from_bytes(content[scale : scale + 4])
    duration = content[scale + 4 : scale + 4 + length]
    known = units and duration != b"\xff" * length  # all ones: unknown
    return int.from_bytes(duration) / units if known else 0.0


class FilmHeader(NamedTuple):
    """What the headers of an MP4 or MOV name of its film; None where they name nothing.

    Attributes:
        width: Pixels as shown.
        height: Pixels as shown.
        seconds: Its duration.
        rate: Frames per second, on average.
    """

    width: int | None = None
    height: int | None = None
    seconds: float | None = None
    rate: float | None = None


def film_header(stream: IO[bytes]) -> FilmHeader:
    """Return what the headers of an MP4 or MOV name of its first film."""
    for track in _inside(stream, b"moov", b"trak"):
        media = next(iter(_within(stream, track, b"mdia")), None)
        seconds = 0.0 if media is None else _seconds(stream, media)
        if media is None or not seconds:
            continue
        width, height = _pixels(stream, track)
        samples = next(iter(_within(stream, media, b"minf", b"stbl", b"stsz")), None)
        count = 0
        if samples is not None:
            stream.seek(samples[0] + 8)
            count = int.from_bytes(stream.read(4))
        return FilmHeader(width, height, seconds, count / seconds if count else None)
    return FilmHeader()


def _pixels(stream: IO[bytes], track: _Place) -> tuple[int | None, int | None]:
    """Return width and height, as shown, in a track's header (ISO/IEC 14496-12, 8.3.2)."""
    header = next(iter(_within(stream, track, b"tkhd")), None)
    if header is None:
        return None, None
    stream.seek(header[0])
    content = stream.read(96)
    matrix = 52 if content[:1] == b"\1" else 40
    width, height = (
        int.from_bytes(content[place : place + 2]) for place in (matrix + 36, matrix + 40)
    )
    if not width or not height:
        return None, None
    turned = not any(content[matrix : matrix + 4])  # by a quarter: a phone held upright
    return (height, width) if turned else (width, height)


def _doctype(head: bytes) -> bytes:
    """Return the DocType of an EBML file's header; ``matroska`` where it has none (RFC 8794)."""
    elements = {name: (at, end) for name, at, end in _elements(head, 0, len(head))}
    at, end = elements[_EBML]
    for name, start, stop in _elements(head, at, end or len(head)):
        if name == _DOCTYPE:
            return head[start:stop].rstrip(b"\0")
    return b"matroska"


def _elements(head: bytes, at: int, end: int) -> Iterator[tuple[int, int, int | None]]:
    """Yield id, content start and content end of EBML elements; None: of unknown length."""
    while at < min(end, len(head)):
        name, at = _vint(head, at, keep=True)
        size, at = _vint(head, at, keep=False)
        if name is None:
            return
        yield name, at, None if size is None else at + size
        if size is None:
            return
        at += size


def _vint(head: bytes, at: int, *, keep: bool) -> tuple[int | None, int]:
    """Return an EBML number and the place behind it; None where it is unknown or broken."""
    if at >= len(head) or not head[at]:
        return None, at + 1
    width = 9 - head[at].bit_length()
    value = int.from_bytes(head[at : at + width])
    if keep:
        return value, at + width
    value &= (1 << 7 * width) - 1
    return (None if value == (1 << 7 * width) - 1 else value), at + width


def _mpeg_audio(head: bytes) -> Found:
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


def examine(stream: IO[bytes], size: int) -> tuple[Found, int]:
    """Return what `sniff` finds of an open file, and how many of its bytes are missing.

    The position is at its start after.
    """
    found = sniff(stream)
    lacking = 0 if found[0] is None else missing_bytes(stream, size, found[1])
    stream.seek(0)
    return found, lacking


def missing_bytes(stream: IO[bytes], size: int, container: str | None) -> int:
    """Return how many bytes a file lacks by its own headers; 0 where they fit or do not tell.

    Args:
        stream: The file.
        size: Its length in bytes.
        container: From `sniff`.
    """
    end = size
    if container in {"mp4", "mov", "m4a", "heic", "avif"}:
        # what some programs append is no box, whatever its bytes announce
        ends = (stop or size for _, stop, kind in _boxes(stream) if kind in _TOP_LEVEL)
        end = max(ends, default=size)
    else:
        stream.seek(0)
        head = stream.read(_HEAD)
        if container in {"wav", "avi", "webp"}:
            told = int.from_bytes(head[4:8], "little")
            # a writer that could not go back, into a pipe, leaves 0 or the most it knows
            end = size if told == 0 or told >= _UNKNOWN_LENGTH else told + 8
        elif container in {"webm", "mkv", "ebml"}:
            elements = _elements(head, 0, len(head))
            end = next((stop or size for name, _, stop in elements if name == _SEGMENT), size)
    return max(end - size, 0)


def gif_is_whole(stream: IO[bytes]) -> bool:
    """Tell whether a GIF reaches its trailer (GIF89a, 27); what stands behind it does not count."""
    stream.seek(0)
    flags = stream.read(13)[10:11]
    _skip_colors(stream, flags)
    while block := stream.read(1):
        if block == b";":
            return True
        if block == b",":  # an image: its descriptor, its colours, the size of its codes
            _skip_colors(stream, stream.read(9)[8:9])
        elif block != b"!":  # or an extension
            return False
        stream.seek(1, os.SEEK_CUR)
        while length := stream.read(1):
            if length == b"\0":
                break
            stream.seek(length[0], os.SEEK_CUR)
    return False


def _skip_colors(stream: IO[bytes], flags: bytes) -> None:
    if flags and flags[0] & 0x80:
        stream.seek(3 * 2 ** ((flags[0] & 0x07) + 1), os.SEEK_CUR)


_CONTROL = r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]"
"""Characters that no text has."""
_TEXTS = (
    (("<!doctype html", "<html", "<head", "<body"), "an HTML page"),
    (("{", "["), "JSON"),
    (("<?xml",), "an XML document"),
)


def other_content(stream: IO[bytes]) -> str:
    """Return what a file plainly is when it is no media (a page, JSON, text, nothing), else ``""``.

    Pictures that are text (SVG) are media.
    """
    stream.seek(0)
    head = stream.read(_HEAD)
    stream.seek(0)
    if not head:
        return "an empty file"
    try:
        text = codecs.getincrementaldecoder("utf-8-sig")().decode(head)  # a letter may be cut off
    except UnicodeDecodeError:
        return ""
    if re.search(_CONTROL, text) or "<svg" in text:
        return ""
    start = text.lstrip().lower()
    return next((what for begin, what in _TEXTS if start.startswith(begin)), "text")


def is_whole(stream: IO[bytes], size: int) -> bool:
    """Tell whether the boxes of an MP4 or MOV file fill it exactly: a cut one never does.

    Args:
        stream: The file.
        size: Its length in bytes.
    """
    boxes = list(_boxes(stream))
    kinds = {kind for _, _, kind in boxes}
    end = (boxes[-1][1] or size) if boxes else 0
    return end == size and b"mdat" in kinds and bool(kinds & {b"moov", b"moof"})
