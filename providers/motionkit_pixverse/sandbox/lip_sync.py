"""Lip sync from a recording or a text."""

from __future__ import annotations

from motionkit.sandbox import Route
from motionkit_pixverse.sandbox import prices
from motionkit_pixverse.sandbox.fields import SOURCE, SPEECH, Field, Values
from motionkit_pixverse.sandbox.gate import Call, Gate
from motionkit_pixverse.sandbox.sources import source
from motionkit_pixverse.sandbox.studio import Endpoint, Order, Studio, framed
from motionkit_pixverse.sandbox.voices import spoken

_ROWS = (*SOURCE, Field("audio_media_id", "id"), *SPEECH)


class LipSync:
    """`/video/lip_sync/generate`: size and length are the video's."""

    def __init__(self, gate: Gate, studio: Studio) -> None:
        self._gate = gate
        self._studio = studio

    def routes(self) -> list[Route]:
        """Return the paid endpoint."""
        endpoint = Endpoint("/video/lip_sync/generate", _ROWS, self._order, credit="credits")
        return [self._studio.route(endpoint)]

    def _order(self, call: Call, values: Values) -> Order:
        seconds = spoken(self._gate, call, values)
        clip = source(self._gate, call, values)
        return Order(
            "lip_sync",
            values,
            prices.by_second(prices.SPEECH, seconds),
            clip.seconds,
            framed(min(clip.size) or 540, clip.size),
            clip.content,
            has_audio=True,
        )
