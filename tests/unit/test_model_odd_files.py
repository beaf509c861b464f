"""Files as people have them: metadata in Latin-1, halves, covers, edit lists, old atoms."""

from __future__ import annotations

import io
import os
import struct
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import pytest
from PIL import Image
from support import clip, picture

import motionkit as mk
from motionkit.errors import InvalidRequest
from motionkit.model import containers, probe
from motionkit.model.media import Data, File
from motionkit.provider import MediaField
from motionkit.sandbox import media as sandbox_media

CLIPS = MediaField("clip", "video", ("mp4", "mov", "webm"))


def movie(
    folder: Path,
    *,
    film: float = 1.0,
    sound: float = 0.0,
    kind: str = "mp4",
    codec: str = "mpeg4",
    cover: bool = False,
    title: str = "",
    options: dict[str, str] | None = None,
) -> bytes:
    """Encode a film, with or without sound, a cover picture and a title."""
    path = folder / f"made.{kind}"
    with av.open(str(path), "w", format=kind, options=options or {}) as out:
        if title:
            out.metadata["title"] = title
        if film:
            track = out.add_stream(codec, rate=10)
            track.width, track.height, track.pix_fmt = 64, 48, "yuv420p"
        if sound:
            heard = out.add_stream("aac", rate=8000, layout="mono")
        if cover:
            front = out.add_stream("mjpeg", rate=1)
            front.width, front.height, front.pix_fmt = 32, 32, "yuvj420p"
            front.disposition = av.stream.Disposition.attached_pic
            out.mux(front.encode(av.VideoFrame(32, 32, "yuvj420p")))
            out.mux(front.encode(None))
        for number in range(round(film * 10)):
            frame = av.VideoFrame(64, 48, "yuv420p")
            frame.pts = number
            out.mux(track.encode(frame))
        if film:
            out.mux(track.encode(None))
        for number in range(round(sound * 8)):
            samples = av.AudioFrame(format="fltp", layout="mono", samples=1000)
            samples.sample_rate, samples.pts = 8000, 1000 * number
            samples.planes[0].update(bytes(samples.planes[0].buffer_size))
            out.mux(heard.encode(samples))
        if sound:
            out.mux(heard.encode(None))
    return path.read_bytes()


def look(content: bytes, field: str = "video") -> probe.Facts:
    return probe.inspect(Data(content), field)


def refusal(content: bytes, field: str = "video") -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        look(content, field)
    return caught.value


# Metadata are not ours to judge.


@pytest.mark.parametrize("kind", ["mp4", "mov", "matroska", "avi"])
def test_a_title_in_latin_1_is_no_fault(kind: str, tmp_path: Path) -> None:
    content = movie(tmp_path, kind=kind, title="The Strasse")
    odd = content.replace(b"The Strasse", b"Die Stra\xdfe ")
    assert odd != content
    assert look(odd).seconds == 1.0


def test_the_sandbox_takes_what_vendors_take(tmp_path: Path) -> None:
    odd = movie(tmp_path, title="The Strasse").replace(b"The Strasse", b"Die Stra\xdfe ")
    found = sandbox_media.probe(io.BytesIO(odd))
    assert found is not None
    assert (found.mime, found.seconds) == ("video/mp4", 1.0)
    heard = sandbox_media.probe(io.BytesIO(movie(tmp_path, film=0, sound=3, cover=True)))
    assert heard is not None
    assert heard.kind == "audio"
    assert sandbox_media.result_video(odd, 1.0, (64, 48))[4:8] == b"ftyp"


def test_a_tracks_name_in_latin_1_is_no_fault(tmp_path: Path) -> None:
    odd = movie(tmp_path).replace(b"VideoHandler", b"Vid\xe9o\xb0andler")
    assert look(odd).seconds == 1.0


# Halves.


