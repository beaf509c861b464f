"""Media are known by content; what cannot be looked at says why."""

from __future__ import annotations

import hashlib
import io
import os
import socket
import sys
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import clip, job, picture

from motionkit.errors import Billed, InvalidRequest
from motionkit.model import containers, media, probe
from motionkit.model.media import Data, File, Generated, Remote, Uploaded, ref


def ftyp(brand: bytes) -> bytes:
    return b"\x00\x00\x00\x18ftyp" + brand + b"\x00\x00\x02\x00isomiso2"


def ebml(kind: bytes) -> bytes:
    element = b"\x42\x82" + bytes([0x80 + len(kind)]) + kind
    return b"\x1aE\xdf\xa3" + bytes([0x80 + len(element)]) + element


def riff(kind: bytes) -> bytes:
    return b"RIFF\x24\x00\x00\x00" + kind + b"fmt "


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", ("image", "jpeg")),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", ("image", "png")),
        (b"GIF89a", ("image", "gif")),
        (b"GIF87a", ("image", "gif")),
        (b"BM\x36\x00", ("image", "bmp")),
        (riff(b"WEBP"), ("image", "webp")),
        (riff(b"WAVE"), ("audio", "wav")),
        (riff(b"AVI "), ("video", "avi")),
        (ebml(b"webm"), ("video", "webm")),
        (ebml(b"matroska"), ("video", "mkv")),
        (b"\x1aE\xdf\xa3\x80", ("video", "mkv")),
        (ebml(b"other"), ("video", "ebml")),
        ((b"G" + bytes(187)) * 3, ("video", "ts")),
        (bytes(4) + (b"G" + bytes(191)) * 3, ("video", "ts")),
        (b"G" + bytes(600), (None, None)),
        (b"II*\x00\x08", ("image", "tiff")),
        (b"MM\x00*\x00", ("image", "tiff")),
        (b"FLV\x01\x05", ("video", "flv")),
        (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", ("video", "asf")),
        (b"\x00\x00\x01\xba\x44", ("video", "mpeg")),
        (ftyp(b"M4B "), ("audio", "m4a")),
        (b"ID3\x04\x00", ("audio", "mp3")),
        (b"\xff\xfb\x90\x00", ("audio", "mp3")),
        (b"\xff\xf3\x90\x00", ("audio", "mp3")),
        (b"\xff\xfa\x90\x00", ("audio", "mp3")),  # with a checksum
        (b"\xff\xf2\x90\x00", ("audio", "mp3")),  # MPEG-2
        (b"\xff\xe3\x40\xc4", ("audio", "mp3")),  # MPEG-2.5
        (b"\xff\xe2\x40\xc4", ("audio", "mp3")),
        (b"\xff\xf1\x50\x80", ("audio", "aac")),
        (b"\xff\xf0\x50\x80", ("audio", "aac")),
        (b"\xff\xf8\x50\x80", ("audio", "aac")),
        (b"\xff\xf9\x50\x80", ("audio", "aac")),  # MPEG-2
        (b"\xff\xeb\x90\x00", (None, None)),  # a version that is reserved
        (b"\xff\xfb\xf0\x00", (None, None)),  # a bit rate that there is not
        (b"\xff\xfb\x9c\x00", (None, None)),  # a sampling rate that there is not
        (b"\xff\xfd\x90\x00", (None, None)),  # layer II
        (b"\xff\xfe\x00\x00", (None, None)),  # text in UTF-32
        (b"\xff\xff\xff\xff", (None, None)),
        (b"\xff\xf1\x74\x80", (None, None)),  # AAC at a sampling rate that there is not
        (b"OggS\x00\x02", ("audio", "ogg")),
        (b"fLaC\x00\x00", ("audio", "flac")),
        (ftyp(b"isom"), ("video", "mp4")),
        (ftyp(b"mp42"), ("video", "mp4")),
        (ftyp(b"avc1"), ("video", "mp4")),
        (ftyp(b"qt  "), ("video", "mov")),
        (ftyp(b"M4A "), ("audio", "m4a")),
        (ftyp(b"heic"), ("image", "heic")),
        (ftyp(b"heix"), ("image", "heic")),
        (ftyp(b"hevc"), ("image", "heic")),
        (ftyp(b"mif1"), ("image", "heic")),
        (ftyp(b"msf1"), ("image", "heic")),
        (ftyp(b"avif"), ("image", "avif")),
        (ftyp(b"avis"), ("image", "avif")),
        (b"\x00\x00\x00\x08wide\x00\x00\x0f\x00mdat", ("video", "mov")),
        (b"\x00\x00\x0f\x00moov", ("video", "mov")),
        (b"\x00\x00\x0f\x00mdat", ("video", "mov")),
        (b"\x00\x00\x00\x08free\x00\x00\x0f\x00moov", ("video", "mov")),
        (b"\x00\x00\x00\x0cskip1234" + ftyp(b"qt  "), ("video", "mov")),
        (b"\x00\x00\x00\x08free" + ftyp(b"isom"), ("video", "mp4")),
        (ftyp(b"isom")[:20] + b"avisiso2", ("image", "avif")),
        (ftyp(b"mif1")[:16] + b"avifmiaf", ("image", "avif")),
        (b"\x00\x00\x00\x08free", (None, None)),
        (b"", (None, None)),
        (b"hello, this is text", (None, None)),
        (b"<!DOCTYPE html>", (None, None)),
        (b"{}", (None, None)),
        (b"RIFF", (None, None)),
        (b"\x00" * 32, (None, None)),
        (b"%PDF-1.7", (None, None)),
    ],
)
def test_the_first_bytes_tell_kind_and_container(
    head: bytes, expected: tuple[str | None, str | None]
) -> None:
    assert containers.sniff(io.BytesIO(head)) == expected


