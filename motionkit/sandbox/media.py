"""Make the sandbox's own media (samples, results) and probe what a client uploads."""

from __future__ import annotations

import io
import math
from array import array
from collections.abc import Iterable, Iterator
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, cast

import attrs
import av
from av.video.stream import VideoStream
from PIL import Image

from motionkit.sandbox.drawing import even, png, scene, signed

RESULT_FPS = 24
_RATE = 16_000  # samples per second of a result's sound
_SAMPLE = (432, 768)

# The first bytes of the picture formats that the vendors name in their upload rules.
_PICTURES = (
    (b"\x89PNG\r\n\x1a\n", 0, "image/png"),
    (b"\xff\xd8\xff", 0, "image/jpeg"),
    (b"WEBP", 8, "image/webp"),
    (b"GIF8", 0, "image/gif"),
    (b"BM", 0, "image/bmp"),
)


@attrs.frozen
class Clip:
    """The facts of a media file; `seconds` and `frames` are 0 for a picture."""

    mime: str
    width: int = 0
    height: int = 0
    seconds: float = 0.0
    codec: str = ""
    has_audio: bool = False
    frames: int = 0

    @property
    def kind(self) -> str:
        """Return `image`, `video` or `audio`."""
        return self.mime.partition("/")[0]


def probe(source: IO[bytes]) -> Clip | None:
    """Return the facts of a media file; None if it is unreadable."""
    source.seek(0)
    head = source.read(16)
    source.seek(0)
    picture = next((m for magic, at, m in _PICTURES if head[at:].startswith(magic)), None)
    try:
        with av.open(source, "r", metadata_errors="ignore") as container:  # tags in any coding
            attached = av.stream.Disposition.attached_pic
            films = (one for one in container.streams.video if not one.disposition & attached)
            video = next(films, None)
            audio = next(iter(container.streams.audio), None)
            if video is None and audio is None:
                return None
            if video is None:
                mime = f"audio/{container.format.name.partition(',')[0]}"
                return Clip(mime, seconds=_seconds(container), has_audio=True)
            mime = picture or _video_type(head, container.format.name)
            seconds = 0.0 if picture else _seconds(container, video)
            return Clip(
                mime,
                video.codec_context.width,
                video.codec_context.height,
                seconds,
                video.codec_context.name,
                audio is not None,
                0 if picture else video.frames or round(seconds * float(video.average_rate or 0)),
            )
    except (av.FFmpegError, ValueError):
        return None


def _seconds(container: av.container.InputContainer, video: VideoStream | None = None) -> float:
    """Return the video's own length if known: its audio track may be longer."""
    if video is not None and video.duration and video.time_base:
        return float(video.duration * video.time_base)
    return (container.duration or 0) / av.time_base


def _video_type(head: bytes, format_name: str) -> str:
    if "mp4" in format_name:
        return "video/quicktime" if head[8:12] == b"qt  " else "video/mp4"
    return "video/webm" if "webm" in format_name else f"video/{format_name.partition(',')[0]}"


@lru_cache(maxsize=1)
def sample_picture() -> bytes:
    """Return a PNG of a character that stands still."""
    return png(scene(*_SAMPLE))


@lru_cache(maxsize=8)
def sample_clip(seconds: float = 4.0, *, height: int = 480, fps: int = 12) -> bytes:
    """Return an MP4 of a character that dances.

    Args:
        seconds: Length of the clip.
        height: Height in pixels; the clip is upright, 9:16.
        fps: Frames per second.
    """
    width, height = even(height * 9 / 16), even(height)
    beats = (math.tau * number / fps for number in range(max(1, round(seconds * fps))))
    return _film((scene(width, height, beat) for beat in beats), (width, height), fps)