@pytest.mark.parametrize("kind", ["mp4", "mov"])
def test_half_a_film_is_refused_with_both_lengths(kind: str, tmp_path: Path) -> None:
    content = movie(tmp_path, film=3, kind=kind, options={"movflags": "faststart"})
    half = content[: len(content) * 2 // 3]
    error = refusal(half)
    assert error.message == (
        f"video: <{len(half)} bytes> is cut short: it has {len(half):,} bytes, and its {kind} "
        f"headers announce {len(content):,}"
    )
    assert (error.value, error.limit) == (f"{len(half)} bytes", f"{len(content)} bytes")


@pytest.mark.parametrize("kind", ["webm", "avi"])
def test_half_of_another_container_is_refused(kind: str, tmp_path: Path) -> None:
    content = movie(tmp_path, film=3, kind=kind, codec="libvpx" if kind == "webm" else "mpeg4")
    assert "is cut short" in refusal(content[: len(content) * 2 // 3]).message


def test_a_film_with_something_behind_it_is_taken() -> None:
    assert look(clip(1.0) + b"\0\0\0\0").seconds == 1.0
    assert look(clip(1.0) + b"\0\0\0\x08free").seconds == 1.0


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "gif", "bmp", "tiff", "avif"])
def test_half_a_picture_is_refused(kind: str) -> None:
    out = io.BytesIO()
    Image.effect_noise((200, 200), 90).convert("RGB").save(out, kind)
    content = out.getvalue()
    assert look(content, "image").width == 200
    error = refusal(content[: len(content) // 2], "image")
    assert "is cut short" in error.message or f"looks like {kind} but cannot" in error.message


def test_half_an_animation_is_refused() -> None:
    out = io.BytesIO()
    frames = [Image.effect_noise((64, 64), 90) for _ in range(6)]
    frames[0].save(out, "gif", save_all=True, append_images=frames[1:], duration=100)
    content = out.getvalue()
    assert look(content, "image").container == "gif"
    assert "cannot be read as image" in refusal(content[: len(content) // 2], "image").message


def test_an_animation_is_decoded_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.BytesIO()
    frames = [Image.effect_noise((64, 64), 90) for _ in range(6)]
    frames[0].save(out, "gif", save_all=True, append_images=frames[1:], duration=100)
    seen: list[int] = []
    seek = Image.OPEN["GIF"][0].seek  # type: ignore[attr-defined]  # a class by its registry
    monkeypatch.setattr(
        "PIL.GifImagePlugin.GifImageFile.seek",
        lambda self, frame: (seen.append(frame), seek(self, frame)),
    )
    monkeypatch.setattr(probe, "MOST_PIXELS", 2 * 64 * 64)
    assert look(out.getvalue(), "image").width == 64
    assert set(seen) <= {0, 1}


def test_a_fault_of_the_disk_is_not_the_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "hero.png"
    path.write_bytes(picture())

    def broken(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", broken)
    with pytest.raises(InvalidRequest, match=r"hero\.png' cannot be read: Input/output error"):
        probe.inspect(File(path), "image")


def test_endless_boxes_end_the_reading() -> None:
    endless = b"\0\0\0\x08free" * 200_000
    assert sum(1 for _ in containers._boxes(io.BytesIO(endless))) == 100_000


@pytest.mark.parametrize("size", [(5, 5), (600, 7), (1, 900)])
def test_a_narrow_picture_is_no_damaged_one(size: tuple[int, int]) -> None:
    out = io.BytesIO()
    Image.new("RGB", size).save(out, "jpeg")
    facts = look(out.getvalue(), "image")
    assert (facts.width, facts.height) == size


@pytest.mark.parametrize("second", [(320, 240), (640, 480), (1280, 960)])
def test_a_jpeg_that_holds_further_pictures_is_taken(second: tuple[int, int]) -> None:
    out = io.BytesIO()
    first = Image.effect_noise((640, 480), 90).convert("RGB")
    first.save(out, "mpo", save_all=True, append_images=[Image.new("RGB", second)])
    facts = look(out.getvalue(), "image")
    assert (facts.container, facts.width, facts.height) == ("jpeg", 640, 480)


APPENDED = [b"SOMETRAILER=1234", b"\xff" * 64, picture("jpeg"), b"\0" * 12]


@pytest.mark.parametrize("tail", APPENDED, ids=["text", "ones", "a picture", "zeros"])
def test_what_programs_append_cuts_nothing_short(tail: bytes, tmp_path: Path) -> None:
    for kind in ("mp4", "mov"):
        assert look(movie(tmp_path, kind=kind) + tail).seconds == 1.0
    for kind in ("avif", "gif", "png", "jpeg"):
        assert look(picture(kind) + tail, "image").width == 32


@pytest.mark.parametrize("told", [0, 0x7FFFF024, 0xFFFFFFFF])
def test_sound_that_was_written_into_a_pipe_is_whole(told: int) -> None:
    out = io.BytesIO()
    with wave.open(out, "wb") as made:
        made.setnchannels(1)
        made.setsampwidth(2)
        made.setframerate(16_000)
        made.writeframes(bytes(32_000))
    content = bytearray(out.getvalue())
    content[4:8] = struct.pack("<I", told)
    assert look(bytes(content), "sound").container == "wav"


def test_a_file_that_ends_in_its_first_box_is_refused_in_words() -> None:
    assert "neither a picture" in refusal(b"\0\0\0\x14ftyp").message


def test_a_picture_of_14000_pixels_is_refused_by_the_pixel_limit() -> None:
    out = io.BytesIO()
    Image.new("1", (14_000, 14_000)).save(out, "png")
    error = refusal(out.getvalue(), "image")
    assert error.message.endswith(
        "has 14,000 x 14,000 pixels, 196,000,000 in all; pictures of at most 178,956,970 pixels "
        "are taken"
    )
    assert (error.value, error.limit) == ("14000x14000", "178956970 pixels")


# What the tracks say.


def mimic(content: bytes) -> mk.Mimic:
    return mk.Mimic(image=Data(picture()), video=Data(content))


@pytest.mark.parametrize("cover", [False, True])
def test_sound_in_an_mp4_is_sound(cover: bool, tmp_path: Path) -> None:
    facts = look(movie(tmp_path, film=0, sound=3, cover=cover), "sound")
    assert (facts.kind, facts.container, facts.codec) == ("audio", "m4a", "aac")
    assert (facts.width, facts.seconds) == (None, pytest.approx(3.0, abs=0.1))


def test_sound_alone_is_sound_in_any_container(tmp_path: Path) -> None:
    for kind in ("mov", "matroska"):
        assert look(movie(tmp_path, film=0, sound=1, kind=kind), "sound").kind == "audio"


def test_an_animated_avif_is_a_picture() -> None:
    out = io.BytesIO()
    frames = [Image.new("RGB", (64, 64), name) for name in ("red", "blue", "green")]
    frames[0].save(out, "avif", save_all=True, append_images=frames[1:], duration=1000)
    for brand in (b"avis", b"avif", b"iso8", b"msf1"):
        content = out.getvalue()[:8] + brand + out.getvalue()[12:]
        assert (look(content).kind, look(content).container) == ("image", "avif")


def test_matroska_is_told_by_its_document_type(tmp_path: Path) -> None:
    assert look(movie(tmp_path, kind="matroska")).container == "mkv"
    assert look(movie(tmp_path, kind="webm", codec="libvpx")).container == "webm"


@pytest.mark.parametrize("first", [b"wide", b"skip", b"free"])
def test_a_film_whose_first_atom_is_another_is_taken(first: bytes, tmp_path: Path) -> None:
    content = b"\0\0\0\x08" + first + movie(tmp_path, kind="mov")
    assert (look(content).kind, look(content).container) == ("video", "mov")
    assert look(content).seconds == 1.0


def test_a_codec_has_its_own_name_not_its_decoders(tmp_path: Path) -> None:
    with _scheduled_as_before():
        content = movie(tmp_path, codec="libsvtav1")
    assert look(content).codec == "av1"


@contextmanager
def _scheduled_as_before() -> Iterator[None]:
    """Undo what SVT-AV1 does to root's threads: real-time ones starve every other process."""
    if not hasattr(os, "sched_setscheduler"):
        yield
        return
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        os.sched_setscheduler(0, policy, parameters)


# Seconds.


def test_a_film_shorter_than_its_container_has_a_range(tmp_path: Path) -> None:
    facts = look(movie(tmp_path, film=4, sound=9))
    assert facts.seconds == 4.0
    assert facts.seconds_high == pytest.approx(9.0, abs=0.2)  # AAC is padded


@pytest.mark.parametrize("kind", ["mp4", "mov"])
def test_the_padding_of_sound_makes_no_film_longer(kind: str, tmp_path: Path) -> None:
    facts = look(movie(tmp_path, film=5, sound=5, kind=kind))
    assert (facts.seconds, facts.seconds_high) == (5.0, 5.0)


@pytest.mark.parametrize("kind", ["mp4", "mov"])
def test_a_film_cut_by_an_edit_list_has_a_range(kind: str, tmp_path: Path) -> None:
    content = bytearray(movie(tmp_path, film=10, kind=kind))
    entry = content.index(b"elst") + 12
    assert struct.unpack(">I", content[entry : entry + 4]) == (10_000,)
    content[entry : entry + 4] = struct.pack(">I", 3_500)
    facts = look(bytes(content))
    assert (facts.seconds, facts.seconds_high) == (3.5, 10.0)


# Places.


def test_an_empty_path_is_said_to_be_empty() -> None:
    with pytest.raises(InvalidRequest, match="the path is empty"):
        mk.Mimic(image="", video="dance.mp4")


def test_a_name_of_any_bytes_is_taken(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/h\xe9ro.png"))
    path.write_bytes(picture())
    assert probe.inspect(File(path), "image").width == 32
    missing = path.with_name(os.fsdecode(b"n\xe9.png"))
    with pytest.raises(InvalidRequest) as caught:
        probe.inspect(File(missing), "image")
    assert "n\\udce9.png" in caught.value.message
    caught.value.message.encode()
