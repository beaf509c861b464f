"""Extend a video."""

from __future__ import annotations

from motionkit.sandbox import Route
from motionkit_pixverse.sandbox import models
from motionkit_pixverse.sandbox.codes import Refusal
from motionkit_pixverse.sandbox.fields import (
    NEGATIVE,
    QUALITY,
    SEED,
    SHORT_PROMPT,
    SOURCE,
    Field,
    Values,
)
from motionkit_pixverse.sandbox.gate import Call, Gate
from motionkit_pixverse.sandbox.sources import source
from motionkit_pixverse.sandbox.studio import LINES, Endpoint, Order, Studio, framed
from motionkit_pixverse.sandbox.templates import activated

_MODELS = ("v3.5", "v4", "v4.5", "v5", "v5.5", "v6")
_ROWS = (
    SHORT_PROMPT,
    *SOURCE,
    SEED,
    QUALITY,
    Field("duration", "whole", required=True),
    Field("model", "text", required=True, allowed=_MODELS),
    *(models.MOTION, models.STYLE, models.TEMPLATE, models.AUDIO, NEGATIVE),
)


class Extend:
    """`/video/extend/generate`; the result is the new part, as long as `duration` says."""

    def __init__(self, gate: Gate, studio: Studio) -> None:
        self._gate = gate
        self._studio = studio

    def routes(self) -> list[Route]:
        """Return the paid endpoint."""
        return [self._studio.route(Endpoint("/video/extend/generate", _ROWS, self._order))]

    def _order(self, call: Call, values: Values) -> Order:
        if values["seed"] is None and not self._gate.seedless_extend:
            raise Refusal(400011, "seed is empty")
        price = models.check(values)
        activated(values)
        clip = source(self._gate, call, values)
        return Order(
            "extend",
            values,
            price,
            values["duration"],
            framed(LINES[values["quality"]], clip.size),
            clip.content,
            models.has_sound(values),
        )