def _film(
    images: Iterable[Image.Image], size: tuple[int, int], fps: int, sound: float = 0.0
) -> bytes:
    """Return an H.264 MP4 whose index is at the beginning, as web players want it."""
    # Moving the index needs a second pass over a real file: no memory buffer will do.
    with NamedTemporaryFile(suffix=".mp4") as file:
        with av.open(file.name, "w", options={"movflags": "+faststart"}) as container:
            stream = container.add_stream("libx264", rate=fps)
            stream.width, stream.height = size
            stream.pix_fmt = "yuv420p"
            stream.codec_context.thread_count = 1  # the same frames give the same bytes
            stream.options = {"preset": "ultrafast", "crf": "30"}
            speaker = container.add_stream("aac", rate=_RATE, layout="mono") if sound else None
            for number, image in enumerate(images):
                frame = av.VideoFrame.from_image(image)  # type: ignore[no-untyped-call]
                frame.pts, frame.time_base = number, Fraction(1, fps)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
            if speaker is not None:
                for part in _tone(sound):
                    container.mux(speaker.encode(part))
                container.mux(speaker.encode(None))
        return Path(file.name).read_bytes()


def _tone(seconds: float) -> Iterator[av.AudioFrame]:
    """Yield a quiet tone in frames of 0.1 s, each of 22 whole waves."""
    samples = _RATE // 10
    wave = array(
        "h", (round(2000 * math.sin(math.tau * 220 * at / _RATE)) for at in range(samples))
    )
    for number in range(math.ceil(10 * seconds)):
        frame = av.AudioFrame(format="s16", layout="mono", samples=samples)
        frame.planes[0].update(wave.tobytes())
        frame.sample_rate, frame.pts = _RATE, number * samples
        frame.time_base = Fraction(1, _RATE)
        yield frame


def _decoded(picture: bytes | None) -> Image.Image:
    """Return a picture or a clip's first frame; the sample if it is unreadable."""
    try:
        with av.open(io.BytesIO(picture or b""), "r", metadata_errors="ignore") as container:
            frame = next(container.decode(video=0))
            return cast("Image.Image", frame.to_image())  # type: ignore[no-untyped-call]
    except (av.FFmpegError, StopIteration, IndexError):
        return scene(*_SAMPLE)


def result_size(picture: Clip | None, lines: int) -> tuple[int, int]:
    """Return width and height of a result: the picture's ratio, `lines` on the short side."""
    across, down = (picture.width, picture.height) if picture else _SAMPLE
    ratio = min(max(across / max(down, 1), 9 / 21), 21 / 9)
    if ratio < 1:
        return even(lines), even(lines / ratio)
    return even(lines * ratio), even(lines)


@lru_cache(maxsize=16)
def result_picture(picture: bytes | None, size: tuple[int, int]) -> bytes:
    """Return a PNG of the picture, scaled to `size`; sample and sign are as in `result_video`."""
    return png(signed(_decoded(picture).resize(size)))


@lru_cache(maxsize=64)
def result_video(
    picture: bytes | None,
    seconds: float,
    size: tuple[int, int],
    fps: int = RESULT_FPS,
    *,
    sound: bool = False,
) -> bytes:
    """Return an MP4 in which the picture sways over a plain ground, with a running bar and a sign.

    Args:
        picture: A picture, or a clip whose first frame is shown; the sample if it is None or
            unreadable.
        seconds: Length of the result.
        size: Width and height in pixels, both even.
        fps: Frames per second.
        sound: Add a quiet tone.
    """
    width, height = size
    shown = _decoded(picture).resize((even(0.84 * width), even(0.84 * height)))
    ground = Image.new("RGB", size, "#24364b")
    room = (width - shown.width) / 2, (height - shown.height) / 2
    bar = even(width / 40)

    def frame(when: float) -> Image.Image:
        image = ground.copy()
        across, down = math.sin(math.tau * when), math.cos(2 * math.tau * when)
        image.paste(shown, (round(room[0] * (1 + 0.9 * across)), round(room[1] * (1 + 0.9 * down))))
        left = round(when * width / 3) % width
        image.paste("#f2c14e", (left, 0, min(left + bar, width), height))
        return signed(image)

    frames = (frame(number / fps) for number in range(math.ceil(seconds * fps)))
    return _film(frames, size, fps, seconds if sound else 0.0)