def test_the_table_above_reaches_every_row_of_the_code() -> None:
    mark: Any = next(
        m
        for m in test_the_first_bytes_tell_kind_and_container.pytestmark  # type: ignore[attr-defined]
    )
    heads = [head for head, _ in mark.args[1]]
    for offset, signature, _, _ in containers._MAGIC:
        assert any(head[offset:].startswith(signature) for head in heads), signature
    for brand in containers._BRANDS:
        assert any(head[8:12] == brand for head in heads), brand


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("hero.png", File(Path("hero.png"))),
        (Path("hero.png"), File(Path("hero.png"))),
        (b"bytes", Data(b"bytes")),
        (bytearray(b"bytes"), Data(b"bytes")),
        (memoryview(b"bytes"), Data(b"bytes")),
        ("https://h.example/a.png?s=1", Remote("https://h.example/a.png?s=1")),
        ("HTTPS://h.example/a.png", Remote("HTTPS://h.example/a.png")),
        ("http://127.0.0.1:8000/a.png", Remote("http://127.0.0.1:8000/a.png")),
        ("http://localhost/a.png", Remote("http://localhost/a.png")),
        ("http://[::1]/a.png", Remote("http://[::1]/a.png")),
        (Uploaded(123456789012345678), Uploaded("123456789012345678")),
        (Generated("42"), Generated("42")),
    ],
)
def test_a_media_argument_becomes_a_reference(value: Any, expected: media.Ref) -> None:
    assert ref(value) == expected


def test_a_path_may_begin_with_the_home_folder(home: Path) -> None:
    assert ref("~/hero.png") == File(home / "hero.png")


