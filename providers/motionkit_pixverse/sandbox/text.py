"""Text to video."""

from __future__ import annotations

from motionkit.sandbox import Route
from motionkit_pixverse.sandbox import models
from motionkit_pixverse.sandbox.fields import PROMPT, Values
from motionkit_pixverse.sandbox.gate import Call, Gate
from motionkit_pixverse.sandbox.studio import LINES, Endpoint, Order, Studio, shaped
from motionkit_pixverse.sandbox.templates import activated
from motionkit_pixverse.sandbox.voices import known_speaker

_ROWS = (PROMPT, models.RATIO, *models.COMMON, *models.SWITCHES, *models.TRACKS)


class Text:
    """`/video/text/generate`."""

    def __init__(self, gate: Gate, studio: Studio) -> None:
        self._gate = gate
        self._studio = studio

    def routes(self) -> list[Route]:
        """Return the paid endpoint."""
        endpoint = Endpoint("/video/text/generate", _ROWS, self._order, credit="credits")
        return [self._studio.route(endpoint)]

    def _order(self, call: Call, values: Values) -> Order:
        price = models.check(values)
        activated(values)
        known_speaker(self._gate, call, values)
        return Order(
            "text_to_video",
            values,
            price,
            values["duration"],
            shaped(LINES[values["quality"]], values["aspect_ratio"]),
            has_audio=models.has_sound(values),
        )
