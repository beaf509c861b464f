"""Make the sandbox's own media (samples, results) and look into what a client uploads."""

from __future__ import annotations

import io
import math
from array import array
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO

import attrs
import av
import av.filter
from av.video.stream import VideoStream

from motionkit.sandbox.canvas import Canvas, character, mark

RESULT_FPS = 24
_RATE = 16_000  # samples of a result's sound in one second

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
    """What a look into a media file told; `seconds` and `frames` are 0 for a picture."""

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
    """Look into a media file; None when it is nothing that can be played or shown."""
    source.seek(0)
    head = source.read(16)
    source.seek(0)
    picture = next((m for magic, at, m in _PICTURES if head[at:].startswith(magic)), None)
    try:
        with av.open(source, "r") as container:
            video = next(iter(container.streams.video), None)
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
    """Prefer the picture's own length: an audio track may run on behind it."""
    if video is not None and video.duration and video.time_base:
        return float(video.duration * video.time_base)
    return (container.duration or 0) / av.time_base


def _video_type(head: bytes, format_name: str) -> str:
    if "mp4" in format_name:
        return "video/quicktime" if head[8:12] == b"qt  " else "video/mp4"
    return "video/webm" if "webm" in format_name else f"video/{format_name.partition(',')[0]}"


def _even(value: float) -> int:
    return max(2, 2 * round(value / 2))


@lru_cache(maxsize=1)
def _tone() -> bytes:
    """Return one second of a quiet tone, 16-bit samples."""
    wave = (round(2000 * math.sin(math.tau * 220 * at / _RATE)) for at in range(_RATE))
    return array("h", wave).tobytes()


class _Sound:
    """A quiet tone beside the pictures, for as long as they run."""

    def __init__(self, container: av.container.OutputContainer) -> None:
        self._container = container
        self._stream = container.add_stream("aac", rate=_RATE, layout="mono")
        self._count = 0

    def reach(self, seconds: float) -> None:
        """Go on until the tone lasts so long."""
        while self._count < seconds * _RATE:
            frame = av.AudioFrame(format="s16", layout="mono", samples=_RATE // 10)
            start = 2 * (self._count % _RATE)
            frame.planes[0].update(_tone()[start : start + 2 * frame.samples])
            frame.sample_rate, frame.pts = _RATE, self._count
            frame.time_base = Fraction(1, _RATE)
            self._count += frame.samples
            self._container.mux(self._stream.encode(frame))

    def finish(self) -> None:
        """Write what the encoder still holds."""
        self._container.mux(self._stream.encode(None))


class _Writer:
    """An H.264 MP4 whose index stands in front, as a web player wants it."""

    def __init__(self, width: int, height: int, fps: int, *, sound: bool = False) -> None:
        # Moving the index needs a second pass over a real file: no memory buffer will do.
        self.file = NamedTemporaryFile(suffix=".mp4")  # noqa: SIM115 - finish() closes it
        self.container = av.open(self.file.name, "w", options={"movflags": "+faststart"})
        self.stream = self.container.add_stream("libx264", rate=fps)
        self.stream.width = width
        self.stream.height = height
        self.stream.pix_fmt = "yuv420p"
        self.stream.codec_context.thread_count = 1  # the same frames give the same bytes
        self.stream.options = {"preset": "ultrafast", "crf": "30"}
        self.time_base = Fraction(1, fps)
        self.count = 0
        self.sound = _Sound(self.container) if sound else None

    def add(self, frame: av.VideoFrame) -> None:
        frame.pts = self.count
        frame.time_base = self.time_base
        self.count += 1
        self.container.mux(self.stream.encode(frame))
        if self.sound:
            self.sound.reach(float(self.count * self.time_base))

    def finish(self) -> bytes:
        self.container.mux(self.stream.encode(None))
        if self.sound:
            self.sound.finish()
        self.container.close()
        with self.file:
            return Path(self.file.name).read_bytes()


def _frame(canvas: Canvas) -> av.VideoFrame:
    frame = av.VideoFrame(canvas.width, canvas.height, "rgb24")
    plane = frame.planes[0]
    stride = 3 * canvas.width
    padding = bytes(plane.line_size - stride)
    plane.update(
        b"".join(
            canvas.pixels[start : start + stride] + padding
            for start in range(0, len(canvas.pixels), stride)
        )
    )
    return frame


@lru_cache(maxsize=4)
def _sample_canvas(width: int = 432, height: int = 768) -> Canvas:
    canvas = Canvas(width, height, (232, 238, 244))
    canvas.box(0, 0.86 * height, width, height, (196, 208, 216))
    character(canvas, width / 2, 0.9 * height, 0.78 * height, None)
    return canvas


@lru_cache(maxsize=1)
def sample_picture() -> bytes:
    """Return a PNG of a drawn character that stands still."""
    return _sample_canvas().png()


@lru_cache(maxsize=8)
def sample_clip(seconds: float = 4.0, *, height: int = 480, fps: int = 12) -> bytes:
    """Return an MP4 of a drawn figure that dances, `seconds` long.

    Args:
        seconds: Length of the clip.
        height: Height in pixels; the clip is upright, 9:16.
        fps: Frames per second.
    """
    width = _even(height * 9 / 16)
    writer = _Writer(width, _even(height), fps)
    for number in range(max(1, round(seconds * fps))):
        canvas = Canvas(width, _even(height), (246, 240, 226))
        canvas.box(0, 0.88 * height, width, 0.12 * height, (210, 200, 180))
        beat = math.tau * number / fps  # one full movement a second
        character(canvas, width / 2, 0.9 * height, 0.75 * height, beat)
        writer.add(_frame(canvas))
    return writer.finish()


def _decoded(picture: bytes | None) -> av.VideoFrame:
    if picture:
        try:
            with av.open(io.BytesIO(picture), "r") as container:
                return next(container.decode(video=0))
        except (av.FFmpegError, StopIteration, IndexError):
            pass  # a picture that cannot be shown is replaced by the sample
    return _frame(_sample_canvas())


class _Sign:
    """The word SANDBOX, laid over whatever is linked to its node.

    Args:
        graph: Where it is used.
        size: Width and height of the frames.
    """

    def __init__(self, graph: av.filter.Graph, size: tuple[int, int]) -> None:
        self._frame = frame = _frame(mark(*size))
        frame.pts, frame.time_base = 0, Fraction(1, 1)
        self._source = graph.add_buffer(
            width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base
        )
        x, y = _even((size[0] - frame.width) / 2), _even(size[1] - 1.25 * frame.height)
        self.node = graph.add("overlay", f"x={x}:y={y}:eof_action=repeat")
        self._source.link_to(self.node, 0, 1)

    def push(self) -> None:
        """Give it to the graph, once that is configured."""
        self._source.push(self._frame)
        self._source.push(None)


def result_size(picture: Clip | None, lines: int) -> tuple[int, int]:
    """Return width and height of a result: framed like its picture, `lines` on the short side."""
    sample = _sample_canvas()
    across, down = (picture.width, picture.height) if picture else (sample.width, sample.height)
    ratio = min(max(across / max(down, 1), 9 / 21), 21 / 9)
    if ratio < 1:
        return _even(lines), _even(lines / ratio)
    return _even(lines * ratio), _even(lines)


@lru_cache(maxsize=16)
def result_picture(picture: bytes | None, size: tuple[int, int]) -> bytes:
    """Return a PNG of the picture, scaled to `size`; sample and sign are as in `result_video`."""
    frame = _decoded(picture).reformat(width=size[0], height=size[1], format="rgb24")
    frame.pts, frame.time_base = 0, Fraction(1, 1)
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=size[0], height=size[1], format=frame.format, time_base=frame.time_base
    )
    sign = _Sign(graph, size)
    pixels = graph.add("format", "rgb24")
    sink = graph.add("buffersink")
    source.link_to(sign.node, 0, 0)
    sign.node.link_to(pixels)
    pixels.link_to(sink)
    graph.configure()
    sign.push()
    source.push(frame)
    source.push(None)
    signed = sink.pull()
    if not isinstance(signed, av.VideoFrame):
        raise TypeError(f"a picture's filter gave {type(signed).__name__}")
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="image2pipe") as container:
        stream = container.add_stream("png", rate=1)
        stream.width, stream.height = size
        stream.pix_fmt = "rgb24"
        signed.pts, signed.time_base = 0, Fraction(1, 1)
        container.mux(stream.encode(signed))
        container.mux(stream.encode(None))
    return buffer.getvalue()