@pytest.mark.parametrize(
    "url",
    [
        "http://h.example/a.png?sig=planted",
        "ftp://h.example/a.png?sig=planted",
        "file:///etc/hosts?sig=planted",
        "http://127.0.0.1.h.example/a?sig=planted",
        "http://localhost.h.example/a?sig=planted",
        "https:///a.png?sig=planted",
        "https://[::1/a.png?sig=planted",
        "https://user:planted@[::1/a.png",
    ],
)
def test_a_url_must_be_https_unless_it_is_loopback(url: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        probe.inspect(ref(url), "video")
    assert caught.value.field == "video"
    assert caught.value.limit == "https:// (http:// on loopback only)"
    assert "planted" not in str(caught.value)
    assert "planted" not in repr(caught.value.to_dict())


@pytest.mark.parametrize("value", [None, 7, 1.5, ["a.png"], {"url": "x"}])
def test_what_is_no_media_is_refused_with_what_would_do(value: Any) -> None:
    with pytest.raises(InvalidRequest, match=r"must be a path, an https:// URL, bytes"):
        ref(value)


def test_a_urls_query_is_never_shown() -> None:
    remote = ref("https://user:planted@h.example/a.mp4?sig=planted")
    assert remote.label == "https://***@h.example/a.mp4?***"
    assert "planted" not in repr(remote)
    facts = probe.inspect(remote, "video")
    assert "planted" not in repr(facts)
    assert Uploaded("https://h.example/a?sig=planted").label == "upload https://h.example/a?***"


@pytest.mark.parametrize(
    ("value", "label"),
    [
        (File(Path("/some/where/hero.png")), "hero.png"),
        (Data(b"12345"), "<5 bytes>"),
        (Uploaded("7"), "upload 7"),
        (Generated("42"), "job 42"),
        (Generated(job("43")), "job 43"),
    ],
)
def test_a_reference_says_what_to_call_it(value: media.Ref, label: str) -> None:
    assert value.label == label
    if isinstance(value, Data):
        assert "12345" not in repr(value)


@pytest.mark.parametrize("value", [Remote("https://h.example/a"), Uploaded("7"), Generated("42")])
def test_what_is_not_here_is_not_looked_at(value: media.Ref) -> None:
    facts = probe.inspect(value, "video")
    assert (facts.kind, facts.container, facts.size, facts.sha256) == (None, None, None, None)
    assert facts.missing == f"{value.label} is not on this machine"


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "gif", "bmp"])
@pytest.mark.parametrize("width", [32, 31])
def test_a_pictures_size_is_read(kind: str, width: int, tmp_path: Path) -> None:
    content = picture(kind, width, 16)
    path = tmp_path / "named.wrongly"
    path.write_bytes(content)
    for value in (File(path), Data(content)):
        facts = probe.inspect(value, "image")
        assert facts == probe.Facts(
            value.label,
            kind="image",
            container=kind,
            codec=kind,
            width=width,
            height=16,
            size=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
        )


@pytest.mark.parametrize(
    ("seconds", "width", "height", "kind", "container"),
    [
        (1.0, 64, 48, "mp4", "mp4"),
        (2.5, 48, 64, "mp4", "mp4"),
        (0.4, 64, 48, "mov", "mov"),
        (1.2, 64, 48, "matroska", "mkv"),
        (1.2, 64, 48, "avi", "avi"),
    ],
)
def test_a_clips_seconds_pixels_and_codec_are_read(
    seconds: float, width: int, height: int, kind: str, container: str
) -> None:
    content = clip(seconds, width=width, height=height, kind=kind)
    facts = probe.inspect(Data(content), "video")
    assert facts.seconds == pytest.approx(seconds, abs=0.002)
    assert (facts.kind, facts.container, facts.codec) == ("video", container, "mpeg4")
    assert (facts.width, facts.height) == (width, height)
    assert (facts.size, facts.missing) == (len(content), "")


def test_a_sounds_seconds_are_read(tmp_path: Path) -> None:
    path = tmp_path / "sound.wav"
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(8000)
        out.writeframes(bytes(2 * 8000 * 2))
    facts = probe.inspect(File(path), "sound")
    assert (facts.kind, facts.container, facts.codec) == ("audio", "wav", "pcm_s16le")
    assert (facts.seconds, facts.width) == (2.0, None)


def _missing(folder: Path) -> Path:
    return folder / "missing.mp4"


def _folder(folder: Path) -> Path:
    (folder / "folder.mp4").mkdir()
    return folder / "folder.mp4"


def _empty(folder: Path) -> Path:
    (folder / "empty.mp4").touch()
    return folder / "empty.mp4"


def _text(folder: Path) -> Path:
    (folder / "text.mp4").write_text("this is a text and no clip, whatever its name says")
    return folder / "text.mp4"


