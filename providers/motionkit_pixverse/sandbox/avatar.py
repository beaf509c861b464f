"""Animate a portrait to speak, observed in clients only."""

from __future__ import annotations

from motionkit.sandbox import Route
from motionkit_pixverse.sandbox import prices
from motionkit_pixverse.sandbox.fields import QUALITY, SPEECH, Field, Values
from motionkit_pixverse.sandbox.gate import Call, Gate
from motionkit_pixverse.sandbox.sources import picture
from motionkit_pixverse.sandbox.studio import LINES, Endpoint, Order, Studio, framed
from motionkit_pixverse.sandbox.voices import spoken

_ROWS = (
    Field("img_id", "id", required=True),
    QUALITY,
    Field("audio_media_id", "id"),
    *SPEECH,
)


class Avatar:
    """`/video/avatar/generate`: as long as the speech."""

    def __init__(self, gate: Gate, studio: Studio) -> None:
        self._gate = gate
        self._studio = studio

    def routes(self) -> list[Route]:
        """Return the paid endpoint."""
        endpoint = Endpoint("/video/avatar/generate", _ROWS, self._order, webhook=False)
        return [self._studio.route(endpoint)]

    def _order(self, call: Call, values: Values) -> Order:
        seconds = spoken(self._gate, call, values)
        hero = picture(self._gate, call, values["img_id"])
        return Order(
            "avatar",
            values,
            prices.ASSUMED,
            seconds,
            framed(LINES[values["quality"]], (hero.clip.width, hero.clip.height)),
            hero.content,
            has_audio=True,
        )
