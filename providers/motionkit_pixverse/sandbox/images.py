"""Image to video and effects, which share a path."""

from __future__ import annotations

from motionkit.sandbox import Route
from motionkit_pixverse.sandbox import models
from motionkit_pixverse.sandbox.fields import PROMPT, Field, Values, exactly_one, require
from motionkit_pixverse.sandbox.gate import Call, Gate
from motionkit_pixverse.sandbox.sources import picture
from motionkit_pixverse.sandbox.studio import LINES, Endpoint, Order, Studio, framed
from motionkit_pixverse.sandbox.templates import activated
from motionkit_pixverse.sandbox.voices import known_speaker

_PICTURES = (Field("img_id", "id"), Field("img_ids", "ids"))
_ROWS = (PROMPT, *_PICTURES, *models.COMMON, *models.SWITCHES, *models.TRACKS)


class Images:
    """`/video/img/generate`: the picture decides the framing."""

    def __init__(self, gate: Gate, studio: Studio) -> None:
        self._gate = gate
        self._studio = studio

    def routes(self) -> list[Route]:
        """Return the paid endpoint."""
        endpoint = Endpoint("/video/img/generate", _ROWS, self._order, credit="credits")
        return [self._studio.route(endpoint)]

    def _order(self, call: Call, values: Values) -> Order:
        several = exactly_one(values, *(row.name for row in _PICTURES)) == "img_ids"
        require(not several or values["template_id"], "img_ids without template_id")
        price = models.check(values, picture=True)
        ids = values["img_ids"] or [values["img_id"]]
        activated(values, pictures=len(ids))
        heroes = [picture(self._gate, call, number) for number in ids]
        known_speaker(self._gate, call, values)
        first = heroes[0]
        return Order(
            "image_to_video",
            values,
            price,
            values["duration"],
            framed(LINES[values["quality"]], (first.clip.width, first.clip.height)),
            first.content,
            models.has_sound(values),
        )
