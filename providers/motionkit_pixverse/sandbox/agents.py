"""The agents, each with its fixed id, observed in clients only."""

from __future__ import annotations

import attrs

from motionkit.sandbox import Route
from motionkit_pixverse.sandbox import prices
from motionkit_pixverse.sandbox.fields import (
    PROMPT,
    Field,
    Values,
    exactly_one,
    read,
    require,
)
from motionkit_pixverse.sandbox.gate import Call, Gate
from motionkit_pixverse.sandbox.sources import picture
from motionkit_pixverse.sandbox.studio import LINES, Endpoint, Order, Studio, shaped

_VIRAL, _ESTATE = 414562414124109, 419629433597950
_QUALITY = Field("quality", "text", allowed=("480p", "720p", "1080p"))
_SQUARE = ("9:16", "16:9", "1:1", "4:3", "3:4")
_WIDE = (*_SQUARE, "21:9")
_PICTURES = Field("img_references", "rows")
_ROWS = (
    Field("agent_id", "id", required=True, allowed=(_VIRAL, _ESTATE)),
    Field("prompt", "text", longest=PROMPT.longest, too_long=PROMPT.too_long),
    _PICTURES,
    Field("video_references", "rows"),
    _QUALITY,
    Field("model", "text", allowed=("pro", "fast")),
    Field("product_url", "text"),
    Field("mode", "text", allowed=("property_tour", "ad_house_tour")),
    Field("language_code", "text", allowed=("en-US", "zh-CN", "auto")),
    Field("aspect_ratio", "text", allowed=_WIDE),
    Field("duration", "whole", allowed=(15, 30)),
    Field("video_style", "text", allowed=("cozy", "pov")),
    Field("avatar_presence_level", "text", allowed=("none", "low", "medium", "high")),
)
_NEEDED = {
    _VIRAL: ("prompt", "img_references", "video_references"),
    _ESTATE: ("model",),
}
_REFERENCE = (Field("img_id", "id"), Field("img_url", "text"))
_VIDEO = (Field("video_url", "text", required=True),)  # the one name that is known (section 15)
_VIRAL_PICTURES = range(1, 6)
_ESTATE_PICTURES = {"fast": range(5, 21), "pro": range(5, 61)}
_SECONDS = {_VIRAL: 5.0, _ESTATE: 10.0}  # assumed; the length is not documented


class Agents:
    """`/video/agent/generate`."""

    def __init__(self, gate: Gate, studio: Studio) -> None:
        self._gate = gate
        self._studio = studio

    def routes(self) -> list[Route]:
        """Return the paid endpoint."""
        endpoint = Endpoint("/video/agent/generate", _ROWS, self._order, webhook=False)
        return [self._studio.route(endpoint)]

    def _order(self, call: Call, values: Values) -> Order:
        agent = values["agent_id"]
        needed = [row for row in _ROWS if row.name in _NEEDED[agent]]
        read(values, [attrs.evolve(row, required=True) for row in needed], strict_ints=True)
        pictures, videos = values["img_references"] or [], values["video_references"] or []
        if agent == _VIRAL:
            require(len(pictures) in _VIRAL_PICTURES, "img_references")
            require(len(videos) == 1, "video_references")
            read(videos[0], _VIDEO, strict_ints=self._gate.strict_ints)
            require(values["quality"] != "480p", "quality")
        else:
            self._check_estate(values, len(pictures))
        content = [self._content(call, row) for row in pictures]
        return Order(
            "agent",
            values,
            prices.ASSUMED,
            values["duration"] or _SECONDS[agent],
            shaped(LINES[values["quality"] or "720p"], values["aspect_ratio"] or "9:16"),
            next(iter(content), None),
            has_audio=True,
        )

    def _check_estate(self, values: Values, count: int) -> None:
        model = values["model"]
        body = {"product_url": values["product_url"], "pictures": values["img_references"]}
        if exactly_one(body, *body) == "pictures":
            require(count in _ESTATE_PICTURES[model], f"img_references of {model}")
        else:
            require(not values["prompt"], "prompt with product_url")
        require(values["mode"] is None or model == "pro", f"mode of {model}")
        if model == "fast":
            require(values["quality"] != "480p", "quality of fast")
            require(values["aspect_ratio"] in (None, *_SQUARE), "aspect_ratio of fast")
        if values["mode"] == "ad_house_tour":
            require(values["language_code"] is None, "language_code with ad_house_tour")
            require(values["duration"] and values["video_style"], "duration and video_style")

    def _content(self, call: Call, body: Values) -> bytes | None:
        row = read(body, _REFERENCE, strict_ints=self._gate.strict_ints)
        if exactly_one(row, "img_id", "img_url") == "img_url":
            return None  # a URL is not fetched
        return picture(self._gate, call, row["img_id"]).content
