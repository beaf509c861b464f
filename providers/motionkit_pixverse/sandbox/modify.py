"""Modify a video."""

from __future__ import annotations

from motionkit.sandbox import Route
from motionkit_pixverse.sandbox import prices
from motionkit_pixverse.sandbox.fields import (
    PROMPT,
    QUALITY_720,
    SEED,
    SOURCE,
    Field,
    Values,
    require,
)
from motionkit_pixverse.sandbox.gate import Call, Gate
from motionkit_pixverse.sandbox.masks import fitting_mask
from motionkit_pixverse.sandbox.sources import MP4_OR_MOV, picture, source
from motionkit_pixverse.sandbox.studio import LINES, Endpoint, Order, Studio, framed

_ROWS = (
    *SOURCE,
    PROMPT,
    Field("img_ids", "ids"),
    Field("mask_ids", "texts", longest=3),
    Field("mask_urls", "texts", longest=3),
    Field("keyframe_id", "whole"),
    QUALITY_720,
    SEED,
)


class Modify:
    """`/video/modify/generate`.

    References in the prompt are not checked against pictures and masks: a mismatch only "may not
    match your expectations".
    """

    def __init__(self, gate: Gate, studio: Studio) -> None:
        self._gate = gate
        self._studio = studio

    def routes(self) -> list[Route]:
        """Return the paid endpoint."""
        endpoint = Endpoint("/video/modify/generate", _ROWS, self._order, credit="credit")
        return [self._studio.route(endpoint)]

    def _order(self, call: Call, values: Values) -> Order:
        require(not (values["mask_ids"] and values["mask_urls"]), "mask_ids with mask_urls")
        clip = source(self._gate, call, values, MP4_OR_MOV)
        for number in values["img_ids"] or ():
            picture(self._gate, call, number)
        for name in values["mask_ids"] or ():
            fitting_mask(self._gate, call, name, clip, values["keyframe_id"])
        for url in values["mask_urls"] or ():
            require(url.startswith(("http://", "https://")), "mask_urls")
        quality = values["quality"]
        return Order(
            "modify",
            values,
            prices.by_second(prices.MODIFY[quality], clip.seconds),
            clip.seconds,
            framed(LINES[quality], clip.size),
            clip.content,
            clip.has_audio,
        )