@lru_cache(maxsize=64)
def result_video(
    picture: bytes | None,
    seconds: float,
    size: tuple[int, int],
    fps: int = RESULT_FPS,
    *,
    sound: bool = False,
) -> bytes:
    """Return an MP4 in which the picture sways before a plain ground, with a running bar.

    A sign below says SANDBOX: nobody takes the film for one that a vendor made.

    Args:
        picture: A picture or clip, whose first frame is shown; the sample stands in when there is
            none or it is unreadable.
        seconds: Length of the result.
        size: Width and height in pixels, both even.
        fps: Frames per second.
        sound: Add a quiet tone.
    """
    width, height = size
    frame = _decoded(picture)
    frame.pts, frame.time_base = 0, Fraction(1, fps)
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base
    )
    fitted = graph.add("scale", f"{_even(0.84 * width)}:{_even(0.84 * height)}")
    ground = graph.add("color", f"c=0x24364b:s={width}x{height}:r={fps}:d={seconds}")
    placed = graph.add(
        "overlay",
        r"x=(W-w)/2*(1+0.9*sin(2*PI*t)):y=(H-h)/2*(1+0.9*cos(4*PI*t)):eof_action=repeat",
    )
    bar = graph.add("color", f"c=0xf2c14e:s={_even(width / 40)}x{height}:r={fps}:d={seconds}")
    barred = graph.add("overlay", r"x=mod(t*W/3\,W):y=0:shortest=1")
    sign = _Sign(graph, size)
    pixels = graph.add("format", "yuv420p")
    sink = graph.add("buffersink")
    source.link_to(fitted)
    ground.link_to(placed, 0, 0)
    fitted.link_to(placed, 0, 1)
    placed.link_to(barred, 0, 0)
    bar.link_to(barred, 0, 1)
    barred.link_to(sign.node, 0, 0)
    sign.node.link_to(pixels)
    pixels.link_to(sink)
    graph.configure()
    source.push(frame)
    source.push(None)
    sign.push()
    writer = _Writer(width, height, fps, sound=sound)
    while True:
        try:
            out = sink.pull()
        except (av.EOFError, av.BlockingIOError):
            return writer.finish()
        if isinstance(out, av.VideoFrame):
            writer.add(out)
