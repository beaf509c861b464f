"""Motion control."""

from __future__ import annotations

from motionkit.sandbox import Route
from motionkit_pixverse.sandbox import prices
from motionkit_pixverse.sandbox.fields import QUALITY_720, SOURCE, Field, Values, exactly_one
from motionkit_pixverse.sandbox.gate import Call, Gate
from motionkit_pixverse.sandbox.sources import MP4_OR_MOV, picture, source
from motionkit_pixverse.sandbox.studio import LINES, Endpoint, Order, Studio, framed

_ROWS = (Field("img_id", "id", required=True), *SOURCE, QUALITY_720)
_MEAN_SECONDS = 132.0


class Mimic:
    """`/video/mimic/generate`: the framing follows the picture, the length the video."""

    def __init__(self, gate: Gate, studio: Studio) -> None:
        self._gate = gate
        self._studio = studio

    def routes(self) -> list[Route]:
        """Return the paid endpoint."""
        endpoint = Endpoint("/video/mimic/generate", _ROWS, self._order, credit="credit")
        return [self._studio.route(endpoint)]

    def _order(self, call: Call, values: Values) -> Order:
        exactly_one(values, *(row.name for row in SOURCE))
        hero = picture(self._gate, call, values["img_id"])
        clip = source(self._gate, call, values, MP4_OR_MOV)
        quality = values["quality"]
        return Order(
            "mimic",
            values,
            prices.by_second(prices.MIMIC[quality], clip.seconds),
            clip.seconds,
            framed(LINES[quality], (hero.clip.width, hero.clip.height)),
            hero.content,
            mean=_MEAN_SECONDS,
        )
