"""Draw what the sandbox shows: a character, and the word SANDBOX."""

from __future__ import annotations

import io
import math

from PIL import Image, ImageDraw, ImageOps

_SKIN, _SHIRT, _TROUSERS, _HAIR = "#ecbc96", "#d64045", "#26466e", "#1e1e28"
_SIGN = (
    " ####  ###  #   # ####  ####   ###  #   #",
    "#     #   # ##  # #   # #   # #   # #   #",
    "#     #   # # # # #   # #   # #   #  # # ",
    " ###  ##### # # # #   # ####  #   #   #  ",
    "    # #   # #  ## #   # #   # #   #  # # ",
    "    # #   # #   # #   # #   # #   # #   #",
    "####  #   # #   # ####  ####   ###  #   #",
)


def png(image: Image.Image) -> bytes:
    """Return an image as a PNG file."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def even(value: float) -> int:
    """Return the nearest even number of pixels, at least 2: H.264 needs even sides."""
    return max(2, 2 * round(value / 2))


def signed(image: Image.Image) -> Image.Image:
    """Write SANDBOX on an image, so that it is not mistaken for a vendor's.

    The sign is at most two thirds of the image wide and an eighth high, if that leaves one pixel
    per dot.
    """
    bright = bytes(255 if dot == "#" else 16 for row in _SIGN for dot in row)
    dots = ImageOps.expand(Image.frombytes("L", (len(_SIGN[0]), len(_SIGN)), bright), 2, 16)
    dot = max(1, min(2 * image.width // (3 * dots.width), image.height // (8 * dots.height)))
    sign = dots.resize((dot * dots.width, dot * dots.height), Image.Resampling.NEAREST)
    # Both sides even: an odd one would blur at the edge, where two pixels share a colour.
    sign = sign.crop((0, 0, sign.width + sign.width % 2, sign.height + sign.height % 2))
    place = even((image.width - sign.width) / 2), even(image.height - 1.25 * sign.height)
    image.paste(sign, place)
    return image


def scene(width: int, height: int, beat: float | None = None) -> Image.Image:
    """Return an image of a character.

    Args:
        width: Pixels.
        height: Pixels.
        beat: Phase of the dance in radians; the character stands still when None.
    """
    image = Image.new("RGB", (width, height), "#e8eef4" if beat is None else "#f6f0e2")
    draw = ImageDraw.Draw(image)
    ground = "#c4d0d8" if beat is None else "#d2c8b4"
    draw.rectangle((0, 0.87 * height, width, height), ground)
    _character(draw, width / 2, 0.9 * height, 0.76 * height, beat)
    return image


def _character(
    draw: ImageDraw.ImageDraw, x: float, floor: float, tall: float, beat: float | None
) -> None:
    phase, moving = beat or 0.0, beat is not None
    sway, dip = 0.06 * tall * math.sin(phase), 0.03 * tall * abs(math.sin(phase))
    thick = 0.07 * tall
    hip = (x + sway, floor - 0.45 * tall + dip)
    neck = (x + 0.5 * sway, floor - 0.78 * tall + dip)
    for side in (-1, 1):
        swing = side * math.sin(phase) if moving else -0.6
        foot = (x + side * 0.13 * tall, floor - max(0.0, swing) * 0.08 * tall)
        knee = (hip[0] + side * 0.12 * tall, (hip[1] + foot[1]) / 2)
        elbow = (neck[0] + side * 0.17 * tall, neck[1] + 0.12 * tall)
        hand = (elbow[0] + side * 0.1 * tall, elbow[1] - swing * 0.2 * tall)
        _limb(draw, [hip, knee, foot], thick, _TROUSERS)
        _limb(draw, [neck, elbow], 0.8 * thick, _SHIRT)
        _limb(draw, [elbow, hand], 0.8 * thick, _SKIN)
    _limb(draw, [neck, hip], 2.2 * thick, _SHIRT)
    head = (neck[0] + 0.3 * sway, neck[1] - 0.11 * tall)
    _oval(draw, head, 0.085 * tall, 0.1 * tall, _SKIN)
    _oval(draw, (head[0], head[1] - 0.06 * tall), 0.09 * tall, 0.05 * tall, _HAIR)
    for side in (-1, 1):
        _oval(draw, (head[0] + side * 0.032 * tall, head[1]), 0.011 * tall, 0.014 * tall, _HAIR)


def _oval(
    draw: ImageDraw.ImageDraw, centre: tuple[float, float], across: float, down: float, colour: str
) -> None:
    x, y = centre
    draw.ellipse((x - across, y - down, x + across, y + down), colour)


def _limb(
    draw: ImageDraw.ImageDraw, joints: list[tuple[float, float]], thick: float, colour: str
) -> None:
    draw.line(joints, colour, round(thick))
    for joint in joints:
        _oval(draw, joint, thick / 2, thick / 2, colour)
