"""Films and pictures for the tests of conversions: small, with a colored corner and a tone."""

from __future__ import annotations

import array
import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from PIL import Image, ImageDraw

RED, GREEN, BLUE = (230, 30, 30), (30, 230, 30), (40, 40, 240)
"""The corners of what is stored: top left, top right, bottom left."""
RATE = 48_000


def picture(width: int, height: int, position: float = 0.0) -> Image.Image:
    """Return a picture with a corner of each color and a white bar at a share of its width."""
    image = Image.new("RGB", (width, height), (40, 40, 40))
    draw = ImageDraw.Draw(image)
    right, bottom = width - width // 4, height - height // 4
    draw.rectangle((0, 0, width // 4, height // 4), fill=RED)
    draw.rectangle((right, 0, width, height // 4), fill=GREEN)
    draw.rectangle((0, bottom, width // 4, height), fill=BLUE)
    at = round(position * (width - 8))
    draw.rectangle((at, height // 2 - 4, at + 8, height // 2 + 4), fill=(255, 255, 255))
    return image


def film(
    path: Path,
    *,
    seconds: float = 2.0,
    size: tuple[int, int] = (160, 96),
    rate: Fraction | int = 25,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    rotation: int = 0,
    sound: bool = False,
    options: dict[str, str] | None = None,
    transfer: int | None = None,
    shape: Fraction | None = None,
    times: list[float] | None = None,
    noise: bool = False,
) -> Path:
    """Write a film; the bar moves from the left to the right in its length.

    `times` are the moments of its frames, in seconds, where they are not equally long.
    """
    with av.open(path, "w") as container:
        track: Any = container.add_stream(codec, rate=rate)
        track.width, track.height = size
        track.pix_fmt = pixels
        track.options = options or {}
        if transfer is not None:
            context = track.codec_context
            context.color_trc, context.color_primaries, context.colorspace = transfer, 9, 9
        if shape is not None:
            track.codec_context.sample_aspect_ratio = shape
        if rotation:
            track.set_display_rotation(rotation)
        base = Fraction(1, 1000) if times else 1 / Fraction(rate)
        if times:
            track.codec_context.time_base = base
        tone: Any = container.add_stream("aac", rate=RATE, layout="mono") if sound else None
        moments = times or [n / float(rate) for n in range(round(seconds * rate))]
        for number, moment in enumerate(moments):
            image = picture(*size, position=min(1.0, moment / seconds))
            if noise:
                image = Image.blend(image, Image.effect_noise(size, 90).convert("RGB"), 0.5)
            frame = av.VideoFrame.from_image(image).reformat(format=pixels)
            frame.pts, frame.time_base = round(moment / base) if times else number, base
            container.mux(track.encode(frame))
        container.mux(track.encode(None))
        if tone is not None:
            for frame in beeps(seconds):
                container.mux(tone.encode(frame))
            container.mux(tone.encode(None))
    return path


def beeps(seconds: float) -> list[av.AudioFrame]:
    """Return sound that is loud in every second half of a second, and silent in between."""
    frames = []
    for first in range(0, round(seconds * RATE), 1024):
        count = min(1024, round(seconds * RATE) - first)
        values = (
            0.5 * math.sin(2 * math.pi * 440 * n / RATE) * ((2 * n // RATE) % 2)
            for n in range(first, first + count)
        )
        frame = av.AudioFrame(format="fltp", layout="mono", samples=count)
        content = array.array("f", values).tobytes()
        frame.planes[0].update(content.ljust(frame.planes[0].buffer_size, b"\0"))
        frame.sample_rate, frame.pts, frame.time_base = RATE, first, Fraction(1, RATE)
        frames.append(frame)
    return frames


def recording(path: Path, seconds: float = 2.0, codec: str = "pcm_s16le") -> Path:
    """Write sound alone."""
    with av.open(path, "w") as container:
        tone: Any = container.add_stream(codec, rate=RATE, layout="mono")
        for frame in beeps(seconds):
            container.mux(tone.encode(frame))
        container.mux(tone.encode(None))
    return path


def frames(path: Path) -> list[Image.Image]:
    """Return the frames of a film as they are stored."""
    with av.open(path) as container:
        return [frame.to_image() for frame in container.decode(video=0)]


def moments(path: Path) -> list[float]:
    """Return the moments of a film's frames in seconds."""
    with av.open(path) as container:
        return [float(frame.time or 0) for frame in container.decode(video=0)]


def loudness(path: Path, step: float = 0.05) -> list[float]:
    """Return how loud each step of a film's sound is; the first step begins at moment 0."""
    with av.open(path) as container:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
        samples = array.array("f")
        for decoded in container.decode(audio=0):
            for frame in resampler.resample(decoded):
                samples.frombytes(bytes(frame.planes[0])[: frame.samples * 4])
    size = round(step * RATE)
    parts = (samples[at : at + size] for at in range(0, len(samples) - size, size))
    return [max(map(abs, part)) for part in parts]


def bar(image: Image.Image) -> float:
    """Return where the bar is, as a share of the width."""
    row = [sum(image.getpixel((x, image.height // 2))) for x in range(image.width)]  # type: ignore[arg-type]
    bright = [x for x, light in enumerate(row) if light > 500]
    return (bright[0] + bright[-1]) / 2 / image.width if bright else -1.0


def corners(image: Image.Image) -> dict[str, str]:
    """Return the color of each corner, by its name."""
    width, height = image.size
    places = {
        "top left": (width // 16, height // 16),
        "top right": (width - width // 16, height // 16),
        "bottom left": (width // 16, height - height // 16),
        "bottom right": (width - width // 16, height - height // 16),
    }
    found = {}
    for name, place in places.items():
        color = image.convert("RGB").getpixel(place)
        assert isinstance(color, tuple)
        brightest = max(range(3), key=lambda n: color[n])
        clear = max(color) - sorted(color)[1] > 60
        found[name] = ("red", "green", "blue")[brightest] if clear else "gray"
    return found