def _circle(folder: Path) -> Path:
    (folder / "circle.mp4").symlink_to(folder / "circle.mp4")
    return folder / "circle.mp4"


def _truncated_clip(folder: Path) -> Path:
    (folder / "cut.mp4").write_bytes(clip(2.0)[:400])
    return folder / "cut.mp4"


def _truncated_picture(folder: Path) -> Path:
    (folder / "cut.png").write_bytes(picture("png", 300, 300)[:40])
    return folder / "cut.png"


def _soundless(folder: Path) -> Path:
    (folder / "no.mp3").write_bytes(b"ID3" + bytes(200))
    return folder / "no.mp3"


def _below_a_file(folder: Path) -> Path:
    (folder / "file").touch()
    return folder / "file" / "a.mp4"


def _pipe(folder: Path) -> Path:
    os.mkfifo(folder / "pipe.mp4")
    return folder / "pipe.mp4"


def _socket(folder: Path) -> Path:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(os.path.relpath(folder / "s"))
    return folder / "s"


def _nul(folder: Path) -> Path:
    return folder / "a\0b.mp4"


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (_missing, "video: there is no file {path!r}"),
        (_folder, "video: {path!r} is a folder, not a file"),
        (_empty, "video: {path!r} is empty (0 bytes)"),
        (_text, ("video: text.mp4 is neither a picture, a video nor audio that we know by its"
         " content")),
        (_circle, "video: {path!r} cannot be read: Too many levels of symbolic links"),
        (_below_a_file, "video: {path!r} cannot be read: Not a directory"),
        (_truncated_clip, "video: cut.mp4 is cut short: it has 400 bytes, and its mp4 "),
        (_truncated_picture, "video: cut.png looks like png but cannot be read as image: "),
        (_pipe, "video: {path!r} is a pipe; save its content to a file first"),
        (_socket, "video: {path!r} is a socket, not a file"),
        (lambda _: Path("/dev/zero"), "video: {path!r} is a device, not a file"),
        (_soundless, "video: no.mp3 looks like mp3 but cannot be read as audio: "),
        (_nul, "video: {path!r} cannot be read: "),
    ],
)  # fmt: skip
def test_a_file_that_is_no_media_is_refused_and_named(
    make: Callable[[Path], Path], said: str, tmp_path: Path
) -> None:
    path = make(tmp_path)
    with pytest.raises(InvalidRequest) as caught:
        probe.inspect(File(path), "video")
    assert caught.value.message.startswith(said.format(path=str(path)))
    assert caught.value.field == "video"
    assert caught.value.billed is Billed.NO


def test_a_file_that_may_not_be_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "closed.mp4"
    path.write_bytes(clip())

    def closed(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", closed)
    with pytest.raises(InvalidRequest, match=r"closed\.mp4' cannot be read: Permission denied"):
        probe.inspect(File(path), "video")


def test_empty_bytes_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="image: the bytes are empty"):
        probe.inspect(Data(b""), "image")


def test_a_heic_picture_is_told_by_name_although_it_is_not_measured() -> None:
    facts = probe.inspect(Data(ftyp(b"heic") + bytes(100)), "image")
    assert (facts.kind, facts.container, facts.width) == ("image", "heic", None)


@pytest.mark.parametrize(
    ("module", "content", "kind", "container"),
    [("av", clip(), "video", "mp4"), ("PIL", picture(), "image", "png")],
)
def test_without_the_media_extra_the_facts_say_what_is_missing(
    module: str, content: bytes, kind: str, container: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    facts = probe.inspect(Data(content), "x")
    assert facts == probe.Facts(
        f"<{len(content)} bytes>",
        kind=kind,  # type: ignore[arg-type]  # a literal in the table
        container=container,
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        missing="measuring it needs motionkit[media]",
    )


@pytest.mark.parametrize("as_file", [True, False])
def test_content_is_opened_for_reading(as_file: bool, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"content")
    with probe.open_content(File(tmp_path / "a.png") if as_file else Data(b"content")) as stream:
        assert stream.read() == b"content"
