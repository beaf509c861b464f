"""A small RGB canvas in plain Python, so that samples need no file and no drawing library."""

from __future__ import annotations

import math
import struct
import zlib
from typing import TypeAlias

Colour: TypeAlias = tuple[int, int, int]


class Canvas:
    """Draw filled shapes on packed RGB bytes; whatever falls outside is clipped."""

    def __init__(self, width: int, height: int, background: Colour) -> None:
        self.width = width
        self.height = height
        self.pixels = bytearray(bytes(background) * (width * height))

    def _span(self, y: int, left: float, right: float, colour: bytes) -> None:
        first, last = max(0, round(left)), min(self.width, round(right))
        if 0 <= y < self.height and first < last:
            start = 3 * (y * self.width + first)
            self.pixels[start : start + 3 * (last - first)] = colour * (last - first)

    def box(self, x: float, y: float, width: float, height: float, colour: Colour) -> None:
        """Fill a rectangle whose upper left corner is (x, y)."""
        for row in range(round(y), round(y + height)):
            self._span(row, x, x + width, bytes(colour))

    def oval(self, x: float, y: float, across: float, down: float, colour: Colour) -> None:
        """Fill an ellipse centred on (x, y) with the given half axes."""
        for row in range(math.floor(y - down), math.ceil(y + down) + 1):
            inside = 1 - ((row - y) / down) ** 2
            if inside > 0:
                half = across * math.sqrt(inside)
                self._span(row, x - half, x + half, bytes(colour))

    def limb(
        self, start: tuple[float, float], end: tuple[float, float], thick: float, colour: Colour
    ) -> None:
        """Draw a line with round ends, `thick` pixels wide."""
        steps = max(1, round(math.dist(start, end) / max(1.0, thick / 4)))
        for step in range(steps + 1):
            part = step / steps
            self.oval(
                start[0] + part * (end[0] - start[0]),
                start[1] + part * (end[1] - start[1]),
                thick / 2,
                thick / 2,
                colour,
            )

    def png(self) -> bytes:
        """Return the canvas as a PNG file."""

        def chunk(kind: bytes, body: bytes) -> bytes:
            checksum = zlib.crc32(kind + body)
            return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", checksum)

        stride = 3 * self.width
        rows = b"".join(
            b"\x00" + self.pixels[start : start + stride]
            for start in range(0, len(self.pixels), stride)
        )
        header = struct.pack(">IIBBBBB", self.width, self.height, 8, 2, 0, 0, 0)
        return (
            b"\x89PNG\r\n\x1a\n"
            + chunk(b"IHDR", header)
            + chunk(b"IDAT", zlib.compress(rows, 6))
            + chunk(b"IEND", b"")
        )


_LETTERS = {
    "S": ("01111", "10000", "10000", "01110", "00001", "00001", "11110"),
    "A": ("01110", "10001", "10001", "11111", "10001", "10001", "10001"),
    "N": ("10001", "11001", "10101", "10101", "10011", "10001", "10001"),
    "D": ("11110", "10001", "10001", "10001", "10001", "10001", "11110"),
    "B": ("11110", "10001", "10001", "11110", "10001", "10001", "11110"),
    "O": ("01110", "10001", "10001", "10001", "10001", "10001", "01110"),
    "X": ("10001", "10001", "01010", "00100", "01010", "10001", "10001"),
}
"""Rows of dots, from above."""
MARK = "SANDBOX"
_ACROSS, _DOWN, _EDGE = 6 * len(MARK) - 1, 7, 2


def mark(width: int, height: int) -> Canvas:
    """Return a sign that says SANDBOX, as large as suits a frame of that size.

    It is at most two thirds of the frame wide and an eighth high, where that leaves a dot a pixel.
    """
    across, down = _ACROSS + 2 * _EDGE, _DOWN + 2 * _EDGE
    dot = max(1, min(2 * width // (3 * across), height // (8 * down)))
    # Both sides even: an odd one would blur at the edge, where two pixels share a colour.
    sign = Canvas(2 * -(-dot * across // 2), 2 * -(-dot * down // 2), (16, 16, 16))
    for place, letter in enumerate(MARK):
        for row, dots in enumerate(_LETTERS[letter]):
            for column, on in enumerate(dots):
                if on == "1":
                    x, y = _EDGE + 6 * place + column, _EDGE + row
                    sign.box(dot * x, dot * y, dot, dot, (255, 255, 255))
    return sign


def character(canvas: Canvas, x: float, floor: float, tall: float, beat: float | None) -> None:
    """Draw a figure standing on `floor`; `beat` (radians) moves it, None lets it stand still.

    Args:
        canvas: What to draw on.
        x: Centre of the figure, in pixels.
        floor: Where the feet stand, in pixels from above.
        tall: Height of the figure in pixels.
        beat: Phase of the dance in radians, or None.
    """
    skin, shirt, trousers, ink = (236, 188, 150), (214, 64, 69), (38, 70, 110), (30, 30, 40)
    moving = beat is not None
    phase = beat or 0.0
    sway = 0.06 * tall * math.sin(phase) if moving else 0.0
    dip = 0.03 * tall * abs(math.sin(phase)) if moving else 0.0
    thick = 0.07 * tall
    hip = (x + sway, floor - 0.45 * tall + dip)
    neck = (x + 0.5 * sway, floor - 0.78 * tall + dip)
    for side in (-1, 1):
        swing = math.sin(phase + (0 if side > 0 else math.pi)) if moving else -0.6
        foot = (x + side * 0.13 * tall, floor - max(0.0, swing) * 0.08 * tall * moving)
        knee = (hip[0] + side * 0.12 * tall, (hip[1] + foot[1]) / 2)
        canvas.limb(hip, knee, thick, trousers)
        canvas.limb(knee, foot, thick, trousers)
        elbow = (neck[0] + side * 0.17 * tall, neck[1] + 0.12 * tall)
        hand = (elbow[0] + side * 0.1 * tall, elbow[1] - swing * 0.2 * tall)
        canvas.limb(neck, elbow, 0.8 * thick, shirt)
        canvas.limb(elbow, hand, 0.8 * thick, skin)
    canvas.limb(neck, hip, 2.2 * thick, shirt)
    head = (neck[0] + 0.3 * sway, neck[1] - 0.11 * tall)
    canvas.oval(*head, 0.085 * tall, 0.1 * tall, skin)
    canvas.oval(head[0], head[1] - 0.06 * tall, 0.09 * tall, 0.05 * tall, ink)
    for side in (-1, 1):
        canvas.oval(head[0] + side * 0.032 * tall, head[1], 0.011 * tall, 0.014 * tall, ink)
    canvas.oval(head[0], head[1] + 0.05 * tall, 0.03 * tall, 0.008 * tall, ink)
