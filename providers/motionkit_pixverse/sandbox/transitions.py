"""Transitions between two or several pictures."""

from __future__ import annotations

from motionkit.sandbox import Route
from motionkit_pixverse.sandbox import models, prices
from motionkit_pixverse.sandbox.codes import Refusal
from motionkit_pixverse.sandbox.fields import PROMPT, QUALITY, Field, Values, read, require
from motionkit_pixverse.sandbox.gate import Call, Gate
from motionkit_pixverse.sandbox.sources import picture
from motionkit_pixverse.sandbox.studio import LINES, Endpoint, Order, Studio, framed
from motionkit_pixverse.sandbox.voices import known_speaker

_ENDS = (
    Field("first_frame_img", "id", required=True),
    Field("last_frame_img", "id", required=True),
)
_ROWS = (PROMPT, *_ENDS, *models.COMMON, models.AUDIO, *models.TRACKS)
_MULTI_ROWS = (
    Field("multi_transition", "rows", required=True, longest=7),
    Field("model", "text", required=True, allowed=("v3.5", "v4", "v4.5", "v5")),
    QUALITY,
)
_STEP = (Field("img_id", "id", required=True), Field("duration", "whole"), Field("prompt", "text"))
_LONGEST = 30


class Transitions:
    """`/video/transition/generate` and `/video/multi_transition/generate`."""

    def __init__(self, gate: Gate, studio: Studio) -> None:
        self._gate = gate
        self._studio = studio

    def routes(self) -> list[Route]:
        """Return the paid endpoints."""
        two = Endpoint("/video/transition/generate", _ROWS, self._two, credit="credits")
        path = "/video/multi_transition/generate"
        many = Endpoint(path, _MULTI_ROWS, self._many, credit="credits")
        return [self._studio.route(two), self._studio.route(many)]

    def _two(self, call: Call, values: Values) -> Order:
        price = models.check(values)
        first, _ = (picture(self._gate, call, values[row.name]) for row in _ENDS)
        known_speaker(self._gate, call, values)
        return Order(
            "transition",
            values,
            price,
            values["duration"],
            framed(LINES[values["quality"]], (first.clip.width, first.clip.height)),
            first.content,
            models.has_sound(values),
        )

    def _many(self, call: Call, values: Values) -> Order:
        strict = self._gate.strict_ints
        steps = [read(step, _STEP, strict_ints=strict) for step in values["multi_transition"]]
        require(len(steps) >= 2, "multi_transition")
        lengths = [step["duration"] for step in steps[:-1]]  # the last one's is ignored
        if None in lengths:
            raise Refusal(400011, "duration is empty")
        require(min(lengths) >= 1 and sum(lengths) <= _LONGEST, "duration of multi_transition")
        heroes = [picture(self._gate, call, step["img_id"]) for step in steps]
        first = heroes[0]
        return Order(
            "multi_transition",
            values,
            prices.ASSUMED,
            sum(lengths),
            framed(LINES[values["quality"]], (first.clip.width, first.clip.height)),
            first.content,
        )
