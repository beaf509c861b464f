"""Upscale a video, observed in clients only."""

from __future__ import annotations

from motionkit.sandbox import Route
from motionkit_pixverse.sandbox import prices
from motionkit_pixverse.sandbox.fields import SOURCE, Values
from motionkit_pixverse.sandbox.gate import Call, Gate
from motionkit_pixverse.sandbox.sources import source
from motionkit_pixverse.sandbox.studio import Endpoint, Order, Studio, framed

_LINES = 1080  # the limit is not documented


class Upscale:
    """`/video/upscale/generate`: twice the lines, at most `_LINES`."""

    def __init__(self, gate: Gate, studio: Studio) -> None:
        self._gate = gate
        self._studio = studio

    def routes(self) -> list[Route]:
        """Return the paid endpoint."""
        return [self._studio.route(Endpoint("/video/upscale/generate", SOURCE, self._order))]

    def _order(self, call: Call, values: Values) -> Order:
        clip = source(self._gate, call, values)
        lines = min(2 * (min(clip.size) or 540), max(_LINES, *clip.size))
        return Order(
            "upscale",
            values,
            prices.by_second(prices.UPSCALE, clip.seconds),
            clip.seconds,
            framed(lines, clip.size),
            clip.content,
            clip.has_audio,
        )
